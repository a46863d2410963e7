// Calls of the machine's administrator, and rare parts of the kernel.

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "attack/probe.h"

namespace stead::attack {

namespace {

constexpr long kIoUringSetup = 425;
constexpr long kIoUringEnter = 426;
constexpr long kIoUringRegister = 427;
constexpr long kProcessMadvise = 440;

Outcome set_clock() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return tried(::clock_settime(CLOCK_REALTIME, &now));
}

Outcome adjust_clock() {
    timex settings{};
    if (::adjtimex(&settings) < 0) return refused(errno);
    // The frequency that it has already.
    settings.modes = ADJ_FREQUENCY;
    return tried(::adjtimex(&settings));
}

Outcome bpf(int command, unsigned size) {
    // A map of one element of one word; the same room is more than enough for the other commands.
    unsigned words[32] = {2, 4, 4, 1};
    return granted(::syscall(SYS_bpf, command, words, size));
}

Outcome perf_events() {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    attributes.exclude_kernel = 1;
    return tried(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

Outcome gains(unsigned capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data) < 0) return refused(errno);
    data[capability / 32].permitted |= 1U << (capability % 32);
    data[capability / 32].effective |= 1U << (capability % 32);
    return tried(::syscall(SYS_capset, &header, data));
}

Outcome real_time() {
    sched_param parameters{};
    parameters.sched_priority = 1;
    return tried(::sched_setscheduler(0, SCHED_FIFO, &parameters));
}

Outcome raises(__rlimit_resource resource) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) < 0) return refused(errno);
    if (limit.rlim_max == RLIM_INFINITY) return absent("the hard limit is infinite");
    ++limit.rlim_max;
    return tried(::setrlimit(resource, &limit));
}

Outcome alarm_clock() {
    timer_t timer = nullptr;
    sigevent event{};
    event.sigev_notify = SIGEV_NONE;
    return tried(::timer_create(CLOCK_BOOTTIME_ALARM, &event, &timer));
}

#define CALL(name, ...)                                                                            \
    {                                                                                              \
        name, Want::Forbidden, [] { return granted(::syscall(__VA_ARGS__)); }                      \
    }

const Probe kProbes[] = {
    CALL("keyring.add", SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING),
    CALL("keyring.request", SYS_request_key, "user", "attack", nullptr, KEY_SPEC_PROCESS_KEYRING),
    CALL("keyring.session", SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr),
    CALL("keyring.user", SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1),
    CALL("io-uring.setup", kIoUringSetup, 1, nullptr),
    CALL("io-uring.enter", kIoUringEnter, -1, 0, 0, 0, nullptr, 0),
    CALL("io-uring.register", kIoUringRegister, -1, 0, nullptr, 0),
    {"bpf.map", Want::Forbidden, [] { return bpf(0, 48); }},
    {"bpf.program", Want::Forbidden, [] { return bpf(5, 48); }},
    {"bpf.by-id", Want::Forbidden, [] { return bpf(13, 12); }},
    {"perf.event", Want::Forbidden, perf_events},
    CALL("memory.userfaultfd", SYS_userfaultfd, 1 /* user mode only */ | O_CLOEXEC),
    CALL("memory.policy", SYS_set_mempolicy, 0, nullptr, 0),
    CALL("memory.bind", SYS_mbind, nullptr, 0, 0, nullptr, 0, 0),
    CALL("memory.migrate-pages", SYS_migrate_pages, 0, 0, nullptr, nullptr),
    CALL("memory.move-pages", SYS_move_pages, 0, 0, nullptr, nullptr, nullptr, 0),
    CALL("memory.madvise-other", kProcessMadvise, -1, nullptr, 0, 0, 0),
    CALL("notify.fanotify", SYS_fanotify_init, 1 /* FAN_CLOEXEC */, 0),
    CALL("kernel.kexec", SYS_kexec_load, 0, 0, nullptr, 0xffff'ffffUL),
    CALL("kernel.kexec-file", SYS_kexec_file_load, -1, -1, 0, nullptr, 0),
    CALL("kernel.init-module", SYS_init_module, nullptr, 0, ""),
    CALL("kernel.finit-module", SYS_finit_module, -1, "", 0),
    CALL("kernel.delete-module", SYS_delete_module, "no-such-module", O_NONBLOCK),
    // Magic numbers that are none: asked only after the capability.
    CALL("kernel.reboot", SYS_reboot, 0, 0, 0, nullptr),
    CALL("kernel.log", SYS_syslog, 3, nullptr, 0),
    CALL("kernel.log-level", SYS_syslog, 8, nullptr, 99),
    CALL("kernel.accounting", SYS_acct, "/no/such/file"),
    {"kernel.swap-on", Want::Forbidden, [] { return granted(::swapon("/no/such/file", 0)); }},
    {"kernel.swap-off", Want::Forbidden, [] { return granted(::swapoff("/no/such/file")); }},
    {"clock.set", Want::Forbidden, set_clock},
    {"clock.adjust", Want::Forbidden, adjust_clock},
    {"clock.time-zone", Want::Forbidden,
     [] {
         const struct timezone zone {};

         return tried(::syscall(SYS_settimeofday, nullptr, &zone));
     }},
    {"clock.wake-alarm", Want::Forbidden, alarm_clock},
    {"port.iopl", Want::Forbidden, [] { return tried(::iopl(3)); }},
    {"port.ioperm", Want::Forbidden, [] { return tried(::ioperm(0x80, 1, 1)); }},
    CALL("legacy.personality-read-implies-exec", SYS_personality, READ_IMPLIES_EXEC),
    CALL("legacy.personality-svr4", SYS_personality, 0x0001 | 0x0100000),
    CALL("legacy.modify-ldt", SYS_modify_ldt, 0, nullptr, 0),
    CALL("legacy.ustat", SYS_ustat, 1, nullptr),
    CALL("legacy.sysfs", SYS_sysfs, 3),
    {"legacy.x32", Want::Forbidden, [] { return tried(::syscall(0x4000'0000L + SYS_getpid)); }},
    CALL("terminal.hang-up", SYS_vhangup),
    {"capability.gain-sys-admin", Want::Forbidden, [] { return gains(CAP_SYS_ADMIN); }},
    {"capability.gain-sys-ptrace", Want::Forbidden, [] { return gains(CAP_SYS_PTRACE); }},
    {"capability.gain-mknod", Want::Forbidden, [] { return gains(CAP_MKNOD); }},
    {"capability.gain-net-admin", Want::Forbidden, [] { return gains(CAP_NET_ADMIN); }},
    {"capability.gain-wake-alarm", Want::Forbidden, [] { return gains(CAP_WAKE_ALARM); }},
    {"capability.ambient-sys-admin", Want::Forbidden,
     [] { return tried(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0)); }},
    {"priority.nice", Want::Forbidden, [] { return tried(::setpriority(PRIO_PROCESS, 0, -5)); }},
    {"priority.real-time", Want::Forbidden, real_time},
    {"priority.io-real-time", Want::Forbidden,
     [] { return tried(::syscall(SYS_ioprio_set, 1, 0, 1 << 13)); }},
    {"priority.oom-score", Want::Forbidden,
     [] {
         const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
         return tried(::write(fd, "-900", 4));
     }},
    {"limit.open-files", Want::Forbidden, [] { return raises(RLIMIT_NOFILE); }},
    {"limit.locked-memory", Want::Forbidden, [] { return raises(RLIMIT_MEMLOCK); }},
    {"limit.message-queues", Want::Forbidden, [] { return raises(RLIMIT_MSGQUEUE); }},
    {"name.host", Want::Forbidden,
     [] {
         char name[256] = {};
         (void)::gethostname(name, sizeof name - 1);
         return tried(::sethostname(name, ::strlen(name)));
     }},
    {"name.domain", Want::Forbidden, [] { return tried(::setdomainname("(none)", 6)); }},
};

} // namespace

std::span<const Probe> privilege_probes() {
    return kProbes;
}

} // namespace stead::attack
