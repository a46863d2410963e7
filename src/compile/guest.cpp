#include <sched.h>

#include <algorithm>

#include "compile/compile.h"
#include "compile/guest_parts.h"
#include "compile/levels.h"
#include "model/names.h"

namespace stead::compile {

namespace {

constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

/// It mounts and unmounts as it likes, which is its own guest's affair only in a user namespace.
void check_own_init(Draft& draft) {
    if (!draft.own_init()) return;
    if (draft.facts.rootless_ids) {
        draft.report.error(draft.place("init"),
                           "only root starts a guest with an init of its own, which needs a cgroup "
                           "tree and a range of ids");
    } else if (draft.context.users != recipe::Users::Private) {
        draft.report.error(or_place(draft.spec.users.place, draft.place("init")),
                           "an init of the guest's own mounts what it likes and needs users = "
                           "\"private\"; take `users` out");
    } else if (!draft.facts.cgroup2) {
        draft.report.error(draft.place("init"),
                           "an init of the guest's own needs cgroup v2, and nothing of that type "
                           "is mounted here; mount it (mount -t cgroup2 none /sys/fs/cgroup)");
    }
}

void set_identity(Draft& draft) {
    recipe::Context& context = draft.context;
    const unitfile::GuestSpec& spec = draft.spec;
    context.name = spec.name;
    context.hostname = spec.hostname.empty() ? spec.name : spec.hostname;
    context.namespaces = kNamespaces;
    if (context.network.mode == recipe::NetworkMode::Own) context.namespaces |= CLONE_NEWNET;
    context.own_time = spec.own_uptime;
    context.log_max = spec.log_max;
    context.host = {spec.host_journal, spec.host_machine, spec.host_notify,
                    spec.host_sockets.value};
    // An ordinary user's guest lives in a user namespace that its launcher has made already.
    context.users =
        draft.jail() || spec.users.value == unitfile::UsersKind::Host || draft.facts.rootless_ids
            ? recipe::Users::Host
            : recipe::Users::Private;
    context.rootless_ids = draft.facts.rootless_ids.value_or(0);
    context.no_new_privileges = draft.jail();
    context.no_root = draft.jail();

    std::map<std::string, std::string> environment{
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
    for (const auto& [name, value] : spec.environment)
        environment[name] = value;
    check_own_init(draft);
    for (const auto& [name, value] : environment)
        context.environment.emplace_back(name).append("=").append(value);
    if (!draft.facts.rootless_ids || draft.jail() || !spec.users.given() ||
        spec.users.value == unitfile::UsersKind::Private)
        return;
    draft.report.error(draft.place("users"),
                       "only root gives a guest the host's ids or a range of them; an ordinary "
                       "user's guest has users = \"private\"");
}

void set_guest_record(Draft& draft) {
    plan::GuestInput guest;
    guest.name = draft.context.name;
    guest.capabilities = draft.context.capabilities;
    guest.filter = draft.context.filter;
    guest.private_users = draft.context.users == recipe::Users::Private;
    guest.no_new_privileges = draft.context.no_new_privileges;
    guest.no_root = draft.context.no_root;
    guest.has_units = draft.jail() || draft.own_init();
    guest.launched = true;
    guest.propagate_stop_exit = draft.spec.propagate_stop_exit;
    guest.stop_timeout_ms = plan_ms(draft.spec.stop_timeout);
    guest.target = draft.spec.target.value;
    draft.plan.guest = std::move(guest);
}

std::map<std::string, std::string> origins_of(const Draft& draft) {
    std::map<std::string, std::string> origins;
    for (const char* key : {"root",
                            "ephemeral",
                            "read-only",
                            "image",
                            "hostname",
                            "init",
                            "hidepid",
                            "users",
                            "capabilities",
                            "system-calls",
                            "network.mode",
                            "network.listen",
                            "network.addresses",
                            "network.gateway",
                            "network.dns",
                            "network.link",
                            "network.ports",
                            "network.peers",
                            "network.masquerade",
                            "view.uptime",
                            "host.journal",
                            "host.machine",
                            "host.notify",
                            "host.sockets",
                            "profile",
                            "target",
                            "stop-timeout",
                            "environment"})
        origins[key] = draft.origin(key);
    return origins;
}

bool check_name(Draft& draft) {
    if (is_guest_name(draft.spec.name)) return true;
    draft.report.error(
        {draft.spec.file, 0, 0},
        "a guest cannot be named '" + draft.spec.name +
            "': use at most 63 letters, digits and _ . -, not beginning with . or -");
    return false;
}

} // namespace

std::string origin_of(const unitfile::Place& place) {
    return unitfile::render(unitfile::Place{place.file, place.line, 0});
}

std::string Draft::default_origin() const {
    return jail() ? "default of profile jail" : "default of profile system";
}

std::string Draft::origin(std::string_view key) const {
    const unitfile::Place found = spec.keys.find(key);
    return found.file.empty() ? default_origin() : origin_of(found);
}

std::optional<CompiledGuest> compile_guest(const unitfile::GuestSpec& guest,
                                           const HostFacts& facts,
                                           const UserDatabase& host_users,
                                           unitfile::Diagnostics& diagnostics) {
    Report report(diagnostics);
    Draft draft{guest, facts, report, {}, {}, {}, {}};
    if (!check_name(draft)) return std::nullopt;
    set_network(draft);
    set_identity(draft);
    set_root(draft);
    set_distribution(draft);
    set_machine_id(draft);
    set_volumes(draft);
    set_binds(draft);
    set_resolver(draft);
    set_capabilities(draft);
    set_filters(draft);
    set_levels(draft);
    set_devices(draft);
    set_limits(draft);
    // What costs the host something comes last: a guest with mistakes claims no ids.
    if (report.failed()) return std::nullopt;
    set_ids(draft);
    set_units(draft, host_users, diagnostics);
    set_guest_record(draft);
    if (report.failed()) return std::nullopt;

    const auto& notices = draft.context.notices;
    draft.plan.notices.insert(draft.plan.notices.begin(), notices.begin(), notices.end());
    auto image = plan::write(draft.plan);
    if (!image) {
        report.error({guest.file, 0, 0}, describe(image.error()).c_str());
        return std::nullopt;
    }
    CompiledGuest compiled{std::move(draft.context), std::move(draft.plan), std::move(*image)};
    if (!facts.explained) return compiled;
    compiled.origins = origins_of(draft);
    compiled.calls = describe_calls(draft);
    compiled.allowed_calls = allowed_calls(draft);
    return compiled;
}

} // namespace stead::compile
