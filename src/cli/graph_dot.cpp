#include "cli/graph_dot.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/words.h"

namespace stead::cli {

namespace {

struct EdgeStyle {
    std::string_view name;
    std::string_view attributes;
};

/// By DependencyKind.
constexpr std::array<EdgeStyle, 6> kEdges = {
    EdgeStyle{"requires", "color=\"#1f4e79\", penwidth=1.6"},
    EdgeStyle{"binds-to", "color=\"#6a1b9a\", penwidth=1.6, arrowhead=normalnormal"},
    EdgeStyle{"wants", "color=\"#2e7d32\", style=dashed"},
    EdgeStyle{"after", "color=\"#8a8f98\", style=dotted, arrowhead=open"},
    EdgeStyle{"conflicts", "color=\"#c62828\", dir=both, arrowhead=tee, arrowtail=tee"},
    EdgeStyle{"part-of", "color=\"#ad6800\", style=dashed, arrowhead=odiamond"}};

/// A quoted string of DOT that shows `text` as it is: no escape of dot's own (\N, \G) and no entity
/// is left in it.
std::string dot_quoted(std::string_view text) {
    std::string result = "\"";
    for (const char letter : safe(text)) {
        if (letter == '"' || letter == '\\') result += '\\';
        if (letter == '&') {
            result += "&amp;";
        } else {
            result += letter;
        }
    }
    return result + "\"";
}

std::string_view fill_of(UnitState state) {
    switch (state) {
    case UnitState::Up:
    case UnitState::Done:
        return "#d7f0d8";
    case UnitState::Failed:
        return "#f9d0cd";
    case UnitState::Waiting:
    case UnitState::Starting:
    case UnitState::Stopping:
    case UnitState::Backoff:
        return "#fff0c2";
    case UnitState::Down:
        return "#eceff1";
    }
    return "#ffffff";
}

std::string node_line(const UnitPicture::Node& node, std::size_t index) {
    std::string text = "  u" + std::to_string(index) + " [label=";
    std::string label = dot_quoted(node.name);
    if (node.state) {
        label.pop_back();
        label.append("\\n").append(state_name(*node.state)).append("\"");
    }
    text += label + ", tooltip=" + dot_quoted(node.why.empty() ? node.description : node.why);
    if (node.type == UnitType::Target) text += ", shape=ellipse";
    if (node.type == UnitType::Oneshot) text += ", style=\"filled\"";
    if (node.essential) text += ", penwidth=2.5";
    if (node.state) text.append(", fillcolor=\"").append(fill_of(*node.state)).append("\"");
    return text + "];\n";
}

/// A dependency that only repeats part of another: the order that `requires` has in it.
bool is_implied(const std::vector<Dependency>& needs, const Dependency& need) {
    if (need.kind != DependencyKind::After) return false;
    return std::any_of(needs.begin(), needs.end(), [&](const Dependency& other) {
        return other.target == need.target &&
               (other.kind == DependencyKind::Requires || other.kind == DependencyKind::BindsTo ||
                other.kind == DependencyKind::Wants);
    });
}

const EdgeStyle& style_of(DependencyKind kind) {
    return kEdges[std::min(static_cast<std::size_t>(kind), kEdges.size() - 1)];
}

/// Every kind of arrow in use, once, with its name.
std::string legend(const std::array<bool, kEdges.size()>& used) {
    std::string text = "  subgraph cluster_legend {\n    label=\"A needs B\"; fontsize=10; "
                       "color=\"#cfd8dc\"; style=rounded;\n"
                       "    node [shape=plaintext, style=\"\", fontsize=10, width=0.2, "
                       "height=0.2];\n";
    for (std::size_t i = 0; i < kEdges.size(); ++i) {
        if (!used[i]) continue;
        const std::string number = std::to_string(i);
        text.append("    a").append(number).append(" [label=\"A\"]; b").append(number);
        text.append(" [label=\"B\"];\n    a").append(number).append(" -> b").append(number);
        text.append(" [label=\"").append(kEdges[i].name);
        text.append("\", fontsize=10, ").append(kEdges[i].attributes).append("];\n");
    }
    return text + "  }\n";
}

} // namespace

std::string to_dot(const UnitPicture& picture) {
    std::string text = "digraph stead {\n  label=" + dot_quoted(picture.title) +
                       ";\n  labelloc=t; rankdir=LR; fontname=\"sans-serif\"; fontsize=16;\n"
                       "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", "
                       "color=\"#455a64\", fontname=\"sans-serif\", fontsize=11];\n"
                       "  edge [fontname=\"sans-serif\", arrowsize=0.7];\n";
    for (std::size_t i = 0; i < picture.nodes.size(); ++i)
        text += node_line(picture.nodes[i], i);
    std::array<bool, kEdges.size()> used{};
    for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
        const auto& needs = picture.nodes[i].needs;
        for (const Dependency& need : needs) {
            if (need.target >= picture.nodes.size() || is_implied(needs, need)) continue;
            const EdgeStyle& style = style_of(need.kind);
            used[static_cast<std::size_t>(&style - kEdges.data())] = true;
            text.append("  u" + std::to_string(i) + " -> u" + std::to_string(need.target) + " [");
            // Who excludes whom says nothing about an order.
            if (need.kind == DependencyKind::Conflicts) text += "constraint=false, ";
            text.append(style.attributes).append(", tooltip=\"").append(style.name);
            text.append("\"];\n");
        }
    }
    if (std::find(used.begin(), used.end(), true) != used.end()) text += legend(used);
    return text + "}\n";
}

nlohmann::json to_json(const UnitPicture& picture) {
    nlohmann::json units = nlohmann::json::array();
    nlohmann::json edges = nlohmann::json::array();
    for (const UnitPicture::Node& node : picture.nodes) {
        nlohmann::json unit{{"name", node.name}, {"type", type_name(node.type)}};
        if (node.state) unit["state"] = state_name(*node.state);
        units.push_back(std::move(unit));
        for (const Dependency& need : node.needs) {
            if (need.target >= picture.nodes.size()) continue;
            edges.push_back({{"from", node.name},
                             {"to", picture.nodes[need.target].name},
                             {"kind", style_of(need.kind).name}});
        }
    }
    return {{"title", picture.title}, {"units", units}, {"dependencies", edges}};
}

} // namespace stead::cli
