#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>

#include <termios.h>

#include "init/runtime_bytes.h"

/// What stead-init needs of a C library, on x86-64: the way from the kernel to main, errno, the
/// bytes functions, and those calls whose arguments the kernel wants in another form. With musl's
/// start, thread descriptor and wrappers the file would be a tenth larger, and its private memory a
/// page. musl still gives the headers; other processors are linked with the whole of it.

extern "C" {

char** __environ = nullptr;
extern char** environ __attribute__((alias("__environ")));

int stead_main(int argc, char** argv, char** environment) asm("main");
void stead_restore();

// The kernel leaves argc, argv and the environment on the stack (System V ABI, process
// initialization).
asm(".section .text._start,\"ax\",@progbits\n"
    ".globl _start\n_start:\n"
    "xor %ebp, %ebp\n"
    "mov %rsp, %rdi\n"
    "and $-16, %rsp\n"
    "call stead_start\n"
    ".previous\n");

[[noreturn, gnu::used]] void stead_start(std::intptr_t* stack) {
    const auto argc = static_cast<int>(*stack);
    auto** argv = reinterpret_cast<char**>(stack + 1);
    environ = argv + argc + 1;
    ::_exit(stead_main(argc, argv, environ));
}

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size) {
    stead::runtime::copy_up(to, from, size);
    return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
    stead::runtime::move(to, from, size);
    return to;
}

void* memset(void* to, int byte, std::size_t size) {
    stead::runtime::fill(to, byte, size);
    return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
    return stead::runtime::compare(a, b, size);
}

void* memchr(const void* text, int byte, std::size_t size) {
    const std::size_t at = stead::runtime::find(text, byte, size);
    return at == size ? nullptr : const_cast<char*>(static_cast<const char*>(text)) + at;
}

std::size_t strlen(const char* text) {
    return stead::runtime::find(text, '\0', SIZE_MAX);
}

std::size_t strnlen(const char* text, std::size_t size) {
    return stead::runtime::find(text, '\0', size);
}

char* strchr(const char* text, int byte) {
    return static_cast<char*>(::memchr(const_cast<char*>(text), byte, ::strlen(text) + 1));
}

int strcmp(const char* a, const char* b) {
    return stead::runtime::compare_text(a, b, SIZE_MAX);
}

int strncmp(const char* a, const char* b, std::size_t size) {
    return stead::runtime::compare_text(a, b, size);
}

char* getenv(const char* name) {
    const std::size_t size = ::strlen(name);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (::strncmp(*entry, name, size) == 0 && (*entry)[size] == '=') return *entry + size + 1;
    }
    return nullptr;
}

pid_t waitpid(pid_t pid, int* status, int options) {
    return static_cast<pid_t>(::syscall(SYS_wait4, pid, status, options, nullptr));
}

int waitid(idtype_t type, id_t id, siginfo_t* info, int options) {
    return static_cast<int>(::syscall(SYS_waitid, type, id, info, options, nullptr));
}

int reboot(int command) {
    // The magic numbers of reboot(2).
    return static_cast<int>(::syscall(SYS_reboot, 0xfee1deadU, 672274793, command, nullptr));
}

int isatty(int fd) {
    winsize size{};
    return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? 1 : 0;
}

pid_t tcgetpgrp(int fd) {
    pid_t group = -1;
    return ::ioctl(fd, TIOCGPGRP, &group) < 0 ? -1 : group;
}

int tcgetattr(int fd, termios* state) {
    return ::ioctl(fd, TCGETS, state);
}

int tcsetattr(int fd, int when, const termios* state) {
    return ::ioctl(fd, static_cast<int>(TCSETS) + when, state);
}

void cfmakeraw(termios* state) {
    state->c_iflag &= ~tcflag_t{IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON};
    state->c_oflag &= ~tcflag_t{OPOST};
    state->c_lflag &= ~tcflag_t{ECHO | ECHONL | ICANON | ISIG | IEXTEN};
    state->c_cflag &= ~tcflag_t{CSIZE | PARENB};
    state->c_cflag |= tcflag_t{CS8};
    state->c_cc[VMIN] = 1;
    state->c_cc[VTIME] = 0;
}

int sigaction(int signal,
              const struct sigaction* __restrict action,
              struct sigaction* __restrict old) {
    // Nobody asks for the action before; whoever does shall hear that it is not there.
    if (old != nullptr) {
        errno = EINVAL;
        return -1;
    }

    // The kernel's struct sigaction of x86-64, where a handler cannot return without a restorer.
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)();
        std::uint64_t mask;
    } wanted{action->sa_handler, 0x04000000UL | static_cast<unsigned>(action->sa_flags),
             stead_restore, 0};

    std::memcpy(&wanted.mask, &action->sa_mask, sizeof wanted.mask);
    return static_cast<int>(
        ::syscall(SYS_rt_sigaction, signal, &wanted, nullptr, sizeof wanted.mask));
}

} // extern "C"
