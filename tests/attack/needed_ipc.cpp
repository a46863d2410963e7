// What programs need of sockets, shared memory and messages.

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <semaphore.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

constexpr Want kAll = Want::NeededInJail;

Outcome binds(int family, int type, in_port_t port) {
    const int fd = ::socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return refused(errno);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    six.sin6_addr = in6addr_loopback;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_INET6)
        return tried(::bind(fd, reinterpret_cast<const sockaddr*>(&six), sizeof six));
    return tried(::bind(fd, reinterpret_cast<const sockaddr*>(&four), sizeof four));
}

/// Listens on a port of the kernel's choice, connects to itself, sends a word.
Outcome tcp_round_trip() {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(server, generic, length) < 0 || ::listen(server, 1) < 0) return refused(errno);
    if (::getsockname(server, generic, &length) < 0) return refused(errno);
    if (::connect(client, generic, length) < 0) return refused(errno);
    const int accepted = ::accept4(server, nullptr, nullptr, SOCK_CLOEXEC);
    char text[5] = {};
    if (accepted < 0 || ::send(client, "hello", 5, 0) != 5) return refused(errno);
    return tried(::recv(accepted, text, sizeof text, 0));
}

Outcome passes_credentials() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0) return refused(errno);
    const int one = 1;
    if (::setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one) < 0) return refused(errno);
    char byte = 'x';
    iovec piece{&byte, 1};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(ucred))] = {};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    if (::send(ends[0], &byte, 1, 0) != 1 || ::recvmsg(ends[1], &message, 0) != 1)
        return refused(errno);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS)
        return refused(ENODATA, "no credentials came");
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    return credentials.pid == ::getpid() ? done() : refused(ESRCH, "another process's");
}

Outcome asks_route(unsigned short type) {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return refused(errno);

    struct {
        nlmsghdr header;
        rtgenmsg body;
    } request{};

    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = type;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    if (::send(fd, &request, sizeof request, 0) < 0) return refused(errno);
    alignas(nlmsghdr) char answer[8192];
    const ssize_t got = ::recv(fd, answer, sizeof answer, 0);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return refused(errno);
    nlmsghdr header{};
    std::memcpy(&header, answer, sizeof header);
    return header.nlmsg_type == NLMSG_ERROR ? refused(EIO, "an error came") : done();
}

/// An echo request to ourselves as the system's ping sends it: by a ping socket or a raw one.
Outcome ping() {
    int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0) fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0) return refused(errno);
    const unsigned char request[8] = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{1, 0};
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::sendto(fd, request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) < 0)
        return refused(errno);
    char answer[128];
    return tried(::recv(fd, answer, sizeof answer, 0));
}

Outcome posix_queue() {
    const std::string name = "/attack-" + std::to_string(::getpid());
    const mqd_t queue = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, nullptr);
    if (queue < 0) return refused(errno);
    (void)::mq_unlink(name.c_str());
    return tried(::mq_send(queue, "x", 1, 0));
}

Outcome posix_semaphore() {
    const std::string name = "/attack-" + std::to_string(::getpid());
    sem_t* semaphore = ::sem_open(name.c_str(), O_CREAT | O_EXCL, 0600, 1);
    if (semaphore == SEM_FAILED) return refused(errno);
    (void)::sem_unlink(name.c_str());
    return tried(::sem_wait(semaphore));
}

Outcome old_shared_memory() {
    const int id = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id < 0) return refused(errno);
    void* at = ::shmat(id, nullptr, 0);
    (void)::shmctl(id, IPC_RMID, nullptr);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the manual names (void *) -1 as the failure
    return at == reinterpret_cast<void*>(-1) ? refused(errno) : done();
}

Outcome old_semaphore() {
    const int id = ::semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (id >= 0) (void)::semctl(id, 0, IPC_RMID);
    return tried(id);
}

Outcome old_queue() {
    const int id = ::msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (id >= 0) (void)::msgctl(id, IPC_RMID, nullptr);
    return tried(id);
}

Outcome waits_for_events() {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const int event = ::eventfd(1, EFD_CLOEXEC);
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, event, &interest) < 0) return refused(errno);
    return tried(::epoll_wait(epoll, &interest, 1, 1000));
}

Outcome signal_descriptor() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGUSR1);
    return tried(::signalfd(-1, &set, SFD_CLOEXEC));
}

Outcome timers() {
    const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    itimerspec soon{};
    soon.it_value.tv_nsec = 1'000'000;
    if (::timerfd_settime(fd, 0, &soon, nullptr) < 0) return refused(errno);
    unsigned long long expired = 0;
    if (::read(fd, &expired, sizeof expired) < 0) return refused(errno);
    timer_t timer = nullptr;
    sigevent event{};
    event.sigev_notify = SIGEV_NONE;
    return tried(::timer_create(CLOCK_REALTIME, &event, &timer));
}

const Probe kProbes[] = {
    {"socket.tcp", kAll, tcp_round_trip},
    {"socket.tcp6", kAll, [] { return binds(AF_INET6, SOCK_STREAM, 0); }},
    {"socket.udp", kAll, [] { return binds(AF_INET, SOCK_DGRAM, 0); }},
    {"socket.low-port", Want::Needed, [] { return binds(AF_INET, SOCK_STREAM, 81); }},
    {"socket.low-port-udp", Want::Needed, [] { return binds(AF_INET, SOCK_DGRAM, 53); }},
    {"socket.unix-credentials", kAll, passes_credentials},
    {"socket.abstract", kAll,
     [] {
         const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
         sockaddr_un address{};
         address.sun_family = AF_UNIX;
         (void)std::snprintf(address.sun_path + 1, 32, "attack-%d", ::getpid());
         return tried(
             ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t) + 20));
     }},
    {"socket.ping", Want::Needed, ping},
    {"network.links", Want::Needed, [] { return asks_route(RTM_GETLINK); }},
    {"network.addresses", Want::Needed, [] { return asks_route(RTM_GETADDR); }},
    {"network.uevents", Want::Needed,
     [] { return tried(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)); }},
    {"ipc.posix-queue", Want::Needed, posix_queue},
    {"ipc.posix-semaphore", kAll, posix_semaphore},
    {"ipc.shared-memory", kAll, old_shared_memory},
    {"ipc.semaphore", kAll, old_semaphore},
    {"ipc.queue", kAll, old_queue},
    {"event.epoll", kAll, waits_for_events},
    {"event.signal-descriptor", kAll, signal_descriptor},
    {"event.timers", kAll, timers},
};

} // namespace

std::span<const Probe> needed_ipc_probes() {
    return kProbes;
}

} // namespace stead::attack
