#include "wire/boot.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "init/cgroups.h"
#include "init/finish.h"
#include "init/keeper.h"
#include "init/loader.h"
#include "init/loop.h"
#include "init/memory.h"
#include "init/modes.h"
#include "init/notify.h"
#include "init/output.h"
#include "init/say.h"
#include "init/setup.h"
#include "init/sockets.h"
#include "sys/events.h"

namespace stead::init {

namespace {

constexpr int kBrokenBoot = 125;
constexpr std::string_view kNotifyPath = "/run/stead/notify";
constexpr const char* kNoUnits =
    "the guest has no unit: none in /etc/stead/units, /usr/lib/stead/units or /run/stead/units";

/// The descriptors of wire/boot.h; empty where the launcher gave none. All are taken before
/// anything of our own is opened: a new descriptor gets the lowest number that is free.
class Given {
public:
    Given() {
        for (int number = wire::kBootPlan; number < wire::kBootDescriptors; ++number) {
            if (::fcntl(number, F_SETFD, FD_CLOEXEC) == 0) fds_[index(number)].reset(number);
        }
    }

    sys::UniqueFd take(wire::BootDescriptor number) { return std::move(fds_[index(number)]); }

private:
    static std::size_t index(int number) { return static_cast<std::size_t>(number); }

    std::array<sys::UniqueFd, wire::kBootDescriptors> fds_;
};

Result<void> take_launcher_plan(Supervisor& self, Given& given) {
    const sys::UniqueFd fd = given.take(wire::kBootPlan);
    if (!fd) return make_error("the launcher gave no plan", {}, 0);
    const plan::Plan plan = TRY(read_plan(fd, true, self.launcher_plan));
    const auto guest = plan.guest();
    if (!guest) return make_error("the launcher's plan has no guest record", {}, 0);
    self.table.use_launcher_plan(plan, *guest);
    self.stop_budget = Duration{std::int64_t{guest->stop_timeout_ms} * 1'000'000};
    return {};
}

Result<void> load_units(Supervisor& self, Given& given) {
    const sys::UniqueFd loader = given.take(wire::kBootLoader);
    if (self.table.guest()->has_units) return {};
    if (!loader) return make_error("the launcher gave no loader", {}, 0);
    return self.table.use_plan(TRY(run_loader(self, {.program = loader.get(), .confined = true})));
}

Result<void> choose_target(Supervisor& self) {
    const std::string_view target = self.table.guest()->target;
    if (target.empty() || target == "default") return {};
    const auto unit = self.table.find(target);
    if (!unit) return make_error("the guest's target is not among its units", target, 0);
    self.target = *unit;
    return {};
}

Result<void> prepare_boot(Supervisor& self, Given& given) {
    TRY(open_loop(self));
    // The keeper comes first: it is told what else goes wrong.
    if (auto channel = given.take(wire::kBootKeeper)) {
        attach_keeper(self, std::move(channel));
        self.provisional = true;
    }
    TRY(take_launcher_plan(self, given));
    raise_open_files(self);
    note_inherited(self);
    take_host_sockets(self);
    if (auto root = given.take(wire::kBootCgroup)) adopt_cgroups(self, std::move(root));
    TRY(load_units(self, given));
    if (self.table.size() == 0) return make_error(kNoUnits, {}, 0);
    TRY(choose_target(self));
    TRY(prepare_tables(self));
    open_notify(self, kNotifyPath, given.take(wire::kBootNotify));
    take_syslog(self, given.take(wire::kBootSyslog));
    if (auto host = given.take(wire::kBootHostControl))
        listen_for_clients(self, std::move(host), true);
    if (auto guest = given.take(wire::kBootGuestControl))
        listen_for_clients(self, std::move(guest), false);
    return {};
}

} // namespace

int boot(char** argv, char** environment) {

    Given given;
    // Nobody inside may trace PID 1 or read its memory.
    (void)::prctl(PR_SET_DUMPABLE, 0);
    const auto made = make_supervisor(argv, environment);
    if (!made) {
        say_raw(describe(made.error()).view());
        return kBrokenBoot;
    }
    Supervisor& self = **made;
    self.launched = true;
    self.ring.memory = {self.ring.memory.data(), kRingSize};

    const auto prepared = prepare_boot(self, given);
    if (self.ended) return finish(self);
    if (!prepared) {
        say_error(self, "the guest cannot boot", prepared.error());
        self.exit_code = kBrokenBoot;
        tell_end(self);
        return self.exit_code;
    }
    run_loop(self);
    return finish(self);
}

} // namespace stead::init
