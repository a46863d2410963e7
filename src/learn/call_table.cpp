#include "learn/call_table.h"

#include <array>
#include <vector>

#include "compile/calls.h"

namespace stead::learn {

namespace {

constexpr CallRow path(std::string_view name, Want want, bool at_link = false) {
    return {.name = name, .kind = Kind::Path, .want = want, .path = 0, .at_link = at_link};
}

constexpr CallRow path_at(std::string_view name, Want want, int flags, bool at_link = false) {
    return {.name = name,
            .kind = Kind::Path,
            .want = want,
            .folder = 0,
            .path = 1,
            .flags = flags,
            .at_link = at_link};
}

constexpr CallRow two_paths(std::string_view name) {
    return {.name = name,
            .kind = Kind::Path,
            .want = Want::Change,
            .path = 0,
            .second_path = 1,
            .at_link = true};
}

constexpr CallRow two_paths_at(std::string_view name) {
    return {.name = name,
            .kind = Kind::Path,
            .want = Want::Change,
            .folder = 0,
            .path = 1,
            .second_folder = 2,
            .second_path = 3,
            .at_link = true};
}

constexpr CallRow plain(std::string_view name, Kind kind) {
    return {.name = name, .kind = kind};
}

constexpr std::array kRows{
    CallRow{.name = "open", .kind = Kind::Open, .path = 0, .flags = 1},
    CallRow{.name = "openat", .kind = Kind::Open, .folder = 0, .path = 1, .flags = 2},
    CallRow{.name = "openat2", .kind = Kind::Open, .folder = 0, .path = 1},
    CallRow{.name = "creat", .kind = Kind::Open, .path = 0},
    path("stat", Want::Look),
    path("lstat", Want::Look, true),
    path("access", Want::Look),
    path("readlink", Want::Look, true),
    path("statfs", Want::Look),
    path("chdir", Want::Look),
    path("chroot", Want::Look),
    path("getxattr", Want::Look),
    path("inotify_add_watch", Want::Look),
    path_at("newfstatat", Want::Look, 3),
    path_at("statx", Want::Look, 2),
    path_at("faccessat", Want::Look, kNone),
    path_at("faccessat2", Want::Look, 3),
    path_at("readlinkat", Want::Look, kNone, true),
    path_at("name_to_handle_at", Want::Look, kNone),
    path("mkdir", Want::Change),
    path("rmdir", Want::Change, true),
    path("unlink", Want::Change, true),
    path("mknod", Want::Change, true),
    path_at("mkdirat", Want::Change, kNone, true),
    path_at("unlinkat", Want::Change, kNone, true),
    path_at("mknodat", Want::Change, kNone, true),
    two_paths("rename"),
    two_paths("link"),
    two_paths_at("renameat"),
    two_paths_at("renameat2"),
    two_paths_at("linkat"),
    CallRow{
        .name = "symlink", .kind = Kind::Path, .want = Want::Change, .path = 1, .at_link = true},
    CallRow{.name = "symlinkat",
            .kind = Kind::Path,
            .want = Want::Change,
            .folder = 1,
            .path = 2,
            .at_link = true},
    path("truncate", Want::Write),
    path("chmod", Want::Attribute),
    path("chown", Want::Attribute),
    path("lchown", Want::Attribute, true),
    path("utime", Want::Attribute),
    path("utimes", Want::Attribute),
    path("setxattr", Want::Attribute),
    path("lsetxattr", Want::Attribute, true),
    path("removexattr", Want::Attribute),
    path_at("fchmodat", Want::Attribute, kNone),
    path_at("fchmodat2", Want::Attribute, 3),
    path_at("fchownat", Want::Attribute, 4),
    path_at("utimensat", Want::Attribute, 3),
    path_at("futimesat", Want::Attribute, kNone),
    plain("fchmod", Kind::Descriptor),
    plain("fchown", Kind::Descriptor),
    plain("fsetxattr", Kind::Descriptor),
    CallRow{.name = "execve", .kind = Kind::Execute, .want = Want::Execute, .path = 0},
    CallRow{.name = "execveat",
            .kind = Kind::Execute,
            .want = Want::Execute,
            .folder = 0,
            .path = 1,
            .flags = 4},
    plain("socket", Kind::Socket),
    plain("setsockopt", Kind::Socket),
    plain("bind", Kind::Address),
    plain("connect", Kind::Address),
    plain("sendto", Kind::Address),
    plain("sendmsg", Kind::Address),
    plain("setuid", Kind::Identity),
    plain("setgid", Kind::Identity),
    plain("setreuid", Kind::Identity),
    plain("setregid", Kind::Identity),
    plain("setresuid", Kind::Identity),
    plain("setresgid", Kind::Identity),
    plain("setfsuid", Kind::Identity),
    plain("setfsgid", Kind::Identity),
    plain("setgroups", Kind::Identity),
    plain("prctl", Kind::Identity),
    plain("vhangup", Kind::Identity),
    plain("kill", Kind::Target),
    plain("tkill", Kind::Target),
    plain("tgkill", Kind::Target),
    plain("process_vm_readv", Kind::Target),
    plain("process_vm_writev", Kind::Target),
    plain("sched_setscheduler", Kind::Identity),
    plain("sched_setattr", Kind::Identity),
    plain("ioprio_set", Kind::Identity),
    plain("setrlimit", Kind::Limit),
    plain("prlimit64", Kind::Limit),
    plain("mlock", Kind::Lock),
    plain("mlock2", Kind::Lock),
    plain("mlockall", Kind::Lock),
    plain("setpriority", Kind::Niceness),
};

std::vector<const CallRow*> make_index() {
    std::vector<const CallRow*> rows(compile::kNewestCall + 1, nullptr);
    for (const CallRow& row : kRows)
        if (const auto number = compile::find_call(row.name))
            rows[static_cast<std::size_t>(*number)] = &row;
    return rows;
}

} // namespace

const CallRow& row_of(int number) {
    static const CallRow kPlain;
    static const std::vector<const CallRow*> kIndex = make_index();
    if (number < 0 || number > compile::kNewestCall) return kPlain;
    const CallRow* row = kIndex[static_cast<std::size_t>(number)];
    return row == nullptr ? kPlain : *row;
}

} // namespace stead::learn
