#include "compile/unit.h"

#include <algorithm>
#include <cmath>

#include "compile/activation.h"
#include "compile/capabilities.h"
#include "compile/files.h"
#include "compile/identity.h"
#include "compile/landlock.h"
#include "compile/levels.h"
#include "compile/probe.h"
#include "compile/unit_filter.h"
#include "model/condition.h"
#include "model/names.h"
#include "recipe/guest_paths.h"

namespace stead::compile {

namespace {

using unitfile::UnitSpec;

constexpr const char* kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::uint32_t permille(double value) {
    return static_cast<std::uint32_t>(std::lround(std::clamp(value, 0.0, 1000.0) * 1000.0));
}

/// Absolute and in its simplest form, as a plan wants paths.
bool is_plain(const std::string& path) {
    return path.size() > 1 && path.back() != '/' && path.find("//") == std::string::npos &&
           (path + "/").find("/./") == std::string::npos &&
           (path + "/").find("/../") == std::string::npos;
}

/// The key's place, or the unit's where the key was left to its default.
unitfile::Place place_of(const UnitSpec& spec, std::string_view key) {
    return or_place(spec.keys.find(key), spec.place);
}

/// "127.0.0.1:80" as probes take it, a path, or a command: what a probe needs beside its kind.
struct ProbeParts {
    std::vector<std::byte> address;
    std::string path;
    unitfile::Argv command;
};

/// HTTP is spoken by a helper; PID 1 reads no text.
unitfile::Argv http_helper(const std::string& url, const UnitOptions& options) {
    // A launched guest has our own program at a fixed place, somebody else's container in PATH.
    return {options.foreign ? "stead" : recipe::kGuestStead, "probe", url};
}

ProbeParts probe_parts(const unitfile::ProbeSpec& probe,
                       const std::string& table,
                       const UnitOptions& options,
                       const unitfile::Place& place,
                       Report& report) {
    ProbeParts parts;
    std::optional<std::vector<std::byte>> address;
    switch (probe.kind) {
    case ReadyKind::Tcp:
        address = tcp_address(probe.endpoint);
        if (!address)
            report.error(place, table + ".tcp is '" + probe.endpoint +
                                    "'; use ADDRESS:PORT with a numeric address or localhost, "
                                    "such as \"127.0.0.1:80\" or \"[::1]:80\"");
        break;
    case ReadyKind::Unix:
        address = unix_address(probe.endpoint);
        if (!address)
            report.error(place, table + ".unix is '" + probe.endpoint +
                                    "'; use an absolute path of at most 107 bytes");
        break;
    case ReadyKind::Path:
    case ReadyKind::PidFile:
        parts.path = probe.endpoint;
        break;
    case ReadyKind::Http:
        parts.command = http_helper(probe.endpoint, options);
        break;
    case ReadyKind::Exec:
        parts.command = probe.exec;
        break;
    case ReadyKind::None:
    case ReadyKind::Notify:
    case ReadyKind::Fd:
        break;
    }
    parts.address = address.value_or(std::vector<std::byte>{});
    return parts;
}

ReadyKind ready_kind(const UnitSpec& spec) {
    if (spec.type == UnitType::Notify) return ReadyKind::Notify;
    if (spec.type == UnitType::NotifyFd) return ReadyKind::Fd;
    return spec.ready.kind;
}

UnitPolicy policy_of(const UnitSpec& spec) {
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
    if (spec.reload_notifies) policy.traits |= kReloadNotifies;
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
    policy.exit_type = spec.exit_type;
    policy.essential_stop = spec.essential_stop;
    policy.oom_policy = spec.oom_policy;
    policy.on_success = spec.on_success.action;
    policy.on_failure = spec.on_failure.action;
    policy.on_limit = spec.on_limit.action;
    policy.watchdog_ms = plan_ms(spec.watchdog);
    policy.watchdog_signal = spec.watchdog_signal;
    policy.code_changes =
        static_cast<std::uint16_t>(std::min(spec.exit_map.size(), kMaxCodeChanges));
    for (std::size_t i = 0; i < policy.code_changes; ++i)
        policy.exit_map[i] = {spec.exit_map[i].first, spec.exit_map[i].second};
    policy.health = spec.health.kind;
    policy.health_interval_ms = std::max(plan_ms(spec.health_interval), 1U);
    policy.health_timeout_ms = std::max(plan_ms(spec.health_timeout), 1U);
    policy.health_threshold = spec.health_threshold;
    policy.health_action = spec.health_action;
    // A oneshot takes as long as its work does, unless the file says otherwise.
    if (spec.type == UnitType::Oneshot && !spec.keys.has("ready.timeout"))
        policy.start_timeout_ms = kForever;
    return policy;
}

void set_commands(const UnitSpec& spec, plan::UnitInput& unit, Report& report) {
    const auto set = [&](CommandRole role, const unitfile::Argv& argv) {
        if (!argv.empty()) unit.commands_of(role).push_back(argv);
    };
    set(CommandRole::Main, spec.command);
    set(CommandRole::Reload, spec.reload_command);
    set(CommandRole::Stop, spec.stop_command);
    unit.commands_of(CommandRole::PreStart) = spec.pre_start;
    unit.commands_of(CommandRole::PostStart) = spec.post_start;
    unit.commands_of(CommandRole::PreStop) = spec.pre_stop;
    unit.commands_of(CommandRole::PostStop) = spec.post_stop;
    if (spec.command.empty() && spec.type != UnitType::Target)
        report.error(spec.place, "unit '" + spec.name + "' has no `command`");
}

void set_probes(const UnitSpec& spec,
                const UnitOptions& options,
                plan::UnitInput& unit,
                Report& report) {
    const auto set_command = [&](CommandRole role, unitfile::Argv command) {
        if (!command.empty()) unit.commands_of(role) = {std::move(command)};
    };
    ProbeParts ready =
        probe_parts(spec.ready, "ready", options, or_place(spec.ready.place, spec.place), report);
    unit.ready_address = std::move(ready.address);
    unit.ready_path = std::move(ready.path);
    set_command(CommandRole::ReadyProbe, std::move(ready.command));
    ProbeParts health = probe_parts(spec.health, "health", options,
                                    or_place(spec.health.place, spec.place), report);
    unit.health_address = std::move(health.address);
    unit.health_path = std::move(health.path);
    set_command(CommandRole::HealthProbe, std::move(health.command));
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
    // What getty and shells expect of a terminal nobody describes.
    if (!spec.terminal.empty()) environment["TERM"] = "linux";
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

void set_scheduling(const UnitSpec& spec,
                    const UnitOptions& options,
                    plan::ExecInput& exec,
                    Report& report) {
    exec.io_priority = spec.io_priority;
    exec.cpu_policy = spec.cpu_policy;
    exec.cpu_priority = spec.cpu_priority;
    exec.cpu_affinity = spec.cpu_affinity;
    if (options.users == recipe::Users::Private || options.foreign) return;
    constexpr unsigned kRealTime = 1;
    if (spec.cpu_priority != 0)
        report.error(place_of(spec, "scheduling.cpu-policy"),
                     "scheduling.cpu-policy with a real-time priority needs a guest with users = "
                     "\"private\"");
    if (spec.io_priority >> 13U == kRealTime)
        report.error(place_of(spec, "scheduling.io"),
                     "scheduling.io of class real-time needs a guest with users = \"private\"");
}

void set_conditions(const UnitSpec& spec, plan::ExecInput& exec, Report& report) {
    const auto add = [&](ConditionKind kind, const unitfile::TextList& list) {
        for (const unitfile::Text& item : list) {
            const bool negated = item.value.starts_with('!');
            std::string text = item.value.substr(negated ? 1 : 0);
            if (kind == ConditionKind::Capability) {
                const auto number = find_capability(text);
                if (!number) {
                    report.error(item.place, "there is no capability '" + text + "'");
                    continue;
                }
                text = std::to_string(*number);
            }
            if (kind == ConditionKind::Path && !is_plain(text)) {
                report.error(item.place, "conditions.path-exists has '" + text +
                                             "'; write the path without '//' and '.'");
                continue;
            }
            exec.conditions.push_back(std::string(1, static_cast<char>(kind)) +
                                      (negated ? "!" : "=") + text);
        }
    };
    add(ConditionKind::Path, spec.condition_paths);
    add(ConditionKind::Environment, spec.condition_environment);
    add(ConditionKind::Capability, spec.condition_capabilities);
    add(ConditionKind::Virtualization, spec.condition_virtualization);
    if (exec.conditions.size() > plan::kMaxConditions)
        report.error(spec.place, "more than 64 conditions");
}

void set_credential(const unitfile::CredentialSpec& credential,
                    plan::ExecInput& exec,
                    Report& report) {
    const bool fits = is_unit_name(credential.name) &&
                      credential.name.size() <= plan::kMaxCredentialName &&
                      exec.credentials.size() < plan::kMaxCredentials;
    if (!fits || !is_plain(credential.path)) {
        report.error(credential.place,
                     "credential '" + credential.name +
                         "': names have up to 64 letters, digits, '.', '_' and '-', paths neither "
                         "'//' nor '.', and a unit has at most 32 of them");
        return;
    }
    exec.credentials.push_back(credential.name + "=" + credential.path);
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
    set_scheduling(spec, options, exec, report);
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
    exec.terminal = spec.terminal;
    exec.error_follows_output = spec.error_follows_output;
    exec.error = spec.error_follows_output ? spec.output : spec.error;
    exec.error_path = spec.error_follows_output ? spec.output_target : spec.error_target;
    // Whoever collects a container's output tells its streams apart.
    if (options.foreign && !spec.keys.has("log.output") && !spec.keys.has("log.error"))
        exec.error_follows_output = false;
    unit.log_size = spec.log_size;
    unit.log_keep = spec.log_keep | (spec.log_blocks ? kLogBlocks : 0U);
    unit.log_timestamp = spec.log_timestamp;
}

/// The kernel takes one line at a time.
void add_settings(const std::string& file, std::string_view content, plan::ExecInput& exec) {
    while (!content.empty()) {
        const std::string_view line = content.substr(0, content.find('\n'));
        exec.cgroup_settings.push_back({file, std::string(line)});
        content.remove_prefix(std::min(line.size() + 1, content.size()));
    }
}

void set_levels(const UnitSpec& spec,
                const UnitOptions& options,
                plan::ExecInput& exec,
                Report& report) {
    for (const unitfile::LevelSpec& level : spec.levels) {
        std::string problem =
            options.facts == nullptr ? std::string() : level_problem(level, *options.facts);
        const resources::Level* const row = resources::find_level(level.key);
        const auto content = resources::resolve(
            *row, level.content,
            options.facts != nullptr ? options.facts->machine : options.machine, problem);
        if (!problem.empty()) report.error(level.place, problem);
        add_settings(level.file, content.value_or(""), exec);
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
    unit.policy = policy_of(spec);
    set_commands(spec, unit, report);
    set_probes(spec, options, unit, report);
    for (const auto& [from, to] : spec.signal_map) {
        unit.signal_map.push_back(static_cast<std::byte>(from));
        unit.signal_map.push_back(static_cast<std::byte>(to));
    }
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
    set_filter(spec, options, unit, report);
    set_levels(spec, options, exec, report);
    set_directories(spec, options, exec);
    set_files(spec, options, unit, report);
    set_namespaces(spec, options, unit, report);
    set_landlock(spec, options, unit, report);
    set_conditions(spec, exec, report);
    set_activation(spec, users, options, unit, report);
    if (options.jail && !spec.credentials.empty())
        report.error(spec.credentials.front().place,
                     "[credentials] is not supported in a jail, which sees the host's files; use "
                     "`bind`");
    for (const unitfile::CredentialSpec& credential : spec.credentials)
        set_credential(credential, exec, report);
    if (report.failed()) return std::nullopt;
    return unit;
}

} // namespace stead::compile
