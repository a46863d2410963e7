#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/core.h"
#include "engine/engine.h"

namespace stead::fakes {

using namespace stead::literals;

/// How the processes of a unit behave, as far as the engine can tell.
struct Behaviour {
    /// The program comes to run as soon as it is spawned.
    bool executes = true;
    /// What a spawn of the main process fails with; 0: it does not fail.
    int spawn_error = 0;
    SpawnStage spawn_stage = SpawnStage::Exec;
    /// Any signal but KILL ends it too.
    bool obeys = true;
    /// Cannot even be killed: it sleeps in the kernel.
    bool immortal = false;
    /// It is never said that no process is left.
    bool tells_empty = true;
    /// Leaves a process behind in its group when it ends.
    bool leaves_child = false;
    /// Its hooks end at once, with this code.
    bool hooks_end = true;
    int hook_code = 0;
    /// Its readiness probe holds at once.
    bool probe_holds = false;
    /// Its health probe holds at once.
    bool healthy = true;
    /// A condition does not hold.
    bool skipped = false;
};

/// A guest without processes: a clock, a process table and an engine, all of which exist only in
/// the test. Whatever the engine asks for happens at once, as `Behaviour` says. Every action is
/// written down as a word or two ("spawn web", "TERM all of web", "kill web", "end 3").
class Simulation {
public:
    /// Units in the style of a unit file: restart on failure after 100 ms without jitter, three
    /// times a minute; stop by TERM within 10 s.
    static UnitPolicy service();
    static UnitPolicy notify();
    static UnitPolicy oneshot();
    static UnitPolicy target();

    UnitId add(const std::string& name, const UnitPolicy& policy = service());
    void link(UnitId owner, DependencyKind kind, UnitId target);

    void needs(UnitId owner, UnitId target) { link(owner, DependencyKind::Requires, target); }

    void wants(UnitId owner, UnitId target) { link(owner, DependencyKind::Wants, target); }

    void binds_to(UnitId owner, UnitId target) { link(owner, DependencyKind::BindsTo, target); }

    void after(UnitId owner, UnitId target) { link(owner, DependencyKind::After, target); }

    void conflicts(UnitId owner, UnitId other) { link(owner, DependencyKind::Conflicts, other); }

    UnitPolicy& policy(UnitId unit) { return policies_[unit]; }

    Behaviour& behaviour(UnitId unit) { return behaviours_[unit]; }

    /// Gives `unit` `count` commands of `role`.
    void command(UnitId unit, CommandRole role, int count = 1);

    engine::Settings settings;

    void boot(UnitId target = kNoUnit) { send(engine::EventKind::Boot, target); }

    void start(UnitId unit) { send(engine::EventKind::Start, unit); }

    void stop(UnitId unit) { send(engine::EventKind::Stop, unit); }

    void restart(UnitId unit) { send(engine::EventKind::Restart, unit); }

    void reload(UnitId unit) { send(engine::EventKind::Reload, unit); }

    void shutdown(int code = 0, EndKind end = EndKind::Exit);

    void ready(UnitId unit) { send(engine::EventKind::Ready, unit); }

    void send(engine::EventKind kind, UnitId unit, std::uint32_t value = 0);
    void send(const engine::Event& event);

    /// Lets time pass; the engine is woken whenever it asked to be.
    void advance(Duration time);

    [[nodiscard]] Instant now() const { return now_; }

    /// What happens to the living process of `role`.
    void exits(UnitId unit, int code, CommandRole role = CommandRole::Main);
    void killed(UnitId unit, int signal, CommandRole role = CommandRole::Main);
    void executed(UnitId unit, CommandRole role = CommandRole::Main);
    /// The spawn that has been asked for fails.
    void spawn_fails(UnitId unit, int error, CommandRole role = CommandRole::Main);
    /// The process left behind by `leaves_child` ends.
    void child_ends(UnitId unit);

    [[nodiscard]] engine::Phase phase(UnitId unit) { return runtime(unit).phase; }

    [[nodiscard]] const engine::UnitRuntime& runtime(UnitId unit);

    [[nodiscard]] UnitState state(UnitId unit) { return engine().view(unit).state; }

    [[nodiscard]] Reason reason(UnitId unit) { return engine().view(unit).reason; }

    [[nodiscard]] bool runs(UnitId unit, CommandRole role = CommandRole::Main) const;

    /// How many main processes the unit has had.
    [[nodiscard]] int spawns(UnitId unit) const { return spawns_[unit]; }

    /// The ticket of the unit's last process of `role`.
    [[nodiscard]] std::uint32_t ticket(UnitId unit, CommandRole role = CommandRole::Main) const;

    [[nodiscard]] bool ended() const { return ends_ != 0; }

    [[nodiscard]] int exit_code() const { return end_.value; }

    [[nodiscard]] const engine::Action& end() const { return end_; }

    /// Never two processes of one role in one unit, one end and nothing after it.
    [[nodiscard]] bool sane() const { return sane_; }

    /// What was done since the last call, in order.
    std::vector<std::string> trace();
    /// Only the words that start so.
    std::vector<std::string> trace(const std::string& prefix);

    engine::Engine& engine();

    /// Bytes of the engine's tables; what an event needs for the time that it takes comes to it.
    [[nodiscard]] std::size_t memory() {
        (void)engine();
        const engine::Core core(graph(), memory_.get());
        return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&core.journal()) -
                                        memory_.get());
    }

    [[nodiscard]] std::uint64_t work() { return engine::Core(graph(), memory_.get()).guest().work; }

    UnitGraph graph();

private:
    struct Child {
        CommandRole role = CommandRole::Main;
        std::uint32_t ticket = 0;
        bool alive = false;
    };

    void pump();
    void act(const engine::Action& action);
    void spawn(const engine::Action& action);
    void deliver(const engine::Action& action);
    void kill(UnitId unit);
    void end_child(UnitId unit, CommandRole role, ExitStatus status);
    void report_empty(UnitId unit);
    [[nodiscard]] static engine::Event
    event(engine::EventKind kind, UnitId unit, const Child& child);

    std::vector<std::string> names_;
    std::vector<UnitPolicy> policies_;
    std::vector<std::vector<Dependency>> links_;
    std::vector<Dependency> edges_;
    std::vector<Behaviour> behaviours_;
    std::vector<std::map<CommandRole, Child>> children_;
    std::vector<bool> left_behind_;
    std::vector<int> spawns_;
    std::unique_ptr<std::byte[]> memory_;
    std::unique_ptr<engine::Engine> engine_;
    std::deque<engine::Event> events_;
    std::vector<std::string> trace_;
    Instant now_{1'000'000'000};
    engine::Action end_;
    int ends_ = 0;
    bool sane_ = true;
};

} // namespace stead::fakes
