#include "plan/checker.h"

namespace stead::plan {

bool Checker::flags_of_policy(const std::byte* raw) {
    // Looked at as bytes: a bool that is neither 0 nor 1 must not be read as one.
    for (const std::size_t at :
         {offsetof(UnitPolicy, enabled), offsetof(UnitPolicy, essential),
          offsetof(UnitPolicy, remain_after_exit), offsetof(UnitPolicy, send_hup)}) {
        if (!need(raw[at] <= std::byte{1}, "a flag that is neither true nor false")) return false;
    }
    return true;
}

bool Checker::policy(const UnitPolicy& policy) {
    return need(known(policy.type, UnitType::Target) && known(policy.ready, ReadyKind::Http) &&
                    known(policy.restart, RestartPolicy::Always) &&
                    known(policy.restart_mode, RestartMode::Normal) &&
                    known(policy.kill_mode, KillMode::Process) &&
                    known(policy.exit_type, ExitType::Cgroup) &&
                    known(policy.essential_stop, EssentialStop::Exit),
                "an unknown word in its policy") &&
           need(policy.reload_signal <= 64 && policy.watchdog_signal >= 1 &&
                    policy.watchdog_signal <= 64,
                "a signal outside 1 to 64") &&
           need(policy.restart_factor_permille >= 1000 &&
                    policy.restart_factor_permille <= 1'000'000 &&
                    policy.restart_jitter_permille <= 1000,
                "a restart factor below 1 or above 1000, or a jitter above 1") &&
           need(policy.reserved == std::array<std::uint16_t, 3>{} && policy.traits <= kPolicyTraits,
                "a reserved field is in use") &&
           stop(policy) && outcomes(policy) && health(policy);
}

bool Checker::stop(const UnitPolicy& policy) {
    if (!need(policy.stop_steps <= kMaxStopSteps, "too many stop steps")) return false;
    for (std::size_t step = 0; step < kMaxStopSteps; ++step) {
        const StopStep& wanted = policy.stop[step];
        if (step >= policy.stop_steps) {
            if (!need(wanted == StopStep{}, "a stop step beyond the last")) return false;
            continue;
        }
        if (!need(wanted.signal >= 1 && wanted.signal <= 64, "a stop step without a signal") ||
            !need(wanted.reserved == StopStep{}.reserved, "a reserved field is in use"))
            return false;
    }
    return true;
}

bool Checker::outcomes(const UnitPolicy& policy) {
    const std::array actions{policy.on_success, policy.on_failure, policy.on_limit};
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const bool starts = actions[i] == OutcomeAction::StartUnit;
        const UnitId other = policy.outcome_units[i];
        if (!need(known(actions[i], OutcomeAction::StartUnit), "an unknown outcome") ||
            !need(starts ? other < count(TableId::Units) : other == kNoUnit,
                  "an outcome starts a unit that does not exist"))
            return false;
    }
    return true;
}

bool Checker::commands(const UnitPolicy& policy, const UnitRecord& record) {
    if (!need(record.first_command == next_command_, "its commands are out of place")) return false;
    for (std::size_t i = 0; i < kCommandRoles; ++i) {
        const auto role = static_cast<CommandRole>(i);
        const bool is_hook = role == CommandRole::PreStart || role == CommandRole::PostStart ||
                             role == CommandRole::PreStop || role == CommandRole::PostStop;
        const std::size_t has = policy.command_counts[i];
        if (!need(has <= (is_hook ? kMaxCommands : 1), "too many commands of one kind") ||
            !need((policy.commands >> i & 1U) == (has > 0 ? 1U : 0U), "miscounted commands"))
            return false;
        next_command_ += has;
    }
    const bool has_main = policy.command_counts[static_cast<std::size_t>(CommandRole::Main)] == 1;
    return need(next_command_ <= count(TableId::Commands), "its commands are out of place") &&
           need(policy.commands >> kCommandRoles == 0, "a command of an unknown kind") &&
           need(has_main == (policy.type != UnitType::Target),
                has_main ? "a target with a command" : "no command");
}

bool Checker::probe(ReadyKind kind, bool has_command, Slice address, StringRef path) {
    const bool needs_command = kind == ReadyKind::Exec || kind == ReadyKind::Http;
    const bool needs_address = kind == ReadyKind::Tcp || kind == ReadyKind::Unix;
    const bool needs_path = kind == ReadyKind::Path || kind == ReadyKind::PidFile;
    return need(inside(address, count(TableId::Addresses), kMaxAddress),
                "a socket address is too long") &&
           need(has_command == needs_command && (address.count >= 2) == needs_address &&
                    (needs_path ? is_path(path) : is_empty(path)),
                "its probe does not fit its kind");
}

bool Checker::readiness(const UnitPolicy& policy, const UnitBody& body) {
    const auto has = [&](CommandRole role) {
        return policy.command_counts[static_cast<std::size_t>(role)] == 1;
    };
    const bool polls = policy.ready >= ReadyKind::PidFile;
    return probe(policy.ready, has(CommandRole::ReadyProbe), body.address, body.ready_path) &&
           probe(policy.health, has(CommandRole::HealthProbe), body.health_address,
                 body.health_path) &&
           need(!polls || policy.ready_interval_ms > 0, "a readiness probe without a pause") &&
           need(body.ready_fd >= 3 && body.ready_fd < 1024,
                "a readiness descriptor outside 3 to 1023");
}

bool Checker::health(const UnitPolicy& policy) {
    const bool probes = policy.health >= ReadyKind::Tcp && known(policy.health, ReadyKind::Http);
    return need((policy.health == ReadyKind::None || probes) && policy.health_interval_ms > 0 &&
                    policy.health_timeout_ms > 0 && policy.health_threshold > 0 &&
                    known(policy.health_action, HealthAction::None),
                "an impossible health check") &&
           need(known(policy.oom_policy, OomPolicy::Kill) && policy.code_changes <= kMaxCodeChanges,
                "an unknown word in its policy");
}

bool Checker::signal_map(const UnitBody& body) {
    if (!need(inside(body.signal_map, count(TableId::Addresses), kMaxAddress) &&
                  body.signal_map.count % 2 == 0,
              "its map of signals is out of place"))
        return false;
    const auto pairs =
        table<std::byte>(TableId::Addresses).subspan(body.signal_map.first, body.signal_map.count);
    for (const std::byte signal : pairs) {
        if (!need(signal <= std::byte{64}, "a signal outside 1 to 64")) return false;
    }
    return true;
}

bool Checker::scheduling(const UnitBody& body) {
    const bool realtime = body.cpu_policy == 1 || body.cpu_policy == 2;
    const bool priority =
        realtime ? body.cpu_priority >= 1 && body.cpu_priority <= 99 : body.cpu_priority == 0;
    return need(inside(body.affinity, count(TableId::Addresses), kMaxAddress) &&
                    body.io_priority >> 13U <= 3 && (body.io_priority & 0x1fffU) <= 7 &&
                    body.cpu_policy <= 5 && body.cpu_policy != 4 && priority &&
                    ((body.flags & kHasCpuPolicy) != 0 || body.cpu_policy == 0),
                "impossible scheduling") &&
           need(is_empty(body.terminal) || is_path(body.terminal),
                "its terminal is no plain absolute path");
}

bool Checker::texts(Slice slice,
                    std::size_t most,
                    const char* wrong,
                    FunctionRef<bool(std::string_view)> good) {
    if (!need(inside(slice, count(TableId::Lists), most), wrong)) return false;
    for (const StringRef at : table<StringRef>(TableId::Lists).subspan(slice.first, slice.count)) {
        if (!need(good(text(at, kMaxPath + kMaxCredentialName + 1)), wrong)) return false;
    }
    return true;
}

bool Checker::conditions(const UnitBody& body) {
    return need((body.namespaces & ~kUnitNamespaces) == 0, "an impossible view") &&
           texts(body.conditions, kMaxConditions, "an unknown condition",
                 [](std::string_view word) {
                     return word.size() > 2 &&
                            std::string_view("pecv").find(word[0]) != word.npos &&
                            (word[1] == '=' || word[1] == '!');
                 }) &&
           texts(body.credentials, kMaxCredentials, "an impossible credential",
                 [](std::string_view pair) {
                     const std::size_t equals = pair.find('=');
                     return equals <= kMaxCredentialName && is_unit_name(pair.substr(0, equals)) &&
                            is_plain_path(pair.substr(equals + 1));
                 }) &&
           texts(body.view, kMaxView, "an impossible view", [](std::string_view place) {
               return place.size() > 1 && std::string_view("rwhtc").find(place[0]) != place.npos &&
                      is_plain_path(place.substr(place[1] == '-' ? 2 : 1));
           });
}

bool Checker::dependencies(UnitId id, const UnitPolicy& policy) {
    if (!need(policy.first_dependency == next_dependency_ &&
                  policy.dependency_count <= count(TableId::Dependencies) - next_dependency_,
              "its dependencies are out of place"))
        return false;
    const auto units = table<UnitRecord>(TableId::Units);
    const auto edges = table<Dependency>(TableId::Dependencies);
    for (const Dependency& edge : edges.subspan(next_dependency_, policy.dependency_count)) {
        if (!need(edge.target < units.size() && known(edge.kind, DependencyKind::PartOf) &&
                      edge.reserved == 0,
                  "a dependency on a unit that does not exist") ||
            !need(edge.target != id, "a dependency on itself") ||
            !need(!orders(edge.kind) || units[edge.target].rank < units[id].rank,
                  "its order has a cycle"))
            return false;
    }
    next_dependency_ += policy.dependency_count;
    return true;
}

bool Checker::output(OutputKind kind, StringRef path) {
    if (!need(known(kind, OutputKind::Inherit), "an unknown output")) return false;
    switch (kind) {
    case OutputKind::File:
        return need(is_path(path), "its output is no plain absolute path");
    case OutputKind::Unit:
        return need(is_unit_name(text(path, kMaxUnitName)), "its output goes to no unit");
    case OutputKind::Log:
    case OutputKind::Console:
    case OutputKind::Null:
    case OutputKind::Inherit:
        break;
    }
    return need(is_empty(path), "an output path without a file");
}

bool Checker::identity(const UnitBody& body) {
    return need(body.uid != ~0U && body.gid != ~0U, "user or group -1") &&
           need(body.umask <= 0777, "an impossible umask") &&
           need((body.flags & ~kUnitFlags) == 0, "an unknown flag") &&
           need(body.nice >= -20 && body.nice <= 19 &&
                    ((body.flags & kHasNice) != 0 || body.nice == 0),
                "a nice value outside -20 to 19") &&
           need(body.oom_score_adjust >= -1000 && body.oom_score_adjust <= 1000 &&
                    ((body.flags & kHasOomScore) != 0 || body.oom_score_adjust == 0),
                "an OOM score outside -1000 to 1000") &&
           need(known(body.notify_access, NotifyAccess::All), "an unknown notify access") &&
           need(is_string(body.working_directory) && is_string(body.output_path) &&
                    is_string(body.error_path) && is_string(body.ready_path) &&
                    is_string(body.health_path) && is_string(body.terminal),
                "a string outside the strings") &&
           need(is_path(body.working_directory), "its working directory is no plain path") &&
           output(body.output, body.output_path) && output(body.error, body.error_path);
}

bool Checker::limits(Slice slice) {
    std::uint32_t seen = 0;
    for (const auto& limit :
         table<ResourceLimit>(TableId::Limits).subspan(slice.first, slice.count)) {
        if (!need((seen >> limit.resource & 1U) == 0, "a resource limit is there twice"))
            return false;
        seen |= 1U << limit.resource;
    }
    return true;
}

bool Checker::parts(const UnitBody& body) {
    if (!need(inside(body.environment, count(TableId::Lists), kMaxEnvironment) &&
                  inside(body.environment_inherit, count(TableId::Lists), kMaxEnvironment),
              "its environment is out of place") ||
        !need(inside(body.groups, count(TableId::Groups), kMaxGroups), "too many groups") ||
        !need(body.descriptor_store <= kMaxStored, "keeps too many descriptors") ||
        !need(inside(body.filter, count(TableId::Filters), kMaxFilter), "too long a filter") ||
        !need(inside(body.limits, count(TableId::Limits), kMaxResourceLimits) &&
                  body.limits.first == next_limit_,
              "its resource limits are out of place") ||
        !need(inside(body.directories, count(TableId::Directories), kMaxDirectories) &&
                  body.directories.first == next_directory_,
              "its directories are out of place") ||
        !need(inside(body.settings, count(TableId::Settings), kMaxCgroupSettings) &&
                  body.settings.first == next_setting_,
              "its cgroup settings are out of place"))
        return false;
    next_limit_ += body.limits.count;
    next_directory_ += body.directories.count;
    next_setting_ += body.settings.count;
    return limits(body.limits) && signal_map(body) && conditions(body);
}

bool Checker::activation(const UnitRecord& record) {
    if (!need(record.sockets.first == next_socket_ && record.timer.first == next_timer_ &&
                  inside(record.sockets, count(TableId::Sockets), kMaxSockets) &&
                  inside(record.timer, count(TableId::Timers), 1),
              "its sockets or its timer are out of place"))
        return false;
    next_socket_ += record.sockets.count;
    next_timer_ += record.timer.count;
    return true;
}

bool Checker::body(std::uint16_t at) {
    if (!need(at <= next_body_ && at < count(TableId::Bodies), "its body is out of place"))
        return false;
    // That of an earlier unit has been judged with it.
    if (at < next_body_) return true;
    ++next_body_;
    const UnitBody& body = table<UnitBody>(TableId::Bodies)[at];
    return identity(body) && parts(body) && scheduling(body);
}

bool Checker::unit(UnitId id) {
    unit_ = id;
    const std::byte* raw = image_.data() +
                           header_.tables[static_cast<std::size_t>(TableId::Policies)].first +
                           std::size_t{id} * sizeof(UnitPolicy);
    if (!flags_of_policy(raw)) return false;
    const UnitPolicy& its_policy = table<UnitPolicy>(TableId::Policies)[id];
    const UnitRecord& record = table<UnitRecord>(TableId::Units)[id];
    return need(is_string(record.description) && is_string(record.source),
                "a string outside the strings") &&
           body(record.body) && policy(its_policy) && activation(record) &&
           commands(its_policy, record) &&
           readiness(its_policy, table<UnitBody>(TableId::Bodies)[record.body]) &&
           dependencies(id, its_policy);
}

} // namespace stead::plan
