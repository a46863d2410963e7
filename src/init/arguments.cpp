#include "init/arguments.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "init/digits.h"
#include "init/say.h"
#include "plan/plan.h"
#include "sys/file.h"

namespace stead::init {

namespace {

constexpr int kAskedWrongly = 2;
constexpr std::string_view kHelp =
    "Usage: stead-init [--stop-timeout TIME] [DIR ... | PLAN] [-- CMD ...]\n"
    "\n"
    "PID 1 of a container or a virtual machine: runs the units of DIR (default:\n"
    "/etc/stead/units, /usr/lib/stead/units, /run/stead/units) or of a PLAN made by\n"
    "'stead compile', and CMD as the essential unit 'main', whose end is the end of all.\n"
    "A first argument that is neither a directory nor a plan begins CMD.\n"
    "\n"
    "  --stop-timeout TIME  how long an orderly stop may take (500ms, 9s, 2m; default 9s;\n"
    "                       also the environment variable STEAD_STOP_TIMEOUT)\n"
    "  --help, --version\n";

int complain(std::string_view what, std::string_view subject) {
    FixedString<300> text(what);
    if (!subject.empty()) text.append(" '").append(subject).append("'");
    say_raw(text.append("; see stead-init --help").view());
    return kAskedWrongly;
}

void print(std::string_view text) {
    (void)!::write(STDOUT_FILENO, text.data(), text.size());
}

/// "500ms", "9s", "2m": a number without its unit is refused, so that nobody has to guess.
std::optional<Duration> read_time(std::string_view text) {
    struct Suffix {
        std::string_view name;
        Duration unit;
    };

    constexpr std::array kSuffixes = {Suffix{"ms", 1_ms}, Suffix{"s", 1_s}, Suffix{"min", 1_min},
                                      Suffix{"m", 1_min}};
    for (const Suffix& suffix : kSuffixes) {
        if (!text.ends_with(suffix.name)) continue;
        const auto number = whole_number(text.substr(0, text.size() - suffix.name.size()));
        if (!number) continue;
        const Duration time = suffix.unit * *number;
        // Longer than a day is a mistake, and would not fit the engine's milliseconds for ever.
        if (time > 1_min * 1440 || time < 1_ms) return std::nullopt;
        return time;
    }
    return std::nullopt;
}

bool is_folder(const char* path) {
    struct stat about {};

    return ::stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/// Whether `path` is a file that begins as a plan does.
bool is_plan(const char* path) {
    const auto fd = sys::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
    if (!fd) return false;

    struct stat about {};

    std::uint32_t magic = 0;
    if (::fstat(fd->get(), &about) < 0 || !S_ISREG(about.st_mode)) return false;
    return ::read(fd->get(), &magic, sizeof magic) == static_cast<ssize_t>(sizeof magic) &&
           magic == plan::kMagic;
}

const char* find_variable(char** environment, std::string_view name) {
    for (; *environment != nullptr; ++environment) {
        const std::string_view entry = *environment;
        if (entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=')
            return *environment + name.size() + 1;
    }
    return nullptr;
}

std::optional<int> set_stop_timeout(const char* text, Arguments& arguments) {
    const auto time = text != nullptr ? read_time(text) : std::nullopt;
    if (!time) {
        return complain("a stop timeout is a number with its unit (500ms, 9s, 2m), not",
                        text != nullptr ? text : "nothing");
    }
    arguments.stop_timeout = *time;
    return std::nullopt;
}

/// Options in front of everything else; moves `at` behind them.
std::optional<int> read_options(int argc, char** argv, int& at, Arguments& arguments) {
    constexpr std::string_view kStopTimeout = "--stop-timeout=";
    for (; at < argc; ++at) {
        const std::string_view option = argv[at];
        if (!option.starts_with("-") || option == "--") return std::nullopt;
        if (option == "--help" || option == "-h") {
            print(kHelp);
            return 0;
        }
        if (option == "--version") {
            print("stead-init " STEAD_VERSION "\n");
            return 0;
        }
        const char* value = nullptr;
        if (option == "--stop-timeout") {
            value = ++at < argc ? argv[at] : nullptr;
        } else if (option.starts_with(kStopTimeout)) {
            value = argv[at] + kStopTimeout.size();
        } else {
            return complain("unknown option", option);
        }
        if (const auto code = set_stop_timeout(value, arguments)) return code;
    }
    return std::nullopt;
}

std::span<char* const> slice(char** argv, int from, int to) {
    return {argv + from, static_cast<std::size_t>(to - from)};
}

} // namespace

std::optional<int> read_arguments(int argc, char** argv, char** environment, Arguments& arguments) {
    if (const char* text = find_variable(environment, "STEAD_STOP_TIMEOUT")) {
        if (const auto code = set_stop_timeout(text, arguments)) return code;
    }
    int at = 1;
    if (const auto code = read_options(argc, argv, at, arguments)) return code;

    const int first = at;
    while (at < argc && is_folder(argv[at]))
        ++at;
    arguments.directories = slice(argv, first, at);
    if (at == first && at < argc && std::strcmp(argv[at], "--") != 0) {
        if (!is_plan(argv[at])) {
            arguments.command = slice(argv, at, argc);
            return std::nullopt;
        }
        arguments.plan = argv[at++];
    }
    if (at == argc) return std::nullopt;
    if (std::strcmp(argv[at], "--") != 0)
        return complain("neither a folder of units nor '--' before a command:", argv[at]);
    if (at + 1 == argc) return complain("no command after '--'", {});
    arguments.command = slice(argv, at + 1, argc);
    return std::nullopt;
}

} // namespace stead::init
