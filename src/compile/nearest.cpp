#include "compile/nearest.h"

#include <algorithm>
#include <cstddef>

namespace stead::compile {

namespace {

/// How many letters have to be added, taken away, changed or swapped; `limit` + 1 if more.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
    const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (difference > limit) return limit + 1;
    std::vector<std::size_t> before;
    std::vector<std::size_t> above(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        above[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::vector<std::size_t> row(b.size() + 1);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = std::move(above);
        above = std::move(row);
    }
    return above[b.size()];
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
    // A name of an attacker's length is no typing mistake.
    if (word.empty() || word.size() > 128) return {};
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::string found;
    for (const std::string& name : names) {
        const std::size_t steps = distance(word, name, best);
        if (steps >= best) continue;
        best = steps;
        found = name;
    }
    return found;
}

} // namespace stead::compile
