#pragma once

#include <cerrno>
#include <string_view>

#include "base/fixed_string.h"

namespace stead {

/// A failure of the world: what was tried, on which thing, and the kernel's answer. It cannot fail
/// to be made, owns no memory and prints as `mount /srv/web: Permission denied`.
struct Error {
    /// A literal, never a temporary: the operation's name as its manual page spells it.
    const char* operation = "";
    /// The thing it was tried on; may be empty.
    FixedString<96> subject;
    /// An errno value; 0 where the operation and the subject say it all.
    int code = 0;
};

/// The error of the system call that just failed. (Both are out of line and cold: failures are made
/// in hundreds of places and taken in few.)
[[gnu::cold, gnu::noinline]] Error last_error(const char* operation, std::string_view subject = {});

[[gnu::cold, gnu::noinline]] Error
make_error(const char* operation, std::string_view subject, int code);

/// `error` in words, without a full stop.
FixedString<256> describe(const Error& error);

/// The symbolic name of an errno value (`ENOENT`), or an empty view for one unknown to this build.
std::string_view errno_name(int code);

} // namespace stead
