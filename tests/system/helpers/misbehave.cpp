// A service that misbehaves in one way, chosen by its first argument. Everything it says goes to
// standard output, one line at a time.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>

namespace {

int number(const char* text) {
    return static_cast<int>(std::strtol(text, nullptr, 10));
}

void say(const std::string& line) {
    const std::string text = line + "\n";
    (void)!::write(STDOUT_FILENO, text.data(), text.size());
}

[[noreturn]] void sleep_for_ever() {
    for (;;)
        ::pause();
}

/// A line of /proc/self/status.
std::string status_line(const std::string& key) {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind(key + ":", 0) == 0) return line;
    }
    return key + ": ?";
}

/// What a process is born with.
int facts() {
    std::string open = "fds:";
    for (int fd = 0; fd < 1024; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) open += " " + std::to_string(fd);
    }
    say(open);
    for (const char* key :
         {"SigBlk", "SigIgn", "CapEff", "CapBnd", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp"})
        say(status_line(key));
    say("leads session: " + std::to_string(::getsid(0) == ::getpid()));
    say("leads group: " + std::to_string(::getpgrp() == ::getpid()));
    say("terminal: " + std::to_string(::isatty(0)));
    say("foreground: " + std::to_string(::isatty(0) == 1 && ::tcgetpgrp(0) == ::getpgrp()));
    for (const char* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "INHERITED", "WATCHDOG_PID"}) {
        const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread
        say(std::string(name) + "=" + (value != nullptr ? value : "(none)"));
    }
    return 0;
}

/// `count` processes that nobody waits for.
/// Leaves `count` processes to PID 1 and has all of them end at the same moment.
int orphans_at_once(int count) {
    int gate[2];
    if (::pipe2(gate, O_CLOEXEC) != 0) return 1;
    const pid_t middle = ::fork();
    if (middle == 0) {
        for (int i = 0; i < count; ++i) {
            const pid_t child = ::fork();
            if (child < 0) ::_exit(1);
            if (child > 0) continue;
            ::close(gate[1]);
            char byte = 0;
            ::_exit(::read(gate[0], &byte, 1) == 0 ? 0 : 1);
        }
        ::_exit(0);
    }
    int status = 0;
    if (middle < 0 || ::waitpid(middle, &status, 0) != middle || status != 0) return 1;
    ::close(gate[1]);
    say("done");
    return 0;
}

int orphans(int count) {
    for (int i = 0; i < count; ++i) {
        const pid_t child = ::fork();
        if (child < 0) return 1;
        if (child > 0) {
            ::waitpid(child, nullptr, 0);
            continue;
        }
        if (::fork() == 0) ::_exit(0);
        ::_exit(0);
    }
    say("done");
    return 0;
}

/// One line into the ledger, at once and whole.
void note(const std::string& folder, const std::string& line) {
    const int fd =
        ::open((folder + "/ledger").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const std::string text = line + "\n";
    (void)!::write(fd, text.data(), text.size());
    ::close(fd);
}

volatile std::sig_atomic_t ended = 0;

void on_signal(int signal) {
    const std::string line = "signal " + std::to_string(signal) + "\n";
    (void)!::write(STDOUT_FILENO, line.data(), line.size());
    if (signal == SIGTERM) ended = 1;
}

int count_signals() {
    for (const int signal : {SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGINT, SIGTERM})
        (void)std::signal(signal, on_signal);
    say("listening");
    while (ended == 0)
        ::pause();
    return 0;
}

void notify(const std::string& text) {
    const char* path = std::getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): one thread
    if (path == nullptr) return say("no socket");
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        say("connect failed");
    if (::send(fd, text.data(), text.size(), 0) < 0) say("send failed");
    ::close(fd);
}

/// The notify message `text` with the descriptor `passed`.
void notify_with(const std::string& text, int passed) {
    const char* path = std::getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): one thread
    if (path == nullptr) return say("no socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    iovec bytes{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof passed)] = {};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (::sendmsg(fd, &message, 0) < 0) say("send failed");
    ::close(fd);
}

/// Writes down which descriptors it has found; a first run leaves `count` of its own with PID 1.
int store(const std::string& folder, int count) {
    const char* names = std::getenv("LISTEN_FDNAMES"); // NOLINT(concurrency-mt-unsafe): one thread
    const char* found = std::getenv("LISTEN_FDS");     // NOLINT(concurrency-mt-unsafe): one thread
    std::string line = names == nullptr ? "" : names;
    for (int i = 0; found != nullptr && i < number(found); ++i) {
        char text[16] = {};
        (void)!::pread(3 + i, text, sizeof text - 1, 0);
        line += std::string(" ") + text;
    }
    std::ofstream(folder + "/found") << line << "\n";
    for (int i = 0; found == nullptr && i < count; ++i) {
        const int fd = ::memfd_create("kept", MFD_CLOEXEC);
        const std::string text = "text" + std::to_string(i);
        (void)!::write(fd, text.data(), text.size());
        notify_with("FDSTORE=1\nFDNAME=kept", fd);
        if (i == 0) notify_with("FDSTORE=1\nFDNAME=kept", fd);
        ::close(fd);
    }
    notify("READY=1");
    sleep_for_ever();
}

/// Answers HUP as sd_notify(3) wants it, after words that belong to no reload.
int reload_slowly(bool answers) {
    // Blocked until it is waited for: one that comes before that is not lost.
    sigset_t hangup;
    ::sigemptyset(&hangup);
    ::sigaddset(&hangup, SIGHUP);
    (void)::sigprocmask(SIG_BLOCK, &hangup, nullptr);
    notify("READY=1\nSTATUS=began");
    for (;;) {
        int signal = 0;
        if (::sigwait(&hangup, &signal) != 0 || !answers) continue;
        notify("READY=1");
        notify("RELOADING=1\nMONOTONIC_USEC=1");
        notify("READY=1");
        ::usleep(300'000);
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        notify("RELOADING=1\nMONOTONIC_USEC=" +
               std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
        notify("STATUS=reloaded\nREADY=1");
    }
}

/// Serves one connection of the socket it was given.
int accept_one() {
    const int fd = ::accept4(3, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return 1;
    return ::write(fd, "hello\n", 6) == 6 ? 0 : 1;
}

/// A grandchild in a session of its own that outlives its parents.
int leave_behind() {
    if (::fork() == 0) {
        ::setsid();
        if (::fork() == 0) {
            (void)::signal(SIGTERM, SIG_IGN);
            (void)::signal(SIGHUP, SIG_IGN);
            sleep_for_ever();
        }
        ::_exit(0);
    }
    say("left");
    sleep_for_ever();
}

/// As many messages as PID 1 takes, until TERM; then says how many those were a second.
int flood_fast() {
    const char* path = std::getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): one thread
    if (path == nullptr) return 1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return 1;
    (void)std::signal(SIGTERM, [](int) { ended = 1; });
    constexpr char kText[] = "READY=1\nSTATUS=flood";
    timespec begin{};
    (void)::clock_gettime(CLOCK_MONOTONIC, &begin);
    long sent = 0;
    long tried = 0;
    for (; ended == 0; ++tried)
        sent += ::send(fd, kText, sizeof kText - 1, MSG_DONTWAIT) > 0 ? 1 : 0;
    timespec end{};
    (void)::clock_gettime(CLOCK_MONOTONIC, &end);
    const long milliseconds =
        (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1'000'000;
    const auto rate = [&](long count) {
        return std::to_string(count * 1000 / std::max(1L, milliseconds));
    };
    say("messages a second: " + rate(tried) + " tried, " + rate(sent) + " taken");
    return 0;
}

/// Names main processes that are not its own, then its child, and goes.
int main_pid() {
    notify("MAINPID=0\nMAINPID=1\nMAINPID=x\nMAINPID=" + std::to_string(::getppid()));
    const pid_t child = ::fork();
    if (child == 0) sleep_for_ever();
    const std::string pid = std::to_string(child);
    notify("STATUS=" + pid + "\nMAINPID=" + pid + "\nREADY=1");
    // The end of the old main process has to come after the news.
    ::usleep(300'000);
    return 3;
}

int usage() {
    std::fputs("misbehave: facts | exit N | raise N | orphans N | orphans-at-once N | signals | "
               "ignore-term | "
               "sleep | load | stopped | notify TEXT | notify-exit TEXT | flood | flood-fast | "
               "leave-behind | main-pid | close-output | ready-fd N\n",
               stderr);
    return 2;
}

/// Writes down that it runs, and whether another one of its name does; lives for `life` ms, or for
/// ever, and says every 5 ms that it does.
int keep_ledger(const std::string& folder, const std::string& name, int life) {
    const int lock = ::open((folder + "/" + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (::lockf(lock, F_TLOCK, 0) != 0) note(folder, "double " + name);
    note(folder, "start " + name + " " + std::to_string(::getpid()));
    const bool notifies = std::getenv("NOTIFY_SOCKET") != nullptr; // NOLINT(concurrency-mt-unsafe)
    if (notifies) notify("READY=1");
    for (int i = 0; life == 0 || i < life; i += 5) {
        ::usleep(5000);
        if (notifies) notify("WATCHDOG=1\nSTATUS=here");
    }
    return 1;
}

int with_argument(const std::string& mode, const char* argument) {
    if (mode == "exit") return number(argument);
    if (mode == "raise") {
        ::raise(number(argument));
        sleep_for_ever();
    }
    if (mode == "orphans") return orphans(number(argument));
    if (mode == "orphans-at-once") return orphans_at_once(number(argument));
    if (mode == "notify") {
        notify(argument);
        sleep_for_ever();
    }
    if (mode == "notify-exit") {
        notify(argument);
        return 0;
    }
    if (mode == "ready-fd") {
        if (::write(number(argument), "\n", 1) != 1) say("no such descriptor");
        sleep_for_ever();
    }
    return usage();
}

} // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "ledger" && argc == 5) return keep_ledger(argv[2], argv[3], number(argv[4]));
    if (mode == "store" && argc == 4) return store(argv[2], number(argv[3]));
    if (mode == "reloads") return reload_slowly(/*answers=*/true);
    if (mode == "ignores-reload") return reload_slowly(/*answers=*/false);
    if (mode == "accept-one") return accept_one();
    // What stead-init calls the loader with.
    if (mode == "load") sleep_for_ever();
    if (argc > 2) return with_argument(mode, argv[2]);
    if (mode == "facts") return facts();
    if (mode == "signals") return count_signals();
    if (mode == "ignore-term") {
        (void)std::signal(SIGTERM, SIG_IGN);
        say("ignoring");
        sleep_for_ever();
    }
    if (mode == "sleep") {
        say("sleeping");
        sleep_for_ever();
    }
    if (mode == "stopped") {
        ::raise(SIGSTOP);
        sleep_for_ever();
    }
    if (mode == "flood") {
        for (;;)
            notify("STATUS=flood\nREADY=1");
    }
    if (mode == "flood-fast") return flood_fast();
    if (mode == "leave-behind") return leave_behind();
    if (mode == "main-pid") return main_pid();
    if (mode == "close-output") {
        ::close(1);
        ::close(2);
        sleep_for_ever();
    }
    return usage();
}
