#include <algorithm>
#include <array>
#include <ctime>

#include "cli/systemctl.h"
#include "cli/systemctl_files.h"
#include "cli/words.h"
#include "sys/clock.h"

/// Sockets and timers as systemctl speaks of them: units of their own, which here are parts of the
/// unit that they start. What is started or stopped by hand is a name in a folder of /run, which
/// counts when the units are read again, and is gone with the guest.
namespace stead::cli {

namespace {

using importing::Activator;

std::string by_hand(std::string_view folder, const std::string& name) {
    return std::string(folder) + "/" + name;
}

/// "Mon 2026-03-02 03:30:00 UTC"
std::string date_of(std::int64_t nanoseconds) {
    const auto seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "%a %Y-%m-%d %H:%M:%S %Z", &parts);
    return {text.data(), size};
}

using Cells = std::vector<std::string>;

void print_table(Console& console, const std::vector<Cells>& rows) {
    std::vector<std::size_t> widths(rows.empty() ? 0 : rows.front().size());
    for (const Cells& row : rows)
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    for (const Cells& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            line += row[i];
            if (i + 1 < widths.size()) line.append(widths[i] - row[i].size() + 1, ' ');
        }
        console.line(line);
    }
}

} // namespace

const std::vector<Activator>& Systemctl::activators() {
    if (!activators_) activators_ = importing::activators_of(root_);
    return *activators_;
}

const Activator* Systemctl::find_activator(const SystemctlName& name) {
    if (!name.activates()) return nullptr;
    const std::string known = unit_file(root_, name.full()).name;
    for (const Activator& one : activators())
        if (one.name == known) return &one;
    return nullptr;
}

/// The unit of Stead's that PID 1 is to be asked about.
std::string Systemctl::unit_of(const SystemctlName& name) {
    const Activator* const part = find_activator(name);
    return part == nullptr ? name.unit() : part->unit;
}

StateWords Systemctl::state_of(const Activator& activator) {
    const SystemctlName name = systemctl_name(activator.name);
    const auto unit = activator.active ? find(name) : std::nullopt;
    if (!unit) return {"inactive", "dead"};
    const bool runs = unit->state == UnitState::Up || unit->state == UnitState::Starting ||
                      unit->state == UnitState::Stopping;
    if (name.suffix == "timer") {
        if (runs) return {"active", "running"};
        return unit->next_attempt.is_never() ? StateWords{"active", "elapsed"}
                                             : StateWords{"active", "waiting"};
    }
    if (unit->awaits_arrival) return {"active", "listening"};
    // At rest and deaf: its unit came to an end that nothing arriving changes.
    if (unit->state == UnitState::Failed) return {"failed", "failed"};
    return runs || unit->state == UnitState::Backoff || unit->state == UnitState::Waiting
               ? StateWords{"active", "running"}
               : StateWords{"inactive", "dead"};
}

int Systemctl::start_activator(const SystemctlName& name) {
    const Activator* const part = find_activator(name);
    if (part == nullptr) return missing(name);
    if (state_of(*part).active == "active") return kDone;
    UnitLinks links(asking_, "/");
    const std::string own = part->name;
    links.remove(by_hand(importing::kStoppedByHand, own));
    if (!links.put(by_hand(importing::kStartedByHand, own), part->path)) return kCouldNot;
    if (const int code = daemon_reload(); code != kDone) return code;
    const Activator* const now = find_activator(name);
    if (now != nullptr && state_of(*now).active == "active") return kDone;
    return fail(kCouldNot, own + " did not become active: 'stead status' tells what of it Stead "
                                 "has no counterpart for");
}

int Systemctl::stop_activator(const SystemctlName& name) {
    const Activator* const part = find_activator(name);
    if (part == nullptr || !part->active) return kDone;
    UnitLinks links(asking_, "/");
    links.remove(by_hand(importing::kStartedByHand, part->name));
    if (!links.put(by_hand(importing::kStoppedByHand, part->name), part->path)) return kCouldNot;
    return daemon_reload();
}

/// A service that is started has its sockets, also those that were stopped by hand: many a program
/// cannot do without.
bool Systemctl::open_sockets_of(const SystemctlName& name) {
    UnitLinks links(asking_, "/");
    for (const std::string& stopped : root_.list(std::string(importing::kStoppedByHand))) {
        const Activator* const part = find_activator(systemctl_name(stopped));
        if (part == nullptr || !stopped.ends_with(".socket") || part->unit != unit_of(name))
            continue;
        links.remove(by_hand(importing::kStoppedByHand, stopped));
        if (!links.put(by_hand(importing::kStartedByHand, stopped), part->path)) return false;
    }
    return links.told().empty() || daemon_reload() == kDone;
}

int Systemctl::list_timers() {
    std::vector<Cells> rows;
    if (!wishes_.no_legend) rows.push_back({"NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"});
    std::size_t count = 0;
    for (const Activator& part : activators()) {
        if (!part.name.ends_with(".timer") || (!part.active && !wishes_.all)) continue;
        if (!wishes_.names.empty() &&
            std::none_of(wishes_.names.begin(), wishes_.names.end(),
                         [&](const std::string& pattern) {
                             return pattern == part.name || matches(pattern, part.name) ||
                                    matches(pattern + ".timer", part.name);
                         }))
            continue;
        const auto unit = part.active ? find(systemctl_name(part.name)) : std::nullopt;
        const bool armed = unit && !unit->next_attempt.is_never();
        const Duration left = armed ? unit->next_attempt - unit->now : Duration{};
        // PID 1 keeps no account of when a timer went off.
        rows.push_back({armed ? date_of(sys::realtime_now() + left.ns) : "-",
                        armed ? duration_words(left) : "-", "-", "-", safe(part.name),
                        safe(systemctl_name(part.unit).full())});
        ++count;
    }
    print_table(context_.console, rows);
    if (!wishes_.no_legend) context_.console.line("\n" + std::to_string(count) + " timers listed.");
    return kDone;
}

int Systemctl::list_sockets() {
    std::vector<Cells> rows;
    if (!wishes_.no_legend) rows.push_back({"UNIT", "STATE", "ACTIVATES"});
    std::size_t count = 0;
    for (const Activator& part : activators()) {
        if (!part.name.ends_with(".socket") || (!part.active && !wishes_.all)) continue;
        rows.push_back({safe(part.name), std::string(state_of(part).sub),
                        safe(systemctl_name(part.unit).full())});
        ++count;
    }
    print_table(context_.console, rows);
    if (!wishes_.no_legend)
        context_.console.line("\n" + std::to_string(count) + " sockets listed.");
    return kDone;
}

} // namespace stead::cli
