#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "sys/unique_fd.h"

/// The resolver: the only code that names a path below a guest's root. A path is resolved once, by
/// the kernel, below a descriptor; what comes back is a descriptor, and everything else works on
/// that. Paths may begin with '/', which then means the root descriptor.
namespace stead::sys {

/// openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: symbolic links are followed as the
/// guest itself would follow them. `flags` beside O_CLOEXEC, usually O_PATH.
Result<UniqueFd> resolve_in_root(int root, const char* path, int flags);

/// openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS: a symbolic link
/// anywhere on the way is ELOOP.
Result<UniqueFd> resolve_beneath(int root, const char* path, int flags);

/// The parent folder of `path` as `resolve_beneath` finds it, and the last component of `path`
/// (pointing into it). A path without a last component (".", "..", a trailing '/') is EINVAL.
struct Place {
    UniqueFd folder;
    const char* name = "";
};

Result<Place> resolve_parent(int root, const char* path);

/// Makes every missing folder on the way to `path` with `mode`, component by component, following
/// no symbolic link; the descriptor (O_PATH) of the last one. An existing folder stays as it is.
Result<UniqueFd> make_folders(int root, const char* path, mode_t mode);

/// "/proc/self/fd/N", for system calls that take no descriptor. The kernel then uses the very thing
/// that the descriptor was opened on. It needs the host's own /proc.
struct DescriptorPath {
    explicit DescriptorPath(int fd);

    [[nodiscard]] const char* c_str() const { return text_; }

private:
    char text_[32] = {};
};

} // namespace stead::sys
