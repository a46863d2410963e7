#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/client_verbs.h"
#include "cli/log_line.h"
#include "cli/options.h"
#include "cli/why_text.h"
#include "cli/words.h"
#include "guests/ending.h"
#include "guests/network.h"
#include "guests/store.h"
#include "unitfile/reader.h"

/// status and show: what PID 1 says of its guest and of a unit, in words or one value a line.
namespace stead::cli {

namespace {

constexpr std::int64_t kLastLines = 10;

struct StatusWishes {
    bool ready = false;
    bool json = false;
};

std::string plural(std::size_t count, std::string_view thing) {
    return std::to_string(count).append(" ").append(thing).append(count == 1 ? "" : "s");
}

nlohmann::json lines_json(const std::vector<std::string>& lines) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& line : lines) {
        // What a PID 1 without keeper remembers are bare lines.
        if (const auto parsed = parse_log_line(line)) {
            list.push_back(
                {{"time", parsed->time}, {"stream", parsed->stream}, {"text", parsed->text}});
        } else {
            list.push_back({{"text", line}});
        }
    }
    return list;
}

/// Those of the guest's private network, which only the host knows.
std::vector<std::string> addresses_of(Asking& asking, const Target& target) {
    if (target.own() || target.guest.empty()) return {};
    return guests::addresses_of(asking.place().paths(), target.guest);
}

void print_unit(Console& console,
                const Target& target,
                const UnitRecord& unit,
                const std::vector<std::string>& lines) {
    const auto field = [&](std::string_view name, const std::string& value) {
        std::string line = "  " + std::string(name);
        line.resize(12, ' ');
        if (!value.empty()) console.line(line + value);
    };
    console.line(console.paint(Colour::Bold, safe(target.text())) + ": " +
                 console.paint(state_colour(unit.state), state_sentence(unit)));
    field("what", safe(unit.description));
    field("why", reason_sentence(unit));
    field("says", safe(unit.status_text));
    field("process", unit.pid > 0 ? std::to_string(unit.pid) : "");
    field("restarts", unit.restarts > 0 ? std::to_string(unit.restarts) : "");
    field("file", safe(unit.source));
    if (unit.essential) field("essential", "the guest ends with it");
    const auto advice =
        is_well(unit) ? std::vector<std::string>{} : advice_for(unit, target.text());
    if (!advice.empty()) field("next", advice.front());
    if (lines.empty()) return;
    console.line("  last lines");
    for (const std::string& line : lines) {
        const auto parsed = parse_log_line(line);
        if (!parsed) {
            console.line("    " + safe(line));
            continue;
        }
        console.line("    " + console.paint(Colour::Dim, parsed->time) + " " + safe(parsed->text));
    }
}

int unit_status(Asking& asking, Client& client, const Target& target, const StatusWishes& wishes) {
    const auto reply = asking.status(client, target);
    if (!reply) return asking.code();
    if (reply->units.empty()) return asking.fail(kCouldNot, "PID 1 answered without the unit");
    const UnitRecord& unit = reply->units.front();
    const int code = unit.ready() ? kDone : kNotRunning;
    if (wishes.ready && !wishes.json) return code;
    const auto lines =
        wishes.ready ? std::vector<std::string>() : last_lines(asking, client, target, kLastLines);
    if (wishes.json) {
        nlohmann::json json = to_json(unit);
        json["ready"] = unit.ready();
        if (!wishes.ready) json["last-lines"] = lines_json(lines);
        asking.console().json(json);
    } else {
        print_unit(asking.console(), target, unit, lines);
    }
    return code;
}

/// What of the guest's logs is not there.
void print_counts(Console& console, const wire::LogCounts& counts) {
    const auto note = [&](std::int64_t count, const std::string& what) {
        if (count > 0) console.line("  note: " + std::to_string(count) + " " + what);
    };
    const std::string why{errno_name(static_cast<int>(counts.problem))};
    note(counts.lost, "lines of log could not be written" + (why.empty() ? "" : ": " + why));
    note(counts.refused, "datagrams to /dev/log were no messages and refused");
    note(counts.flooded, "messages to /dev/log came too fast and were dropped");
    note(counts.removed, "old log files were removed to make room");
}

void print_guest(Console& console,
                 const std::string& name,
                 const Reply& reply,
                 const std::vector<std::string>& addresses) {
    const GuestRecord& guest = *reply.guest;
    std::size_t up = 0;
    for (const UnitRecord& unit : reply.units) {
        if (unit.ready()) ++up;
    }
    const bool well = guest.state == wire::GuestState::Up;
    console.line(
        console.paint(Colour::Bold, safe(name)) + ": " +
        console.paint(well ? Colour::Green : Colour::Yellow, guest_state_name(guest.state)) +
        ", booted " + duration_words(guest.age()) + " ago, " + std::to_string(up) + " of " +
        plural(reply.units.size(), "unit") + " up");
    std::string text;
    for (const std::string& address : addresses)
        text += (text.empty() ? "" : ", ") + address;
    if (!text.empty()) console.line("  addresses " + text);
    for (const std::string& notice : guest.notices)
        console.line("  note: " + safe(notice));
    if (guest.log_bytes_lost > 0) {
        console.line("  note: " + std::to_string(guest.log_bytes_lost) +
                     " bytes of output were lost while there was no keeper");
    }
    print_counts(console, guest.log_counts);
    if (!reply.units.empty()) console.out("\n");
    if (!reply.units.empty()) units_table(reply.units).print(console);
}

int guest_status(Asking& asking, Client& client, const Target& target, const StatusWishes& wishes) {
    const auto reply = asking.status(client, target);
    if (!reply) return asking.code();
    if (!reply->guest) return asking.fail(kCouldNot, "PID 1 answered without its guest");
    const bool ready = reply->guest->state == wire::GuestState::Up;
    const int code = wishes.ready && !ready ? kNotRunning : kDone;
    if (wishes.ready && !wishes.json) return code;
    const std::string name = !target.guest.empty()        ? target.guest
                             : reply->guest->name.empty() ? "this guest"
                                                          : reply->guest->name;
    if (wishes.json) {
        nlohmann::json json = to_json(*reply->guest);
        json["name"] = name;
        json["ready"] = ready;
        json["addresses"] = addresses_of(asking, target);
        nlohmann::json units = nlohmann::json::array();
        for (const UnitRecord& unit : reply->units)
            units.push_back(to_json(unit));
        json["units"] = std::move(units);
        asking.console().json(json);
    } else {
        print_guest(asking.console(), name, *reply, addresses_of(asking, target));
    }
    return code;
}

/// `status` of a guest that does not run: what its files say. False if it runs, or there is none.
bool stopped_status(Asking& asking, const Target& target, const StatusWishes& wishes) {
    const guests::Paths& paths = asking.place().paths();
    if (target.own() || !target.unit.empty() || !guests::is_configured(paths, target.guest))
        return false;
    const auto guest = guests::find(paths, target.guest);
    if (guest && *guest && ((*guest)->running() || (*guest)->kept)) return false;
    unitfile::Diagnostics mistakes;
    const std::string file = paths.guest_file(target.guest);
    const auto spec = unitfile::load_guest(file, mistakes);
    const auto ending = guests::read_ending(paths, target.guest);
    Console& console = asking.console();
    if (wishes.json) {
        nlohmann::json json{{"name", target.guest}, {"state", "down"}, {"ready", false}};
        json["file"] = file;
        if (spec) json["enabled"] = spec->enabled;
        if (ending)
            json["last-end"] = {{"code", ending->code},
                                {"reboot", ending->reboot},
                                {"started", ending->started},
                                {"ended", ending->ended}};
        console.json(json);
        return true;
    }
    if (wishes.ready) return true;
    console.line(console.paint(Colour::Bold, target.guest) + ": " +
                 console.paint(Colour::Dim, "down") +
                 (ending ? ", " + ending_words(*ending) : std::string(", never started")));
    if (spec && !spec->description.empty()) console.line("  what      " + safe(spec->description));
    console.line("  file      " + file + (spec ? "" : ", which has mistakes"));
    if (spec) console.line(std::string("  enabled   ") + (spec->enabled ? "yes" : "no"));
    console.line(spec ? "  next      'stead start " + target.guest + "' starts it"
                      : "  next      'stead check " + file + "' tells them");
    return true;
}

/// The guest's file with its drop-ins laid over it, each value with the place it comes from.
int show_file(Asking& asking, const std::string& name, bool json) {
    const guests::Paths& paths = asking.place().paths();
    if (!guests::is_configured(paths, name)) {
        asking.no_such("guest", name, guests::configured(paths));
        return asking.code();
    }
    unitfile::Diagnostics mistakes;
    const auto keys = unitfile::effective_keys(paths.guest_file(name), mistakes);
    if (!keys) return asking.fail(kAskedWrongly, unitfile::render(mistakes));
    Console& console = asking.console();
    if (json) {
        nlohmann::json list = nlohmann::json::array();
        for (const auto& key : *keys)
            list.push_back({{"key", key.name},
                            {"value", key.value},
                            {"file", key.place.file},
                            {"line", key.place.line}});
        console.json(list);
        return kDone;
    }
    for (const auto& key : *keys) {
        console.line(safe(key.name + " = " + key.value) +
                     console.paint(Colour::Dim, "   # " + safe(key.place.file) + ":" +
                                                    std::to_string(key.place.line)));
    }
    return kDone;
}

/// "key=value" lines of `json`, nested ones as "outer.key".
void print_values(Console& console, const nlohmann::json& json, const std::string& prefix) {
    for (const auto& [key, value] : json.items()) {
        if (value.is_object()) {
            print_values(console, value, prefix + key + ".");
        } else if (value.is_string()) {
            console.line(prefix + key + "=" + safe(value.get<std::string>()));
        } else {
            console.line(prefix + key + "=" + value.dump());
        }
    }
}

} // namespace

int verb_status(Context& context, Arguments arguments) {
    std::string name;
    StatusWishes wishes;
    Options options(context, "status");
    options.flag("--ready", wishes.ready, "print nothing; exit code 0 if ready, 3 if not");
    options.flag("--json", wishes.json, "as JSON");
    options.optional_positional("NAME", name, "NAME or NAME/UNIT on the host, UNIT in a guest");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    Target target;
    if (!name.empty()) {
        const auto named = asking.target(name);
        if (!named) return asking.code();
        target = *named;
    } else if (asking.place().on_host()) {
        if (wishes.ready)
            return asking.fail(kAskedWrongly, "--ready wants a name", "NAME, or NAME/UNIT");
        const std::vector<std::string> all =
            wishes.json ? std::vector<std::string>{"--json"} : std::vector<std::string>{};
        return verb_list(context, all);
    }
    if (stopped_status(asking, target, wishes)) return kNotRunning;
    auto client = asking.open(target);
    if (!client) return asking.code();
    return target.unit.empty() ? guest_status(asking, *client, target, wishes)
                               : unit_status(asking, *client, target, wishes);
}

int verb_show(Context& context, Arguments arguments) {
    std::string name;
    bool json = false;
    bool file = false;
    Options options(context, "show");
    options.flag("--file", file, "a guest's file with its drop-ins, and where each value stands");
    options.flag("--json", json, "as JSON");
    options.optional_positional("NAME", name, "NAME or NAME/UNIT on the host, UNIT in a guest");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    Target target;
    if (!name.empty()) {
        const auto named = asking.target(name);
        if (!named) return asking.code();
        target = *named;
    } else if (asking.place().on_host()) {
        return asking.fail(kAskedWrongly, "show wants a name", "NAME, or NAME/UNIT");
    }
    const bool guest = !target.own() && target.unit.empty();
    if (file && !guest) return asking.fail(kAskedWrongly, "--file wants a guest's name");
    if (file) return show_file(asking, target.guest, json);
    auto client = asking.open(target);
    if (!client) return asking.code();
    const auto reply = asking.status(*client, target);
    if (!reply) return asking.code();
    const bool whole = target.unit.empty();
    if (whole ? !reply->guest : reply->units.empty())
        return asking.fail(kCouldNot, "PID 1 answered without what was asked for");
    nlohmann::json values = whole ? to_json(*reply->guest) : to_json(reply->units.front());
    if (whole) values["addresses"] = addresses_of(asking, target);
    if (json) {
        context.console.json(values);
    } else {
        print_values(context.console, values, "");
    }
    return kDone;
}

} // namespace stead::cli
