#include "compile/calls.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include <seccomp.h>

namespace stead::compile {

namespace {

struct YoungCall {
    int number;
    std::string_view name;
};

#if defined(__x86_64__)
constexpr int kUretprobe = 335;
constexpr int kUprobe = 336;
#else
constexpr int kUretprobe = -1;
constexpr int kUprobe = -1;
#endif
#if defined(__riscv)
constexpr int kRiscvHwprobe = 258;
#else
constexpr int kRiscvHwprobe = -1;
#endif

/// Calls that the oldest supported libseccomp (2.5.4) may not know. Since number 424 all
/// architectures of Linux number new calls alike; -1: only another architecture has it.
constexpr std::array<YoungCall, 23> kYoungCalls{{
    {kUretprobe, "uretprobe"},
    {kUprobe, "uprobe"},
    {kRiscvHwprobe, "riscv_hwprobe"},
    {450, "set_mempolicy_home_node"},
    {451, "cachestat"},
    {452, "fchmodat2"},
    {453, "map_shadow_stack"},
    {454, "futex_wake"},
    {455, "futex_wait"},
    {456, "futex_requeue"},
    {457, "statmount"},
    {458, "listmount"},
    {459, "lsm_get_self_attr"},
    {460, "lsm_set_self_attr"},
    {461, "lsm_list_modules"},
    {462, "mseal"},
    {463, "setxattrat"},
    {464, "getxattrat"},
    {465, "listxattrat"},
    {466, "removexattrat"},
    {467, "open_tree_attr"},
    {468, "file_getattr"},
    {469, "file_setattr"},
}};

/// The names follow systemd's groups where those exist, so that lists can be carried over.
constexpr std::array<CallGroup, 39> kGroups{{
    {"@aio", "asynchronous I/O of the old kind",
     "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit"},
    {"@basic-io", "reading, writing, closing",
     "_llseek close close_range dup dup2 dup3 lseek pread64 preadv preadv2 pwrite64 pwritev "
     "pwritev2 read readv write writev"},
    {"@chown", "changing a file's owner", "chown chown32 fchown fchown32 fchownat lchown lchown32"},
    {"@clock", "changing the clock",
     "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime"},
    {"@cpu-emulation", "emulation of other processors",
     "modify_ldt subpage_prot switch_endian vm86 vm86old"},
    {"@debug", "looking into other processes, and performance counters",
     "@inspect lookup_dcookie perf_event_open rtas s390_runtime_instr sys_debug_setcontext"},
    {"@default", "what every program needs",
     "@memory arch_prctl cacheflush clock_getres clock_getres_time64 clock_gettime "
     "clock_gettime64 clock_nanosleep clock_nanosleep_time64 execve execveat exit exit_group "
     "get_robust_list get_thread_area getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 "
     "getgroups getgroups32 getpgid getpgrp getpid getppid getrandom getresgid getresgid32 "
     "getresuid getresuid32 getrlimit getsid gettid gettimeofday getuid getuid32 nanosleep "
     "prlimit64 restart_syscall riscv_flush_icache riscv_hwprobe rseq rt_sigreturn "
     "sched_getaffinity sched_yield set_robust_list set_thread_area set_tid_address set_tls "
     "sigreturn sysinfo time ugetrlimit umask uname uprobe uretprobe @futex"},
    {"@file-system", "files, folders and their attributes",
     "access cachestat chdir chmod copy_file_range creat faccessat faccessat2 fadvise64 "
     "fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fcntl fcntl64 fgetxattr "
     "file_getattr file_setattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 "
     "fstatfs fstatfs64 ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr "
     "getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lgetxattr "
     "link linkat listxattr listxattrat llistxattr lremovexattr lsetxattr lstat lstat64 mkdir "
     "mkdirat mknod mknodat newfstatat oldfstat oldlstat oldstat open openat openat2 readahead "
     "readdir readlink readlinkat removexattr removexattrat rename renameat renameat2 rmdir "
     "sendfile sendfile64 setxattr setxattrat stat stat64 statfs statfs64 statx symlink symlinkat "
     "truncate truncate64 unlink unlinkat utime utimensat utimensat_time64 utimes"},
    {"@futex", "waiting in user space",
     "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake"},
    {"@handles", "files by handle", "name_to_handle_at open_by_handle_at"},
    {"@inspect", "looking into other processes",
     "kcmp pidfd_getfd process_vm_readv process_vm_writev ptrace"},
    {"@io-event", "waiting for descriptors",
     "_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
     "epoll_wait epoll_wait_old eventfd eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 "
     "select"},
    {"@io-uring", "rings of requests", "io_uring_enter io_uring_register io_uring_setup"},
    {"@ipc", "pipes, queues, shared memory",
     "ipc memfd_create memfd_secret mq_getsetattr mq_notify mq_open mq_timedreceive "
     "mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv "
     "msgsnd pipe pipe2 semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt "
     "shmget"},
    {"@keyring", "the kernel's key store", "add_key keyctl request_key"},
    {"@lsm", "attributes of security modules",
     "lsm_get_self_attr lsm_list_modules lsm_set_self_attr"},
    {"@memlock", "locking memory", "mlock mlock2 mlockall munlock munlockall"},
    {"@memory", "address spaces",
     "brk madvise map_shadow_stack membarrier mincore mmap mmap2 mprotect mremap mseal munmap "
     "remap_file_pages"},
    {"@module", "kernel modules",
     "create_module delete_module finit_module get_kernel_syms init_module query_module"},
    {"@mount", "mounting file systems",
     "fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr "
     "pivot_root umount umount2"},
    {"@mount-info", "lists of mounts", "listmount statmount"},
    {"@namespaces", "entering and leaving namespaces", "setns unshare"},
    {"@network-io", "sockets",
     "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
     "recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socket socketcall "
     "socketpair"},
    {"@numa", "placement of memory",
     "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
    {"@obsolete", "calls without use today",
     "_sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle lock "
     "mpx nfsservctl prof profil putpmsg query_module security sgetmask ssetmask stty sysfs "
     "tuxcall ulimit uselib ustat vserver"},
    {"@personality", "execution domains", "personality"},
    {"@pkey", "protection keys", "pkey_alloc pkey_free pkey_mprotect"},
    {"@process", "making and watching processes",
     "@default capget clone clone3 fork getpriority getrusage kill pidfd_open pidfd_send_signal "
     "prctl process_mrelease rt_sigqueueinfo rt_tgsigqueueinfo setpgid setsid swapcontext tgkill "
     "times tkill vfork wait4 waitid waitpid"},
    {"@raw-io", "ports of the machine",
     "ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write s390_pci_mmio_read "
     "s390_pci_mmio_write"},
    {"@reboot", "rebooting, other kernels", "kexec_file_load kexec_load reboot"},
    {"@resources", "priorities and limits",
     "@schedule-info ioprio_set nice sched_setaffinity sched_setattr sched_setparam "
     "sched_setscheduler setpriority setrlimit"},
    {"@sandbox", "narrowing one's own rights",
     "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp"},
    {"@schedule-info", "reading priorities",
     "getpriority ioprio_get sched_get_priority_max sched_get_priority_min sched_getaffinity "
     "sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
     "sched_rr_get_interval_time64"},
    {"@setuid", "changing users and groups",
     "setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid "
     "setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid "
     "setuid32"},
    {"@signal", "signals",
     "kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
     "rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
     "sigaction "
     "sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend tgkill "
     "tkill"},
    {"@splice", "moving pages between pipes and files", "splice tee vmsplice"},
    {"@swap", "swap space", "swapoff swapon"},
    {"@sync", "writing files to disk",
     "fdatasync fsync msync sync sync_file_range sync_file_range2 syncfs"},
    {"@timer", "timers",
     "alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime "
     "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
     "timerfd_gettime64 timerfd_settime timerfd_settime64 times"},
}};

std::string_view next_word(std::string_view& list) {
    const auto begin = list.find_first_not_of(' ');
    if (begin == std::string_view::npos) {
        list = {};
        return {};
    }
    list.remove_prefix(begin);
    const auto word = list.substr(0, list.find(' '));
    list.remove_prefix(word.size());
    return word;
}

const CallGroup* group_of(std::string_view name) {
    for (const CallGroup& group : kGroups)
        if (group.name == name) return &group;
    return nullptr;
}

} // namespace

std::span<const CallGroup> call_groups() {
    return kGroups;
}

std::optional<int> find_call(std::string_view name) {
    // A negative number stands for a call that only other architectures have.
    const int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
    if (number >= 0) return number;
    for (const YoungCall& call : kYoungCalls)
        if (call.name == name && call.number >= 0) return call.number;
    return std::nullopt;
}

std::string call_name(int number) {
    const std::unique_ptr<char, decltype(&std::free)> name(
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), &std::free);
    if (name) return name.get();
    for (const YoungCall& call : kYoungCalls)
        if (call.number == number) return std::string(call.name);
    return {};
}

bool is_call_name(std::string_view name) {
    for (const YoungCall& call : kYoungCalls)
        if (call.name == name) return true;
    return ::seccomp_syscall_resolve_name(std::string(name).c_str()) != __NR_SCMP_ERROR;
}

std::vector<int> expand_calls(std::string_view list) {
    std::vector<int> numbers;
    for (auto word = next_word(list); !word.empty(); word = next_word(list)) {
        if (const CallGroup* group = group_of(word)) {
            const auto members = expand_calls(group->members);
            numbers.insert(numbers.end(), members.begin(), members.end());
        } else if (const auto number = find_call(word)) {
            numbers.push_back(*number);
        }
    }
    return numbers;
}

std::optional<std::vector<int>> find_group(std::string_view name) {
    const CallGroup* group = group_of(name);
    if (group == nullptr) return std::nullopt;
    return expand_calls(group->members);
}

} // namespace stead::compile
