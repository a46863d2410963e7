#include "compile/nearest.h"

#include <algorithm>
#include <cstddef>

#include "unitfile/suggest.h"

namespace stead::compile {

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
    // A name of an attacker's length is no typing mistake.
    if (word.empty() || word.size() > 128) return {};
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::string found;
    for (const std::string& name : names) {
        const std::size_t steps = unitfile::edit_distance(word, name, best);
        if (steps >= best) continue;
        best = steps;
        found = name;
    }
    return found;
}

} // namespace stead::compile
