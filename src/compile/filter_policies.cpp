#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include <cerrno>

#include "compile/filter.h"

namespace stead::compile {

namespace {

bool holds(std::uint64_t capabilities, unsigned capability) {
    return (capabilities >> capability & 1U) != 0;
}

/// Calls whose first arguments decide; the same in every policy.
void check_arguments(CallPolicy& policy) {
    policy.set("socketpair", Answer::SocketPair);
    policy.set("clone", Answer::Clone);
    policy.set("ioctl", Answer::Ioctl);
    policy.set("mknod", Answer::Mknod);
    policy.set("mknodat", Answer::Mknodat);
    // They multiplex calls of which each has a rule of its own here.
    policy.set("socketcall ipc", Answer::Deny);
}

/// Programs live without these: they try something older when the kernel says ENOSYS.
void hide_dispensable(CallPolicy& policy) {
    policy.set("clone3 @io-uring @keyring", Answer::Missing);
}

} // namespace

CallPolicy::CallPolicy()
    : refusal_(SECCOMP_RET_ERRNO | EPERM) {
    for (int number = 0; number <= kNewestCall; ++number)
        if (!call_name(number).empty()) set(number, Answer::Deny);
    hide_dispensable(*this);
}

CallPolicy::CallPolicy(const Answers& answers)
    : answers_(answers)
    , refusal_(SECCOMP_RET_ERRNO | EPERM) {}

Answer CallPolicy::of(int number) const {
    if (number < 0 || number > kNewestCall) return Answer::Missing;
    return answers_[static_cast<std::size_t>(number)];
}

void CallPolicy::set(int number, Answer answer) {
    if (number < 0 || number > kNewestCall) return;
    answers_[static_cast<std::size_t>(number)] = answer;
}

void CallPolicy::set(std::string_view list, Answer answer) {
    for (const int number : expand_calls(list))
        set(number, answer);
}

void CallPolicy::keep_families(std::uint64_t families) {
    families_ = families;
    for (const int number : expand_calls("socket socketpair"))
        if (of(number) == Answer::Allow) set(number, Answer::AnyFamily);
}

void CallPolicy::part_writing_from_executing() {
    const auto narrow = [&](std::string_view calls, Answer answer) {
        for (const int number : expand_calls(calls))
            if (of(number) == Answer::Allow) set(number, answer);
    };
    narrow("mmap mmap2", Answer::Map);
    narrow("mprotect pkey_mprotect", Answer::Protect);
    narrow("shmat", Answer::Attach);
    // READ_IMPLIES_EXEC would make every mapping executable.
    narrow("personality", Answer::Personality);
}

void CallPolicy::keep_projects() {
    keeps_projects_ = true;
    set("file_setattr", Answer::Deny);
}

std::uint64_t families_of(const CallPolicy& policy) {
    constexpr std::uint64_t kOne = 1;
    constexpr std::uint64_t kPlain = kOne << AF_UNIX | kOne << AF_INET | kOne << AF_INET6;
    switch (policy.of(find_call("socket").value_or(-1))) {
    case Answer::Allow:
    case Answer::AnyFamily:
        return policy.families();
    case Answer::Socket:
        return policy.families() & (kPlain | kOne << AF_NETLINK);
    case Answer::SocketPlain:
        return policy.families() & kPlain;
    default:
        return 0;
    }
}

CallPolicy service_policy() {
    CallPolicy policy;
    policy.set(
        "@aio @basic-io @chown @default @file-system @futex @inspect @io-event @ipc @memlock "
        "@memory @mount-info @network-io @pkey @process @resources @sandbox @schedule-info "
        "@setuid @signal @splice @sync @timer capset chroot name_to_handle_at get_mempolicy "
        // Reading the clock's state is legitimate, and the kernel refuses writes.
        "adjtimex clock_adjtime clock_adjtime64 "
        "lsm_get_self_attr lsm_list_modules sethostname setdomainname",
        Answer::Allow);
    policy.set("socket", Answer::Socket);
    policy.set("unshare", Answer::Unshare);
    policy.set("personality", Answer::Personality);
    check_arguments(policy);
    hide_dispensable(policy);
    return policy;
}

CallPolicy init_policy() {
    CallPolicy policy = service_policy();
    policy.set("clone3 setns @mount", Answer::Allow);
    policy.set("clone", Answer::CloneNamespaces);
    policy.set("unshare", Answer::UnshareNamespaces);
    return policy;
}

CallPolicy own_init_policy() {
    CallPolicy policy = init_policy();
    policy.set("clone3", Answer::Missing);
    policy.set("reboot", Answer::Allow);
    return policy;
}

CallPolicy jail_policy(std::uint64_t capabilities) {
    CallPolicy policy;
    policy.set("@basic-io @default @file-system @futex @io-event @ipc @memlock @memory @network-io "
               "@pkey @process @sandbox @schedule-info @signal @sync @timer capset setrlimit",
               Answer::Allow);
    policy.set("socket", Answer::SocketPlain);
    policy.set("personality", Answer::PersonalityQuery);
    check_arguments(policy);
    hide_dispensable(policy);

    if (holds(capabilities, CAP_CHOWN)) policy.set("@chown", Answer::Allow);
    if (holds(capabilities, CAP_SETUID) || holds(capabilities, CAP_SETGID))
        policy.set("@setuid", Answer::Allow);
    if (holds(capabilities, CAP_SYS_CHROOT)) policy.set("chroot", Answer::Allow);
    if (holds(capabilities, CAP_SYS_NICE)) policy.set("@resources", Answer::Allow);
    if (holds(capabilities, CAP_SYS_PTRACE)) policy.set("@inspect", Answer::Allow);
    return policy;
}

CallPolicy jail_init_policy() {
    CallPolicy policy = service_policy();
    policy.set("@inspect chroot sethostname setdomainname @splice", Answer::Deny);
    policy.set("clone3", Answer::Allow);
    return policy;
}

CallPolicy foreign_policy() {
    CallPolicy policy;
    for (int number = 0; number <= kNewestCall; ++number)
        if (!call_name(number).empty()) policy.set(number, Answer::Allow);
    return policy;
}

void widen(CallPolicy& policy, const CallPolicy& other) {
    for (int number = 0; number <= kNewestCall; ++number)
        if (other.of(number) > Answer::Deny && other.of(number) > policy.of(number))
            policy.set(number, other.of(number));
}

int first_beyond(const CallPolicy& inner, const CallPolicy& outer) {
    for (int number = 0; number <= kNewestCall; ++number)
        if (inner.of(number) > Answer::Deny && inner.of(number) > outer.of(number)) return number;
    return -1;
}

} // namespace stead::compile
