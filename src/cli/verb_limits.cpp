#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/level_texts.h"
#include "cli/options.h"
#include "cli/words.h"
#include "resources/account.h"

namespace stead::cli {

namespace {

using guests::LevelTarget;
using resources::Account;

/// All levels there are.
int list_levels(Console& console, bool json) {
    if (json) {
        nlohmann::json list = nlohmann::json::array();
        for (const resources::Level& level : resources::levels()) {
            list.push_back({{"key", level.key},
                            {"object", resources::object_name(level)},
                            {"value", resources::describe(level.form)},
                            {"default", level.default_text},
                            {"live", true},
                            {"units", !level.guest_only},
                            {"accounted", level.held},
                            {"failures", level.failures},
                            {"needs", level.needs},
                            {"about", level.doc}});
        }
        console.json(list);
        return kDone;
    }
    Table table({"LEVEL", "KERNEL OBJECT", "LIVE", "FOR", "ACCOUNTED IN", "ABOUT"});
    for (const resources::Level& level : resources::levels()) {
        std::string accounted(level.held);
        if (!level.failures.empty())
            accounted += (accounted.empty() ? "" : ", ") + std::string(level.failures);
        std::string about(level.doc);
        if (!level.needs.empty()) about += " (needs " + std::string(level.needs) + ")";
        table.row({std::string(level.key), resources::object_name(level), "yes",
                   level.guest_only ? "guests" : "guests, units", accounted, about});
    }
    table.print(console);
    return kDone;
}

std::string origin_of(const LevelTarget& target, const resources::Level& level) {
    for (const guests::WantedLevel& wanted : target.wanted) {
        if (wanted.wish.level == &level) return wanted.origin.empty() ? "default" : wanted.origin;
    }
    return {};
}

nlohmann::json number_json(const std::optional<std::int64_t>& number) {
    return number ? nlohmann::json(*number) : nlohmann::json();
}

void print_json(Console& console, const LevelTarget& target, const std::vector<Account>& accounts) {
    nlohmann::json list = nlohmann::json::array();
    for (const Account& line : accounts) {
        list.push_back(
            {{"level", line.level->key},
             {"object", resources::object_name(*line.level)},
             {"held", number_json(line.held)},
             {"peak", number_json(line.peak)},
             {"limit", line.limit},
             {"limited", line.limited},
             {"failures", number_json(line.failures)},
             {"pressure", line.pressure ? nlohmann::json(*line.pressure) : nlohmann::json()},
             {"origin", origin_of(target, *line.level)}});
    }
    console.json({{"name", target.subject.name},
                  {"since", target.since_when != 0 ? target.since_when : target.created},
                  {"drift", drift_sentences(target)},
                  {"levels", std::move(list)}});
}

std::string since_words(const LevelTarget& target) {
    const std::int64_t when = target.since_when != 0 ? target.since_when : target.created;
    const std::int64_t seconds = static_cast<std::int64_t>(std::time(nullptr)) - when;
    if (when == 0 || seconds < 0) return {};
    return duration_words(Duration{seconds * 1'000'000'000}) + " ago";
}

void print_table(Console& console,
                 const LevelTarget& target,
                 const std::vector<Account>& accounts,
                 bool all) {
    Table table({"LEVEL", "HELD", "PEAK", "LIMIT", "FAILURES", "SINCE", "PRESSURE", "FROM"});
    const std::string since = since_words(target);
    for (const Account& line : accounts) {
        const resources::Level& level = *line.level;
        const std::string origin = origin_of(target, level);
        const bool hit = line.failures && *line.failures > 0;
        const bool counted = line.held && (level.key == "memory-max" || level.key == "pids-max" ||
                                           level.key == "cpu-max" || level.key == "io-max" ||
                                           level.key == "disk-max");
        if (!all && !line.limited && !hit && !counted && origin.empty()) continue;
        table.row(
            {std::string(level.key), line.held ? resources::use_in_words(level, *line.held) : "",
             line.peak ? resources::use_in_words(level, *line.peak) : "",
             safe(resources::in_words(level, line.limit)),
             line.failures ? Cell{std::to_string(*line.failures), hit ? Colour::Red : Colour::None}
                           : Cell{},
             line.failures ? since : "",
             line.pressure ? fmt::format("{:.1f} %", *line.pressure) : "", safe(origin)});
    }
    table.print(console);
    for (const std::string& sentence : drift_sentences(target))
        console.line(console.paint(Colour::Yellow, "drift: ") + sentence);
}

} // namespace

int verb_limits(Context& context, Arguments arguments) {
    std::string name;
    bool json = false;
    bool reset = false;
    bool levels = false;
    bool all = false;
    Options options(context, "limits");
    options.flag("--json", json,
                 "as JSON: every level that the kernel knows, numbers in its units");
    options.flag("--reset", reset, "count failures and peaks from now on");
    options.flag("--levels", levels, "all levels there are, with their kernel objects");
    options.flag("-a,--all", all, "also what is neither limited nor counted");
    options.optional_positional("NAME", name, "NAME or NAME/UNIT");
    options.footer("PRESSURE: how much of the last 10 s some process waited for it.\n"
                   "Of limits of processes (nofile, as, ...) the process nearest to its own is "
                   "shown.");
    if (const auto code = options.parse(arguments)) return *code;
    if (levels) return list_levels(context.console, json);

    Asking asking(context, Place::look());
    if (!asking.place().on_host() || name.empty())
        return asking.fail(kAskedWrongly, "limits wants the name of a guest, on the host",
                           "'stead limits --levels' lists all levels");
    const auto target = asking.target(name);
    if (!target) return asking.code();
    auto found = guests::find_levels(asking.place().paths(), target->guest, target->unit);
    if (!found) {
        if (found.error().code == ESRCH && !asking.open(*target)) return asking.code();
        return asking.fail(kNoSuch, target->text() + " has no cgroup here",
                           "the unit does not run, or no cgroup2 is mounted");
    }
    if (reset) {
        auto change = guests::LevelChange::begin(asking.place().paths());
        const auto done = change ? change->reset_counters(*found) : Result<void>(change.error());
        if (!done) return asking.fail(kCouldNot, describe(done.error()).view());
        return kDone;
    }
    const auto accounts = resources::account(found->subject, found->since);
    if (json) {
        print_json(context.console, *found, accounts);
    } else {
        print_table(context.console, *found, accounts, all);
    }
    return kDone;
}

} // namespace stead::cli
