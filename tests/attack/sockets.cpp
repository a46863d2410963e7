// Socket families that a guest does not need, and changes of the network.

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include <netinet/in.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

Outcome opens(int family, int type, int protocol) {
    return tried(::socket(family, type | SOCK_CLOEXEC, protocol));
}

struct LinkRequest {
    nlmsghdr header{};
    ifinfomsg link{};
    char room[64]{};
};

/// Asks the kernel by NETLINK_ROUTE and returns its verdict.
Outcome route_request(LinkRequest& request) {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return refused(errno);
    if (::send(fd, &request, request.header.nlmsg_len, 0) < 0) return refused(errno);

    struct {
        nlmsghdr header;
        nlmsgerr error;
        char rest[512];
    } answer{};

    if (::recv(fd, &answer, sizeof answer, 0) < 0) return refused(errno);
    if (answer.header.nlmsg_type != NLMSG_ERROR) return done("an unexpected answer");
    errno = -answer.error.error;
    return errno == 0 ? done() : granted(-1);
}

Outcome new_link() {
    LinkRequest request;
    request.header.nlmsg_type = RTM_NEWLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    request.link.ifi_family = AF_UNSPEC;
    return route_request(request);
}

Outcome change_loopback() {
    LinkRequest request;
    request.header.nlmsg_type = RTM_SETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    request.link.ifi_family = AF_UNSPEC;
    request.link.ifi_index = 1;
    request.link.ifi_change = IFF_UP;
    request.link.ifi_flags = IFF_UP;
    return route_request(request);
}

Outcome interface_flags() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    if (fd < 0 || ::ioctl(fd, SIOCGIFFLAGS, &request) < 0) return refused(errno);
    return tried(::ioctl(fd, SIOCSIFFLAGS, &request));
}

Outcome socket_option(int level, int option) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    return tried(::setsockopt(fd, level, option, &one, sizeof one));
}

#define FAMILY(name, family, type, protocol)                                                       \
    {                                                                                              \
        "socket." name, Want::Forbidden, [] { return opens(family, type, protocol); }              \
    }

const Probe kProbes[] = {
    FAMILY("packet-raw", AF_PACKET, SOCK_RAW, 0),
    FAMILY("packet-datagram", AF_PACKET, SOCK_DGRAM, 0),
    FAMILY("packet-old", AF_INET, 10 /* SOCK_PACKET */, 0x300),
    FAMILY("alg", AF_ALG, SOCK_SEQPACKET, 0),
    FAMILY("vsock", AF_VSOCK, SOCK_STREAM, 0),
    FAMILY("xdp", AF_XDP, SOCK_RAW, 0),
    FAMILY("key", AF_KEY, SOCK_RAW, 2 /* PF_KEY_V2 */),
    FAMILY("rds", AF_RDS, SOCK_SEQPACKET, 0),
    FAMILY("tipc", AF_TIPC, SOCK_SEQPACKET, 0),
    FAMILY("can", AF_CAN, SOCK_RAW, 1),
    FAMILY("bluetooth", AF_BLUETOOTH, SOCK_RAW, 1),
    FAMILY("nfc", AF_NFC, SOCK_SEQPACKET, 0),
    FAMILY("kcm", AF_KCM, SOCK_DGRAM, 0),
    FAMILY("smc", AF_SMC, SOCK_STREAM, 0),
    FAMILY("pppox", AF_PPPOX, SOCK_STREAM, 0),
    FAMILY("dccp", AF_INET, SOCK_DCCP, 33),
    FAMILY("qipcrtr", AF_QIPCRTR, SOCK_DGRAM, 0),
    FAMILY("netlink-audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
    FAMILY("netlink-crypto", AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO),
    FAMILY("netlink-iscsi", AF_NETLINK, SOCK_RAW, NETLINK_ISCSI),
    FAMILY("netlink-xfrm", AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
    {"socket.pair-tipc", Want::Forbidden,
     [] {
         int ends[2];
         return tried(::socketpair(AF_TIPC, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
     }},
    {"network.new-link", Want::Forbidden, new_link},
    {"network.change-loopback", Want::Forbidden, change_loopback},
    {"network.interface-flags", Want::Forbidden, interface_flags},
    {"network.force-buffer", Want::Forbidden,
     [] { return socket_option(SOL_SOCKET, SO_RCVBUFFORCE); }},
    {"network.debug", Want::Forbidden, [] { return socket_option(SOL_SOCKET, SO_DEBUG); }},
};

} // namespace

std::span<const Probe> socket_probes() {
    return kProbes;
}

} // namespace stead::attack
