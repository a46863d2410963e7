#include <sys/syscall.h>

#include <csignal>
#include <iostream>
#include <map>

#include "init/fault_injector.h"

// Every operation of PID 1 with every call in it failing once, with the real stead-init.
namespace stead::test {
namespace {

using wire::Kind;
using wire::Tag;

constexpr int kUp = static_cast<int>(UnitState::Up);

const std::array<FaultClass, 4> kFaults = {{
    {"out of memory", ENOMEM, {SYS_mmap,      SYS_clone,      SYS_clone3,     SYS_memfd_create,
                               SYS_ftruncate, SYS_epoll_ctl,  SYS_openat,     SYS_openat2,
                               SYS_sendmsg,   SYS_socket,     SYS_socketpair, SYS_mkdirat,
                               SYS_pipe2,     SYS_sendfile,   SYS_bind,       SYS_listen,
                               SYS_fsopen,    SYS_move_mount, SYS_open_tree,  SYS_mount_setattr}},
    {"no descriptor",
     EMFILE,
     {SYS_openat, SYS_openat2, SYS_socket, SYS_socketpair, SYS_pipe2, SYS_accept4, SYS_memfd_create,
      SYS_epoll_create1, SYS_timerfd_create, SYS_signalfd4, SYS_pidfd_open, SYS_dup3, SYS_fcntl,
      SYS_clone3}},
    {"no process", EAGAIN, {SYS_clone, SYS_clone3}},
    {"no space",
     ENOSPC,
     {SYS_openat, SYS_openat2, SYS_mkdirat, SYS_write, SYS_ftruncate, SYS_symlinkat, SYS_epoll_ctl,
      SYS_memfd_create, SYS_sendfile, SYS_renameat, SYS_bind}},
}};

std::size_t open_descriptors(pid_t pid) {
    const fs::path folder = "/proc/" + std::to_string(pid) + "/fd";
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

plan::UnitInput idle(plan::UnitInput unit) {
    unit.policy.enabled = false;
    unit.policy.restart = RestartPolicy::No;
    unit.policy.start_timeout_ms = 500;
    return unit;
}

/// A guest whose units use what units can use.
struct Faults : testing::Test {
    void SetUp() override {
        plan::UnitInput rich = idle(service("rich", {"sleep", "1000"}));
        rich.commands_of(CommandRole::PreStart) = {{"/bin/true"}};
        rich.commands_of(CommandRole::PostStop) = {{"/bin/true"}};
        rich.exec.directories = {{.kind = DirectoryKind::State,
                                  .mode = 0700,
                                  .path = (folder.path() / "state" / "rich").string()}};
        std::ofstream(folder.path() / "secret") << "pssst";
        rich.exec.credentials = {"key=" + (folder.path() / "secret").string()};
        rich.exec.output = OutputKind::Log;
        rich.exec.error = OutputKind::Log;
        plan::UnitInput talks = idle(service("talks", {kMisbehave, "notify", "READY=1"}));
        talks.policy.type = UnitType::Notify;
        talks.policy.ready = ReadyKind::Notify;
        talks.policy.reload_signal = SIGUSR1;
        plan::UnitInput victim = service("victim", {"sleep", "1001"});
        victim.policy.restart_delay_ms = 10;
        units = {service("steady", {"sleep", "1002"}), victim, rich, talks};
        StartOptions options;
        options.before = FaultInjector::before_exec;
        guest = std::make_unique<Guest>(std::vector<std::string>{write_plan(folder.path(), units)},
                                        options);
        if (!injector.serve(guest->pid())) GTEST_SKIP() << "needs seccomp's user notification";
        ASSERT_TRUE(comes_to("steady", kUp)) << guest->said();
        ASSERT_TRUE(comes_to("victim", kUp)) << guest->said();
        steady_pid = record("steady").pid;
    }

    void TearDown() override {
        injector.let_through();
        guest.reset();
    }

    UnitRecord record(const std::string& unit) {
        auto control = Control::open(guest->runtime() / "control");
        if (!control) return {};
        const Answer answer = control->ask(Kind::Status, unit);
        return answer.units.empty() ? UnitRecord{} : answer.units.front();
    }

    bool comes_to(const std::string& unit, int state) {
        return eventually([&] { return record(unit).state == state; });
    }

    /// One operation on the living guest: an answer, or code 0 and no answer.
    struct Operation {
        const char* name;
        std::function<Answer(Control&)> act;
        /// Brings the guest back to where the operation can happen again.
        std::function<bool()> undo;
    };

    std::vector<Operation> operations();
    void try_all(const Operation& operation, const FaultClass& faults, bool all);

    /// What has to hold after any fault.
    void expect_sound(const std::string& about) {
        ASSERT_FALSE(guest->wait(0ms).has_value()) << about << " ended PID 1: " << guest->said();
        ASSERT_TRUE(eventually([&] {
            auto control = Control::open(guest->runtime() / "control");
            return control && control->ask(Kind::Ping).code == 0;
        })) << about
            << ": PID 1 does not answer";
        ASSERT_EQ(record("steady").pid, steady_pid) << about << " harmed another unit";
    }

    FaultInjector injector;
    TemporaryFolder folder;
    std::vector<plan::UnitInput> units;
    std::unique_ptr<Guest> guest;
    std::int64_t steady_pid = 0;
    std::map<std::string, int> failures;
    int tried = 0;
};

Answer run_command(Control& control) {
    std::vector<std::byte> buffer(wire::kMaxMessage);
    wire::Writer message(buffer, Kind::Exec);
    message.text(Tag::Argv, "/bin/true");
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const std::array<int, 3> streams = {null, null, null};
    (void)control.send(message, streams);
    ::close(null);
    return control.receive();
}

std::vector<Faults::Operation> Faults::operations() {
    const auto ask = [](Kind kind, const char* unit) {
        return [=](Control& control) { return control.ask(kind, unit); };
    };
    const auto stopped = [this](const char* unit) {
        return [this, unit] {
            auto control = Control::open(guest->runtime() / "control");
            // One that has failed stays so.
            return control && control->ask(Kind::Stop, unit).code == 0 && record(unit).pid == 0;
        };
    };
    const auto started = [this](const char* unit) {
        return [this, unit] {
            auto control = Control::open(guest->runtime() / "control");
            return control && control->ask(Kind::Start, unit).code == 0 &&
                   record(unit).state == kUp;
        };
    };
    const auto nothing = [] { return true; };
    const auto kill_victim = [this](Control&) {
        const auto pid = static_cast<pid_t>(record("victim").pid);
        Answer answer;
        answer.code = pid > 0 && ::kill(pid, SIGKILL) == 0 ? 0 : -1;
        std::this_thread::sleep_for(60ms);
        return answer;
    };
    return {
        {"start", ask(Kind::Start, "rich"), stopped("rich")},
        {"stop", ask(Kind::Stop, "talks"), started("talks")},
        {"restart", ask(Kind::Restart, "talks"), started("talks")},
        {"reload a unit", ask(Kind::Reload, "talks"), started("talks")},
        {"restart after a crash", kill_victim, started("victim")},
        {"status", ask(Kind::Status, ""), nothing},
        {"logs", ask(Kind::Logs, ""), nothing},
        {"kill", ask(Kind::Kill, "rich"), nothing},
        {"exec", run_command, nothing},
        {"reload all", [this](Control& control) { return reload(control, units); }, nothing},
        {"connect",
         [this](Control&) {
             auto other = Control::open(guest->runtime() / "control");
             return other ? other->ask(Kind::Ping) : Answer{};
         },
         nothing},
    };
}

/// A failure says what it is about: in words, or by the stage and error of the unit.
bool is_named(const Answer& answer) {
    if (answer.code <= 0 || answer.error != 0 || !answer.text.empty()) return true;
    return !answer.units.empty() && (answer.units[0].reason != 0 || answer.units[0].error != 0);
}

void Faults::try_all(const Operation& operation, const FaultClass& faults, bool all) {
    std::string about = operation.name;
    // An outage that lasts is over after a while; where in the operation it begins matters less.
    for (int n = 1; n < 500; n = all ? 3 * n : n + 1) {
        ASSERT_TRUE(eventually(operation.undo)) << "cannot begin again after " << about;
        auto control = Control::open(guest->runtime() / "control");
        ASSERT_TRUE(control && control->ask(Kind::Ping).code == 0);
        injector.arm(faults, n, all);
        const auto start = std::chrono::steady_clock::now();
        std::thread end;
        if (all) {
            end = std::thread([&] {
                std::this_thread::sleep_for(300ms);
                injector.let_through();
            });
        }
        const Answer answer = operation.act(*control);
        if (end.joinable()) end.join();
        const auto took = std::chrono::steady_clock::now() - start;
        // What follows behind the answer is part of the operation.
        std::this_thread::sleep_for(2ms);
        injector.let_through();
        if (injector.hits() == 0) return;
        ++tried;
        about = std::string(operation.name) + ", " + faults.name +
                (all ? " from call " : " in call ") + std::to_string(n) + " (system call " +
                std::to_string(injector.failed_call()) + ")";
        if (answer.code != 0) ++failures[std::string(operation.name) + ": " + faults.name];
        EXPECT_TRUE(is_named(answer)) << about << " fails without a reason";
        EXPECT_LT(took, 8s) << about << " hangs";
        if (took > 900ms) std::cerr << about << " took " << took.count() / 1000000 << " ms\n";
        expect_sound(about);
        if (HasFatalFailure()) return;
    }
    ADD_FAILURE() << operation.name << " never ends";
}

TEST_F(Faults, InAnyCallFailTheirOperationAndNothingElse) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "needs a build without sanitizers, whose own calls would fail";
#endif
    const std::size_t before = open_descriptors(guest->pid());
    for (const Operation& operation : operations()) {
        for (const FaultClass& faults : kFaults) {
            for (const bool all : {false, true}) {
                try_all(operation, faults, all);
                if (HasFatalFailure()) return;
            }
        }
    }
    for (const char* unit : {"rich", "talks"}) {
        Control control = guest->control();
        EXPECT_EQ(control.ask(Kind::Stop, unit).code, 0);
    }
    ASSERT_TRUE(comes_to("victim", kUp));
    EXPECT_TRUE(eventually([&] { return open_descriptors(guest->pid()) <= before; }))
        << open_descriptors(guest->pid()) << " descriptors, " << before << " at first";
    std::cout << tried << " failed calls\n";
    for (const auto& [what, count] : failures)
        std::cout << "  " << count << " x " << what << "\n";
    guest->signal(SIGTERM);
    EXPECT_EQ(guest->wait(), 0) << guest->said();
}

TEST(FaultsAtBoot, EndInABootOrInAReason) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "needs a build without sanitizers, whose own calls would fail";
#endif
    int boots = 0;
    int refusals = 0;
    for (const FaultClass& faults : kFaults) {
        for (int n = 1; n < 300; ++n) {
            const TemporaryFolder folder;
            FaultInjector injector;
            StartOptions options;
            options.before = FaultInjector::before_exec;
            injector.arm(faults, n);
            Guest guest({write_plan(folder.path(), {service("web", {"sleep", "1000"})})}, options);
            if (!injector.serve(guest.pid())) GTEST_SKIP() << "needs seccomp's user notification";
            const std::string about = std::string(faults.name) + " in call " + std::to_string(n);
            std::int64_t state = -1;
            EXPECT_TRUE(eventually([&] {
                auto control = Control::open(guest.runtime() / "control");
                if (control) {
                    const Answer answer = control->ask(Kind::Status, "web");
                    if (!answer.units.empty()) state = answer.units[0].state;
                }
                // Without a control socket it says so, and goes on.
                return state == kUp || guest.wait(0ms).has_value() ||
                       guest.said().find("no control socket") != std::string::npos;
            })) << about
                << ": " << guest.said();
            injector.let_through();
            if (guest.wait(0ms).has_value()) {
                ++refusals;
                EXPECT_NE(guest.wait(0ms), 0) << about;
                EXPECT_NE(guest.said(), "") << about << ": ended without a word";
            } else {
                ++boots;
            }
            if (injector.hits() == 0) break;
        }
    }
    std::cout << boots << " boots, " << refusals << " refusals\n";
}

} // namespace
} // namespace stead::test
