#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "model/activation.h"
#include "model/exec.h"
#include "model/guest.h"
#include "model/unit.h"
#include "plan/limits.h"

/// The flat image PID 1 boots from. `stead` writes it (writer.h), PID 1 reads it in place: nothing
/// is parsed, copied or allocated. A plan may come from a hostile loader: `open` checks every
/// offset, count, enumerator, list order and string of the image before any accessor can be called,
/// so accessors on an opened plan cannot leave the image.
namespace stead::plan {

inline constexpr std::uint32_t kMagic = 0x4e4c5053; // "SPLN"
inline constexpr std::uint32_t kVersion = 5;

class Plan {
public:
    Plan() = default;

    /// Validates `image` (8-byte aligned), which must outlive the plan and must not change (a
    /// sealed memfd). Time is bounded by the limits of limits.h, memory is a few words. The Error
    /// reads "plan unit web: a stop step without a signal". What holds afterwards: names are unit
    /// names and all different; the order of units has no cycle (kinds Requires, BindsTo, Wants,
    /// After); paths are absolute and without ".."; cgroup settings name files of the unit's own
    /// cgroup; a unit has exactly the commands, the address or the path that its type and its
    /// readiness need.
    static Result<Plan> open(std::span<const std::byte> image);

    [[nodiscard]] std::size_t unit_count() const;
    [[nodiscard]] const UnitGraph& graph() const;
    [[nodiscard]] std::optional<UnitId> find_unit(std::string_view name) const;

    [[nodiscard]] std::string_view name(UnitId unit) const;
    [[nodiscard]] std::string_view description(UnitId unit) const;
    /// The unit file it was compiled from, for people.
    [[nodiscard]] std::string_view source(UnitId unit) const;

    /// The same for equal definitions (all but dependencies) in any plan; 0: not known.
    [[nodiscard]] std::uint32_t digest(UnitId unit) const;

    [[nodiscard]] ExecView exec(UnitId unit) const;
    /// The argv of command `index` of `role`; index < policy.command_counts[role].
    [[nodiscard]] StringList command(UnitId unit, CommandRole role, std::size_t index) const;
    /// What the tcp, unix and path probe looks at: "ADDRESS:PORT" already resolved to a sockaddr,
    /// or a path.
    [[nodiscard]] std::span<const std::byte> ready_address(UnitId unit) const;
    [[nodiscard]] std::string_view ready_path(UnitId unit) const;
    /// The same for the health check.
    [[nodiscard]] std::span<const std::byte> health_address(UnitId unit) const;
    [[nodiscard]] std::string_view health_path(UnitId unit) const;
    /// Pairs of a signal that reaches PID 1 from outside and the one its main process gets instead;
    /// 0: none.
    [[nodiscard]] std::span<const std::byte> signal_map(UnitId unit) const;
    [[nodiscard]] DirectoryView directory(UnitId unit, std::size_t index) const;
    [[nodiscard]] CgroupSetting cgroup_setting(UnitId unit, std::size_t index) const;
    [[nodiscard]] std::size_t socket_count(UnitId unit) const;
    [[nodiscard]] SocketView socket(UnitId unit, std::size_t index) const;
    [[nodiscard]] std::optional<TimerView> timer(UnitId unit) const;
    /// How many descriptors are kept for the unit.
    [[nodiscard]] std::uint32_t descriptor_store(UnitId unit) const;
    /// Size and count of the unit's log files, for the keeper.
    [[nodiscard]] std::uint64_t log_size(UnitId unit) const;
    [[nodiscard]] std::uint32_t log_keep(UnitId unit) const;
    [[nodiscard]] bool log_timestamp(UnitId unit) const;

    /// The launcher's decisions; nothing in a plan that a loader made inside a guest.
    [[nodiscard]] std::optional<GuestView> guest() const;
    /// Sentences for `status`.
    [[nodiscard]] StringList notices() const;
    /// Names and messages of units that were left out because of mistakes: pairs of {name,
    /// message}.
    [[nodiscard]] StringList rejected() const;
    /// Pairs: a further name of a unit, which `find_unit` does not know, and its own.
    [[nodiscard]] StringList aliases() const;

private:
    std::span<const std::byte> image_;
    UnitGraph graph_;
};

} // namespace stead::plan
