#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "cli/client_verbs.h"
#include "cli/level_texts.h"
#include "cli/log_line.h"
#include "cli/log_reader.h"
#include "cli/options.h"
#include "cli/why_text.h"
#include "cli/why_trace.h"
#include "cli/words.h"
#include "compile/calls.h"
#include "learn/kernel_log.h"
#include "sys/clock.h"
#include "sys/file.h"

namespace stead::cli {

namespace {

constexpr std::int64_t kUnitLines = 10;
constexpr std::int64_t kCauseLines = 4;
/// The log of PID 1's own lines, beside those of the units.
constexpr std::string_view kGuestLog = "stead";

std::string name_of(const GuestAnswer& answer, std::size_t unit) {
    return Target{.guest = answer.target.guest, .unit = answer.units[unit].name}.text();
}

nlohmann::json texts_json(const std::vector<std::string>& lines) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& line : lines) {
        if (const auto parsed = parse_log_line(line)) list.push_back(parsed->text);
    }
    return list;
}

void print_lines(Console& console, const std::vector<std::string>& lines, std::string_view whose) {
    if (lines.empty()) return;
    console.line("  last lines of " + safe(whose) + ":");
    for (const std::string& line : lines) {
        const auto parsed = parse_log_line(line);
        if (!parsed) continue;
        console.line("    " + console.paint(Colour::Dim, parsed->time) + " " + safe(parsed->text));
    }
}

void print_advice(Console& console, const std::vector<std::string>& advice) {
    for (const std::string& one : advice)
        console.line("  " + console.paint(Colour::Bold, "next:") + " " + one);
}

/// What its levels did to it, a sentence each.
void print_levels(Console& console, const std::vector<std::string>& sentences) {
    for (const std::string& sentence : sentences)
        console.line("  " + safe(sentence));
}

/// The call for which a filter killed the unit, where the kernel's log still tells it.
std::optional<std::string> fatal_call(const Asking& asking, const UnitRecord& unit) {
    constexpr std::uint8_t kBadCall = 31; // SIGSYS
    const ExitStatus& status = unit.reason.status;
    const bool killed = status.kind == ExitStatus::Kind::Killed && status.value == kBadCall;
    if (!killed || is_well(unit) || !asking.place().on_host()) return std::nullopt;
    const auto kill = learn::find_kill((sys::now().ns - unit.age().ns) / 1000);
    const std::string call = kill ? compile::call_name(kill->number) : "";
    if (call.empty()) return std::nullopt;
    // The log names no unit: another guest's process may have been killed in the same second.
    return "the kernel's log has a process killed at that time: '" + safe(kill->program) +
           "' for the call " + call + "; if that was this unit's, add \"" + call +
           "\" to system-calls";
}

int why_unit(Asking& asking, Client& client, const GuestAnswer& answer, bool json) {
    const auto chain = cause_chain(answer.units, *answer.unit);
    const std::size_t cause = chain.back();
    const std::string name = name_of(answer, cause);
    auto advice = advice_for(answer.units[cause], name);
    if (auto call = fatal_call(asking, answer.units[cause])) advice.push_back(*std::move(call));
    const auto lines =
        last_lines(asking, client, {.guest = answer.target.guest, .unit = answer.units[cause].name},
                   kUnitLines);
    Console& console = asking.console();
    const auto levels = level_reasons(asking.place(), answer.target);
    if (!json) {
        console.line(why_paragraph(answer, chain));
        print_levels(console, levels);
        print_advice(console, advice);
        if (!is_well(answer.units[cause])) print_lines(console, lines, name);
        return kDone;
    }
    nlohmann::json links = nlohmann::json::array();
    for (const std::size_t unit : chain)
        links.push_back(to_json(answer.units[unit]));
    console.json({{"unit", answer.units[*answer.unit].name},
                  {"well", is_well(answer.units[*answer.unit])},
                  {"text", why_paragraph(answer, chain)},
                  {"cause", answer.units[cause].name},
                  {"chain", std::move(links)},
                  {"levels", levels},
                  {"next", advice},
                  {"last-lines", texts_json(lines)}});
    return kDone;
}

/// "web and api", "web, api and 3 more".
std::string listed(const GuestAnswer& answer, const std::vector<std::size_t>& units) {
    constexpr std::size_t kMost = 6;
    std::string text;
    const std::size_t shown = std::min(units.size(), kMost);
    for (std::size_t i = 0; i < shown; ++i) {
        if (i > 0) text += i + 1 == units.size() ? " and " : ", ";
        text += safe(answer.units[units[i]].name);
    }
    if (shown < units.size()) text += " and " + std::to_string(units.size() - shown) + " more";
    return text;
}

std::string guest_sentence(const GuestAnswer& answer, std::size_t causes) {
    std::size_t ready = 0;
    std::size_t resting = 0;
    for (const UnitRecord& unit : answer.units) {
        if (unit.ready()) {
            ++ready;
        } else if (is_well(unit)) {
            ++resting;
        }
    }
    std::string text = safe(answer.name) + " is ";
    text.append(guest_state_name(answer.guest.state)).append(", booted ");
    text.append(duration_words(answer.guest.age())).append(" ago: ");
    text.append(std::to_string(ready)).append(" of ");
    text.append(std::to_string(answer.units.size())).append(" units up");
    if (resting > 0) text.append(", ").append(std::to_string(resting)).append(" down on purpose");
    if (causes == 0) return text + ". Nothing is wrong.";
    return text + ", and " + std::to_string(causes) +
           (causes == 1 ? " thing is wrong:" : " things are wrong:");
}

int why_guest(Asking& asking, Client& client, const GuestAnswer& answer, bool json) {
    const auto found = troubles(answer.units);
    Console& console = asking.console();
    nlohmann::json list = nlohmann::json::array();
    const auto levels = level_reasons(asking.place(), answer.target);
    if (!json) {
        console.line(guest_sentence(answer, found.size()));
        print_levels(console, levels);
        // What a default could not give is no trouble; a unit that is not there is.
        for (const std::string& notice : answer.guest.notices) {
            if (notice.find(" is left out: ") != std::string::npos)
                console.line("  note: " + safe(notice));
        }
    }
    for (const Trouble& trouble : found) {
        const UnitRecord& unit = answer.units[trouble.cause];
        const std::string name = name_of(answer, trouble.cause);
        auto advice = advice_for(unit, name);
        if (auto call = fatal_call(asking, unit)) advice.push_back(*std::move(call));
        const auto lines = last_lines(
            asking, client, {.guest = answer.target.guest, .unit = unit.name}, kCauseLines);
        std::string text = unit_sentence(unit, name);
        if (!trouble.kept_down.empty())
            text += " It keeps down " + listed(answer, trouble.kept_down) + ".";
        if (!json) {
            console.line("");
            console.line(text);
            print_advice(console, advice);
            print_lines(console, lines, name);
            continue;
        }
        nlohmann::json kept = nlohmann::json::array();
        for (const std::size_t other : trouble.kept_down)
            kept.push_back(answer.units[other].name);
        list.push_back({{"cause", to_json(unit)},
                        {"text", text},
                        {"keeps-down", std::move(kept)},
                        {"next", advice},
                        {"last-lines", texts_json(lines)}});
    }
    if (json) {
        console.json({{"name", answer.name},
                      {"running", true},
                      {"text", guest_sentence(answer, found.size())},
                      {"notices", answer.guest.notices},
                      {"levels", levels},
                      {"wrong", std::move(list)}});
    }
    return kDone;
}

/// A guest that does not run: its log tells how it ended, if it ever ran.
void tell_end(Asking& asking, const std::string& guest, bool json) {
    std::vector<std::string> lines;
    const std::string path = asking.place().paths().logs(guest);
    if (const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY)) {
        LogWishes wishes;
        wishes.unit = kGuestLog;
        wishes.lines = kUnitLines;
        (void)read_logs(folder->get(), wishes, [&](std::string_view line) {
            lines.emplace_back(line.substr(0, line.size() - 1));
            return true;
        });
    }
    if (json) {
        asking.console().json(
            {{"name", guest}, {"running", false}, {"last-lines", texts_json(lines)}});
    } else {
        print_lines(asking.console(), lines, guest);
    }
}

} // namespace

int verb_why(Context& context, Arguments arguments) {
    std::string name;
    bool json = false;
    Options options(context, "why");
    bool trace = false;
    std::string time;
    options.flag("--json", json, "as JSON");
    options.flag("--trace", trace, "watch what it is refused now, and name the rule and the line");
    options.value("--for", time, "TIME", "with --trace: so long (10s)");
    options.optional_positional("NAME", name, "NAME or NAME/UNIT on the host, UNIT in a guest");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    std::optional<Client> client;
    const auto answer = ask_guest(asking, "why", name, client);
    if (!answer) {
        const auto target = name.empty() ? std::nullopt : asking.place().parse(name);
        if (asking.code() == kNotRunning && target) tell_end(asking, target->guest, json);
        return asking.code();
    }
    if (trace || !time.empty()) return trace_refusals(asking, *answer, time, json);
    return answer->unit ? why_unit(asking, *client, *answer, json)
                        : why_guest(asking, *client, *answer, json);
}

} // namespace stead::cli
