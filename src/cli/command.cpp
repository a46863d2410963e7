#include <string>

#include "cli/verbs.h"

namespace stead::cli {

namespace {

struct Heading {
    VerbGroup group;
    std::string_view text;
};

constexpr Heading kHeadings[] = {{VerbGroup::Guests, "Guests and jails"},
                                 {VerbGroup::Units, "Starting and stopping"},
                                 {VerbGroup::Levels, "Resources"},
                                 {VerbGroup::Looking, "Looking"},
                                 {VerbGroup::Files, "Files"}};

void print_help(Console& console) {
    console.out("stead: guests on the host's own kernel, each with its own init\n\n"
                "Usage: stead VERB [options] ...\n"
                "       stead VERB --help\n");
    for (const Heading& heading : kHeadings) {
        console.out("\n" + console.paint(Colour::Bold, heading.text) + "\n");
        for (const Verb& verb : all_verbs()) {
            if (verb.group != heading.group) continue;
            std::string line = "  " + std::string(verb.name);
            line.resize(18, ' ');
            console.line(line + std::string(verb.summary));
        }
    }
    console.out("\nNAME/UNIT on the host, UNIT inside a guest, /UNIT where PID 1 of the host is\n"
                "stead-init. Exit codes: 0 done, 1 could not, 2 asked wrongly, 3 not running,\n"
                "5 no such guest or unit, 124 timed out.\n");
}

int unknown_verb(Console& console, std::string_view word) {
    std::vector<std::string> names;
    for (const Verb& verb : all_verbs()) {
        if (verb.group != VerbGroup::Hidden) names.emplace_back(verb.name);
    }
    console.error("there is no verb '" + safe(word) + "'");
    const auto near = nearest(word, names);
    console.hint(near.empty() ? "'stead --help' lists them"
                              : "did you mean '" + near.front() + "'?");
    return kAskedWrongly;
}

} // namespace

int run_command(Context& context, Arguments arguments) {
    Console& console = context.console;
    if (arguments.empty()) {
        print_help(console);
        return kAskedWrongly;
    }
    const std::string& word = arguments.front();
    if (word == "help" && arguments.size() > 1) {
        const Verb* verb = find_verb(arguments[1]);
        if (verb == nullptr) return unknown_verb(console, arguments[1]);
        const std::vector<std::string> help{"--help"};
        return verb->run(context, help);
    }
    if (word == "--help" || word == "-h" || word == "help") {
        print_help(console);
        return kDone;
    }
    if (word == "--version") {
        console.line("stead " STEAD_VERSION);
        return kDone;
    }
    const Verb* verb = find_verb(word);
    if (verb == nullptr) return unknown_verb(console, word);
    return verb->run(context, arguments.subspan(1));
}

} // namespace stead::cli
