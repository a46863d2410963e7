// Devices: nodes that a guest has no business with, and the making of any node.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <pty.h>
#include <termios.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

/// Makes a node in a folder of our own and opens it: a node that cannot be opened is no way in.
Outcome own_node(mode_t kind, unsigned major, unsigned minor) {
    const std::string path = scratch() + "/node";
    if (::mknod(path.c_str(), kind | 0600, makedev(major, minor)) < 0) return refused(errno);
    const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    // ENXIO: no driver behind it on this machine, but nothing forbade it.
    if (fd < 0 && errno != ENXIO && errno != ENODEV && errno != ENOMEDIUM)
        return refused(errno, "made, not opened");
    return done();
}

Outcome opens(const char* path, int mode) {
    const int fd = ::open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && (errno == EBUSY || errno == ENXIO || errno == ENODEV)) return done("granted");
    return tried(fd);
}

/// A request to a terminal of our own.
Outcome terminal_request(unsigned long request, const void* argument) {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) < 0)
        return refused(errno, "no terminal to be had");
    // It is made the controlling one: TIOCSTI asks for that.
    (void)::ioctl(slave, TIOCSCTTY, 0);
    return tried(::ioctl(slave, request, argument));
}

constexpr unsigned long kHighBits = 0x5ead'0000'0000UL;
constexpr unsigned long kTioclinux = 0x541c;

const Probe kProbes[] = {
    {"device.mknod-mem", Want::Forbidden, [] { return own_node(S_IFCHR, 1, 1); }},
    {"device.mknod-port", Want::Forbidden, [] { return own_node(S_IFCHR, 1, 4); }},
    {"device.mknod-kmsg", Want::Forbidden, [] { return own_node(S_IFCHR, 1, 11); }},
    {"device.mknod-null", Want::Forbidden, [] { return own_node(S_IFCHR, 1, 3); }},
    {"device.mknod-console", Want::Forbidden, [] { return own_node(S_IFCHR, 5, 1); }},
    {"device.mknod-tty0", Want::Forbidden, [] { return own_node(S_IFCHR, 4, 0); }},
    {"device.mknod-fuse", Want::Forbidden, [] { return own_node(S_IFCHR, 10, 229); }},
    {"device.mknod-tun", Want::Forbidden, [] { return own_node(S_IFCHR, 10, 200); }},
    {"device.mknod-loop-control", Want::Forbidden, [] { return own_node(S_IFCHR, 10, 237); }},
    {"device.mknod-device-mapper", Want::Forbidden, [] { return own_node(S_IFCHR, 10, 236); }},
    {"device.mknod-kvm", Want::Forbidden, [] { return own_node(S_IFCHR, 10, 232); }},
    {"device.mknod-sda", Want::Forbidden, [] { return own_node(S_IFBLK, 8, 0); }},
    {"device.mknod-vda", Want::Forbidden, [] { return own_node(S_IFBLK, 254, 0); }},
    {"device.mknod-loop0", Want::Forbidden, [] { return own_node(S_IFBLK, 7, 0); }},
    {"device.mknod-ram0", Want::Forbidden, [] { return own_node(S_IFBLK, 1, 0); }},
    {"device.open-mem", Want::Forbidden, [] { return opens("/dev/mem", O_RDONLY); }},
    {"device.open-kmsg", Want::Forbidden, [] { return opens("/dev/kmsg", O_RDWR); }},
    {"device.open-tty0", Want::Forbidden, [] { return opens("/dev/tty0", O_RDWR); }},
    {"device.open-fuse", Want::Forbidden, [] { return opens("/dev/fuse", O_RDWR); }},
    {"device.open-tun", Want::Forbidden, [] { return opens("/dev/net/tun", O_RDWR); }},
    {"device.open-loop-control", Want::Forbidden,
     [] { return opens("/dev/loop-control", O_RDWR); }},
    {"device.open-vda", Want::Forbidden, [] { return opens("/dev/vda", O_RDONLY); }},
    {"device.open-cpu-msr", Want::Forbidden, [] { return opens("/dev/cpu/0/msr", O_RDONLY); }},
    {"terminal.tiocsti", Want::Forbidden, [] { return terminal_request(TIOCSTI, "x"); }},
    {"terminal.tiocsti-high-bits", Want::Forbidden,
     [] { return terminal_request(kHighBits | TIOCSTI, "x"); }},
    // 0: what the shift state is: reading needs no permission, the request itself is forbidden.
    {"terminal.tioclinux", Want::Forbidden,
     [] {
         static const char kSubcode = 6;
         const Outcome outcome = terminal_request(kTioclinux, &kSubcode);
         // A pty answers ENOTTY where the request passes.
         return outcome.error == ENOTTY ? done("granted") : outcome;
     }},
    {"terminal.tioccons", Want::Forbidden, [] { return terminal_request(TIOCCONS, nullptr); }},
    {"terminal.tiocsetd", Want::Forbidden,
     [] {
         static const int kDiscipline = 0;
         return terminal_request(TIOCSETD, &kDiscipline);
     }},
    {"terminal.steal", Want::Forbidden,
     [] {
         const int fd = ::open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
         if (fd < 0) return refused(errno);
         // 1: take it away from the session that has it.
         return tried(::ioctl(fd, TIOCSCTTY, 1));
     }},
};

} // namespace

std::span<const Probe> device_probes() {
    return kProbes;
}

} // namespace stead::attack
