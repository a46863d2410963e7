#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

constexpr const char* kHostFiles = "root = \"host\"\nephemeral = true\n";

/// What reaches a guest's logs, and what it costs when somebody overdoes it.
class Logs : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    [[nodiscard]] std::string guest(const std::string& more = {}) const {
        return host_.write("web.toml",
                           kHostFiles + more + "units = [\"" + host_.folder() + "/web\"]\n");
    }

    void unit(const std::string& name, const std::string& text) const {
        (void)host_.write("web/" + name + ".toml", text);
    }

    [[nodiscard]] Outcome inside(const std::string& command) const {
        return host_.stead({"exec", "web", "-T", "--", "sh", "-c", command});
    }

    [[nodiscard]] std::string logs(const std::string& what, const Words& more = {}) const {
        Words words{"logs", what};
        words.insert(words.end(), more.begin(), more.end());
        return host_.stead(words).out;
    }

    [[nodiscard]] bool logged(const std::string& what, const std::string& text) const {
        return eventually([&] { return logs(what).find(text) != std::string::npos; });
    }

    Host host_;
};

/// Through syslog(3) of the C library, by the shell's child or by a long-lived program.
constexpr const char* kPython = "import syslog, time\n"
                                "syslog.openlog('snake', syslog.LOG_PID, syslog.LOG_DAEMON)\n"
                                "syslog.syslog(syslog.LOG_ERR, 'it went wrong')\n"
                                "time.sleep(1000)\n";

TEST_F(Logs, OfSyslogGoToTheSendersUnitWithTheirPriority) {
    unit("snake", "command = [\"python3\", \"" + host_.write("snake.py", kPython) + "\"]\n");
    unit("sleeper", "command = \"sleep infinity\"\n");
    const std::string bind = "bind = [\"" + host_.folder() + ":" + host_.folder() + ":ro\"]\n";
    Background running(host_.command({"run", guest(bind)}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();

    ASSERT_TRUE(logged("web/snake", "it went wrong")) << running.output();
    EXPECT_NE(logs("web", {"-p", "err"}).find("snake: snake["), std::string::npos) << logs("web");
    EXPECT_EQ(logs("web/snake", {"-p", "crit"}), "");
    // A command of ours belongs to no unit.
    EXPECT_EQ(inside("logger -p user.warning -t tag 'from logger'").code, 0);
    EXPECT_TRUE(logged("web/syslog", "tag: from logger")) << logs("web");
    EXPECT_NE(logs("web", {"-p", "warning"}).find("tag: from logger"), std::string::npos);
    EXPECT_EQ(logs("web", {"-p", "err"}).find("tag: from logger"), std::string::npos);
}

TEST_F(Logs, OfSyslogOutliveTheKeeper) {
    unit("sleeper", "command = \"sleep infinity\"\n");
    Background running(host_.command({"run", guest()}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    running.signal(SIGKILL);
    EXPECT_EQ(running.wait(), 1000 + SIGKILL);
    // More than the queue of a socket holds, by a sender that waits: none may hang.
    const Outcome sent = inside("for i in $(seq 50); do logger -t gap line-$i-; done; echo sent");
    EXPECT_EQ(sent.out, "sent\n") << sent.err;
    EXPECT_TRUE(logged("web/syslog", "line-50-")) << logs("web");
    for (int line = 1; line <= 50; ++line)
        EXPECT_NE(logs("web/syslog").find("line-" + std::to_string(line) + "-"), std::string::npos);
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
}

TEST_F(Logs, HostileSyslogIsHarmlessAndCountedInStatus) {
    unit("sleeper", "command = \"sleep infinity\"\n");
    Background running(host_.command({"run", guest()}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    const char* program =
        "import socket, array\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('/dev/log')\n"
        "s.send(b'<13>esc: \\x1b[2J\\nforged\\0end')\n"
        "s.send(b'x' * 20000)\n"
        "s.sendmsg([b'<13>fds'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, "
        "array.array('i', [0] * 200))])\n"
        "s.send(b'\\n')\n";
    EXPECT_EQ(host_.stead({"exec", "web", "-T", "--", "python3", "-c", program}).code, 0);
    EXPECT_TRUE(logged("web/syslog", "esc: \\x1b[2J\\x0aforged\\x00end")) << logs("web");
    EXPECT_TRUE(eventually([&] {
        return host_.stead({"status", "web"}).out.find("3 datagrams to /dev/log") !=
               std::string::npos;
    })) << host_.stead({"status", "web"}).out;
    EXPECT_NE(host_.stead({"status", "web", "--json"}).out.find("\"syslog-refused\": 3"),
              std::string::npos)
        << host_.stead({"status", "web", "--json"}).out;
}

/// Writes numbered lines, each whole, and remembers the last one that it knows to be written.
constexpr const char* kWriter =
    "import os, time\n"
    "path = '/var/tmp/last'\n"
    "last = int(open(path).read() or 0) if os.path.exists(path) else 0\n"
    "memory = os.open(path, os.O_WRONLY | os.O_CREAT)\n"
    "while True:\n"
    "    last += 1\n"
    "    os.write(1, b'%d\\n' % last)\n"
    "    os.pwrite(memory, b'%010d' % last, 0)\n"
    "    time.sleep(0.0005)\n";
/// Moves what is in its input into a file within the kernel: what it has not moved is still there.
constexpr const char* kLogger = "import os\n"
                                "out = os.open('/var/tmp/lines', os.O_WRONLY | os.O_CREAT)\n"
                                "os.lseek(out, 0, os.SEEK_END)\n"
                                "while os.splice(0, out, 65536): pass\n";

TEST_F(Logs, NoLineIsLostBetweenAUnitAndItsLoggerWhoeverIsKilled) {
    const std::string often = "[restart]\ndelay = \"1ms\"\nfactor = 1.0\n"
                              "burst = \"infinity\"\n";
    (void)host_.write("writer.py", kWriter);
    (void)host_.write("logger.py", kLogger);
    const std::string python = "command = [\"python3\", \"" + host_.folder() + "/";
    unit("writer", python + "writer.py\"]\n" + often + "[log]\noutput = \"unit:logger\"\n");
    unit("logger", python + "logger.py\"]\n" + often);
    const std::string bind = "bind = [\"" + host_.folder() + ":" + host_.folder() + ":ro\"]\n";
    Background running(host_.command({"run", guest(bind)}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();

    const int kills = static_cast<int>(times(100));
    for (int count = 0; count < kills; ++count) {
        const std::string victim = count % 2 == 0 ? "web/writer" : "web/logger";
        int pid = 0;
        ASSERT_TRUE(eventually([&] { return (pid = host_.pid_of(victim)) > 0; })) << count;
        // The number is the guest's: outside of it another process has it.
        ASSERT_EQ(host_.stead({"kill", victim, "-s", "KILL"}).code, 0) << victim;
        ASSERT_TRUE(eventually([&] {
            const int next = host_.pid_of(victim);
            return next > 0 && next != pid;
        })) << count;
    }
    // On a slow machine none of the killed came far.
    EXPECT_TRUE(eventually([&] {
        const std::string text = inside("cat /var/tmp/last").out;
        return !text.empty() && std::stoi(text) > kills;
    }));
    ASSERT_EQ(host_.stead({"stop", "web/writer"}).code, 0);
    const int last = std::stoi(inside("cat /var/tmp/last").out);
    std::string text;
    ASSERT_TRUE(eventually([&] {
        text = inside("cat /var/tmp/lines").out;
        return text.find("\n" + std::to_string(last) + "\n") != std::string::npos;
    })) << text.substr(text.size() - std::min<std::size_t>(text.size(), 200));
    // A writer that is killed before it remembers a line writes it again; none is missing.
    int expected = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const int number = std::stoi(line);
        ASSERT_TRUE(number == expected + 1 || number == expected)
            << number << " after " << expected;
        expected = number;
    }
    EXPECT_GE(expected, last);
}

TEST_F(Logs, WhatALoggerHasNotReadAtTheEndIsItsOwnLog) {
    unit("writer",
         "command = [\"sh\", \"-c\", \"echo unread; touch /run/wrote; exec sleep 1000\"]\n"
         "ready.path = \"/run/wrote\"\n[log]\noutput = \"unit:deaf\"\n");
    unit("deaf", "command = \"sleep 1000\"\n");
    Background running(host_.command({"run", guest()}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait(), 0) << running.output();
    EXPECT_NE(logs("web/deaf").find("unread"), std::string::npos) << logs("web");
}

/// Bytes of everything below the folder of the guest's logs, and how many files are compressed.
struct OnDisk {
    std::uintmax_t bytes = 0;
    int packed = 0;
    int put_aside = 0;
};

OnDisk on_disk(const std::string& folder) {
    OnDisk found;
    std::error_code moving;
    for (std::filesystem::recursive_directory_iterator at(folder, moving), end; at != end;
         at.increment(moving)) {
        if (!at->is_regular_file(moving)) continue;
        const auto size = at->file_size(moving);
        if (!moving) found.bytes += size;
        std::ifstream file(at->path(), std::ios::binary);
        if (file.get() == 0x1f && file.get() == 0x8b) ++found.packed;
        if (at->path().filename() != "current") ++found.put_aside;
    }
    return found;
}

TEST_F(Logs, TogetherStayWithinTheGuestsBoundAndOldOnesAreCompressed) {
    const std::string noisy = "[log]\nsize = \"64K\"\nkeep = 20\n";
    // Bytes that nothing compresses well.
    const std::string noise = "head -c " + std::to_string(emulated() ? 2'000'000 : 9'000'000) +
                              " /dev/urandom | base64 -w 80; echo last-line-; ";
    unit("loud", "command = [\"bash\", \"-c\", \"" + noise + "sleep infinity\"]\n" + noisy);
    unit("second", "command = [\"bash\", \"-c\", \"" + noise + "sleep infinity\"]\n" + noisy);
    unit("quiet", "command = [\"sh\", \"-c\", \"echo from-quiet-; sleep infinity\"]\n");
    Background running(host_.command({"run", guest("log.max = \"600K\"\n")}),
                       host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    const std::string folder = host_.folder() + "/lib/logs/web";
    ASSERT_TRUE(logged("web/loud", "last-line-") && logged("web/second", "last-line-"));
    // In a flood the next round begins as soon as one is done; after it nothing is left to do.
    EXPECT_TRUE(eventually([&] {
        const OnDisk now = on_disk(folder);
        return now.bytes <= 600 * 1024 && now.packed > 0;
    })) << on_disk(folder).bytes
        << " bytes, compressed: " << on_disk(folder).packed;
    EXPECT_GT(on_disk(folder).put_aside, 2);
    EXPECT_TRUE(logged("web/quiet", "from-quiet-"));
    EXPECT_TRUE(eventually([&] {
        return host_.stead({"status", "web"}).out.find("old log files were removed") !=
               std::string::npos;
    })) << host_.stead({"status", "web"}).out;
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
}

TEST_F(Logs, OfAUnitThatBlocksWaitForTheNextKeeper) {
    const std::string script = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo line-$i-; done; "
                               "echo all-written-; sleep infinity";
    unit("patient", "command = [\"sh\", \"-c\", \"sleep 2; " + script +
                        "\"]\n[log]\nsize = \"8M\"\nwhen-full = \"block\"\n");
    unit("hasty",
         "command = [\"sh\", \"-c\", \"sleep 2; " + script + "\"]\n[log]\nsize = \"8M\"\n");
    Background running(host_.command({"run", guest()}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    running.signal(SIGKILL);
    EXPECT_EQ(running.wait(), 1000 + SIGKILL);
    // Longer than the writers need; then the next command brings the next keeper.
    ::sleep(6);
    EXPECT_EQ(inside("true").code, 0);
    ASSERT_TRUE(logged("web/patient", "all-written-")) << logs("web/stead");
    const std::string text = logs("web/patient");
    std::size_t at = 0;
    for (int line = 1; line <= 40000; ++line) {
        at = text.find(" line-" + std::to_string(line) + "-\n", at);
        ASSERT_NE(at, std::string::npos) << line;
    }
    EXPECT_EQ(logs("web/hasty").find(" line-10000-\n"), std::string::npos);
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
}

} // namespace
} // namespace stead::system_test
