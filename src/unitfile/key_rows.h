#pragma once

#include <array>
#include <cstddef>

#include "unitfile/keys.h"

/// How rows of the table of keys are written down, and the rows that both file formats share.
namespace stead::unitfile {

constexpr Key now(std::string_view table,
                  std::string_view name,
                  KeyType type,
                  std::string_view default_text,
                  std::string_view doc) {
    return {table, name, type, default_text, doc};
}

constexpr Key later(std::string_view table,
                    std::string_view name,
                    KeyType type,
                    std::string_view default_text,
                    std::string_view doc) {
    return {table, name, type, default_text, doc, Support::NotYet};
}

constexpr Key expands(Key key) {
    key.expandable = true;
    return key;
}

constexpr Key words(Key key, std::string_view list) {
    key.words = list;
    return key;
}

constexpr Key within(Key key, std::int64_t low, std::int64_t high) {
    key.low = low;
    key.high = high;
    return key;
}

/// A duration or size that must not be zero.
constexpr Key nonzero(Key key) {
    key.low = 1;
    return key;
}

template <std::size_t First, std::size_t Second>
constexpr std::array<Key, First + Second> join(const std::array<Key, First>& first,
                                               const std::array<Key, Second>& second) {
    std::array<Key, First + Second> all{};
    for (std::size_t i = 0; i < First; ++i)
        all[i] = first[i];
    for (std::size_t i = 0; i < Second; ++i)
        all[First + i] = second[i];
    return all;
}

inline constexpr std::array kLimitKeys{
    now("limits", "memory-max", KeyType::Level, "", "Memory that is never exceeded"),
    now("limits",
        "memory-high",
        KeyType::Level,
        "",
        "Memory above which processes are slowed down and reclaimed from"),
    now("limits",
        "memory-low",
        KeyType::Level,
        "",
        "Memory that is reclaimed only when nothing else is left"),
    now("limits", "memory-min", KeyType::Level, "", "Memory that is never reclaimed"),
    now("limits", "memory-swap-max", KeyType::Level, "", "Swap space that may be used"),
    now("limits",
        "memory-oom-group",
        KeyType::Level,
        "",
        "True: when memory runs out all processes are killed together"),
    now("limits", "cpu-max", KeyType::Level, "", "Processor time, in percent of one processor"),
    now("limits",
        "cpu-weight",
        KeyType::Level,
        "",
        "Share of the processors when they are busy, 1 to 10000; the kernel's default is 100"),
    now("limits", "pids-max", KeyType::Level, "", "Number of processes and threads"),
    now("limits",
        "io-weight",
        KeyType::Level,
        "",
        "Share of the disks when they are busy, 1 to 10000; the kernel's default is 100"),
    later("limits",
          "memory-swap-high",
          KeyType::Level,
          "",
          "Swap space above which processes are slowed down"),
    later("limits", "memory-zswap-max", KeyType::Level, "", "Compressed swap in memory"),
    later("limits",
          "memory-zswap-writeback",
          KeyType::Level,
          "",
          "Whether compressed swap may be written to disk"),
    later("limits",
          "cpu-max-burst",
          KeyType::Level,
          "",
          "Unused processor time that may be saved up"),
    later(
        "limits", "cpu-weight-nice", KeyType::Level, "", "Share of the processors as a nice value"),
    later("limits", "cpu-idle", KeyType::Level, "", "True: only time that nobody else wants"),
    later(
        "limits", "cpu-uclamp-min", KeyType::Level, "", "Least performance level of the processor"),
    later("limits",
          "cpu-uclamp-max",
          KeyType::Level,
          "",
          "Highest performance level of the processor"),
    later("limits", "cpuset-cpus", KeyType::Level, "", "Processors that may be used"),
    later("limits", "cpuset-cpus-exclusive", KeyType::Level, "", "Processors nobody else may use"),
    later("limits", "cpuset-cpus-partition", KeyType::Level, "", "Kind of processor partition"),
    later("limits", "cpuset-mems", KeyType::Level, "", "Memory nodes that may be used"),
    later("limits", "io-max", KeyType::Level, "", "Bytes and operations per second of a disk"),
    later("limits", "io-latency", KeyType::Level, "", "Response time that a disk should keep"),
    later("limits",
          "io-bfq-weight",
          KeyType::Level,
          "",
          "Share of the disks under the BFQ scheduler"),
    later("limits", "io-prio-class", KeyType::Level, "", "Priority class of disk access"),
    later("limits", "rdma-max", KeyType::Level, "", "Objects of RDMA devices"),
    later("limits", "misc-max", KeyType::Level, "", "Miscellaneous resources of the kernel"),
    later("limits", "dmem-max", KeyType::Level, "", "Memory of devices"),
    later("limits", "hugetlb-2MB-max", KeyType::Level, "", "Huge pages of 2 MB"),
    later("limits", "hugetlb-1GB-max", KeyType::Level, "", "Huge pages of 1 GB"),
    later("limits", "cgroup-max-depth", KeyType::Level, "", "Levels of groups below this one"),
    later("limits", "cgroup-max-descendants", KeyType::Level, "", "Groups below this one"),
    now("limits", "as", KeyType::Rlimit, "", "Address space of a process"),
    now("limits", "core", KeyType::Rlimit, "", "Size of a core file"),
    now("limits", "cpu", KeyType::Rlimit, "", "Processor time of a process"),
    now("limits", "data", KeyType::Rlimit, "", "Data segment of a process"),
    now("limits", "fsize", KeyType::Rlimit, "", "Size of a file that a process writes"),
    now("limits",
        "locks",
        KeyType::Rlimit,
        "",
        "File locks of a process; today's kernels ignore it"),
    now("limits", "memlock", KeyType::Rlimit, "", "Memory that a process may lock"),
    now("limits", "msgqueue", KeyType::Rlimit, "", "Bytes in POSIX message queues of a user"),
    now("limits",
        "nice",
        KeyType::Rlimit,
        "",
        "How far a process may raise its priority, as 20 minus the nice value"),
    now("limits", "nofile", KeyType::Rlimit, "", "Open files of a process"),
    now("limits", "nproc", KeyType::Rlimit, "", "Processes of a user"),
    now("limits",
        "rss",
        KeyType::Rlimit,
        "",
        "Resident memory of a process; today's kernels ignore it"),
    now("limits", "rtprio", KeyType::Rlimit, "", "Real-time priority of a process"),
    now("limits", "rttime", KeyType::Rlimit, "", "Real-time processor time without a pause"),
    now("limits", "sigpending", KeyType::Rlimit, "", "Queued signals of a user"),
    now("limits", "stack", KeyType::Rlimit, "", "Stack of a process"),
};

} // namespace stead::unitfile
