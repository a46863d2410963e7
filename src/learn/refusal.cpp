#include "learn/refusal.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "compile/calls.h"
#include "compile/capabilities.h"
#include "compile/unit_filter.h"
#include "learn/lesson.h"

namespace stead::learn {

namespace {

/// Calls that the kernel allows to whoever holds a capability, whatever the arguments.
struct Privileged {
    std::string_view calls;
    unsigned capability;
};

constexpr std::array kPrivileged{
    Privileged{"@mount setns unshare sethostname setdomainname quotactl swapon swapoff",
               CAP_SYS_ADMIN},
    Privileged{"reboot kexec_load kexec_file_load", CAP_SYS_BOOT},
    Privileged{"@module", CAP_SYS_MODULE},
    Privileged{"settimeofday clock_settime adjtimex clock_adjtime", CAP_SYS_TIME},
    Privileged{"@inspect", CAP_SYS_PTRACE},
    Privileged{"@memlock", CAP_IPC_LOCK},
    Privileged{"bpf", CAP_BPF},
    Privileged{"perf_event_open", CAP_PERFMON},
    Privileged{"syslog", CAP_SYSLOG},
    Privileged{"iopl ioperm", CAP_SYS_RAWIO},
    Privileged{"mknod mknodat", CAP_MKNOD},
    Privileged{"acct", CAP_SYS_PACCT},
    Privileged{"open_by_handle_at", CAP_DAC_READ_SEARCH},
    Privileged{"setpriority sched_setscheduler sched_setparam sched_setattr ioprio_set",
               CAP_SYS_NICE},
    Privileged{"setrlimit prlimit64", CAP_SYS_RESOURCE},
};

bool is_among(std::string_view calls, int number) {
    for (const int member : compile::expand_calls(calls))
        if (member == number) return true;
    return false;
}

std::string what_of(const Seen& seen) {
    std::string text = std::string(seen.call) + "(";
    if (!seen.places.empty()) {
        text += seen.places.front().path;
    } else if (seen.address) {
        text += seen.address->text;
        if (seen.address->port != 0) text += " port " + std::to_string(seen.address->port);
    } else if (seen.call == "socket") {
        text += compile::family_names(std::uint64_t{1} << (seen.arguments[0] & 63U));
    } else if (seen.call.starts_with("set") && seen.call.ends_with("id")) {
        text += std::to_string(static_cast<std::int32_t>(seen.arguments[0]));
    }
    return text + ")";
}

/// What it would have used if it held everything, and lacks.
std::optional<Right> missing_right(const Seen& seen, const Bounds& bounds) {
    Seen mighty = seen;
    mighty.who.capabilities = ~std::uint64_t{0};
    for (Right& right : rights_of(mighty, bounds))
        if (!seen.who.holds(right.capability)) return std::move(right);
    return std::nullopt;
}

Judgement by_filter(const Refused& refused, const Bounds& bounds, Judgement judgement) {
    const Seen& seen = refused.seen;
    const bool socket = seen.call == "socket" || seen.call == "socketpair";
    if (socket && refused.error == EAFNOSUPPORT) {
        judgement.rule = Rule::Families;
        judgement.item = compile::family_names(std::uint64_t{1} << (seen.arguments[0] & 63U));
        judgement.reason = "the filter allows no sockets of the family " + judgement.item;
        return judgement;
    }
    judgement.rule = Rule::Calls;
    judgement.item = seen.call;
    if (const auto missing = missing_right(seen, bounds))
        judgement.capability = compile::capability_name(missing->capability);
    judgement.reason = refused.error == 0
                           ? "the filter does not have this call, and kills whoever makes it"
                       : refused.error == ENOSYS
                           ? "the filter hides this call, which most programs do without"
                           : "the filter does not have this call, or not with these arguments";
    return judgement;
}

/// What has to be writable: the file, or the folder in which it would be made.
std::string writable_place(const Place& place) {
    const auto slash = place.path.rfind('/');
    return place.object || slash == 0 ? place.path : place.path.substr(0, slash);
}

Judgement by_capability(Judgement judgement, unsigned capability, const std::string& over) {
    judgement.rule = Rule::Capability;
    judgement.item = compile::capability_name(capability);
    judgement.reason = "it lacks the capability " + judgement.item;
    const bool files = capability == CAP_DAC_OVERRIDE || capability == CAP_DAC_READ_SEARCH;
    if (files) judgement.reason = "the mode of " + over + " does not allow it to this user";
    return judgement;
}

} // namespace

Judgement judge(const Refused& refused, const Bounds& bounds) {
    const Seen& seen = refused.seen;
    Judgement judgement;
    judgement.what = what_of(seen);
    if (refused.filter) {
        const std::uint32_t action = *refused.filter & SECCOMP_RET_ACTION_FULL;
        const auto code = static_cast<int>(*refused.filter & SECCOMP_RET_DATA);
        const bool answered = action == SECCOMP_RET_ERRNO && code == refused.error;
        if (answered || refused.error == 0) return by_filter(refused, bounds, judgement);
    }
    if (refused.error == EROFS) {
        judgement.rule = Rule::ReadOnly;
        if (!seen.places.empty()) judgement.item = writable_place(seen.places.front());
        judgement.reason = "it is read-only there";
        return judgement;
    }
    if (const auto missing = missing_right(seen, bounds))
        return by_capability(judgement, missing->capability, missing->place);
    if (seen.call == "bind" && refused.error == EPERM && seen.address &&
        seen.address->family != AF_UNIX) {
        judgement.rule = Rule::Listen;
        judgement.item = listen_text(*seen.address, seen.socket_type);
        judgement.reason = "the guest may not bind this address";
        return judgement;
    }
    if (refused.error == EPERM || refused.error == EACCES) {
        for (const Privileged& row : kPrivileged)
            if (!seen.who.holds(row.capability) && is_among(row.calls, seen.number))
                return by_capability(judgement, row.capability, {});
    }
    judgement.reason = refused.error == ENOSYS ? "this kernel does not have the call"
                       : refused.error == EACCES
                           ? "neither its filter nor a missing capability: a mount without "
                             "execution, Landlock (files.landlock), or another security module"
                           : "neither its filter nor a missing capability: the kernel's own answer";
    return judgement;
}

} // namespace stead::learn
