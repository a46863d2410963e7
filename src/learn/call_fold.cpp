#include "learn/call_fold.h"

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
    for (const std::string_view group : kEveryday) {
        std::map<int, std::string> members;
        const auto numbers = compile::find_group(group);
        for (const int number : *numbers) {
            const auto found = rest.find(number);
            if (found != rest.end()) members.insert(*found);
        }
        // Between the filter and the program there are some calls of the loader's as well.
        if (members.size() < (group == "@default" ? 1 : kSeveral)) continue;
        list.push_back({std::string(group), why_of(members)});
        for (const auto& [number, program] : members)
            rest.erase(number);
    }
    for (const auto& [number, program] : rest)
        list.push_back({compile::call_name(number), "by " + program});
    return list;
}

} // namespace stead::learn
