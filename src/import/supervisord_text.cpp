#include "import/supervisord_text.h"

#include <algorithm>

#include "import/specifiers.h"
#include "import/systemd_text.h"
#include "unitfile/command_line.h"

namespace stead::importing {

namespace {

/// The value without a comment that begins with a blank and a semicolon.
std::string_view without_comment(std::string_view value) {
    for (std::size_t i = 0; i < value.size(); ++i) {
        const bool blank = i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t';
        if (value[i] == ';' && blank) return trimmed(value.substr(0, i));
    }
    return trimmed(value);
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

class Parser {
public:
    explicit Parser(const Source& source)
        : source_(source) {}

    std::vector<Section> parse() {
        std::string_view rest = source_.text;
        while (!rest.empty() && count_ < kMaxDirectives) {
            const auto end = std::min(rest.find('\n'), rest.size());
            ++number_;
            take(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return std::move(sections_);
    }

private:
    void take(std::string_view line) {
        const std::string_view body = trimmed(line);
        if (body.empty() || body.front() == '#' || body.front() == ';') return;
        const bool continues = line.front() == ' ' || line.front() == '\t';
        if (continues && !sections_.empty() && !sections_.back().settings.empty()) {
            std::string& value = sections_.back().settings.back().value;
            const std::string_view more = without_comment(body);
            if (!more.empty()) value += (value.empty() ? "" : "\n") + std::string(more);
            return;
        }
        const Origin origin{source_.path, number_};
        if (body.front() == '[') {
            const auto close = body.find(']');
            sections_.push_back({std::string(trimmed(body.substr(1, close - 1))), origin, {}});
            return;
        }
        if (sections_.empty()) sections_.push_back({"", origin, {}});
        ++count_;
        const auto sign = body.find_first_of("=:");
        if (sign == std::string_view::npos) {
            sections_.back().settings.push_back(
                {"", std::string(body), origin, "the line has no '='"});
            return;
        }
        sections_.back().settings.push_back({lower(trimmed(body.substr(0, sign))),
                                             std::string(without_comment(body.substr(sign + 1))),
                                             origin,
                                             {}});
    }

    const Source& source_;
    std::vector<Section> sections_;
    std::uint32_t number_ = 0;
    std::size_t count_ = 0;
};

/// Fills in one %(name)format; false: there is a problem.
bool expand_one(std::string_view name,
                std::string_view format,
                const Expansions& known,
                std::string_view variable,
                ExpandedSetting& out) {
    if (name == "process_num") {
        if (!out.number_format.empty() && out.number_format != format) {
            out.problem = "process_num has two formats in one value";
            return false;
        }
        out.number_format = format;
        out.text += "%i";
        return true;
    }
    if (name.starts_with("ENV_")) {
        const std::string key(name.substr(4));
        if (const auto found = known.environment.find(key); found != known.environment.end()) {
            out.text += double_percents(found->second);
            return true;
        }
        if (!unitfile::is_variable_name(key)) {
            out.problem = "'" + key + "' is no variable";
            return false;
        }
        out.variables.push_back(key);
        std::string text(variable);
        text.replace(text.find('*'), 1, key);
        out.text += text;
        return true;
    }
    const auto found = known.values.find(std::string(name));
    if (found == known.values.end()) {
        out.problem = "%(" + std::string(name) + ") is not known before it runs";
        return false;
    }
    out.text += double_percents(found->second);
    return true;
}

} // namespace

std::vector<Section> parse_supervisord(const Source& source) {
    return Parser(source).parse();
}

ExpandedSetting
expand_setting(std::string_view text, const Expansions& known, std::string_view variable) {
    ExpandedSetting out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.text += text[i];
            continue;
        }
        if (text.substr(i, 2) == "%%") {
            out.text += "%%";
            ++i;
            continue;
        }
        const auto close = text.substr(i, 2) == "%(" ? text.find(')', i) : std::string_view::npos;
        const auto last = close == std::string_view::npos
                              ? close
                              : text.find_first_not_of("0123456789", close + 1);
        if (last == std::string_view::npos || (text[last] != 's' && text[last] != 'd')) {
            out.problem = "a percent sign stands alone";
            return out;
        }
        const std::string format = "%" + std::string(text.substr(close + 1, last - close));
        if (!expand_one(text.substr(i + 2, close - i - 2), format, known, variable, out))
            return out;
        i = last;
    }
    return out;
}

std::optional<std::vector<std::string>> split_shell_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool started = false;
    char quote = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (quote == '\0' && blank) {
            if (started) words.push_back(std::move(word));
            word.clear();
            started = false;
            continue;
        }
        started = true;
        if (c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == '\\' && quote != '\'') {
            if (i + 1 == text.size()) return std::nullopt;
            const char next = text[++i];
            // Inside double quotes only these two are escaped.
            if (quote == '"' && next != '"' && next != '\\') word += '\\';
            word += next;
        } else {
            word += c;
        }
    }
    if (quote != '\0') return std::nullopt;
    if (started) words.push_back(std::move(word));
    return words;
}

std::optional<std::vector<std::pair<std::string, std::string>>> split_pairs(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!(text = trimmed(text)).empty()) {
        if (text.front() == ',') {
            text.remove_prefix(1);
            continue;
        }
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string name(trimmed(text.substr(0, equals)));
        text = trimmed(text.substr(equals + 1));
        if (!unitfile::is_variable_name(name)) return std::nullopt;
        const char quote = text.empty() ? '\0' : text.front();
        if (quote == '"' || quote == '\'') {
            std::string value;
            std::size_t i = 1;
            for (; i < text.size() && text[i] != quote; ++i) {
                if (text[i] == '\\' && quote == '"' && i + 1 < text.size() &&
                    (text[i + 1] == '"' || text[i + 1] == '\\'))
                    ++i;
                value += text[i];
            }
            if (i >= text.size()) return std::nullopt;
            pairs.emplace_back(name, value);
            text.remove_prefix(i + 1);
        } else {
            const auto end = std::min(text.find_first_of(",\n"), text.size());
            pairs.emplace_back(name, std::string(trimmed(text.substr(0, end))));
            text.remove_prefix(end);
        }
    }
    return pairs;
}

} // namespace stead::importing
