#include "context/privileges.h"

#include <sys/prctl.h>

#include <cerrno>
#include <vector>

#include "sys/privileges.h"

namespace stead::context {

namespace {

constexpr int kCapabilities = 64;

constexpr std::uint64_t bit(int capability) {
    return std::uint64_t{1} << static_cast<unsigned>(capability);
}

} // namespace

Result<Sets> cut_bounding_set(const recipe::Context& recipe, Report& report) {
    const sys::CapabilitySets held = TRY(sys::capabilities());
    Sets sets{recipe.capabilities & held.permitted, recipe.init_capabilities & held.permitted};
    report.has_marker = (held.permitted & bit(kMarker)) != 0;
    if (report.has_marker) sets.inheritable |= bit(kMarker);

    // What is to become inheritable must be in the bounding set at that moment, so this comes
    // first.
    TRY(sys::set_capabilities({held.effective, held.permitted, sets.inheritable}));
    for (int capability = 0; capability < kCapabilities; ++capability) {
        if ((recipe.capabilities & bit(capability)) != 0) continue;
        auto dropped = sys::drop_from_bounding_set(capability);
        // The first number that the kernel does not know ends its list.
        if (!dropped && dropped.error().code == EINVAL) break;
        if (!dropped) return dropped.error();
    }
    TRY(sys::clear_ambient());
    return sets;
}

Result<void> drop_privileges(const recipe::Context& recipe, const Sets& sets) {
    if (recipe.no_new_privileges) TRY(sys::process_control(PR_SET_NO_NEW_PRIVS, 1));
    const std::vector<std::uint64_t>& filter =
        recipe.init_filter.empty() ? recipe.filter : recipe.init_filter;
    // Without no_new_privs a filter needs SYS_ADMIN, which is still held here.
    if (!filter.empty()) {
        TRY(sys::load_filter(filter.data(), static_cast<std::uint16_t>(filter.size())));
    }
    const std::uint64_t kept = sets.bounding | sets.inheritable;
    return sys::set_capabilities({kept, kept, sets.inheritable});
}

} // namespace stead::context
