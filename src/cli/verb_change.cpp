#include <array>

#include "cli/asking.h"
#include "cli/client_verbs.h"
#include "cli/options.h"
#include "cli/words.h"
#include "sys/clock.h"

/// start, stop, restart and reload of units, one after the other; stop also of guests.
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

struct Wishes {
    std::vector<std::string> names;
    std::string timeout{kSettleLimit};
    bool no_wait = false;
    bool force = false;
    bool json = false;
    Instant limit;
};

/// `stead start NAME` and the like for whole guests.
int change_guest(Asking& asking, const Change& change, const Target& target, const Wishes& wishes) {
    auto client = asking.open(target);
    if (!client) {
        if (change.kind == Kind::Start && asking.code() == kNotRunning)
            asking.console().hint("starting guests in the background is not supported yet");
        // What does not run need not be stopped.
        return change.kind == Kind::Stop && asking.code() == kNotRunning ? kDone : asking.code();
    }
    if (change.kind == Kind::Stop)
        return end_guest(asking, *client, target, EndKind::Exit, wishes.no_wait, wishes.limit);
    if (change.kind == Kind::Start) {
        asking.console().remark("guest '" + target.guest + "' is running already");
        return kDone;
    }
    if (change.kind == Kind::Restart) {
        return asking.fail(kCouldNot, "restarting a guest is not supported yet",
                           "'stead stop " + target.text() + "', then 'stead run' it again");
    }
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, Kind::ReloadUnits);
    const auto reply = asking.order(*client, request, target,
                                    {.waiting_for = "the new units", .limit = wishes.limit});
    return reply ? kDone : asking.code();
}

void show_outcome(Asking& asking, const Target& target, const Reply& reply, bool json) {
    if (json) return;
    if (reply.units.empty()) return;
    const UnitRecord& unit = reply.units.back();
    asking.console().remark(target.text() + " is " + std::string(state_name(unit.state)));
}

int change_unit(Asking& asking, const Change& change, const Target& target, const Wishes& wishes) {
    auto client = asking.open(target);
    if (!client) return asking.code();
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, change.kind);
    request.text(Tag::Name, target.unit);
    const std::uint32_t flags =
        (wishes.no_wait ? wire::kNoWait : 0U) | (wishes.force ? wire::kForce : 0U);
    if (flags != 0) request.number(Tag::Flags, flags);
    const auto reply = asking.order(
        *client, request, target,
        {.waiting_for = target.text() + " " + std::string(change.goal), .limit = wishes.limit});
    if (!reply) return asking.code();
    show_outcome(asking, target, *reply, wishes.json);
    return kDone;
}

int change_all(Context& context, Arguments arguments, const Change& change) {
    Wishes wishes;
    Options options(context, change.verb);
    options.flag("--no-wait", wishes.no_wait, "only ask for it");
    options.value("--timeout", wishes.timeout, "TIME", "give up waiting after TIME (10m)");
    if (change.kind == Kind::Stop)
        options.flag("--force", wishes.force, "also where others need it");
    options.positionals("NAME", wishes.names, "NAME/UNIT on the host, UNIT in a guest", 1);
    if (const auto code = options.parse(arguments)) return *code;
    const auto limit = limit_from(context.console, wishes.timeout);
    if (!limit) return kAskedWrongly;
    wishes.limit = *limit;

    Asking asking(context, Place::look());
    int worst = kDone;
    for (const std::string& word : wishes.names) {
        const auto target = asking.target(word);
        int code = asking.code();
        if (target)
            code = target->unit.empty() ? change_guest(asking, change, *target, wishes)
                                        : change_unit(asking, change, *target, wishes);
        if (worst == kDone) worst = code;
    }
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
