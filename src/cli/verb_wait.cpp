#include <array>
#include <cerrno>

#include "cli/client_verbs.h"
#include "cli/options.h"
#include "cli/words.h"
#include "sys/clock.h"

namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

bool has_ended(const UnitRecord& unit) {
    return unit.state == UnitState::Down || unit.state == UnitState::Failed ||
           unit.state == UnitState::Done;
}

/// Until the unit is up, or has come to rest without.
int wait_settled(Asking& asking, Client& client, const Target& target, Instant limit) {
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, Kind::Wait);
    if (!target.unit.empty()) request.text(Tag::Name, target.unit);
    request.number(Tag::Flags, wire::kUntilSettled);
    const auto reply = asking.order(client, request, target,
                                    {.waiting_for = target.text() + " to be up", .limit = limit});
    if (!reply) return asking.code();
    if (target.unit.empty() || reply->units.empty() || reply->units.back().ready()) return kDone;
    const UnitRecord& unit = reply->units.back();
    std::string text = target.text() + ": " + state_sentence(unit);
    if (const std::string why = reason_sentence(unit); !why.empty()) text.append(": ").append(why);
    return asking.fail(kCouldNot, text);
}

/// Until the unit, or with it the whole guest, has ended.
int wait_ended(Asking& asking, Client& client, const Target& target, Instant limit) {
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, Kind::Wait);
    if (!target.unit.empty()) request.text(Tag::Name, target.unit);
    if (const auto sent = client.send(request); !sent)
        return asking.fail(kCouldNot, describe(sent.error()).view());
    Instant speak = sys::now() + 1_s;
    while (true) {
        const auto answer = client.receive(std::min(speak, limit));
        // A guest that has ended closes the connection.
        if (!answer)
            return answer.error().code == EBADMSG
                       ? asking.fail(kCouldNot, describe(answer.error()).view())
                       : kDone;
        if (!*answer) {
            if (sys::now() >= limit)
                return asking.fail(kTimedOut, "timed out waiting for the end of " + target.text());
            speak = Instant::never();
            asking.console().remark("waiting for the end of " + target.text() + " ...");
            continue;
        }
        const wire::Reader& message = *(*answer)->reader;
        if (message.kind() == Kind::End && message.number(Tag::Code) == kNoSuch)
            return asking.status(client, target) ? kDone : asking.code();
        if (message.kind() == Kind::End)
            return asking.fail(kCouldNot, safe(message.text(Tag::Text)));
        if (message.kind() == Kind::Unit && !target.unit.empty() && has_ended(read_unit(message)))
            return kDone;
    }
}

} // namespace

int verb_wait(Context& context, Arguments arguments) {
    std::string name;
    std::string timeout = "infinity";
    bool down = false;
    Options options(context, "wait");
    options.flag("--down", down, "until it has ended");
    options.value("--timeout", timeout, "TIME", "give up after TIME (infinity)");
    options.optional_positional("NAME", name, "NAME or NAME/UNIT on the host, UNIT in a guest");
    if (const auto code = options.parse(arguments)) return *code;
    const auto limit = limit_from(context.console, timeout);
    if (!limit) return kAskedWrongly;

    Asking asking(context, Place::look());
    if (name.empty() && asking.place().on_host())
        return asking.fail(kAskedWrongly, "wait wants a name", "NAME, or NAME/UNIT");
    Target target;
    if (!name.empty()) {
        const auto named = asking.target(name);
        if (!named) return asking.code();
        target = *named;
    }
    auto client = asking.open(target);
    // What does not run has ended.
    if (!client) return down && asking.code() == kNotRunning ? kDone : asking.code();
    return down ? wait_ended(asking, *client, target, *limit)
                : wait_settled(asking, *client, target, *limit);
}

} // namespace stead::cli
