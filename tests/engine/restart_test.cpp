#include <signal.h>

#include <algorithm>
#include <map>

#include <errno.h>
#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

UnitPolicy with(RestartPolicy restart) {
    UnitPolicy policy = Simulation::service();
    policy.restart = restart;
    return policy;
}

enum class Ending { Clean, Term, Code, Segv, Kill, Watchdog, Timeout, Oom };

/// Whether a unit with `restart` tries again after `ending`.
bool tries_again(RestartPolicy restart, Ending ending) {
    Simulation guest;
    UnitPolicy policy = with(restart);
    if (ending == Ending::Timeout) {
        policy.type = UnitType::Notify;
        policy.ready = ReadyKind::Notify;
        policy.start_timeout_ms = 1000;
    }
    const UnitId web = guest.add("web", policy);
    guest.boot();
    switch (ending) {
    case Ending::Clean:
        guest.exits(web, 0);
        break;
    case Ending::Term:
        guest.killed(web, SIGTERM);
        break;
    case Ending::Code:
        guest.exits(web, 1);
        break;
    case Ending::Segv:
        guest.killed(web, SIGSEGV);
        break;
    case Ending::Kill:
        guest.killed(web, SIGKILL);
        break;
    case Ending::Watchdog:
        guest.send(EventKind::WatchdogTrigger, web);
        break;
    case Ending::Timeout:
        guest.advance(1_s);
        break;
    case Ending::Oom:
        guest.send(EventKind::OomKilled, web);
        if (guest.runs(web)) guest.killed(web, SIGKILL);
        break;
    }
    return guest.phase(web) == Phase::Backoff;
}

TEST(Restart, FollowsItsPolicyForEveryEnding) {
    const std::map<RestartPolicy, std::string> expected = {
        //                             clean, term, code, segv, kill, watchdog, timeout, oom
        {RestartPolicy::No, "........"},         {RestartPolicy::OnSuccess, "++......"},
        {RestartPolicy::OnFailure, "..++++++"},  {RestartPolicy::OnAbnormal, "...+++++"},
        {RestartPolicy::OnWatchdog, ".....+.."}, {RestartPolicy::Always, "++++++++"},
    };
    for (const auto& [restart, row] : expected) {
        std::string actual;
        for (int ending = 0; ending < 8; ++ending)
            actual += tries_again(restart, static_cast<Ending>(ending)) ? '+' : '.';
        EXPECT_EQ(actual, row) << "policy " << static_cast<int>(restart);
    }
}

TEST(Restart, IsPreventedByAListedExitEvenWithAlways) {
    UnitPolicy policy = with(RestartPolicy::Always);
    policy.prevent.add_code(23);
    policy.prevent.add_signal(SIGINT);
    for (const bool signal : {false, true}) {
        Simulation guest;
        const UnitId web = guest.add("web", policy);
        guest.boot();
        if (signal)
            guest.killed(web, SIGINT);
        else
            guest.exits(web, 23);
        EXPECT_EQ(guest.state(web), signal ? UnitState::Down : UnitState::Failed);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::Exited);
    }
}

TEST(Restart, TakesListedCodesForSuccess) {
    Simulation guest;
    UnitPolicy policy = with(RestartPolicy::OnFailure);
    policy.success.add_code(75);
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.exits(web, 75);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::exited(75));
}

TEST(Restart, BacksOffByItsFactorUpToItsCapAndStartsAfreshAfterAHealthyRun) {
    Simulation guest;
    UnitPolicy policy = with(RestartPolicy::Always);
    policy.restart_delay_ms = 500;
    policy.restart_max_delay_ms = 30'000;
    policy.restart_burst = kForever;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    const auto crash_and_measure = [&] {
        guest.exits(web, 1);
        const Duration delay = guest.engine().view(web).next_attempt - guest.now();
        guest.advance(delay);
        EXPECT_EQ(guest.state(web), UnitState::Up);
        return delay.ms();
    };
    for (const std::int64_t delay : {500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000})
        EXPECT_EQ(crash_and_measure(), delay);
    guest.advance(29'999_ms);
    EXPECT_EQ(crash_and_measure(), 30'000);
    guest.advance(30_s);
    EXPECT_EQ(crash_and_measure(), 500);
    EXPECT_EQ(crash_and_measure(), 1000);
}

TEST(Restart, SpreadsItsDelaysByTheJitterAndRepeatsThemForASeed) {
    const auto delays = [](std::uint64_t seed) {
        Simulation guest;
        guest.settings.seed = seed;
        UnitPolicy policy = with(RestartPolicy::Always);
        policy.restart_delay_ms = 1000;
        policy.restart_factor_permille = 1000;
        policy.restart_jitter_permille = 100;
        policy.restart_burst = 0;
        const UnitId web = guest.add("web", policy);
        guest.boot();
        std::vector<std::int64_t> found;
        for (int i = 0; i < 200; ++i) {
            guest.exits(web, 1);
            found.push_back((guest.engine().view(web).next_attempt - guest.now()).ns);
            guest.advance(2_s);
        }
        return found;
    };
    const auto found = delays(7);
    const auto [low, high] = std::minmax_element(found.begin(), found.end());
    EXPECT_GE(*low, 900'000'000);
    EXPECT_LT(*low, 910'000'000);
    EXPECT_LE(*high, 1'100'000'000);
    EXPECT_GT(*high, 1'090'000'000);
    EXPECT_EQ(found, delays(7));
    EXPECT_NE(found, delays(8));
}

TEST(Restart, CountsTheDelayFromTheDeathNotFromTheClearingUp) {
    Simulation guest;
    UnitPolicy policy = with(RestartPolicy::Always);
    policy.restart_delay_ms = 5000;
    const UnitId web = guest.add("web", policy);
    guest.command(web, CommandRole::PostStop);
    guest.behaviour(web).hooks_end = false;
    guest.boot();
    guest.exits(web, 1);
    guest.advance(4_s);
    guest.exits(web, 0, CommandRole::PostStop);
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    guest.advance(1_s);
    EXPECT_EQ(guest.spawns(web), 2);
}

TEST(Restart, HappensAtOnceWithoutADelay) {
    Simulation guest;
    UnitPolicy policy = with(RestartPolicy::Always);
    policy.restart_delay_ms = 0;
    policy.restart_burst = 0;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    for (int i = 0; i < 1000; ++i)
        guest.killed(web, SIGKILL);
    EXPECT_EQ(guest.spawns(web), 1001);
    EXPECT_EQ(guest.engine().view(web).restarts, 1000U);
    EXPECT_TRUE(guest.sane());
}

TEST(Restart, CountsItsBurstInASlidingWindow) {
    Simulation guest;
    UnitPolicy policy = with(RestartPolicy::Always);
    policy.restart_delay_ms = 0;
    policy.restart_burst = 2;
    policy.restart_interval_ms = 10'000;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.exits(web, 1);
    guest.advance(6_s);
    guest.exits(web, 1);
    guest.advance(4_s);
    // The first one has left the window just now; the second has not.
    guest.exits(web, 1);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    guest.advance(5'999_ms);
    guest.exits(web, 1);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::StartLimit);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::exited(1));
    guest.advance(1_min);
    EXPECT_EQ(guest.spawns(web), 4);

    guest.start(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.engine().view(web).restarts, 0U);
    guest.exits(web, 1);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Restart, CountsALargeBurstInGroups) {
    Simulation guest;
    UnitPolicy policy = with(RestartPolicy::Always);
    policy.restart_delay_ms = 0;
    policy.restart_burst = 640;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    int crashes = 0;
    for (; guest.state(web) == UnitState::Up && crashes < 1000; ++crashes)
        guest.exits(web, 1);
    EXPECT_EQ(crashes, 641);
    EXPECT_LT(guest.memory(), 800U);
}

TEST(Restart, RetriesAOneshotWithinItsLimit) {
    Simulation guest;
    UnitPolicy policy = Simulation::oneshot();
    policy.restart = RestartPolicy::OnFailure;
    const UnitId job = guest.add("job", policy);
    guest.boot();
    for (int i = 0; i < 4; ++i) {
        guest.exits(job, 1);
        guest.advance(1_s);
    }
    EXPECT_EQ(guest.spawns(job), 4);
    EXPECT_EQ(guest.state(job), UnitState::Failed);
    EXPECT_TRUE(guest.engine().boot_settled());
}

TEST(Restart, DoesNotTryAgainWhatCannotBeExecuted) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.command(web, CommandRole::PostStop);
    guest.behaviour(web).spawn_error = ENOENT;
    guest.behaviour(web).spawn_stage = SpawnStage::WorkingDirectory;
    guest.boot();
    EXPECT_EQ(guest.trace(),
              (Words{"spawn web", "kill web", "spawn post-stop web", "kill web", "release web"}));
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::SpawnFailed);
    EXPECT_EQ(guest.reason(web).stage, SpawnStage::WorkingDirectory);
    EXPECT_EQ(guest.reason(web).error, ENOENT);
}

TEST(Restart, TriesAgainWithoutEndWhenProcessesAreShort) {
    Simulation guest;
    const UnitId web = guest.add("web", with(RestartPolicy::No));
    guest.behaviour(web).spawn_error = EAGAIN;
    guest.behaviour(web).spawn_stage = SpawnStage::Clone;
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_EQ(guest.reason(web).error, EAGAIN);
    guest.advance(10_min);
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_GT(guest.spawns(web), 10);
    guest.behaviour(web).spawn_error = 0;
    guest.advance(30_s);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Restart, IsCancelledByAStopDuringItsDelay) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    guest.exits(web, 1);
    guest.stop(web);
    guest.advance(1_min);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::ByHand);
    EXPECT_EQ(guest.spawns(web), 1);
}

TEST(Restart, IsCutShortByAStartDuringItsDelay) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    guest.exits(web, 1);
    guest.start(web);
    EXPECT_EQ(guest.spawns(web), 2);
    guest.advance(1_min);
    EXPECT_EQ(guest.spawns(web), 2);
}

TEST(RestartByHand, WaitsUntilNothingIsLeftOfTheOldRun) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).leaves_child = true;
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.restart(web);
    guest.exits(web, 0);
    EXPECT_EQ(guest.spawns(web), 1);
    EXPECT_EQ(guest.state(web), UnitState::Stopping);
    guest.child_ends(web);
    EXPECT_EQ(guest.spawns(web), 2);
    EXPECT_TRUE(guest.sane());
}

TEST(RestartByHand, HappensOnceWhenAskedForTwiceQuickly) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.restart(web);
    guest.restart(web);
    guest.exits(web, 0);
    EXPECT_EQ(guest.spawns(web), 2);

    guest.behaviour(web).executes = false;
    guest.restart(web);
    guest.exits(web, 0);
    guest.restart(web);
    EXPECT_EQ(guest.spawns(web), 3);
    EXPECT_EQ(guest.phase(web), Phase::Launching);
}

TEST(RestartByHand, StartsAUnitThatIsDown) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.restart(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(RestartByHand, IsTakenBackByAStop) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.restart(web);
    guest.stop(web);
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.spawns(web), 1);
}

} // namespace
} // namespace stead::engine
