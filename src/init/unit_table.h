#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"
#include "init/state.h"
#include "model/exec.h"
#include "model/guest.h"
#include "model/unit.h"
#include "plan/plan.h"

namespace stead::init {

/// The units of this PID 1: those of a plan, cut down to the launcher's ceiling, and in somebody
/// else's container the command of `-- CMD` as one more, the essential unit `main`. After a reload
/// come the ghosts, which the newest plan does not know any more or never knew; they are there
/// until they are at rest.
class UnitTable {
public:
    /// Where a unit is described: in the newest plan (0), or in older plan `plan` - 1.
    struct Where {
        std::size_t plan = 0;
        UnitId unit = kNoUnit;
    };

    /// Units of the launcher's own plan (a jail), or none yet.
    void use_launcher_plan(const plan::Plan& plan, const GuestView& guest);
    /// Units of a plan that a loader made, or that stands in an image.
    Result<void> use_plan(const plan::Plan& plan);
    /// Adds the command. `argv` ends with a null pointer and lives as long as the table.
    Result<void> add_command(std::span<char* const> argv, std::uint32_t stop_timeout_ms);

    void use_older_plan(std::size_t index, const plan::Plan& plan) { plans_[index + 1] = plan; }

    /// The last step: `units` tell who is described by an older plan. Both outlive the table.
    Result<void> add_older_units(std::span<const Unit> units,
                                 const std::optional<engine::Engine>& engine);

    [[nodiscard]] std::size_t size() const { return graph_.units.size(); }

    [[nodiscard]] const UnitGraph& graph() const { return graph_; }

    /// How many units are no ghosts: those come last.
    [[nodiscard]] std::size_t live() const { return live_ == kNoUnit ? size() : live_; }

    [[nodiscard]] bool is_ghost(UnitId unit) const { return unit >= live_; }

    /// Nobody is to see it any more.
    [[nodiscard]] bool is_gone(UnitId unit) const;
    [[nodiscard]] Where where(UnitId unit) const;
    [[nodiscard]] const UnitPolicy& policy(UnitId unit) const;
    [[nodiscard]] std::optional<UnitId> find(std::string_view name) const;
    [[nodiscard]] std::string_view name(UnitId unit) const;
    /// See plan::Plan.
    [[nodiscard]] std::uint32_t digest(UnitId unit) const;
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
    [[nodiscard]] std::size_t socket_count(UnitId unit) const;
    [[nodiscard]] SocketView socket(UnitId unit, std::size_t index) const;
    [[nodiscard]] std::optional<TimerView> timer(UnitId unit) const;
    [[nodiscard]] std::uint32_t descriptor_store(UnitId unit) const;
    [[nodiscard]] std::uint64_t log_size(UnitId unit) const;
    [[nodiscard]] std::uint32_t log_keep(UnitId unit) const;

    [[nodiscard]] const std::optional<GuestView>& guest() const { return guest_; }

    [[nodiscard]] UnitId command_unit() const { return command_unit_; }

    /// Notices of the launcher's plan, and mistakes of the units' plan as {name, message} pairs.
    [[nodiscard]] StringList notices() const { return notices_; }

    [[nodiscard]] StringList rejected() const { return plans_[0].rejected(); }

private:
    [[nodiscard]] std::optional<UnitId> locate(std::string_view name) const;
    void describe_ghost(UnitId id, UnitPolicy& policy, Dependency* edges, std::size_t& edge) const;
    [[nodiscard]] std::size_t count_older_edges() const;

    /// The newest, and the older ones.
    std::array<plan::Plan, 1 + kMaxPlans> plans_;
    std::span<const Unit> units_;
    const std::optional<engine::Engine>* engine_ = nullptr;
    UnitId live_ = kNoUnit;
    bool from_loader_ = false;
    std::optional<GuestView> guest_;
    StringList notices_;
    UnitGraph graph_;

    UnitId command_unit_ = kNoUnit;
    std::span<const std::uint32_t> command_offsets_;
    const char* command_bytes_ = nullptr;
};

} // namespace stead::init
