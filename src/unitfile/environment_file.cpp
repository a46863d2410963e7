#include "unitfile/environment_file.h"

#include "unitfile/command_line.h"

namespace stead::unitfile {

namespace {

/// The kernel's limit of one variable (MAX_ARG_STRLEN), its NUL left out.
constexpr std::size_t kMaxVariable = 131'071;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

class Scanner {
public:
    Scanner(std::string_view text,
            const std::string& file,
            std::map<std::string, std::string>& variables,
            Diagnostics& diagnostics)
        : text_(text)
        , file_(file)
        , variables_(variables)
        , diagnostics_(diagnostics) {}

    bool run() {
        // Windows' mark of UTF-8.
        if (text_.starts_with("\xef\xbb\xbf")) next_ = 3;
        while (next_ < text_.size()) {
            start_ = line_;
            take_line();
        }
        return good_;
    }

private:
    [[nodiscard]] bool at_end() const { return next_ >= text_.size() || text_[next_] == '\n'; }

    char take() {
        const char c = text_[next_++];
        if (c == '\n') ++line_;
        return c;
    }

    void skip_line() {
        while (!at_end())
            (void)take();
        if (next_ < text_.size()) (void)take();
    }

    void complain(std::string message) {
        diagnostics_.error({file_, start_, 0}, std::move(message));
        good_ = false;
    }

    void take_line() {
        skip_blanks();
        if (at_end() || text_[next_] == '#' || text_[next_] == ';') return skip_line();
        if (text_.substr(next_).starts_with("export ")) {
            next_ += 7;
            skip_blanks();
        }
        std::string name;
        while (!at_end() && text_[next_] != '=')
            name += take();
        if (at_end()) {
            complain("a line without '='; write NAME=VALUE");
            return skip_line();
        }
        (void)take();
        if (!is_variable_name(name)) {
            complain("'" + name + "' is no name of a variable; they have letters, digits and _");
            return skip_line();
        }
        take_value(std::move(name));
    }

    void skip_blanks() {
        while (!at_end() && is_blank(text_[next_]))
            (void)take();
    }

    void take_value(std::string name) {
        std::string value;
        // Blanks at the end count only where a quote or backslash kept them.
        std::size_t kept = 0;
        skip_blanks();
        while (!at_end()) {
            const char c = take();
            if (c == '\'' || c == '"') {
                if (!take_quoted(c, value)) return complain("a quote that is never closed");
                kept = value.size();
            } else if (c == '\\' && next_ < text_.size()) {
                if (text_.substr(next_).starts_with("\r\n")) ++next_;
                const char escaped = take();
                if (escaped != '\n') value += escaped;
                kept = value.size();
            } else {
                value += c;
                if (!is_blank(c)) kept = value.size();
            }
        }
        skip_line();
        value.resize(kept);
        if (value.find('\0') != std::string::npos) return complain("a NUL byte");
        if (name.size() + value.size() + 1 > kMaxVariable)
            return complain(name + " is longer than 131071 bytes");
        variables_[std::move(name)] = std::move(value);
    }

    bool take_quoted(char quote, std::string& value) {
        while (next_ < text_.size()) {
            const char c = take();
            if (c == quote) return true;
            const bool escape =
                quote == '"' && c == '\\' && next_ < text_.size() &&
                std::string_view("\"\\$`\n").find(text_[next_]) != std::string_view::npos;
            if (!escape) {
                value += c;
                continue;
            }
            const char escaped = take();
            if (escaped != '\n') value += escaped;
        }
        return false;
    }

    std::string_view text_;
    const std::string& file_;
    std::map<std::string, std::string>& variables_;
    Diagnostics& diagnostics_;
    std::size_t next_ = 0;
    std::uint32_t line_ = 1;
    /// The line on which the present variable begins.
    std::uint32_t start_ = 1;
    bool good_ = true;
};

} // namespace

bool read_environment_text(std::string_view text,
                           const std::string& file,
                           std::map<std::string, std::string>& variables,
                           Diagnostics& diagnostics) {
    diagnostics.remember(file, text);
    return Scanner(text, file, variables, diagnostics).run();
}

} // namespace stead::unitfile
