#include <signal.h>

#include <cstdlib>

#include "walk.h"

/// How a random guest is made.
namespace stead::engine {

Walk::Walk(std::uint64_t seed)
    : dice_(seed)
    , talks_(std::getenv("STEAD_WALK_TALK") !=
             nullptr) { // NOLINT(concurrency-mt-unsafe): one thread
    random_graph();
    Settings settings;
    settings.seed = dice_.roll();
    settings.stop_budget = Duration{(1 + dice_.below(40)) * 500'000'000LL};
    settings.propagate_stop_exit = dice_.chance(20);
    budget_ = settings.stop_budget;
    bytes_ = Engine::required_memory(graph_);
    memory_ = std::make_unique<std::byte[]>(bytes_);
    engine_ = std::make_unique<Engine>(graph_, std::span(memory_.get(), bytes_), settings);
    worlds_.resize(policies_.size());
}

UnitPolicy Walk::random_policy() {
    UnitPolicy p;
    p.type = static_cast<UnitType>(dice_.below(6));
    if (dice_.chance(40)) p.type = UnitType::Exec;
    p.ready = static_cast<ReadyKind>(dice_.below(9));
    if (dice_.chance(30)) p.ready = ReadyKind::None;
    p.restart = static_cast<RestartPolicy>(dice_.below(6));
    p.restart_mode = static_cast<RestartMode>(dice_.below(2));
    p.kill_mode = static_cast<KillMode>(dice_.below(3));
    if (dice_.chance(15)) p.exit_type = ExitType::Cgroup;
    p.enabled = dice_.chance(70);
    p.essential = dice_.chance(3);
    p.essential_stop = static_cast<EssentialStop>(dice_.below(2));
    p.remain_after_exit = dice_.chance(50);
    p.send_hup = dice_.chance(10);
    for (auto& count : p.command_counts)
        if (dice_.chance(25)) count = static_cast<std::uint8_t>(1 + dice_.below(2));
    p.reload_signal = dice_.chance(50) ? SIGHUP : 0;
    p.stop_steps = static_cast<std::uint8_t>(dice_.below(4));
    for (StopStep& stop : p.stop) {
        stop.signal = dice_.chance(50) ? SIGTERM : SIGINT;
        stop.wait_ms = dice_.below(3000);
    }
    const auto some_ms = [&] { return dice_.chance(5) ? 0 : dice_.below(3000); };
    p.start_timeout_ms = some_ms();
    p.ready_interval_ms = some_ms();
    p.hook_timeout_ms = some_ms();
    p.stop_command_timeout_ms = some_ms();
    p.watchdog_ms = dice_.chance(30) ? 500 + dice_.below(2000) : 0;
    if (dice_.chance(40)) {
        constexpr ReadyKind kChecks[] = {ReadyKind::Tcp, ReadyKind::Exec, ReadyKind::Path};
        p.health = kChecks[dice_.below(3)];
        p.health_interval_ms = 1 + dice_.below(3000);
        p.health_timeout_ms = 1 + dice_.below(1000);
        p.health_threshold = static_cast<std::uint8_t>(1 + dice_.below(3));
        p.health_action = static_cast<HealthAction>(dice_.chance(5) ? 2 : dice_.below(2) * 3);
        if (dice_.chance(30)) p.health_action = HealthAction::Stop;
    }
    p.oom_policy = static_cast<OomPolicy>(dice_.below(3));
    if (dice_.chance(20)) {
        p.code_changes = 1;
        p.exit_map[0] = {7, 0};
    }
    p.restart_delay_ms = dice_.chance(30) ? 0 : dice_.below(1000);
    p.restart_max_delay_ms = dice_.below(5000);
    p.restart_factor_permille = dice_.below(4000);
    p.restart_jitter_permille = dice_.below(1000);
    p.restart_reset_after_ms = some_ms();
    p.restart_burst = dice_.chance(20) ? 0 : dice_.chance(5) ? 200 : 1 + dice_.below(6);
    p.restart_interval_ms = 1000 + dice_.below(60'000);
    if (dice_.chance(30)) p.success.add_signal(SIGTERM);
    if (dice_.chance(20)) p.prevent.add_code(7);
    if (dice_.chance(3)) p.on_failure = static_cast<OutcomeAction>(dice_.below(4));
    if (dice_.chance(10)) p.on_success = OutcomeAction::StartUnit;
    if (dice_.chance(10)) p.on_failure = OutcomeAction::StartUnit;
    if (dice_.chance(10)) p.on_limit = OutcomeAction::StartUnit;
    return p;
}

void Walk::random_graph() {
    const std::uint32_t count = 1 + dice_.below(10);
    const std::uint32_t density = dice_.below(50);
    policies_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        UnitPolicy p = random_policy();
        for (UnitId& unit : p.outcome_units)
            unit = static_cast<UnitId>(dice_.below(count));
        policies_[i] = p;
    }
    add_edges(policies_, density);
    graph_ = {policies_, edges_};
}

void Walk::add_edges(std::vector<UnitPolicy>& policies, std::uint32_t density) {
    const auto count = static_cast<std::uint32_t>(policies.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        UnitPolicy& p = policies[i];
        p.first_dependency = static_cast<std::uint32_t>(edges_.size());
        // Only towards earlier units, so that there is no cycle; conflicts may point anywhere.
        for (std::uint32_t other = 0; other < count; ++other) {
            if (other == i || !dice_.chance(density)) continue;
            auto kind = static_cast<DependencyKind>(dice_.below(6));
            if (other > i) {
                if (!dice_.chance(10)) continue;
                kind = DependencyKind::Conflicts;
            }
            edges_.push_back({static_cast<UnitId>(other), kind, 0});
        }
        p.dependency_count = static_cast<std::uint32_t>(edges_.size()) - p.first_dependency;
    }
}

} // namespace stead::engine
