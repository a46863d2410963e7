#include "unitfile/command_line.h"

#include "unitfile/letters.h"

namespace stead::unitfile {

namespace {

constexpr std::string_view kBlanks = " \t\n\r";

class Splitter {
public:
    explicit Splitter(std::string_view text)
        : text_(text) {}

    SplitCommand split() {
        while (next_ < text_.size() && !result_.problem) {
            const char c = text_[next_];
            if (kBlanks.find(c) != std::string_view::npos) {
                finish_argument();
                ++next_;
            } else {
                take_piece(c);
            }
        }
        if (result_.problem) {
            result_.argv.clear();
            return result_;
        }
        finish_argument();
        return result_;
    }

private:
    void take_piece(char c) {
        if (c == '$' && !started_ && take_splice()) return;
        started_ = true;
        if (c == '\'') return take_quoted('\'');
        if (c == '"') return take_quoted('"');
        if (c == '\\') return take_escaped();
        if (is_shell(c)) {
            return complain("'" + std::string(1, c) +
                                "' means something to a shell only; quote it as an argument, or "
                                "write [\"sh\", \"-c\", \"...\"]",
                            next_);
        }
        current_ += c;
        ++next_;
    }

    /// A lone `$NAME`.
    bool take_splice() {
        std::size_t end = next_ + 1;
        while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end])))
            ++end;
        const std::string_view name = text_.substr(next_ + 1, end - next_ - 1);
        const bool alone = end == text_.size() || kBlanks.find(text_[end]) != kBlanks.npos;
        if (!alone || !is_variable_name(name)) return false;
        result_.splices.push_back(result_.argv.size());
        result_.argv.emplace_back(name);
        next_ = end;
        return true;
    }

    void take_quoted(char quote) {
        const std::size_t opening = next_++;
        while (next_ < text_.size()) {
            const char c = text_[next_++];
            if (c == quote) return;
            const bool escape = quote == '"' && c == '\\' && next_ < text_.size() &&
                                (text_[next_] == '"' || text_[next_] == '\\');
            current_ += escape ? text_[next_++] : c;
        }
        complain("the quote that opens here is never closed", opening);
    }

    void take_escaped() {
        if (next_ + 1 == text_.size())
            return complain("a backslash at the end keeps nothing", next_);
        current_ += text_[next_ + 1];
        next_ += 2;
    }

    /// `$NAME` and `$(`, but not `${`, and none of them after a dollar sign.
    [[nodiscard]] bool is_shell(char c) const {
        if (c != '$') return std::string_view("|&;<>`").find(c) != std::string_view::npos;
        if (next_ + 1 == text_.size()) return false;
        const char following = text_[next_ + 1];
        return following == '(' || is_letter(following);
    }

    void finish_argument() {
        if (started_) result_.argv.push_back(std::move(current_));
        current_.clear();
        started_ = false;
    }

    void complain(std::string message, std::size_t at) {
        result_.problem = TextProblem{std::move(message), at};
    }

    std::string_view text_;
    std::size_t next_ = 0;
    std::string current_;
    bool started_ = false;
    SplitCommand result_;
};

/// The NAME of a `${NAME}` at the front of `text`; empty if it is none.
std::string_view variable_at(std::string_view text) {
    if (!text.starts_with("${")) return {};
    const auto end = text.find('}');
    if (end == std::string_view::npos) return {};
    const auto name = text.substr(2, end - 2);
    return is_variable_name(name) ? name : std::string_view{};
}

/// The replacement of the `%` notation at the front of `text`, or what is wrong with it.
std::optional<std::string>
percent_value(std::string_view text, const Scope& scope, std::string& problem) {
    const char letter = text.size() > 1 ? text[1] : '\0';
    if (letter == '%') return "%";
    if (letter == 'n') return scope.unit;
    if (letter == 'i' && !scope.instance.empty()) return scope.instance;
    if (letter == 'i') {
        problem =
            "%i is the instance of a unit called NAME@INSTANCE, which '" + scope.unit + "' is not";
    } else {
        problem = "only %i, %n and %% are replaced; write %% for a percent sign";
    }
    return std::nullopt;
}

} // namespace

bool is_variable_name(std::string_view name) {
    if (name.empty() || !is_letter(name.front())) return false;
    for (const char c : name) {
        if (!is_letter(c) && !is_digit(c)) return false;
    }
    return true;
}

SplitCommand split_command(std::string_view text) {
    return Splitter(text).split();
}

ExpandedText expand(std::string_view text, const Scope& scope) {
    ExpandedText out;
    const auto fail = [&](std::string message, std::size_t at) {
        return ExpandedText{{}, TextProblem{std::move(message), at}};
    };
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view rest = text.substr(i);
        if (rest.front() == '%') {
            std::string problem;
            const auto value = percent_value(rest, scope, problem);
            if (!value) return fail(std::move(problem), i);
            out.text += *value;
            i += 2;
            continue;
        }
        if (scope.environment != nullptr && rest.starts_with("$${")) {
            out.text += "${";
            i += 3;
            continue;
        }
        const auto name = variable_at(rest);
        if (scope.environment == nullptr || name.empty()) {
            out.text += rest.front();
            ++i;
            continue;
        }
        const auto found = scope.environment->find(std::string(name));
        if (found == scope.environment->end() && scope.open) {
            i += name.size() + 3;
            continue;
        }
        if (found == scope.environment->end()) {
            return fail("${" + std::string(name) +
                            "} is not in the unit's environment; add it there, or write $${" +
                            std::string(name) + "} to keep it as text",
                        i);
        }
        out.text += found->second;
        i += name.size() + 3;
    }
    return out;
}

} // namespace stead::unitfile
