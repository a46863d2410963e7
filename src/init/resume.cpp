#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/function_ref.h"
#include "init/adopt.h"
#include "init/cgroups.h"
#include "init/children.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/digits.h"
#include "init/finish.h"
#include "init/keeper.h"
#include "init/loop.h"
#include "init/mailbox.h"
#include "init/memory.h"
#include "init/modes.h"
#include "init/notify.h"
#include "init/output.h"
#include "init/reconcile.h"
#include "init/reload.h"
#include "init/say.h"
#include "init/setup.h"
#include "init/signals.h"
#include "init/sockets.h"
#include "init/timers.h"
#include "init/transient.h"
#include "init/upgrade.h"
#include "plan/limits.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/memory.h"
#include "sys/process.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

constexpr int kLostCode = 125;
/// Two seconds in all.
constexpr int kAttempts = 100;
constexpr int kAttemptPauseMs = 20;

void close_at_execution(int fd) {
    (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

Result<plan::Plan> open_plan(const SlotFd& file) {
    struct stat about {};

    if (::fstat(file.get(), &about) < 0) return last_error("fstat", "plan");
    return plan::Plan::open(
        TRY(sys::map_file(file.get(), static_cast<std::size_t>(about.st_size))));
}

} // namespace

Result<void> open_units(Supervisor& self) {
    if (self.launcher_plan) {
        const plan::Plan plan = TRY(open_plan(self.launcher_plan));
        const auto guest = plan.guest();
        if (!guest) return make_error("the launcher's plan has no guest record", {}, 0);
        self.table.use_launcher_plan(plan, *guest);
    }
    if (self.unit_plan) {
        const plan::Plan plan = TRY(open_plan(self.unit_plan));
        TRY(self.table.use_plan(plan));
    }
    for (std::size_t i = 0; i < kMaxPlans && self.older_plans[i]; ++i)
        self.table.use_older_plan(i, TRY(open_plan(self.older_plans[i])));
    // The last that can fail for want of memory is behind us: what follows is added once.
    if (self.command_at != 0) {
        char** command = self.argv + self.command_at;
        std::size_t words = 0;
        while (command[words] != nullptr)
            ++words;
        TRY(self.table.add_command({command, words},
                                   static_cast<std::uint32_t>(self.stop_budget.ms())));
    }
    return self.table.add_older_units(self.units, self.engine);
}

namespace {

/// What the machine lacks for a moment is waited for: nobody else can go on for PID 1.
Result<void> insist(FunctionRef<Result<void>()> attempt) {
    auto done = attempt();
    for (int tries = 0; !done && tries < kAttempts; ++tries) {
        const int code = done.error().code;
        if (code != ENOMEM && code != EMFILE && code != ENFILE && code != ENOSPC) break;
        (void)::poll(nullptr, 0, kAttemptPauseMs);
        done = attempt();
    }
    return done;
}

void watch_unit(Supervisor& self, UnitId id) {
    Unit& unit = self.units[id];
    const auto watch = [&](const SlotFd& fd, std::uint32_t events, Source source) {
        if (fd) (void)sys::watch(self.epoll.get(), fd.get(), events, event_data(source, id));
    };
    watch(unit.ready, EPOLLIN, Source::Ready);
    watch(unit.cgroup_events, EPOLLPRI, Source::CgroupEvents);
    // The connection that a probe was making is gone; the engine has the next one made.
    unit.probe.value = 0;
}

void watch_all(Supervisor& self) {
    const auto watch = [&](const SlotFd& fd, Source source) {
        // Unwatched, PID 1 would be deaf for the rest of its life.
        if (fd)
            (void)insist([&] {
                return sys::watch(self.epoll.get(), fd.get(), EPOLLIN, event_data(source));
            });
    };
    watch(self.notify, Source::Notify);
    watch(self.host_listener, Source::HostListener);
    watch(self.guest_listener, Source::GuestListener);
    self.reserve.take(sys::UniqueFd(::fcntl(self.epoll.get(), F_DUPFD_CLOEXEC, 3)));
    for (std::size_t i = 0; i < self.units.size(); ++i)
        watch_unit(self, static_cast<UnitId>(i));
    watch_sockets(self);
    watch_wall_clock(self);
    resume_keeper(self);
}

/// What was read from the kernel and not obeyed, a client's request excepted.
void resume_mail(Supervisor& self) {
    Mailbox& mail = self.mailbox;
    const auto buffer = self.received;
    const bool told = self.mail_told;
    switch (mail.source) {
    case Source::Signals:
        if (!told) obey_signal(self, mailed_signal(self));
        break;
    case Source::Notify: {
        const auto end = std::find(buffer.begin(), buffer.end(), std::byte{0});
        auto record = sys::open_control(mail.control);
        // Its pidfd was closed by the execution.
        record.pidfd.reset();
        record.size = static_cast<std::size_t>(end - buffer.begin());
        obey_message(self, record);
        break;
    }
    case Source::Ready:
        if (mail.index < self.units.size()) obey_ready(self, static_cast<UnitId>(mail.index));
        break;
    case Source::Keeper:
        if (!told) obey_keeper_message(self, std::min(wire::message_size(buffer), buffer.size()));
        break;
    case Source::Client:
        return;
    case Source::Timer: // Nothing, or only half cleared.
    case Source::HostListener:
    case Source::GuestListener:
    case Source::Report:
    case Source::Probe:
    case Source::CgroupEvents:
    case Source::Output:
    case Source::ErrorOutput:
    case Source::MainEnd:
    case Source::Console:
    case Source::Socket:
    case Source::WallClock:
    case Source::Syslog:
        break;
    }
    clear_mail(self);
}

bool fits(const StateLayout& layout) {
    return layout.magic == kStateMagic && layout.version == kStateVersion &&
           layout.state_bytes == sizeof(State) && layout.unit_bytes == sizeof(Unit) &&
           layout.child_bytes == sizeof(Child);
}

Result<void> rebuild(Supervisor& self) {
    TRY(insist([&] { return open_loop(self); }));
    const auto memory = find_tables(self);
    remember_roots(self);
    each_descriptor(self, self.units, self.children.first(self.children_end), close_at_execution);
    plan_crash(self);
    TRY(insist([&] { return open_units(self); }));
    self.engine = engine::Engine::resume(self.table.graph(), memory);
    if (!self.engine || self.adoption == Adoption::Begun) TRY(adopt_services(self));
    self.mail_told = self.engine->events() != self.mailbox.events;
    // Whoever failed once more before this line finds everything as it was.
    watch_all(self);
    reconcile_children(self);
    resume_intent(self);
    if (self.reloaded) end_reload(self);
    resume_transients(self);
    resume_mail(self);
    resume_clients(self);
    check_watched(self);
    // Signals and messages that came meanwhile are looked for without being told of.
    self.more_children = true;
    self.more_notices = true;
    return {};
}

Result<void> find_state(char** argv, char** environment, Supervisor*& self) {
    std::string_view name = argv[0];
    name.remove_prefix(kResumedName.size());
    const auto number = whole_number(name);
    const int file = number && *number < 1 << 20 ? static_cast<int>(*number) : -1;
    // Who starts us by hand with such a name has no such file.
    if (!sys::has_seals(file, sys::kSealSeal | sys::kSealShrink | sys::kSealGrow))
        return make_error("no state to go on with", {}, 0);
    const auto memory = TRY(map_state(file));
    self = TRY(open_memory(memory, argv, environment));
    if (!fits(self->layout) || !self->prepared || self->memory.get() != file)
        return make_error("the state is none of this version's", {}, 0);
    return {};
}

} // namespace

int resume(int /*argc*/, char** argv, char** environment) {
    // Executing made us visible to debuggers again.
    (void)::prctl(PR_SET_DUMPABLE, 0);
    Supervisor* state = nullptr;
    const auto found = insist([&] { return find_state(argv, environment, state); });
    if (!found) {
        say_raw(describe(found.error()).view());
        return kLostCode;
    }
    Supervisor& self = *state;
    const auto rebuilt = rebuild(self);
    if (!rebuilt) {
        // The program before it takes over.
        if (self.crashes.on_trial) __builtin_trap();
        say_error(self, "PID 1 cannot go on after its own mistake", rebuilt.error());
        self.exit_code = kLostCode;
        tell_end(self);
        return kLostCode;
    }
    continue_loop(self);
    return finish(self);
}

int test_state(char** argv, char** environment) {
    // A private mapping: what is tried here changes nothing.
    void* at = ::mmap(nullptr, kStateSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, kTestState, 0);
    if (at == MAP_FAILED) return kTestOtherState;
    const auto found =
        open_memory(std::span(static_cast<std::byte*>(at), kStateSize), argv, environment);
    if (!found || !fits((*found)->layout)) return kTestOtherState;
    Supervisor& self = **found;
    if (self.launcher_plan) self.launcher_plan.value = kTestLauncherPlan;
    if (self.unit_plan) self.unit_plan.value = kTestUnitPlan;
    for (std::size_t i = 0; i < kMaxPlans && self.older_plans[i]; ++i)
        self.older_plans[i].value = kTestUnitPlan + 1 + static_cast<int>(i);
    (void)find_tables(self);
    // The words of `-- CMD` are not here; its unit is the last one and needs none of them.
    if (self.command_at != 0) return kTestPassed;
    if (!open_units(self)) return kTestOtherPlan;
    return engine::Engine::resume(self.table.graph(), find_tables(self)) ? kTestPassed
                                                                         : kTestOtherPlan;
}

} // namespace stead::init
