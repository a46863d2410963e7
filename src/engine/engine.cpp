#include "engine/engine.h"

#include <algorithm>

#include "engine/core.h"

namespace stead::engine {

namespace {

/// What nearly every event needs of the journal.
constexpr std::uint32_t kKeptJournal = 2048;

/// The event told last, unless it has been taken in already.
void take_in(Core& core) {
    const Journal& journal = core.journal();
    if (core.guest().handled == journal.told) return;
    core.begin();
    core.guest().handled = journal.told;
    core.handle(journal.event, journal.at);
    core.commit();
}

} // namespace

std::size_t Engine::required_memory(const UnitGraph& graph) {
    return required_bytes(graph);
}

Engine::Engine(const UnitGraph& graph, std::span<std::byte> memory, const Settings& settings)
    : Engine(graph, memory.data()) {
    prepare(graph, memory_, settings);
}

std::optional<Engine> Engine::resume(const UnitGraph& graph, std::span<std::byte> memory) {
    if (!recognizes(graph, memory)) return std::nullopt;
    Core core(graph, memory.data());
    if (!core.repair()) return std::nullopt;
    take_in(core);
    return Engine(graph, memory.data());
}

std::optional<Engine> Engine::resume(const UnitGraph& graph,
                                     std::span<std::byte> memory,
                                     std::span<const std::byte> old) {
    if (memory.size() < required_bytes(graph) || !migrate(graph, memory.data(), old))
        return std::nullopt;
    return resume(graph, memory);
}

void Engine::handle(const Event& event, Instant now) {
    Core core(graph_, memory_);
    core.tell(event, now);
    take_in(core);
}

bool Engine::next(Action& action) {
    Core core(graph_, memory_);
    GuestRuntime& guest = core.guest();
    if (!guest.has_intent && guest.list_head == kNoUnit && !guest.end_pending) return false;
    core.begin();
    guest.has_intent = core.next_action(action);
    if (guest.has_intent) guest.intent = action;
    core.commit();
    return guest.has_intent;
}

bool Engine::find_intent(Action& action) const {
    const Core core(graph_, memory_);
    action = core.guest().intent;
    return core.guest().has_intent;
}

bool Engine::expects(const Action& action) const {
    Core core(graph_, memory_);
    const Event event{.role = action.role, .unit = action.unit, .ticket = action.ticket};
    if (action.unit >= core.size()) return false;
    const Slot* slot = core.find_slot(event);
    return slot != nullptr && *slot == Slot::Asked;
}

std::uint32_t Engine::events() const {
    return Core(graph_, memory_).journal().told;
}

std::span<std::byte> Engine::idle_memory() {
    Core core(graph_, memory_);
    return {core.saved() + kKeptJournal, memory_ + required_bytes(graph_)};
}

bool Engine::uses_idle_memory() const {
    return Core(graph_, memory_).journal().used > kKeptJournal;
}

Instant Engine::deadline() const {
    const Core core(graph_, memory_);
    if (core.guest().stage == Stage::Ended) return Instant::never();
    const Instant shutdown =
        core.guest().stage == Stage::Killing ? core.guest().end_at : core.guest().kill_at;
    return earlier(core.heap_top(), shutdown);
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

bool Engine::transfer(const UnitGraph& graph,
                      std::span<std::byte> memory,
                      std::span<const UnitId> to) const {
    return memory.size() >= required_bytes(graph) &&
           engine::transfer(graph, memory.data(), graph_, memory_, to);
}

bool Engine::at_rest(UnitId id) const {
    return is_at_rest(Core(graph_, memory_).unit(id).phase);
}

bool Engine::is_running(UnitId id) const {
    return is_active(Core(graph_, memory_).unit(id).phase);
}

bool Engine::is_previous(UnitId id) const {
    return Core(graph_, memory_).unit(id).has(flag::kPrevious);
}

bool Engine::shutting_down() const {
    return Core(graph_, memory_).guest().stage != Stage::Running;
}

} // namespace stead::engine
