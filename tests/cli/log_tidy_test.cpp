#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "cli/command.h"
#include "cli/log_line.h"
#include "cli/log_reader.h"
#include "cli/log_tidy.h"
#include "cli/packed_log.h"
#include "keep/log_files.h"
#include "sys/file.h"

namespace stead::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStart = 1'800'000'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

std::string stamp(std::int64_t second) {
    return log_time(kStart + second * kSecond);
}

class Tidy : public ::testing::Test {
protected:
    Tidy() {
        fs::create_directories(path());
        folder = std::move(*sys::open_at(AT_FDCWD, path().c_str(), O_RDONLY | O_DIRECTORY));
    }

    [[nodiscard]] fs::path path() const { return machine.root + "/state/logs/web"; }

    /// UNIT/current.NUMBER with `lines` lines from second `first` on, last written in that second.
    void write(const std::string& file, int first, int lines) const {
        std::string text;
        for (int line = first; line < first + lines; ++line)
            text += stamp(line) + " out line-" + std::to_string(line) + "-" +
                    std::string(200, 'x') + "\n";
        machine.write("state/logs/web/" + file, text);
        const timespec time{kStart / kSecond + first, 0};
        const timespec times[] = {time, time};
        ASSERT_EQ(::utimensat(AT_FDCWD, (path() / file).c_str(), times, 0), 0);
    }

    [[nodiscard]] bool is_packed(const std::string& file) const {
        const auto fd = sys::open_at(AT_FDCWD, (path() / file).c_str(), O_RDONLY);
        return fd && PackedLog::open(fd->get());
    }

    /// The numbers of the lines that are read, with spaces between.
    [[nodiscard]] std::string numbers(std::int64_t lines = -1,
                                      const std::string& since = {}) const {
        LogWishes wishes;
        wishes.lines = lines;
        wishes.since = since;
        std::string all;
        (void)read_logs(folder.get(), wishes, [&](std::string_view line) {
            const std::size_t at = line.find("line-");
            if (at == std::string_view::npos)
                all.append("?");
            else
                all.append(line.substr(at + 5, line.find('-', at + 5) - at - 5));
            all += " ";
            return true;
        });
        return all;
    }

    [[nodiscard]] std::uintmax_t bytes_on_disk() const {
        std::uintmax_t sum = 0;
        for (const auto& entry : fs::recursive_directory_iterator(path()))
            if (entry.is_regular_file()) sum += entry.file_size();
        return sum;
    }

    Machine machine;
    sys::UniqueFd folder;
};

TEST_F(Tidy, CompressesAllButTheYoungestAndLeavesEveryLineToTheReader) {
    write("db/current.3", 0, 50);
    write("db/current.2", 50, 50);
    write("db/current.1", 100, 50);
    write("db/current", 150, 2);
    const std::string before = numbers();
    const auto size = fs::file_size(path() / "db/current.3");
    EXPECT_EQ(tidy_logs(folder.get(), 0, 100).compressed, 2);
    EXPECT_TRUE(is_packed("db/current.3"));
    EXPECT_TRUE(is_packed("db/current.2"));
    EXPECT_FALSE(is_packed("db/current.1"));
    EXPECT_FALSE(is_packed("db/current"));
    EXPECT_LT(fs::file_size(path() / "db/current.3"), size / 4);
    EXPECT_EQ(numbers(), before);
    EXPECT_EQ(tidy_logs(folder.get(), 0, 100).compressed, 0);
    EXPECT_EQ(std::distance(fs::directory_iterator(path() / "db"), {}), 4);
}

TEST_F(Tidy, LeavesFiltersByTimeAndNumberAsTheyWere) {
    write("db/current.2", 0, 5);
    write("db/current.1", 5, 2);
    write("db/current", 7, 1);
    (void)tidy_logs(folder.get(), 0, 100);
    ASSERT_TRUE(is_packed("db/current.2"));
    EXPECT_EQ(numbers(-1, stamp(3)), "3 4 5 6 7 ");
    EXPECT_EQ(numbers(5), "3 4 5 6 7 ");
    EXPECT_EQ(numbers(3), "5 6 7 ");
    EXPECT_EQ(numbers(100), "0 1 2 3 4 5 6 7 ");
    EXPECT_EQ(numbers(0), "");
}

TEST_F(Tidy, RemovesTheOldestFirstWhicheverUnitsTheyAre) {
    write("a/current.1", 10, 100);
    write("a/current", 40, 100);
    write("b/current.1", 5, 100);
    write("b/current", 30, 100);
    write("c/current", 1, 100); // the oldest of all, and being written
    const auto all = bytes_on_disk();
    EXPECT_EQ(tidy_logs(folder.get(), all, 100).removed, 0);
    EXPECT_EQ(tidy_logs(folder.get(), all - 1, 100).removed, 1);
    EXPECT_FALSE(fs::exists(path() / "b/current.1"));
    EXPECT_TRUE(fs::exists(path() / "a/current.1"));
    EXPECT_EQ(tidy_logs(folder.get(), 1, 100).removed, 1);
    EXPECT_TRUE(fs::exists(path() / "c/current"));
    EXPECT_TRUE(fs::exists(path() / "a/current"));
}

TEST_F(Tidy, RemovesNoMoreAtATimeThanItIsAllowed) {
    for (int number = 1; number <= 5; ++number)
        write("a/current." + std::to_string(number), 10 - number, 10);
    EXPECT_EQ(tidy_logs(folder.get(), 1, 2).removed, 2);
    EXPECT_TRUE(fs::exists(path() / "a/current.3"));
    EXPECT_FALSE(fs::exists(path() / "a/current.4"));
}

TEST_F(Tidy, FollowsNoLinkAndTouchesNothingElse) {
    write("a/current.1", 5, 10);
    machine.write("precious", std::string(1000, 'p'));
    fs::create_symlink(machine.root + "/precious", path() / "a/current.2");
    machine.write("state/logs/web/a/notes", std::string(1000, 'n'));
    const Tidied done = tidy_logs(folder.get(), 1, 100);
    EXPECT_EQ(done.compressed, 0);
    EXPECT_EQ(fs::file_size(machine.root + "/precious"), 1000U);
    EXPECT_EQ(fs::file_size(path() / "a/notes"), 1000U);
}

TEST_F(Tidy, ADamagedFileIsSaidAndTheRestIsRead) {
    write("db/current.2", 0, 200);
    write("db/current.1", 200, 2);
    (void)tidy_logs(folder.get(), 0, 100);
    ASSERT_TRUE(is_packed("db/current.2"));
    fs::resize_file(path() / "db/current.2", fs::file_size(path() / "db/current.2") / 2);
    const std::string read = numbers();
    EXPECT_TRUE(read.starts_with("0 1 2 ")) << read;
    EXPECT_TRUE(read.ends_with(" ? 200 201 ")) << read;
}

/// Beside a writer that rotates all the time, tidying is killed at any point and begun again.
TEST_F(Tidy, KilledAnywhereLosesNoLineAndLeavesNoHalfFile) {
    constexpr int kLines = 4000;
    auto memory = std::make_unique<keep::LogFiles::Memory>();
    keep::LogFiles files(folder.get(), *memory);
    keep::LogFile web;
    web.name.append("web");
    web.keep = 99;
    int written = 0;
    int kills = 0;
    while (written < kLines) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            while (true)
                (void)tidy_logs(folder.get(), 0, 100);
        }
        for (int count = 0; count < 100; ++count, ++written) {
            files.append(web, kStart + written * kSecond, keep::LogStream::Output,
                         "line-" + std::to_string(written) + "-" + std::string(700, 'x'), false);
            files.flush();
        }
        std::this_thread::sleep_for(std::chrono::microseconds(137 * (kills % 40)));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        ++kills;
    }
    EXPECT_GE(kills, 40);
    (void)tidy_logs(folder.get(), 0, 100);
    std::string expected;
    for (int line = 0; line < kLines; ++line)
        expected += std::to_string(line) + " ";
    EXPECT_TRUE(numbers() == expected) << "lines are missing or there twice";
    std::size_t packed = 0;
    for (const auto& entry : fs::directory_iterator(path() / "web")) {
        const std::string name = "web/" + entry.path().filename().string();
        EXPECT_EQ(name.find("packed"), std::string::npos) << name;
        packed += is_packed(name) ? 1 : 0;
    }
    EXPECT_GT(packed, 50U);
}

} // namespace
} // namespace stead::cli
