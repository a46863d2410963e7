#include "engine/engine.h"

#include <algorithm>

#include "engine/core.h"

namespace stead::engine {

std::size_t Engine::required_memory(const UnitGraph& graph) {
    return required_bytes(graph);
}

Engine::Engine(const UnitGraph& graph, std::span<std::byte> memory, const Settings& settings)
    : Engine(graph, memory.data()) {
    prepare(graph, memory_, settings);
}

std::optional<Engine> Engine::resume(const UnitGraph& graph, std::span<std::byte> memory) {
    if (!recognizes(graph, memory)) return std::nullopt;
    return Engine(graph, memory.data());
}

void Engine::handle(const Event& event, Instant now) {
    Core(graph_, memory_).handle(event, now);
}

bool Engine::next(Action& action) {
    return Core(graph_, memory_).next_action(action);
}

Instant Engine::deadline() const {
    const Core core(graph_, memory_);
    if (core.guest().stage == Stage::Ended) return Instant::never();
    const Instant shutdown =
        core.guest().stage == Stage::Killing ? core.guest().end_at : core.guest().kill_at;
    return std::min(core.heap_top(), shutdown);
}

UnitView Engine::view(UnitId id) const {
    const Core core(graph_, memory_);
    UnitView view;
    if (id >= core.size()) return view;
    const UnitRuntime& unit = core.unit(id);
    view.state = visible_state(unit.phase);
    const bool oneshot = core.policy(id).type == UnitType::Oneshot;
    if (oneshot && is_up(unit.phase)) view.state = UnitState::Done;
    view.reason = unit.reason;
    view.since = unit.since;
    view.restarts = unit.restarts;
    view.trigger = unit.trigger;
    for (std::size_t i = 0; i < unit.moments.size(); ++i) {
        if (unit.moments[i] == 0) continue;
        view.moments[i] = core.guest().booted_at + Duration{std::int64_t{unit.moments[i]} * 1000};
    }
    if (unit.phase == Phase::Backoff) view.next_attempt = unit.deadline;
    if (unit.phase == Phase::Waiting && unit.waits_for != kNoUnit)
        view.reason = because(ReasonKind::Dependency, unit.waits_for);
    return view;
}

bool Engine::settled(UnitId id) const {
    const Core core(graph_, memory_);
    if (id >= core.size()) return true;
    return is_at_rest(core.unit(id).phase) || core.unit(id).phase == Phase::Up;
}

bool Engine::boot_settled() const {
    const Core core(graph_, memory_);
    return core.guest().booted && core.guest().unsettled == 0;
}

bool Engine::shutting_down() const {
    return Core(graph_, memory_).guest().stage != Stage::Running;
}

} // namespace stead::engine
