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
    plan_ = plan;
    guest_ = guest;
    notices_ = plan.notices();
    graph_ = plan.graph();
}

Result<void> UnitTable::use_plan(const plan::Plan& plan) {
    if (guest_) TRY(plan::check_loader_plan(plan, *guest_));
    from_loader_ = true;
    plan_ = plan;
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

std::optional<UnitId> UnitTable::find(std::string_view name) const {
    if (command_unit_ != kNoUnit && name == kCommandName) return command_unit_;
    return plan_.find_unit(name);
}

std::string_view UnitTable::name(UnitId unit) const {
    return unit == command_unit_ ? kCommandName : plan_.name(unit);
}

std::string_view UnitTable::description(UnitId unit) const {
    return unit == command_unit_ ? "Command of stead-init" : plan_.description(unit);
}

std::string_view UnitTable::source(UnitId unit) const {
    return unit == command_unit_ ? "command line" : plan_.source(unit);
}

ExecView UnitTable::exec(UnitId unit) const {
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
    const ExecView exec = plan_.exec(unit);
    if (!guest_) return exec;
    if (from_loader_) return plan::cut(exec, *guest_);

    // The launcher wrote this plan itself: only what "the guest's own" means is filled in.
    ExecView own = exec;
    if (!own.own_capabilities) own.capabilities = guest_->capabilities;
    own.no_new_privileges = own.no_new_privileges || guest_->no_new_privileges;
    own.no_root = own.no_root || guest_->no_root;
    return own;
}

StringList UnitTable::command(UnitId unit, CommandRole role, std::size_t index) const {
    if (unit == command_unit_) return {command_offsets_, command_bytes_};
    return plan_.command(unit, role, index);
}

DirectoryView UnitTable::directory(UnitId unit, std::size_t index) const {
    return plan_.directory(unit, index);
}

CgroupSetting UnitTable::cgroup_setting(UnitId unit, std::size_t index) const {
    return plan_.cgroup_setting(unit, index);
}

std::span<const std::byte> UnitTable::ready_address(UnitId unit) const {
    return plan_.ready_address(unit);
}

std::string_view UnitTable::ready_path(UnitId unit) const {
    return plan_.ready_path(unit);
}

std::span<const std::byte> UnitTable::health_address(UnitId unit) const {
    return plan_.health_address(unit);
}

std::string_view UnitTable::health_path(UnitId unit) const {
    return plan_.health_path(unit);
}

std::span<const std::byte> UnitTable::signal_map(UnitId unit) const {
    if (unit == command_unit_) return {};
    return plan_.signal_map(unit);
}

std::uint64_t UnitTable::log_size(UnitId unit) const {
    return unit == command_unit_ ? 0 : plan_.log_size(unit);
}

std::uint32_t UnitTable::log_keep(UnitId unit) const {
    return unit == command_unit_ ? 0 : plan_.log_keep(unit);
}

} // namespace stead::init
