#include <linux/capability.h>

#include <algorithm>

#include "compile/call_lists.h"
#include "compile/capabilities.h"
#include "compile/default_filters.h"
#include "compile/guest_parts.h"

/// Who a guest runs as, and what it may ask of the kernel.
namespace stead::compile {

namespace {

constexpr std::uint64_t kPrivateInit = capability_mask({CAP_SYS_ADMIN, CAP_SETPCAP});
/// A jail's PID 1 has to become the units' users and to give them their folders.
constexpr std::uint64_t kJailInit = capability_mask(
    {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE});

/// What an init like systemd uses in a user namespace that is its guest's alone.
constexpr std::uint64_t kOwnInit =
    capability_mask({CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_PTRACE, CAP_SYS_TTY_CONFIG,
                     CAP_DAC_READ_SEARCH, CAP_IPC_OWNER, CAP_NET_BROADCAST});

bool has_private_users(const Draft& draft) {
    return draft.context.users == recipe::Users::Private;
}

/// Capabilities that hand the whole host over where the guest's ids are the host's.
void check_real_root(Draft& draft) {
    // An init of the guest's own has been told more than that.
    if (has_private_users(draft) || draft.own_init()) return;
    const std::uint64_t dangerous = draft.context.capabilities & capability_mask({CAP_SYS_ADMIN});
    if (dangerous == 0) return;
    draft.report.error(place_of_capability(draft.spec.capabilities, CAP_SYS_ADMIN),
                       "SYS_ADMIN with the host's users is root on the host; use users = "
                       "\"private\" in a guest of profile system");
}

Result<std::vector<std::uint64_t>> filter_for(const CallPolicy& policy,
                                              const CallPolicy& base,
                                              std::vector<std::uint64_t> ready_made) {
    if (policy == base) return ready_made;
    return build_filter(policy);
}

/// What PID 1 itself cannot do without where it runs under the guest's own filter.
constexpr const char* kInitCalls =
    "@basic-io @default @futex @io-event @process @signal @setuid fchown fchmod mkdirat openat "
    "unlinkat memfd_create pipe2 fcntl timerfd_create timerfd_settime socket bind listen accept4 "
    "connect sendmsg recvmsg getsockopt setsockopt capset setrlimit setpriority";

void check_init_calls(Draft& draft) {
    CallPolicy needed;
    needed.set(kInitCalls, Answer::Allow);
    for (int number = 0; number <= kNewestCall; ++number) {
        if (needed.of(number) != Answer::Allow || number == find_call("clone3").value_or(-1) ||
            draft.calls->of(number) > Answer::Deny)
            continue;
        draft.report.error(draft.spec.system_calls.place,
                           "PID 1 of a guest with users = \"host\" runs under the guest's own "
                           "filter and needs " +
                               call_name(number) + "; allow it, or use users = \"private\"");
        return;
    }
}

/// The calls of which `more` allows more than `less`, by name.
std::string difference(const CallPolicy& more, const CallPolicy& less) {
    std::string names;
    for (int number = 0; number <= kNewestCall; ++number)
        if (more.of(number) > Answer::Deny && more.of(number) > less.of(number))
            names += (names.empty() ? "" : ", ") + call_name(number);
    return names;
}

CallPolicy profile_policy(const Draft& draft) {
    if (draft.own_init()) return own_init_policy();
    return draft.jail() ? default_jail_policy(draft.context.capabilities)
                        : default_service_policy();
}

} // namespace

std::string describe_calls(const Draft& draft) {
    const CallPolicy base = profile_policy(draft);
    int allowed = 0;
    int checked = 0;
    for (int number = 0; number <= kNewestCall; ++number) {
        const Answer answer = draft.calls->of(number);
        if (answer == Answer::Allow) ++allowed;
        if (answer > Answer::Deny && answer < Answer::Allow) ++checked;
    }
    std::string text = std::to_string(allowed) + " allowed, " + std::to_string(checked) +
                       " by their arguments; others fail with EPERM, those that programs can do "
                       "without (clone3, io_uring, keyrings, unknown numbers, foreign "
                       "architectures) with ENOSYS";
    const std::string more = difference(*draft.calls, base);
    const std::string less = difference(base, *draft.calls);
    if (!more.empty()) text += "; beyond the profile: " + more;
    if (!less.empty()) text += "; less than the profile: " + less;
    return text;
}

std::vector<std::string> allowed_calls(const Draft& draft) {
    std::vector<std::string> names;
    for (int number = 0; number <= kNewestCall; ++number)
        if (draft.calls->of(number) > Answer::Deny) names.push_back(call_name(number));
    return names;
}

void set_ids(Draft& draft) {
    const unitfile::GuestSpec& spec = draft.spec;
    recipe::Context& context = draft.context;
    context.ids = {0, 0};
    if (!has_private_users(draft)) return;
    if (spec.users.value == unitfile::UsersKind::Range) {
        context.ids = {spec.users_first, spec.users_count};
        return;
    }
    const auto range =
        draft.facts.id_range ? draft.facts.id_range(spec.name) : std::optional<recipe::IdRange>{};
    if (!range || range->first == 0) {
        draft.report.error(draft.place("users"),
                           "no range of unused ids is left for the guest; stop or delete another "
                           "guest, or name a range: users = \"BASE:COUNT\"");
        return;
    }
    context.ids = *range;
}

void set_capabilities(Draft& draft) {
    const std::uint64_t defaults =
        default_capabilities(draft.spec.profile.value, draft.context.network.mode) |
        (draft.own_init() ? kOwnInit : 0);
    std::uint64_t mask = resolve_capabilities(draft.spec.capabilities, defaults, draft.report);
    const std::uint64_t known = draft.facts.cap_last >= 63
                                    ? ~std::uint64_t{0}
                                    : (std::uint64_t{1} << (draft.facts.cap_last + 1)) - 1;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if ((mask & ~known) >> capability & 1U)
            draft.report.error(place_of_capability(draft.spec.capabilities, capability),
                               "this kernel does not know capability " +
                                   capability_name(capability) + "; take it out");
    }
    draft.context.capabilities = mask & known;
    draft.context.init_capabilities = draft.jail()               ? kJailInit
                                      : has_private_users(draft) ? kPrivateInit
                                                                 : 0;
    check_real_root(draft);

    const std::uint64_t net_raw = capability_mask({CAP_NET_RAW});
    if (draft.context.network.mode == recipe::NetworkMode::Host && (mask & net_raw) != 0)
        draft.context.notices.emplace_back(
            "NET_RAW on a shared network: the guest can read and forge the host's packets");
}

void set_filters(Draft& draft) {
    const bool jail = draft.jail();
    const CallPolicy base = profile_policy(draft);
    draft.calls = resolve_calls(draft.spec.system_calls, base, draft.report);
    const bool counted = !has_private_users(draft) && !draft.context.root.changes.empty();
    if (counted) draft.calls->keep_projects();
    const bool plain_jail = jail && base == default_jail_policy(0);
    auto filter = plain_jail || (!jail && !draft.own_init())
                      ? filter_for(*draft.calls, base,
                                   jail ? default_jail_filter() : default_service_filter())
                      : build_filter(*draft.calls);
    if (!filter) {
        draft.report.error(draft.place("system-calls"), describe(filter.error()).c_str());
        return;
    }
    draft.context.filter = std::move(*filter);
    if (!jail && !has_private_users(draft)) {
        if (draft.spec.system_calls.given) check_init_calls(draft);
        return;
    }

    // PID 1's filter lies below each unit's, so it may not be narrower.
    const CallPolicy init_base = jail ? default_jail_init_policy() : default_init_policy();
    CallPolicy init = init_base;
    widen(init, *draft.calls);
    if (counted) init.keep_projects();
    auto init_filter =
        filter_for(init, init_base, jail ? default_jail_init_filter() : default_init_filter());
    if (!init_filter) {
        draft.report.error(draft.place("system-calls"), describe(init_filter.error()).c_str());
        return;
    }
    draft.context.init_filter = std::move(*init_filter);
}

} // namespace stead::compile
