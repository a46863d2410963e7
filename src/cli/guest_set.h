#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verbs.h"
#include "guests/guests.h"

/// Several guests at once: in which order, and how many at a time.
namespace stead::cli {

struct SetMember {
    std::string name;
    /// Members that come before it, by index.
    std::vector<std::size_t> follows;
    /// Those of them without which there is no point in it.
    std::vector<std::size_t> needs;
};

using GuestSet = std::vector<SetMember>;

/// The guests `names` and whatever they require, directly or not: each follows what it requires or
/// comes after. Nothing, and an error, when they wait for each other in a circle. A guest whose
/// file cannot be read has no order; its own start says why.
std::optional<GuestSet>
start_set(Context& context, const guests::Paths& paths, const std::vector<std::string>& names);

/// The same guests in reverse, without anybody they require.
std::optional<GuestSet>
stop_set(Context& context, const guests::Paths& paths, const std::vector<std::string>& names);

struct Dependence {
    std::string guest;
    /// The running guest that requires it.
    std::string by;
};

/// A guest of `set` that a running guest outside of it requires.
std::optional<Dependence> running_dependent(const guests::Paths& paths, const GuestSet& set);

/// Guests whose files say enabled = true, or cannot be read.
std::vector<std::string> enabled_guests(const guests::Paths& paths);

struct Work {
    /// "starting": for what is said to a person who waits long.
    std::string_view doing;
    std::size_t parallel = 1;
    /// Runs in a process of its own, one for each member, unless there is only one.
    std::function<int(const std::string& name)> job;
};

/// Works on each member as soon as those it follows are done; one whose need failed is left out
/// with a message. The first code that is not kDone.
int work_on(Context& context, const GuestSet& set, const Work& work);

} // namespace stead::cli
