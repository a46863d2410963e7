#include <utility>

#include "import/distribution_parts.h"
#include "import/rules.h"

/// Sockets and timers are tables of the units they start; by name only systemctl asks for them.
namespace stead::importing {

std::string started_by(const UnitNames& names, const std::vector<Assignment>& lines) {
    std::string other;
    bool accept = false;
    for (const Assignment& line : lines) {
        const bool socket = line.section == "Socket";
        if ((socket && line.name == "Service") || (line.section == "Timer" && line.name == "Unit"))
            other = line.value;
        if (socket && line.name == "Accept") accept = parse_boolean(line.value).value_or(false);
    }
    if (!other.empty()) {
        const Expanded expanded = expand_specifiers(other, names);
        std::string text = expanded.text;
        // The instance is that of the socket or timer.
        if (const auto at = text.find("@%i."); at != std::string::npos) text.erase(at + 1, 2);
        if (expanded.problem.empty() && make_plain(text)) return names_of(text).stem;
    }
    return names.stem + (accept && names.stem.find('@') == std::string::npos ? "@" : "");
}

bool is_activator(std::string_view name) {
    return name.ends_with(".socket") || name.ends_with(".timer");
}

std::vector<Activator> RootUnits::activators() const {
    std::vector<Activator> all;
    std::set<std::string> names = wanted_;
    for (const auto& [name, path] : files_)
        names.insert(name);
    for (const std::string& name : names) {
        if (!is_activator(name) || !left_out_reason(name).empty()) continue;
        const Found found = find(name);
        if (found.masked || found.path.empty() || found.name != name) continue;
        if (names_of(name).is_template) continue;
        Distribution unheard;
        const auto unit = unit_of(found, {}, unheard);
        if (!unit) continue;
        all.push_back({name, found.path, started_by(names_of(name), parse_systemd(unit->sources)),
                       wanted_.contains(name)});
    }
    return all;
}

std::vector<Activator> activators_of(const RootView& root) {
    RootUnits units(root);
    Distribution unheard;
    units.pull_in(unheard);
    return units.activators();
}

} // namespace stead::importing
