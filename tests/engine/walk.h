#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/core.h"

namespace stead::engine {

/// splitmix64: small, and the same everywhere.
class Dice {
public:
    explicit Dice(std::uint64_t seed)
        : state_(seed) {}

    std::uint64_t roll() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
        return z ^ z >> 31U;
    }

    std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(roll() % end); }

    bool chance(std::uint32_t percent) { return below(100) < percent; }

private:
    std::uint64_t state_;
};

/// A random guest in a random world: units with random policies and dependencies, whose processes
/// fail to be born, die late, early or never, whose messages get lost, come twice or are forged,
/// under a clock that jumps. After every event the engine's promises are checked; `complaint` says
/// which one was broken first.
class Walk {
public:
    explicit Walk(std::uint64_t seed);

    /// Runs up to `steps` random events, then ends the guest in one of several ways and checks that
    /// it does end. Returns how many events were handled.
    std::size_t run(std::size_t steps);

    [[nodiscard]] const std::string& complaint() const { return complaint_; }

private:
    enum class Life : std::uint8_t { Asked, Born, Running };

    struct Child {
        UnitId unit = kNoUnit;
        CommandRole role = CommandRole::Main;
        Life life = Life::Asked;
        bool doomed = false;
        bool immortal = false;
        std::uint8_t signal = 0;
        std::uint32_t ticket = 0;
    };

    struct World {
        bool left_behind = false;
        bool empty_due = false;
        /// The last attempt failed for want of something that may come back; a new one was made.
        bool transient = false;
        bool fresh = false;
        /// An earlier description let processes live on.
        bool spared = false;
        bool previous = false;
        Phase phase = Phase::Down;
        std::uint32_t restarts = 0;
        std::vector<Instant> restarted;
    };

    UnitPolicy random_policy();
    void random_graph();

    void step();
    void request();
    void forge();
    bool adopt(UnitId unit);
    void chatter();
    void progress();
    void progress_child(std::size_t index);
    void fail_birth(std::size_t index);
    void bury(std::size_t index, const Event& event);
    void pass_time();
    void settle_world(std::size_t rounds);
    void end_by_stops();
    void end_by_shutdown();

    void send(const Event& event);
    void
    tell(const char* what, int kind, UnitId unit, CommandRole role, std::uint32_t ticket) const;
    void act(const Action& action);
    void check_spawn(const Action& action);
    void check_probe(const Action& action);
    void check_order(const Action& action);
    void check_units();
    void check_unit(UnitId id);
    void check_waiting(UnitId id);
    void check_stop_order(UnitId id, Phase before);
    void check_restarts(UnitId id);
    void check_counts();
    void move_house();
    void reload_units();
    bool move_onto(const std::vector<UnitPolicy>& next,
                   const std::vector<const UnitPolicy*>& previous,
                   const std::vector<UnitId>& to,
                   const UnitGraph& old_graph);
    void renumber(const std::vector<UnitId>& to);
    void add_edges(std::vector<UnitPolicy>& policies, std::uint32_t density);
    void expect(bool truth, const char* promise, UnitId unit = kNoUnit);

    [[nodiscard]] Core core() const { return {graph_, memory_.get()}; }

    [[nodiscard]] Event event(EventKind kind, UnitId unit) const;

    [[nodiscard]] UnitId count() const { return static_cast<UnitId>(worlds_.size()); }

    [[nodiscard]] bool shutting_down() const { return shutdown_at_ != Instant{}; }

    [[nodiscard]] bool is_empty(UnitId unit) const;

    UnitId any_unit() {
        return static_cast<UnitId>(dice_.below(static_cast<std::uint32_t>(policies_.size())));
    }

    Dice dice_;
    bool talks_;
    std::vector<UnitPolicy> policies_;
    std::vector<Dependency> edges_;
    /// What units that ran through a reload were started with.
    std::deque<UnitPolicy> past_;
    std::vector<const UnitPolicy*> previous_;
    UnitGraph graph_;
    std::unique_ptr<std::byte[]> memory_;
    std::size_t bytes_ = 0;
    std::unique_ptr<Engine> engine_;
    std::vector<World> worlds_;
    std::vector<Child> children_;
    Instant now_{1'000'000'000};
    Instant shutdown_at_;
    Duration budget_;
    bool faithful_ = false;
    int ends_ = 0;
    std::size_t handled_ = 0;
    std::string complaint_;
};

} // namespace stead::engine
