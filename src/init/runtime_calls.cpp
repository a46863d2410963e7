#include <sys/syscall.h>

/// The system calls of stead-init on x86-64, seven bytes each. The C library's own wrappers serve
/// threads, cancellation and kernels of twenty years ago, at 50 to 600 bytes each, and would be a
/// tenth of the file; stead-init has one thread. A call that is missing here does not link: the
/// program is linked without a C library (runtime_start.cpp).
///
/// The kernel takes a C function's first six arguments where the function has them, but for the
/// fourth, so that most calls are their number alone.

#define TEXT_OF(number) #number
#define NUMBER_OF(number) TEXT_OF(number)

#define CALL_AS(name, number)                                                                      \
    asm(".section .text." #name ",\"ax\",@progbits\n"                                              \
        ".globl " #name "\n.type " #name ",@function\n" #name ":\n"                                \
        "mov $" NUMBER_OF(number) ", %eax\n"                                                       \
                                  "jmp stead_system_call\n"                                        \
                                  ".size " #name ", .-" #name "\n"                                 \
                                  ".previous\n")
#define CALL(name) CALL_AS(name, SYS_##name)

/// A negative answer down to -4095 is an errno value.
asm(".section .text.stead_system_call,\"ax\",@progbits\n"
    "stead_system_call:\n"
    "mov %rcx, %r10\n"
    "syscall\n"
    "cmp $-4095, %rax\n"
    "jae 1f\n"
    "ret\n"
    "1: neg %eax\n"
    "mov %eax, stead_errno(%rip)\n"
    "or $-1, %rax\n"
    "ret\n"
    // long syscall(long number, ...)
    ".globl syscall\n.type syscall,@function\nsyscall:\n"
    "mov %edi, %eax\n"
    "mov %rsi, %rdi\n"
    "mov %rdx, %rsi\n"
    "mov %rcx, %rdx\n"
    "mov %r8, %rcx\n"
    "mov %r9, %r8\n"
    "mov 8(%rsp), %r9\n"
    "jmp stead_system_call\n"
    // What a signal handler returns to.
    ".globl stead_restore\nstead_restore:\n"
    "mov $" NUMBER_OF(SYS_rt_sigreturn) ", %eax\n"
                                        "syscall\n"
                                        ".previous\n");

CALL(accept4);
CALL(access);
CALL(bind);
CALL(chdir);
CALL(chmod);
CALL(clock_gettime);
CALL(close);
CALL(connect);
CALL(dup2);
CALL(dup3);
CALL(epoll_create1);
CALL(epoll_ctl);
CALL(epoll_wait);
CALL(execve);
CALL_AS(_exit, SYS_exit_group);
// With flags, which the older call had not.
CALL_AS(faccessat, SYS_faccessat2);
CALL(fchmod);
CALL(fchown);
CALL(fcntl);
CALL(fstat);
CALL_AS(fstatat, SYS_newfstatat);
CALL(ftruncate);
CALL(getegid);
CALL(geteuid);
CALL(getpeername);
CALL(getpgid);
CALL(getpgrp);
CALL(getpid);
CALL(getrlimit);
CALL(getsid);
CALL(getsockopt);
CALL(ioctl);
CALL(kill);
CALL(listen);
CALL(lseek);
CALL(lstat);
CALL(madvise);
CALL(memfd_create);
CALL(mkdirat);
CALL(mmap);
CALL(munmap);
CALL(open);
CALL(openat);
CALL(pipe2);
CALL(poll);
CALL(prctl);
CALL_AS(pread, SYS_pread64);
CALL(read);
CALL(readlinkat);
CALL(recvmsg);
CALL(renameat);
CALL(sendfile);
CALL(sendmsg);
CALL(setpgid);
CALL(setpriority);
CALL(setrlimit);
CALL(setsid);
CALL(setsockopt);
CALL(sigaltstack);
CALL(socket);
CALL(socketpair);
CALL(stat);
CALL(statfs);
CALL(symlinkat);
CALL(sync);
CALL(timerfd_create);
CALL(timerfd_settime);
CALL(umask);
CALL(unlink);
CALL(unlinkat);
CALL(write);
