#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "compile/bpf.h"
#include "compile/call_lists.h"
#include "compile/default_filters.h"
#include "compile/filter.h"

namespace stead::compile {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#endif

constexpr std::uint32_t refusal(int code) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code);
}

constexpr std::uint32_t kAllowed = SECCOMP_RET_ALLOW;

using Arguments = std::array<std::uint64_t, 6>;

/// A filter under test: asks it as the kernel would.
class Asked {
public:
    explicit Asked(const std::vector<std::uint64_t>& filter)
        : machine_(filter) {}

    std::uint32_t number(int nr, Arguments arguments = {}, std::uint32_t arch = kArchitecture) {
        seccomp_data data{};
        data.nr = nr;
        data.arch = arch;
        for (std::size_t i = 0; i < arguments.size(); ++i)
            data.args[i] = arguments[i];
        return machine_.run(data).value_or(0xdead);
    }

    std::uint32_t call(const char* name, Arguments arguments = {}) {
        const auto found = find_call(name);
        EXPECT_TRUE(found) << name;
        return number(found.value_or(-1), arguments);
    }

    [[nodiscard]] std::size_t size() const { return machine_.size(); }

private:
    test::Machine machine_;
};

Asked service() {
    return Asked(default_service_filter());
}

Asked jail() {
    return Asked(default_jail_filter());
}

void expect_all(Asked filter, const char* names, std::uint32_t verdict) {
    std::istringstream words(names);
    for (std::string name; words >> name;) {
        const auto number = find_call(name);
        // Some names exist on other architectures only.
        if (!number) {
            EXPECT_TRUE(is_call_name(name)) << name;
            continue;
        }
        EXPECT_EQ(filter.number(*number), verdict) << name;
    }
}

const char* const kMountCalls = "mount umount2 pivot_root open_tree open_tree_attr move_mount "
                                "fsopen fsconfig fsmount fspick mount_setattr setns";

TEST(ServiceFilter, AllowsWhatDaemonsDo) {
    expect_all(service(),
               "read write openat close mmap mprotect brk execve execveat fork vfork exit_group "
               "wait4 waitid kill pidfd_open pidfd_send_signal pidfd_getfd prctl arch_prctl rseq "
               "futex futex_waitv futex_wait futex_wake epoll_wait epoll_pwait2 inotify_add_watch "
               "bind listen accept4 connect sendmsg recvmsg setuid setresgid setgroups capset "
               "capget chroot chown fchownat setrlimit prlimit64 sched_setaffinity ioprio_set "
               "ptrace process_vm_readv kcmp seccomp landlock_create_ruleset landlock_add_rule "
               "landlock_restrict_self membarrier getrandom mlock mlock2 pkey_alloc memfd_create "
               "memfd_secret splice tee vmsplice io_setup io_submit shmget mq_open msgsnd "
               "timer_create timerfd_create clock_gettime adjtimex clock_adjtime statmount "
               "listmount name_to_handle_at fsetxattr getxattrat cachestat mseal fchmodat2 "
               "map_shadow_stack sync fsync statx file_getattr rt_sigreturn restart_syscall",
               kAllowed);
}

TEST(ServiceFilter, RefusesPrivilegedCallsWithEperm) {
    expect_all(service(), kMountCalls, refusal(EPERM));
    expect_all(service(),
               "bpf perf_event_open userfaultfd fanotify_init lookup_dcookie quotactl quotactl_fd "
               "init_module finit_module delete_module create_module query_module get_kernel_syms "
               "kexec_load kexec_file_load reboot swapon swapoff settimeofday clock_settime stime "
               "iopl ioperm pciconfig_read s390_pci_mmio_read syslog acct open_by_handle_at "
               "_sysctl uselib ustat sysfs nfsservctl vm86 vm86old modify_ldt mbind set_mempolicy "
               "migrate_pages move_pages process_madvise vhangup lsm_set_self_attr",
               refusal(EPERM));
}

TEST(ServiceFilter, HidesWhatProgramsCanDoWithout) {
    expect_all(service(),
               "clone3 io_uring_setup io_uring_enter io_uring_register add_key keyctl request_key",
               refusal(ENOSYS));
    EXPECT_EQ(service().number(kNewestCall + 1), refusal(ENOSYS));
    EXPECT_EQ(service().number(100'000), refusal(ENOSYS));
    EXPECT_EQ(service().number(-1), refusal(ENOSYS));
}

TEST(EveryFilter, AnswersEnosysToForeignArchitecturesAndX32) {
    for (const auto& filter : {default_service_filter(), default_init_filter(),
                               default_jail_filter(), default_jail_init_filter()}) {
        for (int number = 0; number <= kNewestCall; ++number) {
            EXPECT_EQ(Asked(filter).number(number, {}, AUDIT_ARCH_I386), refusal(ENOSYS));
            EXPECT_EQ(Asked(filter).number(number, {}, AUDIT_ARCH_ARM), refusal(ENOSYS));
#if defined(__x86_64__)
            EXPECT_EQ(Asked(filter).number(number | 0x40000000), refusal(ENOSYS));
#endif
        }
    }
}

TEST(EveryFilter, FitsIntoTheKernelAndEndsForEveryNumber) {
    for (const auto& filter : {default_service_filter(), default_init_filter(),
                               default_jail_filter(), default_jail_init_filter()}) {
        // The kernel translates each anew at each start.
        EXPECT_LE(filter.size(), 200U);
        for (int number = 0; number < 1000; ++number)
            EXPECT_NE(Asked(filter).number(number), 0xdeadU) << number;
    }
}

TEST(EveryFilter, GivesEachNumberTheAnswerOfItsPolicy) {
    const CallPolicy policy = jail_policy(0);
    Asked filter = jail();
    for (int number = 0; number <= kNewestCall; ++number) {
        switch (policy.of(number)) {
        case Answer::Allow:
            EXPECT_EQ(filter.number(number), kAllowed) << number;
            break;
        case Answer::Deny:
            EXPECT_EQ(filter.number(number), refusal(EPERM)) << number;
            break;
        case Answer::Missing:
            EXPECT_EQ(filter.number(number), refusal(ENOSYS)) << number;
            break;
        default:
            break; // decided by arguments, see the tests below
        }
    }
}

/// Whether `filter` answers to `number` what `answer` says.
bool obeys(Asked& filter, int number, Answer answer) {
    constexpr Arguments kExecutable{0, 0, PROT_EXEC};
    switch (answer) {
    case Answer::Allow:
        return filter.number(number) == kAllowed && filter.number(number, kExecutable) == kAllowed;
    case Answer::Deny:
        return filter.number(number) == refusal(EPERM);
    case Answer::Protect:
        return filter.number(number) == kAllowed &&
               filter.number(number, kExecutable) == refusal(EPERM);
    default:
        return filter.number(number) == refusal(ENOSYS);
    }
}

TEST(EveryFilter, FindsEachNumberOfAnyPolicy) {
    constexpr std::array kSome{Answer::Allow, Answer::Deny, Answer::Missing, Answer::Protect};
    for (unsigned seed = 0; seed < 60; ++seed) {
        std::mt19937 random(seed);
        // From one answer for all to another one for nearly each: longer than a jump reaches.
        const unsigned longest = 1U << (seed % 10);
        CallPolicy policy;
        for (int number = 0; number <= kNewestCall;) {
            const Answer answer = kSome[random() % kSome.size()];
            for (unsigned left = 1 + static_cast<unsigned>(random()) % longest;
                 left > 0 && number <= kNewestCall; --left)
                policy.set(number++, answer);
        }
        const auto built = build_filter(policy);
        ASSERT_TRUE(built);
        Asked filter(*built);
        for (int number = 0; number <= kNewestCall; ++number)
            ASSERT_TRUE(obeys(filter, number, policy.of(number)))
                << "seed " << seed << " number " << number;
        for (const int number : {kNewestCall + 1, 1000, 0x3fffffff, 0x40000000, 0x7fffffff, -1})
            ASSERT_TRUE(obeys(filter, number, Answer::Missing)) << "seed " << seed;
    }
}

TEST(EveryFilter, IsTakenByTheKernel) {
    // The longest one, and one for all but the end of the process.
    for (const int step : {1, 1000}) {
        CallPolicy policy;
        for (int number = 0; number <= kNewestCall; ++number)
            policy.set(number, number / step % 2 == 0 ? Answer::Allow : Answer::Protect);
        policy.set("exit_group", Answer::Allow);
        const auto built = build_filter(policy);
        ASSERT_TRUE(built);
        const pid_t child = ::fork();
        if (child == 0) {
            std::vector<std::uint64_t> words = *built;
            const sock_fprog program{static_cast<unsigned short>(words.size()),
                                     reinterpret_cast<sock_filter*>(words.data())};
            (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            const long taken = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
            ::_exit(taken == 0 ? 42 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
    }
}

TEST(EveryFilter, OfOneAnswerNeedsNoTree) {
    for (const Answer answer : {Answer::Allow, Answer::Deny, Answer::Missing, Answer::Protect}) {
        CallPolicy policy;
        for (int number = 0; number <= kNewestCall; ++number)
            policy.set(number, answer);
        const auto built = build_filter(policy);
        ASSERT_TRUE(built);
        Asked filter(*built);
        EXPECT_TRUE(obeys(filter, 0, answer));
        EXPECT_TRUE(obeys(filter, kNewestCall, answer));
        EXPECT_TRUE(obeys(filter, kNewestCall + 1, Answer::Missing));
        EXPECT_EQ(filter.number(0, {}, AUDIT_ARCH_I386), refusal(ENOSYS));
    }
}

TEST(ServiceFilter, LetsSocketsOfFiveFamiliesAndProtocolsThrough) {
    for (const unsigned family : std::to_array<unsigned>({AF_UNIX, AF_INET, AF_INET6}))
        EXPECT_EQ(service().call("socket", {family, SOCK_STREAM, 0}), kAllowed) << family;
    for (const unsigned protocol :
         std::to_array<unsigned>({NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT, NETLINK_SOCK_DIAG,
                                  NETLINK_GENERIC, NETLINK_NETFILTER}))
        EXPECT_EQ(service().call("socket", {AF_NETLINK, SOCK_RAW, protocol}), kAllowed) << protocol;
    for (const unsigned protocol :
         std::to_array<unsigned>({NETLINK_AUDIT, NETLINK_XFRM, NETLINK_SELINUX, NETLINK_CRYPTO}))
        EXPECT_EQ(service().call("socket", {AF_NETLINK, SOCK_RAW, protocol}), refusal(EAFNOSUPPORT))
            << protocol;
    for (const unsigned family :
         std::to_array<unsigned>({AF_PACKET, AF_ALG, AF_VSOCK, AF_XDP, AF_KEY, AF_RDS, AF_TIPC,
                                  AF_CAN, AF_BLUETOOTH, AF_NFC, AF_KCM, AF_SMC, AF_PPPOX, 0, 99}))
        EXPECT_EQ(service().call("socket", {family, SOCK_RAW, 0}), refusal(EAFNOSUPPORT)) << family;
    EXPECT_EQ(service().call("socketpair", {AF_UNIX, SOCK_STREAM, 0}), kAllowed);
    EXPECT_EQ(service().call("socketpair", {AF_TIPC, SOCK_STREAM, 0}), refusal(EAFNOSUPPORT));
}

TEST(ServiceFilter, ComparesTheLowWordOnly) {
    constexpr std::uint64_t kHigh = 0xdeadbeef'00000000;
    EXPECT_EQ(service().call("ioctl", {0, kHigh | TIOCSTI}), refusal(EPERM));
    EXPECT_EQ(service().call("socket", {kHigh | AF_ALG, 0, 0}), refusal(EAFNOSUPPORT));
    EXPECT_EQ(service().call("socket", {kHigh | AF_INET, 0, 0}), kAllowed);
    EXPECT_EQ(service().call("personality", {kHigh | 0x400000}), refusal(EPERM));
    EXPECT_EQ(service().call("unshare", {kHigh}), kAllowed);
    EXPECT_EQ(service().call("unshare", {kHigh | CLONE_NEWNS}), refusal(EPERM));
}

TEST(EveryFilter, KnowsPacketSocketsUnderTheirOldName) {
    for (Asked filter : {service(), jail()}) {
        for (const std::uint64_t flags :
             std::initializer_list<std::uint64_t>{0, SOCK_CLOEXEC, SOCK_NONBLOCK}) {
            EXPECT_EQ(filter.call("socket", {AF_INET, SOCK_PACKET | flags, 0x300}),
                      refusal(EAFNOSUPPORT));
            EXPECT_EQ(filter.call("socket", {AF_INET, SOCK_DGRAM | flags, 0}), kAllowed);
            EXPECT_EQ(filter.call("socket", {AF_INET, SOCK_RAW | flags, 1}), kAllowed);
        }
        // Only the IPv4 family has the old name.
        EXPECT_EQ(filter.call("socket", {AF_UNIX, SOCK_PACKET, 0}), kAllowed);
    }
}

TEST(ServiceFilter, RefusesTerminalTricks) {
    for (const std::uint64_t request :
         std::to_array<std::uint64_t>({TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD}))
        EXPECT_EQ(service().call("ioctl", {0, request}), refusal(EPERM)) << request;
    for (const std::uint64_t request :
         std::to_array<std::uint64_t>({TIOCGWINSZ, TCGETS, FIONREAD, TIOCSCTTY}))
        EXPECT_EQ(service().call("ioctl", {0, request}), kAllowed) << request;
}

TEST(ServiceFilter, KeepsFilesInTheirProjectWhereAsked) {
    for (const std::uint64_t request :
         std::to_array<std::uint64_t>({FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR}))
        EXPECT_EQ(service().call("ioctl", {0, request}), kAllowed);
    CallPolicy policy = service_policy();
    policy.keep_projects();
    const auto filter = build_filter(policy);
    ASSERT_TRUE(filter);
    Asked asked(*filter);
    for (const std::uint64_t request :
         std::to_array<std::uint64_t>({FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, TIOCSTI}))
        EXPECT_EQ(asked.call("ioctl", {0, request}), refusal(EPERM)) << request;
    EXPECT_EQ(asked.call("ioctl", {0, FS_IOC_GETFLAGS}), kAllowed);
    EXPECT_EQ(asked.call("file_setattr"), refusal(EPERM));
    EXPECT_EQ(asked.call("file_getattr"), kAllowed);
}

constexpr std::uint64_t kNewTime = 0x80;

TEST(ServiceFilter, RefusesNewNamespaces) {
    for (const std::uint64_t flag :
         std::to_array<std::uint64_t>({CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                       CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET})) {
        EXPECT_EQ(service().call("clone", {flag | 17}), refusal(EPERM)) << flag;
        EXPECT_EQ(service().call("unshare", {flag}), refusal(EPERM)) << flag;
    }
    EXPECT_EQ(service().call("unshare", {kNewTime}), refusal(EPERM));
    EXPECT_EQ(service().call("unshare", {CLONE_FILES | CLONE_FS}), kAllowed);
    // A thread of glibc, and fork.
    EXPECT_EQ(service().call("clone", {0x3d0f00}), kAllowed);
    EXPECT_EQ(service().call("clone", {0x1200011}), kAllowed);
}

TEST(ServiceFilter, AllowsHarmlessPersonalitiesOnly) {
    for (const std::uint64_t value :
         {0ULL, 8ULL, 0x20000ULL, 0x20008ULL, 0x40000ULL, 0xffffffffULL})
        EXPECT_EQ(service().call("personality", {value}), kAllowed) << value;
    for (const std::uint64_t value : {0x400000ULL, 0x440000ULL, 1ULL, 0x0100000ULL})
        EXPECT_EQ(service().call("personality", {value}), refusal(EPERM)) << value;
}

TEST(EveryFilter, MakesNoDeviceNodes) {
    for (Asked filter : {service(), jail()}) {
        for (const std::uint64_t type :
             std::to_array<std::uint64_t>({0, S_IFREG, S_IFIFO, S_IFSOCK})) {
            EXPECT_EQ(filter.call("mknodat", {0, 0, type | 0644}), kAllowed) << type;
            EXPECT_EQ(filter.call("mknod", {0, type | 0644}), kAllowed) << type;
        }
        for (const std::uint64_t type :
             std::to_array<std::uint64_t>({S_IFCHR, S_IFBLK, S_IFDIR, S_IFLNK})) {
            EXPECT_EQ(filter.call("mknodat", {0, 0, type | 0644}), refusal(EPERM)) << type;
            EXPECT_EQ(filter.call("mknod", {0, type | 0644}), refusal(EPERM)) << type;
        }
    }
}

TEST(InitFilter, AddsWhatBuildsContextsButNoUserNamespace) {
    Asked init(default_init_filter());
    expect_all(init, kMountCalls, kAllowed);
    EXPECT_EQ(init.call("clone3"), kAllowed);
    EXPECT_EQ(init.call("unshare", {CLONE_NEWNS | CLONE_NEWPID | kNewTime}), kAllowed);
    EXPECT_EQ(init.call("unshare", {CLONE_NEWUSER}), refusal(EPERM));
    EXPECT_EQ(init.call("clone", {CLONE_NEWNS | CLONE_NEWUSER}), refusal(EPERM));
    EXPECT_EQ(init.call("bpf"), refusal(EPERM));
    EXPECT_EQ(init.call("io_uring_setup"), refusal(ENOSYS));
}

TEST(InitFilter, IsNeverNarrowerThanTheServices) {
    EXPECT_EQ(first_beyond(service_policy(), init_policy()), -1);
    EXPECT_EQ(first_beyond(jail_policy(0), jail_init_policy()), -1);
    EXPECT_EQ(call_name(first_beyond(init_policy(), service_policy())), "clone");
}

TEST(JailFilter, AllowsWhatANetworkDaemonNeeds) {
    expect_all(jail(),
               "read write openat close mmap mprotect brk execve fork exit_group wait4 kill "
               "epoll_wait bind listen accept4 connect sendmsg recvmsg futex pipe2 eventfd2 "
               "timerfd_create signalfd4 fsync sched_getaffinity sched_yield prlimit64 setsid "
               "statx getdents64 unlink rename sendfile getrandom rseq prctl set_robust_list",
               kAllowed);
}

TEST(JailFilter, RefusesWhatAJailHasNoUseFor) {
    expect_all(jail(), kMountCalls, refusal(EPERM));
    expect_all(jail(),
               "chroot chown fchownat lchown setuid setresuid setgroups setfsuid ptrace "
               "process_vm_readv process_vm_writev pidfd_getfd kcmp unshare iopl clock_settime "
               "settimeofday init_module reboot swapon bpf perf_event_open userfaultfd "
               "open_by_handle_at name_to_handle_at sethostname setpriority sched_setscheduler "
               "adjtimex syslog acct vhangup",
               refusal(EPERM));
    expect_all(jail(), "clone3 io_uring_setup add_key keyctl", refusal(ENOSYS));
    EXPECT_EQ(jail().call("personality", {8}), refusal(EPERM));
    EXPECT_EQ(jail().call("personality", {0xffffffff}), kAllowed);
    EXPECT_EQ(jail().call("socket", {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}), refusal(EAFNOSUPPORT));
    EXPECT_EQ(jail().call("socket", {AF_INET6, SOCK_STREAM, 0}), kAllowed);
}

TEST(JailFilter, GivesCallsWithTheCapabilitiesThatUseThem) {
    const auto filter = build_filter(jail_policy(1ULL << CAP_CHOWN | 1ULL << CAP_SETUID));
    ASSERT_TRUE(filter);
    expect_all(Asked(*filter), "chown fchownat setuid setgroups", kAllowed);
    expect_all(Asked(*filter), "chroot mount ptrace", refusal(EPERM));
}

TEST(BuildFilter, PutsTheRefusalOfThePolicyEverywhere) {
    CallPolicy policy = service_policy();
    policy.set_refusal(SECCOMP_RET_KILL_PROCESS);
    const auto filter = build_filter(policy);
    ASSERT_TRUE(filter);
    Asked asked(*filter);
    EXPECT_EQ(asked.call("mount"), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(asked.call("ioctl", {0, TIOCSTI}), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(asked.call("clone", {CLONE_NEWNS}), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(asked.call("clone3"), refusal(ENOSYS));
    EXPECT_EQ(asked.call("socket", {AF_ALG}), refusal(EAFNOSUPPORT));
    EXPECT_EQ(asked.call("read"), kAllowed);
}

Asked narrowed(CallPolicy policy, std::uint64_t families) {
    policy.keep_families(families);
    const auto filter = build_filter(policy);
    EXPECT_TRUE(filter);
    return Asked(filter ? *filter : std::vector<std::uint64_t>());
}

constexpr std::uint64_t bit(unsigned family) {
    return std::uint64_t{1} << family;
}

TEST(NarrowedFilter, LeavesTheNamedFamiliesOfThoseThatWereAllowed) {
    for (std::uint64_t kept = 0; kept < 16; ++kept) {
        const std::uint64_t families = ((kept & 1) != 0 ? bit(AF_UNIX) : 0) |
                                       ((kept & 2) != 0 ? bit(AF_INET) : 0) |
                                       ((kept & 4) != 0 ? bit(AF_INET6) : 0) |
                                       ((kept & 8) != 0 ? bit(AF_NETLINK) : 0) | bit(AF_PACKET);
        Asked filter = narrowed(service_policy(), families);
        for (unsigned family = 0; family < 70; ++family) {
            const bool left = family < 64 && family != AF_PACKET && (families & bit(family)) != 0;
            EXPECT_EQ(filter.call("socket", {family, SOCK_DGRAM, 0}),
                      left ? kAllowed : refusal(EAFNOSUPPORT))
                << kept << ": " << family;
        }
        EXPECT_EQ(filter.call("socket", {AF_INET, SOCK_PACKET, 0x300}), refusal(EAFNOSUPPORT));
        EXPECT_EQ(filter.call("socket", {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}),
                  refusal(EAFNOSUPPORT));
        EXPECT_EQ(filter.call("socketpair", {AF_UNIX}),
                  (kept & 1) != 0 ? kAllowed : refusal(EAFNOSUPPORT));
    }
    EXPECT_EQ(narrowed(jail_policy(0), bit(AF_NETLINK)).call("socket", {AF_NETLINK, 0, 0}),
              refusal(EAFNOSUPPORT));
    EXPECT_EQ(families_of(jail_policy(0)), bit(AF_UNIX) | bit(AF_INET) | bit(AF_INET6));
}

TEST(NarrowedFilter, OfAContainerTakesAwayNothingElse) {
    Asked filter = narrowed(foreign_policy(), bit(AF_PACKET) | bit(AF_INET));
    EXPECT_EQ(filter.call("socket", {AF_PACKET, SOCK_RAW, 0}), kAllowed);
    EXPECT_EQ(filter.call("socket", {AF_INET, SOCK_PACKET, 0}), kAllowed);
    EXPECT_EQ(filter.call("socket", {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}), refusal(EAFNOSUPPORT));
    EXPECT_EQ(filter.call("socketpair", {AF_UNIX}), refusal(EAFNOSUPPORT));
    expect_all(filter, "mount clone3 unshare bpf io_uring_setup", kAllowed);
    // A way around every check of arguments.
    EXPECT_EQ(filter.number(41, {AF_ALG}, AUDIT_ARCH_I386), refusal(ENOSYS));
}

TEST(NarrowedFilter, PartsWritingFromExecuting) {
    for (CallPolicy policy : {service_policy(), jail_policy(0), foreign_policy()}) {
        policy.part_writing_from_executing();
        const auto built = build_filter(policy);
        ASSERT_TRUE(built);
        Asked filter(*built);
        constexpr std::uint64_t kHigh = 0xdeadbeef'00000000;
        for (std::uint64_t protection = 0; protection < 8; ++protection) {
            const bool both = (protection & PROT_WRITE) != 0 && (protection & PROT_EXEC) != 0;
            EXPECT_EQ(filter.call("mmap", {0, 4096, kHigh | protection}),
                      both ? refusal(EPERM) : kAllowed);
            for (const char* change : {"mprotect", "pkey_mprotect"})
                EXPECT_EQ(filter.call(change, {0, 4096, kHigh | protection}),
                          (protection & PROT_EXEC) != 0 ? refusal(EPERM) : kAllowed);
        }
        EXPECT_EQ(filter.call("mmap", {0, 4096, 7 | 0x1000000}), refusal(EPERM));
        EXPECT_EQ(filter.call("shmat", {0, 0, SHM_RDONLY}), kAllowed);
        EXPECT_EQ(filter.call("shmat", {0, 0, SHM_EXEC | SHM_RDONLY}), refusal(EPERM));
        EXPECT_EQ(filter.call("personality", {0x400000}), refusal(EPERM));
        EXPECT_EQ(filter.call("read"), kAllowed);
    }
}

TEST(DefaultFilters, AreWhatTheirPoliciesSay) {
    EXPECT_EQ(default_service_filter(), *build_filter(service_policy()));
    EXPECT_EQ(default_init_filter(), *build_filter(init_policy()));
    EXPECT_EQ(default_jail_filter(), *build_filter(jail_policy(0)));
    EXPECT_EQ(default_jail_init_filter(), *build_filter(jail_init_policy()));
    EXPECT_EQ(default_service_policy(), service_policy());
    EXPECT_EQ(default_init_policy(), init_policy());
    EXPECT_EQ(default_jail_policy(0), jail_policy(0));
    EXPECT_EQ(default_jail_policy(1ULL << CAP_CHOWN), jail_policy(1ULL << CAP_CHOWN));
    EXPECT_EQ(default_jail_init_policy(), jail_init_policy());
}

TEST(CallGroups, NameOnlyCallsThatExistSomewhere) {
    for (const CallGroup& group : call_groups()) {
        EXPECT_TRUE(group.name.starts_with('@')) << group.name;
        EXPECT_FALSE(group.doc.empty()) << group.name;
        std::istringstream words{std::string(group.members)};
        for (std::string word; words >> word;) {
            if (word.starts_with('@'))
                EXPECT_TRUE(find_group(word)) << group.name << ": " << word;
            else
                EXPECT_TRUE(is_call_name(word)) << group.name << ": " << word;
        }
    }
}

TEST(CallGroups, FindWhatAPersonMeant) {
    EXPECT_EQ(nearest_call("moutn"), "mount");
    EXPECT_EQ(nearest_call("@mout"), "@mount");
    EXPECT_EQ(nearest_call("xyzzyplugh"), "");
}

TEST(Calls, KnowCallsYoungerThanLibseccomp) {
    EXPECT_EQ(find_call("statmount"), 457);
    EXPECT_EQ(find_call("listmount"), 458);
    EXPECT_EQ(find_call("mseal"), 462);
    EXPECT_EQ(find_call("file_setattr"), kNewestCall);
    EXPECT_EQ(call_name(457), "statmount");
    EXPECT_EQ(call_name(kNewestCall + 1), "");
    EXPECT_FALSE(find_call("no_such_call"));
}

} // namespace
} // namespace stead::compile
