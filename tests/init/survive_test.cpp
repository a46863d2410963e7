#include <atomic>
#include <csignal>
#include <iostream>
#include <map>
#include <sstream>

#include "init/guest.h"

// PID 1 fails, and nobody notices.
namespace stead::test {
namespace {

constexpr const char* kCrashing = STEAD_BIN "/stead-init-crash";
constexpr int kUp = static_cast<int>(UnitState::Up);

/// What the services have written down.
struct Ledger {
    std::map<std::string, std::vector<std::int64_t>> starts;
    std::vector<std::string> doubles;
};

Ledger read_ledger(const fs::path& folder) {
    Ledger ledger;
    std::ifstream file(folder / "ledger");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string what;
        std::string name;
        std::int64_t pid = 0;
        words >> what >> name >> pid;
        if (what == "start") {
            ledger.starts[name].push_back(pid);
        } else {
            ledger.doubles.push_back(line);
        }
    }
    return ledger;
}

/// A service that writes the ledger; it lives for `life` ms, or for ever.
plan::UnitInput
writer(const fs::path& folder, const std::string& name, int life, bool notifies = false) {
    plan::UnitInput unit =
        service(name, {kMisbehave, "ledger", folder.string(), name, std::to_string(life)});
    if (notifies) {
        unit.policy.type = UnitType::Notify;
        unit.policy.start_timeout_ms = 60'000;
        unit.exec.notify_access = NotifyAccess::Main;
    }
    return unit;
}

std::size_t open_descriptors(pid_t pid) {
    const fs::path folder = "/proc/" + std::to_string(pid) + "/fd";
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

int crashes_of(Control& control) {
    const std::string words = "PID 1 has survived mistakes of its own: ";
    for (const std::string& notice : control.ask(wire::Kind::Status).notices) {
        if (notice.rfind(words, 0) == 0) return std::stoi(notice.substr(words.size()));
    }
    return 0;
}

std::optional<UnitRecord> status_of(Control& control, const std::string& unit) {
    Answer answer = control.ask(wire::Kind::Status, unit);
    if (answer.code != 0 || answer.units.empty()) return std::nullopt;
    return answer.units.front();
}

/// Asks for everything at once, over and over, as many clients would.
struct Clients {
    std::atomic<bool> enough{false};
    std::atomic<int> answered{0};
    std::atomic<int> lost{0};
    std::atomic<int> failed{0};

    void trouble(const Guest& guest, const std::string& unit, unsigned seed) {
        constexpr std::array kKinds = {wire::Kind::Stop,    wire::Kind::Start, wire::Kind::Restart,
                                       wire::Kind::Restart, wire::Kind::Ping,  wire::Kind::Status,
                                       wire::Kind::Start};
        for (; !enough; ++seed) {
            auto control = Control::open(guest.runtime() / "control");
            if (!control) continue;
            const Answer answer = control->ask(kKinds[seed % kKinds.size()], unit);
            if (answer.code == 0) ++answered;
            if (answer.code == -1) ++lost;
            if (answer.code > 0) ++failed;
        }
    }
};

int number_of(const char* name, int otherwise) {
    const char* text = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets it
    return text == nullptr ? otherwise : std::atoi(text); // NOLINT(cert-err34-c)
}

// STEAD_CRASHES: how many crashes in a row.
TEST(Survive, AThousandCrashesUnderLoadWithoutLosingOrDoublingAService) {
    const int crashes = number_of("STEAD_CRASHES", 1000);
    const TemporaryFolder folder;
    std::vector<plan::UnitInput> units;
    for (const char* name : {"steady-1", "steady-2", "steady-3"})
        units.push_back(writer(folder.path(), name, 0));
    units.push_back(writer(folder.path(), "steady-notify", 0, true));
    for (const char* name : {"flaps-1", "flaps-2"})
        units.push_back(writer(folder.path(), name, 30));
    units.push_back(writer(folder.path(), "flaps-notify", 60, true));
    for (const char* name : {"asked-1", "asked-2"})
        units.push_back(writer(folder.path(), name, 0));
    units.push_back(writer(folder.path(), "asked-notify", 0, true));

    StartOptions options{.namespaced = true, .program = kCrashing};
    options.environment = {"STEAD_CRASH_COUNT=" + std::to_string(crashes), "STEAD_CRASH_RARITY=4"};
    Guest guest({write_plan(folder.path(), units)}, options);
    ASSERT_TRUE(eventually([&] { return fs::exists(guest.runtime() / "control"); }))
        << guest.said();
    Clients clients;
    std::vector<std::thread> threads;
    unsigned seed = 0;
    for (const char* name : {"asked-1", "asked-2", "asked-notify"})
        threads.emplace_back([&, name, first = ++seed] { clients.trouble(guest, name, first); });
    std::atomic<int> reloads{0};
    threads.emplace_back([&] {
        for (int turn = 0; !clients.enough; ++turn) {
            auto other = Control::open(guest.runtime() / "control");
            if (!other) continue;
            // Every unit gets another number, one comes or goes, and some have changed.
            std::vector<plan::UnitInput> next(units.rbegin(), units.rend());
            if (turn % 2 == 0) next = units;
            if (turn % 3 == 0) next.push_back(writer(folder.path(), "passing", 0));
            for (plan::UnitInput& unit : next)
                if (turn % 5 < 2) unit.policy.restart_max_delay_ms = 20'000;
            if (reload(*other, next).code == 0) ++reloads;
            std::this_thread::sleep_for(10ms);
        }
    });

    int seen = 0;
    const bool survived = eventually(
        [&] {
            auto control = Control::open(guest.runtime() / "control");
            if (control) seen = std::max(seen, crashes_of(*control));
            return seen >= crashes || guest.wait(0ms).has_value();
        },
        300s);
    clients.enough = true;
    for (std::thread& thread : threads)
        thread.join();
    ASSERT_TRUE(survived && !guest.wait(0ms).has_value()) << seen << " crashes; " << guest.said();

    EXPECT_EQ(seen, crashes) << guest.said();
    Control control = guest.control();
    for (const char* name : {"asked-1", "asked-2", "asked-notify"})
        EXPECT_EQ(control.ask(wire::Kind::Start, name).code, 0) << name << guest.said();
    const Ledger ledger = read_ledger(folder.path());
    EXPECT_TRUE(ledger.doubles.empty()) << ledger.doubles.front() << "\n" << guest.said();
    for (const char* name : {"steady-1", "steady-2", "steady-3", "steady-notify"}) {
        const auto record = status_of(control, name);
        ASSERT_TRUE(record.has_value()) << name;
        EXPECT_EQ(record->state, kUp) << name;
        ASSERT_EQ(ledger.starts.at(name).size(), 1U) << name << " was lost or started twice";
        EXPECT_EQ(record->pid, ledger.starts.at(name).front()) << name;
    }
    for (const char* name : {"flaps-1", "flaps-2", "flaps-notify"}) {
        const std::size_t before = ledger.starts.at(name).size();
        EXPECT_TRUE(eventually([&] {
            return read_ledger(folder.path()).starts.at(name).size() > before + 2;
        })) << name
            << " was forgotten after " << before << " starts";
    }
    std::size_t starts = 0;
    for (const auto& [name, pids] : ledger.starts)
        starts += pids.size();
    std::cout << seen << " crashes, " << starts << " starts of services, " << clients.answered
              << " requests answered, " << reloads << " reloads, " << clients.failed << " refused, "
              << clients.lost << " connections lost\n";
    EXPECT_LT(open_descriptors(guest.pid()), 60U);
    guest.signal(SIGTERM);
    EXPECT_EQ(guest.wait(), 0) << guest.said();
}

TEST(Survive, ALostStateIsMadeAnewFromWhatRuns) {
    const TemporaryFolder folder;
    const std::string plan = write_plan(
        folder.path(), {writer(folder.path(), "one", 0), writer(folder.path(), "two", 0, true)});
    StartOptions options{.namespaced = true, .program = kCrashing};
    options.environment = {"STEAD_CRASH_COUNT=5", "STEAD_CRASH_RARITY=4", "STEAD_CRASH_SPOIL=1"};
    Guest guest({plan}, options);
    EXPECT_TRUE(eventually([&] {
        auto control = Control::open(guest.runtime() / "control");
        return control && crashes_of(*control) >= 5;
    })) << guest.said();
    EXPECT_TRUE(guest.says("the state is lost")) << guest.said();
    Control control = guest.control();
    for (const char* name : {"one", "two"}) {
        EXPECT_TRUE(eventually([&] {
            const auto record = status_of(control, name);
            return record && record->state == kUp && read_ledger(folder.path()).starts.count(name);
        })) << name;
        const Ledger ledger = read_ledger(folder.path());
        EXPECT_TRUE(ledger.doubles.empty()) << ledger.doubles.front();
        ASSERT_EQ(ledger.starts.at(name).size(), 1U) << name << ": " << guest.said();
        EXPECT_EQ(status_of(control, name)->pid, ledger.starts.at(name).front());
    }
}

/// A guest whose one service writes the ledger, and its control connection.
struct Steady {
    TemporaryFolder folder;
    Guest guest{{write_plan(folder.path(), {writer(folder.path(), "web", 0)})},
                {.namespaced = true}};
    Control control = guest.control();

    bool runs_as_before() {
        const bool up = eventually([&] {
            const auto record = status_of(control, "web");
            // A service is up when its program runs, which may not have come to its ledger yet.
            return record && record->state == kUp && read_ledger(folder.path()).starts.count("web");
        });
        const Ledger ledger = read_ledger(folder.path());
        return up && ledger.doubles.empty() && ledger.starts.at("web").size() == 1;
    }

    Answer upgrade(const std::string& program) {
        const int fd = ::open(program.c_str(), O_PATH | O_CLOEXEC);
        std::vector<std::byte> buffer(512);
        wire::Writer message(buffer, wire::Kind::Upgrade);
        (void)control.send(message, std::span(&fd, fd >= 0 ? 1 : 0));
        ::close(fd);
        return control.receive();
    }
};

TEST(Survive, ForgedSignalsAreNoCrashes) {
    Steady steady;
    ASSERT_TRUE(steady.runs_as_before());
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS}) {
        ASSERT_EQ(::kill(steady.guest.pid(), signal), 0);
        // As if PID 1 had sent it: the sender writes down a pid of its choice.
        siginfo_t info{};
        info.si_code = SI_QUEUE;
        info.si_pid = 1;
        ASSERT_EQ(::syscall(SYS_rt_sigqueueinfo, steady.guest.pid(), signal, &info), 0);
    }
    EXPECT_TRUE(steady.runs_as_before())
        << steady.guest.wait(0ms).value_or(-1) << steady.guest.said();
    EXPECT_EQ(crashes_of(steady.control), 0);
}

TEST(Survive, AnUpgradeKeepsServicesAndTheClientThatAskedForIt) {
    Steady steady;
    ASSERT_TRUE(steady.runs_as_before());
    const fs::path copy = steady.folder.path() / "newer";
    fs::copy_file(kInit, copy);
    for (int i = 0; i < 3; ++i) {
        const Answer answer = steady.upgrade(copy);
        EXPECT_EQ(answer.code, 0) << answer.text;
        EXPECT_TRUE(answer.text.find("runs version") != std::string::npos) << answer.text;
        EXPECT_TRUE(steady.runs_as_before()) << steady.guest.said();
    }
    EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(steady.guest.pid()) + "/exe"), copy);
    steady.guest.signal(SIGTERM);
    EXPECT_EQ(steady.guest.wait(), 0) << steady.guest.said();
}

TEST(Survive, AnUpgradeToABrokenProgramChangesNothing) {
    Steady steady;
    ASSERT_TRUE(steady.runs_as_before());
    const fs::path junk = steady.folder.path() / "junk";
    std::ofstream(junk) << "no program";
    fs::permissions(junk, fs::perms::owner_all);
    const std::map<std::string, std::string> wrong = {{junk.string(), "cannot be executed here"},
                                                      {"/bin/true", "knows no self-test"},
                                                      {"/bin/false", "knows no self-test"}};
    for (const auto& [program, words] : wrong) {
        const Answer answer = steady.upgrade(program);
        EXPECT_EQ(answer.code, 1) << program;
        EXPECT_TRUE(answer.text.find(words) != std::string::npos) << answer.text;
        EXPECT_TRUE(steady.runs_as_before()) << program;
    }
    EXPECT_EQ(steady.upgrade("/does/not/exist").code, 2);
    EXPECT_TRUE(steady.runs_as_before());
}

TEST(Survive, AVersionThatFailsOnTrialGoesBackToTheOneBefore) {
    Steady steady;
    ASSERT_TRUE(steady.runs_as_before());
    const std::string exe = "/proc/" + std::to_string(steady.guest.pid()) + "/exe";
    const Answer answer = steady.upgrade(STEAD_BIN "/stead-init-fails-at-once");
    EXPECT_EQ(answer.code, 1);
    EXPECT_EQ(answer.text, "the new program failed; the old one goes on");
    EXPECT_EQ(fs::read_symlink(exe), kInit);
    EXPECT_TRUE(steady.runs_as_before()) << steady.guest.said();
    EXPECT_EQ(steady.upgrade(kInit).code, 0) << "it can be upgraded after that";
    EXPECT_TRUE(steady.runs_as_before()) << steady.guest.said();
}

TEST(Survive, AVersionThatFailsAgainAndAgainGoesBackToTheOneBefore) {
    Steady steady;
    ASSERT_TRUE(steady.runs_as_before());
    const std::string exe = "/proc/" + std::to_string(steady.guest.pid()) + "/exe";
    EXPECT_EQ(steady.upgrade(STEAD_BIN "/stead-init-fails-later").code, 0);
    // Whatever comes is one event too many for it.
    Control another = steady.guest.control();
    (void)another.ask(wire::Kind::Ping);
    EXPECT_TRUE(steady.guest.says("the one before it goes on")) << steady.guest.said();
    EXPECT_EQ(fs::read_symlink(exe), kInit);
    EXPECT_TRUE(steady.runs_as_before()) << steady.guest.said();
    EXPECT_EQ(crashes_of(steady.control), 11);
    EXPECT_TRUE(steady.runs_as_before()) << steady.guest.said();
}

} // namespace
} // namespace stead::test
