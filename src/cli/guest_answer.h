#pragma once

#include <optional>
#include <string>

#include "cli/asking.h"

namespace stead::cli {

/// A guest with all its units, in one answer of its PID 1.
struct GuestAnswer {
    Target target;
    /// What the guest is called in headings.
    std::string name;
    GuestRecord guest;
    std::vector<UnitRecord> units;
    /// Index of target.unit, if a unit was named.
    std::optional<std::size_t> unit;

    [[nodiscard]] std::optional<std::size_t> find(std::string_view unit_name) const;
};

/// What `word` names (nothing: our own guest, or on a host an error that says what `verb` wants),
/// asked through `client`. A second word `unit`, if not empty, names a unit of it. What goes wrong
/// has been printed, and `asking.code()` is what to leave with.
std::optional<GuestAnswer> ask_guest(Asking& asking,
                                     std::string_view verb,
                                     std::string_view word,
                                     std::optional<Client>& client,
                                     std::string_view unit = {});

/// As above, of a guest that is named already.
std::optional<GuestAnswer> ask_guest(Asking& asking, const Target& target, Client& client);

} // namespace stead::cli
