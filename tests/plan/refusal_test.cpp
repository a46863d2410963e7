#include <functional>

#include <gtest/gtest.h>

#include "plan/format.h"
#include "plan/samples.h"

namespace stead::plan {
namespace {

std::string refusal(const PlanInput& input) {
    const auto image = write(input);
    return image ? "accepted" : std::string(describe(image.error()).view());
}

/// One wrong value in an otherwise good plan of the units a and b.
struct Mistake {
    const char* what;
    std::function<void(PlanInput&)> make;
    const char* says;
};

UnitInput& a(PlanInput& plan) {
    return plan.units[0];
}

const Mistake kMistakes[] = {
    {"duplicate", [](PlanInput& p) { p.units[1].name = "a"; }, "its name is there twice"},
    {"no name", [](PlanInput& p) { a(p).name.clear(); }, "a name that no unit may have"},
    {"slash", [](PlanInput& p) { a(p).name = "a/b"; }, "a name that no unit may have"},
    {"dot dot", [](PlanInput& p) { a(p).name = ".."; }, "a name that no unit may have"},
    {"long name", [](PlanInput& p) { a(p).name.assign(121, 'x'); }, "a name that no unit may have"},
    {"kernel's name", [](PlanInput& p) { a(p).name = "cgroup.procs"; },
     "a name that no unit may have"},
    {"cycle",
     [](PlanInput& p) {
         a(p).dependencies = {{1, DependencyKind::After}};
     },
     "its order has a cycle"},
    {"self",
     [](PlanInput& p) {
         a(p).dependencies = {{0, DependencyKind::Conflicts}};
     },
     "unit a: a dependency on itself"},
    {"stranger",
     [](PlanInput& p) {
         a(p).dependencies = {{2, DependencyKind::Wants}};
     },
     "a dependency on a unit that does not exist"},
    {"edge kind",
     [](PlanInput& p) {
         a(p).dependencies = {{1, static_cast<DependencyKind>(6)}};
     },
     "a dependency on a unit"},
    {"NUL", [](PlanInput& p) { a(p).description = std::string("x\0y", 3); },
     "unit a: a NUL byte in one of its strings"},
    {"NUL notice", [](PlanInput& p) { p.notices = {std::string("\0", 1)}; }, "a NUL byte"},
    {"store", [](PlanInput& p) { a(p).descriptor_store = kMaxStored + 1; },
     "unit a: a number out of its range"},
    {"umask", [](PlanInput& p) { a(p).exec.umask = 0x10000; }, "unit a: a number out of its range"},
    {"view", [](PlanInput& p) { a(p).exec.view = {"x/usr"}; }, "an impossible view"},
    {"view of nothing", [](PlanInput& p) { a(p).exec.view = {"r"}; }, "an impossible view"},
    {"view dot dot", [](PlanInput& p) { a(p).exec.view = {"w-/a/../b"}; }, "an impossible view"},
    {"long view", [](PlanInput& p) { a(p).exec.view.assign(kMaxView + 1, "r/a"); },
     "one of its lists is out of place, or too long"},
    {"half a rule", [](PlanInput& p) { a(p).exec.landlock = {1, 0, 0, 1, 1, 1, 2}; },
     "an impossible view"},
    {"rules without their head",
     [](PlanInput& p) {
         a(p).exec.landlock = {1, 0, 0, 1};
     },
     "an impossible view"},
    {"a place without rules", [](PlanInput& p) { a(p).exec.view = {"A/usr"}; },
     "an impossible view"},
    {"user namespace", [](PlanInput& p) { a(p).exec.namespaces = 0x10000000; },
     "an impossible view"},
    {"no command", [](PlanInput& p) { a(p).commands_of(CommandRole::Main).clear(); },
     "unit a: no command"},
    {"empty argv", [](PlanInput& p) { a(p).commands_of(CommandRole::Main) = {{}}; },
     "a command without a program"},
    {"two mains",
     [](PlanInput& p) {
         a(p).commands_of(CommandRole::Main) = {{"x"}, {"y"}};
     },
     "a number out of its range"},
    {"many hooks", [](PlanInput& p) { a(p).commands_of(CommandRole::PreStop).assign(256, {"x"}); },
     "too many commands of one kind"},
    {"many arguments",
     [](PlanInput& p) { a(p).commands_of(CommandRole::Main)[0].assign(kMaxArguments + 1, "x"); },
     "a command is outside"},
    {"long argument",
     [](PlanInput& p) {
         a(p).commands_of(CommandRole::Main)[0].push_back(std::string(kMaxString + 1, 'x'));
     },
     "a string is too long"},
    {"target that runs", [](PlanInput& p) { a(p).policy.type = UnitType::Target; },
     "a target with a command"},
    {"type", [](PlanInput& p) { a(p).policy.type = static_cast<UnitType>(6); },
     "a number out of its range"},
    {"signal 0", [](PlanInput& p) { a(p).policy.stop[0].signal = 0; }, "a number out of its range"},
    {"signal 65", [](PlanInput& p) { a(p).policy.reload_signal = 65; },
     "a number out of its range"},
    {"stop steps", [](PlanInput& p) { a(p).policy.stop_steps = 7; }, "a number out of its range"},
    {"hidden step", [](PlanInput& p) { a(p).policy.stop[3].wait_ms = 1; },
     "a number out of its range"},
    {"factor", [](PlanInput& p) { a(p).policy.restart_factor_permille = 999; },
     "a number out of its range"},
    {"outcome", [](PlanInput& p) { a(p).policy.on_limit = OutcomeAction::StartUnit; },
     "an outcome starts a unit"},
    {"probe", [](PlanInput& p) { a(p).policy.ready = ReadyKind::Exec; }, "its probe does not fit"},
    {"address", [](PlanInput& p) { a(p).policy.ready = ReadyKind::Tcp; }, "its probe does not fit"},
    {"busy probe",
     [](PlanInput& p) {
         a(p).policy.ready = ReadyKind::Path;
         a(p).ready_path = "/x";
         a(p).policy.ready_interval_ms = 0;
     },
     "a number out of its range"},
    {"ready fd", [](PlanInput& p) { a(p).exec.ready_fd = 2; }, "a number out of its range"},
    {"uid", [](PlanInput& p) { a(p).exec.uid = 0xffffffff; }, "a number out of its range"},
    {"group", [](PlanInput& p) { a(p).exec.groups = {0xffffffff}; }, "a number out of its range"},
    {"groups", [](PlanInput& p) { a(p).exec.groups.assign(257, 1); },
     "one of its lists is out of place, or too long"},
    {"umask", [](PlanInput& p) { a(p).exec.umask = 01000; }, "a number out of its range"},
    {"nice", [](PlanInput& p) { a(p).exec.nice = 20; }, "a number out of its range"},
    {"oom", [](PlanInput& p) { a(p).exec.oom_score_adjust = -1001; }, "a number out of its range"},
    {"directory", [](PlanInput& p) { a(p).exec.working_directory = "etc"; },
     "a path that is not plain and absolute"},
    {"dot dot path",
     [](PlanInput& p) {
         a(p).exec.directories = {{DirectoryKind::State, 0700, "/var/lib/../../etc"}};
     },
     "a path that is not plain and absolute"},
    {"mode",
     [](PlanInput& p) {
         a(p).exec.directories = {{DirectoryKind::State, 0x10000, "/x"}};
     },
     "a path that is not plain and absolute"},
    {"rlimit", [](PlanInput& p) { a(p).exec.limits = {{.resource = 16}}; },
     "a number out of its range"},
    {"soft", [](PlanInput& p) { a(p).exec.limits = {{.resource = 1, .soft = 2, .hard = 1}}; },
     "a number out of its range"},
    {"twice",
     [](PlanInput& p) {
         a(p).exec.limits = {{.resource = 1}, {.resource = 1}};
     },
     "a number out of its range"},
    {"cgroup path",
     [](PlanInput& p) {
         a(p).exec.cgroup_settings = {{"../memory.max", "1"}};
     },
     "a cgroup setting is no level"},
    {"cgroup procs",
     [](PlanInput& p) {
         a(p).exec.cgroup_settings = {{"cgroup.procs", "1"}};
     },
     "a cgroup setting is no level"},
    {"cgroup value",
     [](PlanInput& p) {
         a(p).exec.cgroup_settings = {{"pids.max", ""}};
     },
     "a cgroup setting without a value"},
    {"filter", [](PlanInput& p) { a(p).exec.filter.assign(4097, 6); },
     "one of its lists is out of place, or too long"},
    {"output", [](PlanInput& p) { a(p).exec.output = OutputKind::File; },
     "a path that is not plain and absolute"},
    {"stray path", [](PlanInput& p) { a(p).exec.error_path = "/x"; },
     "an output path without a file"},
    {"guest", [](PlanInput& p) { p.guest.emplace().name = "-x"; }, "a name that no guest may have"},
    {"missing units",
     [](PlanInput& p) {
         p.units.clear();
         p.guest = GuestInput{.name = "g", .filter = {}, .has_units = true, .target = {}};
     },
     "the guest's units are missing"},
};

TEST(PlanRefusal, NamesEachMistakeAndTheUnitThatHasIt) {
    for (const Mistake& mistake : kMistakes) {
        PlanInput plan;
        plan.units = {simple_unit("a"), simple_unit("b")};
        plan.units[1].dependencies = {{0, DependencyKind::Requires}};
        ASSERT_EQ(refusal(plan), "accepted");
        mistake.make(plan);
        EXPECT_NE(refusal(plan).find(mistake.says), std::string::npos)
            << mistake.what << ": " << refusal(plan);
    }
}

TEST(PlanRefusal, FindsACycleOfManyUnits) {
    PlanInput plan;
    for (int i = 0; i < 500; ++i) {
        plan.units.push_back(simple_unit("u" + std::to_string(i)));
        plan.units.back().dependencies = {
            {static_cast<UnitId>((i + 1) % 500), DependencyKind::BindsTo}};
    }
    EXPECT_NE(refusal(plan).find("its order has a cycle"), std::string::npos);
    plan.units.back().dependencies[0].kind = DependencyKind::PartOf;
    EXPECT_EQ(refusal(plan), "accepted");
}

TEST(PlanRefusal, SaysThatAPlanIsOfAnotherVersion) {
    Image image = image_of(rich_plan());
    image.bytes()[offsetof(Header, version)] = std::byte{99};
    const auto plan = Plan::open(image.bytes());
    ASSERT_FALSE(plan);
    EXPECT_EQ(describe(plan.error()).view(),
              "plan written for another version of stead-init; compile it again");
}

TEST(PlanRefusal, KnowsWhatIsNoPlan) {
    Image image = image_of(rich_plan());
    image.bytes()[0] = std::byte{0};
    EXPECT_EQ(describe(Plan::open(image.bytes()).error()).view(), "plan is no plan");
    EXPECT_FALSE(Plan::open({}));
    EXPECT_FALSE(Plan::open(image.bytes().subspan(1)));
}

TEST(PlanRefusal, RefusesAnImageThatIsNotAligned) {
    const auto bytes = write(rich_plan());
    ASSERT_TRUE(bytes);
    std::vector<std::uint64_t> words(bytes->size() / 8 + 2);
    auto* shifted = reinterpret_cast<std::byte*>(words.data()) + 4;
    std::copy(bytes->begin(), bytes->end(), shifted);
    const auto plan = Plan::open({shifted, bytes->size()});
    ASSERT_FALSE(plan);
    EXPECT_EQ(describe(plan.error()).view(), "plan not aligned");
}

} // namespace
} // namespace stead::plan
