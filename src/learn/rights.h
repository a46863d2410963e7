#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "learn/facts.h"

/// Which capability a call that has succeeded was good for: capabilities(7), rule by rule.
namespace stead::learn {

/// What the rules compare with.
struct Bounds {
    /// Below it a port needs NET_BIND_SERVICE: net.ipv4.ip_unprivileged_port_start.
    std::uint32_t first_free_port = 1024;
};

/// A capability that a call has used.
struct Right {
    unsigned capability = 0;
    /// "bind(tcp 80)".
    std::string what;
    /// For the rights over files: the file or folder that decided, so that one whose owner is
    /// another in the jail can be left out.
    std::string place;
};

/// The capabilities without which `seen` would have failed. Only such as its thread held: what
/// succeeded without is allowed by other means (an access control list, say).
std::vector<Right> rights_of(const Seen& seen, const Bounds& bounds);

/// Whether the mode bits give `who` what `bits` (4 read, 2 write, 1 execute or search) ask for.
bool mode_allows(const Identity& who, const Object& object, unsigned bits);

} // namespace stead::learn
