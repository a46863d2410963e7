/* floor PROGRAM [ARG]...: the least a context can cost. One clone3 into new mount, pid, uts, ipc, cgroup and network
 * namespaces, the mounts a program of the host needs (its folders read-only, /proc, a /dev with six nodes, /tmp, /run),
 * pivot_root, exec. No checks, no filter, no capability dropped: what every careful launcher is measured against. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char* what) {
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

static void bind_read_only(const char* path) {
    struct stat st;
    char target[64];
    if (lstat(path, &st) < 0) return;
    snprintf(target, sizeof target, ".%s", path);
    if (S_ISLNK(st.st_mode)) {
        char text[64];
        ssize_t length = readlink(path, text, sizeof text - 1);
        must(length, "readlink");
        text[length] = 0;
        must(symlink(text, target), "symlink");
        return;
    }
    must(mkdir(target, 0755), "mkdir");
    must(mount(path, target, NULL, MS_BIND | MS_REC, NULL), path);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    must(syscall(SYS_mount_setattr, AT_FDCWD, target, AT_RECURSIVE, &attr, sizeof attr), "mount_setattr");
}

static void build_root(void) {
    static const char* const folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"};
    static const char* const own[] = {"proc", "dev", "tmp", "run"};
    static const struct {
        const char* path;
        unsigned major, minor;
    } nodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                 {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
    must(mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k"), "root");
    must(chdir("/tmp"), "chdir");
    for (unsigned i = 0; i < sizeof folders / sizeof *folders; ++i) bind_read_only(folders[i]);
    for (unsigned i = 0; i < 4; ++i) must(mkdir(own[i], 0755), "mkdir");
    must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k"), "dev");
    for (unsigned i = 0; i < 6; ++i) {
        must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), "mknod");
    }
    must(mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m"), "tmp");
    must(mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m"), "run");
    must(sethostname("floor", 5), "sethostname");
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(chdir("/"), "chdir");
}

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWNET,
        .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    must(pid, "clone3");
    if (pid > 0) {
        int status = 0;
        must(waitpid(pid, &status, 0), "waitpid");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    build_root();
    execv(argv[1], argv + 1);
    must(-1, argv[1]);
}
