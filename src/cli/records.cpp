#include "cli/records.h"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/signal_name.h"
#include "cli/words.h"

namespace stead::cli {

namespace {

using wire::Tag;

/// The number of `tag` if it is one of the first `count` enumerators.
template <typename Enum>
Enum enumerator(const wire::Reader& message, Tag tag, Enum last) {
    const std::int64_t value = message.number(tag);
    return value < 0 || value > static_cast<std::int64_t>(last) ? Enum{} : static_cast<Enum>(value);
}

std::int64_t at_least_zero(const wire::Reader& message, Tag tag) {
    const std::int64_t value = message.number(tag);
    return value < 0 ? 0 : value;
}

std::string text(const wire::Reader& message, Tag tag) {
    return std::string(message.text(tag));
}

/// The values of a field that holds nothing but them; none if it does not.
template <typename T>
std::vector<T> values(const wire::Reader& message, Tag tag) {
    const std::string_view bytes = message.text(tag);
    if (bytes.size() % sizeof(T) != 0) return {};
    std::vector<T> list(bytes.size() / sizeof(T));
    if (!list.empty()) std::memcpy(list.data(), bytes.data(), bytes.size());
    return list;
}

std::vector<Dependency> needs_of(const wire::Reader& message) {
    auto needs = values<Dependency>(message, Tag::Dependency);
    std::erase_if(needs, [](const Dependency& need) { return need.kind > DependencyKind::PartOf; });
    return needs;
}

UnitRecord::FirstStart first_start(const wire::Reader& message) {
    auto moments = values<std::int64_t>(message, Tag::Moments);
    if (moments.size() < 3) return {};
    for (std::int64_t& moment : moments)
        moment = std::max<std::int64_t>(moment, 0);
    UnitRecord::FirstStart first{{moments[0]}, {moments[1]}, {moments[2]}};
    if (first.began.ns == 0) first.began = first.up;
    return first;
}

double seconds(Duration duration) {
    return static_cast<double>(duration.ns) / 1e9;
}

nlohmann::json reason_json(const UnitRecord& unit) {
    const Reason& reason = unit.reason;
    nlohmann::json json{{"kind", reason_name(reason.kind)}, {"text", reason_sentence(unit)}};
    if (reason.kind == ReasonKind::SpawnFailed) json["stage"] = stage_name(reason.stage);
    if (reason.kind == ReasonKind::SpawnFailed || reason.kind == ReasonKind::CommandFailed)
        json["role"] = role_name(static_cast<CommandRole>(reason.role));
    if (reason.error != 0) {
        json["errno"] = reason.error;
        json["error"] = errno_name(reason.error);
    }
    if (!unit.reason_unit.empty()) json["unit"] = unit.reason_unit;
    const bool ended =
        reason.kind == ReasonKind::Exited || reason.kind == ReasonKind::CommandFailed ||
        reason.kind == ReasonKind::StartLimit || reason.kind == ReasonKind::EndedBeforeReady;
    if (ended && reason.status.kind == ExitStatus::Kind::Exited)
        json["exit-code"] = reason.status.value;
    if (ended && reason.status.kind == ExitStatus::Kind::Killed) {
        json["signal"] = reason.status.value;
        json["signal-name"] = signal_name(reason.status.value);
    }
    return json;
}

} // namespace

UnitRecord read_unit(const wire::Reader& message) {
    UnitRecord unit;
    unit.name = text(message, Tag::Name);
    unit.description = text(message, Tag::Description);
    unit.status_text = text(message, Tag::StatusText);
    unit.source = text(message, Tag::Source);
    unit.reason_unit = text(message, Tag::ReasonUnit);
    unit.type = enumerator(message, Tag::Type, UnitType::Target);
    unit.state = enumerator(message, Tag::State, UnitState::Done);
    unit.reason.kind = enumerator(message, Tag::ReasonKind, ReasonKind::NotNeeded);
    unit.reason.stage = enumerator(message, Tag::ReasonStage, SpawnStage::Sockets);
    unit.reason.role =
        static_cast<std::uint8_t>(enumerator(message, Tag::ReasonRole, CommandRole::HealthProbe));
    unit.reason.error = static_cast<std::int32_t>(message.number(Tag::ReasonError) & 0xfff);
    unit.reason.status.kind = enumerator(message, Tag::ExitKind, ExitStatus::Kind::Unknown);
    unit.reason.status.value = static_cast<std::uint8_t>(message.number(Tag::ExitValue) & 0xff);
    unit.pid = at_least_zero(message, Tag::Pid);
    unit.restarts = at_least_zero(message, Tag::Restarts);
    unit.since = {at_least_zero(message, Tag::Since)};
    unit.now = {at_least_zero(message, Tag::Now)};
    if (message.find(Tag::NextAttempt))
        unit.next_attempt = {at_least_zero(message, Tag::NextAttempt)};
    unit.first = first_start(message);
    unit.needs = needs_of(message);
    const auto flags = static_cast<std::uint64_t>(message.number(Tag::Flags));
    unit.essential = (flags & wire::kEssential) != 0;
    unit.enabled = (flags & wire::kEnabled) != 0;
    unit.ghost = (flags & wire::kGhost) != 0;
    unit.changed = (flags & wire::kChanged) != 0;
    unit.awaits_arrival = (flags & wire::kAwaitsArrival) != 0;
    return unit;
}

GuestRecord read_guest(const wire::Reader& message) {
    GuestRecord guest;
    guest.name = text(message, Tag::Name);
    guest.version = text(message, Tag::Version);
    guest.state = enumerator(message, Tag::State, wire::GuestState::Stopping);
    guest.now = {at_least_zero(message, Tag::Now)};
    guest.boot_time = {at_least_zero(message, Tag::BootTime)};
    guest.ready_time = {at_least_zero(message, Tag::Since)};
    guest.count = at_least_zero(message, Tag::Count);
    guest.log_bytes_lost = at_least_zero(message, Tag::Dropped);
    // An older PID 1 has none.
    const std::string_view counts = message.text(Tag::LogCounts);
    if (counts.size() == sizeof guest.log_counts)
        std::memcpy(&guest.log_counts, counts.data(), sizeof guest.log_counts);
    wire::Reader fields = message;
    while (const auto field = fields.next()) {
        if (field->tag == Tag::Notice) guest.notices.emplace_back(field->text());
    }
    return guest;
}

nlohmann::json to_json(const UnitRecord& unit) {
    nlohmann::json json{{"name", unit.name},
                        {"type", type_name(unit.type)},
                        {"state", state_name(unit.state)},
                        {"seconds-in-state", seconds(unit.age())},
                        {"reason", reason_json(unit)},
                        {"restarts", unit.restarts},
                        {"enabled", unit.enabled},
                        {"changed", unit.changed},
                        {"no_file", unit.ghost},
                        {"essential", unit.essential}};
    if (unit.pid > 0) json["pid"] = unit.pid;
    if (!unit.description.empty()) json["description"] = unit.description;
    if (!unit.status_text.empty()) json["status-text"] = unit.status_text;
    if (!unit.source.empty()) json["file"] = unit.source;
    if (!unit.next_attempt.is_never())
        json["seconds-to-next-attempt"] = seconds(unit.next_attempt - unit.now);
    return json;
}

nlohmann::json to_json(const GuestRecord& guest) {
    nlohmann::json json{{"name", guest.name},
                        {"state", guest_state_name(guest.state)},
                        {"seconds-since-boot", seconds(guest.age())},
                        {"units", guest.count},
                        {"notices", guest.notices}};
    if (!guest.version.empty()) json["version"] = guest.version;
    if (guest.log_bytes_lost > 0) json["log-bytes-lost"] = guest.log_bytes_lost;
    const wire::LogCounts& counts = guest.log_counts;
    for (const auto& [name, count] :
         {std::pair{"log-lines-lost", counts.lost}, std::pair{"syslog-refused", counts.refused},
          std::pair{"syslog-dropped", counts.flooded},
          std::pair{"log-files-removed", counts.removed}})
        if (count > 0) json[name] = count;
    return json;
}

} // namespace stead::cli
