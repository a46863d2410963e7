#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <regex>

#include <gtest/gtest.h>

#include "system/harness.h"

/// `stead jail --learn`: what it prints works, and is not wider than it has to be.
namespace stead::system_test {
namespace {

bool has(const std::string& program) {
    return ::access(program.c_str(), X_OK) == 0;
}

#define NEED(program)                                                                              \
    if (!has(program)) GTEST_SKIP() << "needs " << (program)

class Learn : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        // Not below /tmp, of which a jail has its own.
        const std::string name = "/srv/stead-learn-" + std::to_string(::getpid());
        std::filesystem::create_directories(name);
        // Whoever asks for the folder finds nothing of an earlier test.
        folder_ = name;
    }

    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
        std::filesystem::remove_all("/var/lib/stead-learn-test");
    }

    [[nodiscard]] Outcome learn(const Words& words) const {
        Words all{"jail", "--learn"};
        all.insert(all.end(), words.begin(), words.end());
        return host_.stead(all, {}, 60s);
    }

    /// Runs a learned file; without its lines that match `without`.
    [[nodiscard]] Outcome run(const std::string& text, const std::string& without = {}) const {
        std::string left = text;
        if (!without.empty()) {
            left = std::regex_replace(text, std::regex("\n[^\n]*" + without + "[^\n]*"), "");
            EXPECT_NE(left, text) << "there is no line with " << without << " in\n" << text;
        }
        return host_.stead({"run", host_.write("learned.toml", left)});
    }

    std::string script(const std::string& text) const {
        std::string path = folder_ + "/script";
        write_text(path, "#!/bin/sh\n" + text);
        ::chmod(path.c_str(), 0755);
        return path;
    }

    std::string python(const std::string& text) const {
        std::string path = folder_ + "/program.py";
        write_text(path, text);
        return path;
    }

    Host host_;
    std::string folder_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(Learn, PrintsAFileThatWorksAndNeedsItsLines) {
    write_text(folder_ + "/input", "hello\n");
    std::filesystem::create_directory(folder_ + "/out");
    const std::string program =
        script("cat " + folder_ + "/input\necho done > " + folder_ + "/out/result\n");
    const Outcome learned = learn({"--", program});
    ASSERT_EQ(learned.code, 0) << learned.err;
    EXPECT_TRUE(contains(learned.err, "NOT confined")) << learned.err;
    // What the program wrote went to memory, and its output not into the file.
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/out/result"));
    EXPECT_TRUE(contains(learned.err, "hello"));

    const Outcome again = run(learned.out);
    EXPECT_EQ(again.code, 0) << again.err << learned.out;
    EXPECT_TRUE(contains(again.out, "hello"));
    EXPECT_EQ(read_text(folder_ + "/out/result"), "done\n");

    for (const char* line : {"/out:", "DAC_OVERRIDE", "clone|vfork", "@file-system"}) {
        std::filesystem::remove(folder_ + "/out/result");
        EXPECT_NE(run(learned.out, line).code, 0) << "without " << line << "\n" << learned.out;
    }
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, BindsNoLinkOfARootThatTheProgramPutAFolderInThePlaceOf) {
    const std::string root = folder_ + "/root";
    const std::string outside = folder_ + "/outside";
    std::filesystem::create_directories(outside);
    std::filesystem::create_directories(root + outside);
    std::filesystem::create_symlink(outside, root + "/data");
    for (const char* name : {"bin", "sbin", "lib", "lib64"})
        std::filesystem::create_symlink(std::string("usr/") + name, root + "/" + name);
    for (const char* name : {"usr", "etc", "proc", "dev", "sys", "run", "tmp"})
        std::filesystem::create_directory(root + "/" + name);
    const Outcome learned = learn({"--root", root, "--bind", "/usr:/usr:ro", "--", "/bin/sh", "-c",
                                   "rm /data && mkdir /data && echo x > /data/file && echo made"});
    ASSERT_TRUE(contains(learned.err, "made")) << learned.err;
    EXPECT_FALSE(contains(learned.out, "/data:/data")) << learned.out;
    EXPECT_TRUE(std::filesystem::is_empty(outside));
}

TEST_F(Learn, LeavesANameOutThatABindCannotHave) {
    std::filesystem::create_directory(folder_ + "/a:b");
    write_text(folder_ + "/a:b/file", "hello\n");
    const Outcome learned = learn({"--", "cat", folder_ + "/a:b/file"});
    EXPECT_EQ(learned.code, 0) << learned.err;
    EXPECT_TRUE(contains(learned.out + learned.err, "cannot stand in a bind"))
        << learned.out << learned.err;
}

TEST_F(Learn, GivesTheUnitFoldersOfItsOwn) {
    const Outcome learned = learn({"--", "sh", "-c",
                                   "mkdir -p /var/lib/stead-learn-test && "
                                   "echo x > /var/lib/stead-learn-test/state"});
    ASSERT_EQ(learned.code, 0) << learned.err;
    EXPECT_TRUE(contains(learned.out, "directories.state = [\n    \"stead-learn-test\", #"))
        << learned.out;
    EXPECT_FALSE(contains(learned.out, "capabilities")) << learned.out;
    EXPECT_FALSE(std::filesystem::exists("/var/lib/stead-learn-test"));
    const Outcome again = run(learned.out);
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(read_text("/var/lib/stead-learn-test/state"), "x\n");
    EXPECT_NE(run(learned.out, "stead-learn-test\", #").code, 0);
}

TEST_F(Learn, LearnsAServerOnALowPort) {
    NEED("/usr/bin/busybox");
    NEED("/usr/bin/curl");
    write_text(folder_ + "/index.html", "served\n");
    const std::string file = host_.folder() + "/httpd.toml";
    const Words server{"busybox", "httpd", "-f", "-p", "127.0.0.1:789", "-h", folder_};
    Words words{"jail", "--learn-to", file, "--"};
    words.insert(words.end(), server.begin(), server.end());
    const auto serves = [] {
        return run_program({"/usr/bin/curl", "-s", "http://127.0.0.1:789/"}).out == "served\n";
    };
    {
        Background learning(host_.command(words), host_.folder() + "/out");
        ASSERT_TRUE(eventually(serves)) << learning.output();
        learning.signal(SIGINT);
        EXPECT_EQ(learning.wait(), 0) << learning.output();
    }
    const std::string text = read_text(file);
    EXPECT_TRUE(contains(text, "\"NET_BIND_SERVICE\", # bind(tcp 789) by busybox")) << text;
    EXPECT_TRUE(contains(text, "\"tcp:127.0.0.1:789\", # bind by busybox")) << text;
    EXPECT_TRUE(contains(text, "\"" + folder_ + ":" + folder_ + ":ro\"")) << text;

    Background again(host_.command({"run", file}), host_.folder() + "/again");
    EXPECT_TRUE(eventually(serves)) << again.output() << text;
    again.signal(SIGTERM);
    again.wait();
    for (const char* line : {"NET_BIND_SERVICE\", #", "@network-io"})
        EXPECT_GT(run(text, line).code, 0) << "without " << line;
    const std::regex address("tcp:127.0.0.1:789");
    EXPECT_GT(run(std::regex_replace(text, address, "tcp:127.0.0.1:788")).code, 0);
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, LearnsTheCapabilitiesOfEachCall) {
    NEED("/usr/bin/python3");
    const std::string program = python("import os\n"
                                       "os.makedirs('/var/lib/stead-learn-test', exist_ok=True)\n"
                                       "open('/var/lib/stead-learn-test/f', 'w').close()\n"
                                       "os.chown('/var/lib/stead-learn-test/f', 1, 1)\n"
                                       "os.chmod('/var/lib/stead-learn-test/f', 0o600)\n"
                                       "os.setgroups([5])\n"
                                       "os.setgid(5)\n"
                                       "os.setuid(33)\n");
    const Outcome learned = learn({"--", "/usr/bin/python3", "-I", program});
    ASSERT_EQ(learned.code, 0) << learned.err;
    for (const char* name : {"CHOWN", "FOWNER", "SETGID", "SETUID"})
        EXPECT_TRUE(contains(learned.out, "\"" + std::string(name) + "\", # ")) << learned.out;
    EXPECT_EQ(run(learned.out).code, 0) << learned.out;
    for (const char* name : {"CHOWN", "FOWNER", "SETGID", "SETUID"}) {
        std::filesystem::remove_all("/var/lib/stead-learn-test");
        EXPECT_NE(run(learned.out, "\"" + std::string(name) + "\"").code, 0) << name;
    }
}

TEST_F(Learn, EndsAfterItsTime) {
    const std::string file = host_.folder() + "/sleep.toml";
    const Outcome learned =
        host_.stead({"jail", "--learn-to", file, "--learn-for", "1s", "--", "sleep", "1000"});
    EXPECT_EQ(learned.code, 0) << learned.err;
    EXPECT_TRUE(contains(read_text(file), "\"sleep\", \"1000\""));
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, ReturnsTheProgramsCodeAndSaysThatASignalEndedIt) {
    EXPECT_EQ(learn({"--", "sh", "-c", "exit 41"}).code, 41);
    const Outcome killed = learn({"--", "sh", "-c", "kill -SEGV $$"});
    EXPECT_EQ(killed.code, 128 + SIGSEGV);
    EXPECT_TRUE(contains(killed.out, "ended by SIGSEGV")) << killed.out;
}

TEST_F(Learn, FollowsProgramsThatForkALot) {
    const Outcome learned = learn({"--", "sh", "-c",
                                   "i=0; while [ $i -lt " + std::to_string(times(100)) +
                                       " ]; do (true | cat /etc/hostname >/dev/null) & i=$((i+1)); "
                                       "done; wait"});
    ASSERT_EQ(learned.code, 0) << learned.err;
    EXPECT_EQ(run(learned.out).code, 0) << learned.out;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, WritesAFileThatAlsoWorksWhereAChildIsSlower) {
    // A shell suspends itself only where its child still runs when it waits.
    const Outcome learned = learn({"--", "sh", "-c", "sleep 0 & sleep 0.5; wait"});
    ASSERT_EQ(learned.code, 0) << learned.err;
    const std::string slower =
        std::regex_replace(learned.out, std::regex("sleep 0 & sleep 0.5"), "sleep 0.5 & sleep 0");
    EXPECT_EQ(run(slower).code, 0) << slower;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, CountsCallsThatNeverReturned) {
    NEED("/usr/bin/python3");
    const std::string program = python("import os, signal, threading\n"
                                       "def end():\n"
                                       "    os.execv('/bin/echo', ['echo', 'executed'])\n"
                                       "threading.Timer(0.3, end).start()\n"
                                       "signal.pause()\n");
    const Outcome learned = learn({"--", "/usr/bin/python3", "-I", program});
    ASSERT_EQ(learned.code, 0) << learned.err;
    EXPECT_TRUE(contains(learned.out, "\"pause\", # by python3") ||
                contains(learned.out, "\"@signal\""))
        << learned.out;
    EXPECT_TRUE(contains(run(learned.out).out, "executed")) << learned.out;
}

TEST_F(Learn, SaysThatSetUidBitsGiveNothing) {
    NEED("/usr/bin/su");
    const Outcome learned = learn({"--", "sh", "-c", "su --version >/dev/null"});
    EXPECT_EQ(learned.code, 0) << learned.err;
    EXPECT_TRUE(contains(learned.out, "/su has the set-uid")) << learned.out;
}

TEST_F(Learn, SaysThatAProgramCouldNotTrace) {
    NEED("/usr/bin/strace");
    const Outcome learned = learn({"--", "strace", "-o", "/dev/null", "true"});
    EXPECT_NE(learned.code, 0);
    EXPECT_TRUE(contains(learned.out, "# ptrace by strace failed")) << learned.out;
}

TEST_F(Learn, WritesNoFileOfAProgramThatIsNotThere) {
    const Outcome missing = learn({"--", "/usr/bin/there-is-no-such-program"});
    EXPECT_EQ(missing.code, 127) << missing.err;
    EXPECT_EQ(missing.out, "");
    EXPECT_EQ(learn({"--", "/etc/passwd"}).code, 126);
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, RunsNothingWhoseLessonItCouldNotWrite) {
    const std::string proof = folder_ + "/proof";
    const Outcome lost = host_.stead({"jail", "--learn-to", folder_ + "/nowhere/x.toml", "--bind",
                                      folder_ + ":" + folder_, "--", "touch", proof});
    EXPECT_NE(lost.code, 0);
    EXPECT_TRUE(contains(lost.err, "nowhere")) << lost.err;
    EXPECT_FALSE(std::filesystem::exists(proof));
    // What is there stays until the new one is whole, and nothing stays beside it.
    const std::string file = folder_ + "/x.toml";
    write_text(file, "former\n");
    EXPECT_EQ(host_.stead({"jail", "--learn-to", file, "--", "/there/is/none"}).code, 127);
    EXPECT_EQ(read_text(file), "former\n");
    EXPECT_EQ(host_.stead({"jail", "--learn-to", file, "--", "true"}).code, 0);
    EXPECT_TRUE(contains(read_text(file), "profile = \"jail\""));
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
        EXPECT_EQ(entry.path(), file);
}

TEST_F(Learn, SaysThatAProcessEscapedIt) {
    NEED("/usr/bin/python3");
    const std::string program =
        python("import ctypes, os, platform\n"
               "number = 56 if platform.machine() == 'x86_64' else 220\n"
               "flags = 0x00800000 | 17\n"
               "child = ctypes.CDLL(None).syscall(number, flags, 0, 0, 0, 0)\n"
               "if child == 0: os._exit(0)\n"
               "os.waitpid(child, 0)\n");
    const Outcome learned = learn({"--", "/usr/bin/python3", "-I", program});
    EXPECT_TRUE(contains(learned.out, "with CLONE_UNTRACED")) << learned.out << learned.err;
}

TEST_F(Learn, RefusesWhatContradictsIt) {
    EXPECT_EQ(learn({}).code, 2);
    const std::vector<Words> wrong{{"--print"},
                                   {"--listen", "tcp:80"},
                                   {"-o", "system-calls=[\"@default\"]"},
                                   {"-o", "ephemeral=true"},
                                   {"--learn-for", "yesterday"}};
    for (const Words& options : wrong) {
        Words words = options;
        words.insert(words.end(), {"--", "true"});
        const Outcome refused = learn(words);
        EXPECT_EQ(refused.code, 2) << options.front();
        EXPECT_TRUE(contains(refused.err, options.front()) || contains(refused.err, "-o"))
            << refused.err;
        EXPECT_EQ(refused.out, "");
    }
}

TEST_F(Learn, LeavesNothingWhenTheLearnerIsKilled) {
    Background learning(host_.command({"jail", "--learn", "--name", "watched", "--", "sh", "-c",
                                       "echo up; sleep 1000 & sleep 1000"}),
                        host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return contains(learning.output(), "up"); })) << learning.output();
    learning.signal(SIGKILL);
    learning.wait();
    EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
}

TEST_F(Learn, NamesTheRuleAndTheLineOfWhatARunningUnitIsRefused) {
    NEED("/usr/bin/python3");
    const std::string program =
        python("import os, socket, time\n"
               "def attempt(call):\n"
               "    try: call()\n"
               "    except OSError: pass\n"
               "while True:\n"
               "    attempt(lambda: socket.socket().bind(('127.0.0.1', 80)))\n"
               "    attempt(lambda: socket.socket().bind(('127.0.0.1', 5555)))\n"
               "    attempt(lambda: os.setuid(33))\n"
               "    attempt(lambda: os.getxattr('/etc/hostname', 'user.x'))\n"
               "    attempt(lambda: os.chroot('/usr'))\n"
               "    attempt(lambda: open('/etc/stead-learn-new', 'w'))\n"
               "    time.sleep(0.05)\n");
    const std::string file =
        host_.write("refused.toml", "profile = \"jail\"\n"
                                    "network = { mode = \"host\", listen = [\"tcp:4444\"] }\n"
                                    "bind = [\"" +
                                        folder_ + ":" + folder_ +
                                        ":ro\"]\n"
                                        "[unit.main]\ncommand = [\"/usr/bin/python3\", \"-I\", \"" +
                                        program + "\"]\n");
    Background guest(host_.command({"run", file}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.pid_of("refused/main") > 0; })) << guest.output();
    const int pid = host_.pid_of("refused/main");
    // An interpreter has to start first, on a slow machine for longer than the watch.
    Outcome why;
    EXPECT_TRUE(eventually([&] {
        why = host_.stead({"why", "--trace", "--for", "1s", "refused/main"});
        return contains(why.out, "add \"/etc:/etc\" to bind, ");
    }));
    EXPECT_EQ(why.code, 0) << why.err;
    for (const char* line :
         {"capabilities = [\"...\", \"NET_BIND_SERVICE\"] in ",
          "\"tcp:127.0.0.1:5555\" to network.listen, ", "capabilities = [\"...\", \"SETUID\"] in ",
          "capabilities = [\"...\", \"SYS_CHROOT\"] in ", "add \"/etc:/etc\" to bind, ",
          "refused.toml:2", "refused.toml:3"})
        EXPECT_TRUE(contains(why.out, line)) << line << "\n" << why.out;
    EXPECT_FALSE(contains(why.out, "getxattr")) << why.out;
    // It goes on as before, and nobody traces it.
    EXPECT_EQ(host_.pid_of("refused/main"), pid);
    EXPECT_TRUE(contains(host_.stead({"why", "refused/main"}).out, "up")) << why.out;
    EXPECT_EQ(host_.stead({"why", "--trace", "--for", "never", "refused/main"}).code, 2);
    guest.signal(SIGTERM);
    guest.wait();
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Learn, NamesTheCallForWhichAFilterKilledAUnit) {
    NEED("/usr/bin/python3");
    if (::access("/dev/kmsg", R_OK) != 0) GTEST_SKIP() << "needs /dev/kmsg";
    const std::string file = host_.write(
        "killed.toml",
        "profile = \"jail\"\n[unit.main]\ncommand = [\"/usr/bin/python3\", \"-I\", \"-c\", "
        "\"import os; os.getpgid(0)\"]\nsystem-calls = [\"...\", \"!getpgid\"]\n"
        "system-call-error = \"kill\"\nrestart = \"no\"\n[unit.other]\ncommand = \"sleep 100\"\n");
    Background guest(host_.command({"run", file}), host_.folder() + "/out");
    Outcome why;
    const auto is_killed = [&] {
        why = host_.stead({"why", "killed/main"});
        return contains(why.out, "SYS");
    };
    ASSERT_TRUE(eventually(is_killed)) << why.out << why.err << guest.output();
    if (!contains(run_program({"/bin/dmesg"}).out, "type=1326"))
        GTEST_SKIP() << "needs a kernel that logs what a filter kills";
    EXPECT_TRUE(contains(why.out, "'python3' for the call getpgid")) << why.out;
    guest.signal(SIGTERM);
    guest.wait();
}

TEST_F(Learn, LetsAUnitGoWhenTheTracerIsKilled) {
    const std::string file = host_.write(
        "ticking.toml", "profile = \"jail\"\n[unit.main]\ncommand = [\"/bin/sh\", \"-c\", \"while "
                        "true; do echo tick; sleep 0.1; done\"]\n");
    Background guest(host_.command({"run", file}), host_.folder() + "/ticks");
    ASSERT_TRUE(eventually([&] { return contains(guest.output(), "tick"); }));
    Background tracer(host_.command({"why", "--trace", "--for", "60s", "ticking/main"}),
                      host_.folder() + "/trace");
    const auto traced = [&] {
        const std::string mark = "TracerPid:\t" + std::to_string(tracer.pid()) + "\n";
        for (const auto& process : std::filesystem::directory_iterator("/proc"))
            if (contains(read_text(process.path().string() + "/status"), mark)) return true;
        return false;
    };
    ASSERT_TRUE(eventually(traced));
    tracer.signal(SIGKILL);
    tracer.wait();
    const std::size_t before = guest.output().size();
    EXPECT_TRUE(eventually([&] { return guest.output().size() > before + 30; }));
    guest.signal(SIGTERM);
    guest.wait();
}

} // namespace
} // namespace stead::system_test
