#include <algorithm>

#include "walk.h"

/// Another graph in the middle of everything: units change, come and go.
namespace stead::engine {

void Walk::reload_units() {
    const std::vector<UnitPolicy> old = policies_;
    const std::vector<Dependency> old_edges = edges_;
    const std::vector<const UnitPolicy*> old_previous = previous_;
    const UnitGraph old_graph{old, old_edges, old_previous};
    Engine before = *Engine::resume(graph_, std::span(memory_.get(), bytes_));

    // Some new units first, so that every number changes; then those that stay, as they were or
    // not; then what runs on although it is gone.
    std::vector<UnitPolicy> next(dice_.below(3));
    for (UnitPolicy& policy : next)
        policy = random_policy();
    std::vector<const UnitPolicy*> previous(next.size(), nullptr);
    std::vector<UnitId> to(old.size(), kNoUnit);
    for (UnitId id = 0; id < count(); ++id) {
        if (dice_.chance(25)) continue;
        to[id] = static_cast<UnitId>(next.size());
        const bool changes = dice_.chance(50);
        next.push_back(changes ? random_policy() : core().policy(id));
        const bool runs = before.is_running(id);
        if (changes && runs) past_.push_back(core().policy(id));
        previous.push_back(changes && runs ? &past_.back() : nullptr);
    }
    edges_.clear();
    add_edges(next, dice_.below(50));
    std::vector<UnitId> ghosts;
    for (UnitId id = 0; id < count(); ++id) {
        if (core().policy(id).kill_mode == KillMode::Process) worlds_[id].spared = true;
        if (to[id] != kNoUnit || (before.at_rest(id) && is_empty(id))) continue;
        to[id] = static_cast<UnitId>(next.size());
        ghosts.push_back(id);
        next.push_back(core().policy(id));
        previous.push_back(nullptr);
    }
    for (const UnitId id : ghosts) {
        UnitPolicy& policy = next[to[id]];
        policy.first_dependency = static_cast<std::uint32_t>(edges_.size());
        for (Dependency need : old_graph.dependencies_of(id)) {
            need.target = to[need.target];
            if (need.target != kNoUnit) edges_.push_back(need);
        }
        policy.dependency_count =
            static_cast<std::uint32_t>(edges_.size()) - policy.first_dependency;
    }
    for (UnitPolicy& policy : next)
        for (UnitId& unit : policy.outcome_units)
            unit = static_cast<UnitId>(dice_.below(static_cast<std::uint32_t>(next.size() + 1)));
    if (next.empty()) {
        edges_ = old_edges;
        return;
    }

    expect(move_onto(next, previous, to, old_graph), "a reload is taken over");
    if (!complaint_.empty()) return;
    Event news = event(EventKind::Reloaded, kNoUnit);
    news.value = dice_.below(2);
    send(news);
}

bool Walk::move_onto(const std::vector<UnitPolicy>& next,
                     const std::vector<const UnitPolicy*>& previous,
                     const std::vector<UnitId>& to,
                     const UnitGraph& old_graph) {
    policies_ = next;
    previous_ = previous;
    const UnitGraph graph{policies_, edges_, previous_};
    const std::size_t bytes = Engine::required_memory(graph);
    auto memory = std::make_unique<std::byte[]>(bytes);
    // The engine of before looks at the graph of before.
    auto leaving = Engine::resume(old_graph, std::span(memory_.get(), bytes_));
    if (!leaving || !leaving->transfer(graph, std::span(memory.get(), bytes), to)) return false;
    graph_ = graph;
    memory_ = std::move(memory);
    bytes_ = bytes;
    renumber(to);
    engine_ = std::make_unique<Engine>(*leaving);
    auto resumed = Engine::resume(graph_, std::span(memory_.get(), bytes_));
    if (resumed) *engine_ = *resumed;
    return resumed.has_value();
}

void Walk::renumber(const std::vector<UnitId>& to) {
    std::vector<World> worlds(policies_.size());
    for (std::size_t id = 0; id < to.size(); ++id) {
        if (to[id] == kNoUnit) continue;
        worlds[to[id]] = worlds_[id];
        // The new limits count from here on.
        worlds[to[id]].restarted.clear();
    }
    worlds_ = std::move(worlds);
    for (Child& child : children_)
        child.unit = to[child.unit];
}

} // namespace stead::engine
