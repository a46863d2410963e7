#include <algorithm>
#include <array>

#include "cli/client_verbs.h"
#include "cli/log_line.h"
#include "cli/systemctl.h"
#include "cli/systemctl_files.h"
#include "cli/words.h"
#include "sys/clock.h"

/// What systemctl tells: states, properties, lists.
namespace stead::cli {

namespace {

constexpr int kNotActive = 3;
constexpr int kUnknown = 4;
constexpr std::int64_t kLastLines = 10;

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
}

bool fits_any(const std::vector<std::string>& patterns, const std::string& name) {
    if (patterns.empty()) return true;
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return matches(systemctl_name(pattern).full(), name) || matches(pattern, name);
    });
}

bool is_among(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view type_word(UnitType type) {
    switch (type) {
    case UnitType::Exec:
        return "simple";
    case UnitType::Notify:
    case UnitType::NotifyFd:
        return "notify";
    case UnitType::Forking:
        return "forking";
    case UnitType::Oneshot:
    case UnitType::Target:
        return "oneshot";
    }
    return "simple";
}

} // namespace

std::string Systemctl::active_of(const SystemctlName& name) {
    // What a guest always has.
    if (importing::is_standard_unit(name.full())) return "active";
    if (const auto* const part = find_activator(name)) return std::string(state_of(*part).active);
    if (name.activates()) return "inactive";
    const auto unit = find(name);
    return unit ? std::string(state_of(*unit).active) : "inactive";
}

int Systemctl::is_active() {
    bool any = false;
    for (const SystemctlName& name : targets()) {
        const std::string state = active_of(name);
        any = any || state == "active";
        say(state);
    }
    return any ? kDone : kNotActive;
}

int Systemctl::is_failed() {
    bool any = false;
    for (const SystemctlName& name : targets()) {
        const std::string state = active_of(name);
        any = any || state == "failed";
        say(state);
    }
    return any ? kDone : kCouldNot;
}

int Systemctl::is_enabled() {
    bool any = false;
    for (const std::string& word : wishes_.names) {
        const SystemctlName name = systemctl_name(word);
        std::string state = unit_file(root_, name.full()).state;
        if (state.empty() && wishes_.root.empty()) {
            // A unit of the administrator's own, or one without a file.
            const auto unit = find(name);
            if (unit) state = unit->enabled ? "enabled" : "disabled";
        }
        if (state.empty()) {
            fail(kCouldNot, "Failed to get unit file state for " + name.full() +
                                ": No such file or directory");
            continue;
        }
        constexpr std::array<std::string_view, 6> kEnabled{
            "enabled", "enabled-runtime", "static", "alias", "indirect", "generated"};
        any = any || std::find(kEnabled.begin(), kEnabled.end(), state) != kEnabled.end();
        say(state);
    }
    return any ? kDone : kCouldNot;
}

int Systemctl::is_system_running() {
    auto client = asking_.open({});
    const auto reply = client ? asking_.status(*client, {}) : std::nullopt;
    if (!reply || !reply->guest) return kCouldNot;
    std::string_view state = "starting";
    switch (reply->guest->state) {
    case wire::GuestState::Starting:
        break;
    case wire::GuestState::Up:
        state = "running";
        break;
    case wire::GuestState::Stopping:
        state = "stopping";
        break;
    default:
        state = "degraded";
    }
    const bool failed =
        std::any_of(reply->units.begin(), reply->units.end(),
                    [](const UnitRecord& unit) { return unit.state == UnitState::Failed; });
    if (state == "running" && failed) state = "degraded";
    say(state);
    return state == "running" ? kDone : kCouldNot;
}

int Systemctl::status_of(const SystemctlName& name) {
    const UnitFile file = unit_file(root_, name.full());
    const auto unit = find(name);
    Console& console = context_.console;
    if (!unit && file.state.empty()) {
        console.error("Unit " + safe(name.full()) + " could not be found.");
        return kUnknown;
    }
    const std::string description = unit ? safe(unit->description) : std::string();
    console.line((unit && unit->ready() ? "\u25cf " : "\u25cb ") + safe(name.full()) +
                 (description.empty() ? "" : " - " + description));
    const bool masked = file.state.starts_with("masked");
    console.line("     Loaded: " +
                 std::string(masked ? "masked"
                             : unit ? "loaded"
                                    : "not loaded") +
                 " (" + safe(file.path.empty() && unit ? unit->source : file.path) +
                 (file.state.empty() ? "" : "; " + file.state) + ")");
    if (!unit) {
        console.line("     Active: inactive (dead): " + why_not_here(root_, name.full()));
        return kNotActive;
    }
    if (const auto* const part = find_activator(name)) {
        const StateWords state = state_of(*part);
        console.line("     Active: " + std::string(state.active) + " (" + std::string(state.sub) +
                     ")");
        if (name.suffix == "timer" && state.sub == "waiting")
            console.line("    Trigger: in " + duration_words(unit->next_attempt - unit->now));
        console.line("   Triggers: " + safe(full_name_of(*unit)));
        return state.active == "active" ? kDone : kNotActive;
    }
    const StateWords state = state_of(*unit);
    const std::string why = reason_sentence(*unit);
    console.line("     Active: " + std::string(state.active) + " (" + std::string(state.sub) +
                 "); " + duration_words(unit->age()) + " ago" + (why.empty() ? "" : ": " + why));
    if (unit->pid > 0) console.line("   Main PID: " + std::to_string(unit->pid));
    if (!unit->status_text.empty()) console.line("     Status: " + safe(unit->status_text));
    auto client = asking_.open({});
    if (client) {
        const auto lines = last_lines(asking_, *client, {{}, unit->name}, kLastLines);
        if (!lines.empty()) console.line("");
        for (const std::string& line : lines) {
            const auto parsed = parse_log_line(line);
            console.line(parsed ? std::string(parsed->time) + " " + safe(parsed->text)
                                : safe(line));
        }
    }
    return state.active == "active" || state.active == "activating" ? kDone : kNotActive;
}

int Systemctl::status() {
    if (wishes_.names.empty()) return run_command(context_, std::vector<std::string>{"status"});
    int worst = kDone;
    bool first = true;
    for (const SystemctlName& name : targets()) {
        if (!first) context_.console.line("");
        first = false;
        if (const int code = status_of(name); code != kDone) worst = code;
    }
    return worst;
}

void Systemctl::show_one(const SystemctlName& name) {
    const UnitFile file = unit_file(root_, name.full());
    const auto unit = find(name);
    const bool standard = importing::is_standard_unit(name.full());
    const bool masked = file.state.starts_with("masked");
    const importing::Activator* const part = find_activator(name);
    const StateWords state = part != nullptr    ? state_of(*part)
                             : name.activates() ? StateWords{"inactive", "dead"}
                             : unit             ? state_of(*unit)
                             : standard         ? StateWords{"active", "active"}
                                                : StateWords{"inactive", "dead"};
    const std::string load = masked                                    ? "masked"
                             : unit || standard || !file.state.empty() ? "loaded"
                                                                       : "not-found";
    const bool is_script = file.path.starts_with("/etc/init.d/");
    const bool activates = name.activates();
    std::string triggered_by;
    for (const importing::Activator& one : activators())
        if (!activates && one.active && unit && one.unit == unit->name)
            triggered_by.append(triggered_by.empty() ? "" : " ").append(one.name);
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    const std::array<std::pair<std::string_view, std::string>, 22> properties{{
        {"Id", unit ? (activates ? name.full() : full_name_of(*unit)) : name.full()},
        {"Names", name.full()},
        {"Description", unit ? safe(unit->description) : name.full()},
        {"LoadState", load},
        {"ActiveState", std::string(state.active)},
        {"SubState", std::string(state.sub)},
        {"UnitFileState", file.state},
        {"FragmentPath", is_script ? "" : file.path},
        {"SourcePath", is_script ? file.path : ""},
        {"Type", unit ? std::string(type_word(unit->type)) : ""},
        {"MainPID", number(unit ? unit->pid : 0)},
        {"ExecMainPID", number(unit ? unit->pid : 0)},
        {"NRestarts", number(unit ? unit->restarts : 0)},
        {"Result", unit && unit->state == UnitState::Failed ? "exit-code" : "success"},
        {"StatusText", unit ? safe(unit->status_text) : ""},
        {"CanStart", unit ? "yes" : "no"},
        {"CanStop", unit ? "yes" : "no"},
        // Which units can is not told; a reload that cannot be is an error of its own.
        {"CanReload", unit && state.active == "active" ? "yes" : "no"},
        {"NeedDaemonReload", "no"},
        {"Triggers", part != nullptr ? systemctl_name(part->unit).full() : ""},
        {"TriggeredBy", triggered_by},
        {"Transient", unit && unit->ghost ? "yes" : "no"},
    }};
    const auto print = [&](std::string_view key, const std::string& value) {
        context_.console.line(wishes_.value ? value : std::string(key) + "=" + value);
    };
    if (wishes_.properties.empty()) {
        for (const auto& [key, value] : properties)
            print(key, value);
        return;
    }
    for (const std::string& wanted : wishes_.properties) {
        for (const auto& [key, value] : properties)
            if (key == wanted) print(key, value);
    }
}

int Systemctl::show() {
    if (wishes_.names.empty()) {
        const std::array<std::pair<std::string_view, std::string_view>, 3> manager{
            {{"Version", "252 (stead " STEAD_VERSION ")"},
             {"Virtualization", "container-other"},
             {"DefaultTarget", "multi-user.target"}}};
        for (const auto& [key, value] : manager) {
            if (!wishes_.properties.empty() && !is_among(wishes_.properties, key)) continue;
            context_.console.line(wishes_.value ? std::string(value)
                                                : std::string(key).append("=").append(value));
        }
        return kDone;
    }
    bool first = true;
    for (const SystemctlName& name : targets()) {
        if (!first && !wishes_.value) context_.console.line("");
        first = false;
        show_one(name);
    }
    return kDone;
}

int Systemctl::cat() {
    int worst = kDone;
    for (const std::string& word : wishes_.names) {
        const SystemctlName name = systemctl_name(word);
        const UnitFile file = unit_file(root_, name.full());
        const auto read = root_.read(file.path);
        if (file.path.empty() || !read.text) {
            worst = fail(kCouldNot, "No files found for " + name.full() + ".");
            continue;
        }
        context_.console.line("# " + safe(file.path));
        context_.console.out(*read.text);
        for (const std::string_view folder : importing::kUnitFolders) {
            const std::string drop_ins = std::string(folder) + "/" + file.name + ".d";
            auto names = root_.list(drop_ins);
            std::sort(names.begin(), names.end());
            for (const std::string& one : names) {
                std::string path = drop_ins;
                path.append("/").append(one);
                const auto more = root_.read(path);
                if (!one.ends_with(".conf") || !more.text) continue;
                context_.console.line("\n# " + safe(path));
                context_.console.out(*more.text);
            }
        }
    }
    return worst;
}

int Systemctl::list_units() {
    if (wishes_.failed) wishes_.states.emplace_back("failed");
    std::vector<std::array<std::string, 5>> rows;
    for (const UnitRecord& unit : units()) {
        const std::string name = full_name_of(unit);
        const StateWords state = state_of(unit);
        const bool typed =
            wishes_.types.empty() || is_among(wishes_.types, name.substr(name.rfind('.') + 1));
        const bool shown = !wishes_.states.empty() ? is_among(wishes_.states, state.active) ||
                                                         is_among(wishes_.states, state.sub)
                                                   : wishes_.all || state.active != "inactive";
        if (!typed || !shown || !fits_any(wishes_.names, name)) continue;
        rows.push_back({name, "loaded", std::string(state.active), std::string(state.sub),
                        safe(unit.description)});
    }
    for (const importing::Activator& part : activators()) {
        const StateWords state = state_of(part);
        const bool typed = wishes_.types.empty() ||
                           is_among(wishes_.types, part.name.substr(part.name.rfind('.') + 1));
        const bool shown = !wishes_.states.empty() ? is_among(wishes_.states, state.active) ||
                                                         is_among(wishes_.states, state.sub)
                                                   : state.active != "inactive";
        if (!typed || !shown || !fits_any(wishes_.names, part.name)) continue;
        rows.push_back({part.name, "loaded", std::string(state.active), std::string(state.sub),
                        "starts " + safe(part.unit)});
    }
    std::array<std::size_t, 4> widths{4, 4, 6, 3};
    for (const auto& row : rows)
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    const auto print = [&](const std::array<std::string, 5>& row) {
        std::string line = "  ";
        for (std::size_t i = 0; i < widths.size(); ++i)
            line += padded(row[i], widths[i]) + " ";
        context_.console.line(line + row[4]);
    };
    if (!wishes_.no_legend) print({"UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"});
    std::for_each(rows.begin(), rows.end(), print);
    if (!wishes_.no_legend)
        context_.console.line("\n" + std::to_string(rows.size()) + " loaded units listed.");
    return kDone;
}

int Systemctl::list_unit_files() {
    std::size_t count = 0;
    if (!wishes_.no_legend) context_.console.line(padded("UNIT FILE", 42) + " STATE");
    for (const std::string& name : unit_file_names(root_)) {
        const bool typed =
            wishes_.types.empty() || is_among(wishes_.types, name.substr(name.rfind('.') + 1));
        if (!typed || !fits_any(wishes_.names, name)) continue;
        const std::string state = unit_file(root_, name).state;
        if (!wishes_.states.empty() && !is_among(wishes_.states, state)) continue;
        context_.console.line(padded(safe(name), 42) + " " + state);
        ++count;
    }
    if (!wishes_.no_legend)
        context_.console.line("\n" + std::to_string(count) + " unit files listed.");
    return kDone;
}

int Systemctl::default_target() {
    const auto link = root_.link("/etc/systemd/system/default.target");
    say(link ? link->substr(link->rfind('/') + 1) : "multi-user.target");
    return kDone;
}

} // namespace stead::cli
