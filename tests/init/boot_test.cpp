#include <sys/mman.h>

#include <csignal>
#include <cstring>

#include "init/guest.h"
#include "wire/boot.h"

namespace stead::test {
namespace {

using wire::Kind;
using wire::Tag;

/// What the keeper has been told.
struct Told {
    Kind kind{};
    std::string name;
    std::string text;
    std::int64_t code = -1;
    std::int64_t end = -1;
    sys::UniqueFd descriptor;
};

std::optional<Told> hear(int channel, std::chrono::milliseconds limit = 10s) {
    std::vector<std::byte> buffer(wire::kMaxMessage);
    pollfd ready{channel, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(limit.count())) != 1) return std::nullopt;
    auto record = sys::receive(channel, buffer);
    // Told once, of a PID 1 that ended without reading its own messages.
    if (!record && record.error().code == ECONNRESET) record = sys::receive(channel, buffer);
    if (!record || record->size == 0) return std::nullopt;
    const auto message = wire::Reader::open(std::span(buffer).first(record->size));
    if (!message) return std::nullopt;
    Told told{message->kind(),
              std::string(message->text(Tag::Name)),
              std::string(message->text(Tag::Text)),
              message->number(Tag::Code, -1),
              message->number(Tag::End, -1),
              {}};
    if (record->descriptor_count > 0) told.descriptor = std::move(record->descriptors[0]);
    return told;
}

/// The next message of `kind`; others are passed over.
std::optional<Told> hear_about(int channel, Kind kind) {
    while (auto told = hear(channel)) {
        if (told->kind == kind) return told;
    }
    return std::nullopt;
}

std::string read_line(int fd) {
    std::string line;
    char c = 0;
    pollfd ready{fd, POLLIN, 0};
    while (::poll(&ready, 1, 10'000) == 1 && ::read(fd, &c, 1) == 1 && c != '\n')
        line += c;
    return line;
}

/// A launcher without a context: hands stead-init the descriptors of wire/boot.h.
class Launched {
public:
    explicit Launched(const plan::PlanInput& input, bool committed = true, int loader = -1) {
        const int plan = sealed_plan(input);
        auto host = sys::bind_unix(host_path(), SOCK_SEQPACKET, 0600);
        EXPECT_TRUE(host && sys::listen_on(host->get(), 16));
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
        keeper = sys::UniqueFd(ends[0]);
        pid = ::fork();
        if (pid == 0) become(plan, host->get(), ends[1], loader);
        ::close(plan);
        ::close(ends[1]);
        if (committed) commit();
    }

    Launched(const Launched&) = delete;
    Launched& operator=(const Launched&) = delete;
    Launched(Launched&&) = delete;
    Launched& operator=(Launched&&) = delete;

    ~Launched() {
        if (pid <= 0) return;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    /// As the launcher when the guest's record is written.
    void commit() const {
        std::vector<std::byte> buffer(64);
        wire::Writer message(buffer, Kind::Committed);
        EXPECT_TRUE(sys::send(keeper.get(), message.bytes()).has_value());
    }

    [[nodiscard]] std::string host_path() const { return folder.path() / "host"; }

    std::optional<Control> host() const { return Control::open(host_path()); }

    std::optional<int> wait() {
        int status = 0;
        if (!eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }))
            return std::nullopt;
        pid = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    TemporaryFolder folder;
    sys::UniqueFd keeper;
    pid_t pid = -1;

private:
    static int sealed_plan(const plan::PlanInput& input) {
        const auto image = plan::write(input);
        EXPECT_TRUE(image.has_value());
        const int fd = ::memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        EXPECT_EQ(::write(fd, image->data(), image->size()), static_cast<ssize_t>(image->size()));
        ::fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        return fd;
    }

    [[noreturn]] static void become(int plan, int host, int channel, int loader) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int high_plan = ::fcntl(plan, F_DUPFD_CLOEXEC, 50);
        const int high_host = ::fcntl(host, F_DUPFD_CLOEXEC, 50);
        const int high_channel = ::fcntl(channel, F_DUPFD_CLOEXEC, 50);
        const int high_loader = loader < 0 ? -1 : ::fcntl(loader, F_DUPFD_CLOEXEC, 50);
        ::syscall(SYS_close_range, 3, 49, 0);
        if (high_loader >= 0) ::dup2(high_loader, wire::kBootLoader);
        ::dup2(high_plan, wire::kBootPlan);
        ::dup2(high_host, wire::kBootHostControl);
        ::dup2(high_channel, wire::kBootKeeper);
        ::execl(kInit, "stead-init", "--boot", nullptr);
        ::_exit(99);
    }
};

plan::PlanInput jail(std::vector<plan::UnitInput> units) {
    plan::PlanInput input;
    input.units = std::move(units);
    input.guest = plan::GuestInput{};
    input.guest->name = "test";
    input.guest->capabilities = ~0ULL;
    input.guest->has_units = true;
    input.guest->launched = true;
    input.guest->stop_timeout_ms = 5000;
    return input;
}

plan::UnitInput logger(const std::string& script) {
    return service("app", {"/bin/sh", "-c", script});
}

class Boot : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, as every launcher does";
    }
};

TEST_F(Boot, HandsTheUnitsOutputToTheKeeper) {
    Launched guest(jail({logger("echo hello; exec sleep 1000")}));
    const auto pipe = hear_about(guest.keeper.get(), Kind::LogPipe);
    ASSERT_TRUE(pipe.has_value());
    EXPECT_EQ(pipe->name, "app");
    ASSERT_TRUE(static_cast<bool>(pipe->descriptor));
    EXPECT_EQ(read_line(pipe->descriptor.get()), "hello");
}

TEST_F(Boot, TellsWhenTheGuestIsUpAndHowItEnds) {
    plan::UnitInput job = logger("sleep 0.1; exit 7");
    job.policy.essential = true;
    job.policy.restart = RestartPolicy::No;
    Launched guest(jail({job}));
    const auto ready = hear_about(guest.keeper.get(), Kind::Notify);
    ASSERT_TRUE(ready.has_value());
    EXPECT_EQ(ready->text, "READY=1");
    const auto end = hear_about(guest.keeper.get(), Kind::GuestEnd);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 7);
    EXPECT_EQ(guest.wait(), 7);
}

TEST_F(Boot, InterruptIsARebootThatTheKeeperHearsOf) {
    Launched guest(jail({logger("exec sleep 1000")}));
    ASSERT_TRUE(hear_about(guest.keeper.get(), Kind::Notify).has_value());
    ::kill(guest.pid, SIGINT);
    const auto end = hear_about(guest.keeper.get(), Kind::GuestEnd);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->end, static_cast<int>(EndKind::Reboot));
}

TEST_F(Boot, TheKeeperMayStopTheGuest) {
    Launched guest(jail({logger("exec sleep 1000")}));
    ASSERT_TRUE(hear_about(guest.keeper.get(), Kind::Notify).has_value());
    std::vector<std::byte> buffer(64);
    wire::Writer stop(buffer, Kind::StopGuest);
    ASSERT_TRUE(sys::send(guest.keeper.get(), stop.bytes()).has_value());
    EXPECT_EQ(guest.wait(), 0);
}

TEST_F(Boot, AKeepersDeathLosesNoLineAndNoService) {
    Launched guest(jail({logger("n=0; while sleep 0.02; do n=$((n+1)); echo line $n; done")}));
    auto pipe = hear_about(guest.keeper.get(), Kind::LogPipe);
    ASSERT_TRUE(pipe.has_value());
    EXPECT_EQ(read_line(pipe->descriptor.get()), "line 1");
    guest.keeper.reset();
    pipe->descriptor.reset();
    std::this_thread::sleep_for(300ms);

    auto host = guest.host();
    ASSERT_TRUE(host.has_value());
    std::vector<std::byte> buffer(64);
    wire::Writer attach(buffer, Kind::AttachKeeper);
    ASSERT_TRUE(host->send(attach));
    const auto answer = hear(host->fd());
    ASSERT_TRUE(answer && answer->kind == Kind::AttachKeeper);
    EXPECT_TRUE(static_cast<bool>(answer->descriptor)) << "PID 1's pidfd comes along";

    std::string lines;
    std::optional<Told> told = hear(host->fd());
    for (; told && told->kind != Kind::LogPipe; told = hear(host->fd()))
        lines += told->text;
    ASSERT_TRUE(told.has_value());
    for (int i = 0; i < 10; ++i)
        lines += read_line(told->descriptor.get()) + "\n";
    int expected = 2;
    std::istringstream stream(lines);
    for (std::string line; std::getline(stream, line); ++expected)
        ASSERT_EQ(line, "line " + std::to_string(expected));
    EXPECT_GT(expected, 12);
}

TEST_F(Boot, CountsWhatDidNotFitWhileNobodyKeptIt) {
    Launched guest(jail({logger("head -c 2000000 /dev/zero | tr '\\0' x; exec sleep 1000")}));
    auto pipe = hear_about(guest.keeper.get(), Kind::LogPipe);
    ASSERT_TRUE(pipe.has_value());
    pipe->descriptor.reset();
    guest.keeper.reset();
    std::this_thread::sleep_for(500ms);
    auto host = guest.host();
    ASSERT_TRUE(host.has_value());
    std::vector<std::byte> buffer(64);
    wire::Writer attach(buffer, Kind::AttachKeeper);
    ASSERT_TRUE(host->send(attach));
    EXPECT_TRUE(hear_about(host->fd(), Kind::LogLost).has_value());
}

TEST_F(Boot, EndsWithALauncherThatDiesBeforeItsRecordIsWritten) {
    Launched guest(jail({logger("exec sleep 1000")}), false);
    ASSERT_TRUE(hear_about(guest.keeper.get(), Kind::Notify).has_value());
    guest.keeper.reset();
    EXPECT_TRUE(guest.wait().has_value());
}

TEST_F(Boot, OutlivesItsKeeperOnceTheRecordIsWritten) {
    Launched guest(jail({logger("exec sleep 1000")}), false);
    ASSERT_TRUE(hear_about(guest.keeper.get(), Kind::Notify).has_value());
    guest.commit();
    guest.keeper.reset();
    std::this_thread::sleep_for(200ms);
    auto host = guest.host();
    ASSERT_TRUE(host.has_value());
    EXPECT_EQ(host->ask(Kind::Ping).code, 0);
}

TEST_F(Boot, HearsThatTheRecordIsWrittenFromALauncherThatDiesAtOnce) {
    Launched guest(jail({logger("exec sleep 1000")}), false);
    ASSERT_TRUE(guest.host().has_value());
    std::this_thread::sleep_for(100ms);
    // What PID 1 has said meanwhile stays unread, which resets its end of the channel.
    ::kill(guest.pid, SIGSTOP);
    guest.commit();
    guest.keeper.reset();
    ::kill(guest.pid, SIGCONT);
    std::this_thread::sleep_for(200ms);
    auto host = guest.host();
    ASSERT_TRUE(host.has_value());
    EXPECT_EQ(host->ask(Kind::Ping).code, 0);
}

/// A guest whose units are to come from a loader that never says anything.
class HangingLoader : public Boot {
protected:
    static plan::PlanInput unloaded() {
        plan::PlanInput input = jail({});
        input.guest->has_units = false;
        return input;
    }

    [[nodiscard]] int loader() const { return loader_.get(); }

private:
    sys::UniqueFd loader_{::open(kMisbehave, O_PATH | O_CLOEXEC)};
};

TEST_F(HangingLoader, DoesNotKeepASignalWaiting) {
    Launched guest(unloaded(), true, loader());
    std::this_thread::sleep_for(200ms);
    const auto start = std::chrono::steady_clock::now();
    ::kill(guest.pid, SIGTERM);
    EXPECT_EQ(guest.wait(), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    EXPECT_TRUE(eventually([] { return !is_running("stead load"); }, 2s));
}

TEST_F(HangingLoader, DoesNotKeepTheKeeperWaiting) {
    Launched guest(unloaded(), true, loader());
    std::this_thread::sleep_for(200ms);
    std::vector<std::byte> buffer(64);
    wire::Writer stop(buffer, Kind::StopGuest);
    ASSERT_TRUE(sys::send(guest.keeper.get(), stop.bytes()).has_value());
    EXPECT_EQ(guest.wait(), 0);
}

TEST_F(HangingLoader, EndsWithALauncherThatDies) {
    Launched guest(unloaded(), false, loader());
    std::this_thread::sleep_for(200ms);
    guest.keeper.reset();
    EXPECT_TRUE(guest.wait().has_value());
}

TEST_F(Boot, RefusesAPlanWithoutAGuestRecord) {
    plan::PlanInput bare = jail({logger("true")});
    bare.guest.reset();
    // Refused at once: nobody may be there any more to hear of a commit.
    Launched guest(bare, false);
    const auto said = hear_about(guest.keeper.get(), Kind::Say);
    ASSERT_TRUE(said.has_value());
    EXPECT_NE(said->text.find("no guest record"), std::string::npos) << said->text;
    EXPECT_EQ(guest.wait(), 125);
}

TEST_F(Boot, ServicesHoldNoCapabilityThatTheGuestHasNot) {
    plan::PlanInput input = jail({service("app", {kMisbehave, "facts"})});
    input.units[0].policy.restart = RestartPolicy::No;
    input.guest->capabilities = 1ULL << 0U; // CHOWN
    input.guest->no_new_privileges = true;
    Launched guest(input);
    const auto pipe = hear_about(guest.keeper.get(), Kind::LogPipe);
    ASSERT_TRUE(pipe.has_value());
    std::string facts;
    for (int i = 0; i < 9; ++i)
        facts += read_line(pipe->descriptor.get()) + "\n";
    EXPECT_NE(facts.find("CapBnd:\t0000000000000001\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("CapEff:\t0000000000000001\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("NoNewPrivs:\t1\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("fds: 0 1 2\n"), std::string::npos) << facts;
}

TEST_F(Boot, TenServicesCostLittlePrivateMemory) {
    std::vector<plan::UnitInput> units;
    units.reserve(10);
    for (int i = 0; i < 10; ++i)
        units.push_back(service("unit-" + std::to_string(i), {"sleep", "1000"}));
    Launched guest(jail(units));
    ASSERT_TRUE(hear_about(guest.keeper.get(), Kind::Notify).has_value());
    auto host = guest.host();
    ASSERT_TRUE(host.has_value());
    ASSERT_EQ(host->ask(Kind::Status).units.size(), 10U);
    std::ifstream rollup("/proc/" + std::to_string(guest.pid) + "/smaps_rollup");
    long anonymous = -1;
    for (std::string word; rollup >> word;) {
        if (word == "Anonymous:") rollup >> anonymous;
    }
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "needs a build without sanitizers";
#endif
    RecordProperty("kilobytes", static_cast<int>(anonymous));
    EXPECT_GT(anonymous, 0);
    EXPECT_LE(anonymous, 40);
}

} // namespace
} // namespace stead::test
