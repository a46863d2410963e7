#pragma once

#include <string>

#include "base/result.h"
#include "resources/subject.h"

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

/// Linux 6.14: each pid namespace has a highest process id of its own. Before, the file is the
/// host's.
bool has_own_pid_max();

} // namespace stead::resources
