#include <filesystem>
#include <string>
#include <vector>

#include "compile/fixture.h"

namespace stead::compile {
namespace {

/// The units of a folder of units/, compiled for a full guest that has all the users they name.
plan::PlanInput compiled(const std::string& folder, std::string& messages) {
    UserDatabase users;
    for (const char* name : {"root", "postgres", "redis", "www-data", "nobody"})
        parse_passwd(std::string(name) + ":x:33:33::/:/bin/sh\n", users);
    for (const char* name : {"postgres", "redis", "ssl-cert", "www-data", "nogroup"})
        parse_group(std::string(name) + ":x:33:\n", users);
    unitfile::Diagnostics diagnostics;
    const auto folders =
        unitfile::load_unit_folders({std::string(STEAD_SOURCE) + "/" + folder}, diagnostics);
    auto plan = compile_units(folders.units, users, test::system_options(), diagnostics);
    messages = unitfile::render(diagnostics);
    return plan;
}

TEST(ShippedUnits, Compile) {
    for (const char* folder : {"units", "units/demo/units", "units/features"}) {
        std::string messages;
        const auto plan = compiled(folder, messages);
        EXPECT_EQ(messages, "") << folder;
        EXPECT_FALSE(plan.units.empty()) << folder;
        EXPECT_TRUE(plan.rejected.empty()) << folder;
        EXPECT_TRUE(plan::write(plan)) << folder;
    }
}

TEST(ShippedGuests, Compile) {
    const std::filesystem::path root(STEAD_SOURCE);
    std::vector<std::filesystem::path> files{root / "units/demo/demo.toml"};
    for (const auto& entry : std::filesystem::directory_iterator(root / "units/guests"))
        files.push_back(entry.path());
    EXPECT_GT(files.size(), 4U);
    for (const auto& file : files) {
        unitfile::Diagnostics diagnostics;
        const auto spec = unitfile::load_guest(file.string(), diagnostics);
        ASSERT_TRUE(spec) << unitfile::render(diagnostics);
        test::Host host = test::host_with_image();
        for (const char* program : {"/usr/bin/busybox", "/usr/bin/sh"})
            host.add(program, "file");
        for (const unitfile::Text& folder : spec->unit_folders)
            host.add(folder.value, "folder");
        EXPECT_TRUE(compile_guest(*spec, host.facts, test::accounts(), diagnostics))
            << unitfile::render(diagnostics);
    }
}

} // namespace
} // namespace stead::compile
