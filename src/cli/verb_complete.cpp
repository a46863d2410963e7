#include <algorithm>
#include <array>

#include "cli/asking.h"
#include "cli/guest_verbs.h"
#include "cli/image_words.h"
#include "cli/options.h"
#include "guests/store.h"
#include "images/images.h"
#include "model/names.h"
#include "sys/clock.h"

/// Words for the completions of shells: quick, and silent about what goes wrong.
namespace stead::cli {

namespace {

constexpr Duration kPatience = 500_ms;

std::vector<std::string> unit_names(const Place& place, const Target& target) {
    std::vector<std::string> names;
    auto client = Client::connect(place.control(target));
    if (!client) return names;
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, wire::Kind::Status);
    if (!client->send(request)) return names;
    const Instant limit = sys::now() + kPatience;
    while (names.size() <= kMaxUnits) {
        const auto answer = client->receive(limit);
        if (!answer || !*answer || (*answer)->kind() == wire::Kind::End) break;
        if ((*answer)->kind() == wire::Kind::Unit)
            names.push_back(read_unit(*(*answer)->reader).name);
    }
    return names;
}

std::vector<std::string> guest_names(const Place& place) {
    std::vector<std::string> names = place.guests();
    for (std::string& name : place.configured())
        names.push_back(std::move(name));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void print(Console& console, const std::string& name) {
    // What a shell would split or expand is no help to it.
    if (safe(name) == name && name.find_first_of(" \t$`'\"*?[(){}<>|&;\\") == std::string::npos)
        console.line(name);
}

} // namespace

int verb_complete(Context& context, Arguments arguments) {
    std::string verb_name;
    std::string word;
    Options options(context, "complete");
    options.optional_positional("VERB", verb_name, "the verb whose names are wanted");
    options.optional_positional("WORD", word, "what has been typed of the name");
    if (const auto code = options.parse(arguments)) return *code;
    Console& console = context.console;
    if (verb_name.empty()) {
        for (const Verb& verb : all_verbs()) {
            if (verb.group != VerbGroup::Hidden) console.line(verb.name);
        }
        return kDone;
    }
    if (verb_name == "image") {
        for (const ImageVerb& one : kImageVerbs)
            console.line(one.name);
        for (const auto& image : images::Store(guests::Paths::from_environment().images()).list())
            print(console, image.name);
        return kDone;
    }
    const Verb* const verb = find_verb(verb_name);
    if (verb == nullptr || verb->usage.find("NAME") == std::string_view::npos) return kDone;
    const Place place = Place::look();
    const bool with_units = verb->usage.find("/UNIT") != std::string_view::npos;
    if (!place.on_host()) {
        for (const std::string& unit : unit_names(place, {}))
            print(console, unit);
        return kDone;
    }
    const std::size_t slash = word.find('/');
    if (with_units && slash != std::string::npos) {
        const Target guest{.guest = word.substr(0, slash), .unit = {}};
        if (!guests::valid_name(guest.guest)) return kDone;
        for (const std::string& unit : unit_names(place, guest))
            print(console, guest.guest + "/" + unit);
        return kDone;
    }
    const auto names = guest_names(place);
    for (const std::string& name : names)
        print(console, name);
    // The only guest that can be meant: its units are the next to choose from.
    if (with_units && std::find(names.begin(), names.end(), word) != names.end())
        print(console, word + "/");
    return kDone;
}

} // namespace stead::cli
