#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stead::compile {

/// A named set of system calls, as `system-calls` lists write it: "@mount".
struct CallGroup {
    std::string_view name;
    std::string_view doc;
    /// Names of calls and of other groups, separated by blanks. Names that this machine's
    /// architecture does not have are passed over.
    std::string_view members;
};

std::span<const CallGroup> call_groups();

/// The newest system call number this build knows: what is above it did not exist then.
inline constexpr int kNewestCall = 469;

/// The number of a call on this machine's architecture: from libseccomp, and for calls that are
/// younger than libseccomp from a table of our own.
std::optional<int> find_call(std::string_view name);
/// The name of a call's number; empty for a number nobody has given a name.
std::string call_name(int number);
/// The name is a system call's on some architecture, maybe not on this one.
bool is_call_name(std::string_view name);

/// Numbers of a blank-separated list of names and groups. A name that is no call on this
/// architecture is passed over.
std::vector<int> expand_calls(std::string_view list);
/// The numbers of a group ("@mount"), or nothing if there is no such group.
std::optional<std::vector<int>> find_group(std::string_view name);

} // namespace stead::compile
