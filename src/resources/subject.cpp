#include "resources/subject.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "resources/devices.h"
#include "resources/disk.h"
#include "resources/files.h"
#include "resources/inside.h"
#include "resources/processes.h"

namespace stead::resources {

namespace {

constexpr std::int64_t kPage = 4096;

bool offers(const std::string& folder, std::string_view controller) {
    const auto text = read_text(folder + "/cgroup.controllers");
    if (!text) return false;
    const auto words = split(*text, " ");
    return std::find(words.begin(), words.end(), controller) != words.end();
}

std::string file_of(const Subject& subject, const Level& level) {
    return subject.cgroup + "/" + std::string(level.object);
}

/// The first word of each line, and the line.
std::string_view line_of(std::string_view text, std::string_view name) {
    for (const std::string_view line : split(text, "\n")) {
        if (line.substr(0, line.find(' ')) == name) return line;
    }
    return {};
}

/// The value of "key=value" or of a plain second word in a line of such a file.
std::string_view value_of(std::string_view line, std::string_view setting) {
    const auto equals = setting.find('=');
    const auto words = split(line, " ");
    if (equals == std::string_view::npos) return words.size() > 1 ? words[1] : std::string_view{};
    for (const std::string_view word : words) {
        if (word.starts_with(setting.substr(0, equals + 1))) return word.substr(equals + 1);
    }
    return {};
}

/// What the kernel means where a line or key is missing.
std::string_view absent(const Level& level) {
    return level.form == Form::IoLatency ? "0" : "max";
}

/// Of a file with lines: those that `wanted` names, with the keys that it names.
std::string read_lines(const Level& level, std::string_view text, std::string_view wanted) {
    if (wanted.empty()) return std::string(text);
    std::string out;
    for (const std::string_view line : split(wanted, "\n")) {
        const auto words = split(line, " ");
        if (words.empty()) continue;
        const std::string_view now = line_of(text, words[0]);
        out += (out.empty() ? "" : "\n") + std::string(words[0]);
        for (std::size_t i = 1; i < words.size(); ++i) {
            const std::string_view value = value_of(now, words[i]);
            const auto equals = words[i].find('=');
            if (equals != std::string_view::npos) {
                out += " " + std::string(words[i].substr(0, equals + 1));
            } else {
                out += " ";
            }
            out += value.empty() ? absent(level) : value;
        }
    }
    return out;
}

bool has_lines(const Level& level) {
    return level.form == Form::Io || level.form == Form::IoLatency || level.form == Form::Entries;
}

std::set<int> members_of(std::string_view list) {
    std::set<int> members;
    for (const std::string_view part : split(list, ",")) {
        const auto dash = part.find('-');
        const auto first = number_in(part.substr(0, dash), "");
        const auto last =
            dash == std::string_view::npos ? first : number_in(part.substr(dash + 1), "");
        for (std::int64_t i = first.value_or(0); first && last && i <= *last && i < 8192; ++i)
            members.insert(static_cast<int>(i));
    }
    return members;
}

double decimal(std::string_view text) {
    double value = -1;
    (void)std::from_chars(text.data(), text.data() + text.size(), value); // Else no percentage.
    return value;
}

/// The kernel counts pages, and huge pages.
bool same_memory(const Level& level, std::string_view wanted, std::string_view found) {
    if (wanted == found) return true;
    std::uint64_t want = 0;
    std::uint64_t have = 0;
    const auto w = std::from_chars(wanted.data(), wanted.data() + wanted.size(), want);
    const auto h = std::from_chars(found.data(), found.data() + found.size(), have);
    if (h.ec != std::errc{}) return false;
    // Numbers near the largest one stand for it.
    if (wanted == "max")
        return level.kernel == Kernel::TmpfsSize ? have == 0 : have > (std::uint64_t{1} << 62U);
    if (w.ec != std::errc{}) return false;
    std::uint64_t page = kPage;
    if (level.object.find("2MB") != std::string_view::npos) page = std::uint64_t{2} << 20U;
    if (level.object.find("1GB") != std::string_view::npos) page = std::uint64_t{1} << 30U;
    return (want > have ? want - have : have - want) < page;
}

std::string size_words(std::uint64_t bytes) {
    constexpr std::string_view kUnits = "BKMGT";
    std::size_t unit = 0;
    while (unit + 1 < kUnits.size() && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + kUnits[unit];
}

} // namespace

std::string impossible(const Subject& subject, const Level& level) {
    const std::string key(level.key);
    if (subject.unit && level.guest_only)
        return key + " belongs to the namespaces of a guest, which its units share; set it on the "
                     "guest";
    if (level.kernel == Kernel::PidMax && !has_own_pid_max())
        return key + " needs " + std::string(level.needs) +
               ", and this kernel is older: there the number is the whole machine's; use pids-max "
               "to limit processes";
    if (level.kernel == Kernel::MemoryMerge) {
        const std::string problem = merge_problem();
        return problem.empty() ? problem : key + " " + problem;
    }
    if (level.kernel == Kernel::DiskQuota) return disk_problem(subject, level);
    if (level.kernel == Kernel::Devices && subject.cgroup.empty())
        return key + " of a guest without a cgroup of its own are those that it started with; "
                     "change its file and restart it";
    if (level.kernel != Kernel::Cgroup) return {};
    if (subject.cgroup.empty())
        return key + " needs cgroup v2, and nothing of that type is mounted here; mount it "
                     "(mount -t cgroup2 none /sys/fs/cgroup)";
    const std::string_view controller = controller_of(level);
    const std::string root = subject.above.empty() ? subject.cgroup : subject.above.front();
    // A level that has its file has its controller.
    if (!controller.empty() && !exists(file_of(subject, level)) && !offers(root, controller))
        return key + " needs the cgroup v2 controller '" + std::string(controller) +
               "', which this machine does not offer; where it sits on cgroup v1, boot with "
               "cgroup_no_v1=all";
    return {};
}

Result<void> enable_controller(const Subject& subject, const Level& level) {
    const std::string_view controller = controller_of(level);
    if (controller.empty() || exists(file_of(subject, level))) return {};
    for (const std::string& folder : subject.above) {
        const auto on = read_text(folder + "/cgroup.subtree_control");
        if (on) {
            const auto words = split(*on, " ");
            if (std::find(words.begin(), words.end(), controller) != words.end()) continue;
        }
        TRY(write_text(folder + "/cgroup.subtree_control", "+" + std::string(controller)));
    }
    return {};
}

Result<std::string>
read_level(const Subject& subject, const Level& level, const std::string& wanted) {
    switch (level.kernel) {
    case Kernel::Rlimit:
    case Kernel::OomScore:
        return read_processes(subject, level);
    case Kernel::Sysctl:
    case Kernel::PidMax:
        return read_sysctl(subject, level);
    case Kernel::TmpfsSize:
    case Kernel::PtyCount:
        return read_mount(subject, level);
    case Kernel::MemoryMerge:
        return read_merge(subject);
    case Kernel::DiskQuota:
        return read_disk(subject, level);
    case Kernel::Devices:
        return read_devices(subject);
    case Kernel::Cgroup:
        break;
    }
    std::string text = TRY(read_text(file_of(subject, level)));
    if (has_lines(level)) return read_lines(level, text, wanted);
    // Weights are "default 100", with a line for each disk of its own.
    if (text.starts_with("default ")) text = text.substr(8, text.find('\n') - 8);
    // A partition that does not hold says why: "root invalid (...)".
    return text;
}

Result<void> write_level(const Subject& subject, const Level& level, const std::string& content) {
    switch (level.kernel) {
    case Kernel::Rlimit:
    case Kernel::OomScore:
        return write_processes(subject, level, content);
    case Kernel::Sysctl:
    case Kernel::PidMax:
        return write_sysctl(subject, level, content);
    case Kernel::TmpfsSize:
    case Kernel::PtyCount:
        return write_mount(subject, level, content);
    case Kernel::MemoryMerge:
        // Each process says it for itself, and the guest's first one has been told at its start.
        return make_error("set while it runs", level.key, EOPNOTSUPP);
    case Kernel::DiskQuota:
        return write_disk(subject, level, content);
    case Kernel::Devices:
        return write_devices(subject, content);
    case Kernel::Cgroup:
        break;
    }
    const std::string file = file_of(subject, level);
    if (!has_lines(level)) {
        // An empty list of processors is a newline to the kernel, and no write at all without one.
        return write_text(file, content.empty() ? "\n" : content);
    }
    for (const std::string_view line : split(content, "\n"))
        TRY(write_text(file, line));
    return {};
}

bool holds(const Level& level, const std::string& wanted, const std::string& found) {
    if (wanted == found) return true;
    switch (level.kernel) {
    case Kernel::Rlimit:
    case Kernel::OomScore:
        return true; // Looked at process by process when it was written.
    case Kernel::Sysctl:
        if (level.form == Form::Memory) return same_memory(level, wanted, found);
        return false;
    case Kernel::TmpfsSize:
        return same_memory(level, wanted, found);
    case Kernel::DiskQuota:
        // Blocks of the file system are the least that it counts.
        return level.form == Form::Space && wanted != "max" && same_memory(level, wanted, found);
    case Kernel::Devices:
        return same_devices(wanted, found);
    case Kernel::PtyCount:
    case Kernel::PidMax:
    case Kernel::MemoryMerge:
        return false;
    case Kernel::Cgroup:
        break;
    }
    switch (level.form) {
    case Form::Memory:
        return same_memory(level, wanted, found);
    case Form::List:
        return members_of(wanted) == members_of(found);
    case Form::Percent:
        return wanted != "max" && found != "max" && decimal(wanted) - decimal(found) < 0.02 &&
               decimal(found) - decimal(wanted) < 0.02;
    case Form::Word:
        // Older kernels call promote-to-rt none-to-rt.
        return level.key == "io-prio-class" && wanted.ends_with("to-rt") &&
               found.ends_with("to-rt");
    case Form::Entries:
        return wanted == found;
    default:
        return false;
    }
}

std::string in_words(const Level& level, const std::string& content) {
    if (content.empty()) return "none";
    const auto number = number_in(content, "");
    switch (level.form) {
    case Form::Space:
    case Form::Memory: {
        std::uint64_t bytes = 0;
        (void)std::from_chars(content.data(), content.data() + content.size(), bytes);
        if (!number || bytes > (std::uint64_t{1} << 62U)) return content == "0" ? "0" : "max";
        if (bytes == 0) return level.kernel == Kernel::TmpfsSize ? "max" : "0";
        return size_words(bytes);
    }
    case Form::Flag:
        return content == "1" ? "true" : "false";
    case Form::Cpu: {
        const auto words = split(content, " ");
        const double quota = decimal(words[0]);
        const double period = words.size() > 1 ? decimal(words[1]) : 100'000;
        if (words[0] == "max" || period <= 0) return "max";
        return fmt::format("{:g}%", quota * 100 / period);
    }
    case Form::DeviceList:
        return devices_in_words(content);
    case Form::Time:
        return number ? fmt::format("{:g}ms", static_cast<double>(*number) / 1000) : content;
    case Form::Percent:
        return content == "max" ? content : fmt::format("{:g}%", decimal(content));
    case Form::Io:
    case Form::IoLatency:
    case Form::Entries: {
        std::string line = content;
        for (std::size_t at = line.find('\n'); at != std::string::npos;
             at = line.find('\n', at + 2))
            line.replace(at, 1, ", ");
        return line;
    }
    case Form::LimitCount:
    case Form::LimitBytes:
    case Form::LimitSeconds:
    case Form::LimitMicroseconds: {
        const auto soft = content.substr(0, content.find(':'));
        const auto hard =
            content.find(':') == std::string::npos ? soft : content.substr(content.find(':') + 1);
        const auto one = [&](const std::string& text) {
            std::uint64_t value = 0;
            (void)std::from_chars(text.data(), text.data() + text.size(), value);
            if (value == UINT64_MAX) return std::string("infinity");
            return level.form == Form::LimitBytes && value != 0 ? size_words(value)
                                                                : std::to_string(value);
        };
        return soft == hard ? one(soft) : one(soft) + ":" + one(hard);
    }
    default:
        return content;
    }
}

} // namespace stead::resources
