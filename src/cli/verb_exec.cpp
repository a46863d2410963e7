#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cli/accounts.h"
#include "cli/client_verbs.h"
#include "cli/exec_detach.h"
#include "cli/exec_session.h"
#include "cli/options.h"
#include "cli/own_init.h"
#include "sys/terminal.h"

/// exec and enter: a program inside the guest, with our terminal or pipes at its ends.
namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

struct ExecWishes {
    std::string name;
    std::vector<std::string> command;
    std::string user;
    std::string directory;
    std::vector<std::string> environment;
    /// The name of a unit that is left running.
    std::string unit;
    bool detach = false;
    bool terminal = false;
    bool no_terminal = false;
    bool login = false;
};

/// A code of our own that cannot be taken for the program's.
int own_code(const Asking& asking) {
    return asking.code() == kAskedWrongly ? int{kAskedWrongly} : int{kSteadFailed};
}

bool wants_terminal(const ExecWishes& wishes) {
    if (wishes.terminal) return true;
    return !wishes.no_terminal && sys::is_terminal(STDIN_FILENO) && sys::is_terminal(STDOUT_FILENO);
}

/// What a terminal program needs to know of our terminal.
std::vector<std::string> environment_of(const ExecWishes& wishes, bool terminal) {
    std::vector<std::string> environment = wishes.environment;
    const bool has_term = std::any_of(environment.begin(), environment.end(),
                                      [](const auto& one) { return one.starts_with("TERM="); });
    // One thread, and nobody changes the environment.
    const char* term = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe)
    if (terminal && !has_term)
        environment.push_back(std::string("TERM=") + (term != nullptr ? term : "linux"));
    return environment;
}

void add_account(wire::Writer& request, const Account& account) {
    request.number(Tag::Uid, account.uid).number(Tag::Gid, account.gid);
    for (const std::uint32_t group : account.groups)
        request.number(Tag::Group, group);
}

/// A login as login(1) makes it: the account's shell with a dash before its name, in its home.
void make_login(ExecWishes& wishes, const Account& account) {
    const std::string shell = account.shell.empty() ? "/bin/sh" : account.shell;
    wishes.command = {shell, "-l"};
    if (wishes.directory.empty()) wishes.directory = account.home;
    for (const auto& [name, value] :
         {std::pair{"HOME", account.home}, std::pair{"SHELL", shell},
          std::pair{"USER", account.name}, std::pair{"LOGNAME", account.name}}) {
        if (!value.empty()) wishes.environment.push_back(std::string(name) + "=" + value);
    }
}

int check(Asking& asking, const ExecWishes& wishes) {
    for (const std::string& one : wishes.environment) {
        const std::size_t equals = one.find('=');
        if (equals == std::string::npos || equals == 0)
            return asking.fail(kAskedWrongly, "--env is '" + safe(one) + "'; write NAME=VALUE");
    }
    if (wishes.detach == wishes.unit.empty())
        return asking.fail(kAskedWrongly, "--unit NAME and --detach go together",
                           "stead exec NAME --unit UNIT --detach -- CMD ... leaves a unit running");
    if (wishes.detach && wishes.terminal)
        return asking.fail(kAskedWrongly, "what is detached has no terminal of yours");
    if (wishes.terminal && wishes.no_terminal)
        return asking.fail(kAskedWrongly, "-t and -T exclude each other");
    if (!wishes.directory.empty() && !wishes.directory.starts_with('/'))
        return asking.fail(kAskedWrongly, "--cwd wants an absolute path of the guest");
    return kDone;
}

/// The target and, from the remaining words, the command.
std::optional<Target> find_target(Asking& asking, ExecWishes& wishes) {
    // Inside a guest there is nobody to name: every word belongs to the command.
    if (!asking.place().on_host()) {
        if (!wishes.name.empty() && wishes.name != "/")
            wishes.command.insert(wishes.command.begin(), wishes.name);
        return Target{};
    }
    if (wishes.name.empty()) {
        asking.fail(kAskedWrongly, "a guest's name is missing", "'stead list' shows the guests");
        return std::nullopt;
    }
    return asking.target(wishes.name);
}

/// The pid of the guest's own init, in the guest; 0 for a guest without one. Nothing if that is not
/// there to be joined, which has been said.
std::optional<std::int64_t> find_own_init(Asking& asking, Client& client, const Target& target) {
    if (target.own()) return 0;
    const auto guest = guests::find(asking.place().paths(), target.guest);
    if (!guest || !*guest || !(*guest)->record.own_init) return 0;
    const auto reply = asking.status(client, {.guest = target.guest, .unit = "init"});
    if (!reply) return std::nullopt;
    if (!reply->units.empty() && reply->units.back().pid > 0) return reply->units.back().pid;
    asking.fail(kCouldNot, "the init of guest '" + target.guest + "' does not run",
                "'stead status " + target.guest + "' tells why");
    return std::nullopt;
}

int run(Asking& asking, ExecWishes wishes) {
    const auto target = find_target(asking, wishes);
    if (!target) return own_code(asking);
    if (const int code = check(asking, wishes); code != kDone) return code;
    if (wishes.command.empty() && !wishes.login)
        return asking.fail(kAskedWrongly, "a command is missing", "stead exec NAME -- CMD ...");
    auto client = asking.open(*target);
    if (!client) return own_code(asking);

    std::optional<Account> account;
    if (!wishes.user.empty() || wishes.login) {
        const std::string user = wishes.user.empty() ? "root" : wishes.user;
        account = find_account(asking, *target, user, wishes.user.empty());
        if (!account) return own_code(asking);
    }
    if (wishes.detach) {
        if (!target->unit.empty())
            return asking.fail(kAskedWrongly, "a unit of its own is not like another unit");
        return detach(asking, *client, *target,
                      {wishes.unit, wishes.command, wishes.environment, wishes.directory, account});
    }
    if (wishes.login) make_login(wishes, *account);

    const auto own_init = find_own_init(asking, *client, *target);
    if (!own_init) return own_code(asking);
    const std::string named = wishes.command.front();
    if (*own_init > 0) {
        const auto who = wishes.user.empty() ? std::nullopt : account;
        wishes.command = joined_command(*own_init, who, wishes.directory, wishes.command);
        // It becomes somebody, and goes somewhere, once it has joined.
        wishes.user.clear();
        wishes.directory.clear();
    }

    const bool terminal = wants_terminal(wishes);
    std::vector<std::byte> buffer(wire::kMaxMessage);
    wire::Writer request(buffer, Kind::Exec);
    if (!target->unit.empty()) request.text(Tag::Name, target->unit);
    for (const std::string& word : wishes.command)
        request.text(Tag::Argv, word);
    for (const std::string& one : environment_of(wishes, terminal))
        request.text(Tag::Environment, one);
    if (!wishes.directory.empty()) request.text(Tag::Directory, wishes.directory);
    if (account && !wishes.user.empty()) add_account(request, *account);
    if (terminal) request.number(Tag::Flags, wire::kTerminal);
    std::string program = named;
    if (!target->unit.empty()) program += " as in unit " + target->unit;
    return run_session(asking, *client, request, {.terminal = terminal, .program = program});
}

} // namespace

int verb_exec(Context& context, Arguments arguments) {
    ExecWishes wishes;
    Options options(context, "exec");
    options.value("--user", wishes.user, "USER", "a name of the guest, or UID[:GID]");
    options.list("--env", wishes.environment, "NAME=VALUE", "set in its environment");
    options.value("--cwd", wishes.directory, "DIR", "where it starts");
    options.flag("-t", wishes.terminal, "give it a terminal");
    options.flag("-T", wishes.no_terminal, "give it none");
    options.value("--unit", wishes.unit, "UNIT", "with --detach: the name it has as a unit");
    options.flag("--detach", wishes.detach, "leave it running, supervised, until it ends");
    options.optional_positional("NAME", wishes.name,
                                "the guest, or NAME/UNIT to be like that unit");
    options.command(wishes.command);
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    return run(asking, std::move(wishes));
}

int verb_enter(Context& context, Arguments arguments) {
    ExecWishes wishes;
    wishes.login = true;
    Options options(context, "enter");
    options.value("--user", wishes.user, "USER", "a name of the guest, or a number (root)");
    options.list("--env", wishes.environment, "NAME=VALUE", "set in its environment");
    options.value("--cwd", wishes.directory, "DIR", "where it starts (its home)");
    options.flag("-t", wishes.terminal, "give it a terminal");
    options.flag("-T", wishes.no_terminal, "give it none");
    options.optional_positional("NAME", wishes.name, "the guest");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    return run(asking, std::move(wishes));
}

} // namespace stead::cli
