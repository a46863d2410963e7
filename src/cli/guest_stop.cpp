#include "cli/guest_stop.h"

#include <cerrno>
#include <csignal>
#include <optional>

#include "cli/asking.h"
#include "cli/client_verbs.h"
#include "cli/guest_launch.h"
#include "cli/guest_service.h"
#include "guests/ending.h"
#include "guests/hooks.h"
#include "sys/clock.h"
#include "sys/process.h"
#include "sys/stream.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

/// The kernel ends what was killed at once; its keeper then runs hooks.
constexpr Duration kKilledLimit = 60_s;
constexpr int kStopPauseMs = 10;

void run_pre_stop(Console& console, const guests::Paths& paths, const guests::Guest& guest) {
    guests::HookSet hooks;
    unitfile::Diagnostics ignored; // A file that was broken meanwhile stops no stop.
    const std::string& file = guest.record.file;
    const auto spec = file.empty() ? std::nullopt : unitfile::load_guest(file, ignored);
    if (spec) hooks = guests::hooks_of(*spec);
    hooks.guest = guest.record.name;
    hooks.file = file;
    for (const std::string& failure : guests::run_hooks(paths, hooks, guests::Stage::PreStop)) {
        console.error(guest.record.name + ": " + safe(failure) + " (ignored)");
        guests::append_to_log(paths, guest.record.name, failure);
    }
}

int kill_guest(Asking& asking, const std::string& name) {
    const auto& paths = asking.place().paths();
    const Instant limit = sys::now() + kKilledLimit;
    asking.console().error("guest '" + name + "' has not ended in time: killing it");
    while (sys::now() < limit) {
        guests::clear_ended(paths); // Of one whose keeper has died.
        const auto guest = guests::find(paths, name);
        if (!guest || !*guest) return kDone;
        if ((*guest)->init) {
            (void)sys::send_signal(*(*guest)->init, SIGKILL); // ESRCH: it has just ended.
        } else if (!(*guest)->kept) {
            return kDone;
        }
        (void)sys::is_readable(-1, kStopPauseMs); // a pause
    }
    return asking.fail(kTimedOut, "guest '" + name + "' was killed, but something of it stays",
                       "the kernel waits for one of its processes, or a post-stop hook runs");
}

/// Whether nobody answers there, and nothing else is wrong with it.
bool is_silent(const std::string& control) {
    const auto client = Client::connect(control);
    return !client && (client.error().code == ENOENT || client.error().code == ECONNREFUSED);
}

/// Until whoever holds the guest's lock, a keeper that clears it away or a start, has let go of it:
/// the exit code. Nothing if the guest answers: a start that we had met too early.
std::optional<int>
wait_for_keeper(Asking& asking, const std::string& name, const StopWishes& wishes) {
    const std::string control = asking.place().control({.guest = name, .unit = {}});
    while (!wishes.no_wait) {
        const auto guest = guests::find(asking.place().paths(), name);
        if (!guest || !*guest || !(*guest)->kept) break;
        if ((*guest)->running() && Client::connect(control)) return std::nullopt;
        if (sys::now() >= wishes.limit)
            return asking.fail(kTimedOut, "timed out waiting for the keeper of " + name);
        (void)sys::is_readable(-1, kStopPauseMs); // a pause
    }
    if (!wishes.no_wait) guests::await_removal(asking.place().paths(), name);
    return kDone;
}

/// A reboot that is not to happen any more. True if it has happened.
bool came_back(const guests::Paths& paths, const std::string& name) {
    auto ending = guests::read_ending(paths, name);
    if (!ending || !ending->reboot) return false;
    ending->reboot = false;
    (void)guests::write_ending(paths, name, *ending); // It comes back, then, and says so.
    const auto guest = guests::find(paths, name);
    return guest && *guest && ((*guest)->running() || (*guest)->kept);
}

int stop_once(Context& context, const std::string& name, const StopWishes& wishes) {
    Asking asking(context, Place::look());
    const Target target{.guest = name, .unit = {}};
    const auto& paths = asking.place().paths();
    const auto guest = guests::find(paths, name);
    const std::string control = asking.place().control(target);
    bool runs = guest && *guest && (*guest)->running();
    const bool kept = guest && *guest && (*guest)->kept;
    // Who answers runs, whatever became of its record.
    const bool by_service = !wishes.direct && guests_are_services(paths);
    const bool gone = !runs && !kept && !Client::connect(control);
    // Between a guest that reboots and the next one its service is about to start again.
    if (gone && !(by_service && comes_back(paths, name))) {
        context.console.remark("guest '" + name + "' does not run");
        return kDone;
    }
    if (by_service && (gone || is_service(paths, name))) {
        return run_systemd_helper(
            context, "stop", name,
            {.no_wait = wishes.no_wait, .force = wishes.force, .limit = wishes.limit});
    }
    if (runs) {
        (void)context.console.flush();
        run_pre_stop(context.console, paths, **guest);
    }
    // It has just ended, or is on its way up or down.
    while (is_silent(control)) {
        const auto ended = wait_for_keeper(asking, name, wishes);
        if (ended == kTimedOut && wishes.force) return kill_guest(asking, name);
        if (ended) return *ended;
        const auto now = guests::find(paths, name);
        if (!runs && now && *now && (*now)->running()) run_pre_stop(context.console, paths, **now);
        runs = true;
    }
    auto client = asking.open(target);
    if (!client) return runs && wishes.force ? kill_guest(asking, name) : asking.code();
    const int code =
        end_guest(asking, *client, target, EndKind::Exit, wishes.no_wait, wishes.limit);
    if (code != kDone && wishes.force && !wishes.no_wait) return kill_guest(asking, name);
    return code;
}

} // namespace

int stop_guest(Context& context, const std::string& name, const StopWishes& wishes) {
    const auto paths = guests::Paths::from_environment();
    while (true) {
        const int code = stop_once(context, name, wishes);
        if (code != kDone || wishes.no_wait) return code;
        const bool rebooted = comes_back(paths, name);
        if (came_back(paths, name)) continue;
        if (!rebooted || wishes.direct || !guests_are_services(paths)) return code;
        // Met while its keeper cleared it away: its service starts it again, whatever the file
        // says.
        return run_systemd_helper(context, "stop", name,
                                  {.no_wait = false, .force = wishes.force, .limit = wishes.limit});
    }
}

} // namespace stead::cli
