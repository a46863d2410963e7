#include "init/reload.h"

#include <sys/stat.h>

#include <algorithm>

#include "init/control.h"
#include "init/crash.h"
#include "init/keeper.h"
#include "init/loop.h"
#include "init/memory.h"
#include "init/ring.h"
#include "init/timers.h"
#include "plan/ceiling.h"
#include "plan/limits.h"
#include "sys/memory.h"

namespace stead::init {

namespace {

constexpr int kSealed = sys::kSealShrink | sys::kSealGrow | sys::kSealWrite;

struct Change {
    plan::Plan plan;
    int file = -1;
    /// The plan's unit comes to those that are there.
    bool adds = false;
    std::size_t live = 0;
    std::size_t count = 0;
    /// What becomes of each unit.
    std::span<UnitId> to;
    /// Where older plans lie then; 0: nowhere.
    std::array<std::uint16_t, 1 + kMaxPlans> plans{};
    std::uint16_t plans_used = 0;
};

Result<std::span<const std::byte>> map_plan(int file) {
    if (!sys::has_seals(file, kSealed))
        return make_error("the plan can still be changed by its writer", {}, EPERM);

    struct stat about {};

    if (::fstat(file, &about) < 0) return last_error("fstat", "plan");
    if (about.st_size <= 0 || static_cast<std::size_t>(about.st_size) > plan::kMaxImage)
        return make_error("the plan is empty or too large", {}, 0);
    return sys::map_file(file, static_cast<std::size_t>(about.st_size));
}

bool is_needed(Supervisor& self, UnitId id) {
    if (!self.engine->at_rest(id)) return true;
    const auto children = self.children.first(self.children_end);
    return std::any_of(children.begin(), children.end(),
                       [&](const Child& child) { return child.pid != 0 && child.unit == id; });
}

/// Decides what becomes of each unit, and what each is described by then.
Result<void> number_units(Supervisor& self, Change& change) {
    const bool command = self.table.command_unit() != kNoUnit;
    change.live = change.adds ? self.table.live() : change.plan.unit_count() + (command ? 1 : 0);
    change.count = change.live;
    const auto units = static_cast<UnitId>(self.table.size());
    for (UnitId id = 0; id < units; ++id) {
        std::optional<UnitId> found;
        if (change.adds) {
            if (id < change.live) found = id;
        } else if (id == self.table.command_unit()) {
            found = static_cast<UnitId>(change.live - 1);
        } else {
            found = change.plan.find_unit(self.table.name(id));
        }
        if (!found && is_needed(self, id)) found = static_cast<UnitId>(change.count++);
        change.to[id] = found.value_or(kNoUnit);
    }
    if (change.adds) ++change.count;
    if (change.count > kMaxUnits) return make_error("too many units", {}, E2BIG);
    return {};
}

/// Keeps plan `file` as an older one; 0: there are too many.
std::uint16_t keep_plan(Supervisor& next, Change& change, int file) {
    if (change.plans_used == kMaxPlans) return 0;
    next.older_plans[change.plans_used++].value = file;
    return change.plans_used;
}

Error too_many_plans() {
    return make_error("units still run by too many plans of earlier reloads; restart those that "
                      "have changed",
                      {}, 0);
}

/// Whether unit `id` goes on as another plan than the newest one describes it.
bool stays_older(Supervisor& self, const Change& change, UnitId id, UnitTable::Where where) {
    const UnitId becomes = change.to[id];
    if (becomes >= change.live) return true;
    if (id == self.table.command_unit() || !self.engine->is_running(id)) return false;
    if (change.adds) return where.plan != 0;
    const std::uint32_t digest = change.plan.digest(becomes);
    return digest == 0 || digest != self.table.digest(id);
}

Result<void> describe_units(Supervisor& self, Supervisor& next, Change& change) {
    const auto units = static_cast<UnitId>(self.table.size());
    for (UnitId id = 0; id < units; ++id) {
        if (change.to[id] == kNoUnit) continue;
        Unit& unit = next.units[change.to[id]];
        unit = self.units[id];
        unit.plan = 0;
        const UnitTable::Where where = self.table.where(id);
        if (!stays_older(self, change, id, where)) continue;
        std::uint16_t& kept = change.plans[where.plan];
        const SlotFd& file = where.plan == 0 ? self.unit_plan : self.older_plans[where.plan - 1];
        if (kept == 0) kept = keep_plan(next, change, file.get());
        if (kept == 0) return too_many_plans();
        unit.plan = kept;
        unit.defined = where.unit;
    }
    if (!change.adds) {
        next.unit_plan.value = change.file;
        return {};
    }
    Unit& added = next.units[change.count - 1];
    added.plan = keep_plan(next, change, change.file);
    if (added.plan == 0) return too_many_plans();
    return {};
}

void move_children(Supervisor& self, Supervisor& next, const Change& change) {
    next.children_end = 0;
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.pid == 0) continue;
        Child& moved = next.children[next.children_end++];
        moved = child;
        if (child.unit != kNoUnit) moved.unit = change.to[child.unit];
    }
}

/// Sockets and kept descriptors go with their units, times with their definitions.
void move_activation(Supervisor& self, Supervisor& next, const Change& change) {
    for (std::size_t i = 0; i < next.held_end; ++i) {
        Held& held = next.held[i];
        // The host's own stay.
        if (!held.fd || held.unit == kNoUnit) continue;
        held.unit = change.to[held.unit];
        // It closes with the execution.
        if (held.unit == kNoUnit) held = {};
    }
    for (const Timer& timer : std::span(self.timers).first(self.timer_end)) {
        const UnitId unit = change.to[timer.unit];
        if (unit >= change.live) continue;
        Timer& moved = next.timers[next.timer_end++];
        moved = timer;
        moved.unit = unit;
    }
    for (Transient& transient : next.transients) {
        if (!transient.serves) continue;
        transient.unit = change.to[transient.unit];
        transient.serves = transient.unit != kNoUnit;
    }
}

/// Lines that no keeper has taken; those of units that are gone went with them.
void move_ring(Supervisor& self, Supervisor& next, const Change& change) {
    Ring walker = self.ring;
    while (const auto record = ring_front(walker)) {
        const UnitId unit = record->unit == kSyslog ? kSyslog : change.to[record->unit];
        if (unit != kNoUnit) ring_append(next.ring, unit, record->error_stream, record->bytes);
        ring_pop(walker);
    }
}

void move_clients(Supervisor& self, Supervisor& next, const Change& change, const Client& who) {
    for (std::size_t i = 0; i < kMaxClients; ++i) {
        Client& client = next.clients[i];
        if (!client.fd) continue;
        if (&self.clients[i] == &who) {
            client.pending = change.adds ? Pending::Settle : Pending::Reload;
            client.request = wire::Kind::Start;
            client.unit = static_cast<UnitId>(change.count - 1);
            continue;
        }
        const bool one = client.unit != kNoUnit;
        if (one && client.unit < change.to.size()) client.unit = change.to[client.unit];
        // Half an answer about other units, or one about a unit that is gone: its end says so.
        if (client.pending == Pending::Status || (one && client.unit == kNoUnit)) client = {};
    }
}

Result<void> fill_state(Supervisor& self, Supervisor& next, Change& change, const Client& who) {
    TRY(describe_units(self, next, change));
    TRY(open_units(next));
    TRY(lay_out_tables(next));
    const auto memory = find_tables(next);
    if (!self.engine->transfer(next.table.graph(), memory, change.to) ||
        !engine::Engine::resume(next.table.graph(), memory))
        return make_error("the units cannot be taken over", {}, EINVAL);
    move_children(self, next, change);
    move_ring(self, next, change);
    move_activation(self, next, change);
    move_clients(self, next, change, who);
    if (self.target != kNoUnit) next.target = change.to[self.target];
    next.reloaded = true;
    next.begun = change.adds ? static_cast<UnitId>(change.count - 1) : kNoUnit;
    return {};
}

Result<void> check_plan(Supervisor& self, const Change& change) {
    if (const auto& guest = self.table.guest()) TRY(plan::check_loader_plan(change.plan, *guest));
    if (change.adds && change.plan.unit_count() != 1)
        return make_error("the plan is not of one unit", {}, EINVAL);
    if (change.adds && self.table.find(change.plan.name(0)))
        return make_error("there is a unit of this name", change.plan.name(0), 0);
    return {};
}

/// Returns with what was wrong.
Result<void> change_units(Supervisor& self, Change& change, const Client& who) {
    TRY(check_plan(self, change));
    TRY(number_units(self, change));
    const auto memory = TRY(draft_state(self, change.count));
    auto& next = *reinterpret_cast<Supervisor*>(memory.data());
    auto filled = fill_state(self, next, change, who);
    if (filled) {
        execute_on(self, next);
        filled = make_error("PID 1 cannot be executed again", {}, 0);
    }
    next.memory.close();
    sys::unmap(std::as_bytes(std::span(next.scratch, 1)));
    sys::unmap(memory);
    return filled;
}

/// The service manager, which has been told of the beginning.
void tell_reloaded(Supervisor& self) {
    if (self.ready_told) tell_readiness(self, "READY=1");
}

} // namespace

void reload_units(Supervisor& self,
                  Client& client,
                  const wire::Reader& message,
                  sys::Record& record) {
    if (record.descriptor_count != 1)
        return answer(self, client, kAskedWrongly, "no plan came along");
    if (!self.memory || !self.program)
        return answer(self, client, kCouldNot, "without /proc PID 1 cannot be executed again");
    Change change;
    change.adds = (message.number(wire::Tag::Flags) & wire::kAddUnit) != 0;
    const auto& guest = self.table.guest();
    if (guest && guest->has_units)
        return answer(self, client, kCouldNot,
                      "a jail's units come with its guest file: stop it and run it again");
    // What the engine has decided is done before everything gets other numbers.
    obey_engine(self);
    // A crash from here on has the request obeyed once more: what has been told was not for it.
    self.mailbox.events = self.engine->events();
    if (self.engine->shutting_down() || !client.fd)
        return answer(self, client, kCouldNot, "the guest is shutting down");

    change.file = record.descriptors[0].get();
    // Room for one number for each unit, which nobody else uses meanwhile.
    change.to = {reinterpret_cast<UnitId*>(self.scratch->pointers.data()), self.table.size()};
    const auto image = map_plan(change.file);
    if (!image) return answer(self, client, image.error());
    const auto plan = plan::Plan::open(*image);
    if (plan) change.plan = *plan;
    if (self.ready_told && !change.adds) tell_readiness(self, "RELOADING=1");
    const auto changed = plan ? change_units(self, change, client) : Result<void>(plan.error());
    tell_reloaded(self);
    sys::unmap(*image);
    answer(self, client, changed.error());
}

void end_reload(Supervisor& self) {
    tell_reloaded(self);
    tell_engine(self, engine::EventKind::Reloaded, self.begun, self.target == kNoUnit ? 1U : 0U);
    arm_activation(self);
    self.reloaded = false;
}

} // namespace stead::init
