#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/client_verbs.h"
#include "cli/options.h"
#include "cli/own_init.h"
#include "compile/mounts.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/setup.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

/// The first process of the unit that is a guest's own init: it makes the init's pid namespace,
/// names the new process to PID 1 as the unit's main one, and is gone.
namespace stead::cli {

namespace {

/// PID 1 reads what it is told within milliseconds.
constexpr int kBarrierMs = 30'000;

/// systemd tells itself when it is up; of any other init the start is all that can be known.
bool tells_readiness(const std::string& program) {
    std::error_code failed;
    const auto path = std::filesystem::canonical(program, failed);
    return !failed && path.filename() == "systemd";
}

Result<void> tell(int socket, std::string_view text, std::span<const int> descriptors = {}) {
    return sys::send(socket, std::as_bytes(std::span(text)), descriptors);
}

/// Returns once PID 1 has read it: it closes the descriptor of a barrier (sd_notify(3)), and until
/// then our own end would be that of the unit.
Result<void> tell_main_process(const std::string& text) {
    // One thread, and nobody changes the environment.
    const char* const path = std::getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe)
    if (path == nullptr) return make_error("PID 1 gave no", "NOTIFY_SOCKET", 0);
    const auto socket = TRY(sys::connect_unix(path, SOCK_DGRAM));
    TRY(tell(socket.get(), text));
    sys::Pipe barrier = TRY(sys::make_pipe());
    const std::array ends{barrier.write.get()};
    TRY(tell(socket.get(), "BARRIER=1", ends));
    barrier.write.reset();
    if (sys::is_readable(barrier.read.get(), kBarrierMs)) return {};
    return make_error("PID 1 does not answer", {}, ETIMEDOUT);
}

Result<void> make_read_only(const char* path) {
    TRY(sys::bind_mount(path, path));
    return sys::mount_filesystem(
        nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
        nullptr);
}

/// What `path` shows is nothing, if there is anything.
Result<void> mask(const std::string& path) {
    const auto status = sys::status_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status) return {};
    const bool folder = S_ISDIR(status->st_mode);
    return sys::bind_mount(folder ? "/run/stead/empty.d" : "/run/stead/empty", path.c_str());
}

/// A proc of the new pid namespace, as every guest has it. This init may unmount what lies on it:
/// that its files belong to ids which are none of the guest's is what protects them.
Result<void> mount_own_proc() {
    TRY(sys::mount_filesystem(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr));
    TRY(sys::mount_filesystem("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
    for (const std::string_view path : compile::read_only_proc()) {
        const std::string place(path);
        if (sys::status_at(AT_FDCWD, place.c_str(), 0)) TRY(make_read_only(place.c_str()));
    }
    for (const std::string_view name : compile::masked_proc())
        TRY(mask("/proc/" + std::string(name)));
    return {};
}

/// PID 1 of the new namespace, from here on until it is the init itself. `go` ends with the first
/// process if that comes to grief.
[[noreturn]] void
become_init(Console& console, const std::vector<std::string>& command, sys::Pipe& go) {
    go.write.reset();
    std::array<char, 1> word{};
    const auto told = sys::read_some(go.read.get(), word);
    if (!told || *told == 0) ::_exit(kSteadFailed);
    Result<void> ready = mount_own_proc();
    if (ready) ready = sys::start_session();
    if (!ready) {
        console.error("own-init: " + std::string(describe(ready.error()).view()));
        (void)console.flush();
        ::_exit(kSteadFailed);
    }
    (void)sys::set_signal_mask(0);
    std::vector<char*> words;
    words.reserve(command.size() + 1);
    for (const std::string& one : command)
        words.push_back(const_cast<char*>(one.c_str()));
    words.push_back(nullptr);
    ::execv(words.front(), words.data());
    const int code = errno;
    console.error("cannot execute " + safe(command.front()) + ": " +
                  std::string(describe(make_error("execve", {}, code)).view()));
    (void)console.flush();
    ::_exit(code == ENOENT ? kNoProgram : kNoExecution);
}

int check_program(Console& console, const std::string& program) {
    if (::access(program.c_str(), X_OK) == 0) return kDone;
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    console.error("the guest has no init to run: " + safe(program) +
                  (missing ? " does not exist in it" : " cannot be executed"));
    console.hint("name the program in the guest file (init = [\"/lib/systemd/systemd\"]), or leave "
                 "`init` out: Stead looks after the services itself then");
    return missing ? kNoProgram : kNoExecution;
}

int begin(Console& console, const std::vector<std::string>& command) {
    if (const int code = check_program(console, command.front()); code != kDone) return code;
    const auto fail = [&](const Error& error) {
        return console.error("own-init: " + std::string(describe(error).view())), kSteadFailed;
    };
    if (const auto made = sys::unshare(CLONE_NEWPID); !made) return fail(made.error());
    auto go = sys::make_pipe();
    if (!go) return fail(go.error());
    (void)console.flush();
    const pid_t init = ::fork();
    if (init < 0) return fail(last_error("fork"));
    if (init == 0) become_init(console, command, *go);
    std::string text = "MAINPID=" + std::to_string(init);
    if (!tells_readiness(command.front())) text += "\nREADY=1";
    if (const auto told = tell_main_process(text); !told) return fail(told.error());
    if (const auto sent = sys::write_some(go->write.get(), "1"); !sent) return fail(sent.error());
    return kDone;
}

/// After the init's end: the kernel has told by the signal what reboot(2) was asked for.
int end(Context& context) {
    // One thread, and nobody changes the environment.
    const auto is = [](const char* name, const std::string& wanted) {
        const char* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
        return value != nullptr && value == wanted;
    };
    if (!is("EXIT_CODE", "killed") || !is("EXIT_STATUS", std::to_string(SIGHUP))) return kDone;
    const std::array<std::string, 1> words{"--no-wait"};
    return verb_reboot(context, {words.begin(), words.end()});
}

} // namespace

int verb_own_init(Context& context, Arguments arguments) {
    bool ended = false;
    std::vector<std::string> command;
    Options options(context, "own-init");
    options.flag("--ended", ended, "it has: what is to become of the guest");
    options.command(command);
    if (const auto code = options.parse(arguments)) return *code;
    if (ended) return end(context);
    if (!command.empty() && command.front().starts_with('/'))
        return begin(context.console, command);
    context.console.error("own-init wants the whole path of an init");
    return kAskedWrongly;
}

} // namespace stead::cli
