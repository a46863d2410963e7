#include "resources/inside.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "resources/files.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/path.h"
#include "sys/setup.h"

namespace stead::resources {

namespace {

constexpr long kDevptsMagic = 0x1cd1;

/// What a child inside does, and says.
struct Errand {
    std::string path;
    /// Null: read it.
    const std::string* content = nullptr;
    std::uint64_t kind = CLONE_NEWIPC;
};

std::string proc_of(const Subject& subject, std::string_view name) {
    return "/proc/" + std::to_string(subject.init) + "/" + std::string(name);
}

/// The host's id of the first id of a map.
std::uint32_t first_of(const Subject& subject, const char* map) {
    const auto text = read_text(proc_of(subject, map));
    if (!text) return 0;
    const auto words = split(*text, " \t\n");
    return words.size() > 1 ? static_cast<std::uint32_t>(number_in(words[1], "").value_or(0)) : 0;
}

Result<std::string> do_errand(const Errand& errand, uid_t guest_root) {
    if (errand.content == nullptr) return read_text(errand.path);
    auto written = write_text(errand.path, *errand.content);
    if (!written && (written.error().code == EACCES || written.error().code == EPERM) &&
        guest_root != 0 && ::seteuid(guest_root) == 0)
        written = write_text(errand.path, *errand.content);
    if (!written) return written.error();
    return std::string();
}

/// In the child: the answer's first byte tells of failure, the rest is text or the errno.
[[noreturn]] void answer(int out, const Errand& errand, int space, uid_t guest_root) {
    const auto joined = sys::join_namespace(space, errand.kind);
    if (joined && errand.kind == CLONE_NEWPID) {
        // Only children of ours are inside.
        const auto child = sys::fork_into(0);
        if (child && *child > 0) {
            int status = 0;
            (void)::waitpid(*child, &status, 0); // Its answer, or that there is none, says all.
            ::_exit(0);
        }
    }
    const auto done = joined ? do_errand(errand, guest_root) : Result<std::string>(joined.error());
    const std::string text = done ? "+" + *done : "-" + std::to_string(done.error().code);
    (void)sys::write_full(out, text); // Nobody is left to be told.
    ::_exit(0);
}

Result<std::string> run_errand(const Subject& subject, const Errand& errand) {
    const char* name = errand.kind == CLONE_NEWPID ? "ns/pid" : "ns/ipc";
    const auto space = TRY(sys::open_at(AT_FDCWD, proc_of(subject, name).c_str(), O_RDONLY));
    // Newer kernels let only the guest's root write such files.
    const uid_t guest_root = root_of(subject).uid;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) return last_error("pipe2");
    const sys::UniqueFd read_end(ends[0]);
    sys::UniqueFd write_end(ends[1]);
    const pid_t child = TRY(sys::fork_into(0));
    if (child == 0) answer(write_end.get(), errand, space.get(), guest_root);
    write_end = sys::UniqueFd();
    std::string text(std::size_t{64} * 1024, '\0');
    const auto size = sys::read_full(read_end.get(), std::as_writable_bytes(std::span(text)));
    int status = 0;
    (void)::waitpid(child, &status, 0); // What it wrote is its answer.
    text.resize(size ? *size : 0);
    if (text.starts_with('+')) return text.substr(1);
    const auto code = number_in(std::string_view(text).substr(text.empty() ? 0 : 1), "");
    return make_error(errand.content != nullptr ? "write" : "open", errand.path,
                      static_cast<int>(code.value_or(EIO)));
}

Errand errand_for(const Level& level) {
    Errand errand;
    errand.path = "/proc/sys/" + std::string(level.object);
    if (level.kernel == Kernel::PidMax) errand.kind = CLONE_NEWPID;
    return errand;
}

/// The line of the guest's mount table for `target`; empty if nothing is mounted there.
std::string mount_line(const Subject& subject, std::string_view target) {
    const auto table = read_text(proc_of(subject, "mountinfo"));
    if (!table) return {};
    std::string found;
    for (const std::string_view line : split(*table, "\n")) {
        const auto words = split(line, " ");
        // The last one is the uppermost.
        if (words.size() > 4 && words[4] == target) found = line;
    }
    return found;
}

/// Whether a file system with this number (the third field) is also the host's own.
bool is_of_host(std::string_view line) {
    const auto words = split(line, " ");
    const auto table = read_text("/proc/self/mountinfo");
    if (words.size() < 3 || !table) return true;
    for (const std::string_view other : split(*table, "\n")) {
        const auto fields = split(other, " ");
        if (fields.size() > 2 && fields[2] == words[2]) return true;
    }
    return false;
}

struct Mounted {
    sys::UniqueFd folder;
    std::string line;

    struct statfs status {};
};

Result<Mounted> find_mount(const Subject& subject, const std::string& target, long magic) {
    Mounted mounted;
    mounted.line = mount_line(subject, target);
    if (mounted.line.empty()) return make_error("mount", target, ENOENT);
    if (is_of_host(mounted.line)) return make_error("mount", target, EXDEV);
    const auto root =
        TRY(sys::open_at(AT_FDCWD, proc_of(subject, "root").c_str(), O_PATH | O_DIRECTORY));
    mounted.folder = TRY(sys::resolve_in_root(root.get(), target.c_str(), O_PATH | O_DIRECTORY));
    if (::fstatfs(mounted.folder.get(), &mounted.status) < 0) return last_error("statfs", target);
    if (mounted.status.f_type != magic) return make_error("mount", target, EXDEV);
    return mounted;
}

Result<Mounted> find_mount(const Subject& subject, const Level& level) {
    const long magic = level.kernel == Kernel::PtyCount ? kDevptsMagic : TMPFS_MAGIC;
    return find_mount(subject, std::string(level.object), magic);
}

/// The options of a file system as its mount table's last field has them.
std::string_view options_of(std::string_view line) {
    const auto space = line.rfind(' ');
    return space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
}

} // namespace

Result<std::string> read_sysctl(const Subject& subject, const Level& level) {
    auto text = run_errand(subject, errand_for(level));
    if (!text) return text;
    std::string plain;
    for (const std::string_view word : split(*text, " \t\n"))
        plain += (plain.empty() ? "" : " ") + std::string(word);
    return plain;
}

Result<void> write_sysctl(const Subject& subject, const Level& level, const std::string& content) {
    Errand errand = errand_for(level);
    // The largest number there is, where others write "max".
    const std::string text = content == "max" ? "18446744073692774399" : content;
    errand.content = &text;
    TRY(run_errand(subject, errand));
    return {};
}

Result<std::string> read_in_ipc(const Subject& subject, const std::string& path) {
    return run_errand(subject, {path, nullptr, CLONE_NEWIPC});
}

Result<std::string> read_mount(const Subject& subject, const Level& level) {
    const Mounted mounted = TRY(find_mount(subject, level));
    if (level.kernel == Kernel::TmpfsSize)
        return std::to_string(static_cast<std::uint64_t>(mounted.status.f_blocks) *
                              static_cast<std::uint64_t>(mounted.status.f_bsize));
    for (const std::string_view option : split(options_of(mounted.line), ",")) {
        if (option.starts_with("max=")) return std::string(option.substr(4));
    }
    return std::string("1048576");
}

Result<void> write_mount(const Subject& subject, const Level& level, const std::string& content) {
    const Mounted mounted = TRY(find_mount(subject, level));
    std::string options;
    if (level.kernel == Kernel::TmpfsSize) {
        options = "size=" + (content == "max" ? std::string("0") : content);
    } else {
        // devpts forgets every option that a remount does not name.
        for (const std::string_view option : split(options_of(mounted.line), ",")) {
            const bool kept = option.starts_with("gid=") || option.starts_with("uid=") ||
                              option.starts_with("mode=") || option.starts_with("ptmxmode=");
            if (kept) options += std::string(option) + ",";
        }
        options += "max=" + content;
    }
    return sys::reconfigure(mounted.folder.get(), options.c_str());
}

std::optional<std::int64_t> mount_use(const Subject& subject, const Level& level) {
    const auto mounted = find_mount(subject, level);
    if (!mounted) return std::nullopt;
    const auto& status = mounted->status;
    if (level.kernel == Kernel::TmpfsSize)
        return static_cast<std::int64_t>(status.f_blocks - status.f_bfree) *
               static_cast<std::int64_t>(status.f_bsize);
    std::int64_t terminals = 0;
    std::error_code failed;
    const std::string path = "/proc/self/fd/" + std::to_string(mounted->folder.get());
    for (const auto& entry : std::filesystem::directory_iterator(path, failed))
        terminals += entry.path().filename() == "ptmx" ? 0 : 1;
    return terminals;
}

Result<sys::UniqueFd> own_mount(const Subject& subject, const std::string& target, long magic) {
    Mounted mounted = TRY(find_mount(subject, target, magic));
    return std::move(mounted.folder);
}

RootIds root_of(const Subject& subject) {
    return {first_of(subject, "uid_map"), first_of(subject, "gid_map")};
}

Result<std::string> read_merge(const Subject& subject) {
    const std::string path = proc_of(subject, "ksm_stat");
    const std::string text = TRY(read_text(path));
    const std::size_t at = text.find("ksm_merge_any: ");
    if (at == std::string::npos) return make_error("read ksm_merge_any of", path, ENOENT);
    return std::string(text.compare(at, 18, "ksm_merge_any: yes") == 0 ? "1" : "0");
}

std::optional<std::int64_t> merged_bytes(const Subject& subject) {
    std::int64_t pages = 0;
    for (const pid_t pid : processes_of(subject.cgroup)) {
        // One that has ended shares nothing.
        const auto text = read_text("/proc/" + std::to_string(pid) + "/ksm_merging_pages");
        pages += text ? number_in(*text, "").value_or(0) : 0;
    }
    return pages * ::sysconf(_SC_PAGESIZE);
}

std::string merge_problem() {
    // Before 6.7 what a process executes has forgotten it.
    if (sys::kernel_is(6, 7) && sys::merges_memory()) return {};
    return "needs " + std::string(find_level("memory-merge")->needs) +
           ", and this kernel is older or has none of it";
}

bool merges_pages() {
    const auto run = read_text("/sys/kernel/mm/ksm/run");
    return run && *run == "1";
}

bool has_own_pid_max() {
    return sys::kernel_is(6, 14);
}

} // namespace stead::resources
