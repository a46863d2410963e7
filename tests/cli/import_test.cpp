#include <gtest/gtest.h>

#include "cli/command.h"

namespace stead::cli {

namespace {

constexpr const char* kService = "[Service]\nExecStart=/bin/a\nFrobnicate=1\n";

/// Names of the files in a folder, hidden ones too.
std::string files_in(const std::string& folder) {
    std::string names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names += entry.path().filename().string() + " ";
    return names;
}

TEST(ImportVerb, WritesFilesAndTellsWhatBecameOfThem) {
    const Machine machine;
    machine.write("in/a.service", kService);
    const std::string out = machine.root + "/out";
    const Outcome done = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(files_in(out), "a.toml ");
    EXPECT_NE(done.out.find("a.service: 1 exact, 0 approximated, 1 not mapped"), std::string::npos)
        << done.out;
    EXPECT_NE(done.out.find("not mapped   a.service:3: Frobnicate=1"), std::string::npos);
    EXPECT_NE(machine.read("out/a.toml").find("command = [\"/bin/a\"]"), std::string::npos);
}

TEST(ImportVerb, ReplacesNothingUnlessItIsForced) {
    const Machine machine;
    machine.write("in/a.service", kService);
    machine.write("in/b.service", kService);
    machine.write("out/b.toml", "mine");
    const std::string out = machine.root + "/out";
    const Outcome refused = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_EQ(refused.code, 2);
    EXPECT_EQ(files_in(out), "b.toml ");
    EXPECT_EQ(machine.read("out/b.toml"), "mine");
    EXPECT_NE(refused.err.find("--force"), std::string::npos);
    EXPECT_EQ(machine.run({"import", machine.root + "/in", "-o", out, "--force"}).code, 0);
    EXPECT_NE(machine.read("out/b.toml"), "mine");
}

TEST(ImportVerb, LeavesNothingBehindWhenAFileCannotBeWritten) {
    const Machine machine;
    machine.write("in/a.service", kService);
    machine.write("in/b.service", kService);
    // A folder in the place of the second file.
    std::filesystem::create_directories(machine.root + "/out/b.toml/x");
    const std::string out = machine.root + "/out";
    const Outcome failed = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_NE(failed.code, 0);
    EXPECT_EQ(files_in(out), "b.toml ");
    EXPECT_EQ(machine.run({"import", machine.root + "/in", "-o", out, "--force"}).code, 1);
    EXPECT_EQ(files_in(out), "b.toml ");
    EXPECT_NE(machine.run({"import", machine.root + "/in", "-o", "/dev/null/x"}).code, 0);
}

TEST(ImportVerb, PrintsTheFileWhereNoFolderIsNamed) {
    const Machine machine;
    machine.write("in/a.service", kService);
    const Outcome done = machine.run({"import", machine.root + "/in/a.service"});
    EXPECT_EQ(done.code, 0);
    EXPECT_EQ(done.out.find("# Imported from a.service."), 0U) << done.out;
    EXPECT_NE(done.err.find("1 not mapped"), std::string::npos);
}

TEST(ImportVerb, IsWrongWithoutAnythingToImport) {
    const Machine machine;
    EXPECT_EQ(machine.run({"import"}).code, 2);
    EXPECT_EQ(machine.run({"import", machine.root + "/nothing"}).code, 2);
    EXPECT_EQ(machine.run({"import", machine.root}).code, 2);
}

TEST(ImportVerb, SpeaksToProgramsToo) {
    const Machine machine;
    machine.write("in/a.service", kService);
    const Outcome done = machine.run({"import", "--json", machine.root + "/in/a.service"});
    EXPECT_EQ(done.code, 0);
    EXPECT_NE(done.out.find("\"not-mapped\""), std::string::npos);
    EXPECT_EQ(done.err, "");
}

} // namespace

} // namespace stead::cli
