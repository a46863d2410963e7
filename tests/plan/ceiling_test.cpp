#include <gtest/gtest.h>

#include "plan/ceiling.h"
#include "plan/samples.h"

namespace stead::plan {
namespace {

const std::array<std::uint64_t, 1> kGuestFilter = {6};
const std::array<std::uint64_t, 1> kUnitFilter = {7};

GuestView guest() {
    GuestView view;
    view.capabilities = 0b1011;
    view.filter = {kGuestFilter};
    view.launched = true;
    return view;
}

TEST(Ceiling, GivesAUnitTheGuestsCapabilitiesByDefault) {
    ExecView exec;
    exec.capabilities = 0;
    EXPECT_EQ(cut(exec, guest()).capabilities, 0b1011U);
}

TEST(Ceiling, GivesAUnitNoCapabilityTheGuestLacks) {
    ExecView exec;
    exec.own_capabilities = true;
    exec.capabilities = 0b0110;
    exec.ambient = 0b1111;
    const ExecView result = cut(exec, guest());
    EXPECT_EQ(result.capabilities, 0b0010U);
    EXPECT_EQ(result.ambient, 0b0010U);
}

TEST(Ceiling, LoadsTheGuestsFilterOnTopOfAUnitsOwn) {
    GuestView ceiling = guest();
    ceiling.private_users = true;
    ExecView exec;
    exec.filter = {kUnitFilter};
    const ExecView result = cut(exec, ceiling);
    EXPECT_EQ(result.filter.instructions.data(), kUnitFilter.data());
    EXPECT_EQ(result.ceiling_filter.instructions.data(), kGuestFilter.data());
}

TEST(Ceiling, DropsAFilterThatPid1MayNotLoad) {
    ExecView exec;
    exec.filter = {kUnitFilter};
    EXPECT_TRUE(cut(exec, guest()).filter.empty());
    exec.no_new_privileges = true;
    EXPECT_FALSE(cut(exec, guest()).filter.empty());
}

TEST(Ceiling, KeepsTheGuestsPromisesAboutPrivileges) {
    GuestView ceiling = guest();
    EXPECT_FALSE(cut({}, ceiling).no_new_privileges);
    EXPECT_FALSE(cut({}, ceiling).no_root);
    ceiling.no_new_privileges = true;
    ceiling.no_root = true;
    EXPECT_TRUE(cut({}, ceiling).no_new_privileges);
    EXPECT_TRUE(cut({}, ceiling).no_root);
}

TEST(Ceiling, PassesOnNoStreamOfALaunchedGuestsPid1) {
    ExecView exec;
    exec.inherit_input = true;
    exec.controlling_terminal = true;
    exec.output = OutputKind::Inherit;
    exec.error = OutputKind::Inherit;
    GuestView ceiling = guest();
    ExecView result = cut(exec, ceiling);
    EXPECT_FALSE(result.inherit_input);
    EXPECT_FALSE(result.controlling_terminal);
    EXPECT_EQ(result.output, OutputKind::Log);
    EXPECT_EQ(result.error, OutputKind::Log);

    ceiling.launched = false;
    result = cut(exec, ceiling);
    EXPECT_TRUE(result.inherit_input);
    EXPECT_EQ(result.output, OutputKind::Inherit);
}

/// What the boundary promises, whatever a plan says.
void expect_below(const ExecView& result, const GuestView& ceiling) {
    EXPECT_EQ(result.capabilities & ~ceiling.capabilities, 0U);
    EXPECT_EQ(result.ambient & ~ceiling.capabilities, 0U);
    EXPECT_TRUE(result.no_new_privileges || !ceiling.no_new_privileges);
    EXPECT_TRUE(result.no_root || !ceiling.no_root);
    if (ceiling.private_users) {
        // The guest's filter is in force either way: alone, or on top of the unit's own.
        const auto* in_force = result.filter.empty() ? ceiling.filter.instructions.data()
                                                     : result.ceiling_filter.instructions.data();
        EXPECT_EQ(in_force, ceiling.filter.instructions.data());
    } else {
        EXPECT_TRUE(result.filter.empty() || result.no_new_privileges);
    }
    if (ceiling.launched) {
        EXPECT_FALSE(result.inherit_input || result.controlling_terminal);
        EXPECT_NE(result.output, OutputKind::Inherit);
        EXPECT_NE(result.error, OutputKind::Inherit);
    }
}

TEST(Ceiling, HoldsForEveryUnitOfHostilePlans) {
    std::size_t units = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        std::mt19937_64 random(seed);
        const Image hostile = image_of(random_plan(random));
        const auto plan = Plan::open(hostile.bytes());
        ASSERT_TRUE(plan);

        PlanInput launcher = random_plan(random);
        launcher.units.clear();
        launcher.guest.emplace(
            GuestInput{.name = "g", .capabilities = random(), .filter = {}, .target = {}});
        launcher.guest->private_users = (random() & 1U) != 0;
        launcher.guest->no_new_privileges = (random() & 1U) != 0;
        launcher.guest->no_root = (random() & 1U) != 0;
        launcher.guest->launched = (random() & 1U) != 0;
        launcher.guest->filter.assign(1 + random() % 4, 6);
        const Image own = image_of(launcher);
        const auto own_plan = Plan::open(own.bytes());
        ASSERT_TRUE(own_plan);
        const GuestView ceiling = *own_plan->guest();

        EXPECT_NE(check_loader_plan(*plan, ceiling).has_value(), plan->guest().has_value());
        for (std::size_t id = 0; id < plan->unit_count(); ++id, ++units) {
            const auto unit = static_cast<UnitId>(id);
            const ExecView exec = plan->exec(unit);
            expect_below(cut(exec, ceiling), ceiling);
            for (std::size_t i = 0; i < exec.cgroup_setting_count; ++i) {
                EXPECT_TRUE(is_unit_cgroup_file(plan->cgroup_setting(unit, i).file));
            }
        }
    }
    EXPECT_GT(units, 1000U);
}

TEST(Ceiling, RefusesALoadersPlanThatSpeaksForTheLauncher) {
    PlanInput input;
    input.units = {simple_unit("a"), simple_unit("b")};
    GuestView ceiling = guest();
    const Image harmless = image_of(input);
    EXPECT_TRUE(check_loader_plan(*Plan::open(harmless.bytes()), ceiling));

    ceiling.max_units = 1;
    const auto too_many = check_loader_plan(*Plan::open(harmless.bytes()), ceiling);
    ASSERT_FALSE(too_many);
    EXPECT_EQ(describe(too_many.error()).view(),
              "plan of the guest's loader: has 2 units, the guest may have 1");

    input.guest = GuestInput{.name = "g", .filter = {}, .target = {}};
    const Image forged = image_of(input);
    EXPECT_FALSE(check_loader_plan(*Plan::open(forged.bytes()), guest()));
}

TEST(UnitCgroupFile, IsALevelAndNeverAWayOut) {
    for (const char* good : {"memory.max", "cpu.weight", "pids.max", "io.max", "hugetlb.2MB.max",
                             "hugetlb.1GB.rsvd.max"}) {
        EXPECT_TRUE(is_unit_cgroup_file(good)) << good;
    }
    for (const char* bad : {"",
                            ".",
                            "..",
                            "../memory.max",
                            "/memory.max",
                            "memory.max/",
                            "cgroup.procs",
                            "cgroup.threads",
                            "cgroup.subtree_control",
                            "cgroup.kill",
                            "cgroup.freeze",
                            "cgroup.type",
                            "memory.reclaim",
                            "cpuset.cpus.partition",
                            "memory.max ",
                            "hugetlb.max",
                            "hugetlb.MB.max",
                            "hugetlb./MB.max",
                            "hugetlb.2MB.current",
                            "hugetlb.2XB.max",
                            "hugetlb.2MB.max/../x"}) {
        EXPECT_FALSE(is_unit_cgroup_file(bad)) << bad;
    }
}

} // namespace
} // namespace stead::plan
