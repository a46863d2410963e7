#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include <csignal>

#include <termios.h>

#include "init/guest.h"

// The terminal that a container runtime gives PID 1, and what a runtime may refuse it.
namespace stead::test {
namespace {

/// A new terminal; `slave` is its name.
struct Terminal {
    sys::UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    std::string slave;
    std::string shown;

    Terminal() {
        std::array<char, 64> name{};
        EXPECT_EQ(::grantpt(master.get()), 0);
        EXPECT_EQ(::unlockpt(master.get()), 0);
        EXPECT_EQ(::ptsname_r(master.get(), name.data(), name.size()), 0);
        slave = name.data();
        ::fcntl(master.get(), F_SETFL, O_NONBLOCK);
    }

    bool shows(const std::string& text) {
        return eventually([&] {
            std::array<char, 4096> buffer{};
            const ssize_t size = ::read(master.get(), buffer.data(), buffer.size());
            if (size > 0) shown.append(buffer.data(), static_cast<std::size_t>(size));
            return shown.find(text) != std::string::npos;
        });
    }
};

// What the child reads before exec; a function without a capture cannot be given more.
std::string
    terminal_name; // NOLINT(cert-err58-cpp,cppcoreguidelines-avoid-non-const-global-variables)

/// Makes the terminal the controlling one of a session that stead-init leads.
void lead_session() {
    ::setsid();
    const int fd = ::open(terminal_name.c_str(), O_RDWR); // NOLINT(android-cloexec-open)
    ::ioctl(fd, TIOCSCTTY, 0);
    for (const int target : {0, 1, 2})
        ::dup2(fd, target);
}

TEST(ForeignTerminal, GivesItToTheCommandWhichHearsNoHangup) {
    Terminal terminal;
    terminal_name = terminal.slave;
    StartOptions options;
    options.before = lead_session;
    Guest guest({"--", kMisbehave, "signals"}, options);
    ASSERT_TRUE(terminal.shows("listening")) << terminal.shown;
    std::this_thread::sleep_for(200ms);
    EXPECT_FALSE(guest.wait(0ms).has_value());
    EXPECT_EQ(terminal.shown.find("signal"), std::string::npos) << terminal.shown;
    // Ctrl-C reaches the command alone: PID 1 does not take it for a request to stop.
    ASSERT_EQ(::write(terminal.master.get(), "\x03", 1), 1);
    EXPECT_TRUE(terminal.shows("signal 2")) << terminal.shown;
    EXPECT_FALSE(guest.wait(200ms).has_value());
    guest.signal(SIGTERM);
    EXPECT_EQ(guest.wait(), 0);
}

/// stead-init in the background of a terminal that stops whoever writes there.
void write_from_background() {
    ::setsid();
    const int fd = ::open(terminal_name.c_str(), O_RDWR); // NOLINT(android-cloexec-open)
    ::ioctl(fd, TIOCSCTTY, 0);
    termios settings{};
    ::tcgetattr(fd, &settings);
    settings.c_lflag |= TOSTOP;
    ::tcsetattr(fd, TCSANOW, &settings);
    for (const int target : {1, 2})
        ::dup2(fd, target);
    const int null = ::open("/dev/null", O_RDONLY); // NOLINT(android-cloexec-open)
    ::dup2(null, 0);
    // The session's leader stays in the foreground and waits.
    const pid_t background = ::fork();
    if (background == 0) {
        ::setpgid(0, 0);
        return;
    }
    int status = 0;
    ::waitpid(background, &status, WUNTRACED);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 90);
}

TEST(ForeignTerminal, DoesNotStopPidOneWhenItWritesFromTheBackground) {
    Terminal terminal;
    terminal_name = terminal.slave;
    const TemporaryFolder folder;
    plan::UnitInput talks = service("talks", {"/bin/sh", "-c", "echo a line; exec sleep 0.3"});
    talks.policy.restart = RestartPolicy::No;
    talks.policy.essential = true;
    talks.exec.output = OutputKind::Log;
    plan::UnitInput missing = service("missing", {"/no/such/program"});
    missing.policy.restart = RestartPolicy::No;
    StartOptions options;
    options.before = write_from_background;
    Guest guest({write_plan(folder.path(), {talks, missing})}, options);
    EXPECT_EQ(guest.wait(), 0) << terminal.shown;
    EXPECT_TRUE(terminal.shows("missing")) << terminal.shown;
    EXPECT_TRUE(terminal.shows("a line")) << terminal.shown;
}

/// A runtime whose filter lets nobody become a subreaper.
void refuse_subreaper() {
    const std::array<sock_filter, 6> program = {
        sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_prctl},
        sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 16},
        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PR_SET_CHILD_SUBREAPER},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    const sock_fprog filter{program.size(), const_cast<sock_filter*>(program.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) ::_exit(98);
}

TEST(ForeignSubreaper, ThatIsRefusedIsToldAndTheCommandRuns) {
    StartOptions options;
    options.before = refuse_subreaper;
    Guest guest({"--", "/bin/sh", "-c", "sleep 0.3; exit 6"}, options);
    Control control = guest.control();
    const Answer answer = control.ask(wire::Kind::Status);
    const bool told =
        std::any_of(answer.notices.begin(), answer.notices.end(), [](const std::string& notice) {
            return notice.find("not a subreaper") != std::string::npos;
        });
    EXPECT_TRUE(told || guest.said().find("not a subreaper") != std::string::npos) << guest.said();
    EXPECT_EQ(guest.wait(), 6) << guest.said();
}

} // namespace
} // namespace stead::test
