#include "init/finish.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/keeper.h"
#include "init/output.h"
#include "init/say.h"
#include "sys/file.h"

namespace stead::init {

namespace {

/// What parents of PID 1 take for "start it again" (LXC, systemd-nspawn).
constexpr int kRebootCode = 133;

int reboot_command(EndKind end) {
    switch (end) {
    case EndKind::Reboot:
        return RB_AUTOBOOT;
    case EndKind::Halt:
        return static_cast<int>(RB_HALT_SYSTEM);
    case EndKind::Exit:
    case EndKind::Poweroff:
        break;
    }
    return RB_POWER_OFF;
}

} // namespace

bool owns_machine(const Supervisor& self) {
    if (self.launched || ::getpid() != 1) return false;
    std::array<char, 64> target{};
    const auto size = sys::read_link(AT_FDCWD, "/proc/self/ns/pid", target);
    // PROC_PID_INIT_INO of the kernel: the first pid namespace has a fixed number.
    constexpr std::string_view kFirstNamespace = "pid:[4026531836]";
    return size && std::string_view(target.data(), *size) == kFirstNamespace;
}

int finish(Supervisor& self) {
    for (std::size_t i = 0; i < self.units.size(); ++i)
        remove_cgroup(self, self.table.name(static_cast<UnitId>(i)));
    kill_leftovers(self);
    if (!self.launched) {
        constexpr int kPatience = 2000;
        self.console_full = false;
        for (std::size_t i = 0; i < self.units.size(); ++i)
            drain_output(self, static_cast<UnitId>(i), kPatience);
    }
    leave_cgroups(self);
    if (!self.control_path.empty()) (void)::unlink(self.control_path.c_str());
    if (!self.launched && !self.notify_path.empty()) (void)::unlink(self.notify_path.c_str());
    tell_end(self);

    if (owns_machine(self)) {
        (void)::kill(-1, SIGKILL);
        ::sync();
        (void)::reboot(reboot_command(self.end));
        say_raw("reboot(2) is refused; ending instead, at which the kernel panics");
    }
    if (self.end == EndKind::Reboot) return kRebootCode;
    return self.exit_code;
}

} // namespace stead::init
