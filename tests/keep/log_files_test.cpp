#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "keep/log_files.h"

namespace stead::keep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kTime = 1'792'614'215'000'042'000; // 2026-10-21T20:23:35.000042Z

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

class Files : public ::testing::Test {
protected:
    Files() {
        std::string path = (fs::temp_directory_path() / "stead-logs-XXXXXX").string();
        folder = ::mkdtemp(path.data());
        fd = sys::UniqueFd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        files = std::make_unique<LogFiles>(fd.get(), *memory);
        web.name.append("web");
        web.limit = kMinLogSize;
        web.keep = 2;
    }

    ~Files() override {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }

    void write(std::string_view text, LogStream stream = LogStream::Output) {
        files->append(web, kTime, stream, text, false);
        files->flush();
    }

    [[nodiscard]] std::uintmax_t bytes_on_disk() const {
        std::uintmax_t total = 0;
        for (const auto& entry : fs::directory_iterator(folder / "web"))
            total += entry.file_size();
        return total;
    }

    fs::path folder;
    sys::UniqueFd fd;
    LogFile web;
    std::unique_ptr<LogFiles::Memory> memory = std::make_unique<LogFiles::Memory>();
    std::unique_ptr<LogFiles> files;
};

TEST(Timestamp, IsUtcWithMicroseconds) {
    EXPECT_EQ(timestamp(0).view(), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(timestamp(kTime).view(), "2026-10-21T20:23:35.000042Z");
    EXPECT_EQ(timestamp(1'709'164'799'999'999'999).view(), "2024-02-28T23:59:59.999999Z");
    EXPECT_EQ(timestamp(1'709'164'800'000'000'000).view(), "2024-02-29T00:00:00.000000Z");
    EXPECT_EQ(timestamp(4'107'542'400'000'000'000).view(), "2100-03-01T00:00:00.000000Z");
}

TEST(LogName, IsAFolderAndNothingElse) {
    EXPECT_TRUE(valid_log_name("web"));
    EXPECT_TRUE(valid_log_name("worker@1"));
    for (const char* bad : {"", ".", "..", "a/b", "../x", "a b", "a\nb", "\x7f"})
        EXPECT_FALSE(valid_log_name(bad)) << bad;
    EXPECT_FALSE(valid_log_name(std::string(kMaxUnitName + 1, 'a')));
}

TEST_F(Files, HoldTimeStreamAndEscapedText) {
    write("hello");
    write("oh\x1b[2Jno", LogStream::Error);
    files->append(web, kTime, LogStream::Say, "part", true);
    files->flush();
    EXPECT_EQ(content(folder / "web/current"), "2026-10-21T20:23:35.000042Z out hello\n"
                                               "2026-10-21T20:23:35.000042Z err oh\\x1b[2Jno\n"
                                               "2026-10-21T20:23:35.000042Z say+ part\n");
}

TEST_F(Files, RotateWithoutCuttingALineAndStayWithinTheirBound) {
    const std::string line(900, 'x');
    for (int count = 0; count < 500; ++count) {
        write(std::to_string(count) + " " + line);
        EXPECT_LE(bytes_on_disk(), 3 * kMinLogSize);
    }
    for (const char* name : {"current", "current.1", "current.2"}) {
        const std::string text = content(folder / "web" / name);
        EXPECT_LE(text.size(), kMinLogSize);
        EXPECT_TRUE(text.ends_with("xxx\n")) << name;
        EXPECT_TRUE(text.starts_with("2026-")) << name;
    }
    EXPECT_FALSE(fs::exists(folder / "web/current.3"));
    EXPECT_NE(content(folder / "web/current").find(" 499 "), std::string::npos);
}

TEST_F(Files, OfAnEarlierLifeAreContinuedAndSurplusOnesRemoved) {
    fs::create_directories(folder / "web");
    std::ofstream(folder / "web/current") << "old\n";
    std::ofstream(folder / "web/current.3") << "older\n";
    std::ofstream(folder / "web/current.4") << "oldest\n";
    write("new");
    EXPECT_TRUE(content(folder / "web/current").starts_with("old\n2026-"));
    for (int count = 0; count < 40; ++count)
        write(std::string(1000, 'x'));
    EXPECT_FALSE(fs::exists(folder / "web/current.3"));
    EXPECT_FALSE(fs::exists(folder / "web/current.4"));
}

TEST_F(Files, ThatWereRemovedAreMadeAgain) {
    write("one");
    fs::remove(folder / "web/current");
    write("two");
    EXPECT_EQ(content(folder / "web/current"), "2026-10-21T20:23:35.000042Z out two\n");
}

TEST_F(Files, AreNotWrittenThroughALink) {
    std::ofstream(folder / "victim") << "precious\n";
    fs::create_directories(folder / "web");
    fs::create_symlink(folder / "victim", folder / "web/current");
    write("attack");
    EXPECT_EQ(content(folder / "victim"), "precious\n");
    EXPECT_EQ(web.dropped, 1U);
}

TEST_F(Files, CountWhatTheyCouldNotWriteAndSaySo) {
    // A folder where the file should be: EISDIR, whoever asks.
    fs::create_directories(folder / "web/current");
    write("lost 1");
    write("lost 2");
    EXPECT_EQ(web.dropped, 2U);
    fs::remove(folder / "web/current");
    write("found");
    EXPECT_EQ(web.dropped, 0U);
    EXPECT_EQ(content(folder / "web/current"),
              "2026-10-21T20:23:35.000042Z --- 2 lines could not be written: EISDIR\n"
              "2026-10-21T20:23:35.000042Z out found\n");
}

TEST_F(Files, OnAFullDiskHoldOnlyWholeLinesAndGoOnOnceThereIsRoom) {
    fs::create_directories(folder / "small");
    if (::mount("stead", (folder / "small").c_str(), "tmpfs", 0, "size=16k") < 0)
        GTEST_SKIP() << "needs the right to mount a tmpfs";
    sys::UniqueFd small(::open((folder / "small").c_str(), O_PATH | O_CLOEXEC));
    files = std::make_unique<LogFiles>(small.get(), *memory);
    std::ofstream(folder / "small/ballast") << std::string(8192, 'b');
    for (int count = 0; count < 30; ++count)
        write(std::to_string(count) + std::string(700, 'x'));
    EXPECT_GT(web.dropped, 0U);
    EXPECT_TRUE(content(folder / "small/web/current").ends_with("x\n"));

    fs::remove(folder / "small/ballast");
    write("after");
    const std::string text = content(folder / "small/web/current");
    EXPECT_NE(text.find(" lines could not be written: ENOSPC\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with(" out after\n"));
    files.reset();
    small.reset();
    EXPECT_EQ(::umount((folder / "small").c_str()), 0);
}

TEST_F(Files, ThatBlockKeepWhatAFullDiskDoesNotTake) {
    fs::create_directories(folder / "small");
    if (::mount("stead", (folder / "small").c_str(), "tmpfs", 0, "size=16k") < 0)
        GTEST_SKIP() << "needs the right to mount a tmpfs";
    sys::UniqueFd small(::open((folder / "small").c_str(), O_RDONLY | O_CLOEXEC));
    files = std::make_unique<LogFiles>(small.get(), *memory);
    web.blocks = true;
    std::ofstream(folder / "small/ballast") << std::string(12288, 'b');
    int taken = 0;
    for (; taken < 30; ++taken) {
        files->append(web, kTime, LogStream::Output, std::to_string(taken) + std::string(700, 'x'),
                      false);
        if (!files->flush()) break;
    }
    ASSERT_LT(taken, 30);
    LogFile other;
    other.name.append("other");
    files->append(other, kTime, LogStream::Output, "of one that does not wait", false);
    EXPECT_EQ(other.dropped, 1U);
    EXPECT_EQ(web.dropped, 0U);

    fs::remove(folder / "small/ballast");
    EXPECT_TRUE(files->flush());
    const std::string text = content(folder / "small/web/current");
    for (int line = 0; line <= taken; ++line)
        EXPECT_NE(text.find(" out " + std::to_string(line) + "x"), std::string::npos) << line;
    files.reset();
    small.reset();
    EXPECT_EQ(::umount((folder / "small").c_str()), 0);
}

TEST_F(Files, NeedOnlyAFewDescriptorsForManyUnits) {
    std::vector<LogFile> many(200);
    for (std::size_t index = 0; index < many.size(); ++index) {
        many[index].name.append("u").append_number(static_cast<long long>(index));
        files->append(many[index], kTime, LogStream::Output, "line", false);
    }
    files->flush();
    std::size_t open_files = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd"))
        ++open_files;
    EXPECT_LT(open_files, 60U);
    for (LogFile& one : many)
        files->append(one, kTime, LogStream::Output, "again", false);
    files->flush();
    EXPECT_EQ(content(folder / "u7/current"),
              "2026-10-21T20:23:35.000042Z out line\n2026-10-21T20:23:35.000042Z out again\n");
}

} // namespace
} // namespace stead::keep
