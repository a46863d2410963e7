#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "resources/table.h"

/// What values mean on one machine.
namespace stead::resources {

namespace {

constexpr std::uint64_t kPercent = 100;

bool is_device_number(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
    return text.find_first_not_of("0123456789:") == std::string_view::npos &&
           text.find(':', colon + 1) == std::string_view::npos;
}

/// Limits belong to whole disks: the kernel refuses the number of a partition.
std::optional<std::string> whole_disk(unsigned major, unsigned minor) {
    namespace fs = std::filesystem;
    const std::string number = std::to_string(major) + ":" + std::to_string(minor);
    std::error_code failed;
    const fs::path device = fs::canonical("/sys/dev/block/" + number, failed);
    if (failed) return std::nullopt;
    if (!fs::exists(device / "partition", failed)) return number;
    for (const auto& entry : fs::directory_iterator("/sys/dev/block", failed)) {
        std::error_code ignored;
        if (fs::canonical(entry.path(), ignored) == device.parent_path())
            return entry.path().filename().string();
    }
    return std::nullopt;
}

std::optional<std::string> disk_of(const std::string& path) {
    struct stat status {};

    if (::stat(path.c_str(), &status) < 0) return std::nullopt;
    const dev_t device = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
    return whole_disk(major(device), minor(device));
}

std::optional<std::string>
resolve_line(std::string_view line, const Machine& machine, std::string& problem) {
    const auto space = line.find(' ');
    const std::string device(line.substr(0, space));
    if (is_device_number(device)) return std::string(line);
    const auto number = machine.disk ? machine.disk(device) : std::nullopt;
    if (!number) {
        problem = "there is no disk behind '" + device +
                  "' here; name a block device, a path on one, or its number (MAJOR:MINOR)";
        return std::nullopt;
    }
    return *number + std::string(line.substr(space));
}

} // namespace

Machine this_machine() {
    Machine machine;
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long size = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
        machine.memory = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
    machine.disk = disk_of;
    return machine;
}

std::optional<std::string> resolve(const Level& level,
                                   const std::string& content,
                                   const Machine& machine,
                                   std::string& problem) {
    if (level.form == Form::Memory && content.ends_with('%')) {
        std::uint64_t percent = 0;
        (void)std::from_chars(content.data(), content.data() + content.size() - 1, percent);
        if (machine.memory == 0) {
            problem = "how much memory the host has is not known here; write a size";
            return std::nullopt;
        }
        return std::to_string(machine.memory / kPercent * percent);
    }
    if (level.form != Form::Io && level.form != Form::IoLatency) return content;
    std::string resolved;
    std::string_view rest = content;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        const auto one = resolve_line(line, machine, problem);
        if (!one) return std::nullopt;
        resolved += (resolved.empty() ? "" : "\n") + *one;
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
    return resolved;
}

} // namespace stead::resources
