#pragma once

#include <cstdint>
#include <string_view>

#include "learn/facts.h"

/// Which argument of a system call means what: what `Witness` has to read beside the numbers.
namespace stead::learn {

enum class Kind : std::uint8_t {
    /// Nothing but that it was made.
    Plain,
    /// A path, or two.
    Path,
    /// open, openat, openat2, creat: the flags tell what is wanted.
    Open,
    /// A descriptor whose file is changed: fchmod, fchown.
    Descriptor,
    Execute,
    Socket,
    /// A socket and an address: bind, connect, sendto.
    Address,
    /// setuid and its like: the identity before.
    Identity,
    /// A process.
    Target,
    Limit,
    Lock,
    Niceness
};

inline constexpr int kNone = -1;

/// One row. Arguments count from 0; kNone: the call has none of that.
struct CallRow {
    std::string_view name;
    Kind kind = Kind::Plain;
    Want want = Want::Look;
    /// Folder (a descriptor) and path, twice. A path without a folder is below the working one.
    int folder = kNone;
    int path = kNone;
    int second_folder = kNone;
    int second_path = kNone;
    /// AT_ flags (or O_ flags of Kind::Open), of which AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH count.
    int flags = kNone;
    /// The last link is never followed: lstat, unlink.
    bool at_link = false;
};

/// The row of a call; Kind::Plain for one that has none.
const CallRow& row_of(int number);

} // namespace stead::learn
