#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

const std::filesystem::path kFolder = std::filesystem::path(STEAD_TEST_DATA) / "units" / "bad";

std::vector<std::string> names_ending(const std::string& extension) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() == extension) names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

class BadFile : public testing::TestWithParam<std::string> {};

} // namespace

TEST_P(BadFile, IsRefusedInTheseWords) {
    const std::string name = GetParam();
    const std::string text = test::bytes_of(kFolder / (name + ".toml"));
    Diagnostics diagnostics;
    const bool accepted = name.starts_with("guest-")
                              ? read_guest(text, name + ".toml", name, diagnostics).has_value()
                              : read_unit(text, name + ".toml", name, diagnostics).has_value();
    EXPECT_FALSE(accepted);
    EXPECT_TRUE(diagnostics.has_errors());
    EXPECT_EQ(render(diagnostics), test::bytes_of(kFolder / (name + ".expected")));
}

INSTANTIATE_TEST_SUITE_P(Units,
                         BadFile,
                         testing::ValuesIn(names_ending(".toml")),
                         [](const testing::TestParamInfo<std::string>& param) {
                             std::string name = param.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(BadFiles, HaveAnExpectationEach) {
    EXPECT_EQ(names_ending(".toml"), names_ending(".expected"));
    EXPECT_GE(names_ending(".toml").size(), 60U);
}

} // namespace stead::unitfile
