#pragma once

#include <span>
#include <string>

#include "unitfile/assign.h"
#include "unitfile/environment_file.h"

namespace stead::unitfile {

/// A unit while it is read: what needs a second look when everything is known.
struct UnitDraft {
    UnitSpec spec;
    std::uint8_t stop_signal = 15;
    /// Of a template.
    TextList instances;
    bool from_template = false;
    /// The key that is read, by its name in the file ("credentials.key").
    std::string found_name;
    /// Null: environment files are not read, and `${NAME}` of an unknown variable is empty.
    const FileReader* environment = nullptr;
    /// A message has been about `command` already; that it is missing needs no other.
    bool command_mentioned = false;
};

struct GuestDraft {
    GuestSpec spec;
};

/// Reads one unit from its table; `prefix` is "unit.redis." in guest files. `spec.name`, `file` and
/// `place` are already there.
void read_unit_table(UnitDraft& draft,
                     const Node& table,
                     const std::string& prefix,
                     Reporter& reporter);

/// What no single key shows: missing and contradictory keys. Only for drafts without mistakes in
/// single keys, as far as messages of theirs would be repeated.
void check_unit(UnitDraft& draft, Reporter& reporter);

/// "..." for tests: every supported key has exactly one binding.
std::span<const Binding<UnitDraft>> unit_bindings();
std::span<const Binding<GuestDraft>> guest_bindings();

} // namespace stead::unitfile
