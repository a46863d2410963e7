#include <sys/time.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/simulation.h"
#include "walk.h"

// What is left of the engine's memory when its owner is stopped at any instruction.
namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;

/// A chain of services with a notify unit at its end, in memory that can be photographed.
class Machine {
public:
    static constexpr UnitId kUnits = 24;

    Machine() {
        for (UnitId id = 0; id < kUnits; ++id) {
            policies_.push_back(id % 3 == 2 ? Simulation::notify() : Simulation::service());
            policies_.back().restart = RestartPolicy::Always;
            if (id == 0) continue;
            policies_.back().first_dependency = static_cast<std::uint32_t>(edges_.size());
            policies_.back().dependency_count = 1;
            edges_.push_back({static_cast<UnitId>(id - 1), DependencyKind::Requires});
        }
        bytes_ = Engine::required_memory(graph());
        memory_ = std::make_unique<std::byte[]>(bytes_);
        engine_ = std::make_unique<Engine>(graph(), memory(), Settings{.seed = 7});
    }

    UnitGraph graph() { return {policies_, edges_}; }

    std::span<std::byte> memory() { return {memory_.get(), bytes_}; }

    Engine& engine() { return *engine_; }

    Core core() { return {graph(), memory_.get()}; }

    /// One random event out of those that a guest sees, and all that follows from it.
    void step(Dice& dice) {
        now_ = now_ + Duration{static_cast<std::int64_t>(dice.below(80)) * 1'000'000};
        const auto unit = static_cast<UnitId>(dice.below(kUnits));
        constexpr std::array kKinds = {EventKind::Start,   EventKind::Stop,   EventKind::Restart,
                                       EventKind::Exited,  EventKind::Exited, EventKind::Ready,
                                       EventKind::Emptied, EventKind::Tick,   EventKind::Boot};
        Event event{.kind = kKinds[dice.below(kKinds.size())], .unit = unit};
        event.ticket = core().unit(unit).main_ticket;
        event.status = ExitStatus::exited(static_cast<int>(dice.below(2)));
        if (event.kind == EventKind::Boot) event.unit = kNoUnit;
        tell(event);
        Action action;
        while (engine_->next(action)) {
            if (action.kind == ActionKind::Spawn) {
                for (const EventKind kind : {EventKind::Spawned, EventKind::Executed})
                    tell({.kind = kind,
                          .role = action.role,
                          .unit = action.unit,
                          .ticket = action.ticket});
            }
        }
    }

private:
    void tell(const Event& event) { engine_->handle(event, now_); }

    std::vector<UnitPolicy> policies_;
    std::vector<Dependency> edges_;
    std::size_t bytes_ = 0;
    std::unique_ptr<std::byte[]> memory_;
    std::unique_ptr<Engine> engine_;
    Instant now_{1'000'000'000};
};

/// Photographs the machine at a random instruction: a signal's handler sees what a crash would
/// leave.
struct Camera {
    const std::byte* from = nullptr;
    std::byte* to = nullptr;
    std::size_t size = 0;
    volatile std::sig_atomic_t taken = 0;
};

Camera camera;

void photograph(int /*signal*/) {
    if (camera.taken != 0) return;
    std::memcpy(camera.to, camera.from, camera.size);
    camera.taken = 1;
}

TEST(Journal, LeavesEveryEventWholeOrUndoneWhereverItIsStopped) {
    Machine machine;
    std::vector<std::byte> picture(machine.memory().size());
    camera.from = machine.memory().data();
    camera.to = picture.data();
    camera.size = picture.size();
    camera.taken = 0;

    struct sigaction action {};

    action.sa_handler = photograph;

    struct sigaction before {};

    ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);

    Dice dice(1);
    int pictures = 0;
    int within = 0;
    constexpr int kWanted = 400;
    timer_t timer{};
    ASSERT_EQ(::timer_create(CLOCK_MONOTONIC, nullptr, &timer), 0);
    for (int round = 0; pictures < kWanted && round < 200'000; ++round) {
        camera.taken = 0;
        itimerspec when{};
        when.it_value.tv_nsec = 500 + static_cast<long>(dice.below(20'000));
        ASSERT_EQ(::timer_settime(timer, 0, &when, nullptr), 0);
        for (int i = 0; i < 8 && camera.taken == 0; ++i)
            machine.step(dice);
        itimerspec never{};
        ASSERT_EQ(::timer_settime(timer, 0, &never, nullptr), 0);
        if (camera.taken == 0) continue;
        ++pictures;

        auto& journal = Core(machine.graph(), picture.data()).journal();
        if ((journal.phase & kJournalOpen) != 0) ++within;
        const std::uint32_t told = journal.told;
        // The checksum that `resume` asks for is that of the last event taken in whole.
        auto engine = Engine::resume(machine.graph(), picture);
        ASSERT_TRUE(engine.has_value()) << "picture " << pictures;
        EXPECT_EQ(Core(machine.graph(), picture.data()).guest().handled, told);
        // Resuming is not undone by being stopped again.
        ASSERT_TRUE(Engine::resume(machine.graph(), picture).has_value());
    }
    ::timer_delete(timer);
    ::sigaction(SIGALRM, &before, nullptr);
    EXPECT_EQ(pictures, kWanted);
    EXPECT_GT(within, kWanted / 20) << "too few were taken in the middle of an event";
}

TEST(Journal, PutsBackWhatAnOpenEventHasChanged) {
    Machine machine;
    machine.engine().handle({.kind = EventKind::Boot}, Instant{2'000'000'000});
    const UnitView before = machine.engine().view(3);
    Core core = machine.core();
    core.begin();
    core.set_phase(3, Phase::Failed);
    core.set_deadline(3, Instant{5});
    core.guest().exit_code = 9;
    ASSERT_EQ(machine.engine().view(3).state, UnitState::Failed);

    auto resumed = Engine::resume(machine.graph(), machine.memory());
    ASSERT_TRUE(resumed.has_value());
    EXPECT_EQ(resumed->view(3).state, before.state);
    EXPECT_EQ(core.guest().exit_code, 0);
    EXPECT_NE(resumed->deadline(), Instant{5});
}

TEST(Journal, TakesInAnEventThatWasOnlyTold) {
    Machine machine;
    machine.core().tell({.kind = EventKind::Boot}, Instant{2'000'000'000});
    EXPECT_EQ(machine.engine().view(0).state, UnitState::Down);
    auto resumed = Engine::resume(machine.graph(), machine.memory());
    ASSERT_TRUE(resumed.has_value());
    Action action;
    ASSERT_TRUE(resumed->next(action));
    EXPECT_EQ(action.kind, ActionKind::Spawn);
    EXPECT_EQ(action.unit, 0);
}

TEST(Journal, KeepsAnActionUntilTheNextOneIsAskedFor) {
    Machine machine;
    machine.engine().handle({.kind = EventKind::Boot}, Instant{2'000'000'000});
    Action given;
    ASSERT_TRUE(machine.engine().next(given));
    auto resumed = Engine::resume(machine.graph(), machine.memory());
    ASSERT_TRUE(resumed.has_value());
    Action kept;
    ASSERT_TRUE(resumed->find_intent(kept));
    EXPECT_EQ(kept.ticket, given.ticket);
    EXPECT_TRUE(resumed->expects(kept));
    resumed->handle({.kind = EventKind::Spawned, .unit = kept.unit, .ticket = kept.ticket},
                    Instant{2'000'000'000});
    EXPECT_FALSE(resumed->expects(kept));
    while (resumed->next(given)) {
    }
    EXPECT_FALSE(resumed->find_intent(kept));
}

TEST(Journal, RefusesRecordsThatSomebodyHasChanged) {
    Machine machine;
    machine.engine().handle({.kind = EventKind::Boot}, Instant{2'000'000'000});
    ASSERT_TRUE(Engine::resume(machine.graph(), machine.memory()).has_value());
    const std::size_t at = sizeof(GuestRuntime) + 4 * sizeof(UnitRuntime) + 11;
    machine.memory()[at] ^= std::byte{0x10};
    EXPECT_FALSE(Engine::resume(machine.graph(), machine.memory()).has_value());
}

TEST(Journal, RefusesSavedRangesOutsideOfTheTables) {
    Machine machine;
    Core core = machine.core();
    core.begin();
    const SavedRange wild{0xffff'fff0U, 4096};
    std::memcpy(core.saved() + core.journal().used - sizeof wild, &wild, sizeof wild);
    EXPECT_FALSE(Engine::resume(machine.graph(), machine.memory()).has_value());
}

TEST(Journal, GivesBackOnlyWhatNoEventNeeds) {
    Machine machine;
    machine.engine().handle({.kind = EventKind::Boot}, Instant{2'000'000'000});
    EXPECT_TRUE(machine.engine().uses_idle_memory());
    const auto idle = machine.engine().idle_memory();
    std::fill(idle.begin(), idle.end(), std::byte{0});
    EXPECT_TRUE(Engine::resume(machine.graph(), machine.memory()).has_value());
    machine.engine().handle({.kind = EventKind::Stop, .unit = 23}, Instant{3'000'000'000});
    EXPECT_FALSE(machine.engine().uses_idle_memory());
}

/// The state as a version whose records are `less` bytes shorter or longer would have left it.
std::vector<std::byte>
as_other_version(Machine& machine, std::ptrdiff_t guest_more, std::ptrdiff_t unit_more) {
    const auto now = machine.memory();
    std::vector<std::byte> other;
    const auto put = [&](std::size_t from, std::size_t size, std::ptrdiff_t more) {
        const auto kept = size - static_cast<std::size_t>(std::max<std::ptrdiff_t>(-more, 0));
        other.insert(other.end(), now.begin() + static_cast<std::ptrdiff_t>(from),
                     now.begin() + static_cast<std::ptrdiff_t>(from + kept));
        other.insert(other.end(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(more, 0)),
                     std::byte{0xab});
    };
    put(0, sizeof(GuestRuntime), guest_more);
    for (std::size_t id = 0; id < Machine::kUnits; ++id)
        put(sizeof(GuestRuntime) + id * sizeof(UnitRuntime), sizeof(UnitRuntime), unit_more);
    const std::size_t rest = sizeof(GuestRuntime) + Machine::kUnits * sizeof(UnitRuntime);
    put(rest, now.size() - rest, 0);
    auto& guest = *reinterpret_cast<GuestRuntime*>(other.data());
    guest.guest_bytes =
        static_cast<std::uint16_t>(sizeof(GuestRuntime) + static_cast<std::size_t>(guest_more));
    guest.unit_bytes =
        static_cast<std::uint16_t>(sizeof(UnitRuntime) + static_cast<std::size_t>(unit_more));
    other.resize(other.size() + 4096); // Its own journal is larger.
    return other;
}

TEST(Journal, TakesTheStateOfAVersionWithLongerRecords) {
    Machine machine;
    Dice dice(3);
    for (int i = 0; i < 200; ++i)
        machine.step(dice);
    for (const auto& [guest, unit] : {std::pair{0, 0}, std::pair{16, 0}, std::pair{8, 24}}) {
        const auto old = as_other_version(machine, guest, unit);
        std::vector<std::byte> fresh(machine.memory().size());
        const auto resumed = Engine::resume(machine.graph(), fresh, old);
        ASSERT_TRUE(resumed.has_value()) << guest << " " << unit;
        for (UnitId id = 0; id < Machine::kUnits; ++id) {
            EXPECT_EQ(resumed->view(id).state, machine.engine().view(id).state);
            EXPECT_EQ(resumed->view(id).since, machine.engine().view(id).since);
            EXPECT_EQ(resumed->view(id).restarts, machine.engine().view(id).restarts);
        }
        EXPECT_EQ(resumed->deadline(), machine.engine().deadline());
        EXPECT_EQ(resumed->events(), machine.engine().events());
    }
}

TEST(Journal, RefusesTheStateOfAVersionThatItDoesNotKnow) {
    Machine machine;
    std::vector<std::byte> fresh(machine.memory().size());
    auto old = as_other_version(machine, 0, 0);
    reinterpret_cast<GuestRuntime*>(old.data())->version += 1;
    EXPECT_FALSE(Engine::resume(machine.graph(), fresh, old).has_value());
    EXPECT_FALSE(
        Engine::resume(machine.graph(), fresh, as_other_version(machine, 0, -64)).has_value());
    const auto whole = as_other_version(machine, 0, 0);
    EXPECT_FALSE(Engine::resume(machine.graph(), fresh, std::span(whole).first(5000)).has_value());
}

} // namespace
} // namespace stead::engine
