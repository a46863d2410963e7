#include "cli/top_model.h"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/short_text.h"
#include "cli/words.h"

namespace stead::cli {

namespace {

constexpr std::array<std::string_view, 4> kOrders = {"name", "state", "cpu", "memory"};

constexpr std::size_t kState = 10;
constexpr std::size_t kUptime = 10;
constexpr std::size_t kRestarts = 8;
constexpr std::size_t kCpu = 7;
constexpr std::size_t kMemory = 9;
constexpr std::size_t kTasks = 6;
constexpr std::size_t kFixed = kState + kUptime + kRestarts + kCpu + kMemory + kTasks + 7;
constexpr std::size_t kLeastName = 12;
constexpr std::size_t kMostName = 34;

struct Fields {
    std::string name;
    std::string state;
    std::string uptime;
    std::string restarts;
    std::string cpu;
    std::string memory;
    std::string tasks;
    std::string why;
};

/// The names get a third of what the fixed columns leave, the reasons the rest.
std::size_t name_width(std::size_t width) {
    const std::size_t left = width > kFixed ? width - kFixed : 0;
    return std::clamp(left / 3 + kLeastName / 2, kLeastName, kMostName);
}

std::string line_of(const Fields& fields, std::size_t width) {
    std::string line = fitted(fields.name, name_width(width)) + " " + fitted(fields.state, kState) +
                       " " + fitted(fields.uptime, kUptime, true) + " " +
                       fitted(fields.restarts, kRestarts, true) + " " +
                       fitted(fields.cpu, kCpu, true) + " " + fitted(fields.memory, kMemory, true) +
                       " " + fitted(fields.tasks, kTasks, true) + "  " + fields.why;
    return fitted(line, width);
}

/// What needs a look first.
int urgency(const TopRow& row) {
    if (row.state == "failed") return 0;
    if (row.state == "backoff") return 1;
    if (row.state == "down") return 4;
    return row.state == "up" || row.state == "done" ? 3 : 2;
}

bool comes_before(const TopRow& a, const TopRow& b, TopOrder order) {
    switch (order) {
    case TopOrder::Name:
        break;
    case TopOrder::State:
        if (urgency(a) != urgency(b)) return urgency(a) < urgency(b);
        break;
    case TopOrder::Cpu:
        if (a.cpu.value_or(-1) != b.cpu.value_or(-1))
            return a.cpu.value_or(-1) > b.cpu.value_or(-1);
        break;
    case TopOrder::Memory:
        if (a.usage.memory != b.usage.memory)
            return a.usage.memory.value_or(-1) > b.usage.memory.value_or(-1);
        break;
    }
    return a.unit < b.unit;
}

} // namespace

std::string_view order_name(TopOrder order) {
    return kOrders[static_cast<std::size_t>(order) % kOrders.size()];
}

TopOrder next_order(TopOrder order) {
    return static_cast<TopOrder>((static_cast<std::size_t>(order) + 1) % kOrders.size());
}

void CpuRates::rate(TopRow& row, Instant now) {
    if (!row.usage.cpu_microseconds) return;
    const Sample sample{.microseconds = *row.usage.cpu_microseconds, .at = now};
    const auto [at, is_new] = last_.try_emplace(row.target().text(), sample);
    if (is_new) return;
    const std::int64_t used = sample.microseconds - at->second.microseconds;
    const Duration passed = now - at->second.at;
    if (used >= 0 && passed.ns > 0)
        row.cpu = static_cast<double>(used) * 1e5 / static_cast<double>(passed.ns);
    at->second = sample;
}

void sort_rows(std::vector<TopRow>& rows, TopOrder order) {
    auto from = rows.begin();
    while (from != rows.end()) {
        const auto to =
            std::find_if(from + 1, rows.end(), [](const TopRow& row) { return row.unit.empty(); });
        std::stable_sort(
            from->unit.empty() ? from + 1 : from, to,
            [&](const TopRow& a, const TopRow& b) { return comes_before(a, b, order); });
        from = to;
    }
}

std::string top_heading(std::size_t width, TopOrder order) {
    const auto mark = [&](TopOrder one, const char* name) {
        return std::string(name) + (one == order ? "▾" : "");
    };
    return line_of({mark(TopOrder::Name, "UNIT"), mark(TopOrder::State, "STATE"), "UPTIME",
                    "RESTARTS", mark(TopOrder::Cpu, "CPU%"), mark(TopOrder::Memory, "MEMORY"),
                    "TASKS", "WHY"},
                   width);
}

std::string top_line(const TopRow& row, std::size_t width) {
    const auto or_dash = [](const std::optional<std::int64_t>& value, auto words) {
        return value ? words(*value) : std::string("-");
    };
    const bool guest = row.unit.empty();
    Fields fields{.name = guest ? row.target().text() : "  " + safe(row.unit),
                  .state = row.state,
                  .uptime = row.uptime ? duration_words(*row.uptime) : "-",
                  .restarts = row.restarts > 0 ? std::to_string(row.restarts)
                              : guest          ? ""
                                               : "-",
                  .cpu = row.cpu ? fmt::format("{:.1f}", *row.cpu) : "-",
                  .memory = or_dash(row.usage.memory, size_words),
                  .tasks = or_dash(row.usage.tasks, [](auto n) { return std::to_string(n); }),
                  .why = row.why};
    return line_of(fields, width);
}

std::size_t
scrolled(std::size_t first, std::size_t selected, std::size_t count, std::size_t height) {
    if (height == 0 || count <= height) return 0;
    if (selected < first) first = selected;
    if (selected >= first + height) first = selected - height + 1;
    return std::min(first, count - height);
}

nlohmann::json to_json(const TopRow& row) {
    nlohmann::json json{{"state", row.state}, {"restarts", row.restarts}};
    if (!row.guest.empty()) json["guest"] = row.guest;
    if (!row.unit.empty()) json["unit"] = row.unit;
    if (!row.why.empty()) json["why"] = row.why;
    if (row.uptime) json["uptime"] = static_cast<double>(row.uptime->ns) / 1e9;
    if (row.usage.cpu_microseconds)
        json["cpu-seconds"] = static_cast<double>(*row.usage.cpu_microseconds) / 1e6;
    if (row.usage.memory) json["memory"] = *row.usage.memory;
    if (row.usage.tasks) json["tasks"] = *row.usage.tasks;
    return json;
}

} // namespace stead::cli
