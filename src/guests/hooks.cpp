#include "guests/hooks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

#include <dirent.h>

#include "base/close_folder.h"
#include "sys/clone.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "sys/stream.h"

namespace stead::guests {

namespace {

constexpr int kNotExecuted = 127;

/// The programs of /etc/stead/hooks/STAGE.d; hidden files and what is not executable are passed
/// over.
std::vector<unitfile::Argv> programs_in(const std::string& path) {
    std::vector<unitfile::Argv> found;
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (!folder) return found;
    // One stream, one thread: readdir(3) is safe here.
    while (const dirent* entry = ::readdir(folder.get())) { // NOLINT(concurrency-mt-unsafe)
        if (entry->d_name[0] == '.') continue;
        const std::string program = path + "/" + entry->d_name;
        const auto status = sys::status_at(AT_FDCWD, program.c_str(), 0);
        if (status && S_ISREG(status->st_mode) && ::access(program.c_str(), X_OK) == 0)
            found.push_back({program});
    }
    std::sort(found.begin(), found.end());
    return found;
}

const std::vector<unitfile::Argv>& own_commands(const HookSet& hooks, Stage stage) {
    switch (stage) {
    case Stage::PreStart:
        return hooks.pre_start;
    case Stage::PostStart:
        return hooks.post_start;
    case Stage::PreStop:
        return hooks.pre_stop;
    case Stage::PostStop:
        return hooks.post_stop;
    }
    return hooks.pre_start;
}

std::vector<unitfile::Argv> commands_of(const Paths& paths, const HookSet& hooks, Stage stage) {
    auto all = programs_in(paths.config + "/hooks/" + std::string(stage_name(stage)) + ".d");
    const auto& own = own_commands(hooks, stage);
    all.insert(all.end(), own.begin(), own.end());
    return all;
}

/// In the child. It leads a group of its own, so that what a hook starts ends with it when time is
/// up.
[[noreturn]] void become(const unitfile::Argv& command, char* const* environment) {
    ::setpgid(0, 0);
    (void)sys::set_signal_mask(0);
    (void)sys::set_default_action(SIGPIPE);
    const auto nothing = sys::open_at(AT_FDCWD, "/dev/null", O_RDONLY);
    if (nothing) (void)sys::place(nothing->get(), STDIN_FILENO);
    // What it prints is for people; the answer of a command is the command's alone.
    (void)sys::place(STDERR_FILENO, STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& word : command)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvpe(argv[0], argv.data(), environment);
    ::_exit(kNotExecuted);
}

/// Of a hook that called `stead` itself.
bool is_ours(std::string_view variable) {
    constexpr std::array<std::string_view, 5> kOurs{
        "STEAD_HOOK=", "STEAD_GUEST=", "STEAD_GUEST_FILE=", "STEAD_RESULT=", "STEAD_EXIT_CODE="};
    return std::any_of(kOurs.begin(), kOurs.end(),
                       [&](std::string_view one) { return variable.starts_with(one); });
}

std::string text_of(const ExitStatus& status) {
    if (status.kind == ExitStatus::Kind::Killed)
        return "was killed by signal " + std::to_string(status.value);
    if (status.value == kNotExecuted) return "could not be executed (code 127)";
    return "ended with code " + std::to_string(status.value);
}

/// What went wrong; nothing if nothing did.
std::optional<std::string>
run_one(const unitfile::Argv& command, char* const* environment, Duration timeout) {
    auto child = sys::clone_process(-1);
    if (!child) return std::string(describe(child.error()).view());
    if (child->pid == 0) become(command, environment);
    const int limit = static_cast<int>(std::min<std::int64_t>(timeout.ms(), 1'000'000'000));
    const sys::Process process{std::move(child->pidfd), child->pid};
    const bool in_time = sys::is_readable(process.pidfd.get(), limit);
    if (!in_time) {
        (void)sys::send_signal(-child->pid, SIGKILL); // Its group, if it has come to make one.
        (void)sys::send_signal(process, SIGKILL);
        (void)sys::is_readable(process.pidfd.get(), 1000);
    }
    const auto status = sys::try_reap(process);
    if (!in_time) return "did not end in time and was killed";
    if (!status || !*status) return std::nullopt;
    if ((*status)->success()) return std::nullopt;
    return text_of(**status);
}

} // namespace

std::string_view stage_name(Stage stage) {
    switch (stage) {
    case Stage::PreStart:
        return "pre-start";
    case Stage::PostStart:
        return "post-start";
    case Stage::PreStop:
        return "pre-stop";
    case Stage::PostStop:
        return "post-stop";
    }
    return "";
}

HookSet hooks_of(const unitfile::GuestSpec& guest) {
    return {guest.name,     guest.file,      guest.pre_start,   guest.post_start,
            guest.pre_stop, guest.post_stop, guest.hook_timeout};
}

bool has_hooks(const Paths& paths, const HookSet& hooks, Stage stage) {
    return !commands_of(paths, hooks, stage).empty();
}

std::vector<std::string>
run_hooks(const Paths& paths,
          const HookSet& hooks,
          Stage stage,
          const std::vector<std::pair<std::string, std::string>>& environment) {
    std::vector<std::string> failures;
    const auto commands = commands_of(paths, hooks, stage);
    if (commands.empty()) return failures;
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!is_ours(*variable)) variables.emplace_back(*variable);
    }
    variables.push_back("STEAD_HOOK=" + std::string(stage_name(stage)));
    variables.push_back("STEAD_GUEST=" + hooks.guest);
    variables.push_back("STEAD_GUEST_FILE=" + hooks.file);
    for (const auto& [name, value] : environment)
        variables.emplace_back(name).append("=").append(value);
    std::vector<char*> pointers;
    pointers.reserve(variables.size() + 1);
    for (std::string& variable : variables)
        pointers.push_back(variable.data());
    pointers.push_back(nullptr);

    for (const unitfile::Argv& command : commands) {
        const auto failure = run_one(command, pointers.data(), hooks.timeout);
        if (!failure) continue;
        failures.push_back(std::string(stage_name(stage)) + " hook '" + command.front() + "' " +
                           *failure);
        if (stage == Stage::PreStart) break;
    }
    return failures;
}

} // namespace stead::guests
