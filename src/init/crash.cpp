#include "init/crash.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "init/memory.h"
#include "sys/clock.h"
#include "sys/memory.h"
#include "sys/signals.h"

namespace stead::init {

namespace {

constexpr std::array<std::uint8_t, 7> kCrashes = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                                                  SIGABRT, SIGTRAP, SIGSYS};
constexpr int kCrashCode = 125;
/// Within one execution: the second crash is one of the rescue itself.
constexpr int kMaxDepth = 2;

/// What the handler goes by. It lies outside of the state, which may be what the crash has spoilt.
struct Rescue {
    Supervisor* self = nullptr;
    pid_t pid = 0;
    int depth = 0;
    Roots roots;
    char** argv = nullptr;
    char** environment = nullptr;
    std::span<Unit> units;
    std::span<Child> children;
    FixedString<24> name;
};

// A signal handler is given nothing but the signal. Of the two one holds; one store changes which.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
constinit Rescue rescues[2];
constinit unsigned which = 0;

// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

Rescue& rescue() {
    return rescues[which];
}

void tell(std::string_view text) {
    (void)!::write(STDERR_FILENO, text.data(), text.size());
}

void keep_open(int fd) {
    (void)::fcntl(fd, F_SETFD, 0);
}

void close_later(int fd) {
    (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void end() {
    tell("stead-init: ended by its own mistake; the guest ends with it\n");
    ::_exit(kCrashCode);
}

bool ends_guest(int signal) {
    return signal == SIGTERM || signal == SIGINT || signal == SIGPWR ||
           (signal >= sys::realtime_signal(3) && signal <= sys::realtime_signal(5));
}

/// PID 1 no longer trusts itself. The services go on without it, orphans are still reaped, and a
/// signal to stop, or the end of the last process, ends the guest.
[[noreturn]] void outlive_services() {
    tell("stead-init: failed again and again; services go on unsupervised until the guest is "
         "stopped\n");
    // Whoever asks is refused at once instead of waiting for an answer.
    (void)::syscall(SYS_close_range, 3U, ~0U, 0U);
    while (true) {
        siginfo_t info{};
        while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
            info.si_pid = 0;
        if (errno == ECHILD) end();
        const sys::SignalSet every = ordinary_signals();
        const long signal = ::syscall(SYS_rt_sigtimedwait, &every, nullptr, nullptr, sizeof every);
        if (signal > 0 && ends_guest(static_cast<int>(signal))) end();
    }
}

/// The roots as they were, which a wild store may have hit.
void restore_roots() {
    static_cast<Roots&>(*rescue().self) = rescue().roots;
}

/// Whether the crash rate is still bearable.
bool count_crash(CrashAccount& account) {
    ++account.total;
#ifdef STEAD_CRASH_TEST
    return true;
#else
    const Instant now = sys::now();
    if (account.recent == 0 || now - account.window > kCrashWindow) {
        account.recent = 0;
        account.window = now;
    }
    return ++account.recent <= kCrashLimit;
#endif
}

/// The program before the last upgrade takes over, once; without one the services go on alone.
void go_back(State& state) {
    if (!state.fallback) outlive_services();
    tell("stead-init: the new version fails; the one before it goes on\n");
    state.crashes.on_trial = false;
    state.crashes.recent = 0;
    state.program.value = state.fallback.value;
    // The failed one closes with the execution.
    state.fallback.value = 0;
}

void execute(int program) {
    const State& state = *rescue().self;
    // A crash that follows at once must find its signal unblocked, or the kernel ends us.
    (void)sys::set_signal_mask(ordinary_signals());
    if (rescue().depth < kMaxDepth) {
        const std::size_t used =
            std::min<std::size_t>(state.children_end, rescue().children.size());
        each_descriptor(state, rescue().units, rescue().children.first(used), keep_open);
    } else {
        // Walking the tables may be what failed: only what leads to everything else.
        each_descriptor(state, {}, {}, keep_open);
    }
    if (rescue().argv != nullptr) rescue().argv[0] = const_cast<char*>(rescue().name.c_str());
    (void)::syscall(SYS_execveat, program, "", rescue().argv, rescue().environment, AT_EMPTY_PATH);
}

#ifdef STEAD_CRASH_TEST

// PID 1 of a launched guest has no environment of the test's making: for it there are builds with
// other defaults.
#ifndef STEAD_CRASH_COUNT
#define STEAD_CRASH_COUNT 0
#endif
#ifndef STEAD_CRASH_FORGETS
#define STEAD_CRASH_FORGETS false
#endif

/// Five ways to fail, and one that exhausts the stack.
[[gnu::noinline]] int exhaust(volatile char* above) {
    volatile char here[4096]; // Large, and used.
    if (above != nullptr && *above == 7) return 0;
    here[0] = static_cast<char>(above != nullptr ? *above : 0);
    return exhaust(here) + here[0];
}

void fail(std::uint32_t how) {
    switch (how % 6) {
    case 0:
        *static_cast<volatile int*>(nullptr) = 1;
        break;
    case 1:
        asm volatile("ud2");
        break;
    case 2: {
        volatile int zero = 0;
        asm volatile("idivl %0" : : "m"(zero), "a"(1), "d"(0));
        break;
    }
    case 3:
        ::abort();
    case 4: {
        // Behind the end of a file there is nothing: SIGBUS.
        const auto file = sys::make_memory_file("nothing");
        const auto memory = sys::map_shared(file->get(), 4096);
        (void)*static_cast<volatile std::byte*>(memory->data());
        break;
    }
    default:
        (void)exhaust(nullptr);
        break;
    }
}

bool planned = false; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

/// A mistake that the test did not make: where it was.
void report_unplanned(int signal, const siginfo_t& info) {
    FixedString<120> line("stead-init: unplanned signal ");
    line.append_number(signal).append(" address ");
    line.append_number(static_cast<long long>(reinterpret_cast<std::uintptr_t>(info.si_addr)));
    tell(line.append("\n").view());
}

/// The test's own timer: it stops us at a random instruction, and there we fail.
void on_timer() {
    if (std::getenv("STEAD_CRASH_SPOIL") != nullptr) {
        // The record of a unit in the engine's memory.
        auto* base = reinterpret_cast<std::byte*>(rescue().self) + rescue().roots.layout.engine_at;
        base[rescue().roots.layout.engine_bytes / 8] ^= std::byte{0x5a};
    }
    if (STEAD_CRASH_FORGETS) {
        // Nothing is left of the engine, nor of any child.
        auto* base = reinterpret_cast<std::byte*>(rescue().self) + rescue().roots.layout.engine_at;
        std::memset(base, 0, rescue().roots.layout.engine_bytes);
        for (Child& child : rescue().children)
            child = {};
    }
    planned = true;
    fail(rescue().self->crashes.total);
}

#endif

void on_crash([[maybe_unused]] int signal, siginfo_t* info, void* /*context*/) {
    // A child on its way to its program is no supervisor.
    if (::getpid() != rescue().pid) ::_exit(kCrashCode);
#ifdef STEAD_CRASH_TEST
    if (info->si_code == SI_TIMER) {
        (void)sys::set_signal_mask(ordinary_signals());
        return on_timer();
    }
#endif
    // A real fault has a positive code, which nobody can send. SI_USER and SI_TKILL tell the
    // sender's true pid; every other code of a sent signal comes with a pid of the sender's choice
    // (rt_sigqueueinfo(2)).
    const bool own =
        (info->si_code == SI_USER || info->si_code == SI_TKILL) && info->si_pid == rescue().pid;
    if (info->si_code <= 0 && !own) return;

#ifdef STEAD_CRASH_TEST
    if (!planned) report_unplanned(signal, *info);
#endif
    // A crash within the rescue is one more crash, not the end.
    (void)sys::set_signal_mask(ordinary_signals());
    if (!rescue().roots.prepared || !rescue().roots.memory || !rescue().roots.program) end();
    if (++rescue().depth > kMaxDepth) outlive_services();
    restore_roots();
    State& state = *rescue().self;
    if (state.crashes.on_trial || !count_crash(state.crashes)) go_back(state);
    execute(state.program.get());
    outlive_services();
}

} // namespace

sys::SignalSet ordinary_signals() {
    sys::SignalSet signals = sys::kEverySignal;
    for (const int signal : kCrashes)
        signals &= ~sys::signal_bit(signal);
    return signals;
}

Result<void> catch_crashes(Supervisor& self) {
    rescue().self = &self;
    rescue().pid = ::getpid();
    rescue().argv = self.argv;
    rescue().environment = self.environment;
    // SIGSEGV on an exhausted stack can only be handled on another one.
    stack_t other{};
    other.ss_sp = self.scratch->crash_stack.data();
    other.ss_size = self.scratch->crash_stack.size();
    if (::sigaltstack(&other, nullptr) < 0) return last_error("sigaltstack");

    struct sigaction action {};

    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    // Signals that others send are handled one after the other, so that their frames do not pile up
    // beyond the stack.
    std::memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
    for (const int signal : kCrashes) {
        if (::sigaction(signal, &action, nullptr) < 0) return last_error("sigaction");
    }
    TRY(sys::set_signal_mask(ordinary_signals()));
    return {};
}

void remember_roots(Supervisor& self) {
    Rescue& next = rescues[1 - which];
    next = rescue();
    next.self = &self;
    next.name.clear();
    next.name.append(kResumedName).append_number(self.memory.get());
    next.units = self.units;
    next.children = self.children;
    next.roots = self;
    order_stores();
    which = 1 - which;
    order_stores();
}

void execute_again(Supervisor& self, int program) {
    execute(program);
    each_descriptor(self, self.units, self.children.first(self.children_end), close_later);
}

void execute_on(Supervisor& self, Supervisor& next) {
    remember_roots(next);
    execute_again(next, next.program.get());
    remember_roots(self);
}

#ifdef STEAD_CRASH_TEST

namespace {

std::uint32_t number_of(const char* name, std::uint32_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10))
                           : otherwise;
}

} // namespace

void plan_crash(Supervisor& self) {
    const std::uint32_t limit = number_of("STEAD_CRASH_COUNT", STEAD_CRASH_COUNT);
    if (self.crashes.total >= limit) return;
    static timer_t timer = nullptr;
    if (timer == nullptr) {
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGTRAP;
        if (::timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) return;
    }
    // splitmix64 of the time: the instruction is another one in each turn.
    auto random = static_cast<std::uint64_t>(sys::now().ns) * 0x9e3779b97f4a7c15U;
    random = (random ^ random >> 31U) * 0xbf58476d1ce4e5b9U;
    random ^= random >> 29U;
    if (random % number_of("STEAD_CRASH_RARITY", 4) != 0) return;
    itimerspec when{};
    when.it_value.tv_nsec = static_cast<long>(1 + (random >> 8U) % 250'000);
    (void)::timer_settime(timer, 0, &when, nullptr);
}

#endif

} // namespace stead::init
