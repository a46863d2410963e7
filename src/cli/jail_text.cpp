#include "cli/jail_text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/console.h"
#include "unitfile/document.h"
#include "unitfile/letters.h"

namespace stead::cli {

namespace {

/// An integer or float as TOML writes it: no leading zeros, so that "0022" stays a word.
bool is_number(std::string_view text) {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    if (text.empty() || !unitfile::is_digit(text.front())) return false;
    if (text.size() > 1 && text[0] == '0' && text[1] != '.') return false;
    std::size_t points = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool inner = at > 0 && at + 1 < text.size();
        if (text[at] == '.' && inner && unitfile::is_digit(text[at + 1]) && points++ == 0) continue;
        if (!unitfile::is_digit(text[at])) return false;
    }
    return true;
}

/// A bare key, or a quoted one where TOML wants that.
std::string as_key(std::string_view text) {
    for (const char c : text) {
        const bool bare = unitfile::is_digit(c) || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
        if (!bare) return quoted(text);
    }
    return text.empty() ? "\"\"" : std::string(text);
}

std::string as_list(const std::vector<std::string>& words) {
    std::string text = "[";
    for (const std::string& word : words) {
        if (text.size() > 1) text += ", ";
        text += quoted(word);
    }
    return text + "]";
}

bool is_bytes(std::string_view text) {
    return unitfile::find_invalid_utf8(text).has_value();
}

/// What a file can hold of `text`.
std::string readable(std::string_view text) {
    return is_bytes(text) ? safe(text) : std::string(text);
}

std::vector<std::string> all_unexpanded(std::vector<std::string> words) {
    for (std::string& word : words)
        word = unexpanded(readable(word));
    return words;
}

/// `text` as a comment of one line.
std::string safe_line(const std::string& text) {
    std::string line = safe(text);
    std::replace(line.begin(), line.end(), '\t', ' ');
    return line;
}

class Lines {
public:
    void add(std::string_view key, const std::string& value) {
        text_.append(key).append(" = ").append(value).append("\n");
    }

    void add_given(std::string_view key, const std::string& word) {
        if (!word.empty()) add(key, quoted(word));
    }

    void add_given(std::string_view key, const std::vector<std::string>& words) {
        if (!words.empty()) add(key, as_list(words));
    }

    /// An item a line, with its reason behind it.
    void add_reasoned(const std::string& key, const std::vector<learn::Reasoned>& items) {
        text_.append(key).append(" = [\n");
        for (const learn::Reasoned& item : items)
            text_.append("    ")
                .append(quoted(item.text))
                .append(", # " + safe_line(item.why))
                .append("\n");
        text_.append("]\n");
    }

    void remark(const std::string& text) { text_.append("# " + safe_line(text)).append("\n"); }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

} // namespace

std::string without_percent(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '%') result += '%';
        result += c;
    }
    return result;
}

std::string unexpanded(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text.substr(at).starts_with("${")) result += '$';
        result += text[at];
    }
    return without_percent(result);
}

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(byte));
            result += escape.data();
        } else {
            result += c;
        }
    }
    return result + "\"";
}

std::string as_value(std::string_view text) {
    if (text.empty()) return "\"\"";
    const bool word =
        text.front() != '"' && text.front() != '\'' && text.front() != '[' && text.front() != '{';
    if (!word || text == "true" || text == "false" || is_number(text)) return std::string(text);
    return quoted(text);
}

namespace {

/// What bounds the jail from outside, as asked for.
void add_boundary(const JailOptions& options, Lines& lines) {
    lines.add_given("bind", options.binds);
    lines.add_given("capabilities", options.capabilities);
    // Addresses to listen on mean nothing without the host's network.
    const bool host_network = options.network.empty() && !options.listen.empty();
    lines.add_given("network.mode", host_network ? "host" : options.network);
    lines.add_given("network.listen", options.listen);
}

/// The same, as learned.
void add_learned(const JailOptions& options, const learn::Learned& learned, Lines& lines) {
    for (const std::string& note : learned.notes)
        lines.remark(note);
    std::vector<learn::Reasoned> binds;
    for (const std::string& bind : options.binds)
        binds.push_back({bind, "as asked for"});
    binds.insert(binds.end(), learned.binds.begin(), learned.binds.end());
    if (!binds.empty()) lines.add_reasoned("bind", binds);
    if (!learned.capabilities.empty()) lines.add_reasoned("capabilities", learned.capabilities);
    lines.add_reasoned("system-calls", learned.calls);
    const std::string mode = !options.network.empty() ? options.network
                             : learned.network        ? "host"
                                                      : "";
    lines.add_given("network.mode", mode);
    if (mode != "host") return;
    if (learned.any_port) {
        lines.remark("network.listen is left out: a port that the kernel chose was bound, and no "
                     "list can name it");
    } else if (learned.listen.empty()) {
        lines.remark("no address was bound; an empty network.listen would allow all of them");
    } else if (options.bounded_listen) {
        lines.add_reasoned("network.listen", learned.listen);
    } else {
        lines.remark("network.listen needs root: without it every port may be bound");
    }
}

} // namespace

std::string
jail_text(const JailOptions& options, std::string& wrong, const learn::Learned* learned) {
    const std::string unit = "unit." + std::string(kJailUnit) + ".";
    Lines lines;
    lines.add("profile", "\"jail\"");
    lines.add_given("root", options.root);
    if (options.read_only) lines.add("read-only", "true");
    if (learned == nullptr) {
        add_boundary(options, lines);
    } else {
        add_learned(options, *learned, lines);
    }
    lines.add_given("limits.memory-max", options.memory_max);
    for (const std::string& setting : options.settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            wrong = setting;
            continue;
        }
        lines.add(setting.substr(0, equals), as_value(setting.substr(equals + 1)));
    }
    lines.add(unit + "command", as_list(all_unexpanded(options.command)));
    // It is run once, and its code is the command's.
    lines.add(unit + "restart", "\"no\"");
    lines.add_given(unit + "user", options.user);
    lines.add_given(unit + "working-directory", unexpanded(options.cwd));
    if (learned != nullptr) {
        for (const auto& [kind, folders] : learned->directories)
            lines.add_reasoned(std::string(unit).append("directories.").append(kind), folders);
    }
    for (const std::string& variable : options.environment) {
        const std::size_t equals = variable.find('=');
        if (equals == std::string::npos || equals == 0) {
            wrong = variable;
            continue;
        }
        lines.add(unit + "environment." + as_key(variable.substr(0, equals)),
                  quoted(without_percent(readable(variable.substr(equals + 1)))));
    }
    return lines.text();
}

bool has_bytes(const JailOptions& options) {
    return std::any_of(options.command.begin(), options.command.end(), is_bytes) ||
           std::any_of(options.environment.begin(), options.environment.end(), is_bytes);
}

void put_bytes(unitfile::GuestSpec& guest, const JailOptions& options) {
    for (unitfile::UnitSpec& unit : guest.units) {
        if (unit.name != kJailUnit) continue;
        unit.command = options.command;
        for (const std::string& variable : options.environment) {
            const std::size_t equals = variable.find('=');
            unit.environment[variable.substr(0, equals)] = variable.substr(equals + 1);
        }
    }
}

} // namespace stead::cli
