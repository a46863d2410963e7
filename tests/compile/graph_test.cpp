#include <ctime>
#include <random>
#include <string>

#include "compile/fixture.h"

namespace stead::compile {
namespace {

using test::Files;
using test::units;

const std::string kTrue = "command = \"true\"\n";

TEST(Graph, KeepsEachKindOfEdge) {
    const auto outcome = units({{"web", kTrue + "requires = [\"db\"]\nwants = [\"cache\"]\n"
                                                "after = [\"net\"]\nconflicts = [\"old\"]\n"},
                                {"db", kTrue},
                                {"cache", kTrue + "binds-to = [\"db\"]\n"},
                                {"net", kTrue},
                                {"old", kTrue}});
    EXPECT_EQ(outcome.messages, "");
    EXPECT_TRUE(outcome.has_edge("web", "db", DependencyKind::Requires));
    EXPECT_TRUE(outcome.has_edge("web", "cache", DependencyKind::Wants));
    EXPECT_TRUE(outcome.has_edge("web", "net", DependencyKind::After));
    EXPECT_TRUE(outcome.has_edge("web", "old", DependencyKind::Conflicts));
    EXPECT_TRUE(outcome.has_edge("cache", "db", DependencyKind::BindsTo));
}

TEST(Graph, AUnitThatWritesToAnotherStartsAfterItAndMarksItAsLogger) {
    const auto outcome =
        units({{"web", kTrue + "[log]\noutput = \"unit:logger\"\n"}, {"logger", kTrue}});
    EXPECT_EQ(outcome.messages, "");
    EXPECT_TRUE(outcome.has_edge("web", "logger", DependencyKind::Wants));
    EXPECT_EQ(outcome.unit("web")->exec.output_path, "logger");
    EXPECT_TRUE(outcome.unit("logger")->exec.reads_units);
    EXPECT_FALSE(outcome.unit("web")->exec.reads_units);
    // The end of its input comes before the signal.
    EXPECT_EQ(outcome.unit("logger")->policy.stop_steps,
              outcome.unit("web")->policy.stop_steps + 1);
}

TEST(Graph, LeavesOutLoopsOfLoggersAndThoseThatAreNotThere) {
    const auto loop = units({{"a", kTrue + "[log]\noutput = \"unit:b\"\n"},
                             {"b", kTrue + "[log]\noutput = \"unit:a\"\n"},
                             {"c", kTrue + "[log]\nerror = \"unit:c\"\n"}});
    EXPECT_EQ(loop.unit("a"), nullptr);
    EXPECT_EQ(loop.unit("b"), nullptr);
    EXPECT_EQ(loop.unit("c"), nullptr);
    const auto none = units({{"a", kTrue + "[log]\noutput = \"unit:loger\"\n"}, {"logger", kTrue}});
    EXPECT_EQ(none.rejection("a"), "a.toml:3:10: there is no unit 'loger'; did you mean 'logger'?");
}

TEST(Graph, TurnsBeforeIntoTheOthersAfter) {
    const auto outcome = units({{"a", kTrue + "before = [\"b\"]\n"}, {"b", kTrue}});
    EXPECT_TRUE(outcome.has_edge("b", "a", DependencyKind::After));
    EXPECT_TRUE(outcome.unit("a")->dependencies.empty());
}

TEST(Graph, WritesAnEdgeOnceHoweverOftenItIsSaid) {
    const auto outcome =
        units({{"a", kTrue + "before = [\"b\"]\n"}, {"b", kTrue + "after = [\"a\"]\n"}});
    EXPECT_EQ(outcome.unit("b")->dependencies.size(), 1U);
}

TEST(Graph, NamesTheNearestUnitForOneThatIsMissing) {
    const auto outcome =
        units({{"web", kTrue + "requires = [\"postgers\"]\n"}, {"postgres", kTrue}});
    EXPECT_EQ(outcome.messages, "web.toml:2:13: error: there is no unit 'postgers'; did you mean "
                                "'postgres'?\n");
    EXPECT_EQ(outcome.rejection("web"),
              "web.toml:2:13: there is no unit 'postgers'; did you mean 'postgres'?");
    EXPECT_NE(outcome.unit("postgres"), nullptr);
}

TEST(Graph, NamesTheSearchedFoldersWhereNothingIsNear) {
    const auto outcome = units({{"web", kTrue + "requires = [\"postgres\"]\n"}});
    EXPECT_EQ(outcome.rejection("web"), "web.toml:2:13: there is no unit 'postgres' in "
                                        "/etc/stead/units, /usr/lib/stead/units");
}

TEST(Graph, LeavesOutWhateverRequiresAUnitThatIsLeftOut) {
    const auto outcome = units({{"a", kTrue + "requires = [\"b\"]\n"},
                                {"b", kTrue + "binds-to = [\"c\"]\n"},
                                {"c", kTrue + "user = \"nobody-of-that-name\"\n"},
                                {"d", kTrue + "wants = [\"c\"]\n"},
                                {"e", kTrue + "after = [\"c\"]\n"}});
    EXPECT_EQ(outcome.plan.units.size(), 2U) << outcome.messages;
    EXPECT_EQ(outcome.rejection("b"), "b.toml:2:13: unit 'b' requires 'c', which is left out "
                                      "because of a mistake");
    EXPECT_EQ(outcome.rejection("a"), "a.toml:2:13: unit 'a' requires 'b', which is left out "
                                      "because of a mistake");
    EXPECT_NE(outcome.unit("d"), nullptr);
    EXPECT_NE(outcome.unit("e"), nullptr);
    EXPECT_EQ(outcome.plan.notices,
              std::vector<std::string>{"d wants 'c', which is left out because of a mistake"});
}

TEST(Graph, TellsAUnitThatCouldNotBeReadFromOneThatIsMissing) {
    auto options = test::system_options();
    options.left_out = {"db"};
    const auto outcome = units({{"web", kTrue + "requires = [\"db\"]\n"}}, options);
    EXPECT_EQ(outcome.rejection("web"),
              "web.toml:2:13: unit 'db' is left out because of a mistake");
}

TEST(Graph, NotesWhatIsWantedAndMissing) {
    const auto outcome = units({{"web", kTrue + "wants = [\"cache\"]\nafter = [\"net\"]\n"}});
    EXPECT_NE(outcome.unit("web"), nullptr);
    ASSERT_EQ(outcome.plan.notices.size(), 1U);
    EXPECT_TRUE(outcome.plan.notices[0].starts_with("web wants 'cache': there is no unit 'cache'"));
    EXPECT_EQ(outcome.messages, "web.toml:2:10: warning: there is no unit 'cache' in "
                                "/etc/stead/units, /usr/lib/stead/units\n");
}

TEST(Cycles, AreToldAsAFullPathWithThePlaceOfEachEdge) {
    const auto outcome = units({{"a", kTrue + "requires = [\"b\"]\n"},
                                {"b", kTrue + "\nafter = [\"c\"]\n"},
                                {"c", kTrue + "wants = [\"a\"]\n"},
                                {"d", kTrue}});
    EXPECT_EQ(outcome.messages,
              "a.toml:2:13: error: units that wait for each other: a -> b -> c -> a\n"
              "a.toml:2:13: note: a: requires 'b'\n"
              "b.toml:3:10: note: b: after 'c'\n"
              "c.toml:2:10: note: c: wants 'a'\n");
    EXPECT_EQ(outcome.plan.units.size(), 1U);
    for (const char* name : {"a", "b", "c"})
        EXPECT_EQ(outcome.rejection(name),
                  "a.toml:2:13: units that wait for each other: a -> b -> c -> a");
}

TEST(Cycles, ThroughBeforeNameTheLineThatSaysIt) {
    const auto outcome =
        units({{"a", kTrue + "before = [\"b\"]\n"}, {"b", kTrue + "before = [\"a\"]\n"}});
    EXPECT_EQ(outcome.messages, "b.toml:2:11: error: units that wait for each other: a -> b -> a\n"
                                "b.toml:2:11: note: b: before 'a'\n"
                                "a.toml:2:11: note: a: before 'b'\n");
    EXPECT_TRUE(outcome.plan.units.empty());
}

TEST(Cycles, OfOneUnitAreCyclesToo) {
    for (auto list : {&unitfile::UnitSpec::after, &unitfile::UnitSpec::before,
                      &unitfile::UnitSpec::needs, &unitfile::UnitSpec::wants}) {
        unitfile::Diagnostics diagnostics;
        auto specs = test::read_units({{"a", kTrue}, {"b", kTrue}}, diagnostics);
        (specs[0].*list).push_back({"a", {"a.toml", 2, 9}});
        const auto plan =
            compile_units(specs, test::accounts(), test::system_options(), diagnostics);
        ASSERT_EQ(plan.rejected.size(), 1U);
        EXPECT_EQ(plan.rejected[0].message, "a.toml:2:9: a unit that waits for itself: a -> a");
        EXPECT_EQ(plan.units.size(), 1U);
    }
}

TEST(Cycles, TakeWhatRequiresThemAlongAndNobodyElse) {
    const auto outcome = units({{"a", kTrue + "after = [\"b\"]\n"},
                                {"b", kTrue + "after = [\"a\"]\n"},
                                {"c", kTrue + "requires = [\"a\"]\n"},
                                {"d", kTrue + "after = [\"a\"]\n"},
                                {"e", kTrue + "wants = [\"b\"]\n"},
                                {"f", kTrue + "before = [\"a\"]\n"}});
    EXPECT_EQ(outcome.plan.units.size(), 3U) << outcome.messages;
    for (const char* name : {"d", "e", "f"})
        EXPECT_NE(outcome.unit(name), nullptr) << name;
}

TEST(Cycles, AreAllFound) {
    const auto outcome = units({{"a", kTrue + "after = [\"b\"]\n"},
                                {"b", kTrue + "after = [\"a\"]\n"},
                                {"x", kTrue + "after = [\"y\"]\n"},
                                {"y", kTrue + "after = [\"x\"]\n"}});
    EXPECT_TRUE(outcome.plan.units.empty());
    EXPECT_NE(outcome.messages.find("a -> b -> a"), std::string::npos);
    EXPECT_NE(outcome.messages.find("x -> y -> x"), std::string::npos);
}

// boot needs middle, middle needs service, and service says "before boot" as well.
TEST(Cycles, AreNotSeenInAnOrderThatIsSaidTwice) {
    const auto outcome = units({{"boot", kTrue + "requires = [\"middle\"]\n"},
                                {"middle", kTrue + "requires = [\"service\"]\n"},
                                {"service", kTrue + "before = [\"boot\"]\n"}});
    EXPECT_EQ(outcome.messages, "");
    EXPECT_EQ(outcome.plan.units.size(), 3U);
}

TEST(Cycles, AreNotMadeByConflicts) {
    const auto outcome =
        units({{"a", kTrue + "conflicts = [\"b\"]\n"}, {"b", kTrue + "conflicts = [\"a\"]\n"}});
    EXPECT_EQ(outcome.plan.units.size(), 2U) << outcome.messages;
}

TEST(Conflicts, WithWhatAUnitRequiresAreMistakes) {
    const auto outcome = units({{"a", kTrue + "requires = [\"b\"]\nconflicts = [\"c\"]\n"},
                                {"b", kTrue + "requires = [\"c\"]\n"},
                                {"c", kTrue}});
    EXPECT_EQ(outcome.rejection("a"), "a.toml:3:14: unit 'a' conflicts with 'c', which it "
                                      "requires; it could never run");
    EXPECT_EQ(outcome.plan.units.size(), 2U);
}

TEST(Graph, RefusesASecondUnitOfTheSameName) {
    const auto outcome = units({{"a", kTrue}, {"a", kTrue}});
    EXPECT_EQ(outcome.plan.units.size(), 1U);
    EXPECT_EQ(outcome.plan.rejected.size(), 1U);
}

Files chain(std::size_t length) {
    Files files{{"u0", kTrue}};
    for (std::size_t i = 1; i < length; ++i)
        files.emplace_back("u" + std::to_string(i),
                           kTrue + "requires = [\"u" + std::to_string(i - 1) + "\"]\n");
    return files;
}

TEST(Graph, LinksAThousandUnitsInAChainAndInAFanQuickly) {
    Files fan{{"hub", kTrue}};
    for (int i = 0; i < 1000; ++i)
        fan.emplace_back("u" + std::to_string(i), kTrue + "requires = [\"hub\"]\n");
    for (const Files& files : {chain(1000), fan}) {
        unitfile::Diagnostics diagnostics;
        const auto specs = test::read_units(files, diagnostics);
        // The processor's time: what other programs take of it is not this one's.
        const std::clock_t begin = std::clock();
        const auto plan =
            compile_units(specs, test::accounts(), test::system_options(), diagnostics);
        const double spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        EXPECT_EQ(plan.units.size(), files.size());
        // A slow machine under sanitizers gets some room; quadratic work would need seconds.
        EXPECT_LT(spent, 1.0);
    }
}

// Whatever a folder of units says, what is left of it is a plan that opens.
TEST(Graph, AlwaysLeavesAPlanThatOpens) {
    std::mt19937 random(20230601); // NOLINT(cert-msc51-cpp): the same graphs in every run
    for (int round = 0; round < 200; ++round) {
        unitfile::Diagnostics diagnostics;
        const std::size_t count = 2 + random() % 14;
        std::vector<unitfile::UnitSpec> specs =
            test::read_units(Files(count, {"u", kTrue}), diagnostics);
        for (std::size_t i = 0; i < count; ++i) {
            specs[i].name = "u" + std::to_string(i);
            for (auto list : {&unitfile::UnitSpec::needs, &unitfile::UnitSpec::binds_to,
                              &unitfile::UnitSpec::wants, &unitfile::UnitSpec::after,
                              &unitfile::UnitSpec::before, &unitfile::UnitSpec::conflicts})
                if (random() % 4 == 0)
                    (specs[i].*list).push_back({"u" + std::to_string(random() % (count + 1)), {}});
        }
        const auto plan =
            compile_units(specs, test::accounts(), test::system_options(), diagnostics);
        EXPECT_EQ(plan.units.size() + plan.rejected.size(), count);
        const auto image = plan::write(plan);
        ASSERT_TRUE(image) << describe(image.error()).c_str();
        EXPECT_TRUE(plan::Plan::open(*image));
    }
}

} // namespace
} // namespace stead::compile
