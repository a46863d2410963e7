#include <algorithm>
#include <utility>

#include "compile/compile.h"
#include "compile/graph.h"
#include "compile/report.h"
#include "compile/unit.h"

namespace stead::compile {

namespace {

/// Keeps the units that are in and renumbers what their dependencies point to.
void collect(std::vector<GraphUnit>& graph,
             std::vector<std::optional<plan::UnitInput>>& units,
             plan::PlanInput& plan) {
    std::vector<UnitId> ids(graph.size(), kNoUnit);
    UnitId next = 0;
    for (std::size_t i = 0; i < graph.size(); ++i)
        if (graph[i].rejection.empty()) ids[i] = next++;
    for (std::size_t i = 0; i < graph.size(); ++i) {
        if (ids[i] == kNoUnit) {
            plan.rejected.push_back({graph[i].spec->name, graph[i].rejection});
            continue;
        }
        for (std::size_t which = 0; which < graph[i].outcome_units.size(); ++which) {
            const std::size_t other = graph[i].outcome_units[which];
            if (other != kNoOutcome) units[i]->policy.outcome_units[which] = ids[other];
        }
        for (Dependency dependency : graph[i].dependencies) {
            dependency.target = ids[dependency.target];
            units[i]->dependencies.push_back(dependency);
        }
        for (const unitfile::Text& alias : graph[i].spec->aliases)
            plan.aliases.emplace_back(alias.value, graph[i].spec->name);
        plan.units.push_back(std::move(*units[i]));
    }
}

} // namespace

plan::PlanInput compile_units(const std::vector<unitfile::UnitSpec>& units,
                              const UserDatabase& users,
                              const UnitOptions& options,
                              unitfile::Diagnostics& diagnostics) {
    plan::PlanInput plan;
    const std::size_t count = std::min(units.size(), kMaxUnits);
    std::vector<GraphUnit> graph(count);
    std::vector<std::optional<plan::UnitInput>> compiled(count);
    for (std::size_t i = 0; i < count; ++i) {
        Report report(diagnostics);
        graph[i].spec = &units[i];
        compiled[i] = compile_unit(units[i], users, options, report);
        graph[i].rejection = report.first();
    }
    for (std::size_t i = count; i < units.size(); ++i) {
        Report report(diagnostics);
        report.error(units[i].place, "a guest has at most 4096 units");
        if (plan.rejected.size() < kMaxUnits)
            plan.rejected.push_back({units[i].name, report.first()});
    }
    link_units(graph, {options.folders, options.left_out}, diagnostics, plan.notices);
    collect(graph, compiled, plan);
    for (const std::string& problem : users.problems)
        plan.notices.push_back(problem + "; the line is ignored");
    return plan;
}

} // namespace stead::compile
