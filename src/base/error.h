#pragma once

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/fixed_string.h"

namespace stead {

/// A failure of the world: what was tried, on which thing, and the kernel's answer. It cannot fail
/// to be made, owns no memory and prints as `mount /srv/web: Permission denied`. Two registers wide
/// and trivially copyable, because hundreds of functions pass it on and few look at it.
struct Error {
    /// The thing it was tried on, at most 96 bytes of it; may be empty. The texts of the last
    /// errors (see error.cpp) are kept; an older one reads as "...". They belong to the process:
    /// memory that two processes share keeps subject and code by itself.
    [[nodiscard]] std::string_view subject() const;

    /// A literal, never a temporary: the operation's name as its manual page spells it.
    const char* operation = "";
    /// An errno value; 0 where the operation and the subject say it all.
    std::int32_t code = 0;
    /// Which of the kept texts is the subject; 0: none.
    std::uint32_t text = 0;
};

/// The error of the system call that just failed. (Both are out of line and cold: failures are made
/// in hundreds of places and taken in few.)
[[gnu::cold, gnu::noinline]] Error last_error(const char* operation, std::string_view subject);
[[gnu::cold, gnu::noinline]] Error last_error(const char* operation);

[[gnu::cold, gnu::noinline]] Error
make_error(const char* operation, std::string_view subject, int code);

/// `error` in words, without a full stop.
FixedString<256> describe(const Error& error);

/// The symbolic name of an errno value (`ENOENT`), or an empty view for one unknown to this build.
std::string_view errno_name(int code);

} // namespace stead
