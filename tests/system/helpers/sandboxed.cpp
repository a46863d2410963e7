// sandboxed OPERATION[:ARGUMENT] ...: tries each operation and prints a line for each,
// "OPERATION:ARGUMENT=ok" or the name of its error. What a unit's sandbox leaves of a program.

#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace {

constexpr std::size_t kPage = 4096;

int done(bool good) {
    return good ? 0 : errno;
}

int make_socket(const std::string& family) {
    struct Named {
        const char* name;
        int number;
    };

    for (const Named& named :
         {Named{"unix", AF_UNIX}, Named{"inet", AF_INET}, Named{"inet6", AF_INET6},
          Named{"netlink", AF_NETLINK}, Named{"packet", AF_PACKET}, Named{"alg", AF_ALG}}) {
        if (family == named.name) return done(::socket(named.number, SOCK_DGRAM, 0) >= 0);
    }
    // packet(7) under its old name, and a family in the high word of the argument.
    if (family == "old-packet") return done(::socket(AF_INET, SOCK_PACKET, 0x300) >= 0);
    if (family == "high-word")
        return done(::syscall(SYS_socket, 0x100000000L | AF_PACKET, SOCK_DGRAM, 0) >= 0);
    int pair[2];
    if (family == "pair") return done(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    return EINVAL;
}

void* map(int protection) {
    return ::mmap(nullptr, kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int use_memory(const std::string& how) {
    if (how == "write") return done(map(PROT_READ | PROT_WRITE) != MAP_FAILED);
    if (how == "execute") return done(map(PROT_READ | PROT_EXEC) != MAP_FAILED);
    if (how == "both") return done(map(PROT_READ | PROT_WRITE | PROT_EXEC) != MAP_FAILED);
    if (how == "later")
        return done(::mprotect(map(PROT_READ | PROT_WRITE), kPage, PROT_READ | PROT_EXEC) == 0);
    if (how == "key")
        return done(::syscall(SYS_pkey_mprotect, map(PROT_READ | PROT_WRITE), kPage,
                              PROT_READ | PROT_EXEC, -1) == 0);
    if (how == "implied") return done(::personality(READ_IMPLIES_EXEC) >= 0);
    if (how == "shared") {
        const int id = ::shmget(IPC_PRIVATE, kPage, IPC_CREAT | 0700);
        if (id < 0) return errno;
        const void* at = ::shmat(id, nullptr, SHM_EXEC);
        const int error = done(reinterpret_cast<std::intptr_t>(at) != -1);
        ::shmctl(id, IPC_RMID, nullptr);
        return error;
    }
    return EINVAL;
}

int make_namespace(const std::string& kind) {
    int flag = 0;
    if (kind == "user") flag = CLONE_NEWUSER;
    if (kind == "mount") flag = CLONE_NEWNS;
    if (kind == "net") flag = CLONE_NEWNET;
    return flag == 0 ? EINVAL : done(::unshare(flag) == 0);
}

int write_file(const std::string& path) {
    // What another unit has made there is not made again (fs.protected_regular).
    int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return errno;
    const bool written = ::write(fd, "x", 1) == 1;
    const int error = done(written);
    ::close(fd);
    return error;
}

/// An empty file or folder is one with nothing to read: ENODATA.
int read_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    char byte = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    const int error = got < 0 ? errno : got == 0 ? ENODATA : 0;
    ::close(fd);
    return error;
}

/// To a port on which nobody listens: whether there is a network at all.
int connect_to(const std::string& address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    if (fd < 0 || ::inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) return EINVAL;
    return done(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
}

int try_it(const std::string& operation, const std::string& argument) {
    if (operation == "socket") return make_socket(argument);
    if (operation == "memory") return use_memory(argument);
    if (operation == "unshare") return make_namespace(argument);
    if (operation == "write") return write_file(argument);
    if (operation == "read") return read_file(argument);
    if (operation == "unmount") return done(::umount2(argument.c_str(), MNT_DETACH) == 0);
    if (operation == "remount")
        return done(::mount(nullptr, argument.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr) ==
                    0);
    if (operation == "connect") return connect_to(argument);
    if (operation == "mkdir") return done(::mkdir(argument.c_str(), 0755) == 0);
    return EINVAL;
}

} // namespace

int main(int argc, char** argv) {
    // Several units try the same places.
    ::umask(0);
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const std::size_t colon = word.find(':');
        const int error =
            try_it(word.substr(0, colon), colon == word.npos ? "" : word.substr(colon + 1));
        std::printf("%s=%s\n", argv[i], error == 0 ? "ok" : ::strerrorname_np(error));
    }
    return 0;
}
