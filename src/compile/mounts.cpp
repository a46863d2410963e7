#include "compile/mounts.h"

#include <array>
#include <string_view>
#include <utility>

namespace stead::compile {

namespace {

using recipe::Mount;
using recipe::MountKind;

constexpr const char* kSystemOrigin = "default of profile system";
constexpr const char* kJailOrigin = "default of profile jail";

constexpr std::array<std::string_view, 6> kReadOnlyProc{
    "/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger", "/proc/driver"};

// Not kmsg: the kernel opens it for CAP_SYSLOG of the host's user namespace only, and EPERM is what
// log daemons take as "not here". They read an empty file over and over.
constexpr std::array<std::string_view, 24> kMaskedProc{
    "acpi",         "asound",     "kcore",         "keys",          "key-users",   "kallsyms",
    "kpagecount",   "kpageflags", "kpagecgroup",   "latency_stats", "timer_list",  "timer_stats",
    "sched_debug",  "scsi",       "iomem",         "ioports",       "vmallocinfo", "slabinfo",
    "pagetypeinfo", "interrupts", "dynamic_debug", "vmcore",        "mtrr",        "config.gz"};

constexpr std::array<std::string_view, 13> kMaskedSys{"firmware",
                                                      "kernel/debug",
                                                      "kernel/tracing",
                                                      "kernel/security",
                                                      "kernel/vmcoreinfo",
                                                      "kernel/notes",
                                                      "fs/bpf",
                                                      "fs/pstore",
                                                      "fs/selinux",
                                                      "fs/fuse/connections",
                                                      "devices/virtual/powercap",
                                                      "power",
                                                      "module"};

constexpr std::array<std::string_view, 24> kSecrets{"/etc/shadow",
                                                    "/etc/shadow-",
                                                    "/etc/gshadow",
                                                    "/etc/gshadow-",
                                                    "/etc/security/opasswd",
                                                    "/etc/sudoers",
                                                    "/etc/sudoers.d",
                                                    "/etc/ssh/ssh_host_rsa_key",
                                                    "/etc/ssh/ssh_host_dsa_key",
                                                    "/etc/ssh/ssh_host_ecdsa_key",
                                                    "/etc/ssh/ssh_host_ed25519_key",
                                                    "/etc/ssh/ssh_host_key",
                                                    "/etc/ssl/private",
                                                    "/etc/letsencrypt",
                                                    "/etc/krb5.keytab",
                                                    "/etc/wireguard",
                                                    "/etc/wpa_supplicant",
                                                    "/etc/ppp/chap-secrets",
                                                    "/etc/ppp/pap-secrets",
                                                    "/etc/NetworkManager/system-connections",
                                                    "/etc/credstore",
                                                    "/etc/credstore.encrypted",
                                                    "/etc/ipsec.secrets",
                                                    "/etc/stead"};

/// Collects mounts of one origin.
class List {
public:
    explicit List(std::string origin)
        : origin_(std::move(origin)) {}

    Mount& add(MountKind kind,
               std::string target,
               std::uint64_t attributes = 0,
               std::vector<std::string> options = {}) {
        Mount mount;
        mount.kind = kind;
        mount.target = std::move(target);
        mount.attributes = attributes;
        mount.options = std::move(options);
        mount.origin = origin_;
        mounts_.push_back(std::move(mount));
        return mounts_.back();
    }

    Mount&
    add_from(MountKind kind, std::string source, std::string target, std::uint64_t attributes = 0) {
        Mount& mount = add(kind, std::move(target), attributes);
        mount.source = std::move(source);
        return mount;
    }

    void add_optional(MountKind kind, std::string target) {
        add(kind, std::move(target), kReadOnly).optional = true;
    }

    std::vector<Mount> take() { return std::move(mounts_); }

private:
    std::string origin_;
    std::vector<Mount> mounts_;
};

/// Who may make new terminals: everybody (a system has /dev/ptmx), PID 1 alone, for `exec` and
/// `enter`, or nobody. What a pty's line disciplines hold of the kernel is no jailed program's
/// need.
enum class Terminals { Everybody, Pid1, Nobody };

void add_device(List& list, const std::string& name, bool from_host) {
    const std::string path = "/dev/" + name;
    if (from_host) {
        list.add_from(MountKind::Bind, path, path, kNoSuid | kNoExec);
    } else {
        list.add_from(MountKind::Device, name, path);
    }
}

void add_devices(List& list, Terminals terminals, const MountOptions& options) {
    list.add(MountKind::Tmpfs, "/dev", kNoSuid | kNoExec,
             {"size=256k", "nr_inodes=256", "mode=0755"});
    for (const char* name : {"null", "zero", "full", "random", "urandom"})
        add_device(list, name, options.host_devices);
    if (terminals != Terminals::Nobody) {
        const bool everybody = terminals == Terminals::Everybody;
        add_device(list, "tty", options.host_devices);
        if (everybody) list.add_from(MountKind::Link, "pts/ptmx", "/dev/ptmx");
        list.add(MountKind::Folder, "/dev/pts");
        std::vector<std::string> settings{
            "newinstance", everybody ? "ptmxmode=0666" : "ptmxmode=0600", "mode=0620", "max=256"};
        if (options.terminal_group) settings.emplace_back("gid=5");
        list.add(MountKind::Devpts, "/dev/pts", kNoSuid | kNoExec, std::move(settings));
    }
    list.add_from(MountKind::Link, "/proc/self/fd", "/dev/fd");
    list.add_from(MountKind::Link, "/proc/self/fd/0", "/dev/stdin");
    list.add_from(MountKind::Link, "/proc/self/fd/1", "/dev/stdout");
    list.add_from(MountKind::Link, "/proc/self/fd/2", "/dev/stderr");
    if (!options.own_init) list.add(MountKind::Socket, "/dev/log");
    list.add(MountKind::Folder, "/dev/shm");
    list.add(MountKind::Tmpfs, "/dev/shm", kNoSuid | kNoDevice | kNoExec,
             {"size=25%", "nr_inodes=65536", "mode=1777"});
}

void add_temporary(List& list) {
    list.add(MountKind::Tmpfs, "/run", kNoSuid | kNoDevice | kNoExec,
             {"size=10%", "nr_inodes=65536", "mode=0755"});
    list.add(MountKind::Tmpfs, "/tmp", kNoSuid | kNoDevice,
             {"size=25%", "nr_inodes=262144", "mode=1777"});
}

void add_proc(List& list, const MountOptions& options) {
    std::vector<std::string> settings;
    if (options.hide_processes) settings.emplace_back("hidepid=invisible");
    list.add(MountKind::Proc, "/proc", kNoSuid | kNoDevice | kNoExec, std::move(settings));
    // Its pid namespace needs one more, which the kernel makes only where this one is whole.
    if (options.own_init) return;
    for (const std::string_view path : kReadOnlyProc)
        list.add_optional(MountKind::ReadOnly, std::string(path));
    for (const std::string_view name : kMaskedProc)
        list.add_optional(MountKind::Mask, "/proc/" + std::string(name));
}

void add_sys(List& list, const MountOptions& options) {
    constexpr std::uint64_t kAttributes = kReadOnly | kNoSuid | kNoDevice | kNoExec;
    if (options.network == recipe::NetworkMode::Own) {
        list.add(MountKind::Sysfs, "/sys", kAttributes);
        for (const std::string_view name : kMaskedSys)
            list.add_optional(MountKind::Mask, "/sys/" + std::string(name));
    } else {
        // sysfs shows the devices of the network namespace it is mounted in: the host's.
        list.add(MountKind::Tmpfs, "/sys", kAttributes, {"size=16k", "nr_inodes=64", "mode=0755"});
        for (const char* path : {"/sys/devices", "/sys/devices/system", "/sys/fs"})
            list.add(MountKind::Folder, path);
        for (const char* path : {"/sys/devices/system/cpu", "/sys/devices/system/node"})
            list.add_from(MountKind::Bind, path, path, kAttributes).optional = true;
        if (options.cgroup2) list.add(MountKind::Folder, "/sys/fs/cgroup");
    }
    if (options.cgroup2) list.add(MountKind::Cgroup, "/sys/fs/cgroup", kAttributes);
}

/// The host's folder, or the symbolic link that a merged /usr has in its place.
void add_program_folder(List& list, const HostFacts& facts, const std::string& path) {
    const PathFact fact = facts.look(path);
    if (fact.kind == PathFact::Kind::Link) {
        list.add_from(MountKind::Link, fact.link, path);
    } else if (fact.kind == PathFact::Kind::Folder) {
        list.add_from(MountKind::Bind, path, path, kReadOnly | kNoSuid | kNoDevice).recursive =
            true;
    }
}

/// A resolv.conf that is a link into /run leads nowhere on our own /run: the file it means is bound
/// at the same place.
void add_resolver(List& list, const HostFacts& facts) {
    const PathFact fact = facts.look("/etc/resolv.conf");
    if (fact.kind != PathFact::Kind::Link) return;
    std::string target = fact.link;
    if (target.starts_with("../run/")) target.erase(0, 2);
    if (!target.starts_with("/run/") || target.find("/.") != std::string::npos ||
        target.starts_with("/run/stead/"))
        return;
    for (auto slash = target.find('/', 5); slash != std::string::npos;
         slash = target.find('/', slash + 1))
        list.add(MountKind::Folder, target.substr(0, slash));
    list.add_from(MountKind::Bind, target, target, kReadOnly | kNoSuid | kNoDevice | kNoExec)
        .optional = true;
}

} // namespace

std::span<const std::string_view> read_only_proc() {
    return kReadOnlyProc;
}

std::span<const std::string_view> masked_proc() {
    return kMaskedProc;
}

std::vector<Mount> system_mounts(const MountOptions& options) {
    List list(kSystemOrigin);
    add_devices(list, Terminals::Everybody, options);
    list.add(MountKind::Folder, "/dev/mqueue");
    list.add(MountKind::Mqueue, "/dev/mqueue", kNoSuid | kNoDevice | kNoExec);
    add_temporary(list);
    list.add(MountKind::Folder, "/run/lock", 0, {"mode=1777"});
    add_proc(list, options);
    add_sys(list, options);
    return list.take();
}

std::vector<Mount> jail_mounts(const MountOptions& options) {
    List list(kJailOrigin);
    add_devices(list, options.terminals ? Terminals::Pid1 : Terminals::Nobody, options);
    add_temporary(list);
    add_proc(list, options);
    return list.take();
}

std::vector<Mount> host_program_mounts(const HostFacts& facts, recipe::NetworkMode network) {
    List list(kJailOrigin);
    for (const char* path :
         {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc"})
        add_program_folder(list, facts, path);
    for (const char* path : {"/home", "/root", "/var", "/var/lib", "/var/cache", "/var/log"})
        list.add(MountKind::Folder, path);
    list.add_from(MountKind::Link, "/run", "/var/run");
    list.add_from(MountKind::Link, "/tmp", "/var/tmp");
    if (network == recipe::NetworkMode::Host) add_resolver(list, facts);
    return list.take();
}

std::vector<Mount> secret_masks() {
    List list("the host's secrets");
    for (const std::string_view path : kSecrets)
        list.add_optional(MountKind::Mask, std::string(path));
    return list.take();
}

} // namespace stead::compile
