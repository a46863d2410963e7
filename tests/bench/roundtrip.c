/* roundtrip serve PORT: answers each byte of each TCP connection with one, forever.
   roundtrip ask ADDRESS PORT COUNT: that often one byte there and back; prints microseconds and the machine's microseconds of
   processors (all of them, interrupts included, from /proc/stat) per round trip. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

/* The figures of /proc/stat are in ticks; idle and iowait are no work, guest times are counted in user. */
static double busy(void) {
    unsigned long long part[8] = {0};
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &part[0], &part[1], &part[2], &part[3],
                               &part[4], &part[5], &part[6], &part[7]) != 8)
        exit(1);
    fclose(file);
    return (double)(part[0] + part[1] + part[2] + part[5] + part[6]) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static int serve(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int yes = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listening, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listening, 4) != 0) return perror("serve"), 1;
    for (;;) {
        char byte;
        int one = accept(listening, NULL, NULL);
        setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        while (read(one, &byte, 1) == 1 && write(one, &byte, 1) == 1) {}
        close(one);
    }
}

static int ask(const char *address, int port, int count) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int yes = 1, one = socket(AF_INET, SOCK_STREAM, 0);
    char byte = 'x';
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1 || connect(one, (struct sockaddr *)&at, sizeof(at)) != 0)
        return perror(address), 1;
    setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    double began = 0, worked = 0;
    for (int i = -count / 10; i < count; ++i) {
        if (i == 0) {
            began = now();
            worked = busy();
        }
        if (write(one, &byte, 1) != 1 || read(one, &byte, 1) != 1) return perror("ask"), 1;
    }
    printf("%.3f %.3f\n", (now() - began) / count, (busy() - worked) / count);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(atoi(argv[2]));
    if (argc == 5 && strcmp(argv[1], "ask") == 0) return ask(argv[2], atoi(argv[3]), atoi(argv[4]));
    return 2;
}
