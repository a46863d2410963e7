#include "init/children.h"
#include "init/guest.h"
#include "init/loop.h"
#include "init/memory.h"
#include "init/reconcile.h"
#include "sys/events.h"
#include "sys/process.h"

// What a resumed PID 1 makes of the records of children that it finds. The records are the tests',
// the processes real.
namespace stead::init {
namespace {

using test::fs::exists;

constexpr UnitId kWeb = 0;

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

/// A child of the test: with `code` below 0 it lives until it is killed.
class Process {
public:
    explicit Process(int code = -1) {
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (code < 0) {
                for (;;)
                    ::pause();
            }
            ::_exit(code);
        }
        siginfo_t info{};
        if (code >= 0) ::waitid(P_PID, id(), &info, WEXITED | WNOWAIT);
    }

    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&&) = delete;
    Process& operator=(Process&&) = delete;

    ~Process() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    [[nodiscard]] id_t id() const { return static_cast<id_t>(pid_); }

    [[nodiscard]] sys::UniqueFd pidfd() const {
        auto opened = sys::open_process(pid_);
        return opened ? std::move(opened->pidfd) : sys::UniqueFd();
    }

    [[nodiscard]] bool runs() const {
        siginfo_t info{};
        return ::waitid(P_PID, id(), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
    }

private:
    pid_t pid_ = 0;
};

/// PID 1 with one unit, which it has been told to start: the engine has asked for its process, and
/// what became of that is the test's to say.
class Reconcile : public ::testing::Test {
protected:
    void SetUp() override {
        plan::PlanInput input;
        input.units = {test::service("web", {"/bin/sleep", "1000"})};
        // Its end stays to be seen.
        input.units.front().policy.restart = RestartPolicy::No;
        auto image = plan::write(input);
        ASSERT_TRUE(image.has_value()) << describe(image.error()).c_str();
        image_ = std::move(*image);
        const auto plan = plan::Plan::open(image_);
        ASSERT_TRUE(plan.has_value());
        const auto made = make_supervisor(argv_.data(), environ);
        ASSERT_TRUE(made.has_value());
        self_ = *made;
        ASSERT_TRUE(self_->table.use_plan(*plan).has_value());
        ASSERT_TRUE(prepare_tables(*self_).has_value());
        self_->epoll.take(std::move(*sys::make_epoll()));
        tell_engine(*self_, {.kind = engine::EventKind::Boot, .unit = kNoUnit});
        // `next` has handed the spawn out and is not called again: it is the intent.
        while (self_->engine->next(spawn_) && spawn_.kind != engine::ActionKind::Spawn) {
        }
        ASSERT_EQ(spawn_.kind, engine::ActionKind::Spawn);
    }

    void TearDown() override {
        if (self_ == nullptr) return;
        for (Child& child : self_->children) {
            if (child.pid > 1 && child.pid != ::getppid()) {
                ::kill(child.pid, SIGKILL);
                ::waitpid(child.pid, nullptr, 0);
            }
            child.pidfd.close();
            child.report.close();
        }
        self_->epoll.close();
        self_->memory.close();
        self_->program.close();
    }

    /// A record as it is before the clone, with a report pipe that nobody holds the other end of.
    Child& record() {
        Child& child = self_->children[self_->children_end++];
        child.unit = kWeb;
        child.role = CommandRole::Main;
        child.ticket = spawn_.ticket;
        auto pipe = sys::make_pipe(O_NONBLOCK);
        child.report.take(std::move(pipe->read));
        return child;
    }

    /// PID 1 told the engine of the process before it failed.
    void tell_spawned() {
        tell_engine(*self_, {.kind = engine::EventKind::Spawned,
                             .role = CommandRole::Main,
                             .unit = kWeb,
                             .ticket = spawn_.ticket});
    }

    [[nodiscard]] std::size_t living_records() const {
        std::size_t count = 0;
        for (const Child& child : self_->children)
            count += child.pid != 0 ? 1 : 0;
        return count;
    }

    [[nodiscard]] engine::UnitView web() const { return self_->engine->view(kWeb); }

    Supervisor* self_ = nullptr;
    engine::Action spawn_;

private:
    std::vector<std::byte> image_;
    std::string name_ = "stead-init";
    std::array<char*, 2> argv_{name_.data(), nullptr};
};

TEST_F(Reconcile, FreesTheRecordOfAChildThatWasNeverBornAndStartsItOnce) {
    Child& child = record();
    const int report = child.report.get();
    reconcile_children(*self_);
    EXPECT_EQ(child.ticket, 0U);
    EXPECT_FALSE(is_open(report));
    EXPECT_EQ(living_records(), 0U);

    resume_intent(*self_);
    ASSERT_EQ(living_records(), 1U);
    EXPECT_EQ(child.ticket, spawn_.ticket);
    const pid_t pid = child.pid;
    resume_intent(*self_);
    EXPECT_EQ(living_records(), 1U) << "it was started twice";
    EXPECT_EQ(child.pid, pid);
}

TEST_F(Reconcile, ClosesNoDescriptorThatAFailedCloneOnlyLeftTheNumberOf) {
    const auto pipe = sys::make_pipe();
    Child& child = record();
    child.pidfd.value = pipe->read.get();
    reconcile_children(*self_);
    EXPECT_EQ(child.unit, kNoUnit);
    EXPECT_TRUE(is_open(pipe->read.get()));
}

TEST_F(Reconcile, KeepsAChildThatLivesAndTellsTheEngineInsteadOfStartingAnother) {
    const Process process;
    Child& child = record();
    child.pid = process.pid();
    child.pidfd.take(process.pidfd());
    reconcile_children(*self_);
    resume_intent(*self_);
    EXPECT_EQ(child.pid, process.pid());
    EXPECT_EQ(living_records(), 1U);
    EXPECT_EQ(self_->units[kWeb].group, process.pid());
    EXPECT_FALSE(self_->engine->expects(spawn_));
    EXPECT_TRUE(process.runs());
    child.pid = 0; // The process is the test's to end.
}

TEST_F(Reconcile, OpensThePidfdOfAChildThatHasNone) {
    const Process process;
    Child& child = record();
    child.pid = process.pid();
    reconcile_children(*self_);
    ASSERT_TRUE(child.pidfd);
    EXPECT_EQ(::syscall(SYS_pidfd_send_signal, child.pidfd.get(), 0, nullptr, 0), 0);
    child.pid = 0;
}

TEST_F(Reconcile, FindsThePidOfAPlainCloneByItsPidfd) {
    const Process process;
    Child& child = record();
    child.pidfd.take(process.pidfd());
    reconcile_children(*self_);
    EXPECT_EQ(child.pid, process.pid());
    child.pid = 0;
}

TEST_F(Reconcile, TakesAPidfdOfAnotherRecordForNoChildOfThisOne) {
    const Process process;
    Child& living = record();
    living.pid = process.pid();
    living.pidfd.take(process.pidfd());
    // A failed clone left a number that the next one's pidfd got.
    Child& never = record();
    never.pidfd.value = living.pidfd.get();
    reconcile_children(*self_);
    EXPECT_EQ(never.pid, 0);
    EXPECT_EQ(living.pid, process.pid());
    EXPECT_TRUE(is_open(living.pidfd.get()));
    living.pid = 0;
}

TEST_F(Reconcile, LeavesADeadChildToBeReapedWithItsStatus) {
    tell_spawned();
    const Process process(7);
    Child& child = record();
    child.pid = process.pid();
    reconcile_children(*self_);
    reap_children(*self_);
    EXPECT_EQ(living_records(), 0U);
    EXPECT_EQ(web().reason.status, ExitStatus::exited(7));
}

TEST_F(Reconcile, TellsTheEndThatWasBookedThoughTheChildIsReaped) {
    tell_spawned();
    pid_t pid = 0;
    {
        const Process gone(0);
        pid = gone.pid();
    }
    Child& child = record();
    child.pid = pid;
    child.ended = true;
    child.status = ExitStatus::exited(9);
    const int report = child.report.get();
    reconcile_children(*self_);
    EXPECT_EQ(child.pid, 0);
    EXPECT_FALSE(is_open(report));
    EXPECT_EQ(web().reason.status, ExitStatus::exited(9));
}

TEST_F(Reconcile, ReapsTheZombieOfAnEndThatWasBooked) {
    tell_spawned();
    const Process process(9);
    Child& child = record();
    child.pid = process.pid();
    child.ended = true;
    child.status = ExitStatus::exited(9);
    reconcile_children(*self_);
    EXPECT_FALSE(exists("/proc/" + std::to_string(process.pid())));
    EXPECT_EQ(web().reason.status, ExitStatus::exited(9));
}

TEST_F(Reconcile, TellsAnEndHeardOfBeforeNoSecondTime) {
    tell_spawned();
    Child& child = record();
    child.pid = 1;
    child.ended = true;
    child.status = ExitStatus::exited(9);
    const Child copy = child;
    reconcile_children(*self_);
    const auto before = web();
    child = copy;
    child.report.value = 0;
    reconcile_children(*self_);
    EXPECT_EQ(web().state, before.state);
    EXPECT_EQ(web().restarts, before.restarts);
}

TEST_F(Reconcile, TakesAStrangerWithAReusedPidForTheEndOfTheChild) {
    tell_spawned();
    Child& child = record();
    child.pid = ::getppid();
    reconcile_children(*self_);
    EXPECT_EQ(child.pid, 0);
    EXPECT_EQ(web().reason.status.kind, ExitStatus::Kind::Unknown);
    EXPECT_EQ(::kill(::getppid(), 0), 0);
}

TEST_F(Reconcile, NeitherKillsNorClosesForAStrangersPidfd) {
    const auto stranger = sys::open_process(::getppid());
    ASSERT_TRUE(stranger.has_value());
    Child& child = record();
    child.pidfd.value = stranger->pidfd.get();
    reconcile_children(*self_);
    EXPECT_EQ(child.pid, 0);
    EXPECT_EQ(child.unit, kNoUnit);
    EXPECT_TRUE(is_open(stranger->pidfd.get()));
}

TEST_F(Reconcile, ObeysAReportThatWasReadAndNotUnderstood) {
    tell_spawned();
    const Process process(1);
    Child& child = record();
    child.pid = process.pid();
    child.incoming.stage = SpawnStage::Exec;
    child.incoming.error = ENOENT;
    reconcile_children(*self_);
    reap_children(*self_);
    EXPECT_EQ(web().reason.kind, ReasonKind::SpawnFailed);
    EXPECT_EQ(web().reason.error, ENOENT);
}

} // namespace
} // namespace stead::init
