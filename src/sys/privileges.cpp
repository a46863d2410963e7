#include "sys/privileges.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

constexpr std::uint64_t joined(std::uint32_t low, std::uint32_t high) {
    return low | std::uint64_t{high} << 32U;
}

constexpr std::uint32_t low_half(std::uint64_t set) {
    return static_cast<std::uint32_t>(set);
}

constexpr std::uint32_t high_half(std::uint64_t set) {
    return static_cast<std::uint32_t>(set >> 32U);
}

} // namespace

Result<CapabilitySets> capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) < 0) return last_error("capget");
    return CapabilitySets{joined(data[0].effective, data[1].effective),
                          joined(data[0].permitted, data[1].permitted),
                          joined(data[0].inheritable, data[1].inheritable)};
}

Result<void> set_capabilities(const CapabilitySets& sets) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, 2> data = {{
        {low_half(sets.effective), low_half(sets.permitted), low_half(sets.inheritable)},
        {high_half(sets.effective), high_half(sets.permitted), high_half(sets.inheritable)},
    }};
    return detail::done(::syscall(SYS_capset, &header, data.data()), "capset");
}

Result<bool> in_bounding_set(int capability) {
    const int answer = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (answer < 0) return last_error("PR_CAPBSET_READ");
    return answer == 1;
}

Result<void> drop_from_bounding_set(int capability) {
    return detail::done(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "PR_CAPBSET_DROP");
}

Result<void> raise_ambient(int capability) {
    return detail::done(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0),
                        "PR_CAP_AMBIENT_RAISE");
}

Result<void> clear_ambient() {
    return detail::done(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0),
                        "PR_CAP_AMBIENT_CLEAR_ALL");
}

Result<int> process_control(int option, unsigned long value) {
    const int answer = ::prctl(option, value, 0, 0, 0);
    if (answer < 0) return last_error("prctl");
    return answer;
}

Result<void> load_filter(const std::uint64_t* instructions, std::uint16_t count) {
    static_assert(sizeof(sock_filter) == sizeof(std::uint64_t));
    // The kernel only reads the program; sock_fprog's pointer merely lacks the const.
    auto* program = reinterpret_cast<sock_filter*>(const_cast<std::uint64_t*>(instructions));
    const sock_fprog filter{count, program};
    return detail::done(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "seccomp");
}

} // namespace stead::sys
