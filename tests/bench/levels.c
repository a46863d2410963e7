/* levels FOLDER FILE=VALUE ...: writes each value into the file of that name in a cgroup's folder and reads it back, as little as
   `stead set` can do. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int folder = argc > 2 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0) return perror("levels"), 1;
    for (int i = 2; i < argc; ++i) {
        char *value = strchr(argv[i], '='), now[4096];
        if (value == NULL) return 2;
        *value++ = '\0';
        int file = openat(folder, argv[i], O_RDWR | O_CLOEXEC);
        ssize_t size = (ssize_t)strlen(value);
        if (file < 0 || write(file, value, (size_t)size) != size) return perror(argv[i]), 1;
        size = pread(file, now, sizeof(now), 0);
        if (size <= 0 || strncmp(now, value, strlen(value)) != 0) return fprintf(stderr, "%s is %.*s", argv[i], (int)size, now), 1;
        close(file);
    }
    return 0;
}
