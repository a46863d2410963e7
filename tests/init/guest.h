#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <grp.h>
#include <gtest/gtest.h>

#include "model/state.h"
#include "plan/writer.h"
#include "sys/memory.h"
#include "sys/unix_socket.h"
#include "wire/message.h"

/// The real stead-init in a test: started with arguments of the test's choice, watched through its
/// output, its exit code and its control socket.
namespace stead::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline constexpr const char* kInit = STEAD_BIN "/stead-init";
inline constexpr const char* kMisbehave = STEAD_BIN "/misbehave";

/// Calls `holds` until it is true or the time is over.
template <typename Condition>
bool eventually(Condition holds, std::chrono::milliseconds limit = 10s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
        if (holds()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return holds();
}

/// Whether any process but a zombie has `words` in its command line.
inline bool is_running(const std::string& words) {
    for (const auto& entry : fs::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline", std::ios::binary);
        // Of a process that has just ended reading fails, and an iterator would throw that.
        std::ostringstream text;
        text << file.rdbuf();
        std::string line = text.str();
        std::replace(line.begin(), line.end(), '\0', ' ');
        if (line.find(words) != std::string::npos) return true;
    }
    return false;
}

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "stead-init-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }

    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    TemporaryFolder(TemporaryFolder&&) = delete;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;

    ~TemporaryFolder() { fs::remove_all(path_); }

    [[nodiscard]] fs::path path() const { return path_; }

private:
    fs::path path_;
};

/// What a control client has been told about a unit.
struct UnitRecord {
    std::string name;
    std::int64_t state = -1;
    std::int64_t pid = 0;
    std::int64_t restarts = 0;
    std::int64_t stage = 0;
    std::int64_t error = 0;
    std::string status;
    std::string moments;
    std::string needs;
    std::int64_t flags = 0;
    std::int64_t reason = 0;
};

struct Answer {
    std::int64_t code = -1;
    std::string text;
    /// Why a command could not be started.
    std::int64_t error = 0;
    std::vector<UnitRecord> units;
    std::vector<std::string> notices;
    std::int64_t boot_time = 0;
    std::int64_t ready_time = 0;
    std::vector<wire::Kind> kinds;
    std::int64_t exit_code = -1;
    sys::UniqueFd descriptor;
};

/// A connection to a control socket.
class Control {
public:
    static std::optional<Control> open(const std::string& path) {
        auto fd = sys::connect_unix(path, SOCK_SEQPACKET);
        if (!fd) return std::nullopt;
        return Control(std::move(*fd));
    }

    [[nodiscard]] int fd() const { return fd_.get(); }

    bool send(wire::Writer& message, std::span<const int> descriptors = {}) {
        return sys::send(fd_.get(), message.bytes(), descriptors).has_value();
    }

    /// Everything up to the End of a request; code -1 when the connection closed or nothing came.
    Answer receive(std::chrono::milliseconds limit = 10s) {
        Answer answer;
        std::vector<std::byte> buffer(wire::kMaxMessage);
        pollfd ready{fd_.get(), POLLIN, 0};
        while (::poll(&ready, 1, static_cast<int>(limit.count())) == 1) {
            auto record = sys::receive(fd_.get(), buffer);
            if (!record || record->size == 0) return answer;
            const auto message = wire::Reader::open(std::span(buffer).first(record->size));
            if (!message) return answer;
            if (record->descriptor_count > 0) answer.descriptor = std::move(record->descriptors[0]);
            take(*message, answer);
            if (message->kind() == wire::Kind::End) return answer;
        }
        return answer;
    }

    Answer ask(wire::Kind kind, const std::string& unit = {}, std::int64_t flags = 0) {
        std::vector<std::byte> buffer(wire::kMaxMessage);
        wire::Writer message(buffer, kind);
        if (!unit.empty()) message.text(wire::Tag::Name, unit);
        if (flags != 0) message.number(wire::Tag::Flags, flags);
        if (!send(message)) return {};
        return receive();
    }

private:
    explicit Control(sys::UniqueFd fd)
        : fd_(std::move(fd)) {}

    static void take(const wire::Reader& message, Answer& answer) {
        answer.kinds.push_back(message.kind());
        if (message.kind() == wire::Kind::End) {
            answer.code = message.number(wire::Tag::Code, -1);
            answer.text = message.text(wire::Tag::Text);
            answer.error = message.number(wire::Tag::ReasonError);
        } else if (message.kind() == wire::Kind::Ended) {
            answer.exit_code = message.number(wire::Tag::Code, -1);
        } else if (message.kind() == wire::Kind::Unit) {
            answer.units.push_back(
                {std::string(message.text(wire::Tag::Name)), message.number(wire::Tag::State, -1),
                 message.number(wire::Tag::Pid), message.number(wire::Tag::Restarts),
                 message.number(wire::Tag::ReasonStage), message.number(wire::Tag::ReasonError),
                 std::string(message.text(wire::Tag::StatusText)),
                 std::string(message.text(wire::Tag::Moments)),
                 std::string(message.text(wire::Tag::Dependency)), message.number(wire::Tag::Flags),
                 message.number(wire::Tag::ReasonKind)});
        } else if (message.kind() == wire::Kind::Guest) {
            answer.boot_time = message.number(wire::Tag::BootTime);
            answer.ready_time = message.number(wire::Tag::Since);
            wire::Reader fields = message;
            while (const auto field = fields.next()) {
                if (field->tag == wire::Tag::Notice) answer.notices.emplace_back(field->text());
            }
        }
    }

    sys::UniqueFd fd_;
};

struct StartOptions {
    /// PID 1 of a pid namespace with a /proc of its own.
    bool namespaced = false;
    /// Called in the child just before it executes stead-init.
    void (*before)() = nullptr;
    std::vector<std::string> environment{};
    std::string program = kInit;
};

class Guest {
public:
    explicit Guest(std::vector<std::string> arguments, const StartOptions& options = {}) {
        fs::create_directory(runtime());
        auto pipe = sys::make_pipe();
        output_ = std::move(pipe->read);
        ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
        const unsigned long flags = SIGCHLD | (options.namespaced ? CLONE_NEWPID | CLONE_NEWNS : 0);
        pid_ = static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0));
        if (pid_ == 0) become(arguments, options, pipe->write.get());
    }

    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    Guest(Guest&&) = delete;
    Guest& operator=(Guest&&) = delete;

    ~Guest() {
        if (pid_ > 0 && !code_) {
            // A guest whose PID 1 is no init of a namespace must end its services itself.
            for (int i = 0; i < 3; ++i)
                ::kill(pid_, SIGTERM);
            if (!wait(3s)) {
                signal(SIGKILL);
                ::waitpid(pid_, nullptr, 0);
            }
        }
        remove_cgroup();
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    [[nodiscard]] fs::path runtime() const { return folder_.path() / "run"; }

    [[nodiscard]] fs::path folder() const { return folder_.path(); }

    void signal(int number) {
        // Whoever is killed, or has a process that cannot be, leaves the cgroup it has made.
        find_cgroup();
        ::kill(pid_, number);
    }

    /// The exit code as a shell reports it; nothing while it runs.
    std::optional<int> wait(std::chrono::milliseconds limit = 15s) {
        eventually(
            [&] {
                int status = 0;
                (void)said();
                if (!code_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
                    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                return code_.has_value();
            },
            limit);
        return code_;
    }

    /// What has been written to standard output and error so far.
    const std::string& said() {
        std::array<char, 4096> text{};
        for (;;) {
            const ssize_t size = ::read(output_.get(), text.data(), text.size());
            if (size <= 0) return said_;
            said_.append(text.data(), static_cast<std::size_t>(size));
        }
    }

    bool says(const std::string& text, std::chrono::milliseconds limit = 10s) {
        return eventually([&] { return said().find(text) != std::string::npos; }, limit);
    }

    Control control() {
        std::optional<Control> connection;
        eventually([&] {
            connection = Control::open(runtime() / "control");
            return connection.has_value();
        });
        EXPECT_TRUE(connection.has_value()) << said();
        return std::move(*connection);
    }

private:
    [[noreturn]] void
    become(std::vector<std::string>& arguments, const StartOptions& options, int output) const {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(output, 1);
        ::dup2(output, 2);
        if (options.namespaced) {
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
            ::mount("proc", "/proc", "proc", 0, nullptr);
        }
        const std::string place = "STEAD_RUNTIME_DIR=" + runtime().string();
        // The child has one thread.
        // NOLINTBEGIN(concurrency-mt-unsafe)
        ::putenv(const_cast<char*>(place.c_str()));
        for (const std::string& entry : options.environment)
            ::putenv(const_cast<char*>(entry.c_str()));
        // NOLINTEND(concurrency-mt-unsafe)
        if (options.before != nullptr) options.before();
        std::vector<char*> argv{const_cast<char*>(options.program.c_str())};
        for (std::string& argument : arguments)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        ::execv(options.program.c_str(), argv.data());
        ::_exit(99);
    }

    /// By the descriptors that it holds.
    void find_cgroup() {
        std::error_code gone;
        for (fs::directory_iterator fd("/proc/" + std::to_string(pid_) + "/fd", gone), end;
             !gone && fd != end; fd.increment(gone)) {
            const std::string path = fs::read_symlink(fd->path(), gone).string();
            const std::size_t own = path.find("/stead-init.");
            if (path.starts_with("/sys/fs/cgroup/") && own != std::string::npos)
                cgroup_ = path.substr(0, path.find('/', own + 1));
        }
    }

    void remove_cgroup() const {
        if (cgroup_.empty()) return;
        std::ofstream(cgroup_ / "cgroup.kill") << 1;
        eventually([&] {
            std::error_code busy;
            std::vector<fs::path> folders{cgroup_};
            for (fs::recursive_directory_iterator at(cgroup_, busy), end; !busy && at != end;
                 at.increment(busy))
                if (at->is_directory(busy)) folders.push_back(at->path());
            // The inner ones first.
            for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder)
                ::rmdir(folder->c_str());
            return !fs::exists(cgroup_);
        });
    }

    TemporaryFolder folder_;
    fs::path cgroup_;
    sys::UniqueFd output_;
    std::string said_;
    pid_t pid_ = -1;
    std::optional<int> code_;
};

/// A unit for a plan: `argv`, inheriting everything, restarted at once when it fails.
inline plan::UnitInput service(const std::string& name, plan::Argv argv) {
    plan::UnitInput unit;
    unit.name = name;
    unit.source = "test";
    unit.policy.stop_steps = 1;
    unit.policy.stop[0] = {.wait_ms = 2000, .signal = SIGTERM};
    unit.policy.restart = RestartPolicy::Always;
    unit.policy.restart_delay_ms = 0;
    unit.policy.restart_burst = 0;
    unit.policy.success.add_code(0);
    unit.policy.success.add_signal(SIGTERM);
    unit.commands_of(CommandRole::Main) = {std::move(argv)};
    unit.exec.uid = ::geteuid();
    unit.exec.gid = ::getegid();
    unit.exec.inherit_all = true;
    return unit;
}

/// Asks for other units, or with kAddUnit for one more; `seals` of the plan are as PID 1 wants
/// them.
inline Answer reload(Control& control,
                     const std::vector<plan::UnitInput>& units,
                     std::int64_t flags = 0,
                     bool sealed = true) {
    plan::PlanInput input;
    input.units = units;
    const auto image = plan::write(input);
    EXPECT_TRUE(image.has_value()) << (image ? "" : describe(image.error()).c_str());
    const auto file = sys::make_memory_file("plan");
    EXPECT_EQ(::write(file->get(), image->data(), image->size()),
              static_cast<ssize_t>(image->size()));
    constexpr int kSeals = sys::kSealShrink | sys::kSealGrow | sys::kSealWrite;
    if (sealed && !sys::add_seals(file->get(), kSeals)) ADD_FAILURE() << "no seals";
    std::vector<std::byte> buffer(512);
    wire::Writer message(buffer, wire::Kind::ReloadUnits);
    if (flags != 0) message.number(wire::Tag::Flags, flags);
    const int fd = file->get();
    (void)control.send(message, std::span(&fd, 1));
    return control.receive();
}

/// Writes `units` as a plan file.
inline std::string write_plan(const fs::path& folder, std::vector<plan::UnitInput> units) {
    plan::PlanInput input;
    input.units = std::move(units);
    const auto image = plan::write(input);
    EXPECT_TRUE(image.has_value()) << (image ? "" : describe(image.error()).c_str());
    const fs::path path = folder / "plan";
    if (image) {
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char*>(image->data()),
                   static_cast<std::streamsize>(image->size()));
    }
    return path;
}

} // namespace stead::test
