#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "cli/boot_chart.h"
#include "cli/boot_record.h"
#include "cli/command.h"
#include "cli/short_text.h"
#include "cli/svg_text.h"

namespace stead::cli {
namespace {

using namespace literals;

constexpr Instant kBoot = {5'000'000'000};

/// A guest that booted five seconds after the machine, written down as PID 1 tells it.
struct Booted {
    GuestRecord guest;
    std::vector<UnitRecord> units;

    Booted() {
        guest.name = "web";
        guest.boot_time = kBoot;
        guest.now = kBoot + 60_s;
    }

    void add_idle(const std::string& name) {
        UnitRecord unit;
        unit.name = name;
        units.push_back(unit);
    }

    std::size_t add(const std::string& name, Duration began, Duration up, Duration over = {}) {
        UnitRecord unit;
        unit.name = name;
        unit.state = up.ns > 0 ? UnitState::Up : UnitState::Failed;
        unit.first.began = kBoot + began;
        if (up.ns > 0) unit.first.up = kBoot + up;
        if (over.ns > 0) unit.first.over = kBoot + over;
        units.push_back(unit);
        return units.size() - 1;
    }

    void link(std::size_t from, std::size_t to, DependencyKind kind = DependencyKind::Requires) {
        units[from].needs.push_back({.target = static_cast<UnitId>(to), .kind = kind});
    }

    [[nodiscard]] Boot read() const { return read_boot("web", guest, units); }
};

std::vector<std::string> names(const Boot& boot, const ChainLink& link) {
    std::vector<std::string> list{boot.units[link.unit].name};
    for (const ChainLink& below : link.below) {
        for (const std::string& name : names(boot, below))
            list.push_back(name);
    }
    return list;
}

using Names = std::vector<std::string>;

TEST(BootRecord, LeavesOutWhatTheBootDidNotStart) {
    Booted web;
    web.add("late", 30_s, 31_s);
    web.add("data", 100_ms, 2_s);
    web.add_idle("off");
    web.guest.ready_time = kBoot + 3_s;
    const Boot boot = web.read();
    ASSERT_EQ(boot.units.size(), 1U);
    EXPECT_EQ(boot.units[0].name, "data");
    EXPECT_EQ(boot.others, (Names{"late", "off"}));
    EXPECT_EQ(boot.loaded, 100_ms);
    EXPECT_EQ(boot.ready, 3_s);
}

TEST(BootRecord, CountsDependenciesByTheOrderOfTheAnswer) {
    Booted web;
    const auto last = web.add("a", 2_s, 3_s);
    const auto first = web.add("z", 1_s, 2_s);
    web.link(last, first);
    web.link(last, 4095);
    web.link(last, last + 7, DependencyKind::After);
    const Boot boot = web.read();
    ASSERT_EQ(boot.units[1].name, "a");
    EXPECT_EQ(boot.units[1].after, std::vector<std::size_t>{0});
}

TEST(Blame, NamesTheSlowestStartFirstAndFailuresToo) {
    Booted web;
    web.add("quick", 100_ms, 150_ms);
    web.add("broken", 100_ms, {}, 5_s);
    web.add("slow", 200_ms, 2_s);
    web.add("target", 2_s, 2_s);
    web.add("stuck", 1_s, {});
    const Boot boot = web.read();
    Names order;
    for (const std::size_t index : slowest_first(boot))
        order.push_back(boot.units[index].name);
    EXPECT_EQ(order, (Names{"stuck", "broken", "slow", "quick"}));
    EXPECT_TRUE(boot.units[*boot.find("broken")].failed());
    EXPECT_EQ(boot.took(boot.units[*boot.find("stuck")]), 59_s);
}

TEST(Blame, DoesNotTakeTheEndOfAOneshotsRestForAFailure) {
    Booted web;
    // Its program ended well, what it had left behind was ended, and then it was done.
    const auto once = web.add("once", 100_ms, 200_ms, 190_ms);
    const auto again = web.add("again", 100_ms, 900_ms, 190_ms);
    web.units[once].state = web.units[again].state = UnitState::Done;
    web.units[again].restarts = 1;
    const Boot boot = web.read();
    EXPECT_FALSE(boot.units[*boot.find("once")].failed());
    EXPECT_TRUE(boot.units[*boot.find("again")].failed());
}

TEST(CriticalChain, FollowsTheSlowSideOfADiamond) {
    Booted web;
    const auto top = web.add("top", 3_s, 4_s);
    const auto slow = web.add("slow", 1_s, 3_s);
    const auto quick = web.add("quick", 1_s, 2_s);
    const auto base = web.add("base", 100_ms, 1_s);
    web.link(top, quick);
    web.link(top, slow, DependencyKind::Wants);
    web.link(slow, base);
    web.link(quick, base, DependencyKind::After);
    const Boot boot = web.read();
    const auto last = last_to_settle(boot);
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(names(boot, critical_chain(boot, *last, {})), (Names{"top", "slow", "base"}));
    EXPECT_EQ(names(boot, critical_chain(boot, *last, 2_s)),
              (Names{"top", "slow", "base", "quick"}))
        << "each unit once";
}

TEST(CriticalChain, GoesThroughAFailedUnitThatWasOnlyWanted) {
    Booted web;
    const auto app = web.add("app", 5_s, 6_s);
    const auto broken = web.add("broken", 100_ms, {}, 5_s);
    web.link(app, broken, DependencyKind::Wants);
    const Boot boot = web.read();
    EXPECT_EQ(names(boot, critical_chain(boot, *boot.find("app"), {})), (Names{"app", "broken"}));
}

TEST(CriticalChain, LeavesOutWhatCameUpLaterThanItsUser) {
    Booted web;
    const auto app = web.add("app", 1_s, 2_s);
    const auto retried = web.add("retried", 100_ms, 9_s, 500_ms);
    web.link(app, retried, DependencyKind::After);
    const Boot boot = web.read();
    EXPECT_EQ(names(boot, critical_chain(boot, *boot.find("app"), {})), Names{"app"});
}

TEST(CriticalChain, EndsInACircle) {
    Booted web;
    const auto a = web.add("a", 1_s, 1_s);
    const auto b = web.add("b", 1_s, 1_s);
    web.link(a, b);
    web.link(b, a);
    web.link(a, a);
    const Boot boot = web.read();
    EXPECT_EQ(names(boot, critical_chain(boot, 0, 1_s)), (Names{"a", "b"}));
}

/// A real parser's opinion.
void expect_xml(const std::string& text) {
    const Machine machine;
    machine.write("chart.svg", text);
    const std::string check = "python3 -c 'import sys, xml.etree.ElementTree as tree; "
                              "tree.parse(sys.argv[1])' " +
                              machine.root + "/chart.svg";
    const int status = std::system(check.c_str()); // NOLINT(cert-env33-c)
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) GTEST_SKIP() << "needs python3";
    EXPECT_EQ(status, 0) << text;
}

TEST(BootChart, IsWellFormedWhateverTheNames) {
    Booted web;
    const auto hostile = web.add("<&\"'>]]>\x01\x1b[31m\xff\xef\xbf\xbe</text><script>", 1_s, 2_s);
    web.units[hostile].description = "--> <!-- & \xc0\x80 \xed\xa0\x80";
    web.add(std::string(250, 'x'), 1_s, {}, 90_s);
    web.add_idle("never<started>");
    web.guest.ready_time = kBoot + 95_s;
    const std::string chart = draw_boot(web.read(), "Linux 6.1 <x86>");
    EXPECT_EQ(chart.find("<script>"), std::string::npos);
    EXPECT_EQ(chart.find('\x1b'), std::string::npos);
    expect_xml(chart);
}

TEST(BootChart, ShowsEachUnitItsTimesAndTheWhole) {
    Booted web;
    const auto app = web.add("app", 1500_ms, 1520_ms);
    const auto data = web.add("data", 20_ms, 1500_ms);
    web.link(app, data);
    web.add("broken", 20_ms, {}, 400_ms);
    web.add_idle("tool");
    web.guest.ready_time = kBoot + 1600_ms;
    const std::string chart = draw_boot(web.read(), "Linux 6.1.0 x86_64");
    for (const std::string_view words :
         {"Boot of web", "up after 1.600 s", "Linux 6.1.0 x86_64", ">app<", ">data<", ">1.480 s<",
          "failed after 380 ms", "Not started by the boot: tool", "reading units",
          "class=\"chain\"", ">0.0 s<", "began at 1.500 s, after waiting for 1.480 s"})
        EXPECT_NE(chart.find(words), std::string::npos) << words;
    expect_xml(chart);
}

TEST(BootChart, DrawsABootOfNoTimeAtAllAndOneOfDays) {
    Booted quick;
    quick.guest.now = kBoot;
    quick.add("only", {}, Duration{1000});
    expect_xml(draw_boot(quick.read(), "Linux"));
    Booted slow;
    slow.guest.now = kBoot + 86'400_s * 300;
    slow.add("only", 1_s, {});
    expect_xml(draw_boot(slow.read(), "Linux"));
}

TEST(ShortText, CutsBetweenCharactersAndSaysSo) {
    EXPECT_EQ(shorten("gr\xc3\xbc\xc3\x9f", 4), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(shorten("gr\xc3\xbc\xc3\x9f", 3), "gr…");
    EXPECT_EQ(fitted("ab", 4), "ab  ");
    EXPECT_EQ(fitted("ab", 4, true), "  ab");
    EXPECT_EQ(columns(fitted("abcdefgh", 4)), 4U);
    EXPECT_EQ(size_words(0), "0 B");
    EXPECT_EQ(size_words(1536), "1.5 kB");
    EXPECT_EQ(size_words(std::int64_t{300} << 20U), "300 MB");
    EXPECT_EQ(size_words(-3), "0 B");
    EXPECT_EQ(fine_words(Duration{980'000}), "980 µs");
    EXPECT_EQ(fine_words(Duration{12'440'000}), "12.4 ms");
    EXPECT_EQ(fine_words(3412_ms), "3.412 s");
    EXPECT_EQ(xml("a<b>&\"c\x02"), "a&lt;b&gt;&amp;&quot;c");
}

} // namespace
} // namespace stead::cli
