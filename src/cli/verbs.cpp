#include "cli/verbs.h"

#include <array>

namespace stead::cli {

namespace {

constexpr std::array kVerbs = {
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
