#include "cli/jail_learn.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <span>
#include <sstream>

#include "cli/guest_source.h"
#include "cli/learned_file.h"
#include "cli/options.h"
#include "compile/capabilities.h"
#include "compile/filter.h"
#include "guests/facts.h"
#include "guests/guests.h"
#include "guests/rootless.h"
#include "guests/state.h"
#include "learn/tracer.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/privileges.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"
#include "unitfile/document.h"

namespace stead::cli {

namespace {

/// What a jail that is learned from has, beside what its network adds. Not what reaches the whole
/// machine: modules, clocks, raw devices, tracing the kernel, root of the host itself. A program
/// that needs such a thing is told so, and is given it by name.
constexpr std::uint64_t kWide = compile::capability_mask(
    {CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,  CAP_FOWNER,
     CAP_FSETID,     CAP_KILL,         CAP_SETGID,           CAP_SETUID,
     CAP_SETPCAP,    CAP_SETFCAP,      CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST,
     CAP_NET_RAW,    CAP_IPC_LOCK,     CAP_IPC_OWNER,        CAP_SYS_CHROOT,
     CAP_SYS_PTRACE, CAP_SYS_NICE,     CAP_SYS_RESOURCE,     CAP_SYS_TTY_CONFIG,
     CAP_LEASE});

/// The calls beyond a jail's. Without clone3, rings and keys, so that the program takes the ways
/// that it has to take in its jail.
constexpr std::string_view kWideCalls =
    "@aio @chown @inspect @lsm @mount-info @numa @personality @resources @setuid @splice "
    "adjtimex chroot clock_adjtime name_to_handle_at sethostname setdomainname vhangup";

constexpr std::size_t kMostMounts = 1U << 20U;

/// What --learn finds out by itself.
constexpr std::array<std::string_view, 5> kLearned{"capabilities", "system-calls", "network.listen",
                                                   "ephemeral", "bind"};

std::string spaced_list(std::string_view words) {
    std::string list = "[\"...\"";
    while (!words.empty()) {
        const auto end = std::min(words.find(' '), words.size());
        list += ", " + quoted(words.substr(0, end));
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return list + "]";
}

bool refuse(Console& console, const std::string& what, const std::string& hint) {
    console.error(what);
    console.hint(hint);
    return false;
}

bool is_consistent(Console& console, const JailOptions& jail, bool print) {
    if (print)
        return refuse(console, "--print contradicts --learn",
                      "--print writes the file of these options without a run; --learn needs one");
    if (!jail.listen.empty())
        return refuse(console, "--listen contradicts --learn",
                      "--learn finds out what the program binds; take it out");
    for (const std::string& setting : jail.settings) {
        const std::string key = setting.substr(0, setting.find('='));
        if (std::find(kLearned.begin(), kLearned.end(), key) != kLearned.end())
            return refuse(console, "-o " + key + " contradicts --learn",
                          "--learn finds out " + key +
                              "; --bind and --capability name what the "
                              "program needs while it is learned from");
    }
    if (has_bytes(jail))
        return refuse(console, "an argument or variable is not UTF-8, and a guest file is",
                      "run it once without --learn, or with other words");
    return true;
}

/// Other file systems than that of the root (of disks only), which memory above the root does not
/// show.
std::vector<std::string> other_mounts(bool disks) {
    constexpr std::array<std::string_view, 7> kOwn{"/proc", "/sys", "/dev", "/run",
                                                   "/tmp",  "/",    "/boot"};
    std::vector<std::string> found;
    const auto text = guests::read_file(AT_FDCWD, "/proc/self/mounts", kMostMounts);
    if (!text) return found;
    std::istringstream mounts(*text);
    std::string line;
    while (std::getline(mounts, line)) {
        std::istringstream words(line);
        std::string source;
        std::string target;
        words >> source >> target;
        if ((disks && !source.starts_with("/")) || target.find('\\') != std::string::npos) continue;
        const bool own = std::any_of(kOwn.begin(), kOwn.end(), [&](std::string_view folder) {
            return target == folder ||
                   (folder != "/" && target.starts_with(std::string(folder) + "/"));
        });
        if (!own) found.push_back(target);
    }
    return found;
}

/// What we have to give: an ordinary user everything, in a user namespace.
std::uint64_t own_capabilities() {
    const auto sets = sys::capabilities();
    return guests::rootless_ids() || !sets ? ~std::uint64_t{0} : sets->permitted;
}

/// The jail in which the program is watched.
JailOptions widened(const JailOptions& jail) {
    JailOptions wide = jail;
    wide.read_only = false;
    const bool own_network = !jail.network.empty() && jail.network != "host";
    if (jail.network.empty()) wide.network = "host";
    const std::uint64_t mask =
        own_capabilities() &
        (kWide | (own_network ? compile::capability_mask({CAP_NET_ADMIN}) : 0));
    for (unsigned capability = 0; capability < 64; ++capability) {
        const std::string name = compile::capability_name(capability);
        if ((mask >> capability & 1U) != 0 &&
            std::find(wide.capabilities.begin(), wide.capabilities.end(), name) ==
                wide.capabilities.end())
            wide.capabilities.push_back(name);
    }
    wide.settings.push_back("system-calls=" + spaced_list(kWideCalls));
    if (guests::rootless_ids()) {
        // The kernel lets only root lay memory above the host's own tree.
        // It lets nobody bind a folder apart from what is mounted in it, either.
        const std::vector<std::string> mounts = other_mounts(false);
        for (const std::string folder : {"/home", "/opt", "/srv"}) {
            const bool whole = std::none_of(mounts.begin(), mounts.end(), [&](const auto& mount) {
                return mount.starts_with(folder + "/");
            });
            if (jail.root.empty() && whole && ::access(folder.c_str(), R_OK | X_OK) == 0)
                wide.binds.push_back(std::string(folder).append(":").append(folder));
        }
        return wide;
    }
    if (jail.root.empty()) {
        wide.root = "host";
        for (const std::string& folder : other_mounts(true))
            wide.binds.push_back(std::string(folder).append(":").append(folder).append(":ro"));
    }
    wide.settings.emplace_back("ephemeral=true");
    return wide;
}

void warn(Console& console, const JailOptions& jail) {
    const bool rootless = guests::rootless_ids().has_value();
    std::string text = "learning: until it ends, the program is NOT confined as tightly as a jail; "
                       "it ";
    if (rootless) {
        text += jail.root.empty() ? "reaches your files below /home, /opt and /srv"
                                  : "may write to its root";
    } else {
        text += jail.root.empty()
                    ? "reads all files of the host, holds most capabilities, and writes to memory "
                      "above the host's files"
                    : "holds most capabilities, and writes to memory above its root";
    }
    if (jail.network.empty()) text += ", on the host's network";
    console.error(text);
    console.hint(
        "what holds: its own processes, /tmp, /dev and /run, no new privileges, no modules, "
        "mounts, clocks or devices of the machine");
}

std::uint32_t first_free_port() {
    constexpr const char* kFile = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    std::uint32_t port = 1024;
    std::array<char, 16> text{};
    const auto file = sys::open_at(AT_FDCWD, kFile, O_RDONLY);
    // In one read: the kernel gives such a number no second time.
    const auto size = file ? sys::read_full(file->get(), std::as_writable_bytes(std::span(text)))
                           : Result<std::size_t>(0U);
    if (size) (void)std::from_chars(text.data(), text.data() + *size, port);
    return port;
}

learn::Settings settings_for(const JailOptions& jail, const JailOptions& wide) {
    learn::Settings settings;
    if (wide.network == "host") settings.bounds.first_free_port = first_free_port();
    std::uint64_t held = 0;
    for (const std::string& name : wide.capabilities)
        if (const auto capability = compile::find_capability(name)) held |= 1ULL << *capability;
    settings.allowed = compile::jail_policy(held);
    settings.allowed.set(kWideCalls, compile::Answer::Allow);
    settings.root = jail.root == "host" ? "" : jail.root;
    for (const std::string& bind : jail.binds) {
        const auto begin = bind.find(':') + 1;
        settings.bound.push_back(bind.substr(begin, bind.find(':', begin) - begin));
    }
    // Without links below the root: the program may have put a folder of its own where the root has
    // a link, and a bind of that name would be what the link leads to.
    settings.exists = [root =
                           settings.root.empty() ? "/" : settings.root](const std::string& path) {
        const auto folder = sys::open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY);
        return folder && sys::resolve_beneath(folder->get(), path.c_str(), O_PATH);
    };
    settings.nameable = [](const std::string& path) {
        return path.find(':') == std::string::npos && !unitfile::find_invalid_utf8(path);
    };
    return settings;
}

sigset_t stopping_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::sigaddset(&set, signal);
    return set;
}

/// The child: starts the jail when it is traced, and becomes its keeper.
[[noreturn]] void launch_traced(Context& context,
                                unitfile::GuestSpec& guest,
                                unitfile::Diagnostics& diagnostics,
                                const sys::Pipe& go,
                                const sigset_t& mask,
                                bool output_is_file) {
    char word = 0;
    if (::read(go.read.get(), &word, 1) != 1) ::_exit(kSteadFailed);
    // What we print is the file; what the program prints is not.
    if (output_is_file) (void)::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    const int code = launch_jail(context, guest, diagnostics);
    (void)context.console.flush();
    ::_exit(code);
}

Result<learn::Ending> watch(Context& context,
                            unitfile::GuestSpec& guest,
                            unitfile::Diagnostics& diagnostics,
                            learn::Lesson& lesson,
                            Instant limit,
                            bool output_is_file) {
    sys::Pipe go = TRY(sys::make_pipe());
    (void)context.console.flush();
    const sigset_t set = stopping_signals();
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    const pid_t launcher = ::fork();
    if (launcher < 0) return last_error("fork");
    if (launcher == 0) {
        go.write.reset();
        launch_traced(context, guest, diagnostics, go, before, output_is_file);
    }
    go.read.reset();
    learn::Tracer tracer(launcher, lesson);
    const auto ending = tracer.run(limit, [&] { (void)!::write(go.write.get(), "g", 1); });
    go.write.reset();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return ending;
}

/// The learned file, checked as any other is.
std::optional<std::string>
learned_text(Context& context, const JailOptions& jail, const learn::Learned& learned) {
    std::string wrong;
    std::string text = "# Written by 'stead jail --learn': the smallest jail in which everything "
                       "worked that the program did\n# in one run. What it did not do then may be "
                       "refused: learn from a run that does all it should.\n" +
                       jail_text(jail, wrong, &learned);
    unitfile::Diagnostics diagnostics;
    (void)unitfile::read_guest(text, "learned", jail.name, diagnostics);
    if (!diagnostics.has_errors()) return text;
    const std::string mistakes = unitfile::render(diagnostics);
    std::fwrite(mistakes.data(), 1, mistakes.size(), context.console.err_file());
    context.console.error("what was learned makes no guest file; it is printed as it is");
    context.console.out(text);
    return std::nullopt;
}

bool write_learned(Console& console, std::optional<LearnedFile>& output, const std::string& text) {
    const auto written = output ? output->write(text) : Result<void>{};
    if (!written) {
        console.error("writing what was learned: " + std::string(describe(written.error()).view()));
        console.hint("it follows on standard output");
    }
    if (output && written) return true;
    console.out(text);
    return console.flush() && written;
}

} // namespace

int learn_jail(Context& context, const JailOptions& jail, const LearnWishes& wishes, bool print) {
    Console& console = context.console;
    if (!is_consistent(console, jail, print)) return kAskedWrongly;
    Instant limit = Instant::never();
    if (!wishes.time.empty()) {
        const auto time = parse_duration(wishes.time);
        if (!time || *time <= 0) {
            console.error("--learn-for is '" + safe(wishes.time) + "'");
            console.hint("use a time such as 30s or 5m");
            return kAskedWrongly;
        }
        limit = sys::now() + Duration{*time};
    }
    JailOptions wide = widened(jail);
    std::string wrong;
    const std::string text = jail_text(wide, wrong);
    unitfile::Diagnostics diagnostics;
    auto guest = unitfile::read_guest(text, "command line", jail.name, diagnostics);
    if (!wrong.empty() || !guest || diagnostics.has_errors()) {
        if (!wrong.empty()) console.error("'" + safe(wrong) + "' is no NAME=VALUE");
        const std::string mistakes = unitfile::render(diagnostics);
        std::fwrite(mistakes.data(), 1, mistakes.size(), console.err_file());
        return kAskedWrongly;
    }
    if (!may_start_guests(context, true)) return kCouldNot;
    std::optional<LearnedFile> output;
    if (!wishes.file.empty()) {
        const auto opened = output.emplace(wishes.file).open();
        if (!opened) {
            console.error("--learn-to: " + std::string(describe(opened.error()).view()));
            console.hint("name a file in a folder in which you may write; nothing was run");
            return kCouldNot;
        }
    }
    warn(console, jail);
    learn::Lesson lesson(settings_for(jail, wide));
    const auto ending = watch(context, *guest, diagnostics, lesson, limit, wishes.file.empty());
    if (!ending) {
        console.error("learning: " + std::string(describe(ending.error()).view()));
        return kSteadFailed;
    }
    if (!ending->ran) return ending->code == 0 ? kCouldNot : ending->code;
    JailOptions learned = jail;
    learned.bounded_listen = !guests::rootless_ids();
    const auto file = learned_text(context, learned, lesson.finish());
    if (!file) return kSteadFailed;
    if (!write_learned(console, output, *file)) return kCouldNot;
    return ending->stopped ? kDone : ending->code;
}

} // namespace stead::cli
