#include "learn/call_fold.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "compile/calls.h"

namespace stead::learn {

namespace {

/// Groups that a jail has anyway: nothing in them is a way out of it.
constexpr std::array<std::string_view, 9> kEveryday{"@default", "@basic-io",   "@file-system",
                                                    "@futex",   "@io-event",   "@memory",
                                                    "@signal",  "@network-io", "@timer"};

/// So many calls of a group make it one line.
constexpr std::size_t kSeveral = 3;

/// How many calls of the group were used for it to be written whole. Whether a program waits, and
/// by which call, depends on how fast others were in that one run: a shell asks for rt_sigsuspend
/// only where a child still runs, a client for poll only where the answer is late. So one use of
/// such a group is enough, and of the calls of a network one brings the waiting for it along.
std::size_t uses_wanted(std::string_view group) {
    const bool waits = group == "@default" || group == "@signal" || group == "@io-event";
    return waits ? 1 : kSeveral;
}

bool uses_any(const std::map<int, std::string>& used, std::string_view group) {
    const auto numbers = compile::find_group(group);
    return std::any_of(numbers->begin(), numbers->end(),
                       [&used](int number) { return used.contains(number); });
}

constexpr std::size_t kShown = 4;

std::string why_of(const std::map<int, std::string>& members) {
    std::string why;
    std::size_t shown = 0;
    for (const auto& [number, program] : members) {
        if (shown == kShown) {
            why += " ...";
            break;
        }
        why += (shown++ == 0 ? "" : ", ") + compile::call_name(number);
    }
    return why + " by " + members.begin()->second;
}

} // namespace

std::vector<Reasoned> fold_calls(const std::map<int, std::string>& used) {
    std::vector<Reasoned> list;
    std::map<int, std::string> rest = used;
    const bool sockets = uses_any(used, "@network-io");
    for (const std::string_view group : kEveryday) {
        std::map<int, std::string> members;
        const auto numbers = compile::find_group(group);
        for (const int number : *numbers) {
            const auto found = rest.find(number);
            if (found != rest.end()) members.insert(*found);
        }
        // Between the filter and the program there are some calls of the loader's as well.
        if (group == "@io-event" && members.empty() && sockets) {
            list.push_back({std::string(group), "to wait for its sockets"});
            continue;
        }
        if (members.size() < uses_wanted(group)) continue;
        list.push_back({std::string(group), why_of(members)});
        for (const auto& [number, program] : members)
            rest.erase(number);
    }
    for (const auto& [number, program] : rest)
        list.push_back({compile::call_name(number), "by " + program});
    return list;
}

} // namespace stead::learn
