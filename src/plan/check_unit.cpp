#include "plan/checker.h"

namespace stead::plan {

namespace {

template <typename Enum>
constexpr ByteRule up_to(std::size_t at, Enum last) {
    return {static_cast<std::uint8_t>(at), static_cast<std::uint8_t>(last)};
}

constexpr ByteRule kPolicyBytes[] = {
    up_to(offsetof(UnitPolicy, enabled), true),
    up_to(offsetof(UnitPolicy, essential), true),
    up_to(offsetof(UnitPolicy, remain_after_exit), true),
    up_to(offsetof(UnitPolicy, send_hup), true),
    up_to(offsetof(UnitPolicy, type), UnitType::Target),
    up_to(offsetof(UnitPolicy, ready), ReadyKind::Http),
    up_to(offsetof(UnitPolicy, restart), RestartPolicy::Always),
    up_to(offsetof(UnitPolicy, restart_mode), RestartMode::Normal),
    up_to(offsetof(UnitPolicy, kill_mode), KillMode::Process),
    up_to(offsetof(UnitPolicy, exit_type), ExitType::Cgroup),
    up_to(offsetof(UnitPolicy, essential_stop), EssentialStop::Exit),
    up_to(offsetof(UnitPolicy, on_success), OutcomeAction::StartUnit),
    up_to(offsetof(UnitPolicy, on_failure), OutcomeAction::StartUnit),
    up_to(offsetof(UnitPolicy, on_limit), OutcomeAction::StartUnit),
    up_to(offsetof(UnitPolicy, health), ReadyKind::Http),
    up_to(offsetof(UnitPolicy, health_action), HealthAction::None),
    up_to(offsetof(UnitPolicy, oom_policy), OomPolicy::Kill),
    up_to(offsetof(UnitPolicy, code_changes), kMaxCodeChanges),
    up_to(offsetof(UnitPolicy, code_changes) + 1, 0),
    up_to(offsetof(UnitPolicy, reload_signal), 64),
    up_to(offsetof(UnitPolicy, watchdog_signal), 64),
    up_to(offsetof(UnitPolicy, stop_steps), kMaxStopSteps),
};
// Offsets in a byte.
static_assert(sizeof(UnitPolicy) <= 256 && sizeof(UnitBody) <= 256);

constexpr ByteRule kBodyBytes[] = {
    up_to(offsetof(UnitBody, output), OutputKind::Inherit),
    up_to(offsetof(UnitBody, error), OutputKind::Inherit),
    up_to(offsetof(UnitBody, notify_access), NotifyAccess::All),
    up_to(offsetof(UnitBody, cpu_policy), 5),
};

/// A slice of a body, the table it lies in, and how long it may be.
struct SliceRule {
    std::uint8_t at;
    TableId table;
    std::uint16_t most;
};

constexpr SliceRule kBodySlices[] = {
    {offsetof(UnitBody, environment), TableId::Lists, kMaxEnvironment},
    {offsetof(UnitBody, environment_inherit), TableId::Lists, kMaxEnvironment},
    {offsetof(UnitBody, conditions), TableId::Lists, kMaxConditions},
    {offsetof(UnitBody, credentials), TableId::Lists, kMaxCredentials},
    {offsetof(UnitBody, view), TableId::Lists, kMaxView},
    {offsetof(UnitBody, groups), TableId::Groups, kMaxGroups},
    {offsetof(UnitBody, filter), TableId::Filters, kMaxFilter},
    {offsetof(UnitBody, landlock), TableId::Filters, kMaxLandlock},
    {offsetof(UnitBody, limits), TableId::Limits, kMaxResourceLimits},
    {offsetof(UnitBody, directories), TableId::Directories, kMaxDirectories},
    {offsetof(UnitBody, settings), TableId::Settings, kMaxCgroupSettings},
    {offsetof(UnitBody, address), TableId::Addresses, kMaxAddress},
    {offsetof(UnitBody, health_address), TableId::Addresses, kMaxAddress},
    {offsetof(UnitBody, signal_map), TableId::Addresses, kMaxAddress},
    {offsetof(UnitBody, affinity), TableId::Addresses, kMaxAddress},
};

/// Of UnitBody, from its beginning.
constexpr std::size_t kBodyStrings = offsetof(UnitBody, flags) / sizeof(StringRef);

} // namespace

bool Checker::bytes(const void* record, std::span<const ByteRule> rules) {
    for (const ByteRule rule : rules) {
        if (!need(static_cast<const std::uint8_t*>(record)[rule.at] <= rule.last,
                  "a number out of its range"))
            return false;
    }
    return true;
}

bool Checker::follows(Slice slice, TableId table) {
    std::size_t& from = next(table);
    if (!need(slice.first == from && slice.count <= count(table) - from,
              "records of its own are out of place"))
        return false;
    from += slice.count;
    return true;
}

bool Checker::policy(const UnitPolicy& policy) {
    return need(policy.watchdog_signal >= 1, "a number out of its range") &&
           need(policy.restart_factor_permille >= 1000 &&
                    policy.restart_factor_permille <= 1'000'000 &&
                    policy.restart_jitter_permille <= 1000,
                "a number out of its range") &&
           need(policy.reserved == std::array<std::uint16_t, 3>{} && policy.traits <= kPolicyTraits,
                "a number out of its range") &&
           stop(policy) && outcomes(policy) && health(policy);
}

bool Checker::stop(const UnitPolicy& policy) {
    for (std::size_t step = 0; step < kMaxStopSteps; ++step) {
        const StopStep& wanted = policy.stop[step];
        if (step >= policy.stop_steps) {
            if (!need(wanted == StopStep{}, "a number out of its range")) return false;
            continue;
        }
        if (!need(wanted.signal >= 1 && wanted.signal <= 64, "a number out of its range") ||
            !need(wanted.reserved == StopStep{}.reserved, "a number out of its range"))
            return false;
    }
    return true;
}

bool Checker::outcomes(const UnitPolicy& policy) {
    const std::array actions{policy.on_success, policy.on_failure, policy.on_limit};
    for (std::size_t i = 0; i < actions.size(); ++i) {
        const bool starts = actions[i] == OutcomeAction::StartUnit;
        const UnitId other = policy.outcome_units[i];
        if (!need(starts ? other < count(TableId::Units) : other == kNoUnit,
                  "an outcome starts a unit that does not exist"))
            return false;
    }
    return true;
}

bool Checker::commands(const UnitPolicy& policy, const UnitRecord& record) {
    Slice all{record.first_command, 0};
    for (std::size_t i = 0; i < kCommandRoles; ++i) {
        const auto role = static_cast<CommandRole>(i);
        const bool is_hook = role == CommandRole::PreStart || role == CommandRole::PostStart ||
                             role == CommandRole::PreStop || role == CommandRole::PostStop;
        const std::size_t has = policy.command_counts[i];
        if (!need(has <= (is_hook ? kMaxCommands : 1), "a number out of its range") ||
            !need((policy.commands >> i & 1U) == (has > 0 ? 1U : 0U), "a number out of its range"))
            return false;
        all.count += static_cast<std::uint32_t>(has);
    }
    const bool has_main = policy.command_counts[static_cast<std::size_t>(CommandRole::Main)] == 1;
    return follows(all, TableId::Commands) &&
           need(policy.commands >> kCommandRoles == 0, "a number out of its range") &&
           need(has_main == (policy.type != UnitType::Target),
                has_main ? "a target with a command" : "no command");
}

bool Checker::probe(ReadyKind kind, bool has_command, Slice address, StringRef path) {
    const bool needs_command = kind == ReadyKind::Exec || kind == ReadyKind::Http;
    const bool needs_address = kind == ReadyKind::Tcp || kind == ReadyKind::Unix;
    const bool needs_path = kind == ReadyKind::Path || kind == ReadyKind::PidFile;
    return need(has_command == needs_command && (address.count >= 2) == needs_address &&
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
           need(!polls || policy.ready_interval_ms > 0, "a number out of its range") &&
           need(body.ready_fd >= 3 && body.ready_fd < 1024, "a number out of its range");
}

bool Checker::health(const UnitPolicy& policy) {
    return need((policy.health == ReadyKind::None || policy.health >= ReadyKind::Tcp) &&
                    policy.health_interval_ms > 0 && policy.health_timeout_ms > 0 &&
                    policy.health_threshold > 0,
                "a number out of its range");
}

bool Checker::signal_map(const UnitBody& body) {
    if (!need(body.signal_map.count % 2 == 0, "a number out of its range")) return false;
    const auto pairs =
        table<std::byte>(TableId::Addresses).subspan(body.signal_map.first, body.signal_map.count);
    for (const std::byte signal : pairs) {
        if (!need(signal <= std::byte{64}, "a number out of its range")) return false;
    }
    return true;
}

bool Checker::scheduling(const UnitBody& body) {
    const bool realtime = body.cpu_policy == 1 || body.cpu_policy == 2;
    const bool priority =
        realtime ? body.cpu_priority >= 1 && body.cpu_priority <= 99 : body.cpu_priority == 0;
    return need(body.io_priority >> 13U <= 3 && (body.io_priority & 0x1fffU) <= 7 &&
                    body.cpu_policy != 4 && priority &&
                    ((body.flags & kHasCpuPolicy) != 0 || body.cpu_policy == 0),
                "a number out of its range") &&
           need(is_empty(body.terminal) || is_path(body.terminal),
                "a path that is not plain and absolute");
}

bool Checker::texts(Slice slice, const char* wrong, FunctionRef<bool(std::string_view)> good) {
    for (const StringRef at : table<StringRef>(TableId::Lists).subspan(slice.first, slice.count)) {
        if (!need(good(text(at, kMaxPath + kMaxCredentialName + 1)), wrong)) return false;
    }
    return true;
}

bool Checker::conditions(const UnitBody& body) {
    // With half a rule there is no head that the letters could mean either.
    const std::uint32_t rules = body.landlock.count;
    return need((body.namespaces & ~kUnitNamespaces) == 0 && rules % 2 == 0 &&
                    (rules == 0 || rules >= kLandlockHead),
                "an impossible view") &&
           texts(body.conditions, "an unknown condition",
                 [](std::string_view word) {
                     return word.size() > 2 &&
                            std::string_view("pecv").find(word[0]) != word.npos &&
                            (word[1] == '=' || word[1] == '!');
                 }) &&
           texts(body.credentials, "an impossible credential",
                 [](std::string_view pair) {
                     const std::size_t equals = pair.find('=');
                     return equals <= kMaxCredentialName && is_unit_name(pair.substr(0, equals)) &&
                            is_plain_path(pair.substr(equals + 1));
                 }) &&
           texts(body.view, "an impossible view", [rules](std::string_view place) {
               const auto kinds = std::string_view("ABCrwhtcdb").substr(rules == 0 ? 3 : 0);
               return place.size() > 1 && kinds.find(place[0]) != place.npos &&
                      is_plain_path(place.substr(place[1] == '-' ? 2 : 1));
           });
}

bool Checker::dependencies(UnitId id, const UnitPolicy& policy) {
    const Slice own{policy.first_dependency, policy.dependency_count};
    if (!follows(own, TableId::Dependencies)) return false;
    const auto units = table<UnitRecord>(TableId::Units);
    const auto edges = table<Dependency>(TableId::Dependencies);
    for (const Dependency& edge : edges.subspan(own.first, own.count)) {
        if (!need(edge.target < units.size() && known(edge.kind, DependencyKind::PartOf) &&
                      edge.reserved == 0,
                  "a dependency on a unit that does not exist") ||
            !need(edge.target != id, "a dependency on itself") ||
            !need(!orders(edge.kind) || units[edge.target].rank < units[id].rank,
                  "its order has a cycle"))
            return false;
    }
    return true;
}

bool Checker::output(OutputKind kind, StringRef path) {
    switch (kind) {
    case OutputKind::File:
        return need(is_path(path), "a path that is not plain and absolute");
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
    const auto* strings = reinterpret_cast<const StringRef*>(&body);
    for (std::size_t i = 0; i < kBodyStrings; ++i) {
        if (!need(is_string(strings[i]), "a string outside the strings")) return false;
    }
    return need(body.uid != ~0U && body.gid != ~0U, "a number out of its range") &&
           need(body.umask <= 0777, "a number out of its range") &&
           need((body.flags & ~kUnitFlags) == 0, "a number out of its range") &&
           need(body.nice >= -20 && body.nice <= 19 &&
                    ((body.flags & kHasNice) != 0 || body.nice == 0),
                "a number out of its range") &&
           need(body.oom_score_adjust >= -1000 && body.oom_score_adjust <= 1000 &&
                    ((body.flags & kHasOomScore) != 0 || body.oom_score_adjust == 0),
                "a number out of its range") &&
           need(is_path(body.working_directory), "a path that is not plain and absolute") &&
           output(body.output, body.output_path) && output(body.error, body.error_path);
}

bool Checker::limits(Slice slice) {
    std::uint32_t seen = 0;
    for (const auto& limit :
         table<ResourceLimit>(TableId::Limits).subspan(slice.first, slice.count)) {
        if (!need((seen >> limit.resource & 1U) == 0, "a number out of its range")) return false;
        seen |= 1U << limit.resource;
    }
    return true;
}

bool Checker::parts(const UnitBody& body) {
    for (const SliceRule rule : kBodySlices) {
        Slice slice;
        std::memcpy(&slice, reinterpret_cast<const std::byte*>(&body) + rule.at, sizeof slice);
        if (!need(inside(slice, count(rule.table), rule.most),
                  "one of its lists is out of place, or too long"))
            return false;
    }
    return need(body.descriptor_store <= kMaxStored, "a number out of its range") &&
           follows(body.limits, TableId::Limits) &&
           follows(body.directories, TableId::Directories) &&
           follows(body.settings, TableId::Settings) && limits(body.limits) && signal_map(body) &&
           conditions(body);
}

bool Checker::activation(const UnitRecord& record) {
    return need(record.sockets.count <= kMaxSockets && record.timer.count <= 1,
                "a number out of its range") &&
           follows(record.sockets, TableId::Sockets) && follows(record.timer, TableId::Timers);
}

bool Checker::body(std::uint16_t at) {
    std::size_t& from = next(TableId::Bodies);
    if (!need(at <= from && at < count(TableId::Bodies), "its body is out of place")) return false;
    // That of an earlier unit has been judged with it.
    if (at < from) return true;
    ++from;
    const UnitBody& body = table<UnitBody>(TableId::Bodies)[at];
    return bytes(&body, kBodyBytes) && identity(body) && parts(body) && scheduling(body);
}

bool Checker::unit(UnitId id) {
    unit_ = id;
    const std::byte* raw = image_.data() +
                           header_.tables[static_cast<std::size_t>(TableId::Policies)].first +
                           std::size_t{id} * sizeof(UnitPolicy);
    if (!bytes(raw, kPolicyBytes)) return false;
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
