#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "systemd/generator.h"
#include "systemd/levels.h"

namespace stead::systemd {
namespace {

constexpr const char* kTemplate = "/lib/systemd/system/stead@.service";

class Generator : public ::testing::Test {
protected:
    Generator() {
        std::string folder = ::testing::TempDir() + "stead-generator-XXXXXX";
        base_ = ::mkdtemp(folder.data());
        std::filesystem::create_directories(base_ + "/guests");
    }

    ~Generator() override {
        std::error_code ignored;
        std::filesystem::remove_all(base_, ignored);
    }

    void write(const std::string& name, const std::string& text) {
        std::ofstream(base_ + "/guests/" + name + ".toml") << "root = \"/srv\"\n" << text;
    }

    std::vector<GeneratedFile> run() {
        guests::Paths paths;
        paths.config = base_;
        return generate(paths, kTemplate, problems_);
    }

    static std::string content_of(const std::vector<GeneratedFile>& files,
                                  const std::string& path) {
        const auto found = std::find_if(files.begin(), files.end(), [&](const GeneratedFile& file) {
            return file.path == path;
        });
        return found == files.end() ? "no " + path : found->content;
    }

    std::string base_;
    std::string problems_;
};

TEST_F(Generator, WantsWhatIsEnabledAndNothingElse) {
    write("web", "enabled = true\n");
    write("db", "");
    const auto files = run();
    EXPECT_EQ(content_of(files, "multi-user.target.wants/stead@web.service"), kTemplate);
    EXPECT_EQ(content_of(files, "multi-user.target.wants/stead@db.service").substr(0, 3), "no ");
}

TEST_F(Generator, OrdersGuestsAndUnitsOfTheHost) {
    write("web", "requires = [\"db\", \"postgresql.service\"]\nafter = [\"cache\"]\n");
    const std::string text = content_of(run(), "stead@web.service.d/50-stead.conf");
    for (const char* line : {"\nRequires=stead@db.service\nAfter=stead@db.service\n",
                             "\nRequires=postgresql.service\nAfter=postgresql.service\n",
                             "\nAfter=stead@cache.service\n"})
        EXPECT_NE(text.find(line), std::string::npos) << text;
    EXPECT_EQ(text.find("Requires=stead@cache"), std::string::npos);
}

TEST_F(Generator, TellsTheServiceManagerTheLevelsThatItKnows) {
    write("web", "[limits]\nmemory-max = \"512M\"\nmemory-low = \"max\"\ncpu-max = \"150%\"\n"
                 "cpu-weight = 300\npids-max = 100\n");
    const std::string text = content_of(run(), "stead@web.service.d/50-stead.conf");
    EXPECT_NE(text.find("\n[Service]\n"), std::string::npos) << text;
    for (const char* line : {"\nMemoryMax=536870912\n", "\nMemoryLow=infinity\n",
                             "\nCPUQuota=150.00%\n", "\nCPUWeight=300\n"})
        EXPECT_NE(text.find(line), std::string::npos) << text;
    EXPECT_EQ(text.find("Tasks"), std::string::npos) << text;
}

TEST(UnitLevels, AreNumbersOnTheBusAndWordsInFiles) {
    const auto is = [](const char* file, const char* content, std::uint64_t value) {
        const auto level = unit_level(file, content);
        return level && level->value == value;
    };
    EXPECT_TRUE(is("memory.max", "4096\n", 4096));
    EXPECT_TRUE(is("memory.max", "max", UINT64_MAX));
    EXPECT_TRUE(is("cpu.max", "50000 100000", 500'000));
    EXPECT_TRUE(is("cpu.max", "max 100000", UINT64_MAX));
    EXPECT_TRUE(is("io.weight", "default 250", 250));
    EXPECT_EQ(unit_level("cpu.max", "1234 100000")->setting, "CPUQuota=1.23%");
    for (const char* hostile : {"", "x", "1 0", "-1", "1 2 3", "99999999999999999999"}) {
        EXPECT_FALSE(unit_level("cpu.max", hostile)) << hostile;
        EXPECT_FALSE(unit_level("memory.max", hostile)) << hostile;
    }
    EXPECT_FALSE(unit_level("pids.max", "100"));
}

TEST_F(Generator, LetsNoDescriptionWriteLinesOrSpecifiers) {
    write("web", "description = \"100 %n\\n[Service]\\nExecStart=/bin/evil\"\n");
    const std::string text = content_of(run(), "stead@web.service.d/50-stead.conf");
    EXPECT_NE(text.find("100 %%n [Service] ExecStart=/bin/evil\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("\nExecStart"), std::string::npos);
}

TEST_F(Generator, LeavesABrokenFileOutAndSaysSo) {
    write("web", "after = 7\n");
    write("db", "enabled = true\n");
    EXPECT_EQ(run().size(), 2U);
    EXPECT_NE(problems_.find("guest 'web' is left out"), std::string::npos) << problems_;
}

TEST_F(Generator, WritesFilesAndLinks) {
    write("web", "enabled = true\n");
    const auto files = run();
    ASSERT_TRUE(write_generated(base_, files));
    // Twice is as good as once.
    ASSERT_TRUE(write_generated(base_, files));
    EXPECT_EQ(std::filesystem::read_symlink(base_ + "/multi-user.target.wants/stead@web.service"),
              kTemplate);
    std::ostringstream text;
    text << std::ifstream(base_ + "/stead@web.service.d/50-stead.conf").rdbuf();
    EXPECT_NE(text.str().find("SourcePath=" + base_ + "/guests/web.toml"), std::string::npos);
}

} // namespace
} // namespace stead::systemd
