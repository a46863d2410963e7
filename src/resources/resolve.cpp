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

std::optional<HostDevice> device_at(const std::string& path, std::string& problem) {
    struct stat status {};

    if (::stat(path.c_str(), &status) < 0) {
        problem = "the host has no " + path + "; load the driver it belongs to (modprobe)";
        return std::nullopt;
    }
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) {
        problem = path + " is no device; `bind` is for files and folders";
        return std::nullopt;
    }
    return HostDevice{S_ISBLK(status.st_mode), major(status.st_rdev), minor(status.st_rdev),
                      status.st_mode & 0777U};
}

/// "/dev/fuse rw" as the kernel numbers it: "c 10:229 rw /dev/fuse".
std::optional<std::string>
resolve_device(std::string_view line, const Machine& machine, std::string& problem) {
    if (line == "none") return std::string(line);
    const auto space = line.rfind(' ');
    const std::string path(line.substr(0, space));
    problem = "the host has no " + path;
    const auto device = machine.device ? machine.device(path, problem) : std::nullopt;
    if (!device) return std::nullopt;
    problem.clear();
    return (device->block ? "b " : "c ") + std::to_string(device->major) + ":" +
           std::to_string(device->minor) + std::string(line.substr(space)) + " " + path;
}

} // namespace

Machine this_machine() {
    Machine machine;
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long size = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
        machine.memory = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
    machine.disk = disk_of;
    machine.device = device_at;
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
    const bool devices = level.form == Form::DeviceList;
    if (level.form != Form::Io && level.form != Form::IoLatency && !devices) return content;
    std::string resolved;
    std::string_view rest = content;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        const auto one =
            devices ? resolve_device(line, machine, problem) : resolve_line(line, machine, problem);
        if (!one) return std::nullopt;
        resolved += (resolved.empty() ? "" : "\n") + *one;
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
    return resolved;
}

} // namespace stead::resources
