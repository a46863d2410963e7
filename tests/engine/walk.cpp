#include "walk.h"

#include <signal.h>

#include <algorithm>
#include <iostream>

#include <errno.h>

namespace stead::engine {

std::size_t Walk::run(std::size_t steps) {
    send(event(EventKind::Boot, kNoUnit));
    while (handled_ < steps && ends_ == 0 && complaint_.empty())
        step();
    if (ends_ == 0 && complaint_.empty() && !shutting_down() && dice_.chance(30)) end_by_stops();
    if (ends_ == 0 && complaint_.empty()) end_by_shutdown();
    for (int i = 0; i < 5 && complaint_.empty(); ++i) {
        forge();
        pass_time();
    }
    return handled_;
}

void Walk::step() {
    const std::uint32_t what = dice_.below(100);
    if (what < 50)
        progress();
    else if (what < 75)
        pass_time();
    else if (what < 83)
        request();
    else if (what < 93)
        chatter();
    else
        forge();
    if (dice_.chance(1)) move_house();
    if (!shutting_down() && dice_.below(150) == 0) reload_units();
}

Event Walk::event(EventKind kind, UnitId unit) const {
    Event made;
    made.kind = kind;
    made.unit = unit;
    return made;
}

void Walk::request() {
    if (dice_.below(4000) == 0 || (shutting_down() && dice_.below(500) == 0)) {
        if (!shutting_down()) shutdown_at_ = now_;
        send(event(EventKind::Shutdown, kNoUnit));
        return;
    }
    constexpr EventKind kRequests[] = {EventKind::Start, EventKind::Stop, EventKind::Restart,
                                       EventKind::Reload};
    const UnitId unit = any_unit();
    const EventKind kind = kRequests[dice_.below(4)];
    if (kind == EventKind::Start || kind == EventKind::Restart) worlds_[unit].restarted.clear();
    send(event(kind, unit));
}

void Walk::chatter() {
    constexpr EventKind kNotices[] = {EventKind::Ready,           EventKind::Ready,
                                      EventKind::WatchdogPing,    EventKind::WatchdogPing,
                                      EventKind::Reloading,       EventKind::Stopping,
                                      EventKind::WatchdogTrigger, EventKind::ExtendTimeout,
                                      EventKind::OomKilled,       EventKind::Healthy};
    const std::uint32_t which = dice_.below(dice_.chance(80) ? 4 : 10);
    Event notice = event(kNotices[which], any_unit());
    notice.value = dice_.below(2000);
    if (notice.kind == EventKind::Ready && !adopt(notice.unit)) return;
    send(notice);
}

bool Walk::adopt(UnitId unit) {
    // READY of a forking unit says that its main process was found: then there is one.
    const UnitRuntime& u = core().unit(unit);
    const UnitPolicy& p = core().policy(unit);
    const bool forked =
        p.type == UnitType::Forking && p.ready == ReadyKind::PidFile && u.phase == Phase::Starting;
    if (!forked || u.main != Slot::Empty) return true;
    if (!worlds_[unit].left_behind) return false;
    worlds_[unit].left_behind = false;
    Child child;
    child.unit = unit;
    child.life = Life::Running;
    child.role = CommandRole::Main;
    child.ticket = u.main_ticket;
    children_.push_back(child);
    return true;
}

void Walk::forge() {
    Event forged = event(static_cast<EventKind>(dice_.below(21)), any_unit());
    // Boot and Shutdown come from nobody but PID 1 itself, requests from `request`.
    if (forged.kind <= EventKind::Shutdown) forged.kind = EventKind::Emptied;
    if (dice_.chance(20)) forged.unit = static_cast<UnitId>(dice_.roll());
    forged.role = static_cast<CommandRole>(dice_.below(9));
    forged.ticket = dice_.below(50);
    forged.error = dice_.chance(50) ? EAGAIN : ENOENT;
    forged.status = dice_.chance(50) ? ExitStatus::exited(1) : ExitStatus::killed(SIGSEGV);
    for (const Child& child : children_)
        if (child.unit == forged.unit && child.ticket == forged.ticket) ++forged.ticket;
    // The caller looks before it says that nothing is left; only the moment may be wrong.
    if (forged.kind == EventKind::Emptied && forged.unit < worlds_.size() &&
        worlds_[forged.unit].left_behind)
        return;
    if (forged.kind == EventKind::Ready && forged.unit < worlds_.size() && !adopt(forged.unit))
        return;
    send(forged);
}

bool Walk::is_empty(UnitId unit) const {
    if (worlds_[unit].left_behind) return false;
    return std::none_of(children_.begin(), children_.end(),
                        [&](const Child& child) { return child.unit == unit; });
}

void Walk::progress() {
    const std::uint32_t size = static_cast<std::uint32_t>(worlds_.size());
    const std::uint32_t choice = dice_.below(static_cast<std::uint32_t>(children_.size()) + size);
    if (choice < children_.size()) {
        progress_child(choice);
        return;
    }
    const auto unit = static_cast<UnitId>(choice - children_.size());
    World& world = worlds_[unit];
    if (world.left_behind && dice_.chance(faithful_ ? 100 : 5)) {
        world.left_behind = false;
        world.empty_due = true;
    }
    if (!world.empty_due || !is_empty(unit)) return;
    world.empty_due = false;
    if (faithful_ || !dice_.chance(10)) send(event(EventKind::Emptied, unit));
}

void Walk::progress_child(std::size_t index) {
    Child& child = children_[index];
    Event next = event(EventKind::Spawned, child.unit);
    next.role = child.role;
    next.ticket = child.ticket;
    const bool main = child.role == CommandRole::Main;
    if (child.life != Life::Running) {
        const std::uint32_t fate = faithful_ ? 50 : dice_.below(100);
        if (fate < 6) {
            fail_birth(index);
        } else if (fate < 9 && child.life == Life::Asked) {
            next.kind = EventKind::Skipped;
            // Only what starts a unit can be skipped; anything else is simply born.
            if (main || child.role == CommandRole::PreStart) {
                bury(index, next);
                return;
            }
            child.life = Life::Born;
            next.kind = EventKind::Spawned;
            send(next);
        } else if (child.life == Life::Asked && fate < 90) {
            child.life = Life::Born;
            send(next);
        } else {
            child.life = Life::Running;
            next.kind = EventKind::Executed;
            send(next);
        }
        return;
    }
    const bool quick = !main || core().policy(child.unit).type == UnitType::Oneshot;
    const bool dies = child.doomed || dice_.chance(quick ? 40 : 4);
    if (!dies || child.immortal) return;
    next.kind = EventKind::Exited;
    next.status =
        child.doomed
            ? ExitStatus::killed(child.signal)
            : ExitStatus::exited(dice_.chance(60) ? 0 : 7 + static_cast<int>(dice_.below(2)));
    if (main && !faithful_ && dice_.chance(15)) worlds_[child.unit].left_behind = true;
    bury(index, next);
}

void Walk::fail_birth(std::size_t index) {
    Event failed = event(EventKind::SpawnFailed, children_[index].unit);
    failed.role = children_[index].role;
    failed.ticket = children_[index].ticket;
    failed.stage = dice_.chance(50) ? SpawnStage::Clone : SpawnStage::Exec;
    failed.error = dice_.chance(50) ? EAGAIN : ENOENT;
    if (failed.error == EAGAIN) worlds_[failed.unit].transient = true;
    bury(index, failed);
}

void Walk::bury(std::size_t index, const Event& last) {
    const UnitId unit = children_[index].unit;
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index));
    worlds_[unit].empty_due = true;
    send(last);
    // The same news twice changes nothing.
    if (!faithful_ && dice_.chance(5)) send(last);
}

void Walk::pass_time() {
    const Instant due = engine_->deadline();
    if (dice_.chance(50) && !due.is_never()) {
        now_ = std::max(now_, due);
    } else {
        now_ = now_ + Duration{dice_.below(200) * 1'000'000LL};
        if (!shutting_down() && dice_.below(200) == 0) now_ = now_ + Duration{100'000'000'000};
    }
    // A tick may be late, or come for nothing.
    if (due <= now_ || dice_.chance(10)) send(event(EventKind::Tick, kNoUnit));
}

void Walk::settle_world(std::size_t rounds) {
    faithful_ = true;
    for (Child& child : children_)
        child.immortal = false;
    for (std::size_t i = 0; i < rounds && complaint_.empty() && ends_ == 0; ++i) {
        for (std::size_t c = children_.size(); c-- > 0;)
            if (c < children_.size()) progress_child(c);
        for (UnitId unit = 0; unit < count(); ++unit) {
            if (worlds_[unit].left_behind && dice_.chance(20)) worlds_[unit].left_behind = false;
            if (is_empty(unit)) send(event(EventKind::Emptied, unit));
        }
        now_ = now_ + Duration{500'000'000};
        send(event(EventKind::Tick, kNoUnit));
    }
}

void Walk::end_by_stops() {
    for (UnitId unit = 0; unit < count(); ++unit)
        send(event(EventKind::Stop, unit));
    settle_world(400);
    if (ends_ != 0 || !complaint_.empty()) return;
    // What an outcome started meanwhile, and what that one needs, was not stopped by anybody.
    for (UnitId unit = 0; unit < count(); ++unit)
        if (core().unit(unit).trigger != kNoUnit) return;
    for (UnitId unit = 0; unit < count(); ++unit)
        expect(is_at_rest(core().unit(unit).phase), "a stop ends in rest", unit);
}

void Walk::end_by_shutdown() {
    if (!shutting_down()) {
        shutdown_at_ = now_;
        send(event(EventKind::Shutdown, kNoUnit));
    }
    faithful_ = false;
    for (int i = 0; i < 200'000 && ends_ == 0 && complaint_.empty(); ++i)
        step();
    expect(ends_ == 1, "a shutdown ends");
}

void Walk::send(const Event& event) {
    if (!complaint_.empty()) return;
    const bool was_ended = ends_ != 0;
    ++handled_;
    engine_->handle(event, now_);
    tell("event", static_cast<int>(event.kind), event.unit, event.role, event.ticket);
    Action action;
    for (int actions = 0; engine_->next(action); ++actions) {
        tell("  action", static_cast<int>(action.kind), action.unit, action.role, action.ticket);
        expect(!was_ended, "nothing happens after the end");
        expect(actions < 1000, "an event has finitely many consequences");
        if (!complaint_.empty()) return;
        act(action);
    }
    if (engine_->shutting_down() && !shutting_down()) shutdown_at_ = now_;
    if (ends_ == 0) check_units();
    if (!shutting_down() || ends_ != 0) return;
    const Instant latest = shutdown_at_ + budget_ + kKillGrace + Duration{400'000'000};
    expect(now_ <= latest, "a shutdown keeps its deadline");
}

void Walk::tell(
    const char* what, int kind, UnitId unit, CommandRole role, std::uint32_t ticket) const {
    if (!talks_) return;
    std::cout << handled_ << " " << now_.ns / 1'000'000 << " ms " << what << " " << kind << " unit "
              << unit << " role " << static_cast<int>(role) << " ticket " << ticket;
    if (unit < worlds_.size())
        std::cout << " phase " << static_cast<int>(core().unit(unit).phase) << " flags " << std::hex
                  << core().unit(unit).flags << std::dec << " waits for "
                  << core().unit(unit).waits_for;
    std::cout << "\n";
}

void Walk::act(const Action& action) {
    if (action.kind == ActionKind::End) {
        ++ends_;
        expect(ends_ == 1, "there is one end");
        return;
    }
    expect(ends_ == 0, "the end is the last action");
    World& world = worlds_[action.unit];
    switch (action.kind) {
    case ActionKind::Spawn: {
        check_spawn(action);
        if (action.role == CommandRole::Main || action.role == CommandRole::PreStart)
            world.fresh = true;
        Child child;
        child.unit = action.unit;
        child.role = action.role;
        child.ticket = action.ticket;
        child.immortal = !faithful_ && dice_.below(300) == 0;
        children_.push_back(child);
        return;
    }
    case ActionKind::Signal:
        for (Child& child : children_) {
            if (child.unit != action.unit) continue;
            const bool meant = action.scope == Scope::All ||
                               (child.role == action.role && child.ticket == action.ticket);
            if (!meant || (action.signal != SIGKILL && !dice_.chance(80))) continue;
            child.doomed = true;
            child.signal = static_cast<std::uint8_t>(action.signal);
        }
        if (action.scope == Scope::All && dice_.chance(80)) world.left_behind = false;
        if (action.scope == Scope::All) world.empty_due = true;
        return;
    case ActionKind::KillAll:
        for (Child& child : children_) {
            if (child.unit != action.unit) continue;
            child.doomed = true;
            child.signal = SIGKILL;
        }
        world.left_behind = false;
        world.empty_due = true;
        return;
    case ActionKind::Release:
        if (core().policy(action.unit).kill_mode == KillMode::Process || world.spared ||
            shutting_down())
            return;
        expect(is_empty(action.unit), "only a unit without processes is released", action.unit);
        return;
    case ActionKind::Probe:
        check_probe(action);
        return;
    case ActionKind::Changed:
    case ActionKind::End:
        return;
    }
}

void Walk::move_house() {
    auto elsewhere = std::make_unique<std::byte[]>(bytes_);
    std::copy_n(memory_.get(), bytes_, elsewhere.get());
    std::fill_n(memory_.get(), bytes_, std::byte{0xee});
    memory_ = std::move(elsewhere);
    auto resumed = Engine::resume(graph_, std::span(memory_.get(), bytes_));
    expect(resumed.has_value(), "the state can be resumed elsewhere");
    if (resumed) *engine_ = *resumed;
}

void Walk::expect(bool truth, const char* promise, UnitId unit) {
    if (truth || !complaint_.empty()) return;
    complaint_ = std::string("broken: ") + promise + " (event " + std::to_string(handled_);
    if (unit != kNoUnit)
        complaint_ += ", unit " + std::to_string(unit) + " in phase " +
                      std::to_string(static_cast<int>(core().unit(unit).phase));
    complaint_ += ")";
}

} // namespace stead::engine
