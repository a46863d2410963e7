#include <algorithm>
#include <array>
#include <thread>

#include "cli/asking.h"
#include "cli/client_verbs.h"
#include "cli/guest_launch.h"
#include "cli/guest_set.h"
#include "cli/guest_stop.h"
#include "cli/options.h"
#include "cli/unit_reload.h"
#include "cli/words.h"
#include "guests/store.h"
#include "sys/clock.h"

/// start, stop, restart and reload: of guests in their order and several at a time, of units one
/// after the other.
namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

struct Change {
    std::string_view verb;
    Kind kind;
    /// "waiting for web/nginx TO"
    std::string_view goal;
};

struct ChangeWishes {
    std::vector<std::string> names;
    /// Those of them that are units.
    std::vector<Target> units;
    /// reload: of our own PID 1's units.
    std::vector<std::string> folders;
    std::string timeout;
    std::int64_t parallel = 0;
    bool all = false;
    bool enabled = false;
    bool no_wait = false;
    bool force = false;
    bool direct = false;
    bool json = false;
    Instant limit;
};

/// A guest that is killed when it has not ended in time has no longer than this.
constexpr std::string_view kForceLimit = "100s";

std::size_t parallel_of(const ChangeWishes& wishes) {
    if (wishes.parallel > 0) return static_cast<std::size_t>(wishes.parallel);
    return std::clamp(std::thread::hardware_concurrency(), 2U, 16U);
}

/// Runs on the guests of the machine we are on only.
int only_on_host(Asking& asking) {
    return asking.fail(kAskedWrongly, "inside a guest there are only its units",
                       "whole guests are started and stopped on the host");
}

int start_guests(Context& context, const guests::Paths& paths, const ChangeWishes& wishes) {
    const auto set = start_set(context, paths, wishes.names);
    if (!set) return kAskedWrongly;
    const StartWishes start{
        .no_wait = wishes.no_wait, .direct = wishes.direct, .limit = wishes.limit};
    return work_on(
        context, *set,
        {.doing = "starting", .parallel = parallel_of(wishes), .job = [&](const std::string& name) {
             return start_guest(context, name, start);
         }});
}

int stop_guests(Asking& asking,
                Context& context,
                const guests::Paths& paths,
                const ChangeWishes& wishes,
                bool despite_others) {
    const auto set = stop_set(context, paths, wishes.names);
    if (!set) return kAskedWrongly;
    const auto dependence =
        despite_others ? std::optional<Dependence>() : running_dependent(paths, *set);
    if (dependence)
        return asking.fail(kCouldNot,
                           "guest '" + dependence->guest + "' is required by '" + dependence->by +
                               "', which runs",
                           "'stead stop " + dependence->guest + " " + dependence->by +
                               "' stops both in order, --force only the one");
    const StopWishes stop{.no_wait = wishes.no_wait,
                          .force = wishes.force,
                          .direct = wishes.direct,
                          .limit = wishes.limit};
    return work_on(
        context, *set,
        {.doing = "stopping", .parallel = parallel_of(wishes), .job = [&](const std::string& name) {
             return stop_guest(context, name, stop);
         }});
}

/// `stead stop /`: the machine whose PID 1 is stead-init.
int stop_machine(Asking& asking, const Target& target, const ChangeWishes& wishes) {
    auto client = asking.open(target);
    if (!client) return asking.code();
    return end_guest(asking, *client, target, EndKind::Exit, wishes.no_wait, wishes.limit);
}

/// The first of the words that can be no guest on this host; kDone if there is none.
int check_names(Asking& asking, const ChangeWishes& wishes, Kind kind) {
    const auto& paths = asking.place().paths();
    for (const std::string& name : wishes.names) {
        if (guests::is_configured(paths, name)) continue;
        const auto guest = guests::find(paths, name);
        if (kind == Kind::Stop && guest && *guest) continue;
        if (guest && *guest && (*guest)->running()) {
            return asking.fail(kCouldNot, "guest '" + name + "' has no file to start it again from",
                               "it runs from another place; 'stead stop " + name + "' stops it");
        }
        std::vector<std::string> known = guests::configured(paths);
        for (const std::string& running : asking.place().guests())
            known.push_back(running);
        std::sort(known.begin(), known.end());
        known.erase(std::unique(known.begin(), known.end()), known.end());
        asking.no_such("guest", name, known);
        return asking.code();
    }
    return kDone;
}

int change_guests(Context& context, Asking& asking, const Change& change, ChangeWishes& wishes) {
    const guests::Paths paths = asking.place().paths();
    const int code = check_names(asking, wishes, change.kind);
    if (code != kDone) return code;
    if (change.kind == Kind::Start) return start_guests(context, paths, wishes);
    if (change.kind == Kind::Stop) return stop_guests(asking, context, paths, wishes, wishes.force);
    // Whoever requires a guest stays while that one is restarted.
    const ChangeWishes stop = [&] {
        ChangeWishes same = wishes;
        same.no_wait = false;
        return same;
    }();
    const int stopped = stop_guests(asking, context, paths, stop, true);
    return stopped == kDone ? start_guests(context, paths, wishes) : stopped;
}

void show_outcome(Asking& asking, const Target& target, const Reply& reply, bool json) {
    if (json) return;
    if (reply.units.empty()) return;
    const UnitRecord& unit = reply.units.back();
    asking.console().remark(target.text() + " is " + std::string(state_name(unit.state)));
}

/// The units that run and need `units[of]`, directly or by another one.
std::vector<std::string> running_dependents(const std::vector<UnitRecord>& units, std::size_t of) {
    std::vector<bool> goes(units.size());
    goes[of] = true;
    std::vector<std::string> found;
    // Each round follows the edges one unit further.
    for (std::size_t before = units.size() + 1; before != found.size();) {
        before = found.size();
        for (std::size_t i = 0; i < units.size(); ++i) {
            const UnitRecord& unit = units[i];
            const auto needs = [&](const Dependency& need) {
                const bool hard =
                    need.kind == DependencyKind::Requires || need.kind == DependencyKind::BindsTo;
                return hard && need.target < units.size() && goes[need.target];
            };
            if (goes[i] || std::none_of(unit.needs.begin(), unit.needs.end(), needs)) continue;
            if (unit.state == UnitState::Down || unit.state == UnitState::Failed) continue;
            goes[i] = true;
            found.push_back(unit.name);
        }
    }
    return found;
}

/// Whether stopping `target` stops nobody else, or only who is stopped by name as well.
bool stops_alone(Asking& asking,
                 Client& client,
                 const Target& target,
                 const std::vector<Target>& named) {
    const auto all = asking.status(client, {.guest = target.guest, .unit = {}});
    if (!all) return false;
    const auto& units = all->units;
    const auto itself = std::find_if(units.begin(), units.end(), [&](const UnitRecord& unit) {
        return unit.name == target.unit;
    });
    // PID 1 says it best when there is no such unit.
    if (itself == units.end()) return true;
    const auto of = static_cast<std::size_t>(itself - units.begin());
    std::string others;
    for (const std::string& other : running_dependents(units, of)) {
        const auto is_other = [&](const Target& one) {
            return one.guest == target.guest && one.unit == other;
        };
        if (std::any_of(named.begin(), named.end(), is_other)) continue;
        others.append(others.empty() ? "" : ", ").append(safe(other));
    }
    if (others.empty()) return true;
    asking.fail(kCouldNot, target.text() + " is needed by what runs: " + others,
                "--force stops them too, before it");
    return false;
}

int change_unit(Asking& asking,
                const Change& change,
                const Target& target,
                const ChangeWishes& wishes) {
    auto client = asking.open(target);
    if (!client) return asking.code();
    if (change.kind == Kind::Stop && !wishes.force &&
        !stops_alone(asking, *client, target, wishes.units))
        return asking.code();
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, change.kind);
    request.text(Tag::Name, target.unit);
    if (wishes.no_wait) request.number(Tag::Flags, wire::kNoWait);
    const auto reply = asking.order(
        *client, request, target,
        {.waiting_for = target.text() + " " + std::string(change.goal), .limit = wishes.limit});
    if (!reply) return asking.code();
    show_outcome(asking, target, *reply, wishes.json);
    return kDone;
}

void add_options(Options& options, const Change& change, ChangeWishes& wishes) {
    options.flag("--no-wait", wishes.no_wait, "only ask for it");
    options.value("--timeout", wishes.timeout, "TIME", "give up waiting after TIME (10m)");
    if (change.kind == Kind::Stop || change.kind == Kind::Restart) {
        options.flag(
            "--force", wishes.force,
            "also what others need, and them; kill a guest that has not ended in time (100s)");
    }
    if (change.kind != Kind::Reload) {
        options.flag("--direct", wishes.direct, "not through the host's systemd, where that is");
        options.flag("--all", wishes.all,
                     change.kind == Kind::Start ? "every guest that has a file"
                                                : "every guest that runs");
        options.number("--parallel", wishes.parallel, "N",
                       "so many guests at a time (the number of processors)");
    }
    if (change.kind == Kind::Reload) {
        options.list("--dir", wishes.folders, "DIR",
                     "in a container: unit files of DIR instead of the usual folders");
    }
    if (change.kind == Kind::Start)
        options.flag("--enabled", wishes.enabled, "every guest that starts with the host");
    options.positionals("NAME", wishes.names, "NAME or NAME/UNIT on the host, UNIT in a guest");
}

/// --all and --enabled; what to leave with if they cannot be met.
int add_names(Asking& asking, const Change& change, ChangeWishes& wishes) {
    const guests::Paths& paths = asking.place().paths();
    const bool selected = wishes.all || wishes.enabled;
    // In a guest only one can be meant.
    if (change.kind == Kind::Reload && wishes.names.empty() && !asking.place().on_host())
        wishes.names.emplace_back("/");
    if (!selected && wishes.names.empty()) {
        return asking.fail(kAskedWrongly, std::string(change.verb) + " wants a name",
                           asking.place().on_host() ? "NAME for a guest, NAME/UNIT for a unit of it"
                                                    : "UNIT, a unit of this guest");
    }
    if (!selected) return kDone;
    if (!wishes.names.empty())
        return asking.fail(kAskedWrongly, "either names, or --all or --enabled");
    if (!asking.place().on_host()) return only_on_host(asking);
    if (wishes.enabled) {
        wishes.names = enabled_guests(paths);
    } else if (change.kind == Kind::Start) {
        wishes.names = guests::configured(paths);
    } else {
        for (const std::string& name : asking.place().guests()) {
            if (change.kind == Kind::Stop || guests::is_configured(paths, name))
                wishes.names.push_back(name);
        }
    }
    return kDone;
}

int change_all(Context& context, Arguments arguments, const Change& change) {
    ChangeWishes wishes;
    Options options(context, change.verb);
    add_options(options, change, wishes);
    if (const auto code = options.parse(arguments)) return *code;
    if (wishes.timeout.empty()) wishes.timeout = wishes.force ? kForceLimit : kSettleLimit;
    const auto limit = limit_from(context.console, wishes.timeout);
    if (!limit) return kAskedWrongly;
    wishes.limit = *limit;
    Asking asking(context, Place::look());
    if (wishes.parallel < 0) return asking.fail(kAskedWrongly, "--parallel wants a number above 0");
    if (const int code = add_names(asking, change, wishes); code != kDone) return code;

    std::vector<std::string> guests;
    int worst = kDone;
    const auto note = [&](int code) { worst = worst == kDone ? code : worst; };
    for (const std::string& word : wishes.names) {
        const auto target = asking.target(word);
        if (!target) {
            note(asking.code());
        } else if (!target->unit.empty()) {
            wishes.units.push_back(*target);
        } else if (change.kind == Kind::Reload) {
            note(reload_guest(
                asking, context, *target,
                {.folders = wishes.folders, .leave_out = false, .limit = wishes.limit}));
        } else if (target->own()) {
            note(change.kind == Kind::Stop ? stop_machine(asking, *target, wishes)
                                           : only_on_host(asking));
        } else {
            guests.push_back(target->guest);
        }
    }
    if (!guests.empty()) {
        wishes.names = std::move(guests);
        note(change_guests(context, asking, change, wishes));
    }
    for (const Target& unit : wishes.units)
        note(change_unit(asking, change, unit, wishes));
    return worst;
}

} // namespace

int verb_start(Context& context, Arguments arguments) {
    return change_all(context, arguments, {"start", Kind::Start, "to be up"});
}

int verb_stop(Context& context, Arguments arguments) {
    return change_all(context, arguments, {"stop", Kind::Stop, "to be down"});
}

int verb_restart(Context& context, Arguments arguments) {
    return change_all(context, arguments, {"restart", Kind::Restart, "to be up again"});
}

int verb_reload(Context& context, Arguments arguments) {
    return change_all(context, arguments, {"reload", Kind::Reload, "to have reloaded"});
}

} // namespace stead::cli
