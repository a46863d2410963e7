// Stands in for stead-init in the tests of `context`: PID 1 of a guest that obeys the lines of its
// environment variable PROBE, tells each result on standard output as "LINE: OK", "LINE: ERRNAME"
// or the text asked for, and exits with status 0.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace {

void tell(const char* line, long result) {
    std::printf("%s: %s\n", line, result < 0 ? strerrorname_np(errno) : "OK");
}

void print_file(const char* path) {
    FILE* file = std::fopen(path, "re");
    if (file == nullptr) return tell(path, -1);
    char line[4096];
    while (std::fgets(line, sizeof line, file) != nullptr)
        std::fputs(line, stdout);
    std::fclose(file);
}

void print_descriptors() {
    std::printf("descriptors:");
    for (int fd = 0; fd < 1024; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) std::printf(" %d", fd);
    }
    std::printf("\n");
}

void print_status(const char* line, const char* path) {
    struct stat status {};

    if (::lstat(path, &status) < 0) return tell(line, -1);
    std::printf("%s: uid %u gid %u mode %o\n", line, status.st_uid, status.st_gid, status.st_mode);
}

void run(const char* line, const char* command) {
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::execl("/bin/sh", "sh", "-c", command, nullptr);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::printf("%s: exit %d\n", line, WEXITSTATUS(status));
}

/// "tcp 127.0.0.1 80", "udp6 ::1 53".
int make_socket(const char* what, sockaddr_storage& address, socklen_t& size) {
    char kind[8] = {};
    char host[64] = {};
    unsigned port = 0;
    // What the tests write here are numbers.
    // NOLINTNEXTLINE(cert-err34-c)
    if (std::sscanf(what, "%7s %63s %u", kind, host, &port) != 3) std::abort();
    const bool is_six = std::strchr(kind, '6') != nullptr;
    const int type = kind[0] == 't' ? SOCK_STREAM : SOCK_DGRAM;
    if (is_six) {
        auto* six = reinterpret_cast<sockaddr_in6*>(&address);
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(static_cast<uint16_t>(port));
        ::inet_pton(AF_INET6, host, &six->sin6_addr);
        size = sizeof *six;
    } else {
        auto* four = reinterpret_cast<sockaddr_in*>(&address);
        four->sin_family = AF_INET;
        four->sin_port = htons(static_cast<uint16_t>(port));
        ::inet_pton(AF_INET, host, &four->sin_addr);
        size = sizeof *four;
    }
    return ::socket(is_six ? AF_INET6 : AF_INET, type, 0);
}

void try_socket(const char* line, const char* what, bool connects) {
    sockaddr_storage address{};
    socklen_t size = 0;
    const int fd = make_socket(what, address, size);
    if (fd < 0) return tell(line, -1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    tell(line, connects ? ::connect(fd, generic, size) : ::bind(fd, generic, size));
    ::close(fd);
}

void try_unix(const char* line, const char* path, int type) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, type, 0);
    tell(line, ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    ::close(fd);
}

void try_write(const char* line, const char* path) {
    const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return tell(line, -1);
    tell(line, ::write(fd, "x", 1));
    ::close(fd);
}

void try_rename(const char* line, const char* paths) {
    char from[256] = {};
    char to[256] = {};
    if (std::sscanf(paths, "%255s %255s", from, to) != 2) std::abort();
    tell(line, ::rename(from, to));
}

/// Becomes another user, as a service would.
void become(const char* line, const char* id) {
    const auto uid = static_cast<uid_t>(std::strtoul(id, nullptr, 10));
    tell(line, ::setresuid(uid, uid, uid));
}

void obey(const char* line) {
    const char* rest = std::strchr(line, ' ');
    const size_t length = rest == nullptr ? std::strlen(line) : static_cast<size_t>(rest - line);
    rest = rest == nullptr ? "" : rest + 1;
    const auto is = [&](const char* word) {
        return std::strlen(word) == length && std::strncmp(line, word, length) == 0;
    };
    constexpr unsigned long kRemount = MS_BIND | MS_REMOUNT;
    if (is("cat")) return print_file(rest);
    if (is("descriptors")) return print_descriptors();
    if (is("stat")) return print_status(line, rest);
    if (is("sh")) return run(line, rest);
    if (is("bind")) return try_socket(line, rest, false);
    if (is("connect")) return try_socket(line, rest, true);
    if (is("unix")) return try_unix(line, rest, SOCK_SEQPACKET);
    if (is("datagram")) return try_unix(line, rest, SOCK_DGRAM);
    if (is("write")) return try_write(line, rest);
    if (is("rename")) return try_rename(line, rest);
    if (is("become")) return become(line, rest);
    if (is("unlink")) return tell(line, ::unlink(rest));
    if (is("mkdir")) return tell(line, ::mkdir(rest, 0755));
    if (is("umount")) return tell(line, ::umount2(rest, MNT_DETACH));
    if (is("remount")) return tell(line, ::mount(nullptr, rest, nullptr, kRemount, nullptr));
    if (is("mount")) return tell(line, ::mount("x", rest, "tmpfs", 0, nullptr));
    if (is("mknod")) return tell(line, ::mknod(rest, S_IFCHR | 0666, makedev(1, 3)));
    if (is("chroot")) return tell(line, ::chroot(rest));
    if (is("chdir")) return tell(line, ::chdir(rest));
    if (is("pid"))
        return static_cast<void>(std::printf("pid %d sid %d\n", ::getpid(), ::getsid(0)));
    if (is("securebits"))
        return static_cast<void>(std::printf("securebits %d\n", ::prctl(PR_GET_SECUREBITS)));
    std::printf("%s: unknown\n", line);
}

} // namespace

int main() {
    char* lines = std::getenv("PROBE");
    char* state = nullptr;
    for (char* line = lines == nullptr ? nullptr : ::strtok_r(lines, "\n", &state); line != nullptr;
         line = ::strtok_r(nullptr, "\n", &state)) {
        obey(line);
    }
    std::fflush(stdout);
    return 0;
}
