#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "resources/subject.h"
#include "sys/unique_fd.h"

/// Levels of a guest's own namespaces and file systems, reached from the host: a short-lived child
/// joins the namespace that the level is of, and nothing else of the guest. For this folder's own
/// use.
namespace stead::resources {

/// A file below /proc/sys, as the guest's IPC (or pid) namespace has it.
Result<std::string> read_sysctl(const Subject& subject, const Level& level);
Result<void> write_sysctl(const Subject& subject, const Level& level, const std::string& content);
/// Any file of /proc whose content hangs on the IPC namespace ("/proc/sysvipc/shm").
Result<std::string> read_in_ipc(const Subject& subject, const std::string& path);

/// Bytes of a tmpfs ("0": without a limit), or the most terminals of a devpts. EXDEV: what is
/// mounted there is not the guest's own.
Result<std::string> read_mount(const Subject& subject, const Level& level);
Result<void> write_mount(const Subject& subject, const Level& level, const std::string& content);
/// Bytes in use, or terminals.
std::optional<std::int64_t> mount_use(const Subject& subject, const Level& level);

/// The folder (O_PATH) of a file system of this kind that the guest has at `target` for itself.
/// EXDEV: it has something else there, or what the host has, too.
Result<sys::UniqueFd> own_mount(const Subject& subject, const std::string& target, long magic);

/// The host's ids of the guest's root.
struct RootIds {
    uid_t uid = 0;
    gid_t gid = 0;
};

RootIds root_of(const Subject& subject);

/// Whether the guest's first process has its memory merged: "1" or "0". ENOENT: this kernel tells
/// nobody (before Linux 6.14).
Result<std::string> read_merge(const Subject& subject);
/// Bytes of the guest's processes that are merged.
std::optional<std::int64_t> merged_bytes(const Subject& subject);

/// Linux 6.14: each pid namespace has a highest process id of its own. Before, the file is the
/// host's.
bool has_own_pid_max();

} // namespace stead::resources
