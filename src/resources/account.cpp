#include "resources/account.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "resources/disk.h"
#include "resources/files.h"
#include "resources/inside.h"

namespace stead::resources {

namespace {

/// Processes that are looked at one by one.
constexpr std::size_t kMaxProcesses = 1024;

/// The sum of all "key=N" of a file with a line for each disk.
std::int64_t sum_of(std::string_view text, std::string_view key) {
    std::int64_t sum = 0;
    for (const std::string_view word : split(text, " \n")) {
        const auto equals = word.find('=');
        if (word.substr(0, equals) != key || equals == std::string_view::npos) continue;
        sum += number_in(word.substr(equals + 1), "").value_or(0);
    }
    return sum;
}

/// The limit that the process has, and how much of it.
struct Use {
    std::int64_t held = 0;
    std::string limit;
};

std::optional<std::string> soft_limit(pid_t pid, std::uint32_t resource) {
    rlimit limit{};
    if (::prlimit(pid, static_cast<__rlimit_resource>(resource), nullptr, &limit) < 0)
        return std::nullopt;
    return std::to_string(limit.rlim_cur) + ":" + std::to_string(limit.rlim_max);
}

std::optional<std::int64_t> use_of(pid_t pid, std::string_view what) {
    const std::string folder = "/proc/" + std::to_string(pid);
    if (what == "fd") {
        std::error_code failed;
        std::int64_t count = 0;
        for (auto at = std::filesystem::directory_iterator(folder + "/fd", failed);
             !failed && at != std::filesystem::directory_iterator(); at.increment(failed))
            ++count;
        return count;
    }
    const auto status = read_text(folder + "/status");
    if (!status) return std::nullopt;
    const auto number = number_in(*status, std::string(what) + ":");
    // Kernel threads' worth of lines are in kB.
    if (number && what.starts_with("Vm")) return *number * 1024;
    return number;
}

/// The process that has used most of its limit: nobody adds these up.
std::optional<Use> greatest_use(const std::vector<pid_t>& pids, const Level& level) {
    std::optional<Use> greatest;
    for (std::size_t i = 0; i < std::min(pids.size(), kMaxProcesses); ++i) {
        const auto use = use_of(pids[i], level.held);
        if (!use || (greatest && *use <= greatest->held)) continue;
        const auto limit = soft_limit(pids[i], level.resource);
        if (limit) greatest = Use{*use, *limit};
    }
    return greatest;
}

/// System V objects: their number, or what they hold.
std::optional<std::int64_t> ipc_use(const Subject& subject, std::string_view what) {
    constexpr std::size_t kSizeColumn = 3;
    const bool messages = what == "msg-count";
    const auto text = read_in_ipc(subject, messages ? "/proc/sysvipc/msg" : "/proc/sysvipc/shm");
    if (!text) return std::nullopt;
    const auto lines = split(*text, "\n");
    const std::int64_t count = lines.empty() ? 0 : static_cast<std::int64_t>(lines.size()) - 1;
    if (what == "msg-count" || what == "shm-count") return count;
    std::int64_t sum = 0;
    std::int64_t largest = 0;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto columns = split(lines[i], " ");
        if (columns.size() <= kSizeColumn) continue;
        const std::int64_t size = number_in(columns[kSizeColumn], "").value_or(0);
        sum += (size + 4095) / 4096;
        largest = std::max(largest, size);
    }
    return what == "shm-pages" ? sum : largest;
}

bool is_default(const Level& level, const std::string& content) {
    if (level.key == "memory-low" || level.key == "memory-min") return content == "0";
    if (level.form == Form::Cpu) return content.starts_with("max");
    if (level.form == Form::Number) return content == level.default_text;
    if (level.form == Form::Flag) return content == (level.default_text == "true" ? "1" : "0");
    if (level.key == "cpu-uclamp-min") return content == "0.00";
    if (level.form == Form::Time) return content == "0";
    if (level.form == Form::Word) return content == level.default_text;
    // cgroup.max.* say max, RDMA and its like list devices without limits.
    return content.empty() || content == "max" ||
           (level.form == Form::Entries &&
            content.find_first_of("0123456789") == std::string::npos);
}

void account_inside(const Subject& subject, const Level& level, std::vector<Account>& lines) {
    const auto limit = read_level(subject, level, "");
    if (!limit) return;
    Account line;
    line.level = &level;
    line.limit = *limit;
    if (level.kernel == Kernel::Sysctl && !level.held.empty())
        line.held = ipc_use(subject, level.held);
    if (level.kernel == Kernel::TmpfsSize || level.kernel == Kernel::PtyCount)
        line.held = mount_use(subject, level);
    if (level.kernel == Kernel::DiskQuota) line.held = disk_use(subject, level);
    if (level.kernel == Kernel::MemoryMerge) line.held = merged_bytes(subject);
    // What the kernel has by itself is worth a line once it is used.
    line.limited = level.kernel == Kernel::DiskQuota || line.held.value_or(0) > 0;
    lines.push_back(std::move(line));
}

void account_cgroup(const Subject& subject,
                    const Level& level,
                    const Baseline& since,
                    std::vector<Account>& lines) {
    const auto limit = read_level(subject, level, "");
    if (!limit) return;
    Account line;
    line.level = &level;
    line.limit = *limit;
    line.limited = !is_default(level, *limit);
    line.held = level.held.empty() ? std::nullopt : counter(subject, level.held);
    line.peak = level.peak.empty() ? std::nullopt : counter(subject, level.peak);
    line.failures = level.failures.empty() ? std::nullopt : counter(subject, level.failures);
    const auto from = [&](std::string_view name) -> std::int64_t {
        const auto found = since.find(std::string(name));
        return found == since.end() ? 0 : found->second;
    };
    if (line.failures) *line.failures -= from(level.failures);
    // A peak from before that has not been topped since says nothing about since then.
    if (line.peak && from(level.peak) == *line.peak && from(level.peak) != 0) line.peak = line.held;
    if (!level.pressure.empty()) {
        if (const auto pressure = read_pressure(subject, level.pressure))
            line.pressure = pressure->some10;
    }
    lines.push_back(std::move(line));
}

double percent_in(std::string_view line, std::string_view key) {
    const auto at = line.find(key);
    double value = 0;
    if (at == std::string_view::npos) return value;
    const char* const first = line.data() + at + key.size();
    (void)std::from_chars(first, line.data() + line.size(), value); // Else nothing waited.
    return value;
}

} // namespace

std::optional<std::int64_t> counter(const Subject& subject, std::string_view name) {
    const auto colon = name.find(':');
    const auto text = read_text(subject.cgroup + "/" + std::string(name.substr(0, colon)));
    if (!text) return std::nullopt;
    if (colon == std::string_view::npos) return number_in(*text, "");
    const std::string_view keys = name.substr(colon + 1);
    if (keys.find('+') == std::string_view::npos) return number_in(*text, keys);
    std::int64_t sum = 0;
    for (const std::string_view key : split(keys, "+"))
        sum += sum_of(*text, key);
    return sum;
}

std::vector<Account> account(const Subject& subject, const Baseline& since) {
    std::vector<Account> lines;
    std::optional<std::vector<pid_t>> pids;
    for (const Level& level : levels()) {
        if (level.kernel == Kernel::Cgroup) {
            if (!subject.cgroup.empty()) account_cgroup(subject, level, since, lines);
        } else if (level.kernel == Kernel::Rlimit) {
            if (level.held.empty()) continue;
            if (!pids) pids = processes_of(subject.cgroup);
            const auto use = greatest_use(*pids, level);
            if (!use) continue;
            Account line;
            line.level = &level;
            line.held = use->held;
            line.limit = use->limit;
            line.limited = !use->limit.starts_with("18446744073709551615");
            lines.push_back(std::move(line));
        } else if ((subject.init > 0 || level.kernel == Kernel::DiskQuota) && !subject.unit &&
                   level.kernel != Kernel::OomScore && impossible(subject, level).empty()) {
            account_inside(subject, level, lines);
        }
    }
    return lines;
}

Baseline take_baseline(const Subject& subject) {
    Baseline baseline;
    for (const Level& level : levels()) {
        if (level.kernel != Kernel::Cgroup) continue;
        // Only kernels that can start a peak anew let it be written at all; but each descriptor has
        // a peak of its own then, so that the file itself still tells the whole life.
        for (const std::string_view name : {level.failures, level.peak}) {
            if (name.empty()) continue;
            if (const auto value = counter(subject, name)) baseline[std::string(name)] = *value;
        }
    }
    return baseline;
}

std::optional<FullTable> find_full_table(const Subject& subject) {
    const std::vector<pid_t> pids = processes_of(subject.cgroup);
    for (std::size_t i = 0; i < std::min(pids.size(), kMaxProcesses); ++i) {
        const auto status = read_text("/proc/" + std::to_string(pids[i]) + "/status");
        const auto limit = soft_limit(pids[i], RLIMIT_NOFILE);
        const auto most = limit ? number_in(*limit, "") : std::nullopt;
        if (!status || !most || *most <= 0) continue;
        // Counting a hundred thousand takes a while; who has no room for so many need not be.
        if (number_in(*status, "FDSize:").value_or(0) < *most) continue;
        if (use_of(pids[i], "fd").value_or(0) < *most) continue;
        const auto name = status->find("Name:\t");
        const std::size_t begin = name == std::string::npos ? status->size() : name + 6;
        return FullTable{pids[i], status->substr(begin, status->find('\n', begin) - begin), *most};
    }
    return std::nullopt;
}

std::optional<Pressure> read_pressure(const Subject& subject, std::string_view resource) {
    const auto text = read_text(subject.cgroup + "/" + std::string(resource) + ".pressure");
    if (!text) return std::nullopt;
    Pressure pressure;
    for (const std::string_view line : split(*text, "\n")) {
        if (line.starts_with("some ")) {
            pressure.some10 = percent_in(line, "avg10=");
            pressure.some60 = percent_in(line, "avg60=");
        } else if (line.starts_with("full ")) {
            pressure.full10 = percent_in(line, "avg10=");
        }
    }
    return pressure;
}

std::string use_in_words(const Level& level, std::int64_t use) {
    const bool time = level.form == Form::Cpu || level.key == "cpu-weight";
    if (time) return fmt::format("{:.1f}s", static_cast<double>(use) / 1e6);
    const bool bytes = level.form == Form::Memory || level.form == Form::Space ||
                       level.form == Form::LimitBytes || level.form == Form::Io ||
                       level.kernel == Kernel::MemoryMerge;
    if (!bytes) return std::to_string(use);
    constexpr std::string_view kUnits = "BKMGT";
    auto value = static_cast<double>(use);
    std::size_t unit = 0;
    while (unit + 1 < kUnits.size() && value >= 1024) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f}{}", value, value < 10 && unit > 0 ? 1 : 0, kUnits[unit]);
}

} // namespace stead::resources
