#include "compile/unit.h"

#include <algorithm>
#include <cmath>

#include "compile/call_lists.h"
#include "compile/capabilities.h"
#include "compile/default_filters.h"
#include "compile/identity.h"
#include "compile/levels.h"
#include "compile/probe.h"

namespace stead::compile {

namespace {

using unitfile::UnitSpec;

constexpr const char* kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::uint32_t permille(double value) {
    return static_cast<std::uint32_t>(std::lround(std::clamp(value, 0.0, 1000.0) * 1000.0));
}

/// The key's place, or the unit's where the key was left to its default.
unitfile::Place place_of(const UnitSpec& spec, std::string_view key) {
    return or_place(spec.keys.find(key), spec.place);
}

ReadyKind ready_kind(const UnitSpec& spec) {
    if (spec.type == UnitType::Notify) return ReadyKind::Notify;
    if (spec.type == UnitType::NotifyFd) return ReadyKind::Fd;
    return spec.ready.kind;
}

UnitPolicy policy_of(const UnitSpec& spec, const UnitOptions& options) {
    UnitPolicy policy;
    policy.type = spec.type;
    policy.ready = ready_kind(spec);
    policy.restart = spec.restart;
    policy.restart_mode = spec.restart_mode;
    policy.kill_mode = spec.kill_mode;
    policy.enabled = spec.enabled;
    policy.essential = spec.essential;
    policy.remain_after_exit = spec.remain_after_exit;
    policy.send_hup = spec.send_hup;
    policy.reload_signal = spec.reload_signal;
    policy.stop_steps =
        static_cast<std::uint8_t>(std::min(spec.stop_schedule.size(), kMaxStopSteps));
    std::copy_n(spec.stop_schedule.begin(), policy.stop_steps, policy.stop.begin());

    policy.start_timeout_ms = plan_ms(spec.ready_timeout);
    policy.ready_interval_ms = std::max(plan_ms(spec.ready_interval), 1U);
    policy.hook_timeout_ms = plan_ms(spec.hook_timeout);
    policy.stop_command_timeout_ms = plan_ms(spec.stop_timeout);
    policy.restart_delay_ms = plan_ms(spec.restart_delay);
    policy.restart_max_delay_ms = plan_ms(spec.restart_max_delay);
    policy.restart_factor_permille = std::max(permille(spec.restart_factor), 1000U);
    policy.restart_jitter_permille = std::min(permille(spec.restart_jitter), 1000U);
    policy.restart_reset_after_ms = plan_ms(spec.restart_reset_after);
    policy.restart_burst = spec.restart_burst;
    policy.restart_interval_ms = plan_ms(spec.restart_interval);
    policy.success = spec.success_exit;
    policy.prevent = spec.restart_prevent;
    (void)options;
    return policy;
}

void set_commands(const UnitSpec& spec, plan::UnitInput& unit, Report& report) {
    const auto set = [&](CommandRole role, const unitfile::Argv& argv) {
        if (!argv.empty()) unit.commands_of(role).push_back(argv);
    };
    set(CommandRole::Main, spec.command);
    set(CommandRole::Reload, spec.reload_command);
    set(CommandRole::Stop, spec.stop_command);
    if (unit.policy.ready == ReadyKind::Exec) set(CommandRole::ReadyProbe, spec.ready.exec);
    unit.commands_of(CommandRole::PreStart) = spec.pre_start;
    unit.commands_of(CommandRole::PostStart) = spec.post_start;
    unit.commands_of(CommandRole::PreStop) = spec.pre_stop;
    unit.commands_of(CommandRole::PostStop) = spec.post_stop;
    if (spec.command.empty() && spec.type != UnitType::Target)
        report.error(spec.place, "unit '" + spec.name + "' has no `command`");
}

void set_readiness(const UnitSpec& spec, plan::UnitInput& unit, Report& report) {
    const unitfile::Place& place = or_place(spec.ready.place, spec.place);
    std::optional<std::vector<std::byte>> address;
    switch (unit.policy.ready) {
    case ReadyKind::Tcp:
        address = tcp_address(spec.ready.endpoint);
        if (!address)
            report.error(place, "ready.tcp is '" + spec.ready.endpoint +
                                    "'; use ADDRESS:PORT with a numeric address or localhost, "
                                    "such as \"127.0.0.1:80\" or \"[::1]:80\"");
        break;
    case ReadyKind::Unix:
        address = unix_address(spec.ready.endpoint);
        if (!address)
            report.error(place, "ready.unix is '" + spec.ready.endpoint +
                                    "'; use an absolute path of at most 107 bytes");
        break;
    case ReadyKind::Path:
    case ReadyKind::PidFile:
        unit.ready_path = spec.ready.endpoint;
        break;
    case ReadyKind::Http:
        report.error(place, "ready.http is not supported yet; use ready.tcp or ready.exec");
        break;
    case ReadyKind::None:
    case ReadyKind::Notify:
    case ReadyKind::Fd:
    case ReadyKind::Exec:
        break;
    }
    unit.ready_address = address.value_or(std::vector<std::byte>{});
}

/// What the account brings; the unit's own environment comes on top.
void set_environment(const UnitSpec& spec,
                     const Identity& identity,
                     const UnitOptions& options,
                     plan::ExecInput& exec) {
    std::map<std::string, std::string> environment;
    // In somebody else's container its own environment rules, unless the unit names a user.
    if (!options.foreign || spec.keys.has("user")) {
        environment = {{"USER", identity.name}, {"LOGNAME", identity.name}};
        if (!identity.home.empty()) environment["HOME"] = identity.home;
        if (!identity.shell.empty()) environment["SHELL"] = identity.shell;
    }
    for (const auto& [name, value] : spec.environment)
        environment[name] = value;
    for (const auto& [name, value] : environment)
        exec.environment.emplace_back(name).append("=").append(value);

    std::vector<std::string> inherit;
    if (!spec.environment_inherit.given) inherit = {"PATH", "TZ", "LANG"};
    for (const unitfile::Text& item : spec.environment_inherit.items) {
        if (item.value == "...") {
            inherit.insert(inherit.end(), {"PATH", "TZ", "LANG"});
        } else if (item.value.starts_with('!')) {
            std::erase(inherit, item.value.substr(1));
        } else {
            inherit.push_back(item.value);
        }
    }
    exec.inherit_all = options.foreign && !spec.environment_inherit.given;
    const bool inherits_path = std::find(inherit.begin(), inherit.end(), "PATH") != inherit.end();
    if (!exec.inherit_all) exec.environment_inherit = std::move(inherit);
    if (!inherits_path && environment.find("PATH") == environment.end())
        exec.environment.emplace_back(kDefaultPath);
}

void set_capabilities(const UnitSpec& spec,
                      const UnitOptions& options,
                      plan::ExecInput& exec,
                      Report& report) {
    exec.capabilities = resolve_capabilities(spec.capabilities, options.ceiling, report);
    exec.own_capabilities = spec.capabilities.given;
    const std::uint64_t beyond = exec.capabilities & ~options.ceiling;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if ((beyond >> capability & 1U) == 0) continue;
        report.error(place_of_capability(spec.capabilities, capability),
                     "capability " + capability_name(capability) +
                         " is not on the guest's allow-list (" + options.ceiling_origin +
                         "); add it to `capabilities` there, or take it out here");
    }

    exec.ambient = resolve_capabilities(spec.ambient_capabilities, 0, report);
    // In a jail uid 0 means nothing and files give nothing: ambient is the only way to hold one.
    if (options.jail && !spec.ambient_capabilities.given) exec.ambient = exec.capabilities;
    const std::uint64_t missing = exec.ambient & ~exec.capabilities & ~beyond;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if ((missing >> capability & 1U) == 0) continue;
        report.error(place_of_capability(spec.ambient_capabilities, capability),
                     "ambient capability " + capability_name(capability) +
                         " is not among the unit's capabilities (" +
                         capability_names(exec.capabilities) + ")");
    }
}

/// An unprivileged process may load a filter only together with no-new-privileges, and PID 1 of a
/// guest with the host's users has no right to do it for a unit.
bool may_filter(const UnitOptions& options, const plan::ExecInput& exec) {
    return options.users == recipe::Users::Private || exec.no_new_privileges;
}

void set_filter(const UnitSpec& spec,
                const UnitOptions& options,
                plan::ExecInput& exec,
                Report& report) {
    const bool own_error = spec.keys.has("system-call-error");
    if (!spec.system_calls.given && !own_error) return;
    const unitfile::Place place =
        or_place(spec.system_calls.place, place_of(spec, "system-call-error"));
    const CallPolicy guest = options.calls != nullptr ? *options.calls
                             : options.jail           ? default_jail_policy(options.ceiling)
                                                      : default_service_policy();
    CallPolicy policy = resolve_calls(spec.system_calls, guest, report);
    if (!set_call_error(spec.system_call_error, policy))
        report.error(place_of(spec, "system-call-error"),
                     "system-call-error is '" + spec.system_call_error +
                         "'; use the name of an errno such as EPERM, or kill or log");
    if (options.calls != nullptr) {
        const int beyond = first_beyond(policy, *options.calls);
        if (beyond >= 0)
            report.error(place, "system call " + call_name(beyond) +
                                    " is not allowed to the guest; add it to `system-calls` of "
                                    "the guest file, or take it out here");
    }
    if (!may_filter(options, exec))
        report.error(place, "`system-calls` of a unit needs a guest with users = \"private\", or "
                            "no-new-privileges = true in the unit");
    if (report.failed()) return;
    auto filter = build_filter(policy);
    if (!filter) {
        report.error(place, describe(filter.error()).c_str());
        return;
    }
    exec.filter = std::move(*filter);
}

void set_privileges(const UnitSpec& spec,
                    const UnitOptions& options,
                    plan::ExecInput& exec,
                    Report& report) {
    exec.no_new_privileges = spec.no_new_privileges.value_or(options.no_new_privileges);
    exec.no_root = options.jail;
    exec.require = spec.require;
    if (options.no_new_privileges && !exec.no_new_privileges)
        report.error(place_of(spec, "no-new-privileges"),
                     "the guest runs with no-new-privileges (profile jail); a unit cannot do "
                     "without");
    exec.nice = spec.nice;
    exec.oom_score_adjust = spec.oom_score_adjust;
    if (options.users == recipe::Users::Private) return;
    const auto refuse = [&](const char* key, const char* what) {
        report.error(place_of(spec, key), std::string(key) + " " + what +
                                              " needs a guest with users = \"private\": with the "
                                              "host's users PID 1 has no right to raise anything");
    };
    if (spec.nice && *spec.nice < 0) refuse("scheduling.nice", "below 0");
    if (spec.oom_score_adjust && *spec.oom_score_adjust < 0)
        refuse("scheduling.oom-score-adjust", "below 0");
}

void set_output(const UnitSpec& spec, const UnitOptions& options, plan::UnitInput& unit) {
    plan::ExecInput& exec = unit.exec;
    exec.output = spec.output;
    exec.output_path = spec.output_target;
    exec.inherit_input = spec.inherit_input;
    exec.controlling_terminal = spec.controlling_terminal;
    exec.error_follows_output = spec.error_follows_output;
    exec.error = spec.error_follows_output ? spec.output : spec.error;
    exec.error_path = spec.error_follows_output ? spec.output_target : spec.error_target;
    if (options.foreign && !spec.keys.has("log.output")) {
        exec.output = OutputKind::Inherit;
        if (!spec.keys.has("log.error")) {
            exec.error = OutputKind::Inherit;
            exec.error_follows_output = false;
        }
    }
    unit.log_size = spec.log_size;
    unit.log_keep = spec.log_keep;
    unit.log_timestamp = spec.log_timestamp;
}

void set_levels(const UnitSpec& spec,
                const UnitOptions& options,
                plan::ExecInput& exec,
                Report& report) {
    for (const unitfile::LevelSpec& level : spec.levels) {
        const std::string problem =
            options.facts == nullptr ? std::string() : level_problem(level, *options.facts);
        if (!problem.empty()) report.error(level.place, problem);
        exec.cgroup_settings.push_back({level.file, level.content});
    }
    for (const unitfile::RlimitSpec& limit : spec.rlimits) {
        const std::string problem =
            options.facts == nullptr ? std::string() : limit_problem(limit, *options.facts);
        if (!problem.empty()) report.error(limit.place, problem);
        exec.limits.push_back(limit.limit);
    }
}

void set_directories(const UnitSpec& spec, const UnitOptions& options, plan::ExecInput& exec) {
    for (const unitfile::DirectorySpec& directory : spec.directories) {
        // The launcher makes a jail's other directories on the host and binds them.
        if (options.jail && directory.kind != DirectoryKind::Runtime) continue;
        exec.directories.push_back(
            {directory.kind, spec.directory_mode,
             std::string(directory_base(directory.kind)) + "/" + directory.name});
    }
}

} // namespace

const char* directory_base(DirectoryKind kind) {
    switch (kind) {
    case DirectoryKind::State:
        return "/var/lib";
    case DirectoryKind::Runtime:
        return "/run";
    case DirectoryKind::Cache:
        return "/var/cache";
    case DirectoryKind::Logs:
        return "/var/log";
    }
    return "/run";
}

std::optional<plan::UnitInput> compile_unit(const UnitSpec& spec,
                                            const UserDatabase& users,
                                            const UnitOptions& options,
                                            Report& report) {
    plan::UnitInput unit;
    unit.name = spec.name;
    unit.description = spec.description;
    unit.source = spec.file;
    unit.policy = policy_of(spec, options);
    set_commands(spec, unit, report);
    set_readiness(spec, unit, report);
    set_output(spec, options, unit);

    plan::ExecInput& exec = unit.exec;
    exec.working_directory = spec.working_directory.value;
    exec.umask = spec.umask;
    exec.ready_fd = spec.ready_fd;
    exec.notify_access = spec.notify_access;
    if (const auto identity = resolve_identity(spec, users, options, report)) {
        exec.uid = identity->uid;
        exec.gid = identity->gid;
        exec.groups = identity->groups;
        set_environment(spec, *identity, options, exec);
    }
    set_capabilities(spec, options, exec, report);
    set_privileges(spec, options, exec, report);
    set_filter(spec, options, exec, report);
    set_levels(spec, options, exec, report);
    set_directories(spec, options, exec);
    if (report.failed()) return std::nullopt;
    return unit;
}

} // namespace stead::compile
