#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/verbs.h"
#include "guests/guests.h"

namespace stead::cli {

/// What a person named, as they see it: on the host NAME or NAME/UNIT, inside a guest UNIT, and
/// /UNIT for the units of the machine's own PID 1 where that is stead-init.
struct Target {
    /// Empty: the guest we are in, or our own PID 1.
    std::string guest;
    /// Empty: the guest as a whole.
    std::string unit;

    [[nodiscard]] bool own() const { return guest.empty(); }

    /// As the person would write it; "this guest" for our own as a whole.
    [[nodiscard]] std::string text() const;
};

/// Where this command runs and what it can reach.
class Place {
public:
    /// STEAD_CONTROL names the control socket of our own PID 1 in place of the usual places.
    static Place look();

    Place(guests::Paths paths, std::string own_control, bool host)
        : paths_(std::move(paths))
        , own_control_(std::move(own_control))
        , host_(host) {}

    /// Whether names are guests' first.
    [[nodiscard]] bool on_host() const { return host_; }

    [[nodiscard]] const guests::Paths& paths() const { return paths_; }

    /// Nothing for a name that can be none.
    [[nodiscard]] std::optional<Target> parse(std::string_view word) const;

    /// The control socket of the target's guest.
    [[nodiscard]] std::string control(const Target& target) const;

    /// Guests with a folder below the runtime directory, running or left over, by name.
    [[nodiscard]] std::vector<std::string> guests() const;
    /// Guests that have a file, by name.
    [[nodiscard]] std::vector<std::string> configured() const;

private:
    guests::Paths paths_;
    std::string own_control_;
    bool host_;
};

} // namespace stead::cli
