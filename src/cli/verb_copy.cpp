#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>

#include "cli/asking.h"
#include "cli/guest_verbs.h"
#include "cli/options.h"
#include "sys/clone.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/path.h"
#include "sys/privileges.h"
#include "sys/stream.h"

/// copy-to and copy-from: single files between the host and a running guest; bind: a path of the
/// host inside it. Everything in the
/// guest is hostile: its paths are resolved by the kernel below its root, once, only regular files
/// are opened, and what is written is a new file that takes its place when it is complete.
namespace stead::cli {

namespace {

struct Copy {
    std::string guest;
    std::vector<std::string> from;
    std::string to;
};

/// A guest's root as its PID 1 has it, mounts included.
struct GuestRoot {
    sys::UniqueFd folder;
    /// The host's number of the guest's root user.
    std::uint32_t first_uid = 0;
};

std::optional<GuestRoot> open_root(Asking& asking, const std::string& name) {
    const auto guest = guests::find(asking.place().paths(), name);
    if (!guest || !*guest || !(*guest)->running()) {
        // Finds the words for a guest that does not run, or is none.
        if (asking.open({.guest = name, .unit = {}}))
            asking.fail(kCouldNot, "the guest's state file is missing");
        return std::nullopt;
    }
    const std::string process = "/proc/" + std::to_string((*guest)->init->pid);
    auto folder = sys::open_at(AT_FDCWD, (process + "/root").c_str(), O_PATH | O_DIRECTORY);
    const auto map = sys::open_at(AT_FDCWD, (process + "/uid_map").c_str(), O_RDONLY);
    std::array<char, 256> line{};
    const auto size = map ? sys::read_some(map->get(), line) : Result<std::size_t>(map.error());
    // Only now: what was opened is that process's if it still lives.
    if (!folder || !size || !sys::send_signal(*(*guest)->init, 0)) {
        asking.fail(kCouldNot, "guest '" + name + "' has just ended");
        return std::nullopt;
    }
    // "inside outside count", blanks between.
    std::string_view text(line.data(), *size);
    for (int field = 0; field < 2; ++field) {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        if (field == 0) text.remove_prefix(std::min(text.find(' '), text.size()));
    }
    GuestRoot root{*std::move(folder)};
    std::from_chars(text.data(), text.data() + text.size(), root.first_uid);
    return root;
}

/// New files in the guest belong to its root. The capabilities of ours stay: folders of others are
/// root's to write to as well.
Result<void> become_root_of(const GuestRoot& root) {
    if (root.first_uid == 0) return {};
    TRY(sys::process_control(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    ::setfsgid(root.first_uid);
    ::setfsuid(root.first_uid);
    return {};
}

/// A regular file below `root` (AT_FDCWD: of the host), open for reading.
Result<sys::UniqueFd> open_source(int root, const std::string& path) {
    const sys::UniqueFd found = root == AT_FDCWD
                                    ? TRY(sys::open_at(AT_FDCWD, path.c_str(), O_PATH))
                                    : TRY(sys::resolve_in_root(root, path.c_str(), O_PATH));
    const struct stat status = TRY(sys::status_at(found.get(), "", AT_EMPTY_PATH));
    if (S_ISDIR(status.st_mode)) return make_error("copy", path, EISDIR);
    // A device or FIFO would be opened with effects of its own.
    if (!S_ISREG(status.st_mode)) return make_error("copy", path, EINVAL);
    return sys::open_at(AT_FDCWD, sys::DescriptorPath(found.get()).c_str(), O_RDONLY | O_NOCTTY);
}

struct Destination {
    sys::UniqueFd folder;
    std::string name;
};

/// `path` is a folder to put `name` into, or the file's own new path.
Result<Destination> open_destination(int root, const std::string& path, const std::string& name) {
    const auto open_folder = [&](const std::string& at) {
        return root == AT_FDCWD ? sys::open_at(AT_FDCWD, at.c_str(), O_PATH | O_DIRECTORY)
                                : sys::resolve_in_root(root, at.c_str(), O_PATH | O_DIRECTORY);
    };
    auto folder = open_folder(path);
    if (folder) return Destination{*std::move(folder), name};
    if (folder.error().code != ENOENT && folder.error().code != ENOTDIR) return folder.error();
    const std::size_t slash = path.rfind('/');
    const std::string last = slash == std::string::npos ? path : path.substr(slash + 1);
    if (last.empty() || last == "." || last == "..") return folder.error();
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    return Destination{TRY(open_folder(parent)), last};
}

Result<void> copy_bytes(int from, int to) {
    std::array<char, std::size_t{128} * 1024> block;
    while (true) {
        const std::size_t got = TRY(sys::read_some(from, block));
        if (got == 0) return {};
        TRY(sys::write_full(to, {block.data(), got}));
    }
}

/// Beside its place first. In a folder of the guest's its processes may interfere with the draft;
/// they can spoil what is theirs anyway, and nothing else.
Result<void> write_file(int from, const Destination& to) {
    const struct stat status = TRY(sys::status_at(from, "", AT_EMPTY_PATH));
    const std::string draft = "." + to.name + ".stead-" + std::to_string(::getpid());
    const auto copy = [&]() -> Result<void> {
        constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
        const sys::UniqueFd file = TRY(sys::open_at(to.folder.get(), draft.c_str(), kNew, 0600));
        TRY(copy_bytes(from, file.get()));
        // Never set-user-id: a copy is not to give anybody rights.
        TRY(sys::set_mode(file.get(), status.st_mode & 0777));
        return sys::rename_at(to.folder.get(), draft.c_str(), to.name.c_str());
    };
    const Result<void> copied = copy();
    if (!copied && copied.error().code != EEXIST)
        (void)sys::remove_at(to.folder.get(), draft.c_str(), false); // It may not have come to be.
    return copied;
}

Result<void> copy_one(int from_root, const std::string& from, int to_root, const std::string& to) {
    const sys::UniqueFd source = TRY(open_source(from_root, from));
    const std::string name = std::filesystem::path(from).filename().string();
    return write_file(source.get(), TRY(open_destination(to_root, to, name)));
}

int copy_all(Context& context, Arguments arguments, std::string_view verb, bool into_guest) {
    Copy copy;
    Options options(context, verb);
    options.positional("NAME", copy.guest, "a running guest");
    options.positionals("FILE", copy.from,
                        into_guest ? "files of the host, then where to in the guest"
                                   : "files of the guest, then where to on the host",
                        2);
    options.footer(
        "Where to is a folder, or the file's new path. Paths of the guest are resolved as\n"
        "in the guest. A copy in the guest belongs to its root.");
    if (const auto code = options.parse(arguments)) return *code;
    copy.to = copy.from.back();
    copy.from.pop_back();

    Asking asking(context, Place::look());
    const auto target = asking.target(copy.guest);
    if (!target) return asking.code();
    if (target->own() || !target->unit.empty())
        return asking.fail(kAskedWrongly, "'" + safe(copy.guest) + "' is no guest of this host");
    const auto root = open_root(asking, target->guest);
    if (!root) return asking.code();
    const int inside = root->folder.get();
    if (const auto became = into_guest ? become_root_of(*root) : Result<void>{}; !became)
        return asking.fail(kCouldNot, describe(became.error()).view());
    int worst = kDone;
    for (const std::string& from : copy.from) {
        const auto copied = into_guest ? copy_one(AT_FDCWD, from, inside, copy.to)
                                       : copy_one(inside, from, AT_FDCWD, copy.to);
        if (copied) continue;
        const int code = copied.error().code;
        worst = code == EISDIR ? asking.fail(kCouldNot, "'" + safe(from) + "' is a folder",
                                             into_guest ? "tar -c FOLDER | stead exec " +
                                                              target->guest + " -- tar -x -C WHERE"
                                                        : "stead exec " + target->guest +
                                                              " -- tar -c FOLDER > FILE.tar")
                : code == EINVAL
                    ? asking.fail(kCouldNot, "'" + safe(from) + "' is no regular file")
                    : asking.fail(kCouldNot,
                                  safe(from) + ": " + std::string(describe(copied.error()).view()));
    }
    return worst;
}

/// "ro,noexec": what a bind may be beside nosuid and nodev, which it always is.
bool read_attributes(Console& console, std::string_view words, std::uint64_t& attributes) {
    while (!words.empty()) {
        const std::string_view word = words.substr(0, words.find(','));
        words.remove_prefix(std::min(word.size() + 1, words.size()));
        if (word == "ro") {
            attributes |= sys::kMountReadOnly;
        } else if (word == "noexec") {
            attributes |= sys::kMountNoExecute;
        } else if (word != "nosuid" && word != "nodev") {
            console.error("'" + safe(word) + "' is no option of a bind; use ro or noexec");
            return false;
        }
    }
    return true;
}

/// Attaches `mount` at `target` from within the guest's mount namespace, as the kernel wants it; in
/// a process of its own, which holds nothing a guest could use and which none can look into.
Result<void> attach_inside(const sys::Process& init, int mount, int target) {
    const std::string path = "/proc/" + std::to_string(init.pid) + "/ns/mnt";
    const sys::UniqueFd space = TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY));
    TRY(sys::send_signal(init, 0)); // The namespace is of the process that we mean.
    auto child = sys::clone_process(-1);
    if (!child) return child.error();
    if (child->pid == 0) {
        const auto attach = [&]() -> Result<void> {
            TRY(sys::process_control(PR_SET_DUMPABLE, 0));
            TRY(sys::join_namespace(space.get(), CLONE_NEWNS));
            return sys::attach_mount(mount, target);
        };
        const auto attached = attach();
        ::_exit(attached ? 0 : attached.error().code & 0xff);
    }
    const sys::Process process{std::move(child->pidfd), child->pid};
    (void)sys::is_readable(process.pidfd.get(), -1);
    const auto status = TRY(sys::try_reap(process));
    if (status && status->success()) return {};
    return make_error("attach", {}, status ? status->value : EIO);
}

Result<void> bind_path(const guests::Guest& guest,
                       const GuestRoot& root,
                       const std::string& from,
                       const std::string& to,
                       std::uint64_t attributes) {
    const sys::UniqueFd target = TRY(sys::resolve_in_root(root.folder.get(), to.c_str(), O_PATH));
    const auto mount = sys::clone_mount(AT_FDCWD, from.c_str(), true);
    if (!mount) return make_error("bind", from, mount.error().code);
    sys::MountChange change;
    change.set = attributes | sys::kMountNoSuid | sys::kMountNoDevice;
    change.recursive = true;
    TRY(sys::change_mount(mount->get(), change));
    const auto attached = attach_inside(*guest.init, mount->get(), target.get());
    // A file can lie only on a file, a folder only on a folder.
    if (!attached) return make_error("bind", to, attached.error().code);
    return {};
}

} // namespace

int verb_bind(Context& context, Arguments arguments) {
    std::string name;
    std::string from;
    std::string words;
    Options options(context, "bind");
    options.positional("NAME", name, "a running guest");
    options.positional("FROM", from, "a file or folder of the host");
    options.positional("TO[:ro]", words, "a file or folder of the guest, which it covers");
    options.footer("It stays until the guest ends; 'bind' in the guest's file is for every start.\n"
                   "Owners are as on the host: with private users nobody's, but readable.");
    if (const auto code = options.parse(arguments)) return *code;
    const std::string to = words.substr(0, words.find(':'));
    std::uint64_t attributes = 0;
    const std::string_view extra =
        std::string_view(words).substr(std::min(to.size() + 1, words.size()));
    if (!read_attributes(context.console, extra, attributes)) return kAskedWrongly;

    Asking asking(context, Place::look());
    const auto target = asking.target(name);
    if (!target) return asking.code();
    if (target->own() || !target->unit.empty())
        return asking.fail(kAskedWrongly, "'" + safe(name) + "' is no guest of this host");
    if (!from.starts_with('/') || !to.starts_with('/'))
        return asking.fail(kAskedWrongly, "bind wants absolute paths, FROM and TO");
    const auto root = open_root(asking, target->guest);
    if (!root) return asking.code();
    const auto guest = guests::find(asking.place().paths(), target->guest);
    if (!guest || !*guest || !(*guest)->running())
        return asking.fail(kCouldNot, "guest '" + name + "' has just ended");
    const auto bound = bind_path(**guest, *root, from, to, attributes);
    return bound ? kDone : asking.fail(kCouldNot, safe(describe(bound.error()).view()));
}

int verb_copy_to(Context& context, Arguments arguments) {
    return copy_all(context, arguments, "copy-to", true);
}

int verb_copy_from(Context& context, Arguments arguments) {
    return copy_all(context, arguments, "copy-from", false);
}

} // namespace stead::cli
