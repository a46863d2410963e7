#include "cli/why_trace.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/options.h"
#include "cli/words.h"
#include "guests/guests.h"
#include "learn/watcher.h"
#include "resources/files.h"
#include "sys/clock.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

/// The guest whose units are watched.
struct Watched {
    guests::Record record;
    /// Its file, where it has one that can be read.
    std::optional<unitfile::GuestSpec> spec;
    /// Where a unit's own keys stand; empty: not known.
    std::string unit_file;
};

std::string_view key_of(learn::Rule rule) {
    switch (rule) {
    case learn::Rule::Calls:
        return "system-calls";
    case learn::Rule::Families:
        return "address-families";
    case learn::Rule::Capability:
        return "capabilities";
    case learn::Rule::Listen:
        return "network.listen";
    case learn::Rule::ReadOnly:
        return "bind";
    case learn::Rule::Other:
        return "";
    }
    return "";
}

std::string guest_file(const Watched& watched) {
    return watched.record.file.empty() ? "the options of 'stead jail'" : safe(watched.record.file);
}

/// A change of the guest's own file: the item goes into the list that is there, or makes one.
std::string guest_line(const Watched& watched, std::string_view key, const std::string& item) {
    const std::string quoted = "\"" + safe(item) + "\"";
    const unitfile::Place place = watched.spec ? watched.spec->keys.find(key) : unitfile::Place{};
    if (!place.file.empty())
        return "add " + quoted + " to " + std::string(key) + ", " + safe(place.file) + ":" +
               std::to_string(place.line);
    const bool builds_on = key == "capabilities" || key == "system-calls";
    return std::string(key) + " = [" + (builds_on ? "\"...\", " : "") + quoted + "] in " +
           guest_file(watched);
}

/// The lines that allow it; none if no line of Stead's does.
std::vector<std::string> lines_for(const Watched& watched, const learn::Judgement& judgement) {
    using learn::Rule;
    const std::string& item = judgement.item;
    const std::string key(key_of(judgement.rule));
    if (judgement.rule == Rule::Other || item.empty()) return {};
    if (judgement.rule == Rule::Families)
        return {"address-families of the unit takes families away, and a guest has unix, inet, "
                "inet6 and netlink at most: add \"" +
                item + "\" there if it is one of them"};
    if (judgement.rule == Rule::ReadOnly) {
        std::vector<std::string> lines;
        if (watched.record.jail)
            lines.push_back(guest_line(watched, key, item + ":" + item) +
                            ", or a folder of the unit's own (directories.state, cache, logs)");
        else
            lines.push_back("files.read-write = [\"" + safe(item) + "\"] in " + watched.unit_file +
                            ", if the guest itself may write there");
        return lines;
    }
    if (watched.record.jail && !judgement.capability.empty()) {
        // A jail's capability brings its calls, unless the file has a list of its own.
        std::vector<std::string> lines{guest_line(watched, "capabilities", judgement.capability)};
        if (watched.spec && watched.spec->keys.has(key))
            lines.push_back(guest_line(watched, key, item));
        return lines;
    }
    if (judgement.rule == Rule::Listen || watched.record.jail)
        return {guest_line(watched, key, item)};
    return {key + " = [\"...\", \"" + safe(item) + "\"] in " + watched.unit_file,
            "where the guest does not have it: " + guest_line(watched, key, item)};
}

std::string error_word(int error) {
    return error == 0 ? "killed (SIGSYS)" : std::string(errno_name(error));
}

void print_refusals(Console& console, const Watched& watched, const learn::WatchResult& result) {
    for (const learn::CountedRefusal& one : result.refusals) {
        const learn::Judgement judgement = learn::judge(one.refused, {});
        console.line("");
        console.line("  " + safe(judgement.what) + " by " + safe(one.refused.seen.program) + ": " +
                     error_word(one.refused.error) + ", " + std::to_string(one.count) +
                     (one.count == 1 ? " time: " : " times: ") + safe(judgement.reason));
        for (const std::string& line : lines_for(watched, judgement))
            console.line("  " + console.paint(Colour::Bold, "next:") + " " + line);
    }
    if (result.untold == 0) return;
    console.line("");
    console.line("  " + std::to_string(result.untold) +
                 " more refusals were of yet other kinds, which are not told here");
}

void print_json(Console& console,
                const std::string& name,
                const Watched& watched,
                const learn::WatchResult& result) {
    nlohmann::json list = nlohmann::json::array();
    for (const learn::CountedRefusal& one : result.refusals) {
        const learn::Judgement judgement = learn::judge(one.refused, {});
        list.push_back({{"call", one.refused.seen.call},
                        {"what", judgement.what},
                        {"program", one.refused.seen.program},
                        {"error", error_word(one.refused.error)},
                        {"count", one.count},
                        {"reason", judgement.reason},
                        {"key", key_of(judgement.rule)},
                        {"item", judgement.item},
                        {"capability", judgement.capability},
                        {"next", lines_for(watched, judgement)}});
    }
    console.json({{"name", name},
                  {"processes", result.processes},
                  {"calls", result.calls},
                  {"untold", result.untold},
                  {"refused", std::move(list)}});
}

/// Who may watch, and what there is to be watched.
std::optional<Watched> find_watched(Asking& asking, const GuestAnswer& answer) {
    const Target& target = answer.target;
    if (!asking.place().on_host() || target.own() || ::geteuid() != 0) {
        asking.fail(kCouldNot, "--trace watches the unit's processes from the host, as root",
                    "run it there: stead why --trace NAME/UNIT");
        return std::nullopt;
    }
    const auto guest = guests::find(asking.place().paths(), target.guest);
    if (!guest || !*guest || (*guest)->record.cgroup.empty()) {
        asking.fail(kCouldNot, "the guest has no cgroup that tells its processes",
                    "--trace needs a cgroup2 file system on the host");
        return std::nullopt;
    }
    Watched watched;
    watched.record = (*guest)->record;
    unitfile::Diagnostics ignored;
    if (!watched.record.file.empty())
        watched.spec = unitfile::load_guest(watched.record.file, ignored);
    if (answer.unit) watched.unit_file = safe(answer.units[*answer.unit].source);
    if (watched.unit_file.empty()) watched.unit_file = "the unit's file";
    return watched;
}

Result<learn::WatchResult> watch(const std::string& cgroup, Instant limit) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM})
        ::sigaddset(&set, signal);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    learn::Watcher watcher;
    // What is started while others are being added is traced by its parent, or found the next time.
    bool more = true;
    while (more) {
        more = false;
        for (const pid_t process : resources::processes_of(cgroup))
            more |= watcher.add(process);
        const auto there = resources::processes_of(cgroup);
        watcher.keep_only({there.begin(), there.end()});
    }
    auto result = watcher.run(limit);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return result;
}

} // namespace

int trace_refusals(Asking& asking, const GuestAnswer& answer, const std::string& time, bool json) {
    constexpr std::int64_t kDefault = 10'000'000'000;
    const auto duration = time.empty() ? std::optional(kDefault) : parse_duration(time);
    Console& console = asking.console();
    if (!duration || *duration <= 0) {
        console.error("--for is '" + safe(time) + "'");
        console.hint("use a time such as 30s or 5m");
        return kAskedWrongly;
    }
    const auto watched = find_watched(asking, answer);
    if (!watched) return asking.code();
    const std::string cgroup =
        watched->record.cgroup + "/units" +
        (answer.unit ? "/" + answer.units[*answer.unit].name : std::string());
    console.remark("watching " + answer.target.text() + "; Ctrl-C ends it");
    const auto result = watch(cgroup, sys::now() + Duration{*duration});
    if (!result) return asking.fail(kCouldNot, describe(result.error()).view());
    if (result->processes == 0)
        return asking.fail(kNotRunning, answer.target.text() + " has no process to be watched",
                           "start it first; one that ends at once is seen when its whole guest is "
                           "watched: stead why --trace " +
                               safe(answer.target.guest));
    if (json) {
        print_json(console, answer.target.text(), *watched, *result);
        return kDone;
    }
    const std::size_t kinds = result->refusals.size();
    console.line(
        safe(answer.target.text()) + " was watched: " + std::to_string(result->processes) +
        (result->processes == 1 ? " process, " : " processes, ") + std::to_string(result->calls) +
        " calls, " +
        (kinds == 0 ? "nothing was refused"
                    : std::to_string(kinds) + (kinds == 1 ? " kind" : " kinds") + " of refusals:"));
    print_refusals(console, *watched, *result);
    return kDone;
}

} // namespace stead::cli
