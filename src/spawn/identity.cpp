#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "spawn/steps.h"
#include "sys/privileges.h"

namespace stead::spawn {

namespace {

constexpr std::uint64_t kSysAdmin = std::uint64_t{1} << CAP_SYS_ADMIN;
constexpr int kHighestCapability = 63;

bool loads_filters(const Child& child) {
    return !child.filters[0].empty() || !child.filters[1].empty();
}

/// Whether the child has to carry capabilities over the change of user: ambient ones, or the right
/// to restrict itself as its last step.
bool keeps_capabilities(const Child& child) {
    const bool restricts = loads_filters(child) || child.ruleset >= 0;
    return child.exec.ambient != 0 || (restricts && !child.exec.no_new_privileges);
}

bool is_set(std::uint64_t set, int capability) {
    return (set >> static_cast<unsigned>(capability) & 1U) != 0;
}

} // namespace

void set_groups(const Child& child) {
    if (!child.change_identity) return;
    const auto groups = child.exec.groups;
    if (::syscall(SYS_setgroups, groups.size(), groups.data()) == 0) return;
    // Without the right to set groups nobody gains or loses any when none was asked for.
    if (errno == EPERM && groups.empty() && child.exec.uid == ::geteuid()) return;
    fail(child, SpawnStage::Groups);
}

void set_group(const Child& child) {
    if (!child.change_identity) return;
    const std::uint32_t gid = child.exec.gid;
    if (::syscall(SYS_setresgid, gid, gid, gid) < 0) fail(child, SpawnStage::Group);
}

void cut_bounding_set(const Child& child) {
    if (!child.change_capabilities) return;
    for (int capability = 0; capability <= kHighestCapability; ++capability) {
        if (is_set(child.exec.capabilities, capability)) continue;
        if (child.inherited.known && !is_set(child.inherited.bounding_set, capability)) continue;
        if (!child.inherited.known) {
            const auto present = sys::in_bounding_set(capability);
            if (!present) break; // The kernel knows no further ones.
            if (!*present) continue;
        }
        const auto dropped = sys::drop_from_bounding_set(capability);
        if (!dropped) {
            fail_if_strict(child, SpawnStage::CapabilityBounding, dropped.error().code);
            break;
        }
    }
    if (child.exec.no_root) {
        constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                        SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED;
        const auto set = sys::process_control(PR_SET_SECUREBITS, kBits);
        if (!set) fail_if_strict(child, SpawnStage::CapabilityBounding, set.error().code);
    }
}

void set_user(const Child& child) {
    if (!child.change_identity) return;
    if (keeps_capabilities(child)) {
        const auto kept = sys::process_control(PR_SET_KEEPCAPS, 1);
        if (!kept) fail_if_strict(child, SpawnStage::User, kept.error().code);
    }
    const std::uint32_t uid = child.exec.uid;
    if (::syscall(SYS_setresuid, uid, uid, uid) < 0) fail(child, SpawnStage::User);
}

void set_final_capabilities(const Child& child) {
    if (!child.change_capabilities) return;
    // SYS_ADMIN of the guest's own user namespace is needed to load the filter and is gone with
    // execve: it is not in the bounding set, and neither inheritable nor ambient.
    const std::uint64_t wanted =
        child.exec.capabilities | (keeps_capabilities(child) ? kSysAdmin : 0);
    if (wanted == 0) {
        // Nothing is kept, and the ambient set follows the others (capset(2)).
        const auto emptied = sys::set_capabilities({});
        if (!emptied) fail_if_strict(child, SpawnStage::Capabilities, emptied.error().code);
        return;
    }
    const auto now = sys::capabilities();
    if (!now) fail(child, SpawnStage::Capabilities, now.error().code);
    const std::uint64_t held = now->permitted & wanted;
    const auto set = sys::set_capabilities({held, held, held & child.exec.ambient});
    if (!set) fail_if_strict(child, SpawnStage::Capabilities, set.error().code);

    // An ambient set that came in from outside would survive the cut of the other sets.
    (void)sys::clear_ambient();
    for (int capability = 0; capability <= kHighestCapability; ++capability) {
        if (!is_set(child.exec.ambient, capability)) continue;
        const auto raised = sys::raise_ambient(capability);
        if (!raised) fail_if_strict(child, SpawnStage::Capabilities, raised.error().code);
    }
}

void set_no_new_privileges(const Child& child) {
    if (!child.exec.no_new_privileges) return;
    const auto set = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (set < 0) fail(child, SpawnStage::NoNewPrivileges);
}

void enter_landlock(const Child& child) {
    constexpr long kRestrictSelf = 446; // the same everywhere; older headers lack it
    if (child.ruleset >= 0 && ::syscall(kRestrictSelf, child.ruleset, 0) < 0)
        fail(child, SpawnStage::Landlock);
}

void load_filters(const Child& child) {
    for (const FilterView& filter : child.filters) {
        if (filter.empty()) continue;
        const auto count = static_cast<std::uint16_t>(filter.instructions.size());
        const auto loaded = sys::load_filter(filter.instructions.data(), count);
        if (!loaded) fail(child, SpawnStage::Filter, loaded.error().code);
    }
}

} // namespace stead::spawn
