#include "init/adopt.h"

#include <sys/wait.h>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/loop.h"
#include "init/memory.h"
#include "init/say.h"
#include "sys/process.h"

namespace stead::init {

namespace {

bool runs(Supervisor& self, UnitId unit) {
    return find_child(self, unit, CommandRole::Main) != nullptr ||
           (self.cgroups.units && is_populated(self, self.table.name(unit)));
}

/// The unit's main process, with a record of its own.
Child* find_main(Supervisor& self, UnitId unit) {
    if (Child* known = find_child(self, unit, CommandRole::Main)) return known;
    if (!self.cgroups.units) return nullptr;
    const pid_t pid = find_eldest(self, self.table.name(unit));
    auto process = pid != 0 ? sys::open_process(pid) : make_error("none", {}, ESRCH);
    Child* child = process ? add_child(self) : nullptr;
    if (child == nullptr) return nullptr;
    child->unit = unit;
    child->executed = true;
    child->pidfd.take(std::move(process->pidfd));
    child->pid = pid;
    self.units[unit].group = pid;
    self.units[unit].has_cgroup = true;
    return child;
}

} // namespace

Result<void> adopt_services(Supervisor& self) {
    say(self, Priority::Error, "the state is lost; services are taken back as they are found");
    self.adoption = Adoption::Begun;
    order_stores();
    TRY(prepare_tables(self));
    // Tickets of the lost engine mean nothing to the new one.
    for (Child& child : self.children.first(self.children_end))
        child.ticket = 0;
    self.mailbox.source = Source::Timer;
    for (std::size_t i = 0; i < self.units.size(); ++i) {
        const auto unit = static_cast<UnitId>(i);
        if (runs(self, unit)) tell_engine(self, engine::EventKind::Start, unit);
    }
    tell_engine(self, engine::EventKind::Boot, self.target);
    self.adoption = Adoption::Told;
    return {};
}

bool adopt(Supervisor& self, const engine::Action& action) {
    const UnitId unit = action.unit;
    if (!runs(self, unit)) return false;
    if (action.role == CommandRole::Main) {
        Child* main = find_main(self, unit);
        if (main == nullptr) return false;
        main->ticket = action.ticket;
    }
    tell_engine(self, engine::EventKind::Spawned, action);
    tell_engine(self, engine::EventKind::Executed, action);
    // What a forking unit left behind is its main process only once the first one has gone.
    if (action.role == CommandRole::Main && self.table.policy(unit).type == UnitType::Forking)
        tell_engine(self, engine::EventKind::Exited, action);
    // A hook has run, and what is up says so only once.
    const bool main = action.role == CommandRole::Main;
    tell_engine(self, main ? engine::EventKind::Ready : engine::EventKind::Exited, action);
    return true;
}

} // namespace stead::init
