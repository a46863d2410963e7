#include <algorithm>
#include <utility>

#include "compile/compile.h"
#include "compile/graph.h"
#include "compile/report.h"
#include "compile/unit.h"

namespace stead::compile {

namespace {

/// Its standard input is a pipe that PID 1 keeps. When the guest stops, the end of that pipe is its
/// first notice: a signal would come before it has read what the others wrote last.
void make_logger(const unitfile::UnitSpec& spec, plan::UnitInput& unit) {
    unit.exec.reads_units = true;
    if (spec.keys.has("stop.signal") || spec.keys.has("stop.schedule") ||
        spec.keys.has("stop.command") || unit.policy.stop_steps == kMaxStopSteps)
        return;
    constexpr std::uint8_t kContinue = 18;
    constexpr std::uint32_t kPatienceMs = 2000;
    auto& steps = unit.policy.stop;
    std::copy_backward(steps.begin(), steps.begin() + unit.policy.stop_steps,
                       steps.begin() + unit.policy.stop_steps + 1);
    steps[0] = {.wait_ms = kPatienceMs, .signal = kContinue};
    ++unit.policy.stop_steps;
}

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
        if (graph[i].reads_units) make_logger(*graph[i].spec, *units[i]);
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
