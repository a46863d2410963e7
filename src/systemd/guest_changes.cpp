#include "systemd/guest_changes.h"

#include <csignal>
#include <cstdio>
#include <utility>

#include "guests/service.h"
#include "sys/clock.h"
#include "systemd/levels.h"
#include "systemd/machine.h"
#include "systemd/manager_service.h"

namespace stead::systemd {

namespace {

constexpr int kDone = 0;
constexpr int kCouldNot = 1;
constexpr int kTimedOut = 124;
constexpr Duration kSpeakAfter = 1_s;
constexpr Duration kSpeakAgain = 10_s;
/// The kernel ends what was killed at once; its service is then cleared away.
constexpr Duration kKilledLimit = 60_s;

void say(const std::string& text) {
    (void)std::fprintf(stderr, "stead: %s\n", text.c_str());
}

void hint(const std::string& text) {
    (void)std::fprintf(stderr, "hint: %s\n", text.c_str());
}

int tell_failure(ServiceManager& manager, Change what, const std::string& name, const JobEnd& end) {
    const std::string unit = guests::service_unit(name);
    const char* done = what == Change::Stop ? "stopped" : "started";
    say("guest '" + name + "' could not be " + done + ": " + reason_of(end, manager.look(unit)));
    if (end.problem.empty())
        hint("'stead logs " + name + "' and 'journalctl -u " + unit + "' show what it said");
    return kCouldNot;
}

int kill_guest(ServiceManager& manager, const std::string& name) {
    const std::string unit = guests::service_unit(name);
    say("guest '" + name + "' has not ended in time: killing it");
    std::string problem;
    if (!manager.kill_all(unit, SIGKILL, problem)) say(unit + ": " + problem);
    // The job that waits for the end is still there: another one joins it.
    const JobEnd end = manager.change(Change::Stop, unit, sys::now() + kKilledLimit);
    return end.done() ? kDone : tell_failure(manager, Change::Stop, name, end);
}

/// The service's extra words, without which it works: they are said and forgotten.
void tell_ignored(const Answer& answer, const std::string& what) {
    if (!answer) say(what + ": " + answer.problem + " (ignored)");
}

void tell_ignored(const Result<void>& told) {
    if (!told) say(std::string(describe(told.error()).view()) + " (ignored)");
}

} // namespace

int change_guest(sd_bus* manager,
                 Change what,
                 const std::string& name,
                 const ChangeWishes& wishes) {
    const std::string unit = guests::service_unit(name);
    ServiceManager units(manager);
    if (const auto subscribed = units.subscribe(); !subscribed) {
        say(describe(subscribed.error()).c_str());
        return kCouldNot;
    }
    if (wishes.no_wait) {
        JobEnd end;
        if (!units.enqueue(what, unit, end.problem).empty()) return kDone;
        return tell_failure(units, what, name, end);
    }
    Instant speak = sys::now() + kSpeakAfter;
    const auto waiting = [&] {
        if (sys::now() < speak) return;
        speak = sys::now() + kSpeakAgain;
        say("waiting for " + unit + " to be " + (what == Change::Stop ? "down" : "up") + " ...");
    };
    const Instant limit = wishes.limit.is_infinite() ? Instant::never() : sys::now() + wishes.limit;
    const JobEnd end = units.change(what, unit, limit, waiting);
    if (end.done()) return kDone;
    if (!end.timed_out) return tell_failure(units, what, name, end);
    if (what == Change::Stop && wishes.force) return kill_guest(units, name);
    say("timed out waiting for " + unit);
    hint("the job goes on; 'systemctl status " + unit + "' shows it");
    return kTimedOut;
}

int announce_start(sd_bus* bus, const guests::Paths& paths, const std::string& name) {
    const auto guest = guests::find(paths, name);
    // It has ended meanwhile, which is told by others.
    if (!guest || !*guest || !(*guest)->running()) return kDone;
    const auto& service = (*guest)->record.service;
    if (!service || service->ties.machine)
        tell_ignored(register_machine(bus, {name, (*guest)->record.pid}), "machined");
    tell_ignored(announce(bus, name, true));
    return kDone;
}

int announce_end(sd_bus* bus, const std::string& name) {
    // It has usually gone with the unit, which is no problem.
    (void)unregister_machine(bus, name);
    tell_ignored(announce(bus, name, false));
    // What was set while it ran, the next start has from its file or not at all.
    if (forget_levels(name)) tell_ignored(ServiceManager(bus).reload(), "the service manager");
    return kDone;
}

int announce_failure(sd_bus* bus, const std::string& name, const std::string& unit) {
    tell_ignored(announce_failed_unit(bus, name, unit), "org.stead.Manager1");
    return kDone;
}

} // namespace stead::systemd
