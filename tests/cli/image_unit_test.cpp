#include <gtest/gtest.h>

#include "cli/image_unit.h"
#include "unitfile/reader.h"

namespace stead::cli {
namespace {

/// The unit of an image with this configuration, as a guest's start reads it.
unitfile::UnitSpec unit_for(const images::Configuration& configuration) {
    const std::string text = image_unit_text(configuration);
    unitfile::Diagnostics diagnostics;
    const auto unit = unitfile::read_unit(text, "main.toml", "main", diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << text << unitfile::render(diagnostics);
    return unit.value_or(unitfile::UnitSpec{});
}

TEST(ImageUnit, HandsOnWhatUnitFilesWouldReplace) {
    images::Configuration configuration;
    configuration.entrypoint = {"/bin/sh", "-c"};
    configuration.command = {"exec app --port ${PORT:-80} 100% %n"};
    configuration.environment = {"PORT=8080", "FORMAT=%H %n", "OTHER=${PORT}", "=none", "9=none"};
    const unitfile::UnitSpec unit = unit_for(configuration);
    ASSERT_EQ(unit.command.size(), 3U);
    EXPECT_EQ(unit.command.back(), "exec app --port ${PORT:-80} 100% %n");
    EXPECT_EQ(unit.environment, (std::map<std::string, std::string>{
                                    {"FORMAT", "%H %n"}, {"OTHER", "${PORT}"}, {"PORT", "8080"}}));
}

TEST(ImageUnit, FindsAProgramWhereItStarts) {
    const auto program = [](const char* name, const char* folder) {
        images::Configuration configuration;
        configuration.entrypoint = {name};
        configuration.working_directory = folder;
        const auto command = unit_for(configuration).command;
        return command.empty() ? std::string() : command.front();
    };
    EXPECT_EQ(program("./server", "/app"), "/app/server");
    EXPECT_EQ(program("bin/server", "/app/"), "/app/bin/server");
    EXPECT_EQ(program("./server", ""), "/server");
    EXPECT_EQ(program("server", "/app"), "server") << "of PATH";
    EXPECT_EQ(program("/bin/./server", "/app"), "/bin/./server");
}

} // namespace
} // namespace stead::cli
