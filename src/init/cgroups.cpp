#include "init/cgroups.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <dirent.h>

#include "base/function_ref.h"
#include "base/words.h"
#include "init/digits.h"
#include "init/say.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "sys/stream.h"

namespace stead::init {

namespace {

constexpr long kCgroup2Magic = 0x63677270;
/// `name` plus the longest file of a cgroup.
using Path = FixedString<kMaxUnitName + 32>;

Path path_of(std::string_view name, std::string_view file) {
    Path path(name);
    path.append("/").append(file);
    return path;
}

Result<void> write_file(int folder, const char* name, std::string_view text) {
    const auto file = TRY(sys::open_at(folder, name, O_WRONLY));
    return sys::write_full(file.get(), text);
}

std::size_t read_file(int folder, const char* name, std::span<char> buffer) {
    const auto file = sys::open_at(folder, name, O_RDONLY | O_NONBLOCK);
    if (!file) return 0;
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(buffer));
    return size ? *size : 0;
}

/// The cgroup2 line of a /proc/PID/cgroup: "0::/path".
std::string_view unified_path(std::string_view text) {
    while (!text.empty()) {
        const std::string_view line = take_part(text, '\n');
        if (line.starts_with("0::")) return line.substr(3);
    }
    return {};
}

std::string_view own_path(std::span<char> buffer) {
    const std::size_t size = read_file(AT_FDCWD, "/proc/self/cgroup", buffer);
    return unified_path({buffer.data(), size});
}

/// Groups below a unit's own are no deeper (`delegate`).
constexpr int kDepth = 16;

/// False when the list cannot be opened.
bool tell_members(int group, FunctionRef<void(pid_t)> each) {
    const auto file = sys::open_at(group, "cgroup.procs", O_RDONLY | O_NONBLOCK);
    if (!file) return false;
    std::array<char, 512> buffer; // Filled by read; clearing it is for nothing.
    DigitReader digits;
    while (true) {
        const ssize_t size = ::read(file->get(), buffer.data(), buffer.size());
        if (size <= 0) return true;
        for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(size))) {
            const auto number = digits.feed(c);
            if (number && *number > 0) each(static_cast<pid_t>(*number));
        }
    }
}

/// Calls `each` with every pid of the group `name` and of those below it; or, without one, removes
/// the groups below it and then itself. False when one of them cannot be opened.
bool walk_tree(int parent, const char* name, int depth, const FunctionRef<void(pid_t)>* each) {
    const auto folder = sys::open_at(parent, name, O_RDONLY | O_DIRECTORY);
    bool good = folder.has_value();
    alignas(dirent) std::array<std::byte, 1024> buffer; // Filled by the kernel.
    while (folder && depth > 0) {
        const long size = ::syscall(SYS_getdents64, folder->get(), buffer.data(), buffer.size());
        if (size <= 0) break;
        for (long at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent*>(buffer.data() + at);
            at += entry->d_reclen;
            // "." and ".." are no groups below.
            const char* below = entry->d_name;
            const bool itself = below[0] == '.' && (below[1] == '\0' || below[1] == '.');
            if (entry->d_type == DT_DIR && !itself)
                good = walk_tree(folder->get(), below, depth - 1, each) && good;
        }
    }
    if (each != nullptr) return folder && tell_members(folder->get(), *each) && good;
    (void)sys::remove_at(parent, name, true);
    return good;
}

bool for_each_member(Supervisor& self, std::string_view name, FunctionRef<void(pid_t)> each) {
    return walk_tree(self.cgroups.units.get(), FixedString<kMaxUnitName>(name).c_str(), kDepth,
                     &each);
}

void use_tree(Supervisor& self, sys::UniqueFd root, std::string_view path_of_root) {
    (void)sys::make_folder(root.get(), "units", 0755);
    auto units = sys::open_at(root.get(), "units", O_RDONLY | O_DIRECTORY);
    if (!units) return;
    self.cgroups.root.take(std::move(root));
    self.cgroups.units.take(std::move(*units));
    self.cgroups.prefix.clear();
    self.cgroups.prefix.append(path_of_root == "/" ? std::string_view{} : path_of_root);
    self.cgroups.prefix.append("/units/");
}

} // namespace

void adopt_cgroups(Supervisor& self, sys::UniqueFd root) {
    std::array<char, 1024> buffer;
    std::string_view path = own_path(buffer);
    if (path.ends_with("/init")) path.remove_suffix(5);
    use_tree(self, std::move(root), path);
}

void find_cgroups(Supervisor& self) {
    std::array<char, 1024> buffer;
    const std::string_view path = own_path(buffer);
    constexpr std::array<std::string_view, 2> kMounts = {"/sys/fs/cgroup",
                                                         "/sys/fs/cgroup/unified"};
    for (const std::string_view mount : kMounts) {
        FixedString<511> at(mount);

        struct statfs kind {};

        if (::statfs(at.c_str(), &kind) < 0 || kind.f_type != kCgroup2Magic) continue;
        if (path.empty() || path.find("/..") != std::string_view::npos) continue;
        // The number keeps several of us in one cgroup apart.
        at.append(path == "/" ? std::string_view{} : path).append("/stead-init.");
        at.append_number(sys::now().ns);
        if (at.truncated() || !sys::make_folder(AT_FDCWD, at.c_str(), 0755)) continue;
        self.cgroups.own = at;
        auto root = sys::open_at(AT_FDCWD, at.c_str(), O_RDONLY | O_DIRECTORY);
        if (!root) continue;
        FixedString<511> inside = at;
        use_tree(self, std::move(*root), inside.view().substr(mount.size()));
        if (self.cgroups.units) return;
    }
    note(self, "no cgroup of our own: units are tracked by process group, without limits");
}

void leave_cgroups(Supervisor& self) {
    if (self.cgroups.own.empty()) return;
    if (self.cgroups.root) (void)sys::remove_at(self.cgroups.root.get(), "units", true);
    (void)sys::remove_at(AT_FDCWD, self.cgroups.own.c_str(), true);
}

Result<sys::UniqueFd> make_cgroup(Supervisor& self, std::string_view name) {
    const FixedString<kMaxUnitName> text(name);
    const auto made = sys::make_folder(self.cgroups.units.get(), text.c_str(), 0755);
    if (!made && made.error().code != EEXIST) return made.error();
    return sys::open_at(self.cgroups.units.get(), text.c_str(), O_RDONLY | O_DIRECTORY);
}

void remove_cgroup(Supervisor& self, std::string_view name) {
    if (!self.cgroups.units) return;
    // EBUSY while a process is still on its way out; the next start uses the folder again.
    (void)walk_tree(self.cgroups.units.get(), FixedString<kMaxUnitName>(name).c_str(), kDepth,
                    nullptr);
}

namespace {

/// EBUSY while the process that made the launcher's part of the guest is still on its way out of
/// the folder; it has nothing left to do but to end.
void enable_in_root(Supervisor& self, std::string_view controller) {
    constexpr int kAttempts = 20;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto written =
            write_file(self.cgroups.root.get(), "cgroup.subtree_control", controller);
        if (written || written.error().code != EBUSY) return;
        (void)::poll(nullptr, 0, 1);
    }
}

} // namespace

Result<void> set_level(Supervisor& self, int cgroup, const CgroupSetting& setting) {
    const FixedString<64> file(setting.file);
    auto written = write_file(cgroup, file.c_str(), setting.value);
    if (written || written.error().code != ENOENT) return written;

    // The controller ("memory" of "memory.max") may only not be switched on yet.
    FixedString<64> controller("+");
    controller.append(part_before(setting.file, '.'));
    enable_in_root(self, controller.view());
    (void)write_file(self.cgroups.units.get(), "cgroup.subtree_control", controller.view());
    return write_file(cgroup, file.c_str(), setting.value);
}

bool is_populated(int events) {
    std::array<char, 128> text; // Filled by the kernel.
    const auto size = sys::read_at(events, text, 0);
    return size &&
           std::string_view(text.data(), *size).find("populated 1") != std::string_view::npos;
}

bool is_populated(Supervisor& self, std::string_view name) {
    const auto events = open_events(self, name);
    return events && is_populated(events->get());
}

std::int64_t count_oom_kills(Supervisor& self, std::string_view name) {
    std::array<char, 256> text;
    const std::size_t size =
        read_file(self.cgroups.units.get(), path_of(name, "memory.events").c_str(), text);
    std::string_view rest(text.data(), size);
    constexpr std::string_view kKey = "\noom_kill ";
    const std::size_t at = rest.find(kKey);
    if (at == std::string_view::npos) return 0;
    rest.remove_prefix(at + kKey.size());
    return whole_number(part_before(rest, '\n')).value_or(0);
}

Result<sys::UniqueFd> open_events(Supervisor& self, std::string_view name) {
    return sys::open_at(self.cgroups.units.get(), path_of(name, "cgroup.events").c_str(), O_RDONLY);
}

void kill_cgroup(Supervisor& self, std::string_view name) {
    const int units = self.cgroups.units.get();
    if (write_file(units, path_of(name, "cgroup.kill").c_str(), "1")) return;
    // Linux has cgroup.kill since 5.14; a container's runtime may keep it away.
    (void)signal_cgroup(self, name, 9);
}

bool signal_cgroup(Supervisor& self, std::string_view name, int signal) {
    bool reached = true;
    const bool listed = for_each_member(self, name, [&](pid_t pid) {
        const auto process = sys::open_process(pid);
        // ESRCH: it ended meanwhile, which is what most signals are for.
        if (process) (void)sys::send_signal(*process, signal);
        reached = reached && (process || process.error().code == ESRCH);
    });
    return listed && reached;
}

pid_t find_eldest(Supervisor& self, std::string_view name) {
    pid_t eldest = 0;
    (void)for_each_member(self, name, [&](pid_t member) {
        siginfo_t info{};
        const bool ours =
            ::waitid(P_PID, static_cast<id_t>(member), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
        if (ours && (eldest == 0 || member < eldest)) eldest = member;
    });
    return eldest;
}

bool is_member(Supervisor& self, std::string_view name, pid_t pid) {
    bool found = false;
    (void)for_each_member(self, name, [&](pid_t member) { found = found || member == pid; });
    return found;
}

std::string_view find_cgroup_of(Supervisor& self, pid_t pid, std::span<char> buffer) {
    if (!self.cgroups.units || self.cgroups.prefix.truncated()) return {};
    FixedString<40> file("/proc/");
    file.append_number(pid).append("/cgroup");
    const std::size_t size = read_file(AT_FDCWD, file.c_str(), buffer);
    std::string_view path = unified_path({buffer.data(), size});
    if (!path.starts_with(self.cgroups.prefix.view())) return {};
    path.remove_prefix(self.cgroups.prefix.size());
    return part_before(path, '/');
}

} // namespace stead::init
