#include "cli/unit_usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>
#include <vector>

#include "sys/file.h"

namespace stead::cli {

namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kMaxFile = std::size_t{256} * 1024;
/// Processes that are looked at one by one where no controller counts memory.
constexpr std::size_t kMaxProcesses = 512;

/// What a file of the kernel's holds, whose size nobody knows before; empty if it cannot be read.
std::string read_text(const std::string& path) {
    const auto file = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK);
    std::string text;
    std::size_t used = 0;
    while (file && used == text.size() && used < kMaxFile) {
        text.resize(used + kBlock);
        const auto got =
            sys::read_full(file->get(), std::as_writable_bytes(std::span(text)).subspan(used));
        if (!got) break;
        used += *got;
    }
    text.resize(used);
    return text;
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
        if (end > 0) words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

/// Resident memory of a process.
std::int64_t resident(std::string_view pid) {
    const std::string text = read_text("/proc/" + std::string(pid) + "/statm");
    const auto words = words_of(text);
    if (words.size() < 2) return 0;
    return number(words[1]).value_or(0) * ::sysconf(_SC_PAGESIZE);
}

std::optional<std::int64_t> resident_of_all(const std::string& procs) {
    const auto pids = words_of(procs);
    if (pids.empty()) return std::nullopt;
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < std::min(pids.size(), kMaxProcesses); ++i)
        sum += resident(pids[i]);
    return sum;
}

/// The main process alone: what can be seen without a cgroup.
Usage read_process(std::int64_t pid) {
    Usage usage;
    if (pid <= 0) return usage;
    const std::string text = read_text("/proc/" + std::to_string(pid) + "/stat");
    // The name, in parentheses, may hold anything; after it come state and numbers (proc(5)).
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return usage;
    const auto words = words_of(std::string_view(text).substr(name_end + 1));
    constexpr std::size_t kUserTime = 11;
    constexpr std::size_t kSystemTime = 12;
    constexpr std::size_t kThreads = 17;
    if (words.size() <= kThreads) return usage;
    const std::int64_t ticks =
        number(words[kUserTime]).value_or(0) + number(words[kSystemTime]).value_or(0);
    usage.cpu_microseconds = ticks * 1'000'000 / std::max(::sysconf(_SC_CLK_TCK), 1L);
    usage.tasks = number(words[kThreads]);
    usage.memory = resident(std::to_string(pid));
    return usage;
}

Usage read_cgroup(const std::string& folder) {
    Usage usage;
    usage.cpu_microseconds = number_after(read_text(folder + "/cpu.stat"), "usage_usec");
    usage.memory = number_after(read_text(folder + "/memory.current"), "");
    usage.tasks = number_after(read_text(folder + "/pids.current"), "");
    if (!usage.memory) usage.memory = resident_of_all(read_text(folder + "/cgroup.procs"));
    if (!usage.tasks) {
        const std::string threads = read_text(folder + "/cgroup.threads");
        const auto count = std::count(threads.begin(), threads.end(), '\n');
        if (count > 0) usage.tasks = count;
    }
    return usage;
}

} // namespace

std::optional<std::int64_t> number_after(std::string_view text, std::string_view key) {
    if (key.empty()) return number(text);
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
            return number(line.substr(key.size() + 1));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return std::nullopt;
}

Usage usage_of_guest(const Place& place, const std::string& name) {
    const auto guest = guests::find(place.paths(), name);
    if (!guest || !*guest || (*guest)->record.cgroup.empty()) return {};
    const std::string& folder = (*guest)->record.cgroup;
    return {number_after(read_text(folder + "/cpu.stat"), "usage_usec"),
            number_after(read_text(folder + "/memory.current"), ""),
            number_after(read_text(folder + "/pids.current"), "")};
}

UsageReader::UsageReader(const Place& place, const Target& target)
    : own_(target.own()) {
    if (own_) return;
    const auto guest = guests::find(place.paths(), target.guest);
    if (guest && *guest && !(*guest)->record.cgroup.empty())
        units_ = (*guest)->record.cgroup + "/units/";
}

Usage UsageReader::read(const UnitRecord& unit) const {
    if (own_) return read_process(unit.pid);
    // A name comes out of the guest, and becomes part of a path.
    const bool plain = !unit.name.empty() && unit.name.find('/') == std::string::npos &&
                       unit.name != "." && unit.name != "..";
    if (units_.empty() || !plain || unit.state == UnitState::Down) return {};
    return read_cgroup(units_ + unit.name);
}

} // namespace stead::cli
