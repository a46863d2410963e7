#include "cli/systemctl.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "cli/client_verbs.h"
#include "cli/distribution.h"
#include "cli/options.h"
#include "cli/systemctl_files.h"
#include "cli/unit_reload.h"
#include "sys/clock.h"

namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

constexpr int kNotLoaded = 5;

} // namespace

struct Systemctl::Row {
    std::string_view verb;
    Act act;
};

Systemctl::Systemctl(Context& context, SystemctlWishes wishes)
    : context_(context)
    , wishes_(std::move(wishes))
    , asking_(context, Place::look()) {
    if (auto view = view_of(wishes_.root.empty() ? "/" : wishes_.root)) root_ = std::move(*view);
}

int Systemctl::run() {
    constexpr std::array kRows{
        Row{"start", &Systemctl::start},
        Row{"stop", &Systemctl::stop},
        Row{"restart", &Systemctl::restart},
        Row{"try-restart", &Systemctl::restart},
        Row{"condrestart", &Systemctl::restart},
        Row{"reload", &Systemctl::reload},
        Row{"reload-or-restart", &Systemctl::reload},
        Row{"force-reload", &Systemctl::reload},
        Row{"try-reload-or-restart", &Systemctl::reload},
        Row{"kill", &Systemctl::kill},
        Row{"status", &Systemctl::status},
        Row{"show", &Systemctl::show},
        Row{"cat", &Systemctl::cat},
        Row{"is-active", &Systemctl::is_active},
        Row{"is-failed", &Systemctl::is_failed},
        Row{"is-enabled", &Systemctl::is_enabled},
        Row{"is-system-running", &Systemctl::is_system_running},
        Row{"list-units", &Systemctl::list_units},
        Row{"list-unit-files", &Systemctl::list_unit_files},
        Row{"list-timers", &Systemctl::list_timers},
        Row{"list-sockets", &Systemctl::list_sockets},
        Row{"get-default", &Systemctl::default_target},
        Row{"enable", &Systemctl::enable},
        Row{"disable", &Systemctl::disable},
        Row{"reenable", &Systemctl::reenable},
        Row{"preset", &Systemctl::preset},
        Row{"mask", &Systemctl::mask},
        Row{"unmask", &Systemctl::unmask},
        Row{"daemon-reload", &Systemctl::daemon_reload},
        Row{"daemon-reexec", &Systemctl::daemon_reload},
        // A failed unit's start by hand forgets the failure.
        Row{"reset-failed", &Systemctl::done},
        Row{"poweroff", &Systemctl::end},
        Row{"halt", &Systemctl::end},
        Row{"reboot", &Systemctl::end},
    };
    if (!root_.list) return fail(kCouldNot, wishes_.root + " is no folder");
    for (const Row& row : kRows)
        if (row.verb == wishes_.verb) return (this->*row.act)();
    return refuse();
}

int Systemctl::refuse() {
    context_.console.error("systemctl " + safe(wishes_.verb) +
                           " is not offered by Stead, which stands in for systemd here");
    context_.console.hint("'stead --help' lists what there is");
    return kCouldNot;
}

int Systemctl::done() {
    return kDone;
}

int Systemctl::fail(int code, const std::string& text) {
    // Words that scripts know; --quiet is for results, not for mistakes.
    context_.console.error(text);
    return code;
}

void Systemctl::say(std::string_view text) {
    if (!wishes_.quiet) context_.console.line(text);
}

const std::vector<UnitRecord>& Systemctl::units() {
    if (units_) return *units_;
    units_.emplace();
    auto client = asking_.open({});
    if (!client) return *units_;
    if (auto reply = asking_.status(*client, {})) units_ = std::move(reply->units);
    return *units_;
}

std::optional<UnitRecord> Systemctl::find(const SystemctlName& name) {
    const std::string wanted = unit_of(name);
    for (const UnitRecord& unit : units())
        if (unit.name == wanted) return unit;
    // PID 1 knows aliases.
    auto client = Client::connect(asking_.place().control({}));
    if (!client || wanted.empty()) return std::nullopt;
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, Kind::Status);
    request.text(Tag::Name, wanted);
    auto reply = asking_.ask(*client, request, {.waiting_for = "", .limit = sys::now() + 10_s});
    if (!reply || reply->units.empty()) return std::nullopt;
    return reply->units.front();
}

StateWords Systemctl::state_of(const UnitRecord& unit) const {
    if (unit.state != UnitState::Done) return systemd_state(unit, false);
    return systemd_state(unit, stays_after_exit(root_, full_name_of(unit)));
}

/// The names, patterns replaced by the units that they fit.
std::vector<SystemctlName> Systemctl::targets() {
    std::vector<SystemctlName> all;
    for (const std::string& word : wishes_.names) {
        if (!is_pattern(word)) {
            all.push_back(systemctl_name(word));
            continue;
        }
        const std::string pattern = systemctl_name(word).full();
        for (const UnitRecord& unit : units()) {
            if (matches(pattern, full_name_of(unit)))
                all.push_back(systemctl_name(full_name_of(unit)));
        }
    }
    return all;
}

/// An instance that nothing has asked for yet: a link to its template makes it one.
bool Systemctl::make_instance(const SystemctlName& name) {
    const auto at = name.stem.find('@');
    if (at == std::string::npos || at + 1 == name.stem.size() || name.suffix != "service")
        return false;
    const UnitFile file = unit_file(root_, name.stem.substr(0, at + 1) + ".service");
    if (file.path.empty()) return false;
    if (!UnitLinks(asking_, "/").put("/run/systemd/system/" + name.full(), file.path)) return false;
    if (daemon_reload() != kDone) return false;
    return find(name).has_value();
}

int Systemctl::order(Kind kind, const SystemctlName& name, bool report) {
    auto client = asking_.open({});
    if (!client) return asking_.code();
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, kind);
    request.text(Tag::Name, unit_of(name));
    if (wishes_.no_block) request.number(Tag::Flags, wire::kNoWait);
    const Target target{.guest = {}, .unit = unit_of(name)};
    const Patience patience{.waiting_for = name.full(), .limit = sys::now() + 600_s};
    units_.reset();
    if (report) return asking_.order(*client, request, target, patience) ? kDone : kCouldNot;
    const auto reply = asking_.ask(*client, request, patience);
    return reply && reply->code == 0 ? kDone : kCouldNot;
}

/// There is no such unit: why.
int Systemctl::missing(const SystemctlName& name) {
    const std::string state = unit_file(root_, name.full()).state;
    if (state.empty()) return fail(kNotLoaded, "Unit " + name.full() + " not found.");
    if (state.starts_with("masked")) return fail(kCouldNot, "Unit " + name.full() + " is masked.");
    return fail(kCouldNot, name.full() + ": " + why_not_here(root_, name.full()));
}

int Systemctl::start() {
    int worst = kDone;
    for (const SystemctlName& name : targets()) {
        if (importing::is_standard_unit(name.full())) continue;
        if (name.activates()) {
            if (const int code = start_activator(name); code != kDone) worst = code;
            continue;
        }
        if (!find(name) && !make_instance(name)) {
            worst = missing(name);
            continue;
        }
        if (!open_sockets_of(name)) worst = kCouldNot;
        if (const int code = order(Kind::Start, name, true); code != kDone) worst = code;
    }
    return worst;
}

int Systemctl::stop() {
    int worst = kDone;
    for (const SystemctlName& name : targets()) {
        if (name.activates() && find_activator(name) != nullptr) {
            if (const int code = stop_activator(name); code != kDone) worst = code;
            continue;
        }
        if (!find(name)) {
            if (unit_file(root_, name.full()).state.empty())
                worst = fail(kNotLoaded, "Unit " + name.full() + " not loaded.");
            continue;
        }
        if (const int code = order(Kind::Stop, name, true); code != kDone) worst = code;
    }
    return worst;
}

int Systemctl::restart() {
    int worst = kDone;
    for (const SystemctlName& name : targets()) {
        if (name.activates() && find_activator(name) != nullptr) {
            // What is open or armed stays so: there is nothing to renew.
            if (wishes_.verb != "restart") continue;
            if (const int code = start_activator(name); code != kDone) worst = code;
            continue;
        }
        const auto unit = find(name);
        const bool has_file = !unit && !unit_file(root_, name.full()).state.empty();
        // What is left out does not run.
        if (has_file && wishes_.verb != "restart") continue;
        if (!unit && !make_instance(name)) {
            worst = missing(name);
            continue;
        }
        const StateWords state = unit ? state_of(*unit) : StateWords{};
        const bool runs = state.active == "active" || state.active == "activating";
        if (wishes_.verb != "restart" && !runs) continue;
        if (!open_sockets_of(name)) worst = kCouldNot;
        const int code = order(runs ? Kind::Restart : Kind::Start, name, true);
        if (code != kDone) worst = code;
    }
    return worst;
}

int Systemctl::reload() {
    int worst = kDone;
    for (const SystemctlName& name : targets()) {
        if (name.activates()) {
            worst =
                fail(kCouldNot, "Job type reload is not applicable for unit " + name.full() + ".");
            continue;
        }
        const auto unit = find(name);
        const bool or_restart = wishes_.verb != "reload";
        const bool only_running = wishes_.verb == "try-reload-or-restart";
        if (!unit) {
            const bool has_file = !unit_file(root_, name.full()).state.empty();
            if (!has_file || !only_running) worst = missing(name);
            continue;
        }
        const bool runs = state_of(*unit).active == "active";
        int code = kDone;
        if (runs && unit->type != UnitType::Target) {
            code = order(Kind::Reload, name, !or_restart);
            if (code != kDone && or_restart) code = order(Kind::Restart, name, true);
        } else if (!runs && or_restart && !only_running) {
            code = order(Kind::Start, name, true);
        } else if (!runs && !or_restart) {
            code = fail(kCouldNot, name.full() + " is not active, cannot reload.");
        }
        if (code != kDone) worst = code;
    }
    return worst;
}

int Systemctl::kill() {
    int worst = kDone;
    for (const SystemctlName& name : targets()) {
        std::string signal = wishes_.signal;
        if (signal.starts_with("SIG")) signal.erase(0, 3);
        std::vector<std::string> words{"kill", unit_of(name), "-s", signal};
        if (wishes_.main_only) words.insert(words.end(), {"--whom", "main"});
        if (const int code = run_command(context_, words); code != kDone) worst = code;
    }
    return worst;
}

int Systemctl::daemon_reload() {
    units_.reset();
    activators_.reset();
    if (!wishes_.root.empty()) return kDone;
    return reload_guest(asking_, context_, {},
                        {.folders = {}, .leave_out = true, .limit = sys::now() + 60_s});
}

int Systemctl::end() {
    const std::string verb = wishes_.verb == "reboot" ? "reboot" : "poweroff";
    return run_command(context_, std::vector<std::string>{verb, "--no-wait"});
}

int verb_runlevel(Context& context, Arguments arguments) {
    Options options(context, "runlevel");
    if (const auto code = options.parse(arguments)) return *code;
    context.console.line("N 2");
    return kDone;
}

int systemctl(Context& context, const std::vector<std::string>& arguments) {
    auto wishes = systemctl_wishes(context.console, arguments);
    if (!wishes) return kAskedWrongly;
    if (wishes->verb == "--version") {
        // Packages' scripts look at the number for what they may ask.
        context.console.line("systemd 252 (stead " STEAD_VERSION ")");
        return kDone;
    }
    if (wishes->verb == "--help") return systemctl_help(context.console);
    if (wishes->user) {
        if (wishes->verb == "list-units" || wishes->verb == "daemon-reload") return kDone;
        context.console.error("there are no units of users here, only the guest's own");
        return kCouldNot;
    }
    return Systemctl(context, std::move(*wishes)).run();
}

} // namespace stead::cli
