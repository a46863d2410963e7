#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/subject.h"

namespace stead::resources {

/// What a subject uses of one level.
struct Account {
    const Level* level = nullptr;
    /// What is used now, and at most so far.
    std::optional<std::int64_t> held;
    std::optional<std::int64_t> peak;
    /// As the kernel has it.
    std::string limit;
    /// The limit is not the kernel's own default.
    bool limited = false;
    /// How often the limit was hit.
    std::optional<std::int64_t> failures;
    /// "some avg10" of the pressure file: percent of the last ten seconds that somebody waited.
    std::optional<double> pressure;
};

/// Counters as they were at some moment, by "FILE:KEY".
using Baseline = std::map<std::string, std::int64_t>;

/// A line for each level that this kernel counts or limits, counted from `since` on.
std::vector<Account> account(const Subject& subject, const Baseline& since = {});

/// Where the counters are now; peaks are started anew where the kernel can (Linux 6.12).
Baseline take_baseline(const Subject& subject);

/// Pressure of one resource ("cpu", "memory", "io").
struct Pressure {
    /// Percent of the last 10 and 60 seconds in which somebody, or everybody, waited.
    double some10 = 0;
    double some60 = 0;
    double full10 = 0;
};

std::optional<Pressure> read_pressure(const Subject& subject, std::string_view resource);

/// One counter: "memory.events:oom_kill"; keys may be added up ("io.stat:rbytes+wbytes").
std::optional<std::int64_t> counter(const Subject& subject, std::string_view name);

/// A process that has as many files open as its RLIMIT_NOFILE lets it.
struct FullTable {
    pid_t pid = 0;
    std::string program;
    std::int64_t limit = 0;
};

/// One of them in the cgroup; nothing if there is none.
std::optional<FullTable> find_full_table(const Subject& subject);

/// Why it is slow or was refused something, a sentence each, with the way out; the worst first.
std::vector<std::string> slow_reasons(const Subject& subject, const Baseline& since = {});

/// A use as people read it: "12.3M", "4.2s", "17".
std::string use_in_words(const Level& level, std::int64_t use);

} // namespace stead::resources
