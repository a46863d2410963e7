#include "cli/level_texts.h"

#include <algorithm>

namespace stead::cli {

namespace {

std::vector<std::string> words_of(std::string_view text, char at) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(at), text.size());
        if (end > 0) words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

} // namespace

unitfile::Parsed<std::string> level_content(const resources::Level& level,
                                            const std::string& text) {
    if (level.kernel != resources::Kernel::Rlimit) {
        auto parsed = unitfile::parse_level(level.key, text);
        if (!parsed.value) return {{}, std::move(parsed.problem)};
        return {std::move(parsed.value->content), {}};
    }
    auto parsed = unitfile::parse_rlimit(level.key, text);
    if (!parsed.value) return {{}, std::move(parsed.problem)};
    return {std::to_string(parsed.value->soft) + ":" + std::to_string(parsed.value->hard), {}};
}

std::string state_text(const resources::Level& level, const std::string& content) {
    using resources::Kernel;
    if (level.kernel != Kernel::Rlimit && level.kernel != Kernel::OomScore)
        return content.empty() ? "the kernel's default" : resources::in_words(level, content);
    // "PID START SOFT HARD" or "PID START SCORE", line by line.
    std::vector<std::string> values;
    for (const std::string& line : words_of(content, '\n')) {
        const auto words = words_of(line, ' ');
        if (words.size() < 3) continue;
        const std::string value = words.size() > 3 ? words[2] + ":" + words[3] : words[2];
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
    if (values.empty()) return "nobody there";
    if (values.size() == 1) return resources::in_words(level, values.front());
    return resources::in_words(level, values.front()) + " and " +
           std::to_string(values.size() - 1) + " more";
}

std::vector<std::string> drift_sentences(const guests::LevelTarget& target) {
    std::vector<resources::Wish> wishes;
    for (const guests::WantedLevel& level : target.wanted)
        wishes.push_back(level.wish);
    std::vector<std::string> sentences;
    for (const resources::Drift& drift : resources::find_drift(target.subject, wishes)) {
        const auto wanted = std::find_if(
            target.wanted.begin(), target.wanted.end(),
            [&](const guests::WantedLevel& level) { return level.wish.level == drift.level; });
        const std::string origin = wanted->origin.empty() ? "the default" : wanted->origin;
        sentences.push_back(std::string(drift.level->key) + " is " +
                            safe(resources::in_words(*drift.level, drift.found)) + " and not " +
                            resources::in_words(*drift.level, drift.wanted) + " (" + origin +
                            "): somebody else changed " + resources::object_name(*drift.level) +
                            "; 'stead set " + target.subject.name + " --reapply' restores it");
    }
    return sentences;
}

std::vector<std::string> level_reasons(const Place& place, const Target& target) {
    if (!place.on_host() || target.own()) return {};
    const auto found = guests::find_levels(place.paths(), target.guest, target.unit);
    if (!found) return {};
    auto reasons = resources::slow_reasons(found->subject, found->since);
    const auto drift = drift_sentences(*found);
    reasons.insert(reasons.end(), drift.begin(), drift.end());
    return reasons;
}

} // namespace stead::cli
