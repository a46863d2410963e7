#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Resource levels of guests and units: one table with a row for each level, by which files are
/// read, values checked, applied to what runs, read back, accounted and documented. This folder
/// changes levels of running guests as a transaction and tells how much of them is used. It decides
/// no values, reads no guest files, and never touches a v1 hierarchy.
namespace stead::resources {

/// What holds a level.
enum class Kernel : std::uint8_t {
    /// A file of the cgroup.
    Cgroup,
    /// setrlimit(2) of every process.
    Rlimit,
    /// A file below /proc/sys, seen from the guest's IPC namespace.
    Sysctl,
    /// The size of a tmpfs of the guest.
    TmpfsSize,
    /// The number of terminals of the guest's devpts.
    PtyCount,
    /// oom_score_adj of every process.
    OomScore,
    /// kernel.pid_max of the guest's pid namespace.
    PidMax,
    /// prctl(2) of PR_SET_MEMORY_MERGE by the guest's first process, which all others inherit: from
    /// a start to the next.
    MemoryMerge,
    /// A limit of the project that the guest's own disk is (disk.h).
    DiskQuota,
    /// The device program of the guest's cgroup, and nodes in its /dev (devices.h).
    Devices
};

/// How a value is written.
enum class Form : std::uint8_t {
    /// "512M", "25%" of the host's memory, "max".
    Memory,
    /// true or false.
    Flag,
    /// A number from `low` to `high`, "max" where `high` is left open.
    Count,
    /// A number from `low` to `high`, "20k" and "2M" for thousands and millions, "max".
    Things,
    /// "10G", "max".
    Space,
    /// A number from `low` to `high`.
    Number,
    /// "150%" of one processor, "2.5" processors, "max".
    Cpu,
    /// "50ms".
    Time,
    /// "50%" or "max".
    Percent,
    /// "0-3,5".
    List,
    /// One of `words`.
    Word,
    /// "/dev/sda rbps=10M wiops=100", or a list of them.
    Io,
    /// "/dev/sda 10ms", or a list of them.
    IoLatency,
    /// "NAME RESOURCE=COUNT ..." or "NAME COUNT", or a list of them.
    Entries,
    /// "/dev/fuse", "/dev/sdb r", or a list of them; "none".
    DeviceList,
    /// The four numbers of kernel.sem.
    Sem,
    /// What setrlimit(2) counts: things, bytes, seconds, microseconds; "SOFT:HARD".
    LimitCount,
    LimitBytes,
    LimitSeconds,
    LimitMicroseconds
};

struct Level {
    /// As files and `stead set` have it: "memory-max".
    std::string_view key;
    Kernel kernel = Kernel::Cgroup;
    /// "memory.max", "RLIMIT_NOFILE", "kernel/shmmax", "/tmp".
    std::string_view object;
    /// What setrlimit(2) calls it.
    std::uint32_t resource = 0;
    Form form = Form::Memory;
    /// One sentence without a full stop.
    std::string_view doc;
    /// What holds where nobody says anything.
    std::string_view default_text = {};
    /// What a kernel needs beside its controller.
    std::string_view needs = {};
    /// Where the use is counted, "FILE" or "FILE:KEY"; empty: nowhere.
    std::string_view held = {};
    std::string_view peak = {};
    std::string_view failures = {};
    /// "memory": of memory.pressure.
    std::string_view pressure = {};
    std::int64_t low = 0;
    std::int64_t high = INT64_MAX;
    /// Separated by '|'.
    std::string_view words = {};
    /// Only guests have it: units share the namespaces of their guest.
    bool guest_only = false;
};

std::span<const Level> levels();
/// Whether a guest takes the level only when it starts.
bool waits_for_start(const Level& level);
/// Null if there is none.
const Level* find_level(std::string_view key);
/// By the file of a cgroup.
const Level* find_file(std::string_view file);
/// "memory" of "memory.max"; empty for the hierarchy's own files and other kernel objects.
std::string_view controller_of(const Level& level);
/// The whole name of the kernel object, for people: "memory.max", "RLIMIT_NOFILE",
/// "/proc/sys/kernel/shmmax", "size= of /tmp", "project quota: bytes".
std::string object_name(const Level& level);
/// How its values are written, for people and manual pages.
std::string_view describe(Form form);

/// A device of the host.
struct HostDevice {
    bool block = false;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    /// The permissions of its node.
    std::uint32_t mode = 0;
};

/// Why this kernel cannot merge the memory of a guest ("needs Linux 6.7 ..."); empty: it can.
std::string merge_problem();
/// Whether the machine has been told to merge pages at all: /sys/kernel/mm/ksm/run.
bool merges_pages();

/// What values hang on.
struct Machine {
    /// Bytes.
    std::uint64_t memory = 0;
    /// "8:0" for the disk of "/dev/sda1" or of the file system of a path; nothing if there is none.
    std::function<std::optional<std::string>(const std::string& path)> disk;
    /// What the node at a path belongs to, links followed; nothing, and why in `problem`, if there
    /// is none. Unset: there are no devices.
    std::function<std::optional<HostDevice>(const std::string& path, std::string& problem)> device;
};

/// This machine.
Machine this_machine();

/// The content for the kernel of what a file says: percentages of the host's memory become bytes,
/// paths become numbers of devices. Nothing, and why in `problem`, if this machine has no such
/// thing.
std::optional<std::string> resolve(const Level& level,
                                   const std::string& content,
                                   const Machine& machine,
                                   std::string& problem);

} // namespace stead::resources
