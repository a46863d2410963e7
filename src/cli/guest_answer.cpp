#include "cli/guest_answer.h"

#include <algorithm>

#include "cli/words.h"

namespace stead::cli {

std::optional<std::size_t> GuestAnswer::find(std::string_view unit_name) const {
    const auto at = std::find_if(units.begin(), units.end(),
                                 [&](const UnitRecord& one) { return one.name == unit_name; });
    if (at == units.end()) return std::nullopt;
    return static_cast<std::size_t>(at - units.begin());
}

std::optional<GuestAnswer> ask_guest(Asking& asking, const Target& target, Client& client) {
    auto reply = asking.status(client, {.guest = target.guest, .unit = {}});
    if (!reply) return std::nullopt;
    if (!reply->guest) {
        asking.fail(kCouldNot, "PID 1 answered without its guest");
        return std::nullopt;
    }
    GuestAnswer answer{.target = target,
                       .name = !target.own()                ? target.guest
                               : reply->guest->name.empty() ? "this guest"
                                                            : reply->guest->name,
                       .guest = std::move(*reply->guest),
                       .units = std::move(reply->units),
                       .unit = {}};
    if (target.unit.empty()) return answer;
    answer.unit = answer.find(target.unit);
    if (answer.unit) return answer;
    std::vector<std::string> known;
    for (const UnitRecord& unit : answer.units)
        known.push_back(unit.name);
    asking.no_such(target.own() ? "unit" : "unit of " + target.guest, target.unit, known);
    return std::nullopt;
}

std::optional<GuestAnswer> ask_guest(Asking& asking,
                                     std::string_view verb,
                                     std::string_view word,
                                     std::optional<Client>& client,
                                     std::string_view unit) {
    Target target;
    if (!word.empty()) {
        auto named = asking.target(word);
        if (!named) return std::nullopt;
        target = std::move(*named);
    } else if (asking.place().on_host()) {
        asking.fail(kAskedWrongly, std::string(verb) + " wants a name", "the NAME of a guest");
        return std::nullopt;
    }
    if (!unit.empty()) {
        if (!target.unit.empty()) {
            asking.fail(kAskedWrongly, "'" + safe(word) + "' is a unit already, and '" +
                                           safe(unit) + "' is one more");
            return std::nullopt;
        }
        target.unit = unit;
    }
    client = asking.open(target);
    if (!client) return std::nullopt;
    return ask_guest(asking, target, *client);
}

} // namespace stead::cli
