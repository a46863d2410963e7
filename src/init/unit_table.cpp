#include "init/unit_table.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "plan/ceiling.h"
#include "sys/memory.h"

namespace stead::init {

namespace {

constexpr std::string_view kCommandName = "main";

/// A signal, a time to obey it, then the end: what `-- CMD` is stopped with.
UnitPolicy command_policy(std::uint32_t stop_timeout_ms) {
    UnitPolicy policy;
    policy.restart = RestartPolicy::No;
    policy.essential = true;
    policy.commands = 1U << static_cast<unsigned>(CommandRole::Main);
    policy.command_counts[static_cast<std::size_t>(CommandRole::Main)] = 1;
    policy.stop_steps = 1;
    policy.stop[0] = {.wait_ms = stop_timeout_ms, .signal = 15};
    policy.success.add_code(0);
    return policy;
}

} // namespace

void UnitTable::use_launcher_plan(const plan::Plan& plan, const GuestView& guest) {
    plans_[0] = plan;
    guest_ = guest;
    notices_ = plan.notices();
    graph_ = plan.graph();
}

Result<void> UnitTable::use_plan(const plan::Plan& plan) {
    if (guest_) TRY(plan::check_loader_plan(plan, *guest_));
    from_loader_ = true;
    plans_[0] = plan;
    graph_ = plan.graph();
    return {};
}

Result<void> UnitTable::add_command(std::span<char* const> argv, std::uint32_t stop_timeout_ms) {
    const std::size_t count = graph_.units.size();
    if (count >= kMaxUnits) return make_error("too many units", {}, E2BIG);
    if (find(kCommandName)) return make_error("a unit has the command's name", kCommandName, 0);

    const std::size_t policies = (count + 1) * sizeof(UnitPolicy);
    const auto memory = TRY(sys::map_memory(policies + argv.size() * sizeof(std::uint32_t)));
    auto* units = reinterpret_cast<UnitPolicy*>(memory.data());
    std::copy(graph_.units.begin(), graph_.units.end(), units);
    units[count] = command_policy(stop_timeout_ms);
    auto* offsets = reinterpret_cast<std::uint32_t*>(memory.data() + policies);

    // The kernel lays all of argv out in one stretch of the stack, below 2 GB (execve(2)).
    const char* lowest = *std::min_element(argv.begin(), argv.end());
    for (std::size_t i = 0; i < argv.size(); ++i)
        offsets[i] = static_cast<std::uint32_t>(argv[i] - lowest);

    command_unit_ = static_cast<UnitId>(count);
    command_bytes_ = lowest;
    command_offsets_ = {offsets, argv.size()};
    graph_.units = {units, count + 1};
    return {};
}

std::size_t UnitTable::count_older_edges() const {
    std::size_t count = 0;
    for (std::size_t id = live_; id < units_.size(); ++id)
        count += plans_[units_[id].plan].graph().dependencies_of(units_[id].defined).size();
    return count;
}

void UnitTable::describe_ghost(UnitId id,
                               UnitPolicy& policy,
                               Dependency* edges,
                               std::size_t& edge) const {
    const plan::Plan& plan = plans_[units_[id].plan];
    policy = plan.graph().units[units_[id].defined];
    policy.enabled = false;
    policy.first_dependency = static_cast<std::uint32_t>(edge);
    // What it means to others is told in numbers of its own plan.
    for (Dependency need : plan.graph().dependencies_of(units_[id].defined)) {
        need.target = locate(plan.name(need.target)).value_or(kNoUnit);
        if (need.target != kNoUnit) edges[edge++] = need;
    }
    policy.dependency_count = static_cast<std::uint32_t>(edge) - policy.first_dependency;
    for (UnitId& other : policy.outcome_units)
        if (other != kNoUnit) other = locate(plan.name(other)).value_or(kNoUnit);
}

Result<void> UnitTable::add_older_units(std::span<const Unit> units,
                                        const std::optional<engine::Engine>& engine) {
    live_ = static_cast<UnitId>(graph_.units.size());
    const bool older =
        std::any_of(units.begin(), units.end(), [](const Unit& unit) { return unit.plan != 0; });
    if (!older) return {};
    units_ = units;
    engine_ = &engine;
    const std::size_t edges = graph_.dependencies.size();
    const std::size_t policies = units.size() * sizeof(UnitPolicy);
    const std::size_t pointers = units.size() * sizeof(std::uintptr_t);
    const auto memory = TRY(
        sys::map_memory(policies + pointers + (edges + count_older_edges()) * sizeof(Dependency)));
    auto* previous = reinterpret_cast<const UnitPolicy**>(memory.data() + policies);
    graph_.previous = {previous, units.size()};
    for (UnitId id = 0; id < live_; ++id) {
        const Unit& unit = units[id];
        if (unit.plan != 0) previous[id] = &plans_[unit.plan].graph().units[unit.defined];
    }
    if (units.size() == live_) return {};

    auto* all = reinterpret_cast<UnitPolicy*>(memory.data());
    auto* needs = reinterpret_cast<Dependency*>(memory.data() + policies + pointers);
    std::copy(graph_.units.begin(), graph_.units.end(), all);
    std::copy(graph_.dependencies.begin(), graph_.dependencies.end(), needs);
    std::size_t edge = edges;
    for (std::size_t id = live_; id < units.size(); ++id)
        describe_ghost(static_cast<UnitId>(id), all[id], needs, edge);
    graph_.units = {all, units.size()};
    graph_.dependencies = {needs, edge};
    return {};
}

UnitTable::Where UnitTable::where(UnitId unit) const {
    if (unit >= units_.size() || units_[unit].plan == 0) return {0, unit};
    const bool older = unit >= live_ || (*engine_ && (*engine_)->is_previous(unit));
    if (!older) return {0, unit};
    return {units_[unit].plan, units_[unit].defined};
}

bool UnitTable::is_gone(UnitId unit) const {
    return unit >= live_ && engine_ != nullptr && *engine_ && (*engine_)->at_rest(unit);
}

const UnitPolicy& UnitTable::policy(UnitId unit) const {
    // A ghost's own has the numbers of this graph.
    const bool older = unit < live_ && where(unit).plan != 0;
    return older ? *graph_.previous[unit] : graph_.units[unit];
}

std::optional<UnitId> UnitTable::locate(std::string_view name) const {
    if (command_unit_ != kNoUnit && name == kCommandName) return command_unit_;
    if (const auto found = plans_[0].find_unit(name)) return found;
    for (std::size_t id = live_; id < units_.size(); ++id) {
        if (this->name(static_cast<UnitId>(id)) == name) return static_cast<UnitId>(id);
    }
    return std::nullopt;
}

std::optional<UnitId> UnitTable::find(std::string_view name) const {
    auto unit = locate(name);
    const StringList names = plans_[0].aliases();
    for (std::size_t i = 0; !unit && i < names.size(); i += 2)
        if (names[i] == name) unit = locate(names[i + 1]);
    return unit && is_gone(*unit) ? std::nullopt : unit;
}

std::string_view UnitTable::name(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? kCommandName : plans_[at.plan].name(at.unit);
}

std::uint32_t UnitTable::digest(UnitId unit) const {
    const Where at = where(unit);
    return plans_[at.plan].digest(at.unit);
}

std::string_view UnitTable::description(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? "Command of stead-init" : plans_[at.plan].description(at.unit);
}

std::string_view UnitTable::source(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? "command line" : plans_[at.plan].source(at.unit);
}

ExecView UnitTable::exec(UnitId unit) const {
    const Where at = where(unit);
    if (unit == command_unit_) {
        ExecView exec;
        exec.uid = ::geteuid();
        exec.gid = ::getegid();
        // umask(2) can only be read by setting it.
        exec.umask = ::umask(0);
        ::umask(exec.umask);
        exec.inherit_all = true;
        exec.inherit_input = true;
        exec.output = OutputKind::Inherit;
        exec.error = OutputKind::Inherit;
        exec.error_follows_output = false;
        return exec;
    }
    ExecView own = plans_[at.plan].exec(at.unit);
    if (!guest_) return own;
    if (from_loader_ || at.plan != 0) return plan::cut(own, *guest_);

    // The launcher wrote this plan itself: only what "the guest's own" means is filled in.
    if (!own.own_capabilities) own.capabilities = guest_->capabilities;
    own.no_new_privileges = own.no_new_privileges || guest_->no_new_privileges;
    own.no_root = own.no_root || guest_->no_root;
    return own;
}

StringList UnitTable::command(UnitId unit, CommandRole role, std::size_t index) const {
    const Where at = where(unit);
    if (unit == command_unit_) return {command_offsets_, command_bytes_};
    return plans_[at.plan].command(at.unit, role, index);
}

DirectoryView UnitTable::directory(UnitId unit, std::size_t index) const {
    const Where at = where(unit);
    return plans_[at.plan].directory(at.unit, index);
}

CgroupSetting UnitTable::cgroup_setting(UnitId unit, std::size_t index) const {
    const Where at = where(unit);
    return plans_[at.plan].cgroup_setting(at.unit, index);
}

std::span<const std::byte> UnitTable::ready_address(UnitId unit) const {
    const Where at = where(unit);
    return plans_[at.plan].ready_address(at.unit);
}

std::string_view UnitTable::ready_path(UnitId unit) const {
    const Where at = where(unit);
    return plans_[at.plan].ready_path(at.unit);
}

std::span<const std::byte> UnitTable::health_address(UnitId unit) const {
    const Where at = where(unit);
    return plans_[at.plan].health_address(at.unit);
}

std::string_view UnitTable::health_path(UnitId unit) const {
    const Where at = where(unit);
    return plans_[at.plan].health_path(at.unit);
}

std::span<const std::byte> UnitTable::signal_map(UnitId unit) const {
    const Where at = where(unit);
    if (unit == command_unit_) return {};
    return plans_[at.plan].signal_map(at.unit);
}

std::size_t UnitTable::socket_count(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? 0 : plans_[at.plan].socket_count(at.unit);
}

SocketView UnitTable::socket(UnitId unit, std::size_t index) const {
    const Where at = where(unit);
    return plans_[at.plan].socket(at.unit, index);
}

std::optional<TimerView> UnitTable::timer(UnitId unit) const {
    const Where at = where(unit);
    if (unit == command_unit_) return std::nullopt;
    return plans_[at.plan].timer(at.unit);
}

std::uint32_t UnitTable::descriptor_store(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? 0 : plans_[at.plan].descriptor_store(at.unit);
}

std::uint64_t UnitTable::log_size(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? 0 : plans_[at.plan].log_size(at.unit);
}

std::uint32_t UnitTable::log_keep(UnitId unit) const {
    const Where at = where(unit);
    return unit == command_unit_ ? 0 : plans_[at.plan].log_keep(at.unit);
}

} // namespace stead::init
