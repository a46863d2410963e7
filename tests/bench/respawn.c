/* respawn PROGRAM [ARG]...: the least a restart can cost. Starts the program, waits for its end, starts it again at once;
 * prints each new pid. respawn -n N PROGRAM [ARG]...: starts N of them as fast as it can, prints the milliseconds it took
 * and waits to be killed. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t start(char** argv) {
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    if (pidfd >= 0) close(pidfd);
    return pid;
}

static int start_many(int count, char** argv) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < count; ++i) {
        if (start(argv) < 0) return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%.3f\n", (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
    fflush(stdout);
    pause();
    return 0;
}

int main(int argc, char** argv) {
    if (argc > 3 && strcmp(argv[1], "-n") == 0) return start_many(atoi(argv[2]), argv + 3);
    if (argc < 2) return 2;
    for (;;) {
        pid_t pid = start(argv + 1);
        if (pid < 0) return 1;
        printf("%d\n", (int)pid);
        fflush(stdout);
        siginfo_t info;
        if (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0) return 1;
    }
}
