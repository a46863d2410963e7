#include "sys/namespaces.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace stead::sys {

namespace {

constexpr std::uint64_t kVfork = 0x4000;
constexpr std::uint64_t kParent = 0x8000;

/// struct clone_args of clone3(2) as Linux 5.7 has it; older C library headers lack the cgroup.
struct CloneArguments {
    alignas(8) std::uint64_t flags = 0;
    std::uint64_t pidfd = 0;
    std::uint64_t child_tid = 0;
    std::uint64_t parent_tid = 0;
    std::uint64_t exit_signal = 0;
    std::uint64_t stack = 0;
    std::uint64_t stack_size = 0;
    std::uint64_t tls = 0;
    std::uint64_t set_tid = 0;
    std::uint64_t set_tid_size = 0;
    std::uint64_t cgroup = 0;
};

/// The system call and the child's first steps in one piece of assembly: the child comes back on
/// another stack, so no compiled code may stand between. No C library exports clone3.
long clone_onto_stack(CloneArguments* arguments, void (*run)(void*), void* argument) {
#if defined(__x86_64__)
    long result = 0;
    asm volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xor %%ebp, %%ebp\n\t"
        "mov %[argument], %%rdi\n\t"
        "call *%[run]\n\t"
        "xor %%edi, %%edi\n\t"
        "mov %[leave], %%eax\n\t"
        "syscall\n"
        "1:\n\t"
        : "=a"(result)
        : "a"(SYS_clone3), "D"(arguments),
          "S"(sizeof *arguments), [run] "r"(run), [argument] "r"(argument), [leave] "i"(SYS_exit)
        : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long result asm("x0") = reinterpret_cast<long>(arguments);
    register long size asm("x1") = sizeof *arguments;
    register long number asm("x8") = SYS_clone3;
    register void (*entry)(void*) asm("x10") = run;
    register void* data asm("x11") = argument;
    asm volatile("svc #0\n\t"
                 "cbnz x0, 1f\n\t"
                 "mov x29, xzr\n\t"
                 "mov x0, x11\n\t"
                 "blr x10\n\t"
                 "mov x0, xzr\n\t"
                 "mov x8, %[leave]\n\t"
                 "svc #0\n"
                 "1:\n\t"
                 : "+r"(result)
                 : "r"(size), "r"(number), "r"(entry), "r"(data), [leave] "i"(SYS_exit)
                 : "memory", "cc", "x30");
    return result;
#else
#error "clone3 with a stack of its own is written for x86_64 and aarch64"
#endif
}

} // namespace

Result<void> unshare(std::uint64_t flags) {
    if (::syscall(SYS_unshare, flags) < 0) return last_error("unshare");
    return {};
}

Result<void> join_namespace(int fd, std::uint64_t type) {
    if (::syscall(SYS_setns, fd, type) < 0) return last_error("setns");
    return {};
}

Result<pid_t> run_body(const Body& body) {
    CloneArguments arguments;
    arguments.flags = body.flags | kVfork;
    // clone3 refuses an exit signal beside CLONE_PARENT: the child gets its sibling's.
    arguments.exit_signal = (body.flags & kParent) != 0 ? 0 : SIGCHLD;
    // The ABIs want a stack aligned to 16 bytes where the call is made.
    const auto begin =
        (reinterpret_cast<std::uintptr_t>(body.stack.data()) + 15U) & ~std::uintptr_t{15};
    const auto end = reinterpret_cast<std::uintptr_t>(body.stack.data() + body.stack.size()) &
                     ~std::uintptr_t{15};
    arguments.stack = begin;
    arguments.stack_size = end - begin;
    if (body.cgroup >= 0) {
        arguments.flags |= kIntoCgroup;
        arguments.cgroup = static_cast<std::uint64_t>(body.cgroup);
    }
    const long pid = clone_onto_stack(&arguments, body.run, body.argument);
    if (pid < 0) return make_error("clone3", {}, static_cast<int>(-pid));
    return static_cast<pid_t>(pid);
}

Result<pid_t> fork_into(std::uint64_t flags) {
    CloneArguments arguments;
    arguments.flags = flags;
    arguments.exit_signal = SIGCHLD;
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid < 0) return last_error("clone3");
    return static_cast<pid_t>(pid);
}

} // namespace stead::sys
