#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include <grp.h>

#include "cli/options.h"
#include "cli/own_init.h"
#include "recipe/guest_paths.h"
#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "unitfile/values.h"

/// What `exec` and `enter` run in a guest with an init of its own: born in the guest as any command
/// is, it goes on into that init's namespaces and stays only to pass signals and the exit code on.
namespace stead::cli {

namespace {

constexpr std::uint64_t kHighestId = 0xfffffffe;
/// The command's, by terminal or by us; the rest is passed on.
constexpr std::array kOfTerminal{SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
constexpr std::array kPassedOn{SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};

struct Wishes {
    std::string process;
    /// uid, gid, then groups; empty: stay who we are.
    std::vector<std::uint32_t> ids;
    std::string directory;
    std::vector<std::string> command;
};

volatile sig_atomic_t child = 0;

void pass_on(int signal) {
    if (child > 0) ::kill(child, signal);
}

std::optional<std::vector<std::uint32_t>> read_ids(std::string_view text) {
    std::vector<std::uint32_t> ids;
    while (!text.empty()) {
        const auto end = text.find(',');
        const auto id = unitfile::parse_digits(text.substr(0, end), kHighestId);
        if (!id) return std::nullopt;
        ids.push_back(static_cast<std::uint32_t>(*id));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    if (ids.size() == 1) return std::nullopt;
    return ids;
}

Result<void> become(const Wishes& wishes) {
    if (!wishes.directory.empty() && ::chdir(wishes.directory.c_str()) < 0)
        return last_error("chdir", wishes.directory);
    if (wishes.ids.empty()) return {};
    const std::vector<gid_t> groups(wishes.ids.begin() + 2, wishes.ids.end());
    if (::setgroups(groups.size(), groups.data()) < 0) return last_error("setgroups");
    if (::setresgid(wishes.ids[1], wishes.ids[1], wishes.ids[1]) < 0) return last_error("setgid");
    if (::setresuid(wishes.ids[0], wishes.ids[0], wishes.ids[0]) < 0) return last_error("setuid");
    return {};
}

[[noreturn]] void run(Console& console, const Wishes& wishes) {
    for (const int signal : kOfTerminal)
        (void)sys::set_default_action(signal);
    for (const int signal : kPassedOn)
        (void)sys::set_default_action(signal);
    if (const auto done = become(wishes); !done) {
        console.error(std::string(describe(done.error()).view()));
        (void)console.flush();
        ::_exit(kSteadFailed);
    }
    std::vector<char*> words;
    words.reserve(wishes.command.size() + 1);
    for (const std::string& one : wishes.command)
        words.push_back(const_cast<char*>(one.c_str()));
    words.push_back(nullptr);
    ::execvp(words.front(), words.data());
    const int code = errno;
    console.error("cannot execute " + safe(wishes.command.front()) + ": " +
                  std::string(describe(make_error("execve", {}, code)).view()));
    (void)console.flush();
    ::_exit(code == ENOENT ? kNoProgram : kNoExecution);
}

/// As the command ended, so do we.
[[noreturn]] void end_like(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        (void)sys::set_default_action(WTERMSIG(status));
        (void)::kill(::getpid(), WTERMSIG(status));
    }
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int join(Console& console, const Wishes& wishes, pid_t init) {
    const auto fail = [&](std::string_view what, const Error& error) {
        console.error(std::string(what) + std::string(describe(error).view()));
        return kSteadFailed;
    };
    const auto target = sys::open_process(init);
    if (!target) return fail("the guest's own init has ended: ", target.error());
    const auto joined =
        sys::join_namespace(target->pidfd.get(), CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP);
    if (!joined) return fail("joining the guest's own init: ", joined.error());
    for (const int signal : kOfTerminal)
        (void)sys::ignore_signal(signal);
    for (const int signal : kPassedOn)
        (void)std::signal(signal, pass_on);
    (void)console.flush();
    const pid_t pid = ::fork();
    if (pid < 0) return fail("", last_error("fork"));
    if (pid == 0) run(console, wishes);
    child = pid;
    end_like(pid);
}

} // namespace

std::vector<std::string> joined_command(std::int64_t init,
                                        const std::optional<Account>& account,
                                        const std::string& directory,
                                        const std::vector<std::string>& command) {
    std::vector<std::string> words{recipe::kGuestStead, "join"};
    if (account) {
        std::string ids = std::to_string(account->uid) + "," + std::to_string(account->gid);
        for (const std::uint32_t group : account->groups)
            ids += "," + std::to_string(group);
        words.insert(words.end(), {"--ids", ids});
    }
    if (!directory.empty()) words.insert(words.end(), {"--cwd", directory});
    words.insert(words.end(), {std::to_string(init), "--"});
    words.insert(words.end(), command.begin(), command.end());
    return words;
}

int verb_join(Context& context, Arguments arguments) {
    Wishes wishes;
    std::string ids;
    Options options(context, "join");
    options.value("--ids", ids, "UID,GID[,GROUP...]", "who it becomes");
    options.value("--cwd", wishes.directory, "DIR", "where it starts");
    options.positional("PID", wishes.process, "the guest's own init");
    options.command(wishes.command);
    if (const auto code = options.parse(arguments)) return *code;
    const auto init = unitfile::parse_digits(wishes.process, INT32_MAX);
    auto who = read_ids(ids);
    if (!init || *init == 0 || !who || wishes.command.empty()) {
        context.console.error("join wants a PID and a command; 'stead exec' is what people use");
        return kAskedWrongly;
    }
    wishes.ids = std::move(*who);
    return join(context.console, wishes, static_cast<pid_t>(*init));
}

} // namespace stead::cli
