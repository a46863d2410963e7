#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "cli/client_verbs.h"
#include "cli/options.h"
#include "sys/clock.h"
#include "sys/stream.h"

/// shutdown, poweroff, reboot; and the end of a guest for whoever asks for it.
namespace stead::cli {

namespace {

/// Between two looks whether the keeper has cleared the guest away.
constexpr int kAskAgainMs = 20;

/// Until PID 1 has closed the connection, which it does with its last breath.
int wait_for_close(Asking& asking, Client& client, const Target& target, Instant limit) {
    Instant speak = sys::now() + 1_s;
    while (true) {
        const auto answer = client.receive(std::min(speak, limit));
        if (!answer) return kDone;
        if (*answer) continue;
        if (sys::now() >= limit)
            return asking.fail(kTimedOut, "timed out waiting for the end of " + target.text());
        speak = Instant::never();
        asking.console().remark("waiting for the end of " + target.text() + " ...");
    }
}

/// The record of the guest that runs now; nothing while it is being started or cleared away.
std::optional<guests::Record> running_one(const guests::Paths& paths, const std::string& name) {
    const auto guest = guests::find(paths, name);
    if (!guest || !*guest || !(*guest)->running()) return std::nullopt;
    return (*guest)->record;
}

/// Until the keeper of the one that ends has cleared it away; after a reboot another one runs then.
int wait_for_cleanup(Asking& asking,
                     const Target& target,
                     std::optional<guests::Record> ending,
                     Instant limit) {
    while (true) {
        const auto guest = guests::find(asking.place().paths(), target.guest);
        // What cannot be looked at any more has been cleared away.
        if (!guest || !*guest || (!(*guest)->running() && !(*guest)->kept)) break;
        if ((*guest)->running()) {
            const guests::Record& now = (*guest)->record;
            if (!ending) ending = now;
            if (ending->pid != now.pid || ending->start_time != now.start_time) return kDone;
        }
        if (sys::now() >= limit)
            return asking.fail(kTimedOut, "timed out waiting for the keeper of " + target.text());
        (void)sys::is_readable(-1, kAskAgainMs); // a pause
    }
    guests::await_removal(asking.place().paths(), target.guest);
    return kDone;
}

int shut_down(Context& context, Arguments arguments, std::string_view verb, EndKind end) {
    std::string name;
    std::string timeout = "5m";
    bool no_wait = false;
    Options options(context, verb);
    options.flag("--no-wait", no_wait, "only ask for it");
    options.value("--timeout", timeout, "TIME", "give up waiting after TIME (5m)");
    options.optional_positional("NAME", name, "the guest; inside a guest: itself");
    if (const auto code = options.parse(arguments)) return *code;
    const auto limit = limit_from(context.console, timeout);
    if (!limit) return kAskedWrongly;

    Asking asking(context, Place::look());
    if (name.empty() && asking.place().on_host()) {
        return asking.fail(kAskedWrongly,
                           "on the host, " + std::string(verb) + " wants a guest's name",
                           "/ is this machine itself, where its PID 1 is stead-init");
    }
    Target target;
    if (!name.empty()) {
        const auto named = asking.target(name);
        if (!named) return asking.code();
        if (!named->unit.empty())
            return asking.fail(kAskedWrongly, "'" + name + "' is a unit; 'stead stop' stops it");
        target = *named;
    }
    auto client = asking.open(target);
    if (!client) return asking.code();
    return end_guest(asking, *client, target, end, no_wait, *limit);
}

} // namespace

int end_guest(Asking& asking,
              Client& client,
              const Target& target,
              EndKind end,
              bool no_wait,
              Instant limit) {
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, wire::Kind::Shutdown);
    request.number(wire::Tag::End, static_cast<std::int64_t>(end));
    const auto& paths = asking.place().paths();
    auto ending = running_one(paths, target.guest);
    const auto reply = asking.order(client, request, target,
                                    {.waiting_for = "an answer of PID 1",
                                     .limit = std::min(limit, sys::now() + kAnswerLimit),
                                     .for_its_end = true});
    if (!reply) return asking.code();
    // Inside the guest this command goes down with it.
    if (no_wait || target.own()) return kDone;
    if (!ending) ending = running_one(paths, target.guest);
    if (const int code = wait_for_close(asking, client, target, limit); code != kDone) return code;
    return wait_for_cleanup(asking, target, ending, limit);
}

int verb_shutdown(Context& context, Arguments arguments) {
    return shut_down(context, arguments, "shutdown", EndKind::Poweroff);
}

int verb_poweroff(Context& context, Arguments arguments) {
    return shut_down(context, arguments, "poweroff", EndKind::Poweroff);
}

int verb_reboot(Context& context, Arguments arguments) {
    return shut_down(context, arguments, "reboot", EndKind::Reboot);
}

} // namespace stead::cli
