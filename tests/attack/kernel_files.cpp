// What the kernel tells and takes through /proc and /sys.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include <dirent.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

/// Opens for writing and writes nothing.
Outcome writable(const char* path) {
    return tried(::open(path, O_WRONLY | O_CLOEXEC));
}

/// One byte, or one name in it, is enough: a mask is empty.
Outcome readable(const char* path) {
    struct stat status {};

    if (::stat(path, &status) < 0) return refused(errno);
    if (S_ISDIR(status.st_mode)) {
        DIR* folder = ::opendir(path);
        if (folder == nullptr) return refused(errno);
        // Nothing else in this process reads folders meanwhile.
        while (const dirent* entry = ::readdir(folder)) { // NOLINT(concurrency-mt-unsafe)
            if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
                return done();
        }
        return refused(0, "empty");
    }
    const int fd = ::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return refused(errno);
    char byte = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    // A stream without news (kmsg) is open all the same.
    if (got < 0) return errno == EAGAIN ? done("granted") : refused(errno);
    return got == 0 ? refused(0, "empty") : done();
}

/// Real addresses, not the zeros that the unprivileged are shown.
Outcome kernel_addresses() {
    const int fd = ::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return refused(errno);
    char line[17] = {};
    const ssize_t got = ::read(fd, line, 16);
    if (got < 16) return refused(0, "empty");
    return std::strspn(line, "0") == 16 ? refused(0, "zeros") : done();
}

#define WRITES(name, path)                                                                         \
    {                                                                                              \
        "write." name, Want::Forbidden, [] { return writable(path); }                              \
    }
#define READS(name, path)                                                                          \
    {                                                                                              \
        "read." name, Want::Forbidden, [] { return readable(path); }                               \
    }

const Probe kProbes[] = {
    WRITES("core-pattern", "/proc/sys/kernel/core_pattern"),
    WRITES("modprobe", "/proc/sys/kernel/modprobe"),
    WRITES("sysrq", "/proc/sys/kernel/sysrq"),
    WRITES("sysrq-trigger", "/proc/sysrq-trigger"),
    WRITES("printk", "/proc/sys/kernel/printk"),
    WRITES("panic", "/proc/sys/kernel/panic"),
    WRITES("randomize-va-space", "/proc/sys/kernel/randomize_va_space"),
    WRITES("ns-last-pid", "/proc/sys/kernel/ns_last_pid"),
    WRITES("pid-max", "/proc/sys/kernel/pid_max"),
    WRITES("kexec-load-disabled", "/proc/sys/kernel/kexec_load_disabled"),
    WRITES("overcommit", "/proc/sys/vm/overcommit_memory"),
    WRITES("drop-caches", "/proc/sys/vm/drop_caches"),
    WRITES("swappiness", "/proc/sys/vm/swappiness"),
    WRITES("file-max", "/proc/sys/fs/file-max"),
    WRITES("suid-dumpable", "/proc/sys/fs/suid_dumpable"),
    WRITES("protected-symlinks", "/proc/sys/fs/protected_symlinks"),
    WRITES("binfmt-misc", "/proc/sys/fs/binfmt_misc/register"),
    WRITES("user-namespaces", "/proc/sys/user/max_user_namespaces"),
    WRITES("somaxconn", "/proc/sys/net/core/somaxconn"),
    WRITES("ip-forward", "/proc/sys/net/ipv4/ip_forward"),
    WRITES("irq-affinity", "/proc/irq/default_smp_affinity"),
    WRITES("mtrr", "/proc/mtrr"),
    WRITES("timer-list", "/proc/timer_list"),
    WRITES("scsi", "/proc/scsi/scsi"),
    WRITES("sys-power", "/sys/power/state"),
    WRITES("sys-uevent-helper", "/sys/kernel/uevent_helper"),
    WRITES("sys-ksm", "/sys/kernel/mm/ksm/run"),
    WRITES("sys-hugepages", "/sys/kernel/mm/transparent_hugepage/enabled"),
    WRITES("sys-cpu-online", "/sys/devices/system/cpu/cpu1/online"),
    WRITES("sys-module-parameter", "/sys/module/printk/parameters/time"),
    WRITES("sys-rps", "/sys/class/net/lo/queues/rx-0/rps_cpus"),
    READS("kcore", "/proc/kcore"),
    READS("kmsg", "/proc/kmsg"),
    READS("keys", "/proc/keys"),
    READS("key-users", "/proc/key-users"),
    {"read.kallsyms", Want::Forbidden, kernel_addresses},
    READS("kpagecount", "/proc/kpagecount"),
    READS("kpageflags", "/proc/kpageflags"),
    READS("kpagecgroup", "/proc/kpagecgroup"),
    READS("timer-list", "/proc/timer_list"),
    READS("iomem", "/proc/iomem"),
    READS("ioports", "/proc/ioports"),
    READS("vmallocinfo", "/proc/vmallocinfo"),
    READS("slabinfo", "/proc/slabinfo"),
    READS("pagetypeinfo", "/proc/pagetypeinfo"),
    READS("interrupts", "/proc/interrupts"),
    READS("latency-stats", "/proc/latency_stats"),
    READS("acpi", "/proc/acpi"),
    READS("scsi", "/proc/scsi"),
    READS("sys-firmware", "/sys/firmware"),
    READS("sys-debug", "/sys/kernel/debug"),
    READS("sys-tracing", "/sys/kernel/tracing"),
    READS("sys-security", "/sys/kernel/security"),
    READS("sys-notes", "/sys/kernel/notes"),
    READS("sys-module", "/sys/module"),
    READS("sys-power", "/sys/power"),
    READS("sys-bpf", "/sys/fs/bpf"),
};

} // namespace

std::span<const Probe> kernel_file_probes() {
    return kProbes;
}

} // namespace stead::attack
