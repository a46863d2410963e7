#include "context/verify.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "context/paths.h"
#include "recipe/guest_paths.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"

namespace stead::context {

namespace {

using recipe::MountKind;

struct Namespace {
    /// In /proc/self/ns.
    const char* name;
    std::uint64_t flag;
};

// The pid namespace shows in our pid, the mount namespace in what mountinfo lists.
constexpr std::array<Namespace, NamespaceIds::kCount> kNamespaces = {{
    {"uts", CLONE_NEWUTS},
    {"ipc", CLONE_NEWIPC},
    {"net", CLONE_NEWNET},
    {"cgroup", CLONE_NEWCGROUP},
    {"user", CLONE_NEWUSER},
    {"time", sys::kNewTime},
}};

std::uint64_t asked_namespaces(const recipe::Context& recipe) {
    std::uint64_t asked = recipe.namespaces;
    if (recipe.users == recipe::Users::Private) asked |= CLONE_NEWUSER;
    if (recipe.own_time) asked |= sys::kNewTime;
    return asked;
}

Error mismatch(std::string_view what, std::string_view target = {}) {
    return about(make_error("verifying the new context:", {}, 0), std::string(what), target);
}

std::string_view take_until(std::string_view& text, char end) {
    const auto at = text.find(end);
    const std::string_view head = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return head;
}

/// proc writes blanks and backslashes of a path as \ooo.
std::string unescape(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && text.size() - at > 3) {
            int value = 0;
            std::from_chars(text.data() + at + 1, text.data() + at + 4, value, 8);
            plain += static_cast<char>(value);
            at += 3;
        } else {
            plain += text[at];
        }
    }
    return plain;
}

struct Mounted {
    std::string target;
    std::uint64_t flags = 0;
    std::string_view type;
    bool writable_file_system = false;
    /// Shares mounts with a peer, or receives them.
    bool propagates = false;
};

std::uint64_t flags_in(std::string_view options) {
    std::uint64_t flags = 0;
    while (!options.empty()) {
        const std::string_view option = take_until(options, ',');
        if (option == "ro") flags |= sys::kMountReadOnly;
        if (option == "nosuid") flags |= sys::kMountNoSuid;
        if (option == "nodev") flags |= sys::kMountNoDevice;
        if (option == "noexec") flags |= sys::kMountNoExecute;
    }
    return flags;
}

/// One line: id, parent, device, root, target, options, optional fields, "-", type, source,
/// options.
Mounted parse_mount(std::string_view line) {
    for (int skipped = 0; skipped < 4; ++skipped)
        take_until(line, ' ');
    Mounted mounted;
    mounted.target = unescape(take_until(line, ' '));
    mounted.flags = flags_in(take_until(line, ' '));
    for (;;) {
        const std::string_view field = take_until(line, ' ');
        if (field == "-" || line.empty()) break;
        mounted.propagates = true;
    }
    mounted.type = take_until(line, ' ');
    take_until(line, ' ');
    mounted.writable_file_system = (flags_in(line) & sys::kMountReadOnly) == 0;
    return mounted;
}

/// The one that is seen at `target`: of several the last.
const Mounted* find_mount(const std::vector<Mounted>& mounts, std::string_view target) {
    const Mounted* found = nullptr;
    for (const Mounted& mounted : mounts) {
        if (mounted.target == target) found = &mounted;
    }
    return found;
}

std::string_view expected_type(MountKind kind) {
    switch (kind) {
    case MountKind::Tmpfs:
    case MountKind::Mask:
        return "tmpfs";
    case MountKind::Proc:
        return "proc";
    case MountKind::Sysfs:
        return "sysfs";
    case MountKind::Mqueue:
        return "mqueue";
    case MountKind::Devpts:
        return "devpts";
    case MountKind::Cgroup:
        return "cgroup2";
    case MountKind::Bind:
    case MountKind::ReadOnly:
    case MountKind::Cover:
    case MountKind::Device:
    case MountKind::Link:
    case MountKind::Folder:
    case MountKind::File:
    case MountKind::Socket:
        return {};
    }
    return {};
}

constexpr std::uint64_t kChecked =
    sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;

Result<void> verify_mount(const recipe::Mount& asked, const std::vector<Mounted>& mounts) {
    const std::string_view type = expected_type(asked.kind);
    const bool may_be_absent = asked.optional || asked.kind == MountKind::Mask ||
                               asked.kind == MountKind::ReadOnly ||
                               asked.kind == MountKind::Cover || asked.kind == MountKind::Bind;
    const bool is_mount = !type.empty() || may_be_absent;
    if (!is_mount) return {};

    const Mounted* found = find_mount(mounts, asked.target);
    if (found == nullptr) {
        // A missing target is left out, and a bind may lie where a link of the guest led it; its
        // flags were set before it was attached.
        if (may_be_absent) return {};
        return mismatch("nothing is mounted on", asked.target);
    }
    std::uint64_t wanted = asked.attributes & kChecked;
    if (asked.kind == MountKind::Mask || asked.kind == MountKind::ReadOnly ||
        asked.kind == MountKind::Cover) {
        wanted |= sys::kMountReadOnly;
    }
    if ((found->flags & wanted) != wanted) return mismatch("flags missing on", asked.target);
    if (!type.empty() && found->type != type) return mismatch("not ours:", asked.target);
    return {};
}

Result<void> verify_root(const recipe::Context& recipe, const std::vector<Mounted>& mounts) {
    const Mounted* root = find_mount(mounts, "/");
    if (root == nullptr) return mismatch("nothing is mounted on", "/");
    const bool read_only = (root->flags & sys::kMountReadOnly) != 0;
    if (read_only != recipe.root.read_only) {
        return mismatch(read_only ? "the root came up read-only" : "the root is writable");
    }
    // An overlay may come up read-only without a word.
    if (!recipe.root.read_only && !root->writable_file_system) {
        return mismatch("the root's file system came up read-only");
    }
    if ((root->flags & sys::kMountNoDevice) == 0) return mismatch("flags missing on", "/");
    return {};
}

/// Whether `mounted` is something the recipe put there: a mount of its own at that very place, what
/// came along below a recursive one, or /run/stead.
bool is_accounted(const recipe::Context& recipe,
                  const std::vector<std::string>& places,
                  const Mounted& mounted) {
    if (mounted.target == "/run/stead" || mounted.target == recipe::kGuestStead) return true;
    for (const recipe::Mount& asked : recipe.mounts) {
        if (asked.target == mounted.target) return true;
        const bool brings_more = asked.recursive || asked.kind == MountKind::ReadOnly;
        if (brings_more && is_below(mounted.target, asked.target)) return true;
    }
    for (const std::string& place : places) {
        if (is_below(mounted.target, place)) return true;
    }
    return false;
}

Result<void> verify_no_others(const recipe::Context& recipe,
                              const std::vector<std::string>& places,
                              const std::vector<Mounted>& mounts) {
    std::size_t roots = 0;
    for (const Mounted& mounted : mounts) {
        if (mounted.propagates) return mismatch("shared with others:", mounted.target);
        if (mounted.target == "/") {
            ++roots;
        } else if (!is_accounted(recipe, places, mounted)) {
            return mismatch("an unknown mount on", mounted.target);
        }
    }
    return roots == 1 ? Result<void>{} : mismatch("something else is mounted on", "/");
}

/// The text after "NAME:" and its blanks; nothing if there is no such line.
std::optional<std::string_view> field(std::string_view status, std::string_view name) {
    while (!status.empty()) {
        std::string_view line = take_until(status, '\n');
        if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
        line.remove_prefix(name.size() + 1);
        while (!line.empty() && (line.front() == '\t' || line.front() == ' '))
            line.remove_prefix(1);
        while (!line.empty() && line.back() == ' ')
            line.remove_suffix(1);
        return line;
    }
    return std::nullopt;
}

Result<void> verify_field(std::string_view status, std::string_view name, std::string_view wanted) {
    const auto value = field(status, name);
    if (value == wanted) return {};
    return mismatch(std::string(name) + " is '" + std::string(value.value_or("absent")) +
                    "', not '" + std::string(wanted) + "'");
}

std::string hexadecimal(std::uint64_t set) {
    std::string text(16, '0');
    for (std::size_t at = text.size(); at-- > 0; set >>= 4U)
        text[at] = "0123456789abcdef"[set & 15U];
    return text;
}

/// From the link's text, "uts:[4026531838]": the kernel makes no file for who only reads that.
Result<std::uint64_t> inode_of(int folder, const char* name) {
    std::array<char, 64> text{};
    const std::size_t size = TRY(sys::read_link(folder, name, text));
    std::string_view digits(text.data(), size);
    digits.remove_prefix(std::min(digits.find('[') + 1, digits.size()));
    std::uint64_t inode = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), inode);
    if (error != std::errc{} || end == digits.data() + digits.size() || *end != ']' || inode == 0)
        return make_error("read", name, EINVAL);
    return inode;
}

} // namespace

Result<NamespaceIds> read_namespaces(const recipe::Context& recipe) {
    NamespaceIds ids;
    const auto folder = TRY(sys::open_at(AT_FDCWD, "/proc/self/ns", O_PATH | O_DIRECTORY));
    for (std::size_t at = 0; at < kNamespaces.size(); ++at) {
        if ((asked_namespaces(recipe) & kNamespaces[at].flag) == 0) continue;
        ids.inode[at] = TRY(inode_of(folder.get(), kNamespaces[at].name));
    }
    return ids;
}

Result<void> verify_namespaces(const recipe::Context& recipe, const NamespaceIds& launcher) {
    const NamespaceIds own = TRY(read_namespaces(recipe));
    for (std::size_t at = 0; at < kNamespaces.size(); ++at) {
        if ((asked_namespaces(recipe) & kNamespaces[at].flag) == 0) continue;
        if (own.inode[at] == launcher.inode[at]) {
            return mismatch("still the host's namespace:", kNamespaces[at].name);
        }
    }
    if ((recipe.namespaces & CLONE_NEWPID) != 0 && ::getpid() != 1) {
        return mismatch("still the host's:", "pid namespace");
    }
    return {};
}

Result<void> verify_mounts(const recipe::Context& recipe,
                           const std::vector<std::string>& places,
                           std::string_view mountinfo) {
    std::vector<Mounted> mounts;
    while (!mountinfo.empty())
        mounts.push_back(parse_mount(take_until(mountinfo, '\n')));
    TRY(verify_root(recipe, mounts));
    TRY(verify_no_others(recipe, places, mounts));
    for (const recipe::Mount& asked : recipe.mounts) {
        TRY(verify_mount(asked, mounts));
    }
    const Mounted* ours = find_mount(mounts, "/run/stead");
    if (ours == nullptr || (ours->flags & kChecked) != kChecked) {
        return mismatch("flags missing on", "/run/stead");
    }
    return {};
}

Result<void>
verify_status(const recipe::Context& recipe, const Sets& sets, std::string_view status) {
    const std::string kept = hexadecimal(sets.bounding | sets.inheritable);
    TRY(verify_field(status, "Uid", "0\t0\t0\t0"));
    TRY(verify_field(status, "Gid", "0\t0\t0\t0"));
    // The user's own stay where the kernel lets nobody drop them: they are no more than the user
    // has.
    if (recipe.rootless_ids != 1) TRY(verify_field(status, "Groups", ""));
    TRY(verify_field(status, "CapInh", hexadecimal(sets.inheritable)));
    TRY(verify_field(status, "CapPrm", kept));
    TRY(verify_field(status, "CapEff", kept));
    TRY(verify_field(status, "CapBnd", hexadecimal(sets.bounding)));
    TRY(verify_field(status, "CapAmb", hexadecimal(0)));
    TRY(verify_field(status, "NoNewPrivs", recipe.no_new_privileges ? "1" : "0"));
    const bool filtered = !recipe.filter.empty() || !recipe.init_filter.empty();
    return verify_field(status, "Seccomp", filtered ? "2" : "0");
}

} // namespace stead::context
