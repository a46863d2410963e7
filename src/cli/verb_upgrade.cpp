#include <array>

#include <nlohmann/json.hpp>

#include "cli/client_verbs.h"
#include "cli/options.h"
#include "sys/clock.h"

/// upgrade: PID 1 of a running guest executes another stead-init in its own place.
namespace stead::cli {

namespace {

struct UpgradeWishes {
    std::vector<std::string> names;
    /// Empty: the stead-init of this `stead`.
    std::string init;
    bool all = false;
    bool json = false;
};

/// One program as PID 1 of a guest.
struct Program {
    /// Empty: a PID 1 that does not tell.
    std::string version;
    /// Of the file that it executes; empty: not readable from here.
    std::string build;

    bool operator==(const Program&) const = default;

    [[nodiscard]] std::string text() const {
        const std::string number = version.empty() ? "that it does not tell" : safe(version);
        return "version " + number + (build.empty() ? "" : " (build " + build + ")");
    }

    [[nodiscard]] nlohmann::json json() const { return {{"version", version}, {"build", build}}; }
};

/// The file that the guest's PID 1 executes: of our own, of a guest by its verified pid.
std::string program_file(const Asking& asking, const Target& target) {
    if (target.own()) return "/proc/1/exe";
    const auto guest = guests::find(asking.place().paths(), target.guest);
    if (!guest || !*guest || !(*guest)->running()) return {};
    return "/proc/" + std::to_string((*guest)->init->pid) + "/exe";
}

std::optional<Program> running_program(Asking& asking, Client& client, const Target& target) {
    const auto reply = asking.status(client, {.guest = target.guest, .unit = {}});
    if (!reply) return std::nullopt;
    return Program{.version = reply->guest ? reply->guest->version : "",
                   .build = guests::build_of(program_file(asking, target))};
}

/// What came of one guest's upgrade; `code` is what to leave with.
struct Outcome {
    int code = kCouldNot;
    std::optional<Program> before;
    std::optional<Program> after;
    std::string reason;
};

nlohmann::json to_json(const Target& target, const Outcome& outcome) {
    nlohmann::json json{{"name", target.text()}, {"upgraded", outcome.code == kDone}};
    if (outcome.before) json["before"] = outcome.before->json();
    if (outcome.after) json["after"] = outcome.after->json();
    if (!outcome.reason.empty()) json["reason"] = outcome.reason;
    return json;
}

/// The old program goes on, for `reason`.
void refused(
    Asking& asking, const Target& target, int code, const std::string& reason, Outcome& outcome) {
    outcome.reason = reason;
    outcome.after = outcome.before;
    outcome.code =
        asking.fail(code, target.text() + ": " + safe(reason),
                    "PID 1 and all units go on as before, with " + outcome.before->text());
}

Outcome upgrade(Asking& asking, const Target& target, const sys::UniqueFd& program) {
    Outcome outcome;
    auto client = asking.open(target);
    if (client) outcome.before = running_program(asking, *client, target);
    if (!outcome.before) {
        outcome.code = asking.code();
        return outcome;
    }
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, wire::Kind::Upgrade);
    const int fd = program.get();
    const auto reply = asking.ask(
        *client, request, {.waiting_for = "the new program", .limit = sys::now() + kAnswerLimit},
        std::span(&fd, 1));
    if (reply && reply->code != kDone) {
        refused(asking, target, reply->code, reply->text, outcome);
        return outcome;
    }
    // The new one has said that it runs: it must go on to answer.
    if (reply) outcome.after = running_program(asking, *client, target);
    outcome.code = outcome.after ? kDone : asking.code();
    if (!outcome.after || outcome.after->build.empty()) return outcome;
    const std::string build = guests::build_of("/proc/self/fd/" + std::to_string(fd));
    if (outcome.after->build != build)
        refused(asking, target, kCouldNot,
                "the new program (build " + build + ") failed soon after; the old one goes on",
                outcome);
    return outcome;
}

void print(Console& console, const Target& target, const Outcome& outcome) {
    if (outcome.code != kDone) return;
    std::string line = target.text() + ": PID 1 ";
    if (*outcome.after == *outcome.before && !outcome.after->build.empty()) {
        line += "was executed anew, and is the same: " + outcome.after->text();
    } else {
        line += "is now " + outcome.after->text() + ", it was " + outcome.before->text();
    }
    console.line(line);
}

/// Whom the words of the command line mean; nothing after a mistake, which has been printed.
std::optional<std::vector<Target>> find_targets(Asking& asking, const UpgradeWishes& wishes) {
    std::vector<Target> targets;
    const Place& place = asking.place();
    if (wishes.all != wishes.names.empty() && place.on_host()) {
        asking.fail(kAskedWrongly, wishes.all ? "--all and a name exclude each other"
                                              : "upgrade wants a guest's name, or --all");
        return std::nullopt;
    }
    for (const std::string& word : wishes.names) {
        auto target = asking.target(word);
        if (!target) return std::nullopt;
        if (!target->unit.empty()) {
            asking.fail(kAskedWrongly, "'" + safe(word) + "' is a unit",
                        place.on_host() ? "upgrade takes guests: their PID 1 is what changes"
                                        : "only the host upgrades a guest");
            return std::nullopt;
        }
        targets.push_back(*std::move(target));
    }
    if (!place.on_host()) {
        if (targets.empty()) targets.push_back({});
        return targets;
    }
    for (const std::string& name : wishes.all ? place.guests() : std::vector<std::string>{}) {
        const auto guest = guests::find(place.paths(), name);
        if (guest && *guest && (*guest)->running()) targets.push_back({.guest = name, .unit = {}});
    }
    if (targets.empty()) asking.console().remark("no guest is running");
    return targets;
}

} // namespace

int verb_upgrade(Context& context, Arguments arguments) {
    UpgradeWishes wishes;
    Options options(context, "upgrade");
    options.flag("--all", wishes.all, "every running guest");
    options.value("--init", wishes.init, "FILE", "this stead-init instead of the installed one");
    options.flag("--json", wishes.json, "as JSON");
    options.positionals("NAME", wishes.names, "guests; / is this machine's own PID 1");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    const auto targets = find_targets(asking, wishes);
    if (!targets) return asking.code();
    int worst = kDone;
    nlohmann::json list = nlohmann::json::array();
    for (const Target& target : *targets) {
        // A copy for each: what one guest holds is none of another's.
        const auto program = guests::upgrade_program(asking.place().paths(), wishes.init);
        if (!program) return asking.fail(kCouldNot, describe(program.error()).view());
        const Outcome outcome = upgrade(asking, target, *program);
        if (wishes.json) {
            list.push_back(to_json(target, outcome));
        } else {
            print(context.console, target, outcome);
        }
        if (worst == kDone) worst = outcome.code;
    }
    if (wishes.json) context.console.json(list);
    return worst;
}

} // namespace stead::cli
