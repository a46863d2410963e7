#include "compile/graph.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "compile/nearest.h"
#include "compile/report.h"

namespace stead::compile {

namespace {

using unitfile::Note;
using unitfile::Place;
using unitfile::Text;

constexpr std::size_t kMaxHints = 100;

/// "web requires 'db'", as the file says it: for `before` the owner of the line is the target.
struct Edge {
    std::size_t target = 0;
    DependencyKind kind = DependencyKind::After;
    const char* word = "";
    bool written_by_target = false;
    Place place;
};

bool orders(DependencyKind kind) {
    switch (kind) {
    case DependencyKind::Requires:
    case DependencyKind::BindsTo:
    case DependencyKind::Wants:
    case DependencyKind::After:
        return true;
    case DependencyKind::Conflicts:
    case DependencyKind::PartOf:
        return false;
    }
    return false;
}

bool needs(DependencyKind kind) {
    return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo;
}

class Linker {
public:
    Linker(std::vector<GraphUnit>& units,
           const UnitSurroundings& surroundings,
           unitfile::Diagnostics& diagnostics,
           std::vector<std::string>& notices)
        : units_(units)
        , surroundings_(surroundings)
        , diagnostics_(diagnostics)
        , notices_(notices)
        , edges_(units.size()) {}

    void run() {
        index_names();
        index_aliases();
        for (std::size_t id = 0; id < units_.size(); ++id)
            if (in(id)) resolve(id);
        drop_dependents();
        for (std::size_t id = 0; id < units_.size(); ++id)
            if (in(id)) check_conflicts(id);
        drop_dependents();
        while (const auto cycle = find_cycle()) {
            reject_cycle(*cycle);
            drop_dependents();
        }
        note_wants();
        write_edges();
    }

private:
    [[nodiscard]] bool in(std::size_t id) const { return units_[id].rejection.empty(); }

    [[nodiscard]] const std::string& name(std::size_t id) const { return units_[id].spec->name; }

    void reject(std::size_t id,
                const Place& place,
                const std::string& message,
                std::vector<Note> notes = {}) {
        Report report(diagnostics_);
        report.error(or_place(place, units_[id].spec->place), message, std::move(notes));
        if (in(id)) units_[id].rejection = report.first();
    }

    void index_names() {
        for (std::size_t id = 0; id < units_.size(); ++id) {
            const auto [first, added] = ids_.emplace(name(id), id);
            if (!added && in(id))
                reject(id, units_[id].spec->place, "there are two units named '" + name(id) + "'",
                       {{"the first is here", units_[first->second].spec->place}});
        }
    }

    /// A further name never stands in the way of a unit's own.
    void index_aliases() {
        for (std::size_t id = 0; id < units_.size(); ++id) {
            for (const Text& alias : units_[id].spec->aliases) {
                const auto [first, added] = ids_.emplace(alias.value, id);
                if (added || !in(id)) continue;
                const bool own = name(first->second) == alias.value;
                reject(
                    id, alias.place,
                    "alias '" + alias.value + "' is " +
                        (own ? "the name of a unit" : "an alias of '" + name(first->second) + "'") +
                        " already; take it out",
                    {{"which is here", units_[first->second].spec->place}});
            }
        }
    }

    /// "there is no unit 'postgers'; did you mean 'postgres'?"
    std::string missing(const std::string& wanted) {
        const auto& unread = surroundings_.left_out;
        if (std::find(unread.begin(), unread.end(), wanted) != unread.end())
            return "unit '" + wanted + "' is left out because of a mistake";
        std::string text = "there is no unit '" + wanted + "'";
        // Looking for the nearest name takes time, and thousands of mistakes are no typing
        // mistakes.
        if (++missing_ <= kMaxHints) {
            std::vector<std::string> names;
            for (const GraphUnit& unit : units_)
                names.push_back(unit.spec->name);
            if (const std::string meant = nearest(wanted, names); !meant.empty())
                return text + "; did you mean '" + meant + "'?";
        }
        for (std::size_t i = 0; i < surroundings_.folders.size(); ++i)
            text += (i == 0 ? " in " : ", ") + surroundings_.folders[i];
        return text;
    }

    void resolve(std::size_t id) {
        const unitfile::UnitSpec& spec = *units_[id].spec;
        add(id, spec.needs, DependencyKind::Requires, "requires");
        add(id, spec.binds_to, DependencyKind::BindsTo, "binds-to");
        add(id, spec.wants, DependencyKind::Wants, "wants");
        add(id, spec.after, DependencyKind::After, "after");
        add(id, spec.conflicts, DependencyKind::Conflicts, "conflicts");
        add(id, spec.part_of, DependencyKind::PartOf, "part-of");
        resolve_outcomes(id, spec);
        resolve_logger(id, spec.output, spec.output_target, spec.keys.find("log.output"));
        if (!spec.error_follows_output)
            resolve_logger(id, spec.error, spec.error_target, spec.keys.find("log.error"));
        for (const Text& other : spec.before) {
            const auto found = ids_.find(other.value);
            if (found == ids_.end()) {
                warn_missing(other, "before");
            } else {
                edges_[found->second].push_back(
                    {id, DependencyKind::After, "before", true, other.place});
            }
        }
    }

    void resolve_outcomes(std::size_t id, const unitfile::UnitSpec& spec) {
        const std::array outcomes{&spec.on_success, &spec.on_failure, &spec.on_limit};
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const unitfile::OutcomeSpec& outcome = *outcomes[i];
            if (outcome.action != OutcomeAction::StartUnit) continue;
            const auto found = ids_.find(outcome.unit);
            if (found == ids_.end())
                reject(id, outcome.place, missing(outcome.unit));
            else
                units_[id].outcome_units[i] = found->second;
        }
    }

    /// A unit that reads another one's output starts before it and stops after it.
    void
    resolve_logger(std::size_t id, OutputKind kind, const std::string& logger, const Place& place) {
        if (kind != OutputKind::Unit) return;
        const auto found = ids_.find(logger);
        if (found == ids_.end()) return reject(id, place, missing(logger));
        if (units_[found->second].spec->type == UnitType::Target)
            return reject(id, place, "unit '" + logger + "' is a target and reads nothing");
        units_[found->second].reads_units = true;
        edges_[id].push_back({found->second, DependencyKind::Wants, "writes to", false, place});
    }

    void
    add(std::size_t id, const unitfile::TextList& list, DependencyKind kind, const char* word) {
        for (const Text& other : list) {
            const auto found = ids_.find(other.value);
            if (found != ids_.end()) {
                edges_[id].push_back({found->second, kind, word, false, other.place});
            } else if (needs(kind)) {
                reject(id, other.place, missing(other.value));
            } else {
                warn_missing(other, word);
                if (kind == DependencyKind::Wants)
                    notices_.push_back(name(id) + " wants '" + other.value +
                                       "': " + missing(other.value));
            }
        }
    }

    /// Order without need: nothing is wrong with a unit that is not there, but with a typing
    /// mistake.
    void warn_missing(const Text& other, const char* word) {
        const std::string text = missing(other.value);
        if (std::string_view(word) == "wants" || text.ends_with("?"))
            diagnostics_.warning(other.place, text);
    }

    /// What requires a unit that is left out is left out as well, and so on.
    void drop_dependents() {
        std::vector<std::vector<std::pair<std::size_t, const Edge*>>> dependents(units_.size());
        std::deque<std::size_t> fallen;
        for (std::size_t id = 0; id < units_.size(); ++id) {
            if (!in(id)) fallen.push_back(id);
            for (const Edge& edge : edges_[id])
                if (needs(edge.kind)) dependents[edge.target].emplace_back(id, &edge);
        }
        drop_without_outcome(fallen);
        while (!fallen.empty()) {
            const std::size_t gone = fallen.front();
            fallen.pop_front();
            for (const auto& [id, edge] : dependents[gone]) {
                if (!in(id)) continue;
                reject(id, edge->place,
                       "unit '" + name(id) + "' requires '" + name(edge->target) +
                           "', which is left out because of a mistake");
                fallen.push_back(id);
            }
            if (fallen.empty()) drop_without_outcome(fallen);
        }
    }

    /// A unit whose failure is to start one that is left out would fail unnoticed.
    void drop_without_outcome(std::deque<std::size_t>& fallen) {
        for (std::size_t id = 0; id < units_.size(); ++id) {
            for (const std::size_t other : units_[id].outcome_units) {
                if (other == kNoOutcome || !in(id) || in(other)) continue;
                reject(id, {},
                       "unit '" + name(id) + "' starts '" + name(other) +
                           "' by [on], which is left out because of a mistake");
                fallen.push_back(id);
            }
        }
    }

    /// A unit that conflicts with itself, or with what it requires directly or through others,
    /// could never run.
    void check_conflicts(std::size_t id) {
        const auto is_conflict = [](const Edge& e) { return e.kind == DependencyKind::Conflicts; };
        if (std::none_of(edges_[id].begin(), edges_[id].end(), is_conflict)) return;
        const std::vector<bool> required = closure(id);
        for (const Edge& edge : edges_[id]) {
            if (!is_conflict(edge) || !required[edge.target]) continue;
            reject(id, edge.place,
                   edge.target == id
                       ? "unit '" + name(id) + "' conflicts with itself"
                       : "unit '" + name(id) + "' conflicts with '" + name(edge.target) +
                             "', which it requires; it could never run");
        }
    }

    /// The unit and everything it requires, also through others.
    [[nodiscard]] std::vector<bool> closure(std::size_t id) const {
        std::vector<bool> seen(units_.size());
        std::vector<std::size_t> open{id};
        seen[id] = true;
        while (!open.empty()) {
            const std::size_t at = open.back();
            open.pop_back();
            for (const Edge& edge : edges_[at]) {
                if (!needs(edge.kind) || seen[edge.target]) continue;
                seen[edge.target] = true;
                open.push_back(edge.target);
            }
        }
        return seen;
    }

    [[nodiscard]] bool counts(const Edge& edge) const {
        return orders(edge.kind) && in(edge.target);
    }

    /// The edges of one cycle of order, in its direction, as pairs of owner and edge.
    using Cycle = std::vector<std::pair<std::size_t, const Edge*>>;

    [[nodiscard]] std::optional<Cycle> find_cycle() const {
        // Whatever waits for nothing (any more) can start; what is left waits for a cycle.
        std::vector<std::size_t> waits(units_.size());
        std::vector<std::vector<std::size_t>> dependents(units_.size());
        std::vector<std::size_t> free;
        for (std::size_t id = 0; id < units_.size(); ++id) {
            if (!in(id)) continue;
            for (const Edge& edge : edges_[id]) {
                if (!counts(edge)) continue;
                ++waits[id];
                dependents[edge.target].push_back(id);
            }
            if (waits[id] == 0) free.push_back(id);
        }
        while (!free.empty()) {
            const std::size_t id = free.back();
            free.pop_back();
            for (const std::size_t dependent : dependents[id])
                if (--waits[dependent] == 0) free.push_back(dependent);
        }
        const auto first = std::find_if(waits.begin(), waits.end(), [](auto n) { return n != 0; });
        if (first == waits.end()) return std::nullopt;

        // Following what each waits for must come back to a unit seen before.
        std::vector<bool> seen(units_.size());
        auto at = static_cast<std::size_t>(first - waits.begin());
        while (!seen[at]) {
            seen[at] = true;
            for (const Edge& edge : edges_[at]) {
                if (!counts(edge) || waits[edge.target] == 0) continue;
                at = edge.target;
                break;
            }
        }
        return shortest_way_back(at);
    }

    [[nodiscard]] Cycle shortest_way_back(std::size_t start) const {
        std::vector<std::pair<std::size_t, const Edge*>> came_by(units_.size());
        std::deque<std::size_t> open{start};
        while (came_by[start].second == nullptr) {
            const std::size_t at = open.front();
            open.pop_front();
            for (const Edge& edge : edges_[at]) {
                if (!counts(edge) || came_by[edge.target].second != nullptr) continue;
                came_by[edge.target] = {at, &edge};
                open.push_back(edge.target);
            }
        }
        Cycle cycle;
        std::size_t at = start;
        do {
            cycle.insert(cycle.begin(), came_by[at]);
            at = came_by[at].first;
        } while (at != start);
        // Reading starts at the smallest name, so that the same cycle is always told the same way.
        const auto smallest =
            std::min_element(cycle.begin(), cycle.end(), [this](const auto& a, const auto& b) {
                return name(a.first) < name(b.first);
            });
        std::rotate(cycle.begin(), smallest, cycle.end());
        return cycle;
    }

    void reject_cycle(const Cycle& cycle) {
        std::string path = name(cycle.front().first);
        std::vector<Note> notes;
        for (const auto& [owner, edge] : cycle) {
            path += " -> " + name(edge->target);
            const std::size_t writer = edge->written_by_target ? edge->target : owner;
            const std::size_t other = edge->written_by_target ? owner : edge->target;
            notes.push_back({name(writer) + ": " + edge->word + " '" + name(other) + "'",
                             or_place(edge->place, units_[writer].spec->place)});
        }
        const Edge& first = *cycle.front().second;
        std::string message = cycle.size() == 1 ? "a unit that waits for itself: "
                                                : "units that wait for each other: ";
        message += path;
        // The others of the cycle are told the same, but counted once as a mistake.
        reject(cycle.front().first, first.place, message, std::move(notes));
        for (const auto& [owner, edge] : cycle)
            if (in(owner)) units_[owner].rejection = units_[cycle.front().first].rejection;
    }

    void note_wants() {
        for (std::size_t id = 0; id < units_.size(); ++id) {
            if (!in(id)) continue;
            for (const Edge& edge : edges_[id])
                if (edge.kind == DependencyKind::Wants && !in(edge.target))
                    notices_.push_back(name(id) + " wants '" + name(edge.target) +
                                       "', which is left out because of a mistake");
        }
    }

    void write_edges() {
        for (std::size_t id = 0; id < units_.size(); ++id) {
            if (!in(id)) continue;
            std::set<std::pair<std::size_t, DependencyKind>> written;
            for (const Edge& edge : edges_[id]) {
                if (in(edge.target) && written.emplace(edge.target, edge.kind).second)
                    units_[id].dependencies.push_back(
                        {static_cast<UnitId>(edge.target), edge.kind, 0});
            }
        }
    }

    std::vector<GraphUnit>& units_;
    const UnitSurroundings& surroundings_;
    unitfile::Diagnostics& diagnostics_;
    std::vector<std::string>& notices_;
    std::unordered_map<std::string, std::size_t> ids_;
    std::size_t missing_ = 0;
    /// By owner: what it waits for, needs or excludes.
    std::vector<std::vector<Edge>> edges_;
};

} // namespace

void link_units(std::vector<GraphUnit>& units,
                const UnitSurroundings& surroundings,
                unitfile::Diagnostics& diagnostics,
                std::vector<std::string>& notices) {
    Linker(units, surroundings, diagnostics, notices).run();
}

} // namespace stead::compile
