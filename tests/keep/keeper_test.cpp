#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "keep/keep.h"
#include "keep/log_files.h"
#include "model/state.h"
#include "sys/descriptors.h"
#include "sys/process.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"
#include "wire/boot.h"
#include "wire/message.h"

namespace stead::keep {
namespace {

namespace fs = std::filesystem;
using wire::Kind;
using wire::Tag;

/// What a fake PID 1 does with its end of the channel; it leaves with the code returned.
using Init = std::function<int(int channel)>;

void send(int channel, wire::Writer& message, std::span<const int> descriptors = {}) {
    for (int tries = 0; tries < 1000; ++tries) {
        if (sys::send(channel, message.bytes(), descriptors)) return;
        ::usleep(1000);
    }
}

/// All messages that wait in `socket`.
std::string received(int socket) {
    std::string all;
    std::string text(200, '\0');
    while (true) {
        const ssize_t got = ::recv(socket, text.data(), text.size(), MSG_DONTWAIT);
        if (got <= 0) return all;
        all += text.substr(0, static_cast<std::size_t>(got));
    }
}

void hand_pipe(int channel, std::string_view unit, int stream, int read_end) {
    std::array<std::byte, 512> buffer;
    wire::Writer message(buffer, Kind::LogPipe);
    message.text(Tag::Name, unit).number(Tag::Stream, stream);
    send(channel, message, std::span(&read_end, 1));
}

void say_text(int channel, Kind kind, std::string_view text) {
    std::vector<std::byte> buffer(4096);
    wire::Writer message(buffer, kind);
    message.text(Tag::Text, text);
    send(channel, message);
}

void end_guest(int channel, EndKind end, int code) {
    std::array<std::byte, 128> buffer;
    wire::Writer message(buffer, Kind::GuestEnd);
    message.number(Tag::End, static_cast<int>(end)).number(Tag::Code, code);
    send(channel, message);
}

/// Runs a keeper as a process of its own, parent of a fake PID 1, with its output in files.
class Kept : public ::testing::Test {
protected:
    Kept() {
        std::string path = (fs::temp_directory_path() / "stead-keep-XXXXXX").string();
        folder = ::mkdtemp(path.data());
        fs::create_directory(folder / "logs");
    }

    ~Kept() override {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }

    /// The keeper's process; `flags` as in KeeperConfig.
    pid_t start(const Init& init, unsigned flags) {
        const pid_t keeper = ::fork();
        if (keeper == 0) become_keeper(init, flags);
        return keeper;
    }

    int run(const Init& init, unsigned flags = 0) { return wait(start(init, flags)); }

    static int wait(pid_t keeper) {
        int status = 0;
        ::waitpid(keeper, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file(folder / name, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }

    /// A log file without its times.
    [[nodiscard]] std::string log(const std::string& unit) const {
        std::istringstream lines(read("logs/" + unit + "/current"));
        std::string all;
        for (std::string line; std::getline(lines, line);)
            all += line.substr(line.find(' ') + 1) + "\n";
        return all;
    }

    fs::path folder;
    std::string notify_socket;
    std::int64_t watchdog_ms = 0;
    /// Given to the keeper as kKeeperOutput, where it is a descriptor.
    int jail_output = -1;
    /// Given to the keeper as kKeeperJournal, where it is a descriptor.
    int journal = -1;
    /// The launcher has said something to PID 1.
    bool committed = false;

private:
    [[noreturn]] void become_keeper(const Init& init, unsigned flags) const {
        // Above every number of wire/boot.h, so that nothing is in the way of what is given.
        const auto high = [](int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, 100); };
        std::array<int, 2> pair{};
        (void)::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data());
        const int ours = high(pair[0]);
        const int theirs = high(pair[1]);
        const int logs = high(::open((folder / "logs").c_str(), O_PATH | O_CLOEXEC));
        const int output = jail_output < 0 ? -1 : high(jail_output);
        const int records = journal < 0 ? -1 : high(journal);
        auto config = sys::make_memfd("config");
        const int config_fd = high(config->get());
        std::array<std::byte, 256> buffer;
        wire::Writer message(buffer, Kind::KeeperConfig);
        message.text(Tag::Name, "web").number(Tag::Flags, flags);
        // The text with its unit, as a journal takes it.
        if (journal >= 0) message.text(Tag::Text, std::string_view("UNIT=\1\nMESSAGE=\2\n", 17));
        if (watchdog_ms != 0) message.number(Tag::Watchdog, watchdog_ms);
        (void)!::write(config_fd, message.bytes().data(), message.bytes().size());

        const pid_t child = ::fork();
        if (child == 0) {
            // Only its own end: a pipe's end held here would keep the keeper waiting.
            (void)::dup2(theirs, 3);
            (void)sys::close_from(4, false);
            ::_exit(init(3));
        }
        ::_exit(keep_child(child, {ours, logs, output, config_fd, records}));
    }

    struct Numbers {
        int channel, logs, output, config, journal;
    };

    [[nodiscard]] int keep_child(pid_t child, const Numbers& given) const {
        auto process = sys::open_process(child);
        const int pidfd = ::fcntl(process->pidfd.get(), F_DUPFD_CLOEXEC, 100);
        redirect(STDOUT_FILENO, "out");
        redirect(STDERR_FILENO, "err");
        if (committed) say_text(given.channel, Kind::Committed, {});
        for (int fd = 3; fd < wire::kKeeperDescriptors; ++fd)
            ::close(fd);
        (void)::dup2(given.config, wire::kKeeperConfig);
        (void)::dup2(given.channel, wire::kKeeperChannel);
        (void)::dup2(pidfd, wire::kKeeperPidfd);
        (void)::dup2(given.logs, wire::kKeeperLogs);
        if (given.output >= 0) (void)::dup2(given.output, wire::kKeeperOutput);
        if (given.journal >= 0) (void)::dup2(given.journal, wire::kKeeperJournal);
        // What is high belongs to others: an end kept open would keep the channel alive.
        (void)sys::close_from(100, false);
        // One thread in this process.
        if (!notify_socket.empty())
            (void)::setenv("NOTIFY_SOCKET", notify_socket.c_str(),
                           1); // NOLINT(concurrency-mt-unsafe)
        std::array<char, 8> keep{"--keep"};
        std::array<char, 8> name{"web"};
        std::array<char, 16> program{"stead-init"};
        std::array<char*, 4> arguments{program.data(), keep.data(), name.data(), nullptr};
        return keep::run(3, arguments.data());
    }

    void redirect(int fd, const char* name) const {
        const int file =
            ::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void)::dup2(file, fd);
    }
};

TEST_F(Kept, IsNotHeldUpByAJournalThatTakesNothing) {
    // A journal that hangs: its queue is full and nobody reads.
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    const timeval patience{.tv_sec = 0, .tv_usec = 100'000};
    ASSERT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    journal = pair[0];
    constexpr int kLines = 3000;
    const auto began = std::chrono::steady_clock::now();
    const int code = run([](int channel) {
        auto out = sys::make_pipe();
        hand_pipe(channel, "web", 1, out->read.get());
        // Waits where the keeper does not read: 3000 lines are more than the pipe holds.
        const std::string rest(60, 'x');
        for (int line = 0; line < kLines; ++line) {
            const std::string text = "line-" + std::to_string(line) + "-" + rest + "\n";
            (void)!::write(out->write.get(), text.data(), text.size());
        }
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_EQ(code, 0);
    // Waiting for each line would take five minutes.
    EXPECT_LT(took, std::chrono::seconds(15));
    const std::string text = log("web");
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kLines);
    EXPECT_NE(text.find("line-2999-"), std::string::npos);
    std::array<char, 256> record{};
    const ssize_t first = ::recv(pair[1], record.data(), record.size(), MSG_DONTWAIT);
    ASSERT_GT(first, 0);
    EXPECT_TRUE(std::string_view(record.data()).starts_with("UNIT=web\nMESSAGE=line-0-"));
    for (const int fd : pair)
        ::close(fd);
}

TEST_F(Kept, HearsAPidOneThatEndsWithoutReadingItsOwnMessages) {
    committed = true;
    const int code = run([](int channel) {
        pollfd ready{channel, POLLIN, 0};
        (void)::poll(&ready, 1, 5000);
        end_guest(channel, EndKind::Reboot, 0);
        return 0;
    });
    EXPECT_EQ(code, 133) << read("err");
}

TEST_F(Kept, WritesEachUnitsLinesToItsOwnFileAndLeavesWithTheGuestsCode) {
    const int code = run([](int channel) {
        auto out = sys::make_pipe();
        auto err = sys::make_pipe();
        hand_pipe(channel, "web", 1, out->read.get());
        hand_pipe(channel, "web", 2, err->read.get());
        (void)!::write(out->write.get(), "hello\nwor", 9);
        (void)!::write(err->write.get(), "oh \x1b[2J no\n", 11);
        ::usleep(50'000);
        (void)!::write(out->write.get(), "ld\nlast words", 13);
        end_guest(channel, EndKind::Exit, 7);
        return 0;
    });
    EXPECT_EQ(code, 7);
    const std::string text = log("web");
    EXPECT_NE(text.find("out hello\n"), std::string::npos) << text;
    EXPECT_NE(text.find("out world\n"), std::string::npos) << text;
    EXPECT_NE(text.find("out last words\n"), std::string::npos) << text;
    EXPECT_NE(text.find("err oh \\x1b[2J no\n"), std::string::npos) << text;
    EXPECT_EQ(read("out"), "");
}

TEST_F(Kept, ShowsLinesWithTheirUnitInTheForeground) {
    const int code = run(
        [](int channel) {
            auto out = sys::make_pipe();
            hand_pipe(channel, "web", 1, out->read.get());
            (void)!::write(out->write.get(), "one\ntwo\n", 8);
            say_text(channel, Kind::Say, "web is up");
            end_guest(channel, EndKind::Exit, 0);
            return 0;
        },
        wire::kKeeperForeground | wire::kKeeperPrefix);
    EXPECT_EQ(code, 0);
    EXPECT_EQ(read("out"), "web: one\nweb: two\n");
    EXPECT_EQ(read("err"), "stead: web is up\n");
    EXPECT_EQ(log("stead"), "say web is up\n");
}

TEST_F(Kept, TurnsARebootIntoItsAgreedCode) {
    EXPECT_EQ(run([](int channel) {
                  end_guest(channel, EndKind::Reboot, 0);
                  return 0;
              }),
              kRebootCode);
}

TEST_F(Kept, SaysWhyWhenPid1EndsWithoutAWord) {
    const Init killed = [](int) {
        (void)::raise(SIGKILL);
        return 0;
    };
    EXPECT_EQ(run(killed, wire::kKeeperForeground), 128 + SIGKILL);
    EXPECT_EQ(read("err"),
              "stead: PID 1 of web was killed by signal 9 (KILL), and the guest with it\n");
    EXPECT_EQ(run([](int) { return 3; }), 3);
}

TEST_F(Kept, TakesTheLinesOfATimeWithoutKeeper) {
    (void)run([](int channel) {
        std::array<std::byte, 512> buffer;
        wire::Writer text(buffer, Kind::LogText);
        text.text(Tag::Name, "db").number(Tag::Stream, 1).text(Tag::Text, "early\nlate");
        send(channel, text);
        wire::Writer lost(buffer, Kind::LogLost);
        lost.number(Tag::Count, 4711);
        send(channel, lost);
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    EXPECT_EQ(log("db"), "out early\nout late\n");
    EXPECT_EQ(log("stead"), "say 4711 bytes of output were lost while there was no keeper\n");
}

/// A socket such as /dev/log, bound to a name of its own; PID 1 hands it over.
struct Syslog {
    explicit Syslog(const fs::path& path)
        : name(path.string())
        , socket(sys::bind_unix(name, SOCK_DGRAM, 0666)) {
        (void)sys::set_socket_option(socket->get(), SO_PASSCRED, 1);
    }

    void hand_over(int channel) const {
        std::array<std::byte, 64> buffer;
        wire::Writer message(buffer, Kind::LogPipe);
        message.number(Tag::Stream, 3);
        const int fd = socket->get();
        send(channel, message, std::span(&fd, 1));
    }

    void say(std::string_view text, std::span<const int> descriptors = {}) const {
        const auto sender = sys::connect_unix(name, SOCK_DGRAM);
        const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
        // The queue of a socket is short.
        for (int tries = 0; tries < 2000; ++tries) {
            if (sys::send(sender->get(), bytes, descriptors)) return;
            ::usleep(1000);
        }
    }

    std::string name;
    Result<sys::UniqueFd> socket;
};

TEST_F(Kept, CollectsSyslogWithItsPriority) {
    (void)run([&](int channel) {
        const Syslog syslog(folder / "log");
        syslog.say("<30>Jan 31 12:30:00 cron[7]: before anybody listened");
        syslog.hand_over(channel);
        syslog.say("<11>Jan 31 12:30:01 app: bad\n");
        syslog.say("<6>kernel style");
        std::array<std::byte, 256> buffer;
        wire::Writer text(buffer, Kind::LogText);
        text.number(Tag::Stream, 3).text(Tag::Text, "<13>Jan 31 12:30:00 x: from the ring");
        send(channel, text);
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    const std::string all = log("syslog");
    for (const char* line : {"sys <6>cron[7]: before anybody listened\n", "sys <3>app: bad\n",
                             "sys <6>kernel style\n", "sys <5>x: from the ring\n"})
        EXPECT_NE(all.find(line), std::string::npos) << line << "in:\n" << all;
}

TEST_F(Kept, MakesHostileSyslogHarmlessOrRefusesIt) {
    using namespace std::string_view_literals;
    (void)run([&](int channel) {
        const Syslog syslog(folder / "log");
        syslog.hand_over(channel);
        syslog.say("<13>x: \x1b[2Jred\nforged out line\0after"sv);
        syslog.say("");
        syslog.say("<13>\n\0\n"sv);
        syslog.say(std::string(9000, 'x'));
        const std::array passed{0, 1, 2};
        syslog.say("<13>with descriptors", passed);
        syslog.say("<14>" + std::string(6000, 'y'));
        // What the keeper counted comes within a second or two.
        for (int seconds = 0; seconds < 30; ++seconds) {
            pollfd ready{channel, POLLIN, 0};
            if (::poll(&ready, 1, 1000) != 1) continue;
            std::array<std::byte, 512> buffer;
            const auto record = sys::receive(channel, buffer);
            if (!record) continue;
            const auto message = wire::Reader::open(std::span(buffer).first(record->size));
            if (!message || message->kind() != Kind::LogCounts) continue;
            const std::string_view bytes = message->text(Tag::LogCounts);
            wire::LogCounts counts;
            if (bytes.size() != sizeof counts) break;
            std::memcpy(&counts, bytes.data(), sizeof counts);
            if (counts.refused < 4) continue;
            say_text(channel, Kind::Say, "refused " + std::to_string(counts.refused));
            break;
        }
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    EXPECT_EQ(log("stead"), "say refused 4\n");
    const std::string all = log("syslog");
    EXPECT_EQ(all, "sys <5>x: \\x1b[2Jred\\x0aforged out line\\x00after\n"
                   "sys+ <6>" +
                       std::string(4093, 'y') + "\nsys " + std::string(6000 - 4093, 'y') + "\n");
}

TEST_F(Kept, DropsAFloodOfSyslogAndCountsIt) {
    constexpr int kMessages = 40'000;
    (void)run([&](int channel) {
        const Syslog syslog(folder / "log");
        syslog.hand_over(channel);
        const auto sender = sys::connect_unix(syslog.name, SOCK_DGRAM);
        (void)sys::set_nonblocking(sender->get(), false);
        for (int count = 0; count < kMessages; ++count)
            (void)!::send(sender->get(), "<13>flood", 9, 0);
        ::usleep(1'100'000);
        (void)!::send(sender->get(), "<13>after", 9, 0);
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    const std::string all = log("syslog");
    const auto lines = std::count(all.begin(), all.end(), '\n');
    EXPECT_LT(lines, kMessages);
    const auto mark = all.find(" lines could not be written: ENOBUFS");
    ASSERT_NE(mark, std::string::npos) << all.substr(all.size() - 200);
    EXPECT_NE(all.find("sys <5>after"), std::string::npos);
    // All of them are there, or counted.
    std::int64_t counted = 0;
    std::int64_t written = 0;
    std::istringstream text(all);
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("sys")) ++written;
        if (line.starts_with("--- ")) counted += std::stoll(line.substr(4));
    }
    EXPECT_EQ(written + counted, kMessages + 1);
}

TEST_F(Kept, WritesNoFileOutsideItsFolder) {
    (void)run([](int channel) {
        auto pipe = sys::make_pipe();
        for (const char* name : {"../escape", "a/b", "..", ""})
            hand_pipe(channel, name, 1, pipe->read.get());
        (void)!::write(pipe->write.get(), "x\n", 2);
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    EXPECT_TRUE(fs::is_empty(folder / "logs"));
    EXPECT_FALSE(fs::exists(folder / "escape"));
}

TEST_F(Kept, SurvivesRandomMessages) {
    EXPECT_EQ(run([](int channel) {
                  unsigned seed = 5;
                  const auto random = [&] { return seed = seed * 1103515245U + 12345U; };
                  std::array<std::byte, 2048> buffer;
                  for (int count = 0; count < 3000; ++count) {
                      const auto kind = static_cast<Kind>(0x1fe + (random() >> 8U) % 12);
                      if (kind == Kind::GuestEnd) continue;
                      wire::Writer message(buffer, kind);
                      for (int field = 0; field < 6; ++field) {
                          const auto tag = static_cast<Tag>(1 + (random() >> 8U) % 45);
                          message.number(tag, static_cast<std::int64_t>(random()) << random() % 40);
                          message.text(tag, std::string((random() >> 8U) % 80,
                                                        static_cast<char>(random() >> 16U)));
                      }
                      auto pipe = sys::make_pipe();
                      const int fd = pipe->read.get();
                      send(channel, message, std::span(&fd, (random() >> 9U) % 2));
                  }
                  end_guest(channel, EndKind::Exit, 9);
                  return 0;
              }),
              9);
}

TEST_F(Kept, ForwardsReadinessButNothingThatSpeaksAboutTheHost) {
    notify_socket = (folder / "notify").string();
    auto socket = sys::bind_unix(notify_socket, SOCK_DGRAM, 0600);
    ASSERT_TRUE(socket);
    (void)run([](int channel) {
        say_text(channel, Kind::Notify, "MAINPID=1\nREADY=1\nFDSTORE=1\nSTATUS=3 units up");
        end_guest(channel, EndKind::Exit, 0);
        return 0;
    });
    std::string text(200, '\0');
    const ssize_t got = ::recv(socket->get(), text.data(), text.size(), MSG_DONTWAIT);
    ASSERT_GT(got, 0);
    EXPECT_EQ(text.substr(0, static_cast<std::size_t>(got)), "READY=1\nSTATUS=3 units up\n");
}

TEST_F(Kept, PassesOnlySignsOfLifeOfAGuestThatIsToBeMute) {
    notify_socket = (folder / "notify").string();
    auto socket = sys::bind_unix(notify_socket, SOCK_DGRAM, 0600);
    ASSERT_TRUE(socket);
    (void)run(
        [](int channel) {
            say_text(channel, Kind::Notify, "STATUS=units up: 3\nWATCHDOG=1\nREADY=1");
            say_text(channel, Kind::Notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=1000000");
            end_guest(channel, EndKind::Exit, 3);
            return 0;
        },
        wire::kKeeperMute);
    EXPECT_EQ(received(socket->get()), "WATCHDOG=1\n");
}

TEST_F(Kept, FeedsTheWatchdogWithEachAnswerOfPid1AndWithNothingElse) {
    notify_socket = (folder / "notify").string();
    watchdog_ms = 20;
    auto socket = sys::bind_unix(notify_socket, SOCK_DGRAM, 0600);
    ASSERT_TRUE(socket);
    const int code = run([](int channel) {
        std::vector<std::byte> buffer(1024);
        int pings = 0;
        for (int waited = 0; waited < 500 && pings < 5; ++waited) {
            pollfd entry{channel, POLLIN, 0};
            (void)::poll(&entry, 1, 20);
            const auto record = sys::receive(channel, buffer);
            if (!record) continue;
            const auto message = wire::Reader::open(std::span(buffer).first(record->size));
            if (message && message->kind() == Kind::Ping) ++pings;
        }
        // Five were asked for, two are answered.
        say_text(channel, Kind::Notify, "WATCHDOG=1");
        say_text(channel, Kind::Notify, "WATCHDOG=1");
        end_guest(channel, EndKind::Exit, pings == 5 ? 7 : 1);
        return 0;
    });
    EXPECT_EQ(code, 7);
    EXPECT_EQ(received(socket->get()), "WATCHDOG=1\nWATCHDOG=1\nEXIT_STATUS=7\n");
}

TEST_F(Kept, AsksForAnOrderlyStopThenHurriesThenKills) {
    const pid_t keeper = start(
        [](int channel) {
            (void)::signal(SIGTERM, SIG_IGN);
            say_text(channel, Kind::Say, "ready");
            std::vector<std::byte> buffer(1024);
            for (;;) {
                pollfd entry{channel, POLLIN, 0};
                (void)::poll(&entry, 1, 1000);
                const auto record = sys::receive(channel, buffer);
                if (!record) continue;
                const auto message = wire::Reader::open(std::span(buffer).first(record->size));
                if (message && message->kind() == Kind::StopGuest)
                    say_text(channel, Kind::Say, "asked");
            }
            return 0;
        },
        wire::kKeeperForeground);
    const auto await = [&](const std::string& text) {
        for (int tries = 0; tries < 500 && read("err").find(text) == std::string::npos; ++tries)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    };
    await("ready");
    ::kill(keeper, SIGTERM);
    await("asked\n");
    ::kill(keeper, SIGINT);
    await("once more kills\n");
    ::kill(keeper, SIGTERM);
    EXPECT_EQ(wait(keeper), 128 + SIGKILL);
}

TEST_F(Kept, RelaysAJailsOutputWholeAndUnchanged) {
    auto pipe = sys::make_pipe();
    jail_output = pipe->read.get();
    const int write_end = ::fcntl(pipe->write.get(), F_DUPFD_CLOEXEC, 200);
    std::string sent;
    for (int count = 0; count < 20'000; ++count)
        sent += "line \x1b[1m " + std::to_string(count) + "\n";
    const pid_t keeper = start(
        [](int channel) {
            end_guest(channel, EndKind::Exit, 5);
            return 0;
        },
        wire::kKeeperForeground);
    pipe->read.reset();
    pipe->write.reset();
    for (std::size_t at = 0; at < sent.size();) {
        const ssize_t written = ::write(write_end, sent.data() + at, sent.size() - at);
        ASSERT_GT(written, 0);
        at += static_cast<std::size_t>(written);
    }
    ::close(write_end);
    EXPECT_EQ(wait(keeper), 5);
    EXPECT_EQ(read("out"), sent);
}

} // namespace
} // namespace stead::keep
