#include "cli/verbs.h"

#include <array>

namespace stead::cli {

namespace {

constexpr std::array kVerbs = {
    Verb{"run", "a guest in the foreground", "NAME|FILE.toml", VerbGroup::Guests, verb_run},
    Verb{"jail", "a program in a jail, without any file", "-- CMD ...", VerbGroup::Guests,
         verb_jail},
    Verb{"check", "every mistake of unit and guest files", "FILE|DIR ...", VerbGroup::Files,
         verb_check},
    Verb{"compile", "unit files into a plan for an image", "DIR -o FILE", VerbGroup::Files,
         verb_compile},
    Verb{"explain", "a guest's whole boundary in words", "NAME|FILE", VerbGroup::Looking,
         verb_explain},
    Verb{"load", "unit files into PID 1's plan", "--out-fd NUMBER", VerbGroup::Hidden, verb_load},
    Verb{"cleanup", "what an ended guest left", "NAME", VerbGroup::Hidden, verb_cleanup},
    Verb{"list", "guests, or the units of one guest", "[NAME]", VerbGroup::Looking, nullptr},
};

} // namespace

std::span<const Verb> all_verbs() {
    return kVerbs;
}

const Verb* find_verb(std::string_view name) {
    for (const Verb& verb : kVerbs) {
        if (verb.name == name) return &verb;
    }
    return nullptr;
}

} // namespace stead::cli
