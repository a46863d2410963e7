#include "init/main_process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/digits.h"
#include "init/loop.h"
#include "sys/events.h"
#include "sys/file.h"
#include "sys/process.h"

namespace stead::init {

namespace {

bool belongs(Supervisor& self, UnitId unit, pid_t pid) {
    if (self.units[unit].has_cgroup) {
        std::array<char, 1024> buffer;
        const std::string_view name = self.table.name(unit);
        return find_cgroup_of(self, pid, buffer) == name || is_member(self, name, pid);
    }
    siginfo_t info{};
    const int asked = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    return asked == 0 && info.si_pid == 0;
}

} // namespace

void watch_taken_main(Supervisor& self, const Child& child) {
    const auto index = static_cast<std::size_t>(&child - self.children.data());
    (void)sys::watch(self.epoll.get(), child.pidfd.get(), EPOLLIN,
                     event_data(Source::MainEnd, index));
}

bool take_main(Supervisor& self, UnitId unit, std::int64_t number) {
    const auto pid = static_cast<pid_t>(number);
    if (number <= 1 || number > INT32_MAX || pid == ::getpid()) return false;
    Child* child = find_child(self, pid);
    if (child == nullptr) {
        // The descriptor first: from here on the number cannot come to mean another process
        // unnoticed.
        auto process = sys::open_process(pid);
        if (!process || !belongs(self, unit, pid)) return false;
        child = add_child(self);
        if (child == nullptr) return false;
        child->unit = unit;
        child->role = CommandRole::Main;
        child->ticket = self.units[unit].main_ticket;
        child->marked = child->executed = child->taken = true;
        child->pidfd.take(std::move(process->pidfd));
        order_stores();
        child->pid = pid;
        order_stores();
        const pid_t group = ::getpgid(pid);
        if (group > 1) self.units[unit].group = group;
        watch_taken_main(self, *child);
    }
    if (child->unit != unit || child->role != CommandRole::Main || child->replaced) return false;
    // Whatever was the main process is any process of the unit now; its end changes nothing.
    for (Child& other : self.children.first(self.children_end)) {
        if (&other == child || other.pid == 0 || other.unit != unit || other.role != child->role)
            continue;
        other.replaced = true;
        other.ticket = 0;
    }
    self.changed = true;
    return true;
}

void look_into_pid_file(Supervisor& self, UnitId unit) {
    if (find_child(self, unit, CommandRole::Main) != nullptr) return;
    // Strings of a plan end in NUL. A FIFO would have no end.
    const auto file = sys::open_at(AT_FDCWD, self.table.ready_path(unit).data(),
                                   O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return;
    std::array<char, 32> text;
    const ssize_t size = ::read(file->get(), text.data(), text.size());
    if (size <= 0) return;
    std::string_view digits(text.data(), static_cast<std::size_t>(size));
    while (!digits.empty() && (digits.back() == '\n' || digits.back() == ' '))
        digits.remove_suffix(1);
    const auto pid = whole_number(digits);
    if (pid && take_main(self, unit, *pid)) tell_engine(self, engine::EventKind::Ready, unit);
}

std::optional<UnitId> find_unit(Supervisor& self, std::uint64_t cgroup) {
    for (std::size_t i = 0; cgroup != 0 && self.cgroups.units && i < self.units.size(); ++i) {
        const auto unit = static_cast<UnitId>(i);
        if (!self.units[i].has_cgroup) continue;
        // The number of a cgroup is that of its folder (cgroups(7)).
        const FixedString<kMaxUnitName> name(self.table.name(unit));
        const auto status = sys::status_at(self.cgroups.units.get(), name.c_str(), 0);
        if (status && status->st_ino == cgroup) return unit;
    }
    return std::nullopt;
}

} // namespace stead::init
