#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/client_verbs.h"
#include "cli/guest_look.h"
#include "cli/options.h"
#include "cli/short_text.h"
#include "cli/unit_usage.h"
#include "cli/words.h"
#include "guests/ending.h"
#include "guests/store.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

/// Nobody waits long for one guest's line in a list of many.
constexpr Duration kLineLimit = 2_s;

struct Row {
    std::string name;
    std::string state;
    Colour colour = Colour::None;
    std::string since;
    std::size_t up = 0;
    std::size_t failed = 0;
    std::size_t units = 0;
    std::optional<GuestRecord> guest;
    Usage usage;
    /// Of its file, if it has one that can be read.
    std::optional<bool> enabled;
    std::optional<guests::Ending> ending;
    std::string note;
};

/// Reading TOML takes longer than all else of a long list: a file without drop-ins that has the
/// word in comments only is not read as TOML.
bool may_be_enabled(const std::string& file) {
    unitfile::Diagnostics mistakes;
    const auto text = unitfile::load_text(file, mistakes);
    if (!text || !unitfile::guest_drop_ins(file, mistakes).empty()) return true;
    for (std::size_t at = 0; (at = text->find("enabled", at)) != std::string::npos; ++at) {
        const std::size_t newline = text->rfind('\n', at);
        const std::size_t start = newline == std::string::npos ? 0 : newline + 1;
        if (text->find('#', start) > at) return true;
    }
    return false;
}

/// What the files of a guest say; they are not needed for it to run.
void look_into_files(const Place& place, Row& row) {
    if (guests::is_configured(place.paths(), row.name)) {
        const std::string file = place.paths().guest_file(row.name);
        unitfile::Diagnostics mistakes;
        if (!may_be_enabled(file)) {
            row.enabled = false;
        } else if (const auto spec = unitfile::load_guest(file, mistakes)) {
            row.enabled = spec->enabled;
        } else {
            row.note = "its file has mistakes";
        }
    }
    if (row.guest || row.state != "down") return;
    row.ending = guests::read_ending(place.paths(), row.name);
    if (row.ending && row.note.empty()) row.note = ending_words(*row.ending);
}

nlohmann::json as_json(const Row& row) {
    nlohmann::json entry{{"name", row.name}, {"state", row.state}};
    if (row.guest) entry.update(to_json(*row.guest));
    entry["name"] = row.name;
    entry["state"] = row.state;
    entry["units"] = row.units;
    entry["units-up"] = row.up;
    entry["units-failed"] = row.failed;
    if (row.usage.memory) entry["memory"] = *row.usage.memory;
    if (row.usage.tasks) entry["tasks"] = *row.usage.tasks;
    if (row.usage.cpu_microseconds) entry["cpu-microseconds"] = *row.usage.cpu_microseconds;
    if (row.enabled) entry["enabled"] = *row.enabled;
    if (!row.note.empty()) entry["note"] = row.note;
    if (row.ending) {
        entry["last-end"] = {{"code", row.ending->code},
                             {"reboot", row.ending->reboot},
                             {"started", row.ending->started},
                             {"ended", row.ending->ended}};
    }
    return entry;
}

/// What one guest answers; a row that says so if it answers nothing.
Row row_of(const Place& place, const std::string& name) {
    Row row;
    row.name = name;
    row.state = "down";
    row.colour = Colour::Dim;
    GuestLook look = look_at(place, {.guest = name, .unit = {}}, kLineLimit);
    if (!look.reached) return row;
    row.state = "no answer";
    row.colour = Colour::Red;
    if (!look.guest) return row;
    row.since = duration_words(look.guest->age());
    row.units = look.units.size();
    for (const UnitRecord& unit : look.units) {
        if (unit.ready()) ++row.up;
        if (unit.state == UnitState::Failed) ++row.failed;
    }
    row.state = guest_state_name(look.guest->state);
    row.colour = look.guest->state == wire::GuestState::Up ? Colour::Green : Colour::Yellow;
    row.guest = std::move(look.guest);
    row.usage = usage_of_guest(place, name);
    return row;
}

int list_guests(Console& console, const Place& place, bool json) {
    std::vector<std::string> names = place.guests();
    for (std::string& name : place.configured())
        names.push_back(std::move(name));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<Row> rows;
    for (const std::string& name : names) {
        rows.push_back(row_of(place, name));
        look_into_files(place, rows.back());
    }
    if (json) {
        nlohmann::json list = nlohmann::json::array();
        for (const Row& row : rows)
            list.push_back(as_json(row));
        console.json(list);
        return kDone;
    }
    if (rows.empty()) {
        console.remark("there is no guest; 'stead create' makes one");
        return kDone;
    }
    Table table({"GUEST", "STATE", "SINCE", "UNITS", "FAILED", "MEMORY", "TASKS", "CPU", "ENABLED",
                 "NOTE"});
    for (const Row& row : rows) {
        table.row({row.name,
                   {row.state, row.colour},
                   row.since,
                   row.guest ? std::to_string(row.up) + "/" + std::to_string(row.units) : "",
                   row.failed > 0 ? Cell{std::to_string(row.failed), Colour::Red} : Cell{},
                   row.usage.memory ? size_words(*row.usage.memory) : "",
                   row.usage.tasks ? std::to_string(*row.usage.tasks) : "",
                   row.usage.cpu_microseconds
                       ? duration_words(Duration{*row.usage.cpu_microseconds * 1000})
                       : "",
                   row.enabled && *row.enabled ? "yes" : "",
                   row.note});
    }
    table.print(console);
    return kDone;
}

int list_units(Asking& asking, const Target& target, bool json) {
    auto client = asking.open(target);
    if (!client) return asking.code();
    const auto reply = asking.status(*client, target);
    if (!reply) return asking.code();
    if (json) {
        nlohmann::json list = nlohmann::json::array();
        for (const UnitRecord& unit : reply->units)
            list.push_back(to_json(unit));
        asking.console().json(list);
        return kDone;
    }
    units_table(reply->units).print(asking.console());
    return kDone;
}

} // namespace

Table units_table(const std::vector<UnitRecord>& units) {
    Table table({"UNIT", "STATE", "SINCE", "PID", "RESTARTS", "WHY"});
    for (const UnitRecord& unit : units) {
        // A unit that has never been anything else has no moment it came into its state.
        const bool dated = unit.reason.kind != ReasonKind::NotStarted && unit.since.ns > 0;
        table.row({safe(unit.name),
                   {std::string(state_name(unit.state)), state_colour(unit.state)},
                   dated ? duration_words(unit.age()) : "",
                   unit.pid > 0 ? std::to_string(unit.pid) : "",
                   unit.restarts > 0 ? std::to_string(unit.restarts) : "",
                   reason_sentence(unit)});
    }
    return table;
}

int verb_list(Context& context, Arguments arguments) {
    std::string name;
    bool json = false;
    Options options(context, "list");
    options.flag("--json", json, "as JSON");
    options.optional_positional("NAME", name, "the guest whose units to list");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    if (name.empty() && asking.place().on_host())
        return list_guests(context.console, asking.place(), json);
    Target target;
    if (!name.empty()) {
        const auto named = asking.target(name);
        if (!named) return asking.code();
        if (!named->unit.empty())
            return asking.fail(kAskedWrongly, "list wants a guest; 'stead status' shows a unit");
        target = *named;
    }
    return list_units(asking, target, json);
}

} // namespace stead::cli
