#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/fixed_string.h"
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

/// "/proc/self/fd/N" or "/proc/self/fd/N/NAME", for system calls that take no descriptor. The
/// kernel then starts at the very thing that the descriptor was opened on. A name is for folders
/// that only we have filled; one that is too long becomes a path that cannot exist. It needs the
/// host's own /proc.
class DescriptorPath {
public:
    explicit DescriptorPath(int fd, std::string_view name = {});

    [[nodiscard]] const char* c_str() const { return text_.c_str(); }

private:
    FixedString<300> text_;
};

} // namespace stead::sys
