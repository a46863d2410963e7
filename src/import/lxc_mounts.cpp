#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "import/lxc.h"
#include "import/systemd_text.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// lxc.rootfs.*, lxc.mount.* and lxc.idmap: the files of a container, and whose they are.
namespace stead::importing {

namespace {

using unitfile::text_node;

/// File systems of the kernel's that every guest has in their places.
struct OwnMount {
    std::string_view type;
    std::string_view place;
};

constexpr std::array kOwnMounts{OwnMount{"proc", "/proc"}, OwnMount{"sysfs", "/sys"},
                                OwnMount{"devpts", "/dev/pts"}, OwnMount{"mqueue", "/dev/mqueue"},
                                OwnMount{"cgroup2", "/sys/fs/cgroup"}};

/// The place inside: a relative path, or one that begins with the root's own.
std::string place_inside(const Guest& guest, const std::string& target) {
    if (!target.starts_with('/')) return "/" + target;
    if (!guest.root.empty() && target.starts_with(guest.root + "/"))
        return target.substr(guest.root.size());
    constexpr std::string_view kMountedAt = "/lxc/rootfs/";
    const auto at = target.find(kMountedAt);
    if (at != std::string::npos &&
        (target.starts_with("/usr/lib/") || target.starts_with("/var/lib/")))
        return target.substr(at + kMountedAt.size() - 1);
    return target;
}

bool is_missing(const Guest& guest, const std::string& path) {
    std::error_code failed;
    return !std::filesystem::exists(guest.options.root + path, failed);
}

void bind_entry(Guest& guest, const Given& given, const MountLine& mount, const std::string& to) {
    if (!mount.source.starts_with('/'))
        return guest.draft.leave_out(given.item, "a path of the root cannot be shown at another "
                                                 "place of it");
    const bool ours =
        to.starts_with("/proc/") || to.starts_with("/sys/") || to.starts_with("/dev/");
    if (mount.has("optional") && !ours && is_missing(guest, mount.source))
        return guest.draft.leave_out(given.item, "it is optional, and not there");
    BindRequest request;
    request.from = mount.source;
    request.to = to;
    request.read_only = mount.has("ro");
    request.no_exec = mount.has("noexec");
    request.idmap = mount.has("idmap=container");
    if (mount.has("rbind"))
        guest.draft.approximate(given.item, "without the file systems mounted below it");
    for (const std::string& option : mount.options) {
        if (option.ends_with("shared") || option.ends_with("slave"))
            guest.draft.approximate(given.item, "mounts of later pass neither in nor out");
    }
    add_bind(guest, given.item, std::move(request));
}

std::string joined(const std::vector<std::string>& options) {
    std::string text;
    for (const std::string& option : options)
        text += (text.empty() ? "" : ",") + option;
    return text;
}

struct AutoMount {
    std::string_view word;
    /// Empty: the same here.
    std::string_view differs;
};

constexpr std::string_view kProc = "what of /proc belongs to the host can only be read";
constexpr std::string_view kSys = "/sys can only be read";
constexpr std::string_view kOwnGroup = "/sys/fs/cgroup is the guest's own group, of v2";

constexpr std::array kAutoMounts{AutoMount{"proc", ""},         AutoMount{"proc:mixed", ""},
                                 AutoMount{"proc:rw", kProc},   AutoMount{"sys", ""},
                                 AutoMount{"sys:ro", ""},       AutoMount{"sys:mixed", ""},
                                 AutoMount{"sys:rw", kSys},     AutoMount{"cgroup", ""},
                                 AutoMount{"cgroup:mixed", ""}, AutoMount{"cgroup:ro", kOwnGroup},
                                 AutoMount{"cgroup:rw", ""}};

/// "100000:65536" of the lines of one kind, if they map one range from 0 on.
struct IdMap {
    std::uint64_t inside = 0;
    std::uint64_t outside = 0;
    std::uint64_t count = 0;
};

std::optional<IdMap> parse_map(const std::vector<std::string>& words) {
    if (words.size() != 4 || (words[0] != "u" && words[0] != "g" && words[0] != "b"))
        return std::nullopt;
    const auto inside = unitfile::parse_digits(words[1], UINT32_MAX - 1U);
    const auto outside = unitfile::parse_digits(words[2], UINT32_MAX - 1U);
    const auto count = unitfile::parse_digits(words[3], UINT32_MAX - 1U);
    if (!inside || !outside || !count || *count == 0) return std::nullopt;
    return IdMap{*inside, *outside, *count};
}

} // namespace

void lxc_mount_entry(Guest& guest, const Given& given) {
    const MountLine mount = parse_mount(given.value);
    if (!mount.problem.empty()) return guest.refuse(given, mount.problem);
    const std::string to = place_inside(guest, mount.target);
    for (const OwnMount& own : kOwnMounts) {
        if (own.type != mount.type) continue;
        if (own.place == to) return guest.draft.explain(given.item, "every guest has it");
        return guest.draft.leave_out(given.item, "a guest has this file system in its own place, " +
                                                     std::string(own.place) + ", alone");
    }
    if (mount.has("bind") || mount.has("rbind")) return bind_entry(guest, given, mount, to);
    if (mount.type == "tmpfs" || mount.type == "ramfs") {
        const std::string problem = unitfile::path_problem(to);
        if (!problem.empty()) return guest.refuse(given, "the path " + problem);
        return add_tmpfs(guest, given.item, to, joined(mount.options));
    }
    guest.draft.leave_out(given.item, "a guest mounts no file systems of type '" + mount.type +
                                          "'; mount it on the host, and bind it");
}

void lxc_mount_auto(Guest& guest, const Given& given) {
    for (const std::string& word : split_blanks(given.value)) {
        std::string plain = word;
        if (plain.ends_with(":force")) plain.resize(plain.size() - 6);
        const auto* const known =
            std::find_if(kAutoMounts.begin(), kAutoMounts.end(),
                         [&](const AutoMount& mount) { return mount.word == plain; });
        if (known != kAutoMounts.end()) {
            if (!known->differs.empty()) guest.draft.approximate(given.item, known->differs);
        } else if (plain.starts_with("cgroup-full")) {
            guest.draft.approximate(given.item, kOwnGroup);
        } else {
            guest.draft.leave_out(given.item, "'" + word + "' is not mounted by itself");
        }
    }
}

/// "dir:/srv/web", "/srv/web"; of other kinds of storage only what is mounted somewhere is a root.
void lxc_root(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    if (!guest.root.empty()) {
        guest.draft.put(given.item, "root", text_node(guest.root));
        if (given.value.starts_with("btrfs:") || given.value.starts_with("zfs:"))
            guest.draft.explain(given.item, "the folder it is mounted at");
        return;
    }
    const std::string place = "/var/lib/lxc/" + guest.name + "/rootfs";
    guest.draft.put(given.item, "root", text_node(place));
    guest.draft.approximate(given.item,
                            "mount or copy it to " + place + ": a guest's root is a folder");
}

void lxc_root_options(Guest& guest, const Given& given) {
    std::string list(given.value);
    std::replace(list.begin(), list.end(), ',', ' ');
    for (const std::string& option : split_blanks(list)) {
        if (option == "ro") {
            guest.draft.put(given.item, "read-only", unitfile::boolean_node(true));
        } else if (option.starts_with("idmap=")) {
            guest.draft.explain(given.item, "so the ids of every root are shifted");
        } else if (option != "rw" && option != "defaults") {
            guest.draft.approximate(given.item, "'" + option + "' is the host's to mount it with");
        }
    }
}

/// One range for users and groups is what a guest can have; of others the one that has root.
void finish_lxc_ids(Guest& guest) {
    Draft& draft = guest.draft;
    std::optional<IdMap> first;
    std::vector<std::size_t> lines;
    for (std::size_t i = 0; i < draft.item_count(); ++i) {
        const Item& item = draft.item(i);
        if (item.name != "lxc.idmap" || item.mapping == Mapping::NotMapped || item.value.empty() ||
            !item.note.empty())
            continue;
        const auto map = parse_map(split_blanks(item.value));
        if (!map) {
            draft.leave_out(i, "not understood: write u or g and three ids");
            continue;
        }
        lines.push_back(i);
        if (!first && map->inside == 0) first = map;
    }
    if (guest.jail) {
        for (const std::size_t line : lines)
            draft.approximate(line, "a jail's ids are the host's; none of them is root");
        return;
    }
    if (!first || first->outside == 0) {
        if (lines.empty()) {
            draft.remark("It was a privileged container (no lxc.idmap): as a guest it has ids of "
                         "its own, and its files keep theirs.");
        }
        for (const std::size_t line : lines)
            draft.leave_out(line, "root inside would be an id of the host's: a guest's ids are a "
                                  "range that nobody else has");
        return;
    }
    const std::string range = std::to_string(first->outside) + ":" + std::to_string(first->count);
    draft.put(lines.front(), "users", text_node(range));
    for (const std::size_t line : lines) {
        draft.share(line, "users");
        const auto map = parse_map(split_blanks(draft.item(line).value));
        if (map->inside != 0 || map->outside != first->outside || map->count != first->count)
            draft.approximate(line, "one range maps users and groups: " + range);
    }
    draft.remark("lxc.idmap: its files on disk belong to ids from " +
                 std::to_string(first->outside) +
                 " on. A guest's belong to ids from 0 on and are shifted in the mount: shift them "
                 "back (the root, and what is bound with idmap) before the first start.");
}

} // namespace stead::importing
