#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <set>

#include <nlohmann/json.hpp>

#include "cli/guest_service.h"
#include "cli/level_texts.h"
#include "cli/options.h"
#include "guests/levels.h"
#include "sys/file.h"
#include "unitfile/reader.h"
#include "unitfile/values.h"

namespace stead::cli {

namespace {

using guests::LevelTarget;
using guests::WantedLevel;
using resources::Wish;

struct Wanted {
    bool save = false;
    bool dry = false;
    bool reapply = false;
    std::vector<Wish> wishes;
};

constexpr std::string_view kNotKept = "set, not kept";

/// One KEY=VALUE; what is wrong with it, or nothing.
std::string add_wish(const std::string& word, std::vector<Wish>& wishes) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
        return "'" + safe(word) + "' is no KEY=VALUE, such as memory-max=512M";
    const std::string key = word.substr(0, equals);
    std::string text = word.substr(equals + 1);
    const resources::Level* const level = resources::find_level(key);
    if (level == nullptr) {
        std::vector<std::string> known;
        for (const resources::Level& one : resources::levels())
            known.emplace_back(one.key);
        const auto near = nearest(key, known);
        return "there is no level '" + safe(key) + "'; " +
               (near.empty() ? "'stead limits --levels' lists them"
                             : "did you mean '" + near.front() + "'?");
    }
    const auto same = std::find_if(wishes.begin(), wishes.end(),
                                   [&](const Wish& wish) { return wish.level == level; });
    const bool lines =
        level->form == resources::Form::Io || level->form == resources::Form::IoLatency ||
        level->form == resources::Form::Entries || level->form == resources::Form::DeviceList;
    if (same != wishes.end() && !lines) return key + " is given twice";
    if (same != wishes.end()) text = same->text + "\n" + text;

    auto content = level_content(*level, text);
    if (!content.value) return key + " is '" + safe(text) + "'; " + content.problem;
    if (same != wishes.end()) wishes.erase(same);
    wishes.push_back({level, text, *content.value});
    return {};
}

bool resolve_wishes(Asking& asking, std::vector<Wish>& wishes) {
    const resources::Machine machine = resources::this_machine();
    bool good = true;
    for (Wish& wish : wishes) {
        std::string problem;
        const auto content = resources::resolve(*wish.level, wish.content, machine, problem);
        if (!content) {
            (void)asking.fail(kAskedWrongly, std::string(wish.level->key) + ": " + problem);
            good = false;
            continue;
        }
        wish.content = *content;
    }
    return good;
}

void print_steps(Console& console, const std::vector<resources::Step>& steps) {
    Table table({"LEVEL", "KERNEL OBJECT", "NOW", "THEN"});
    for (const resources::Step& step : steps) {
        table.row({std::string(step.level->key), resources::object_name(*step.level),
                   state_text(*step.level, step.before),
                   resources::in_words(*step.level, step.after)});
    }
    table.print(console);
}

/// What the file of a guest says, to be checked together with what is to be saved.
std::optional<unitfile::GuestSpec> load(const std::string& file) {
    unitfile::Diagnostics unasked;
    const auto text = unitfile::load_text(file, unasked);
    if (!text || unitfile::kind_of(*text) != unitfile::Kind::Guest) return std::nullopt;
    return unitfile::load_guest(file, unasked);
}

bool is_jail(const std::string& file) {
    const auto spec = load(file);
    return spec && spec->profile.value == unitfile::ProfileKind::Jail;
}

std::vector<guests::KeptLevel> kept_of(const std::vector<Wish>& wishes) {
    std::vector<guests::KeptLevel> kept;
    kept.reserve(wishes.size());
    for (const Wish& wish : wishes)
        kept.push_back({std::string(wish.level->key), wish.text});
    return kept;
}

class Setting {
public:
    Setting(Asking& asking, Target target, Wanted wanted)
        : asking_(asking)
        , target_(std::move(target))
        , wanted_(std::move(wanted)) {}

    int run() {
        auto change = guests::LevelChange::begin(paths());
        if (!change)
            return asking_.fail(kCouldNot, describe(change.error()).view(),
                                "changing levels needs root on the host");
        auto found = guests::find_levels(paths(), target_.guest, target_.unit);
        if (found) return set_running(*change, *found);
        if (found.error().code == ENOENT)
            return asking_.fail(kNoSuch,
                                target_.text() + " has no cgroup here: the unit is not there or "
                                                 "does not run, or no cgroup2 is mounted",
                                "'stead list " + target_.guest + "' shows the units");
        if (found.error().code != ESRCH)
            return asking_.fail(kCouldNot, describe(found.error()).view());
        return set_stopped(*change);
    }

private:
    [[nodiscard]] const guests::Paths& paths() const { return asking_.place().paths(); }

    int set_stopped(guests::LevelChange& change) {
        const std::string file = paths().guest_file(target_.guest);
        if (!sys::status_at(AT_FDCWD, file.c_str(), 0))
            return asking_.fail(kNoSuch, "there is no guest '" + safe(target_.guest) + "'",
                                "no guest of this name runs, and there is no file " + file);
        if (!wanted_.save || wanted_.reapply)
            return asking_.fail(kNotRunning, "guest '" + target_.guest + "' is not running",
                                "--save keeps the levels for its next start");
        for (const Wish& wish : wanted_.wishes) {
            if (!target_.unit.empty() && wish.level->guest_only)
                return asking_.fail(kAskedWrongly, std::string(wish.level->key) +
                                                       " belongs to guests, not to units");
        }
        const auto spec = load(file);
        const auto problems =
            resources::contradictions([&](std::string_view key) { return content_in(spec, key); });
        for (const std::string& problem : problems)
            (void)asking_.fail(kAskedWrongly, problem);
        if (!problems.empty()) return kAskedWrongly;
        if (wanted_.dry) {
            for (const Wish& wish : wanted_.wishes)
                asking_.console().line(std::string(wish.level->key) + ": " + wish.text + " (" +
                                       resources::object_name(*wish.level) +
                                       ") from the next start on");
            asking_.console().line("nothing changed (--dry-run)");
            return kDone;
        }
        return keep(change, file);
    }

    /// What a level will be at the next start.
    [[nodiscard]] std::string content_in(const std::optional<unitfile::GuestSpec>& spec,
                                         std::string_view key) const {
        for (const Wish& wish : wanted_.wishes) {
            if (wish.level->key == key) return wish.content;
        }
        if (!spec || !target_.unit.empty()) return {};
        for (const unitfile::LevelSpec& level : spec->levels) {
            if (level.key == key) return level.content;
        }
        return {};
    }

    /// The end of it all: the drop-in, where it is wanted.
    int keep(guests::LevelChange& change, const std::string& file) {
        if (!write_kept(change, file)) return asking_.code();
        (void)change.finish();
        asking_.console().line(target_.guest + " is not running: kept in " + kept_ +
                               " for its next start");
        return kDone;
    }

    bool write_kept(guests::LevelChange& change, const std::string& file) {
        const auto written =
            change.keep(file, target_.unit, is_jail(file), kept_of(wanted_.wishes));
        if (written) {
            kept_ = *written;
            return true;
        }
        if (written.error().code == EEXIST) {
            (void)asking_.fail(kCouldNot,
                               guests::kept_path(file, target_.unit, is_jail(file)) +
                                   " holds more than levels",
                               "move what is not in [limits] into another file beside it");
        } else {
            (void)asking_.fail(kCouldNot, describe(written.error()).view());
        }
        return false;
    }

    int set_running(guests::LevelChange& change, LevelTarget& found) {
        if (wanted_.reapply) take_drift(found);
        if (wanted_.wishes.empty()) {
            asking_.console().line(target_.text() + ": every level is as it should be");
            return kDone;
        }
        if (wanted_.save && found.file.empty())
            return asking_.fail(kAskedWrongly,
                                target_.guest + " has no file that levels could be kept beside",
                                "'stead jail --print' writes one");
        resources::Plan plan = resources::plan_change(found.subject, live_wishes(), wanted_.dry);
        add_later(found.subject, plan);
        for (const std::string& problem : plan.problems)
            (void)asking_.fail(kAskedWrongly, problem);
        if (!plan.problems.empty()) {
            asking_.console().hint("nothing changed");
            return kAskedWrongly;
        }
        for (const std::string& note : plan.notes)
            asking_.console().line("note: " + note);
        if (wanted_.dry) {
            print_steps(asking_.console(), plan.steps);
            asking_.console().line("nothing changed (--dry-run)");
            return kDone;
        }
        return take(change, found, plan);
    }

    /// What can be changed while it runs.
    [[nodiscard]] std::vector<Wish> live_wishes() const {
        std::vector<Wish> live;
        std::copy_if(wanted_.wishes.begin(), wanted_.wishes.end(), std::back_inserter(live),
                     [](const Wish& wish) { return !resources::waits_for_start(*wish.level); });
        return live;
    }

    /// What cannot: it is kept, or refused.
    void add_later(const resources::Subject& subject, resources::Plan& plan) const {
        for (const Wish& wish : wanted_.wishes) {
            if (!resources::waits_for_start(*wish.level)) continue;
            const std::string key(wish.level->key);
            std::string problem = resources::impossible(subject, *wish.level);
            if (problem.empty() && !wanted_.save)
                problem = key +
                          " is taken by a guest's first process when it starts, and not while "
                          "it runs; add --save, then 'stead restart " +
                          target_.guest + "'";
            if (!problem.empty()) {
                plan.problems.push_back(std::move(problem));
            } else {
                plan.notes.push_back(key + " holds from the next start on: 'stead restart " +
                                     target_.guest + "'");
            }
        }
    }

    /// What is not as it should be becomes what is wished.
    void take_drift(const LevelTarget& found) {
        std::vector<Wish> held;
        for (const WantedLevel& level : found.wanted)
            held.push_back(level.wish);
        for (const resources::Drift& drift : resources::find_drift(found.subject, held)) {
            const bool given =
                std::any_of(wanted_.wishes.begin(), wanted_.wishes.end(),
                            [&](const Wish& wish) { return wish.level == drift.level; });
            if (!given) wanted_.wishes.push_back({drift.level, drift.wanted, drift.wanted});
        }
    }

    int take(guests::LevelChange& change, const LevelTarget& found, const resources::Plan& plan) {
        const auto problem = change.apply(found, plan.steps);
        if (problem)
            return asking_.fail(kCouldNot, *problem,
                                "nothing changed: what was done is taken back");
        // The destructor takes everything back if keeping it fails.
        if (wanted_.save && !write_kept(change, found.file)) return asking_.code();
        std::vector<WantedLevel> changed;
        for (const Wish& wish : live_wishes())
            changed.push_back({wish, origin_for(found, wish)});
        const auto finished = change.finish(found, changed);
        if (!finished) return asking_.fail(kCouldNot, describe(finished.error()).view());
        for (const resources::Step& step : plan.steps)
            asking_.console().line(std::string(step.level->key) + ": " +
                                   state_text(*step.level, step.before) + " -> " +
                                   resources::in_words(*step.level, step.after));
        asking_.console().line(ending());
        // A service of systemd that allows less than its guest would hold that back.
        if (target_.unit.empty() && found.service)
            return run_systemd_helper(asking_.context(), "levels", target_.guest,
                                      {.limit = Instant::never()});
        return kDone;
    }

    [[nodiscard]] std::string origin_for(const LevelTarget& found, const Wish& wish) const {
        if (wanted_.save) return kept_;
        if (!wanted_.reapply) return std::string(kNotKept);
        for (const WantedLevel& level : found.wanted) {
            if (level.wish.level == wish.level) return level.origin;
        }
        return std::string(kNotKept);
    }

    [[nodiscard]] std::string ending() const {
        if (wanted_.reapply && !wanted_.save) return "restored";
        const std::string unit =
            target_.unit.empty() ? "" : "holds until " + target_.text() + " starts again; ";
        if (!wanted_.save) return unit + "not kept; add --save";
        if (target_.unit.empty()) return "kept in " + kept_;
        return unit + "kept in " + kept_ + " from the next start of " + target_.guest + " on";
    }

    Asking& asking_;
    Target target_;
    Wanted wanted_;
    std::string kept_;
};

} // namespace

int verb_set(Context& context, Arguments arguments) {
    std::string name;
    std::vector<std::string> words;
    Wanted wanted;
    Options options(context, "set");
    options.flag("--save", wanted.save, "also from the next start on: in a drop-in 90-set.toml");
    options.flag("--dry-run", wanted.dry, "only say which kernel objects would change");
    options.flag("--reapply", wanted.reapply, "restore what another tool has changed");
    options.positional("NAME", name, "NAME or NAME/UNIT");
    options.positionals("KEY=VALUE", words, "levels as in [limits] ('stead limits --levels')");
    options.footer("All levels change or none: each is checked before and read back after.");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    if (!asking.place().on_host())
        return asking.fail(kAskedWrongly, "levels are set on the host",
                           "inside, the guest's own limits cannot be changed");
    const auto target = asking.target(name);
    if (!target) return asking.code();
    bool good = true;
    for (const std::string& word : words) {
        const std::string problem = add_wish(word, wanted.wishes);
        if (problem.empty()) continue;
        (void)asking.fail(kAskedWrongly, problem);
        good = false;
    }
    if (!good || !resolve_wishes(asking, wanted.wishes)) return kAskedWrongly;
    if (wanted.wishes.empty() && !wanted.reapply)
        return asking.fail(kAskedWrongly, "set wants at least one KEY=VALUE, or --reapply",
                           "stead set " + name + " memory-max=512M");
    return Setting(asking, *target, std::move(wanted)).run();
}

} // namespace stead::cli
