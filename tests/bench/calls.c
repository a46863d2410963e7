/* calls: nanoseconds of a plain system call and of one whose argument a filter looks at; the best of several batches. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static double cost(long number, long argument) {
    double best = 1e18;
    for (int batch = 0; batch < 7; ++batch) {
        double from = now();
        for (int i = 0; i < 100000; ++i) syscall(number, argument, -1, -1);
        double each = (now() - from) / 100000;
        if (each < best) best = each;
    }
    return best;
}

int main(void) {
    printf("%.1f %.1f\n", cost(SYS_getppid, 0), cost(SYS_socket, AF_INET));
    return 0;
}
