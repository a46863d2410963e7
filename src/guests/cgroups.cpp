#include "guests/cgroups.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <utility>

#include <dirent.h>

#include "base/close_folder.h"
#include "guests/rootless.h"
#include "guests/service.h"
#include "guests/state.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

constexpr std::size_t kMaxMountTable = 4U << 20U;
/// Where keepers live beside the guests of a cgroup that was delegated to us.
constexpr std::string_view kKeeperLeaf = "/keeper";
constexpr std::size_t kMaxOwnCgroup = 64U << 10U;
/// Killed processes leave within milliseconds, unless they hang in the kernel.
constexpr int kRemoveAttempts = 500;
constexpr int kParentAttempts = 100;
constexpr int kRemovePauseMilliseconds = 10;
/// Deeper than any tree that a guest may make by delegation.
constexpr int kMaxDepth = 64;

bool is_cgroup2(const char* path) {
    struct statfs status {};

    return ::statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

/// The fields of one line of /proc/self/mountinfo that matter here: the mount point is the fifth,
/// the type follows " - " (proc(5)). Escapes (\040) are not undone: such a path is not taken.
std::optional<std::string> cgroup2_of_line(std::string_view line) {
    if (line.find(" - cgroup2 ") == std::string_view::npos) return std::nullopt;
    for (int i = 0; i < 4; ++i) {
        const std::size_t space = line.find(' ');
        if (space == std::string_view::npos) return std::nullopt;
        line.remove_prefix(space + 1);
    }
    const std::string_view path = line.substr(0, line.find(' '));
    if (path.find('\\') != std::string_view::npos) return std::nullopt;
    return std::string(path);
}

Result<void> write_file(int folder, const char* name, std::string_view text) {
    const sys::UniqueFd file = TRY(sys::open_at(folder, name, O_WRONLY | O_NOFOLLOW));
    const Result<void> written = sys::write_full(file.get(), text);
    if (!written) return make_error("write", name, written.error().code);
    return {};
}

Result<void> enable(int folder, const std::vector<std::string>& controllers) {
    if (controllers.empty()) return {};
    std::string text;
    for (const std::string& controller : controllers)
        text += "+" + controller + " ";
    return write_file(folder, "cgroup.subtree_control", text);
}

Result<sys::UniqueFd> open_cgroup(int folder, const char* name) {
    return sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

std::vector<std::string> children_of(int cgroup) {
    std::vector<std::string> names;
    // fdopendir takes the descriptor it is given, and a shared offset would be ours.
    auto again = sys::open_at(cgroup, ".", O_RDONLY | O_DIRECTORY);
    if (!again) return names;
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(again->get()));
    if (!folder) return names;
    (void)again->release(); // The stream closes it.
    // One stream, one thread: readdir(3) is safe here.
    while (const dirent* entry = ::readdir(folder.get())) { // NOLINT(concurrency-mt-unsafe)
        const std::string_view name = entry->d_name;
        if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
    }
    return names;
}

/// Removes the cgroups below, deepest first; what is busy stays.
void remove_children(int cgroup, int depth) {
    if (depth == 0) return;
    for (const std::string& name : children_of(cgroup)) {
        auto child = open_cgroup(cgroup, name.c_str());
        if (child) remove_children(child->get(), depth - 1);
        // One that is still busy is met again in the next round.
        (void)sys::remove_at(cgroup, name.c_str(), true);
    }
}

std::string hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(hash >> 32U));
    return digits.data();
}

} // namespace

namespace {

std::optional<std::string> find_mount() {
    // The two usual places cost one call each; the mount table is read only when they are not it.
    for (const char* usual : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        if (is_cgroup2(usual)) return usual;
    }
    const auto file = sys::open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY);
    if (!file) return std::nullopt;
    std::string table(kMaxMountTable, '\0');
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(table)));
    if (!size) return std::nullopt;
    std::string_view rest(table.data(), *size);
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        auto path = cgroup2_of_line(rest.substr(0, end));
        if (path && is_cgroup2(path->c_str())) return path;
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return std::nullopt;
}

/// Below `cgroup2`, without a leaf of ours at the end.
Result<std::string> own_cgroup(const std::string& cgroup2) {
    const sys::UniqueFd file = TRY(sys::open_at(AT_FDCWD, "/proc/self/cgroup", O_RDONLY));
    std::string text(kMaxOwnCgroup, '\0');
    text.resize(TRY(sys::read_full(file.get(), std::as_writable_bytes(std::span(text)))));
    // The line of the second version has no controllers: "0::/system.slice/...".
    const std::size_t line = text.starts_with("0::/") ? 0 : text.find("\n0::/") + 1;
    const std::size_t end = text.find('\n', line);
    if (!std::string_view(text).substr(line).starts_with("0::/") || end == std::string::npos)
        return make_error("no cgroup2 of", "this process", ENOENT);
    std::string own = text.substr(line + 3, end - line - 3);
    if (own.ends_with(kKeeperLeaf)) own.resize(own.size() - kKeeperLeaf.size());
    if (own == "/" || own.empty())
        return make_error("this process has no cgroup of its own", {}, 0);
    return cgroup2 + own;
}

/// Whether nobody, or nobody else, sits in it.
bool is_ours_alone(const std::string& cgroup) {
    const auto file = sys::open_at(AT_FDCWD, (cgroup + "/cgroup.procs").c_str(), O_RDONLY);
    if (!file) return false;
    std::array<char, 64> text{};
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(text)));
    if (!size) return false;
    const std::string_view processes(text.data(), *size);
    return processes.empty() || processes == std::to_string(::getpid()) + "\n";
}

} // namespace

std::optional<std::string> find_cgroup2() {
    auto mount = find_mount();
    if (mount && rootless_ids() && !own_delegated_cgroup(*mount)) return std::nullopt;
    return mount;
}

std::optional<std::string> own_delegated_cgroup(const std::string& cgroup2) {
    const auto own = own_cgroup(cgroup2);
    if (!own) return std::nullopt;
    for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control"})
        if (::access((*own + file).c_str(), W_OK) != 0) return std::nullopt;
    char said = '0';
    const bool marked = ::getxattr(own->c_str(), "user.delegate", &said, 1) == 1 && said == '1';
    if (!marked && booted_by_systemd()) return std::nullopt;
    if (!is_ours_alone(*own)) return std::nullopt;
    return *own;
}

std::string cgroup_parent(const Paths& paths, std::string_view cgroup2) {
    std::string parent = std::string(cgroup2) + "/stead";
    if (paths.runtime != Paths{}.runtime) parent += "-" + hash_of(paths.runtime);
    return parent;
}

std::vector<std::string> controllers_of(const std::string& cgroup2) {
    std::vector<std::string> controllers;
    const std::string path = cgroup2 + "/cgroup.controllers";
    const auto file = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY);
    if (!file) return controllers;
    std::array<char, 1024> buffer{};
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(buffer)));
    std::string_view text(buffer.data(), size ? *size : 0);
    while (!text.empty()) {
        const std::size_t end = text.find_first_of(" \n");
        if (end != 0) controllers.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return controllers;
}

CgroupParent CgroupParent::of_all(const Paths& paths, const std::string& cgroup2) {
    std::string parent = cgroup_parent(paths, cgroup2);
    return {parent, {cgroup2, parent}};
}

Result<CgroupParent> CgroupParent::of_service(const std::string& cgroup2) {
    const std::string own = TRY(own_cgroup(cgroup2));
    CgroupParent parent{own, {own}};
    const sys::UniqueFd folder = TRY(open_cgroup(AT_FDCWD, parent.path.c_str()));
    const auto made = sys::make_folder(folder.get(), "keeper", 0755);
    if (!made && made.error().code != EEXIST) return made.error();
    TRY(enter_cgroup(parent.path + "/keeper"));
    return parent;
}

Result<void> enter_cgroup(const std::string& cgroup) {
    const sys::UniqueFd folder = TRY(open_cgroup(AT_FDCWD, cgroup.c_str()));
    return write_file(folder.get(), "cgroup.procs", "0");
}

std::string keeper_leaf(const std::string& guest_cgroup) {
    return guest_cgroup.substr(0, guest_cgroup.rfind('/')) + "/keeper";
}

Result<Cgroup> make_cgroup(const CgroupParent& place,
                           std::string_view name,
                           const std::vector<std::string>& controllers) {
    const std::string& parent = place.path;
    Cgroup cgroup{parent + "/" + std::string(name), {}};
    Result<void> made = sys::make_folder(AT_FDCWD, cgroup.path.c_str(), 0755);
    for (int attempt = 0; attempt < kParentAttempts; ++attempt) {
        if (made || made.error().code != ENOENT) break;
        // Another start may make it meanwhile, and another guest's end may take it away again.
        made = sys::make_folder(AT_FDCWD, parent.c_str(), 0755);
        if (!made && made.error().code != EEXIST) break;
        made = sys::make_folder(AT_FDCWD, cgroup.path.c_str(), 0755);
    }
    if (!made && made.error().code == EEXIST) {
        TRY(remove_cgroup(cgroup.path));
        made = sys::make_folder(AT_FDCWD, cgroup.path.c_str(), 0755);
    }
    if (!made) return made.error();

    if (!controllers.empty()) {
        for (const std::string& above : place.passing) {
            const sys::UniqueFd folder = TRY(open_cgroup(AT_FDCWD, above.c_str()));
            TRY(enable(folder.get(), controllers));
        }
    }
    cgroup.folder = TRY(open_cgroup(AT_FDCWD, cgroup.path.c_str()));
    TRY(sys::make_folder(cgroup.folder.get(), "init", 0755));
    return cgroup;
}

Result<void> set_level(const Cgroup& cgroup, const char* file, std::string_view value) {
    return write_file(cgroup.folder.get(), file, value);
}

Result<void> remove_cgroup(const std::string& path) {
    // A leaf that nobody uses goes at once.
    Result<void> removed = sys::remove_at(AT_FDCWD, path.c_str(), true);
    if (removed || removed.error().code == ENOENT) return {};

    const sys::UniqueFd cgroup = TRY(open_cgroup(AT_FDCWD, path.c_str()));
    for (int attempt = 0; attempt < kRemoveAttempts; ++attempt) {
        remove_children(cgroup.get(), kMaxDepth);
        removed = sys::remove_at(AT_FDCWD, path.c_str(), true);
        if (removed || removed.error().code == ENOENT) return {};
        if (removed.error().code != EBUSY && removed.error().code != ENOTEMPTY) break;
        // Kills the whole tree below, frozen processes included; repeated, because a process on its
        // way into the cgroup may arrive after the first time.
        TRY(write_file(cgroup.get(), "cgroup.kill", "1"));
        ::poll(nullptr, 0, attempt == 0 ? 1 : kRemovePauseMilliseconds);
    }
    return make_error("rmdir", path, removed.error().code);
}

} // namespace stead::guests
