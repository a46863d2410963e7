#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "model/exec.h"
#include "model/exit_status.h"
#include "model/guest.h"
#include "model/names.h"
#include "model/strings.h"
#include "model/unit.h"

namespace stead {
namespace {

TEST(ExitStatus, IsReportedAsAShellDoes) {
    EXPECT_EQ(ExitStatus::exited(0).shell_code(), 0);
    EXPECT_EQ(ExitStatus::exited(255).shell_code(), 255);
    EXPECT_EQ(ExitStatus::killed(9).shell_code(), 137);
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::Unknown, 0}).shell_code(), 255);
}

TEST(ExitStatus, IsSuccessOnlyForAnExitWithZero) {
    EXPECT_TRUE(ExitStatus::exited(0).success());
    EXPECT_FALSE(ExitStatus::exited(1).success());
    EXPECT_FALSE(ExitStatus::killed(0).success());
    EXPECT_FALSE((ExitStatus{ExitStatus::Kind::Unknown, 0}).success());
}

TEST(ExitSet, HoldsEachCodeAndSignalByItself) {
    ExitSet set;
    for (const int code : {0, 63, 64, 255})
        set.add_code(static_cast<std::uint8_t>(code));
    set.add_signal(15);
    set.add_signal(63);
    for (int code = 0; code < 256; ++code) {
        const bool in = code == 0 || code == 63 || code == 64 || code == 255;
        EXPECT_EQ(set.has_code(static_cast<std::uint8_t>(code)), in) << code;
    }
    for (int signal = 0; signal < 256; ++signal) {
        EXPECT_EQ(set.has_signal(static_cast<std::uint8_t>(signal)), signal == 15 || signal == 63);
    }
}

TEST(UnitName, IsHarmlessAsAFileNameAndAWord) {
    for (const char* good : {"nginx", "worker@1", "a", "_x", "A.b-c_d:e+f", "0", "x.cgroup.y"}) {
        EXPECT_TRUE(is_unit_name(good)) << good;
    }
    for (const char* bad : {"", ".", "..", "a/b", "-x", "@x", ".hidden", "a b", "a\nb", "a\x1b",
                            "\xc3\xa4", "cgroup.procs", "a%b"}) {
        EXPECT_FALSE(is_unit_name(bad)) << bad;
    }
    EXPECT_FALSE(is_unit_name(std::string_view("a\0b", 3)));
    EXPECT_TRUE(is_unit_name(std::string(kMaxUnitName, 'x')));
    EXPECT_FALSE(is_unit_name(std::string(kMaxUnitName + 1, 'x')));
}

TEST(GuestName, IsNarrowerThanAUnitName) {
    EXPECT_TRUE(is_guest_name("web-1.shop"));
    for (const char* bad : {"", "..", "a@b", "a:b", "a+b", "-a", "cgroup.x"}) {
        EXPECT_FALSE(is_guest_name(bad)) << bad;
    }
    EXPECT_FALSE(is_guest_name(std::string(kMaxGuestName + 1, 'x')));
}

TEST(StringList, ReadsItsStringsInPlace) {
    const char bytes[] = "\0one\0three";
    const std::uint32_t offsets[] = {5, 0, 1};
    const StringList list(offsets, bytes);
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0], "three");
    EXPECT_EQ(list[1], "");
    EXPECT_STREQ(list.c_str(2), "one");
    EXPECT_TRUE(StringList().empty());
}

TEST(Model, HoldsPlainValuesOnly) {
    EXPECT_TRUE(std::is_trivially_copyable_v<UnitPolicy>);
    EXPECT_TRUE(std::is_trivially_copyable_v<ExecView>);
    EXPECT_TRUE(std::is_trivially_copyable_v<GuestView>);
    EXPECT_TRUE(std::is_trivially_destructible_v<StringList>);
}

TEST(UnitGraph, GivesEachUnitItsSliceOfTheEdges) {
    UnitPolicy units[2];
    units[0].dependency_count = 1;
    units[1].first_dependency = 1;
    units[1].dependency_count = 2;
    const Dependency edges[] = {
        {1, DependencyKind::Wants}, {0, DependencyKind::After}, {0, DependencyKind::Requires}};
    const UnitGraph graph{units, edges};
    ASSERT_EQ(graph.dependencies_of(0).size(), 1U);
    ASSERT_EQ(graph.dependencies_of(1).size(), 2U);
    EXPECT_EQ(graph.dependencies_of(1)[1].kind, DependencyKind::Requires);
}

} // namespace
} // namespace stead
