#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/time.h"
#include "model/state.h"
#include "model/unit.h"
#include "wire/message.h"

namespace stead::cli {

/// What a Unit message says, with every number checked: what is out of range becomes the first
/// enumerator, for the other side may be hostile.
struct UnitRecord {
    /// The moments of its first start; zero: it has not come `over`: it
    /// stopped, failed, or had to be tried again.
    struct FirstStart {
        Instant began;
        Instant up;
        Instant over;
    };

    std::string name;
    std::string description;
    std::string status_text;
    std::string source;
    UnitType type = UnitType::Exec;
    UnitState state = UnitState::Down;
    Reason reason;
    /// The other unit, where `reason` speaks of one.
    std::string reason_unit;
    std::int64_t pid = 0;
    std::int64_t restarts = 0;
    Instant since;
    Instant now;
    /// When it is started next: after a back-off, or by its timer.
    Instant next_attempt = Instant::never();
    FirstStart first;
    /// What it needs, follows or excludes; targets count the units of a whole answer, and may be
    /// out of its range.
    std::vector<Dependency> needs;
    bool essential = false;
    bool enabled = false;
    /// It has no file: detached, or its file has gone since it was started.
    bool ghost = false;
    /// Its file is not what it was started with.
    bool changed = false;
    /// Something arriving at its sockets starts it.
    bool awaits_arrival = false;

    [[nodiscard]] Duration age() const { return now - since; }

    /// It does what it is for: it runs, or has ended well.
    [[nodiscard]] bool ready() const { return state == UnitState::Up || state == UnitState::Done; }
};

struct GuestRecord {
    std::string name;
    /// Of its PID 1.
    std::string version;
    wire::GuestState state = wire::GuestState::Starting;
    Instant now;
    Instant boot_time;
    /// When all its units had settled for the first time; zero: not yet.
    Instant ready_time;
    std::int64_t count = 0;
    std::int64_t log_bytes_lost = 0;
    wire::LogCounts log_counts;
    std::vector<std::string> notices;

    [[nodiscard]] Duration age() const { return now - boot_time; }
};

UnitRecord read_unit(const wire::Reader& message);
GuestRecord read_guest(const wire::Reader& message);

nlohmann::json to_json(const UnitRecord& unit);
nlohmann::json to_json(const GuestRecord& guest);

} // namespace stead::cli
