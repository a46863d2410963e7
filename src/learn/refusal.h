#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "learn/facts.h"
#include "learn/rights.h"

/// Which rule refused a call, and which line allows it.
namespace stead::learn {

/// A call that has failed.
struct Refused {
    Seen seen;
    /// EPERM, EACCES, ENOSYS, EAFNOSUPPORT, EROFS; 0: the filter killed its process.
    int error = 0;
    /// What the process's own seccomp filters answer to it; nothing where the kernel does not show
    /// them.
    std::optional<std::uint32_t> filter;
};

enum class Rule : std::uint8_t {
    Calls,
    Families,
    Capability,
    Listen,
    ReadOnly,
    /// Nothing of Stead's: the kernel, a file's mode that no capability would change, Landlock.
    Other
};

struct Judgement {
    Rule rule = Rule::Other;
    /// "openat(/etc/app.conf)".
    std::string what;
    /// One sentence, without its full stop.
    std::string reason;
    /// The item that has to be added: "setuid", "NET_BIND_SERVICE", "tcp:127.0.0.1:80", a path.
    std::string item;
    /// Rule::Calls: the capability that the call would need as well; empty: none that is known.
    std::string capability;
};

Judgement judge(const Refused& refused, const Bounds& bounds);

} // namespace stead::learn
