#include "system/harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "guests/cgroups.h"
#include "guests/guests.h"

namespace stead::system_test {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

int code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

[[noreturn]] void become(const Words& words) {
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

struct Pipe {
    std::array<int, 2> ends{-1, -1};

    Pipe() {
        if (::pipe2(ends.data(), O_CLOEXEC) < 0) std::abort();
    }
};

/// Feeds and drains the three pipes of a child until it has closed both outputs or time is up.
void relay(
    const std::string& input, int to, int out, int err, Clock::time_point end, Outcome& outcome) {
    std::size_t sent = 0;
    ::fcntl(to, F_SETFL, O_NONBLOCK);
    if (input.empty()) {
        ::close(to);
        to = -1;
    }
    while (out >= 0 || err >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0) break;
        std::array<pollfd, 3> fds{{{to, POLLOUT, 0}, {out, POLLIN, 0}, {err, POLLIN, 0}}};
        if (::poll(fds.data(), fds.size(), static_cast<int>(left.count())) <= 0) continue;
        if (fds[0].revents != 0) {
            const ssize_t size = ::write(to, input.data() + sent, input.size() - sent);
            if (size > 0) sent += static_cast<std::size_t>(size);
            if ((size < 0 && errno != EAGAIN) || sent == input.size()) {
                ::close(to);
                to = -1;
            }
        }
        std::array<char, 65536> buffer{};
        for (const auto& [index, fd, text] :
             {std::tuple{1, &out, &outcome.out}, std::tuple{2, &err, &outcome.err}}) {
            if (fds[static_cast<std::size_t>(index)].revents == 0) continue;
            const ssize_t size = ::read(*fd, buffer.data(), buffer.size());
            if (size > 0) text->append(buffer.data(), static_cast<std::size_t>(size));
            if (size <= 0) {
                ::close(*fd);
                *fd = -1;
            }
        }
    }
    for (const int fd : {to, out, err}) {
        if (fd >= 0) ::close(fd);
    }
}

int reap(pid_t pid, Clock::time_point end) {
    int status = 0;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
        if (Clock::now() > end) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
            return -1;
        }
        std::this_thread::sleep_for(2ms);
    }
    return code_of(status);
}

/// The folder that holds the cgroups of guests with these host files; empty without cgroup2.
std::string cgroup_parent_of(const std::string& folder) {
    const auto cgroup2 = guests::find_cgroup2();
    if (!cgroup2) return {};
    guests::Paths paths;
    paths.runtime = folder + "/run";
    return guests::cgroup_parent(paths, *cgroup2);
}

std::vector<std::string> guest_cgroups(const std::string& folder) {
    std::vector<std::string> found;
    std::error_code failed;
    for (const auto& guest : fs::directory_iterator(cgroup_parent_of(folder), failed)) {
        if (guest.is_directory(failed)) found.push_back(guest.path().string());
    }
    return found;
}

} // namespace

namespace {

/// The machine's mounts without those that its tools make when they first need them.
std::string mounts_here() {
    std::istringstream lines(read_text("/proc/self/mountinfo"));
    std::string kept;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" - tracefs ") == std::string::npos &&
            line.find(" - debugfs ") == std::string::npos)
            kept += line + "\n";
    }
    return kept;
}

} // namespace

Outcome run_program(const Words& words, const std::string& input, std::chrono::seconds limit) {
    const auto end = Clock::now() + limit;
    const Pipe in;
    const Pipe out;
    const Pipe err;
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(in.ends[0], 0);
        ::dup2(out.ends[1], 1);
        ::dup2(err.ends[1], 2);
        become(words);
    }
    ::close(in.ends[0]);
    ::close(out.ends[1]);
    ::close(err.ends[1]);
    Outcome outcome;
    relay(input, in.ends[1], out.ends[0], err.ends[0], end, outcome);
    outcome.code = reap(pid, end);
    return outcome;
}

Background::Background(const Words& words, std::string output_file)
    : output_file_(std::move(output_file)) {
    pid_ = ::fork();
    if (pid_ == 0) {
        const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        const int file =
            ::open(output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        ::dup2(nothing, 0);
        ::dup2(file, 1);
        ::dup2(file, 2);
        ::close(nothing);
        ::close(file);
        become(words);
    }
}

Background::~Background() {
    if (ended()) return;
    ::kill(pid_, SIGTERM);
    if (wait(10s) == -1) ::waitpid(pid_, nullptr, 0);
}

void Background::signal(int number) const {
    ::kill(pid_, number);
}

bool Background::ended() {
    if (code_ != -2) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == 0) return false;
    code_ = code_of(status);
    return true;
}

int Background::wait(std::chrono::seconds limit) {
    if (ended()) return code_;
    code_ = reap(pid_, Clock::now() + limit);
    return code_;
}

std::string Background::output() const {
    return read_text(output_file_);
}

bool emulated() {
    static const bool is = std::getenv("STEAD_EMULATED") != nullptr;
    return is;
}

unsigned times(unsigned wanted) {
    return emulated() ? std::max(wanted / 8, 1U) : wanted;
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
    const auto end = Clock::now() + (emulated() ? 4 * limit : limit);
    while (!condition()) {
        if (Clock::now() > end) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

std::string read_text(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void write_text(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
}

Host::Host()
    : mounts_(mounts_here()) {
    std::string pattern = "/var/tmp/stead-system.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    ::chmod(folder_.c_str(), 0755);
    // A service manager's socket is none of a test's business.
    // NOLINTBEGIN(concurrency-mt-unsafe): tests have one thread here.
    ::unsetenv("NOTIFY_SOCKET");
    ::setenv("STEAD_RUNTIME_DIR", (folder_ + "/run").c_str(), 1);
    ::setenv("STEAD_STATE_DIR", (folder_ + "/lib").c_str(), 1);
    ::setenv("STEAD_CONFIG_DIR", (folder_ + "/etc").c_str(), 1);
    // NOLINTEND(concurrency-mt-unsafe)
}

Host::~Host() {
    std::error_code ignored;
    // Of a test that failed: its guests must not live on.
    for (const auto& guest : guest_cgroups(folder_))
        (void)guests::remove_cgroup(guest);
    const std::string parent = cgroup_parent_of(folder_);
    if (!parent.empty()) ::rmdir(parent.c_str());
    fs::remove_all(folder_, ignored);
}

Words Host::command(const Words& words) const {
    Words all{STEAD_BIN "/stead"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
}

Outcome
Host::stead(const Words& words, const std::string& input, std::chrono::seconds limit) const {
    return run_program(command(words), input, limit);
}

std::string Host::write(const std::string& name, const std::string& text) const {
    std::string path = folder_ + "/" + name;
    write_text(path, text);
    return path;
}

int Host::pid_of(const std::string& unit) const {
    const Outcome shown = stead({"show", unit});
    std::istringstream lines(shown.out);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("pid=")) return std::stoi("0" + line.substr(4));
    }
    return 0;
}

bool Host::ready(const std::string& guest) const {
    return stead({"status", guest, "--ready"}).code == 0;
}

std::string Host::remains() const {
    std::string found;
    std::error_code failed;
    for (const auto& guest : fs::directory_iterator(folder_ + "/run/guests", failed))
        found += "state " + guest.path().string() + "\n";
    for (const auto& uid : fs::directory_iterator(folder_ + "/run/uids", failed))
        found += "uid " + uid.path().string() + "\n";
    for (const std::string& cgroup : guest_cgroups(folder_)) {
        found += "cgroup " + cgroup + " with processes " +
                 read_text(cgroup + "/init/cgroup.procs") + "\n";
    }
    const std::string parent = cgroup_parent_of(folder_);
    if (!parent.empty() && fs::exists(parent, failed)) found += "cgroup " + parent + "\n";
    if (const std::string now = mounts_here(); now != mounts_) {
        std::istringstream lines(now);
        found += "mounts\n";
        for (std::string line; std::getline(lines, line);)
            if (mounts_.find(line + "\n") == std::string::npos) found += "  " + line + "\n";
    }
    return found;
}

std::string missing_here() {
    if (::geteuid() != 0) return "root";
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS) == 0 ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status == 0 ? "" : "the right to make namespaces";
}

} // namespace stead::system_test
