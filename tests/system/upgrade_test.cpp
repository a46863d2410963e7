#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "system/harness.h"

// PID 1 of launched guests: upgraded, crashing, and forgetful, with both kinds of users. Guests
// come to builds that crash by an upgrade to them.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kServices = 10;

/// The value of `key` in /proc/PID/status.
std::string status_of(pid_t pid, const std::string& key) {
    std::istringstream lines(read_text("/proc/" + std::to_string(pid) + "/status"));
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
    }
    return {};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class Upgrade : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        NEED_GUESTS();
        for (int i = 0; i < kServices; ++i) {
            const std::string name = service(i);
            unit(name, "command = [\"sh\", \"-c\", \"i=0; while :; do echo line $i of " + name +
                           "; i=$((i+1)); sleep 0.02; done\"]\n");
        }
        unit("flaps", "command = [\"sleep\", \"0.05\"]\n\n[restart]\npolicy = \"always\"\n"
                      "delay = \"20ms\"\nmax-delay = \"20ms\"\nburst = 1000\ninterval = \"1s\"\n");
        const std::string file = host_.write(
            "web.toml", "root = \"host\"\nephemeral = true\nusers = \"" + std::string(GetParam()) +
                            "\"\nunits = [\"" + host_.folder() + "/units\"]\n");
        guest_.emplace(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << guest_->output();
        state_ = json::parse(read_text(host_.folder() + "/run/guests/web/state.json"));
        pids_ = pids();
        ASSERT_EQ(pids_.size(), static_cast<std::size_t>(kServices)) << guest_->output();
    }

    void TearDown() override {
        if (!guest_) return;
        EXPECT_FALSE(guest_->ended()) << guest_->output();
        guest_->signal(SIGTERM);
        EXPECT_EQ(guest_->wait(), 0) << guest_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    static std::string service(int number) { return "service-" + std::to_string(number); }

    void unit(const std::string& name, const std::string& text) const {
        (void)host_.write("units/" + name + ".toml", text);
    }

    [[nodiscard]] pid_t init() const { return state_["pid"].get<pid_t>(); }

    /// The main processes of the steady services.
    [[nodiscard]] std::map<std::string, int> pids() const {
        std::map<std::string, int> found;
        const json status =
            json::parse(host_.stead({"status", "web", "--json"}).out, nullptr, false);
        if (!status.is_object()) return found;
        for (const json& one : status["units"]) {
            const std::string name = one["name"];
            if (name.starts_with("service-") && one["state"] == "up")
                found[name] = one.value("pid", 0);
        }
        return found;
    }

    [[nodiscard]] Outcome upgrade(const std::string& program) const {
        return host_.stead({"upgrade", "web", "--init", program});
    }

    [[nodiscard]] std::size_t lines_of(const std::string& unit) const {
        const std::string text = read_text(host_.folder() + "/lib/logs/web/" + unit + "/current");
        return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }

    /// Every service runs as the process it was, and what they write still reaches their files by
    /// way of the keeper that was there.
    void expect_all_as_before() const {
        EXPECT_TRUE(eventually([&] { return pids() == pids_; })) << guest_->output();
        EXPECT_EQ(::kill(guest_->pid(), 0), 0);
        for (int i = 0; i < kServices; ++i) {
            const std::size_t before = lines_of(service(i));
            EXPECT_TRUE(eventually([&] { return lines_of(service(i)) > before + 2; }))
                << service(i);
        }
        // One that restarts all the time still does.
        const auto restarts = [&] {
            const json flaps =
                json::parse(host_.stead({"status", "web/flaps", "--json"}).out, nullptr, false);
            return flaps.is_object() ? flaps.value("restarts", 0) : 0;
        };
        const int before = restarts();
        EXPECT_TRUE(eventually([&] { return restarts() > before + 1; }));
    }

    /// The lines of a service, in order and without a gap.
    void expect_no_line_lost(const std::string& unit) const {
        std::istringstream lines(read_text(host_.folder() + "/lib/logs/web/" + unit + "/current"));
        int next = 0;
        for (std::string line; std::getline(lines, line);) {
            if (!contains(line, " of " + unit)) continue;
            ASSERT_TRUE(contains(line, "line " + std::to_string(next) + " of"))
                << line << " where " << next << " was to come";
            ++next;
        }
        EXPECT_GT(next, 10);
    }

    [[nodiscard]] int survived() const {
        const json status =
            json::parse(host_.stead({"status", "web", "--json"}).out, nullptr, false);
        if (!status.is_object()) return -1;
        for (const json& one : status["notices"]) {
            const auto notice = one.get<std::string>();
            constexpr std::string_view kWords = "PID 1 has survived mistakes of its own: ";
            if (notice.starts_with(kWords)) return std::stoi(notice.substr(kWords.size()));
        }
        return 0;
    }

    Host host_;
    std::optional<Background> guest_;
    json state_;
    std::map<std::string, int> pids_;
};

INSTANTIATE_TEST_SUITE_P(WithUsers,
                         Upgrade,
                         ::testing::Values("private", "host"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(Upgrade, KeepsEveryProcessLineAndWaitingClient) {
    Background waiting(host_.command({"wait", "web/service-3", "--down"}),
                       host_.folder() + "/wait");
    for (const Words& words : {Words{"upgrade", "web"},
                               {"upgrade", "web", "--init", STEAD_BIN "/stead-init"},
                               {"upgrade", "--all"}}) {
        const Outcome outcome = host_.stead(words);
        EXPECT_EQ(outcome.code, 0) << outcome.err << guest_->output();
        EXPECT_TRUE(
            contains(outcome.out, "web: PID 1 was executed anew, and is the same: version "))
            << outcome.out;
        expect_all_as_before();
    }
    EXPECT_FALSE(waiting.ended());
    EXPECT_EQ(host_.stead({"stop", "web/service-3"}).code, 0);
    EXPECT_EQ(waiting.wait(), 0) << waiting.output();
    for (int i = 0; i < kServices; ++i)
        expect_no_line_lost(service(i));
}

TEST_P(Upgrade, KeepsTheShieldOfPid1) {
    const std::vector<std::string> keys = {"CapInh", "CapPrm", "CapEff",     "CapBnd",
                                           "CapAmb", "Uid",    "NoNewPrivs", "Seccomp"};
    std::map<std::string, std::string> before;
    for (const std::string& key : keys)
        before[key] = status_of(init(), key);
    ASSERT_EQ(host_.stead({"upgrade", "web"}).code, 0);
    for (const std::string& key : keys)
        EXPECT_EQ(status_of(init(), key), before[key]) << key;
    // CAP_WAKE_ALARM: held by PID 1, out of every other process's reach.
    constexpr std::uint64_t kMarker = std::uint64_t{1} << 35U;
    EXPECT_NE(std::stoull(status_of(init(), "CapPrm"), nullptr, 16) & kMarker, 0U);
    EXPECT_EQ(std::stoull(status_of(init(), "CapBnd"), nullptr, 16) & kMarker, 0U);
    // A process that is not dumpable belongs to the root of its user namespace in proc, whoever it
    // is: its own proc files are out of its reach, and out of everybody's inside.
    const std::string look = "for f in environ maps mem fd/0 auxv; do "
                             "cat /proc/1/$f >/dev/null 2>&1 && echo read $f; done; "
                             "readlink /proc/1/exe && echo followed; echo end";
    const Outcome inside = host_.stead({"exec", "web", "-T", "--", "sh", "-c", look});
    EXPECT_EQ(inside.out, "end\n") << inside.err;
    const std::string trace = "import ctypes; c = ctypes.CDLL(None, use_errno=True); "
                              "print('traced' if c.ptrace(16, 1, 0, 0) == 0 else 'refused')";
    if (run_program({"python3", "--version"}).code == 0) {
        const Outcome traced = host_.stead({"exec", "web", "-T", "--", "python3", "-c", trace});
        EXPECT_EQ(traced.out, "refused\n") << traced.err;
    }
    expect_all_as_before();
}

TEST_P(Upgrade, OfABrokenProgramChangesNothingAndTellsWhy) {
    const std::string junk = host_.write("junk", "no program");
    fs::permissions(junk, fs::perms::owner_all);
    const std::map<std::string, std::string> wrong = {{junk, "cannot be executed here"},
                                                      {"/bin/true", "knows no self-test"},
                                                      {"/bin/false", "knows no self-test"},
                                                      {host_.folder() + "/missing", "No such file"},
                                                      {host_.folder(), "read"},
                                                      {host_.write("empty", ""), "read"}};
    for (const auto& [program, words] : wrong) {
        const Outcome outcome = upgrade(program);
        EXPECT_EQ(outcome.code, 1) << program;
        EXPECT_TRUE(contains(outcome.err, words)) << program << ": " << outcome.err;
        EXPECT_EQ(outcome.out, "");
    }
    const json told = json::parse(
        host_.stead({"upgrade", "web", "--json", "--init", "/bin/true"}).out, nullptr, false);
    ASSERT_TRUE(told.is_array() && told.size() == 1);
    EXPECT_EQ(told[0]["upgraded"], false);
    EXPECT_EQ(told[0]["before"], told[0]["after"]);
    EXPECT_TRUE(contains(told[0]["reason"], "self-test"));
    expect_all_as_before();
}

TEST_P(Upgrade, IsForTheHostAloneAndForGuests) {
    for (const Words& words : {Words{"stead", "upgrade"}, {"stead", "upgrade", "/"}}) {
        Words all{"exec", "web", "-T", "--", "/run/stead/bin/stead"};
        all.insert(all.end(), words.begin() + 1, words.end());
        const Outcome inside = host_.stead(all);
        EXPECT_EQ(inside.code, 1);
        EXPECT_TRUE(contains(inside.err, "only the host upgrades a guest")) << inside.err;
        EXPECT_EQ(inside.out, "");
    }
    EXPECT_EQ(host_.stead({"upgrade", "web/flaps"}).code, 2);
    EXPECT_EQ(host_.stead({"upgrade"}).code, 2);
    EXPECT_EQ(host_.stead({"upgrade", "--all", "web"}).code, 2);
    const Outcome missing = host_.stead({"upgrade", "wed"});
    EXPECT_EQ(missing.code, 5);
    EXPECT_TRUE(contains(missing.err, "did you mean web?")) << missing.err;
    expect_all_as_before();
}

#ifdef STEAD_CRASHING_BUILDS

TEST_P(Upgrade, ToAVersionThatCrashesOnTrialGoesBack) {
    const Outcome outcome = upgrade(STEAD_BIN "/stead-init-fails-at-once");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_TRUE(contains(outcome.err, "web: the new program failed; the old one goes on"))
        << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "all units go on as before, with version")) << outcome.err;
    expect_all_as_before();
    EXPECT_EQ(host_.stead({"upgrade", "web"}).code, 0);
    expect_all_as_before();
}

TEST_P(Upgrade, ToAVersionThatCrashesLaterGoesBackToo) {
    // It may crash before it can tell its version, and is told of then.
    (void)upgrade(STEAD_BIN "/stead-init-fails-later");
    EXPECT_TRUE(eventually([&] { return survived() == 11; })) << survived() << guest_->output();
    // Said by PID 1, written by the keeper when it comes to it.
    EXPECT_TRUE(eventually([&] { return contains(guest_->output(), "the one before it goes on"); }))
        << guest_->output();
    expect_all_as_before();
    const json again = json::parse(host_.stead({"upgrade", "web", "--json"}).out, nullptr, false);
    ASSERT_TRUE(again.is_array() && again.size() == 1);
    EXPECT_EQ(again[0]["before"], again[0]["after"]) << "the version before it was not back";
}

TEST_P(Upgrade, ThreeHundredCrashesOfALaunchedGuestLoseNothing) {
    constexpr int kCrashes = 300;
    // One that crashes on its trial already is not taken.
    ASSERT_TRUE(eventually([&] { return upgrade(STEAD_BIN "/stead-init-crashes").code == 0; }));
    EXPECT_TRUE(eventually([&] { return survived() >= kCrashes; }, 90s))
        << survived() << guest_->output();
    EXPECT_FALSE(contains(guest_->output(), "unplanned")) << guest_->output();
    expect_all_as_before();
    for (int i = 0; i < kServices; ++i)
        expect_no_line_lost(service(i));
    // Commands still run inside, and a stopped service is gone whole.
    EXPECT_EQ(host_.stead({"exec", "web", "-T", "--", "echo", "in"}).out, "in\n");
    EXPECT_EQ(host_.stead({"stop", "web/service-0"}).code, 0);
    EXPECT_NE(::kill(pids_.at(service(0)), 0) == 0 && pids().count(service(0)) != 0, true);
}

TEST_P(Upgrade, AStateWithoutAnyRecordIsMadeAnewFromTheCgroups) {
    if (state_["cgroup"] == "") GTEST_SKIP() << "needs cgroup2";
    // One that crashes on its trial already is not taken.
    ASSERT_TRUE(eventually([&] { return upgrade(STEAD_BIN "/stead-init-forgets").code == 0; }));
    EXPECT_TRUE(eventually([&] { return survived() >= 3; })) << survived() << guest_->output();
    EXPECT_TRUE(contains(guest_->output(), "services are taken back as they are found"))
        << guest_->output();
    expect_all_as_before();
    for (int i = 0; i < kServices; ++i)
        expect_no_line_lost(service(i));
    // What was taken back is watched, and stopped, as ever.
    ASSERT_EQ(host_.stead({"kill", "web/service-1", "-s", "KILL"}).code, 0);
    EXPECT_TRUE(eventually([&] {
        const auto now = pids();
        return now.size() == kServices && now.at(service(1)) != pids_.at(service(1));
    }));
    EXPECT_EQ(host_.stead({"stop", "web/service-2"}).code, 0);
    EXPECT_EQ(pids().count(service(2)), 0U);
}

#endif

} // namespace
} // namespace stead::system_test
