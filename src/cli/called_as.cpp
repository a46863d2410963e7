#include "cli/called_as.h"

#include <algorithm>
#include <array>

namespace stead::cli {

namespace {

using Words = std::vector<std::string>;

bool is_one_of(const std::string& word, std::initializer_list<std::string_view> known) {
    return std::find(known.begin(), known.end(), word) != known.end();
}

Words of_shutdown(const Words& arguments, std::string& problem) {
    std::string verb = "poweroff";
    bool timed = false;
    for (const std::string& word : arguments) {
        if (word == "--help") return {"shutdown", "--help"};
        if (is_one_of(word, {"-r", "--reboot"}))
            verb = "reboot";
        else if (is_one_of(word,
                           {"-h", "-P", "-H", "--poweroff", "--halt", "--no-wall", "-f", "-q"}))
            continue;
        else if (word == "-c" || word == "-k")
            problem = "shutdown " + word + ": nothing is waiting";
        else if (word.starts_with('-'))
            problem = "shutdown has no option '" + word + "' here";
        else if (!timed) {
            timed = true;
            if (!is_one_of(word, {"now", "+0", "0"}))
                problem = "shutdown at '" + word + "': only 'now' is possible in a guest";
        }
        // What follows the time is a message for users, who are not told.
    }
    return {verb, "--no-wait"};
}

Words of_halt(const std::string& verb, const Words& arguments, std::string& problem) {
    for (const std::string& word : arguments) {
        if (word == "--help") return {verb, "--help"};
        const bool harmless =
            is_one_of(word, {"-f", "--force", "-p", "--poweroff", "-d", "--no-wtmp", "-n",
                             "--no-sync", "--no-wall", "-i", "-h", "--no-wait"});
        if (!harmless) problem = verb + " has no option '" + word + "' here";
    }
    return {verb, "--no-wait"};
}

std::string name_of(std::string_view program) {
    return std::string(program.substr(program.rfind('/') + 1));
}

/// telinit(8): 0 and 6 end the guest, q reads the files again.
Words of_telinit(const Words& arguments, std::string& problem) {
    const std::string level = arguments.empty() ? "" : arguments.back();
    if (level == "0") return {"poweroff", "--no-wait"};
    if (level == "6") return {"reboot", "--no-wait"};
    if (level == "q" || level == "Q" || level == "u" || level == "U") return {"reload"};
    problem = "a guest has no runlevels to change to: 0 ends it, 6 reboots it, q reads its files";
    return {};
}

} // namespace

bool is_systemctl(std::string_view program) {
    return name_of(program) == "systemctl";
}

std::vector<std::string> words_as(std::string_view program,
                                  const std::vector<std::string>& arguments,
                                  std::string& problem) {
    const std::string name = name_of(program);
    if (name == "shutdown") return of_shutdown(arguments, problem);
    if (name == "halt" || name == "poweroff") return of_halt("poweroff", arguments, problem);
    if (name == "telinit" || name == "init") return of_telinit(arguments, problem);
    if (name == "runlevel") return {"runlevel"};
    if (name == "reboot") return of_halt("reboot", arguments, problem);
    return arguments;
}

} // namespace stead::cli
