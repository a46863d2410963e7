#include <algorithm>

#include "import/amounts.h"
#include "import/rules.h"
#include "unitfile/keys.h"
#include "unitfile/values.h"

/// The handlers that many directives share.
namespace stead::importing {

namespace {

const unitfile::Key* find_key(std::string_view full) {
    for (const unitfile::Key& key : unitfile::unit_keys()) {
        if (unitfile::full_name(key) == full) return &key;
        if (key.table == "socket.*" && full.starts_with("socket.") &&
            full.substr(full.rfind('.') + 1) == key.name)
            return &key;
    }
    return nullptr;
}

} // namespace

std::optional<std::string>
Job::text(const Line& line, std::string_view text, std::string_view key) {
    Expanded expanded = expand_specifiers(text, names);
    if (!expanded.problem.empty()) {
        draft.leave_out(line.item, expanded.problem);
        return std::nullopt;
    }
    const unitfile::Key* const row = find_key(key);
    if (row != nullptr && row->expandable) {
        if (row->type != unitfile::KeyType::Environment)
            expanded.text = protect_variables(expanded.text);
    } else if (!make_plain(expanded.text)) {
        draft.leave_out(line.item, std::string(key) + " cannot depend on the unit's name");
        return std::nullopt;
    }
    if (expanded.text.find('\0') != std::string::npos ||
        unitfile::find_invalid_utf8(expanded.text)) {
        draft.leave_out(line.item, "its bytes are no text");
        return std::nullopt;
    }
    if (!expanded.note.empty()) draft.approximate(line.item, expanded.note);
    return std::move(expanded.text);
}

std::optional<std::vector<std::string>> Job::words(const Line& line) {
    Words split = split_words(line.value);
    if (split.problem.empty()) return std::move(split.words);
    refuse(line, split.problem);
    return std::nullopt;
}

std::optional<bool> Job::flag(const Line& line) {
    const auto value = parse_boolean(line.value);
    if (!value) refuse(line, "it is neither yes nor no");
    return value;
}

void Job::refuse(const Line& line, std::string_view problem) {
    draft.leave_out(line.item, "not understood, as systemd would not: " + std::string(problem));
}

void put_text(Job& job, const Line& line) {
    if (line.value.empty()) return;
    if (const auto text = job.text(line))
        job.draft.put(line.item, line.key, unitfile::text_node(*text));
}

void put_flag(Job& job, const Line& line) {
    if (const auto value = job.flag(line))
        job.draft.put(line.item, line.key, unitfile::boolean_node(*value));
}

void put_integer(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const bool negative = line.value.starts_with('-');
    const auto digits = unitfile::parse_digits(line.value.substr(negative ? 1 : 0), 1U << 30U);
    if (!digits) return job.refuse(line, "it is no number");
    const auto number = static_cast<std::int64_t>(*digits);
    job.draft.put(line.item, line.key, unitfile::integer_node(negative ? -number : number));
}

void put_mode(Job& job, const Line& line) {
    std::string digits(line.value);
    while (digits.size() < 4)
        digits.insert(digits.begin(), '0');
    if (!unitfile::parse_mode(digits).value) return job.refuse(line, "it is no mode");
    job.draft.put(line.item, line.key, unitfile::text_node(digits));
}

void put_duration(Job& job, const Line& line) {
    const Amount amount = time_span(line.value);
    if (!amount.text) return job.refuse(line, amount.problem);
    if (!amount.note.empty()) job.draft.approximate(line.item, amount.note);
    job.draft.put(line.item, line.key, unitfile::text_node(*amount.text));
}

void put_signal(Job& job, const Line& line) {
    const std::string word = signal_word(line.value);
    if (word.empty()) return job.refuse(line, "there is no such signal");
    job.draft.put(line.item, line.key, unitfile::text_node(word));
}

void append_words(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words) return;
    for (const std::string& word : *words) {
        if (const auto text = job.text(line, word, line.key))
            job.draft.append(line.item, line.key, unitfile::text_node(*text));
    }
}

void holds(Job& job, const Line& line) {
    job.draft.explain(line.item, line.note);
}

void no_counterpart(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (line.value.empty() || (value && !*value)) return;
    job.draft.leave_out(line.item, line.note);
}

void holds_when_on(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (!value || *value) return job.draft.explain(line.item, line.note);
    job.draft.leave_out(line.item, "it cannot be switched off: " + std::string(line.note));
}

void differs(Job& job, const Line& line) {
    if (!line.value.empty()) job.draft.approximate(line.item, line.note);
}

} // namespace stead::importing
