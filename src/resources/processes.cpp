#include "resources/processes.h"

#include <sys/resource.h>

#include <charconv>
#include <optional>
#include <vector>

#include "resources/files.h"
#include "resources/freeze.h"

namespace stead::resources {

namespace {

/// A process, and the one or two numbers that it has.
struct Entry {
    pid_t pid = 0;
    std::uint64_t start = 0;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};

std::optional<std::uint64_t> unsigned_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string score_file(pid_t pid) {
    return "/proc/" + std::to_string(pid) + "/oom_score_adj";
}

std::optional<rlimit> get_limit(pid_t pid, std::uint32_t resource) {
    rlimit limit{};
    if (::prlimit(pid, static_cast<__rlimit_resource>(resource), nullptr, &limit) < 0)
        return std::nullopt;
    return limit;
}

Result<void> set_limit(const Level& level, const Entry& entry) {
    const auto resource = static_cast<__rlimit_resource>(level.resource);
    const rlimit limit{entry.first, entry.second};
    if (::prlimit(entry.pid, resource, &limit, nullptr) < 0) {
        // It has ended: nothing is left that could have another limit.
        if (errno == ESRCH) return {};
        return last_error("prlimit", std::to_string(entry.pid));
    }
    const auto now = get_limit(entry.pid, level.resource);
    if (now && (now->rlim_cur != entry.first || now->rlim_max != entry.second))
        return make_error("prlimit", std::to_string(entry.pid), EPROTO);
    return {};
}

Result<void> set_score(const Entry& entry) {
    const auto score = static_cast<std::int64_t>(entry.first);
    auto written = write_text(score_file(entry.pid), std::to_string(score));
    const int code = written ? 0 : written.error().code;
    if (code == ENOENT || code == ESRCH) return {};
    return written;
}

Result<void> set_entry(const Level& level, const Entry& entry) {
    return level.kernel == Kernel::Rlimit ? set_limit(level, entry) : set_score(entry);
}

/// Of "PID START FIRST [SECOND]" lines.
std::vector<Entry> entries_of(std::string_view content) {
    std::vector<Entry> entries;
    for (const std::string_view line : split(content, "\n")) {
        const auto words = split(line, " ");
        if (words.size() < 3) continue;
        Entry entry;
        entry.pid = static_cast<pid_t>(number_in(words[0], "").value_or(0));
        entry.start = unsigned_of(words[1]).value_or(0);
        // Scores may be below zero.
        entry.first = words[2].starts_with('-')
                          ? static_cast<std::uint64_t>(number_in(words[2], "").value_or(0))
                          : unsigned_of(words[2]).value_or(0);
        if (words.size() > 3) entry.second = unsigned_of(words[3]).value_or(0);
        // The number may be another process's by now.
        if (entry.pid > 0 && start_of(entry.pid) == entry.start) entries.push_back(entry);
    }
    return entries;
}

/// "SOFT:HARD" or a score for everybody.
std::vector<Entry> entries_for(const std::vector<pid_t>& pids, std::string_view content) {
    const auto colon = content.find(':');
    Entry entry;
    if (colon == std::string_view::npos) {
        entry.first = static_cast<std::uint64_t>(number_in(content, "").value_or(0));
    } else {
        entry.first = unsigned_of(content.substr(0, colon)).value_or(0);
        entry.second = unsigned_of(content.substr(colon + 1)).value_or(0);
    }
    std::vector<Entry> entries;
    for (const pid_t pid : pids) {
        entry.pid = pid;
        entries.push_back(entry);
    }
    return entries;
}

} // namespace

Result<std::string> read_processes(const Subject& subject, const Level& level) {
    std::string text;
    for (const pid_t pid : processes_of(subject.cgroup)) {
        const std::string head = std::to_string(pid) + " " + std::to_string(start_of(pid)) + " ";
        if (level.kernel == Kernel::Rlimit) {
            const auto limit = get_limit(pid, level.resource);
            if (!limit && errno == ESRCH) continue;
            if (!limit) return last_error("prlimit", std::to_string(pid));
            text += head + std::to_string(limit->rlim_cur) + " " + std::to_string(limit->rlim_max);
        } else {
            const auto score = read_text(score_file(pid));
            if (!score) continue; // It has ended.
            text += head + *score;
        }
        text += "\n";
    }
    return text;
}

Result<void>
write_processes(const Subject& subject, const Level& level, const std::string& content) {
    const auto still = TRY(StandStill::of(subject.cgroup));
    const bool read_before = content.find('\n') != std::string::npos;
    const auto entries =
        read_before ? entries_of(content) : entries_for(processes_of(subject.cgroup), content);
    for (const Entry& entry : entries)
        TRY(set_entry(level, entry));
    return {};
}

} // namespace stead::resources
