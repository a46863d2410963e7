#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "plan/ceiling.h"
#include "plan/samples.h"

/// Whatever bytes a loader sends: `open` refuses them, or every accessor stays inside them, names
/// are found, the cut keeps below its ceiling, and the content can be written again and comes back
/// the same.
namespace {

using namespace stead;
using namespace stead::plan;

void promise(bool kept, const char* what) {
    if (kept) return;
    std::cerr << "broken promise: " << what << '\n';
    std::abort();
}

void check_order(const Plan& plan) {
    // Ends only if the order has no cycle: each pass takes what has nothing left before it.
    std::vector<bool> started(plan.unit_count(), false);
    std::size_t left = plan.unit_count();
    for (bool moved = true; left > 0; moved = false) {
        for (std::size_t id = 0; id < plan.unit_count(); ++id) {
            if (started[id]) continue;
            bool ready = true;
            for (const Dependency& edge : plan.graph().dependencies_of(static_cast<UnitId>(id))) {
                const bool orders =
                    edge.kind != DependencyKind::Conflicts && edge.kind != DependencyKind::PartOf;
                ready = ready && (!orders || started[edge.target]);
            }
            if (!ready) continue;
            started[id] = true;
            --left;
            moved = true;
        }
        promise(moved, "the order has no cycle");
    }
}

void check_ceiling(const Plan& plan) {
    GuestView ceiling;
    ceiling.capabilities = 0x4fb;
    const std::uint64_t allow = 6;
    ceiling.filter = {{&allow, 1}};
    ceiling.launched = true;
    for (const bool is_private : {false, true}) {
        ceiling.private_users = is_private;
        for (std::size_t id = 0; id < plan.unit_count(); ++id) {
            const ExecView exec = cut(plan.exec(static_cast<UnitId>(id)), ceiling);
            promise(((exec.capabilities | exec.ambient) & ~ceiling.capabilities) == 0,
                    "no capability above the ceiling");
            promise(exec.filter.empty() || exec.no_new_privileges || !exec.ceiling_filter.empty(),
                    "no filter instead of the guest's");
        }
    }
}

void check_again(const Plan& plan) {
    const PlanInput content = read_back(plan);
    for (std::size_t id = 0; id < content.units.size(); ++id) {
        promise(plan.find_unit(content.units[id].name) == static_cast<UnitId>(id),
                "names are found");
        for (const auto& setting : content.units[id].exec.cgroup_settings) {
            promise(setting.file.find('/') == std::string::npos, "no path as a cgroup file");
        }
    }
    const auto written = write(content);
    // Strings that shared their bytes no longer do: what was small may have become too large.
    if (!written &&
        describe(written.error()).view().find("larger than 16 MB") != std::string_view::npos)
        return;
    promise(written.has_value(), "what opens can be written");
    const Image image(*written);
    const auto again = Plan::open(image.bytes());
    promise(again.has_value() && read_back(*again) == content, "it comes back the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Image image({reinterpret_cast<const std::byte*>(data), size});
    const auto plan = Plan::open(image.bytes());
    if (!plan) {
        promise(!plan.error().subject().empty(), "a refusal says why");
        return 0;
    }
    check_order(*plan);
    check_ceiling(*plan);
    check_again(*plan);
    return 0;
}
