#include "init/status.h"

#include <algorithm>

#include "base/words.h"
#include "init/children.h"
#include "init/control.h"
#include "init/sockets.h"
#include "init/timers.h"
#include "sys/clock.h"

namespace stead::init {

namespace {

using wire::Tag;

void add_reason(Supervisor& self, wire::Writer& message, const Reason& reason) {
    message.number(Tag::ReasonKind, static_cast<int>(reason.kind))
        .number(Tag::ReasonStage, static_cast<int>(reason.stage))
        .number(Tag::ReasonRole, reason.role)
        .number(Tag::ReasonError, reason.error)
        .number(Tag::ExitKind, static_cast<int>(reason.status.kind))
        .number(Tag::ExitValue, reason.status.value);
    if (reason.unit < self.units.size())
        message.text(Tag::ReasonUnit, self.table.name(reason.unit));
}

std::string_view bytes_of(const void* values, std::size_t size) {
    return {static_cast<const char*>(values), size};
}

std::uint32_t flags_of(const Supervisor& self, UnitId unit) {
    const UnitPolicy& policy = self.table.policy(unit);
    const bool ghost = self.table.is_ghost(unit);
    const bool changed = !ghost && self.engine->is_running(unit) && self.engine->is_previous(unit);
    return (policy.essential ? wire::kEssential : 0U) | (policy.enabled ? wire::kEnabled : 0U) |
           (ghost ? wire::kGhost : 0U) | (changed ? wire::kChanged : 0U);
}

wire::GuestState guest_state(const Supervisor& self) {
    if (self.engine->shutting_down()) return wire::GuestState::Stopping;
    return self.engine->boot_settled() ? wire::GuestState::Up : wire::GuestState::Starting;
}

} // namespace

bool send_unit(Supervisor& self, Client& client, UnitId unit) {
    const engine::UnitView view = self.engine->view(unit);
    const UnitPolicy& policy = self.table.policy(unit);
    // Ghosts may have gone from among the records that the numbers count; no other unit needs them.
    auto needs = self.table.graph().dependencies_of(unit);
    if (self.table.is_ghost(unit)) needs = {};
    wire::Writer message = begin_message(self, wire::Kind::Unit);
    message.text(Tag::Name, self.table.name(unit))
        .number(Tag::State, static_cast<int>(view.state))
        .number(Tag::Since, view.since.ns)
        .number(Tag::Now, sys::now().ns)
        .number(Tag::Restarts, view.restarts)
        .number(Tag::Type, static_cast<int>(policy.type))
        .number(Tag::Flags,
                flags_of(self, unit) | (awaits_arrival(self, unit) ? wire::kAwaitsArrival : 0U));
    add_reason(self, message, view.reason);
    if (const Child* main = find_child(self, unit, CommandRole::Main))
        message.number(Tag::Pid, main->pid);
    if (view.state == UnitState::Backoff && !view.next_attempt.is_never())
        message.number(Tag::NextAttempt, view.next_attempt.ns);
    else if (const Instant next = next_start(self, unit); !next.is_never())
        message.number(Tag::NextAttempt, next.ns);
    message.text(Tag::StatusText, self.units[unit].status_text.view())
        .text(Tag::Description, self.table.description(unit))
        .text(Tag::Source, self.table.source(unit))
        .text(Tag::Moments, bytes_of(&view.moments, sizeof view.moments))
        .text(Tag::Dependency, bytes_of(needs.data(), needs.size_bytes()));
    return send_to(self, client, message);
}

bool send_guest(Supervisor& self, Client& client) {
    wire::Writer message = begin_message(self, wire::Kind::Guest);
    const auto& guest = self.table.guest();
    message.text(Tag::Name, guest ? guest->name : std::string_view{})
        .text(Tag::Version, STEAD_VERSION)
        .number(Tag::State, static_cast<int>(guest_state(self)))
        .number(Tag::Now, sys::now().ns)
        .number(Tag::BootTime, self.boot_time.ns)
        .number(Tag::Since, self.ready_time.ns)
        .number(Tag::Count, static_cast<std::int64_t>(self.units.size()))
        .number(Tag::Dropped, static_cast<std::int64_t>(self.ring.dropped))
        .text(Tag::LogCounts, bytes_of(&self.log_counts, sizeof self.log_counts));
    const StringList notices = self.table.notices();
    for (std::size_t i = 0; i < notices.size(); ++i)
        message.text(Tag::Notice, notices[i]);
    if (self.crashes.total != 0) {
        FixedString<80> line("PID 1 has survived mistakes of its own: ");
        message.text(Tag::Notice, line.append_number(self.crashes.total).view());
    }
    std::string_view own = self.notices.view();
    while (!own.empty()) {
        message.text(Tag::Notice, take_part(own, '\n'));
    }
    const StringList rejected = self.table.rejected();
    for (std::size_t i = 0; i + 1 < rejected.size(); i += 2) {
        FixedString<512> line(rejected[i]);
        line.append(" is left out: ").append(rejected[i + 1]);
        message.text(Tag::Notice, line.view());
    }
    return send_to(self, client, message);
}

void continue_status(Supervisor& self, Client& client) {
    if (client.pending != Pending::Status) return watch_client(self, client);
    // Cursor 0 is the guest's own record, then come the units.
    const bool one = client.unit != kNoUnit;
    const auto gone = [&](UnitId unit) { return client.cursor != 0 && self.table.is_gone(unit); };
    const std::size_t last = one ? 1 : self.units.size();
    for (; client.cursor <= last; ++client.cursor) {
        const auto unit = one ? client.unit : static_cast<UnitId>(client.cursor - 1);
        const bool sent = gone(unit)           ? true
                          : client.cursor == 0 ? send_guest(self, client)
                                               : send_unit(self, client, unit);
        if (sent) continue;
        if (!client.fd) return;
        client.blocked = true;
        return watch_client(self, client);
    }
    answer(self, client, kDone);
}

} // namespace stead::init
