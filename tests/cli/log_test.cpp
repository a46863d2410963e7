#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "cli/command.h"
#include "cli/log_line.h"
#include "cli/log_reader.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace stead::cli {
namespace {

std::string at(int second, std::string_view rest) {
    return log_time(1'800'000'000'000'000'000 + second * std::int64_t{1'000'000'000})
        .append(" ")
        .append(rest)
        .append("\n");
}

class Logs : public ::testing::Test {
protected:
    std::string read(const LogWishes& wishes) {
        const auto folder = sys::open_at(AT_FDCWD, path().c_str(), O_PATH | O_DIRECTORY);
        std::string all;
        (void)read_logs(folder->get(), wishes, [&](std::string_view line) {
            // Only the time's seconds, the unit and the text, to keep expectations readable.
            all.append(line.substr(17, 2)).append(line.substr(27));
            return true;
        });
        return all;
    }

    [[nodiscard]] std::string path() const { return machine.root + "/state/logs/web"; }

    void write(const std::string& file, const std::string& content) const {
        machine.write("state/logs/web/" + file, content);
    }

    Machine machine;
};

TEST_F(Logs, AreMergedByTimeAcrossUnitsAndFiles) {
    write("db/current.1", at(1, "out a"));
    write("db/current", at(3, "out c") + at(5, "err e"));
    write("nginx/current", at(2, "out b") + at(4, "out d"));
    EXPECT_EQ(read({}), "01 db out a\n02 nginx out b\n03 db out c\n04 nginx out d\n05 db err e\n");
}

TEST_F(Logs, AreFilteredByTheirEndAndUrgency) {
    write("web/current", at(1, "out <7>detail") + at(2, "err broken") + at(3, "out <2>worse") +
                             at(4, "out plain") + at(5, "out <3>late"));
    const auto texts = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"logs", "web/web"});
        std::istringstream lines(machine.run(words).out);
        std::string all;
        for (std::string line; std::getline(lines, line);)
            all += line.substr(line.rfind(' ') + 1) + " ";
        return all;
    };
    EXPECT_EQ(texts({}), "detail broken worse plain late ");
    EXPECT_EQ(texts({"-p", "err"}), "broken worse late ");
    EXPECT_EQ(texts({"-p", "err", "-n", "1"}), "late ");
    EXPECT_EQ(texts({"-p", "2"}), "worse ");
    const std::string third = at(3, "").substr(0, 27);
    EXPECT_EQ(texts({"--until", third}), "detail broken worse ");
    EXPECT_EQ(texts({"--until", third, "-n", "2"}), "broken worse ");
    EXPECT_EQ(texts({"--since", third, "--until", at(4, "").substr(0, 27)}), "worse plain ");
    EXPECT_EQ(machine.run({"logs", "web/web", "-p", "loud"}).code, 2);
    EXPECT_EQ(machine.run({"logs", "web/web", "--until", "some day"}).code, 2);
    EXPECT_EQ(machine.run({"logs", "web/web", "-f", "-n", "3", "-p", "err"}).code, 2);
}

TEST_F(Logs, AreClearedOfOneUnitOrAll) {
    write("db/current", at(1, "out a"));
    write("db/current.1", at(0, "out z"));
    write("nginx/current", at(2, "out b"));
    EXPECT_EQ(machine.run({"logs", "web/db", "--clear"}).code, 0);
    EXPECT_EQ(read({}), "02 nginx out b\n");
    EXPECT_EQ(machine.run({"logs", "web", "--clear"}).code, 0);
    EXPECT_EQ(read({}), "");
    EXPECT_EQ(machine.run({"logs", "nobody", "--clear"}).code, 5);
}

TEST(LogFilter, TakesTheUrgencyOfAPrefixOrOfTheStream) {
    const auto priority_of = [](std::string_view stream, std::string_view text) {
        const int priority = take_priority(stream, text);
        return std::to_string(priority) + " " + std::string(text);
    };
    EXPECT_EQ(priority_of("out", "<2>worse"), "2 worse");
    EXPECT_EQ(priority_of("err", "<7>chatter"), "7 chatter");
    EXPECT_EQ(priority_of("err", "broken"), "3 broken");
    EXPECT_EQ(priority_of("out", "plain"), "6 plain");
    EXPECT_EQ(priority_of("say", "own"), "5 own");
    EXPECT_EQ(priority_of("out", "<8>none"), "6 <8>none");
    EXPECT_EQ(priority_of("out", "<1"), "6 <1");
    EXPECT_EQ(parse_priority("warning"), 4);
    EXPECT_EQ(parse_priority("7"), 7);
    EXPECT_FALSE(parse_priority("8").has_value());
    EXPECT_FALSE(parse_priority("loud").has_value());
}

TEST_F(Logs, OfOneUnitComeAlone) {
    write("db/current", at(1, "out a"));
    write("nginx/current", at(2, "out b"));
    LogWishes wishes;
    wishes.unit = "nginx";
    EXPECT_EQ(read(wishes), "02 nginx out b\n");
}

TEST_F(Logs, GiveTheLastLinesAcrossFiles) {
    std::string old;
    for (int second = 0; second < 40; ++second)
        old += at(second, "out " + std::string(1000, 'x'));
    write("db/current.1", old);
    write("db/current", at(41, "out y"));
    write("nginx/current", at(2, "out z") + at(42, "out z"));
    LogWishes wishes;
    wishes.lines = 3;
    EXPECT_EQ(read(wishes),
              "39 db out " + std::string(1000, 'x') + "\n41 db out y\n42 nginx out z\n");
    wishes.lines = 100;
    const std::string all = read(wishes);
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 43);
}

TEST_F(Logs, BeginAtTheMomentThatWasAskedFor) {
    write("db/current", at(1, "out a") + at(2, "out b") + at(3, "out c"));
    LogWishes wishes;
    wishes.since = at(2, "").substr(0, 27);
    EXPECT_EQ(read(wishes), "02 db out b\n03 db out c\n");
}

TEST_F(Logs, OfAnUnfinishedLineComeOnlyOnceItIsWhole) {
    write("db/current", at(1, "out a") + "2027-01-15T08:00:02.000000Z out hal");
    EXPECT_EQ(read({}), "01 db out a\n");
}

TEST_F(Logs, AreFollowedThroughRotationUntilTheEnd) {
    write("db/current", at(1, "out 0"));
    auto alive = sys::make_pipe();
    std::string all;
    std::atomic<int> count = 0;
    std::thread reader([&] {
        const auto folder = sys::open_at(AT_FDCWD, path().c_str(), O_PATH | O_DIRECTORY);
        LogWishes wishes;
        wishes.follow = true;
        wishes.alive = alive->read.get();
        (void)read_logs(folder->get(), wishes, [&](std::string_view line) {
            all.append(line.substr(28));
            ++count;
            return true;
        });
    });
    const auto await = [&](int wanted) {
        for (int tries = 0; tries < 500 && count < wanted; ++tries)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    };
    await(1);
    std::ofstream(path() + "/db/current", std::ios::app) << at(2, "out 1");
    await(2);
    std::filesystem::rename(path() + "/db/current", path() + "/db/current.1");
    write("db/current", at(3, "out 2"));
    write("late/current", at(4, "out 3"));
    await(4);
    std::ofstream(path() + "/db/current", std::ios::app) << at(5, "out 4");
    alive->write.reset();
    reader.join();
    EXPECT_EQ(all, "db out 0\ndb out 1\ndb out 2\nlate out 3\ndb out 4\n");
}

TEST_F(Logs, OfAGuestThatHasEndedAreStillShown) {
    write("db/current", at(1, "out hello \\x1b[1m") + at(2, "out+ long ") + at(2, "out er"));
    const Outcome outcome = machine.run({"logs", "web"});
    EXPECT_EQ(outcome.code, kDone) << outcome.err;
    EXPECT_EQ(outcome.out, "2027-01-15T08:00:01.000000Z db: hello \\x1b[1m\n"
                           "2027-01-15T08:00:02.000000Z db: long er\n");
    const Outcome one = machine.run({"logs", "-n", "1", "--json", "web/db"});
    EXPECT_EQ(one.out, "{\"priority\":6,\"stream\":\"out\",\"text\":\"er\",\"time\":\"2027-01-"
                       "15T08:00:02.000000Z\","
                       "\"unit\":\"db\"}\n");
    EXPECT_EQ(machine.run({"logs", "web/dv"}).code, kNoSuch);
    EXPECT_EQ(machine.run({"logs", "nothing"}).code, kNoSuch);
    EXPECT_EQ(machine.run({"logs", "--since", "whenever", "web"}).code, kAskedWrongly);
}

TEST(LogLines, ThatAreNoneAreShownAsTheyAreButHarmless) {
    EXPECT_FALSE(parse_log_line("hello"));
    EXPECT_FALSE(parse_log_line("2027-01-15T08:00:01.000000Z db stdout x"));
    ASSERT_TRUE(parse_log_line("2027-01-15T08:00:01.000000Z db out "));
    std::FILE* out = std::tmpfile();
    Console console(out, stderr);
    LogPrinter printer(console, true, false);
    printer.feed("raw \x1b[2J by");
    printer.feed("tes\n");
    printer.feed(std::string(200'000, 'x'));
    printer.finish();
    ASSERT_TRUE(console.flush());
    std::rewind(out);
    std::string text(17, '\0');
    ASSERT_EQ(std::fread(text.data(), 1, text.size(), out), text.size());
    EXPECT_EQ(text, "raw \\x1b[2J bytes");
    (void)std::fclose(out);
}

} // namespace
} // namespace stead::cli
