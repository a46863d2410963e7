#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "guests/guests.h"
#include "sys/file.h"
#include "systemd/generator.h"
#include "systemd/guest_changes.h"
#include "systemd/levels.h"
#include "systemd/manager_service.h"

/// stead-systemd: what `stead`, stead@.service, the bus and the service manager call.
namespace {

using namespace stead;
using namespace stead::systemd;

constexpr int kCouldNot = 1;
constexpr int kAskedWrongly = 2;
constexpr const char* kTemplate = "/lib/systemd/system/stead@.service";

constexpr const char* kUsage =
    "usage: stead-systemd start|stop|restart [--no-wait] [--force] [--timeout-ms=N] NAME\n"
    "       stead-systemd started|ended NAME      for stead@.service\n"
    "       stead-systemd failed NAME/UNIT        for the keeper\n"
    "       stead-systemd levels|scope NAME       for stead(1)\n"
    "       stead-systemd reload                  have unit files read again\n"
    "       stead-systemd serve                   org.stead.Manager1, until it is idle\n"
    "       stead-systemd generate FOLDER ...     systemd.generator(7)\n"
    "See stead-systemd(8); people use stead(1) and systemctl(1).\n";

struct Words {
    std::string verb;
    std::string name;
    /// Of "NAME/UNIT".
    std::string unit;
    ChangeWishes wishes;
};

int say(std::string_view text, int code) {
    (void)std::fprintf(stderr, "stead-systemd: %.*s\n", static_cast<int>(text.size()), text.data());
    return code;
}

int usage(std::FILE* stream, int code) {
    (void)std::fputs(kUsage, stream);
    return code;
}

/// False: that is no such word.
bool take_option(std::string_view word, ChangeWishes& wishes) {
    constexpr std::string_view kTimeout = "--timeout-ms=";
    if (word == "--no-wait") return wishes.no_wait = true;
    if (word == "--force") return wishes.force = true;
    if (!word.starts_with(kTimeout)) return false;
    word.remove_prefix(kTimeout.size());
    std::int64_t milliseconds = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), milliseconds);
    constexpr std::int64_t kMost = 1'000'000'000'000;
    if (error != std::errc{} || end != word.data() + word.size() || milliseconds < 0 ||
        milliseconds > kMost)
        return false;
    wishes.limit = Duration{milliseconds * 1'000'000};
    return true;
}

bool read_words(const std::vector<std::string>& arguments, Words& words) {
    for (const std::string& word : arguments) {
        if (word.starts_with("-")) {
            if (!take_option(word, words.wishes)) return false;
        } else if (words.verb.empty()) {
            words.verb = word;
        } else if (words.name.empty()) {
            const std::size_t slash = word.find('/');
            words.name = word.substr(0, slash);
            if (slash != std::string::npos) words.unit = word.substr(slash + 1);
        } else {
            return false;
        }
    }
    return !words.verb.empty();
}

int generate_into(const std::string& folder) {
    std::string problems;
    const auto files = generate(guests::Paths{}, kTemplate, problems);
    if (!problems.empty()) (void)std::fputs(problems.c_str(), stderr);
    const auto written = write_generated(folder, files);
    return written ? 0 : say(describe(written.error()).view(), kCouldNot);
}

int reload() {
    const auto bus = open_manager_bus();
    if (!bus) return say(describe(bus.error()).view(), kCouldNot);
    const Answer answer = ServiceManager(bus->get()).reload();
    return answer ? 0 : say(answer.problem, kCouldNot);
}

/// "stead" beside us in a build tree, else where it is installed.
std::string find_stead() {
    std::array<char, 4096> path{};
    const auto size = sys::read_link(AT_FDCWD, "/proc/self/exe", path);
    if (!size) return "/usr/bin/stead";
    const std::string own(path.data(), *size);
    const std::string folder = own.substr(0, own.rfind('/'));
    for (const char* place : {"/stead", "/../../bin/stead"}) {
        if (::access((folder + place).c_str(), X_OK) == 0) return folder + place;
    }
    return "/usr/bin/stead";
}

int with_bus(const Words& words) {
    const guests::Paths paths;
    const auto bus = open_system_bus();
    if (!bus) return say(describe(bus.error()).view(), kCouldNot);
    if (words.verb == "failed") return announce_failure(bus->get(), words.name, words.unit);
    if (words.verb == "started") return announce_start(bus->get(), paths, words.name);
    if (words.verb == "ended") return announce_end(bus->get(), words.name);
    return serve_manager(bus->get(), {.paths = {}, .stead = find_stead()});
}

/// The two that print nothing but what went wrong.
int adjust(const Words& words) {
    const auto bus = open_manager_bus();
    if (!bus) return say(describe(bus.error()).view(), kCouldNot);
    const std::string problem = words.verb == "scope"
                                    ? make_scope(bus->get(), words.name)
                                    : mirror_levels(bus->get(), guests::Paths{}, words.name);
    return problem.empty() ? 0 : say(problem, kCouldNot);
}

int change(const Words& words, Change what) {
    const auto bus = open_manager_bus();
    if (!bus) return say(describe(bus.error()).view(), kCouldNot);
    return change_guest(bus->get(), what, words.name, words.wishes);
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.size() > 1 && arguments[0] == "generate") return generate_into(arguments[1]);
    if (!arguments.empty() && arguments[0] == "--help") return usage(stdout, 0);
    if (!arguments.empty() && arguments[0] == "--version")
        return std::puts("stead-systemd " STEAD_VERSION) < 0 ? kCouldNot : 0;
    Words words;
    if (!read_words(arguments, words)) return usage(stderr, kAskedWrongly);
    const bool named = !words.name.empty();
    if (named && !guests::valid_name(words.name))
        return say("that is no guest's name", kAskedWrongly);
    if (!named && words.verb == "reload") return reload();
    if (!named && words.verb == "serve") return with_bus(words);
    if (!named) return usage(stderr, kAskedWrongly);
    if ((words.verb == "failed") == words.unit.empty()) return usage(stderr, kAskedWrongly);
    if (words.verb == "failed") return with_bus(words);
    if (words.verb == "levels" || words.verb == "scope") return adjust(words);
    if (words.verb == "start") return change(words, Change::Start);
    if (words.verb == "stop") return change(words, Change::Stop);
    if (words.verb == "restart") return change(words, Change::Restart);
    if (words.verb == "started" || words.verb == "ended") return with_bus(words);
    return usage(stderr, kAskedWrongly);
}

} // namespace

int main(int argc, char** argv) {
    (void)std::signal(SIGPIPE, SIG_IGN);
    try {
        return run({argv + (argc > 0 ? 1 : 0), argv + argc});
    } catch (const std::exception& fault) {
        (void)std::fprintf(stderr, "stead-systemd: internal error: %s\n", fault.what());
        return kCouldNot;
    }
}
