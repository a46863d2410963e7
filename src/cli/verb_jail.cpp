#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cli/guest_source.h"
#include "cli/jail_learn.h"
#include "cli/jail_text.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/launch.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

void declare(Options& options, JailOptions& jail, LearnWishes& learn, bool& print) {
    options.value("--name", jail.name, "NAME", "the jail's name (the program's, and a number)");
    options.list("--capability", jail.capabilities, "NAME", "a capability it keeps");
    options.value("--root", jail.root, "DIR", "another root than the host's programs");
    options.list("--bind", jail.binds, "FROM:TO[:ro]", "a path of the host inside it");
    options.value("--network", jail.network, "MODE", "none (own, loopback), private or host");
    options.list("--listen", jail.listen, "tcp:ADDRESS:PORT", "host's network: bind only these");
    options.value("--user", jail.user, "NAME", "a user of the host (a free one)");
    options.value("--memory-max", jail.memory_max, "SIZE", "the most memory it may use");
    options.flag("--read-only", jail.read_only, "with --root: nothing of it is writable");
    options.list("--env", jail.environment, "NAME=VALUE", "a variable of its environment");
    options.value("--cwd", jail.cwd, "DIR", "its working directory (/)");
    options.list("-o", jail.settings, "KEY=VALUE", "any key of a guest file");
    options.flag("--print", print, "write the guest file instead of running it");
    options.flag("--learn", learn.learn, "run it unconfined, and write the file of what it used");
    options.value("--learn-to", learn.file, "FILE", "the same into FILE");
    options.value("--learn-for", learn.time, "TIME", "the same, and end it after TIME");
    options.command(jail.command);
    options.footer("The exit code is the program's, 128 + n for signal n; 126: not executable, "
                   "127: not found, 125: Stead failed.");
}

/// The program's own name and our process number: unique as long as we, or the keeper that we
/// become, live.
std::string default_name(const std::string& program) {
    constexpr std::size_t kLongest = 48;
    std::string name;
    for (const char c : program.substr(program.rfind('/') + 1)) {
        const char one[] = {c, '\0'};
        const bool fits = guests::valid_name(one) || (!name.empty() && (c == '-' || c == '_'));
        if (fits && name.size() < kLongest) name += c;
    }
    if (name.empty()) name = "jail";
    return name + "-" + std::to_string(::getpid());
}

/// True if a mistake is that the program itself is not there, as compile words it.
bool is_not_found(const unitfile::Diagnostics& diagnostics) {
    const auto& all = diagnostics.all();
    return std::any_of(all.begin(), all.end(), [](const unitfile::Diagnostic& mistake) {
        return mistake.message.starts_with("there is no program");
    });
}

/// What no guest file can say: this program talks to whoever typed the command.
void connect(unitfile::GuestSpec& guest, bool terminal) {
    for (unitfile::UnitSpec& unit : guest.units) {
        if (unit.name != kJailUnit) continue;
        unit.inherit_input = true;
        unit.controlling_terminal = terminal;
        unit.output = OutputKind::Inherit;
        unit.error = OutputKind::Inherit;
        unit.error_follows_output = false;
        // One thread, and nobody changes the environment.
        const char* term = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe)
        if (terminal) unit.environment.emplace("TERM", term != nullptr ? term : "linux");
    }
}

} // namespace

int launch_jail(Context& context, unitfile::GuestSpec& guest, unitfile::Diagnostics& diagnostics) {
    const auto paths = guests::Paths::from_environment();
    auto start = guests::Start::begin(paths, guest.name, context.cleared);
    if (!start) {
        explain_failure(context, guest.name, start.error());
        return start.error().code == EBUSY ? kCouldNot : kSteadFailed;
    }
    const bool terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    connect(guest, terminal);
    const auto compiled = compile_for(context, guest, start->facts(), diagnostics);
    if (!compiled) return is_not_found(diagnostics) ? kNotFound : kAskedWrongly;

    guests::LaunchOptions options;
    options.stdio = terminal ? guests::Stdio::Terminal : guests::Stdio::Pipes;
    if (terminal) options.terminal_owner = compiled->plan.units.front().exec.uid;
    options.prefix = false;
    options.logs = false;
    options.loader = false;
    (void)context.console.flush(); // From here on the keeper speaks.
    explain_failure(context, guest.name,
                    start->launch(compiled->context, compiled->image, options));
    return kSteadFailed;
}

int verb_jail(Context& context, Arguments arguments) {
    JailOptions jail;
    bool print = false;
    Options options(context, "jail");
    LearnWishes learn;
    declare(options, jail, learn, print);
    if (const auto code = options.parse(arguments)) return *code;
    Console& console = context.console;
    if (jail.command.empty()) {
        console.error("jail needs a program: stead jail [options] -- CMD ...");
        return kAskedWrongly;
    }
    if (jail.name.empty()) jail.name = default_name(jail.command.front());
    if (!guests::valid_name(jail.name)) {
        console.error("'" + safe(jail.name) + "' is no name of a jail");
        console.hint("letters, digits, '.', '_' and '-', 63 at most");
        return kAskedWrongly;
    }
    if (learn.asked()) return learn_jail(context, jail, learn, print);
    std::string wrong;
    const std::string text = jail_text(jail, wrong);
    if (!wrong.empty()) {
        console.error("'" + safe(wrong) + "' is no NAME=VALUE");
        return kAskedWrongly;
    }
    unitfile::Diagnostics diagnostics;
    auto guest = unitfile::read_guest(text, "command line", jail.name, diagnostics);
    if (!guest || diagnostics.has_errors()) {
        const std::string mistakes = unitfile::render(diagnostics);
        std::fwrite(mistakes.data(), 1, mistakes.size(), console.err_file());
        return kAskedWrongly;
    }
    const bool bytes = has_bytes(jail);
    if (print && bytes) {
        console.error("an argument or variable is not UTF-8, and a guest file is");
        console.hint("without --print it is passed on as it is");
        return kAskedWrongly;
    }
    if (print) {
        console.out(text);
        return kDone;
    }
    if (bytes) put_bytes(*guest, jail);
    if (!may_start_guests(context, true)) return kCouldNot;
    return launch_jail(context, *guest, diagnostics);
}

} // namespace stead::cli
