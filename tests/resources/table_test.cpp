#include <set>

#include <gtest/gtest.h>

#include "resources/fake_tree.h"
#include "resources/table.h"

namespace stead::resources {

TEST(Levels, HaveEachKeyOnce) {
    std::set<std::string_view> keys;
    for (const Level& level : levels())
        EXPECT_TRUE(keys.insert(level.key).second) << level.key;
    EXPECT_GE(keys.size(), 60U);
}

TEST(Levels, AreWhollyDescribed) {
    for (const Level& level : levels()) {
        EXPECT_FALSE(level.doc.empty()) << level.key;
        EXPECT_FALSE(level.object.empty()) << level.key;
        EXPECT_FALSE(describe(level.form).empty()) << level.key;
        EXPECT_EQ(find_level(level.key), &level);
    }
}

TEST(Levels, OfTheCgroupAreNamedAsItsFiles) {
    for (const Level& level : levels()) {
        if (level.kernel != Kernel::Cgroup) continue;
        std::string file(level.key);
        for (char& c : file) {
            if (c == '-') c = '.';
        }
        EXPECT_EQ(level.object, file);
    }
}

TEST(Levels, OfAMissingControllerAreRefusedByNameWithTheWayOut) {
    const test::FakeTree none("");
    std::size_t refused = 0;
    for (const Level& level : levels()) {
        if (controller_of(level).empty()) continue;
        const std::string problem = impossible(none.guest(), level);
        EXPECT_NE(problem.find(std::string(level.key) + " needs the cgroup v2 controller '" +
                               std::string(controller_of(level)) + "'"),
                  std::string::npos)
            << problem;
        EXPECT_NE(problem.find("cgroup_no_v1=all"), std::string::npos) << problem;
        ++refused;
    }
    EXPECT_GE(refused, 30U);
}

TEST(Levels, OfAGuestsNamespacesAreNoLevelsOfUnits) {
    const test::FakeTree tree;
    Subject unit = tree.guest();
    unit.unit = true;
    EXPECT_NE(impossible(unit, *find_level("shmmax")).find("set it on the guest"),
              std::string::npos);
    EXPECT_TRUE(impossible(unit, *find_level("memory-max")).empty());
    EXPECT_TRUE(impossible(unit, *find_level("nofile")).empty());
}

} // namespace stead::resources
