#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "model/exec.h"
#include "sys/unique_fd.h"

/// What the first process of a context sets about itself and its namespaces.
namespace stead::sys {

/// setsid(2).
Result<void> start_session();
/// setgroups(2) to none, setresgid(2) and setresuid(2).
Result<void> become(uid_t uid, gid_t gid);
/// setgroups(2) to none.
Result<void> drop_groups();
/// setfsuid(2) and setfsgid(2), read back: new files belong to them.
Result<void> create_files_as(uid_t uid, gid_t gid);
/// sethostname(2).
Result<void> set_host_name(std::string_view name);
/// SIOCSIFFLAGS: brings the interface `name` of this network namespace up.
Result<void> bring_up(const char* name);
/// getrlimit(2).
Result<ResourceLimit> get_limit(std::uint32_t resource);
/// setrlimit(2).
Result<void> set_limit(const ResourceLimit& limit);
/// mknodat(2) of a device; `mode` says with S_IFCHR or S_IFBLK of which kind.
Result<void> make_device(int folder, const char* name, mode_t mode, unsigned major, unsigned minor);
/// fchownat(2) without following a link; an empty name is the descriptor itself.
Result<void> change_owner(int folder, const char* name, uid_t uid, gid_t gid);
/// faccessat(2) for writing.
Result<void> check_writable(const char* path);

/// Whether the running kernel is of this version or a later one. uname(2).
bool kernel_is(int major, int minor);
/// Equal pages of this process and of what it executes or forks are kept once.
/// prctl(PR_SET_MEMORY_MERGE); EPROTO: the kernel took it and does not hold it.
Result<void> merge_memory();
/// EINVAL: the kernel knows nothing of it. prctl(PR_GET_MEMORY_MERGE).
Result<bool> merges_memory();

/// The version of the kernel's Landlock; 0: it has none. landlock_create_ruleset(2).
int landlock_version();
/// Landlock: no connection to abstract unix sockets made outside (6.12; ENOSYS, EOPNOTSUPP or
/// EINVAL before). Without no_new_privs it needs SYS_ADMIN.
Result<void> scope_abstract_sockets();

} // namespace stead::sys
