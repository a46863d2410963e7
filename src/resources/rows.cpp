#include <sys/resource.h>

#include <array>

#include "resources/table.h"

namespace stead::resources {

namespace {

using enum Kernel;
using enum Form;

constexpr std::int64_t kMaxTasks = 4194303;
constexpr std::int64_t kMaxInt = 2147483647;

constexpr Level
cgroup(std::string_view key, std::string_view file, Form form, std::string_view doc) {
    Level level;
    level.key = key;
    level.object = file;
    level.form = form;
    level.doc = doc;
    level.default_text = "max";
    return level;
}

constexpr Level starts_as(Level level, std::string_view text) {
    level.default_text = text;
    return level;
}

constexpr Level within(Level level, std::int64_t low, std::int64_t high) {
    level.low = low;
    level.high = high;
    return level;
}

constexpr Level needs(Level level, std::string_view what) {
    level.needs = what;
    return level;
}

constexpr Level counted(Level level,
                        std::string_view held,
                        std::string_view peak,
                        std::string_view failures,
                        std::string_view pressure) {
    level.held = held;
    level.peak = peak;
    level.failures = failures;
    level.pressure = pressure;
    return level;
}

constexpr Level chosen(Level level, std::string_view words) {
    level.words = words;
    return level;
}

constexpr Level limit(std::string_view key,
                      std::string_view object,
                      std::uint32_t resource,
                      Form form,
                      std::string_view doc,
                      std::string_view held = {}) {
    Level level = cgroup(key, object, form, doc);
    level.kernel = Rlimit;
    level.resource = resource;
    level.default_text = {};
    level.held = held;
    return level;
}

constexpr Level inside(std::string_view key,
                       Kernel kernel,
                       std::string_view object,
                       Form form,
                       std::string_view doc,
                       std::string_view held = {}) {
    Level level = cgroup(key, object, form, doc);
    level.kernel = kernel;
    level.default_text = {};
    level.held = held;
    level.guest_only = true;
    return level;
}

constexpr Level
disk(std::string_view key, std::string_view object, Form form, std::string_view doc) {
    Level level = inside(key, DiskQuota, object, form, doc, "project quota");
    level.default_text = "max";
    level.needs = form == Form::Space ? "ext4 or xfs mounted with prjquota, or btrfs with quotas"
                                      : "ext4 or xfs mounted with prjquota";
    level.low = 1;
    return level;
}

constexpr std::array kLevels{
    counted(cgroup("memory-max", "memory.max", Memory, "Memory that is never exceeded"),
            "memory.current",
            "memory.peak",
            "memory.events:max",
            "memory"),
    counted(cgroup("memory-high",
                   "memory.high",
                   Memory,
                   "Memory above which processes are slowed down and reclaimed from"),
            "memory.current",
            "memory.peak",
            "memory.events:high",
            "memory"),
    starts_as(counted(cgroup("memory-low",
                             "memory.low",
                             Memory,
                             "Memory that is reclaimed only when nothing else is left"),
                      "memory.current",
                      "memory.peak",
                      "memory.events:low",
                      ""),
              "0"),
    starts_as(counted(cgroup("memory-min", "memory.min", Memory, "Memory that is never reclaimed"),
                      "memory.current",
                      "memory.peak",
                      "",
                      ""),
              "0"),
    needs(
        counted(cgroup("memory-swap-max", "memory.swap.max", Memory, "Swap space that may be used"),
                "memory.swap.current",
                "memory.swap.peak",
                "memory.swap.events:max",
                ""),
        "CONFIG_SWAP"),
    needs(counted(cgroup("memory-swap-high",
                         "memory.swap.high",
                         Memory,
                         "Swap space above which processes are slowed down"),
                  "memory.swap.current",
                  "memory.swap.peak",
                  "memory.swap.events:high",
                  ""),
          "CONFIG_SWAP"),
    needs(
        counted(cgroup("memory-zswap-max", "memory.zswap.max", Memory, "Compressed swap in memory"),
                "memory.zswap.current",
                "",
                "",
                ""),
        "CONFIG_ZSWAP"),
    needs(starts_as(cgroup("memory-zswap-writeback",
                           "memory.zswap.writeback",
                           Flag,
                           "Whether compressed swap may be written to disk"),
                    "true"),
          "Linux 6.8 with CONFIG_ZSWAP"),
    starts_as(counted(cgroup("memory-oom-group",
                             "memory.oom.group",
                             Flag,
                             "True: when memory runs out all processes are killed together"),
                      "",
                      "",
                      "memory.events:oom_group_kill",
                      ""),
              "false"),

    counted(cgroup("cpu-max",
                   "cpu.max",
                   Cpu,
                   "Processor time: percent of one processor, or a number of processors"),
            "cpu.stat:usage_usec",
            "",
            "cpu.stat:nr_throttled",
            "cpu"),
    starts_as(counted(cgroup("cpu-max-burst",
                             "cpu.max.burst",
                             Time,
                             "Unused processor time that may be saved up; no more than cpu-max"),
                      "",
                      "",
                      "cpu.stat:nr_bursts",
                      ""),
              "0"),
    starts_as(within(counted(cgroup("cpu-weight",
                                    "cpu.weight",
                                    Number,
                                    "Share of the processors when they are busy, 1 to 10000"),
                             "cpu.stat:usage_usec",
                             "",
                             "",
                             "cpu"),
                     1,
                     10000),
              "100"),
    starts_as(within(cgroup("cpu-weight-nice",
                            "cpu.weight.nice",
                            Number,
                            "Share of the processors as a nice value, -20 to 19"),
                     -20,
                     19),
              "0"),
    starts_as(cgroup("cpu-idle", "cpu.idle", Flag, "True: only time that nobody else wants"),
              "false"),
    needs(starts_as(cgroup("cpu-uclamp-min",
                           "cpu.uclamp.min",
                           Percent,
                           "Least performance level of the processor"),
                    "0%"),
          "CONFIG_UCLAMP_TASK_GROUP"),
    needs(cgroup("cpu-uclamp-max",
                 "cpu.uclamp.max",
                 Percent,
                 "Highest performance level of the processor"),
          "CONFIG_UCLAMP_TASK_GROUP"),

    starts_as(cgroup("cpuset-cpus", "cpuset.cpus", List, "Processors that may be used"), "all"),
    starts_as(cgroup("cpuset-mems", "cpuset.mems", List, "Memory nodes that may be used"), "all"),
    needs(starts_as(cgroup("cpuset-cpus-exclusive",
                           "cpuset.cpus.exclusive",
                           List,
                           "Processors nobody else may use"),
                    "none"),
          "Linux 6.7"),
    starts_as(chosen(cgroup("cpuset-cpus-partition",
                            "cpuset.cpus.partition",
                            Word,
                            "Kind of processor partition"),
                     "member|root|isolated"),
              "member"),

    counted(cgroup("io-max", "io.max", Io, "Bytes and operations per second of a disk"),
            "io.stat:rbytes+wbytes",
            "",
            "",
            "io"),
    needs(starts_as(within(cgroup("io-weight",
                                  "io.weight",
                                  Number,
                                  "Share of the disks when they are busy, 1 to 10000"),
                           1,
                           10000),
                    "100"),
          "CONFIG_BLK_CGROUP_IOCOST"),
    needs(starts_as(within(cgroup("io-bfq-weight",
                                  "io.bfq.weight",
                                  Number,
                                  "Share of the disks under the BFQ scheduler, 1 to 1000"),
                           1,
                           1000),
                    "100"),
          "CONFIG_BFQ_GROUP_IOSCHED"),
    needs(
        starts_as(
            cgroup("io-latency", "io.latency", IoLatency, "Response time that a disk should keep"),
            "none"),
        "CONFIG_BLK_CGROUP_IOLATENCY"),
    needs(
        starts_as(
            chosen(cgroup("io-prio-class", "io.prio.class", Word, "Priority class of disk access"),
                   "no-change|promote-to-rt|none-to-rt|restrict-to-be|idle"),
            "no-change"),
        "CONFIG_BLK_CGROUP_IOPRIO"),

    within(counted(cgroup("pids-max", "pids.max", Count, "Number of processes and threads"),
                   "pids.current",
                   "pids.peak",
                   "pids.events:max",
                   ""),
           1,
           kMaxTasks),
    needs(counted(cgroup("hugetlb-2MB-max", "hugetlb.2MB.max", Memory, "Huge pages of 2 MB"),
                  "hugetlb.2MB.current",
                  "",
                  "hugetlb.2MB.events:max",
                  ""),
          "CONFIG_CGROUP_HUGETLB and pages of this size"),
    needs(counted(cgroup("hugetlb-1GB-max", "hugetlb.1GB.max", Memory, "Huge pages of 1 GB"),
                  "hugetlb.1GB.current",
                  "",
                  "hugetlb.1GB.events:max",
                  ""),
          "CONFIG_CGROUP_HUGETLB and pages of this size"),
    cgroup("rdma-max", "rdma.max", Entries, "Objects of RDMA devices"),
    counted(cgroup("misc-max", "misc.max", Entries, "Miscellaneous resources of the kernel"),
            "",
            "",
            "misc.events:max",
            ""),
    needs(cgroup("dmem-max", "dmem.max", Entries, "Memory of devices"), "Linux 6.14"),
    within(counted(cgroup("cgroup-max-descendants",
                          "cgroup.max.descendants",
                          Count,
                          "Groups below this one"),
                   "cgroup.stat:nr_descendants",
                   "",
                   "",
                   ""),
           0,
           kMaxInt),
    within(cgroup("cgroup-max-depth", "cgroup.max.depth", Count, "Levels of groups below this one"),
           0,
           kMaxInt),

    limit("as", "RLIMIT_AS", RLIMIT_AS, LimitBytes, "Address space of a process", "VmSize"),
    limit("core", "RLIMIT_CORE", RLIMIT_CORE, LimitBytes, "Size of a core file"),
    limit("cpu", "RLIMIT_CPU", RLIMIT_CPU, LimitSeconds, "Processor time of a process"),
    limit("data", "RLIMIT_DATA", RLIMIT_DATA, LimitBytes, "Data segment of a process", "VmData"),
    limit(
        "fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE, LimitBytes, "Size of a file that a process writes"),
    limit("locks",
          "RLIMIT_LOCKS",
          RLIMIT_LOCKS,
          LimitCount,
          "File locks of a process; today's kernels ignore it"),
    limit("memlock",
          "RLIMIT_MEMLOCK",
          RLIMIT_MEMLOCK,
          LimitBytes,
          "Memory that a process may lock",
          "VmLck"),
    limit("msgqueue",
          "RLIMIT_MSGQUEUE",
          RLIMIT_MSGQUEUE,
          LimitBytes,
          "Bytes in POSIX message queues of a user"),
    limit("nice",
          "RLIMIT_NICE",
          RLIMIT_NICE,
          LimitCount,
          "How far a process may raise its priority, as 20 minus the nice value"),
    limit("nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE, LimitCount, "Open files of a process", "fd"),
    limit("nproc", "RLIMIT_NPROC", RLIMIT_NPROC, LimitCount, "Processes of a user"),
    limit("rss",
          "RLIMIT_RSS",
          RLIMIT_RSS,
          LimitBytes,
          "Resident memory of a process; today's kernels ignore it",
          "VmRSS"),
    limit("rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO, LimitCount, "Real-time priority of a process"),
    limit("rttime",
          "RLIMIT_RTTIME",
          RLIMIT_RTTIME,
          LimitMicroseconds,
          "Real-time processor time without a pause"),
    limit("sigpending",
          "RLIMIT_SIGPENDING",
          RLIMIT_SIGPENDING,
          LimitCount,
          "Queued signals of a user",
          "SigQ"),
    limit("stack", "RLIMIT_STACK", RLIMIT_STACK, LimitBytes, "Stack of a process", "VmStk"),

    inside("shmall",
           Sysctl,
           "kernel/shmall",
           Number,
           "Pages in all System V shared memory segments",
           "shm-pages"),
    inside("shmmax", Sysctl, "kernel/shmmax", Memory, "Bytes in one shared memory segment", "shm"),
    within(inside("shmmni",
                  Sysctl,
                  "kernel/shmmni",
                  Number,
                  "Number of shared memory segments",
                  "shm-count"),
           0,
           32768),
    inside("sem",
           Sysctl,
           "kernel/sem",
           Sem,
           "Semaphores: of one set, of all, operations of a call, sets"),
    within(inside("msgmax", Sysctl, "kernel/msgmax", Number, "Bytes in one message"), 0, kMaxInt),
    within(inside("msgmnb", Sysctl, "kernel/msgmnb", Number, "Bytes in one message queue"),
           0,
           kMaxInt),
    within(
        inside("msgmni", Sysctl, "kernel/msgmni", Number, "Number of message queues", "msg-count"),
        0,
        32768),
    within(inside("mqueue-queues-max",
                  Sysctl,
                  "fs/mqueue/queues_max",
                  Number,
                  "Number of POSIX message queues"),
           0,
           kMaxInt),
    within(inside("mqueue-msg-max",
                  Sysctl,
                  "fs/mqueue/msg_max",
                  Number,
                  "Messages in one POSIX message queue"),
           1,
           65536),
    within(inside("mqueue-msgsize-max",
                  Sysctl,
                  "fs/mqueue/msgsize_max",
                  Number,
                  "Bytes in one message of a POSIX message queue"),
           128,
           std::int64_t{16} * 1024 * 1024),
    starts_as(within(inside("pty-max", PtyCount, "/dev/pts", Number, "Number of terminals", "pty"),
                     0,
                     1048576),
              "256"),
    starts_as(inside("tmp-size", TmpfsSize, "/tmp", Memory, "Size of /tmp", "used"), "25%"),
    starts_as(inside("run-size", TmpfsSize, "/run", Memory, "Size of /run", "used"), "10%"),
    starts_as(inside("dev-shm-size", TmpfsSize, "/dev/shm", Memory, "Size of /dev/shm", "used"),
              "25%"),
    starts_as(within(inside("oom-score-adjust",
                            OomScore,
                            "oom_score_adj",
                            Number,
                            "How early the guest's processes die when the host's memory runs out, "
                            "-1000 to 1000"),
                     -1000,
                     1000),
              "that of whoever starts it"),
    needs(
        starts_as(
            inside("devices",
                   Devices,
                   "device program",
                   DeviceList,
                   "Devices of the host that may be opened, each by a node that is root's and has "
                   "the host's permissions; null, zero, full, random, urandom, tty and "
                   "terminals always are"),
            "none"),
        "CONFIG_CGROUP_BPF"),
    needs(within(inside("pid-max", PidMax, "kernel/pid_max", Number, "Highest process id"),
                 301,
                 4194304),
          "Linux 6.14"),
    needs(starts_as(inside("memory-merge",
                           MemoryMerge,
                           "PR_SET_MEMORY_MERGE",
                           Flag,
                           "Whether the host keeps pages of the guest's processes once that equal "
                           "others (KSM); from its next start on",
                           "ksm_merging_pages"),
                    "false"),
          "Linux 6.7 with CONFIG_KSM"),
    disk("disk-max",
         "bytes",
         Space,
         "Space on the host's disk for what a guest on an image changes and makes; df inside shows "
         "it"),
    disk("disk-inodes-max",
         "inodes",
         Things,
         "Number of files and folders that a guest on an image may have of its own"),
};

} // namespace

std::span<const Level> levels() {
    return kLevels;
}

} // namespace stead::resources
