#include "resources/devices.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <functional>
#include <memory>
#include <tuple>

#include <dirent.h>

#include "resources/files.h"
#include "resources/inside.h"
#include "sys/device_program.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/setup.h"

namespace stead::resources {

namespace {

constexpr std::uint32_t kMemory = 1;
constexpr std::uint32_t kTerminals = 5;
constexpr std::uint32_t kPseudoTerminals = 136;
constexpr int kDeepest = 4;
constexpr mode_t kPermissions = 0777;

DeviceRule character(std::uint32_t major, std::optional<std::uint32_t> minor) {
    return {.block = false, .major = major, .minor = minor, .read = true, .write = true};
}

std::optional<DeviceLine> parse_line(std::string_view line) {
    const auto words = split(line, " ");
    if (words.size() < 3 || (words[0] != "c" && words[0] != "b")) return std::nullopt;
    const auto colon = words[1].find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto major = number_in(words[1].substr(0, colon), "");
    const auto minor = number_in(words[1].substr(colon + 1), "");
    if (!major || !minor) return std::nullopt;
    DeviceLine parsed;
    parsed.rule = {.block = words[0] == "b",
                   .major = static_cast<std::uint32_t>(*major),
                   .minor = static_cast<std::uint32_t>(*minor),
                   .read = words[2].find('r') != std::string_view::npos,
                   .write = words[2].find('w') != std::string_view::npos};
    if (words.size() > 3) parsed.path = std::string(words[3]);
    return parsed;
}

std::string access_of(const DeviceRule& rule) {
    return std::string(rule.read ? "r" : "") + (rule.write ? "w" : "");
}

/// "c 10:229 rw".
std::string text_of(const DeviceRule& rule) {
    return std::string(rule.block ? "b " : "c ") + std::to_string(rule.major) + ":" +
           std::to_string(rule.minor.value_or(0)) + " " + access_of(rule);
}

bool is_usual(const DeviceRule& rule) {
    const auto usual = usual_devices();
    return std::find(usual.begin(), usual.end(), rule) != usual.end();
}

bool is_of(const struct stat& status, const DeviceRule& rule) {
    return S_ISBLK(status.st_mode) == rule.block && ::major(status.st_rdev) == rule.major &&
           (!rule.minor || ::minor(status.st_rdev) == *rule.minor);
}

struct CloseFolder {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

/// Every device node below `folder`, which lies on the file system `device`: with its parent, its
/// name and its path. A guest may change what is looked at meanwhile; nothing leads out of it.
using Visit = std::function<void(
    int parent, const char* name, const std::string& path, const struct stat& status)>;

void walk(sys::UniqueFd folder, const std::string& path, int depth, const Visit& visit) {
    const auto own = sys::status_at(folder.get(), "", AT_EMPTY_PATH);
    const int number = folder.get();
    const std::unique_ptr<DIR, CloseFolder> list(::fdopendir(number));
    if (!list || !own) return;
    (void)folder.release(); // It is the list's now.
    // One thread reads this list.
    while (const dirent* entry = ::readdir(list.get())) { // NOLINT(concurrency-mt-unsafe)
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        const auto status = sys::status_at(number, name.c_str(), AT_SYMLINK_NOFOLLOW);
        if (!status || status->st_dev != own->st_dev) continue;
        std::string below = path;
        below.append("/").append(name);
        if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) {
            visit(number, name.c_str(), below, *status);
        } else if (S_ISDIR(status->st_mode) && depth < kDeepest) {
            auto next = sys::open_at(number, name.c_str(),
                                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
            if (next) walk(*std::move(next), below, depth + 1, visit);
        }
    }
}

Result<void> visit_nodes(int dev, const Visit& visit) {
    walk(TRY(sys::open_at(dev, ".", O_RDONLY | O_DIRECTORY)), "/dev", 0, visit);
    return {};
}

/// The guest's own /dev.
Result<sys::UniqueFd> open_dev(const Subject& subject) {
    if (subject.init == 0) return make_error("open", "/dev", ESRCH);
    return own_mount(subject, "/dev", TMPFS_MAGIC);
}

Result<void> make_node(const Subject& subject, int dev, const DeviceLine& line) {
    const std::string inside = line.path.substr(std::string_view("/dev").size());
    const auto slash = inside.rfind('/');
    const std::string folder = inside.substr(0, slash);
    if (!folder.empty()) (void)TRY(sys::make_folders(dev, folder.c_str(), 0755));
    const sys::Place place = TRY(sys::resolve_parent(dev, inside.c_str()));
    const auto host = sys::status_at(AT_FDCWD, line.path.c_str(), 0);
    const mode_t mode = host ? host->st_mode & kPermissions : 0600;
    const mode_t kind = line.rule.block ? S_IFBLK : S_IFCHR;
    const mode_t mask = ::umask(0);
    const auto made = sys::make_device(place.folder.get(), place.name, kind | mode, line.rule.major,
                                       line.rule.minor.value_or(0));
    ::umask(mask);
    if (!made && made.error().code != EEXIST) return made.error();
    const struct stat status =
        TRY(sys::status_at(place.folder.get(), place.name, AT_SYMLINK_NOFOLLOW));
    const bool device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
    if (!device || !is_of(status, line.rule)) return make_error("make", line.path, EEXIST);
    if (!made) return {};
    const auto [uid, gid] = root_of(subject);
    return sys::change_owner(place.folder.get(), place.name, uid, gid);
}

/// Rules without their places, in a fixed order.
std::vector<std::string> rules_in(const std::string& content) {
    std::vector<std::string> rules;
    for (const DeviceLine& line : device_lines(content))
        rules.push_back(text_of(line.rule));
    std::sort(rules.begin(), rules.end());
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    return rules;
}

} // namespace

std::vector<DeviceRule> usual_devices() {
    std::vector<DeviceRule> rules;
    for (const std::uint32_t minor : {3U, 5U, 7U, 8U, 9U})
        rules.push_back(character(kMemory, minor));
    for (const std::uint32_t minor : {0U, 2U})
        rules.push_back(character(kTerminals, minor));
    rules.push_back(character(kPseudoTerminals, std::nullopt));
    return rules;
}

std::vector<DeviceLine> device_lines(std::string_view content) {
    std::vector<DeviceLine> lines;
    for (const std::string_view text : split(content, "\n")) {
        auto line = parse_line(text);
        if (line) lines.push_back(*std::move(line));
    }
    return lines;
}

Result<std::string> read_devices(const Subject& subject) {
    const auto cgroup = TRY(sys::open_at(AT_FDCWD, subject.cgroup.c_str(), O_RDONLY | O_DIRECTORY));
    const auto rules = TRY(sys::read_devices(cgroup.get()));
    if (!rules) return make_error("read", "the device program", ENOENT);
    std::vector<DeviceLine> lines;
    for (const DeviceRule& rule : *rules) {
        if (!is_usual(rule)) lines.push_back({rule, {}});
    }
    if (lines.empty()) return std::string("none");
    // A guest that ends just now has no nodes any more.
    if (const auto dev = open_dev(subject)) {
        (void)visit_nodes(
            dev->get(), [&](int, const char*, const std::string& path, const struct stat& status) {
                for (DeviceLine& line : lines) {
                    if (line.path.empty() && is_of(status, line.rule)) line.path = path;
                }
            });
    }
    std::string content;
    for (const DeviceLine& line : lines) {
        content += (content.empty() ? "" : "\n") + text_of(line.rule);
        if (!line.path.empty()) content += " " + line.path;
    }
    return content;
}

Result<void> write_devices(const Subject& subject, const std::string& content) {
    const auto cgroup = TRY(sys::open_at(AT_FDCWD, subject.cgroup.c_str(), O_RDONLY | O_DIRECTORY));
    const sys::UniqueFd dev = TRY(open_dev(subject));
    const auto lines = device_lines(content);
    std::vector<DeviceRule> rules = usual_devices();
    for (const DeviceLine& line : lines)
        rules.push_back(line.rule);
    TRY(sys::limit_devices(cgroup.get(), rules));
    TRY(visit_nodes(dev.get(), [&](int parent, const char* name, const std::string&,
                                   const struct stat& status) {
        const bool known = std::any_of(rules.begin(), rules.end(),
                                       [&](const DeviceRule& rule) { return is_of(status, rule); });
        // Its guest may have been faster.
        if (!known) (void)sys::remove_at(parent, name, /*is_folder=*/false);
    }));
    for (const DeviceLine& line : lines) {
        if (!line.path.empty()) TRY(make_node(subject, dev.get(), line));
    }
    return {};
}

bool same_devices(const std::string& one, const std::string& other) {
    return rules_in(one) == rules_in(other);
}

std::string devices_in_words(const std::string& content) {
    std::string words;
    for (const DeviceLine& line : device_lines(content)) {
        const std::string name = !line.path.empty()
                                     ? line.path
                                     : std::to_string(line.rule.major) + ":" +
                                           std::to_string(line.rule.minor.value_or(0));
        words += (words.empty() ? "" : ", ") + name;
        if (!line.rule.read || !line.rule.write) words += " " + access_of(line.rule);
    }
    return words.empty() ? "none" : words;
}

} // namespace stead::resources
