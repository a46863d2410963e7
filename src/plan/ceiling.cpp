#include "plan/ceiling.h"

#include "base/words.h"

namespace stead::plan {

namespace {

constexpr const char* kLevels =
    "cgroup.max.depth\0cgroup.max.descendants\0cpu.idle\0cpu.max\0cpu.max.burst\0"
    "cpu.uclamp.max\0cpu.uclamp.min\0cpu.weight\0cpu.weight.nice\0cpuset.cpus\0"
    "cpuset.mems\0dmem.max\0io.bfq.weight\0io.latency\0io.max\0io.prio.class\0io.weight\0"
    "memory.high\0memory.low\0memory.max\0memory.min\0memory.oom.group\0"
    "memory.swap.high\0memory.swap.max\0memory.zswap.max\0memory.zswap.writeback\0"
    "misc.max\0pids.max\0rdma.max\0";

/// hugetlb.2MB.max, hugetlb.1GB.rsvd.max: one pair for each page size of the machine.
bool is_huge_page_level(std::string_view file) {
    constexpr std::string_view kPrefix = "hugetlb.";
    if (!file.starts_with(kPrefix)) return false;
    file.remove_prefix(kPrefix.size());
    const std::size_t dot = file.find('.');
    if (dot == std::string_view::npos || dot < 3 || dot > 8) return false;
    const std::string_view size = file.substr(0, dot);
    const std::string_view level = file.substr(dot);
    if (level != ".max" && level != ".rsvd.max") return false;
    return size.find_first_not_of("0123456789") == size.size() - 2 && size.back() == 'B' &&
           std::string_view("KMG").find(size[size.size() - 2]) != std::string_view::npos;
}

/// PID 1's own streams belong to the launcher; what would have gone there goes to the log.
OutputKind cut_output(OutputKind wanted, const GuestView& ceiling) {
    return ceiling.launched && wanted == OutputKind::Inherit ? OutputKind::Log : wanted;
}

} // namespace

Result<void> check_loader_plan(const Plan& plan, const GuestView& ceiling) {
    if (plan.guest())
        return make_error(
            "plan", "of the guest's loader: carries a guest record, which only the launcher writes",
            0);
    const std::size_t most = ceiling.max_units == 0 ? kMaxUnits : ceiling.max_units;
    if (plan.unit_count() > most) {
        FixedString<96> text("of the guest's loader: has ");
        text.append_number(static_cast<long long>(plan.unit_count()))
            .append(" units, the guest may have ")
            .append_number(static_cast<long long>(most));
        return make_error("plan", text.view(), 0);
    }
    return {};
}

ExecView cut(const ExecView& exec, const GuestView& ceiling) {
    ExecView result = exec;
    result.capabilities = ceiling.capabilities;
    if (exec.own_capabilities) result.capabilities &= exec.capabilities;
    result.ambient = exec.ambient & result.capabilities;
    result.no_new_privileges = exec.no_new_privileges || ceiling.no_new_privileges;
    result.no_root = exec.no_root || ceiling.no_root;

    result.ceiling_filter = {};
    if (ceiling.private_users || ceiling.no_new_privileges) {
        if (!exec.filter.empty()) result.ceiling_filter = ceiling.filter;
    } else if (!result.no_new_privileges) {
        result.filter = {};
    }

    if (ceiling.launched) {
        result.inherit_input = false;
        result.controlling_terminal = false;
    }
    result.output = cut_output(exec.output, ceiling);
    result.error = cut_output(exec.error, ceiling);
    return result;
}

bool is_unit_cgroup_file(std::string_view file) {
    return find_word(kLevels, file) >= 0 || is_huge_page_level(file);
}

} // namespace stead::plan
