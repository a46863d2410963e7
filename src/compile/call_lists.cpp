#include "compile/call_lists.h"

#include <linux/seccomp.h>

#include "base/error.h"
#include "compile/nearest.h"

namespace stead::compile {

namespace {

/// Between the filter and the program's first own call: a second filter, signals, the word to PID 1
/// about what failed, the execution itself.
constexpr const char* kAlways = "seccomp rt_sigaction rt_sigprocmask write close execve execveat "
                                "exit exit_group rt_sigreturn";

/// Linux has no errno above this (MAX_ERRNO).
constexpr int kMaxErrno = 4095;

/// What naming a call allows: everything, unless its arguments are always looked at.
Answer allowed_form(int number) {
    struct Checked {
        const char* name;
        Answer answer;
    };

    static constexpr Checked kChecked[] = {
        {"socket", Answer::Socket}, {"socketpair", Answer::SocketPair},
        {"clone", Answer::Clone},   {"unshare", Answer::UnshareNamespaces},
        {"ioctl", Answer::Ioctl},   {"personality", Answer::Personality},
        {"mknod", Answer::Mknod},   {"mknodat", Answer::Mknodat},
    };
    for (const Checked& checked : kChecked)
        if (find_call(checked.name) == number) return checked.answer;
    return Answer::Allow;
}

void allow(CallPolicy& policy, int number) {
    const Answer wanted = allowed_form(number);
    if (policy.of(number) < wanted) policy.set(number, wanted);
}

void apply(const unitfile::Text& item, CallPolicy& policy, Report& report) {
    const bool refuse = item.value.starts_with('!');
    const std::string_view name = std::string_view(item.value).substr(refuse ? 1 : 0);
    std::vector<int> numbers;
    if (const auto group = find_group(name)) {
        numbers = *group;
    } else if (const auto number = find_call(name)) {
        numbers = {*number};
    } else if (!is_call_name(name)) {
        const std::string meant = nearest_call(name);
        report.error(item.place, "there is no system call or group '" + std::string(name) + "'" +
                                     (meant.empty() ? "; syscalls(2) lists them"
                                                    : "; did you mean '" + meant + "'?"));
    }
    for (const int number : numbers) {
        // No filter sees what namespaces it makes: whoever wants it names it.
        if (name.starts_with('@') && number == find_call("clone3").value_or(-1)) continue;
        if (refuse) {
            policy.set(number, Answer::Deny);
        } else {
            allow(policy, number);
        }
    }
    if (name == "@namespaces" && !refuse) policy.set("clone", Answer::CloneNamespaces);
}

} // namespace

CallPolicy
resolve_calls(const unitfile::ListSpec& list, const CallPolicy& inherited, Report& report) {
    if (!list.given) return inherited;
    CallPolicy policy;
    policy.set_refusal(inherited.refusal());
    for (const unitfile::Text& item : list.items) {
        if (item.value == "...") {
            widen(policy, inherited);
        } else {
            apply(item, policy, report);
        }
    }
    policy.set(kAlways, Answer::Allow);
    return policy;
}

std::string nearest_call(std::string_view name) {
    std::vector<std::string> names;
    for (const CallGroup& group : call_groups())
        names.emplace_back(group.name);
    for (int number = 0; number <= kNewestCall; ++number)
        if (auto known = call_name(number); !known.empty()) names.push_back(std::move(known));
    return nearest(name, names);
}

bool set_call_error(std::string_view word, CallPolicy& policy) {
    if (word == "kill") {
        policy.set_refusal(SECCOMP_RET_KILL_PROCESS);
        return true;
    }
    if (word == "log") {
        policy.set_refusal(SECCOMP_RET_LOG);
        return true;
    }
    for (int code = 1; code <= kMaxErrno; ++code) {
        if (errno_name(code) != word) continue;
        policy.set_refusal(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code));
        return true;
    }
    return false;
}

} // namespace stead::compile
