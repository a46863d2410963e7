#pragma once

#include <fcntl.h>

#include <cerrno>
#include <span>
#include <string>

/// What a program inside a guest may try: operations that a guest must not be able to do, and
/// operations that its programs need.
///
/// Every probe is harmless where it succeeds: it opens for writing without writing, asks with
/// arguments that the kernel judges only after the permission, or touches only what it made itself.
/// So the same program also runs inside other tools' containers and in a virtual machine as plain
/// root, where the forbidden operations have to succeed: a probe that never can proves nothing.
namespace stead::attack {

struct Outcome {
    enum Kind { kDone, kRefused, kAbsent };

    Kind kind = kDone;
    /// The errno of a refusal.
    int error = 0;
    /// Why it could not be tried at all, or what was found.
    const char* note = "";
};

inline Outcome done(const char* note = "") {
    return {Outcome::kDone, 0, note};
}

inline Outcome refused(int error, const char* note = "") {
    return {Outcome::kRefused, error, note};
}

inline Outcome absent(const char* note) {
    return {Outcome::kAbsent, 0, note};
}

/// A call whose success is the operation's.
inline Outcome tried(long result) {
    return result < 0 ? refused(errno) : done();
}

/// A call with arguments that the kernel refuses only after it has granted the permission: any
/// error but a refusal says that the operation was open.
inline Outcome granted(long result) {
    if (result >= 0) return done();
    switch (errno) {
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EROFS:
    case EAFNOSUPPORT:
        return refused(errno);
    default:
        return done("granted");
    }
}

enum class Want {
    Forbidden,
    /// Needed by the programs of a distribution.
    Needed,
    /// Needed there and in a jail of a single service.
    NeededInJail,
};

struct Probe {
    /// GROUP.OPERATION.
    const char* name;
    Want want;
    Outcome (*run)();
};

/// Each runs in a process of its own, as the caller's user, with a few seconds to live.
std::span<const Probe> device_probes();
std::span<const Probe> file_tree_probes();
std::span<const Probe> kernel_file_probes();
std::span<const Probe> namespace_probes();
std::span<const Probe> mount_probes();
std::span<const Probe> socket_probes();
std::span<const Probe> privilege_probes();
std::span<const Probe> process_probes();
std::span<const Probe> host_probes();
std::span<const Probe> needed_file_probes();
std::span<const Probe> needed_ipc_probes();
std::span<const Probe> needed_process_probes();
std::span<const Probe> needed_root_probes();

/// A folder of the probe's own, writable; made anew for each probe and removed after it.
const std::string& scratch();

/// A descriptor of a new empty file in the scratch folder.
int scratch_file(const char* name, int mode = 0600);

/// The handle of a path, as name_to_handle_at(2) gives it.
class FileHandle {
public:
    /// False with errno set; EOPNOTSUPP where the file system has none.
    bool take(const char* path) {
        get()->handle_bytes = MAX_HANDLE_SZ;
        int mount_id = 0;
        return ::name_to_handle_at(AT_FDCWD, path, get(), &mount_id, 0) == 0;
    }

    file_handle* get() { return reinterpret_cast<file_handle*>(room_); }

private:
    alignas(file_handle) char room_[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
};

/// Runs `body` in a child; its return value is the child's exit code, and the child's exit code is
/// returned (or -1 if it was killed).
int in_child(int (*body)());

} // namespace stead::attack
