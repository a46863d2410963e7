#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "model/exec.h"
#include "model/guest.h"
#include "model/unit.h"
#include "plan/plan.h"

namespace stead::init {

/// The units of this PID 1: those of a plan, cut down to the launcher's ceiling, and in somebody
/// else's container the command of `-- CMD` as one more, the essential unit `main`.
class UnitTable {
public:
    /// Units of the launcher's own plan (a jail), or none yet.
    void use_launcher_plan(const plan::Plan& plan, const GuestView& guest);
    /// Units of a plan that a loader made, or that stands in an image.
    Result<void> use_plan(const plan::Plan& plan);
    /// Adds the command. `argv` ends with a null pointer and lives as long as the table.
    Result<void> add_command(std::span<char* const> argv, std::uint32_t stop_timeout_ms);

    [[nodiscard]] std::size_t size() const { return graph_.units.size(); }

    [[nodiscard]] const UnitGraph& graph() const { return graph_; }

    [[nodiscard]] const UnitPolicy& policy(UnitId unit) const { return graph_.units[unit]; }

    [[nodiscard]] std::optional<UnitId> find(std::string_view name) const;
    [[nodiscard]] std::string_view name(UnitId unit) const;
    [[nodiscard]] std::string_view description(UnitId unit) const;
    [[nodiscard]] std::string_view source(UnitId unit) const;
    [[nodiscard]] ExecView exec(UnitId unit) const;
    [[nodiscard]] StringList command(UnitId unit, CommandRole role, std::size_t index) const;
    [[nodiscard]] DirectoryView directory(UnitId unit, std::size_t index) const;
    [[nodiscard]] CgroupSetting cgroup_setting(UnitId unit, std::size_t index) const;
    [[nodiscard]] std::span<const std::byte> ready_address(UnitId unit) const;
    [[nodiscard]] std::string_view ready_path(UnitId unit) const;
    [[nodiscard]] std::span<const std::byte> health_address(UnitId unit) const;
    [[nodiscard]] std::string_view health_path(UnitId unit) const;
    [[nodiscard]] std::span<const std::byte> signal_map(UnitId unit) const;
    [[nodiscard]] std::uint64_t log_size(UnitId unit) const;
    [[nodiscard]] std::uint32_t log_keep(UnitId unit) const;

    [[nodiscard]] const std::optional<GuestView>& guest() const { return guest_; }

    [[nodiscard]] UnitId command_unit() const { return command_unit_; }

    /// Notices of the launcher's plan, and mistakes of the units' plan as {name, message} pairs.
    [[nodiscard]] StringList notices() const { return notices_; }

    [[nodiscard]] StringList rejected() const { return plan_.rejected(); }

private:
    plan::Plan plan_;
    bool from_loader_ = false;
    std::optional<GuestView> guest_;
    StringList notices_;
    UnitGraph graph_;

    UnitId command_unit_ = kNoUnit;
    std::span<const std::uint32_t> command_offsets_;
    const char* command_bytes_ = nullptr;
};

} // namespace stead::init
