#include "import/command.h"

#include <algorithm>
#include <array>

#include "import/amounts.h"
#include "import/systemd_text.h"
#include "unitfile/command_line.h"

namespace stead::importing {

namespace {

/// The pieces between semicolons that are words of their own, outside quotes.
std::vector<std::string_view> split_at_semicolons(std::string_view text) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    char quote = '\0';
    const auto blank = [&](std::size_t at) {
        return at >= text.size() || text[at] == ' ' || text[at] == '\t';
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\') {
            ++i;
        } else if (quote != '\0') {
            if (c == quote) quote = '\0';
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == ';' && i > begin && blank(i - 1) && blank(i + 1)) {
            parts.push_back(text.substr(begin, i - begin));
            begin = i + 1;
        }
    }
    parts.push_back(text.substr(begin));
    return parts;
}

void take_prefixes(std::string& word, Command& command, bool& own_name, bool& verbatim) {
    std::size_t marks = 0;
    while (!word.empty()) {
        const char c = word.front();
        if (c == '-') {
            command.may_fail = true;
        } else if (c == '@') {
            own_name = true;
        } else if (c == ':') {
            verbatim = true;
        } else if (c == '+') {
            command.privileged = true;
        } else if (c == '!') {
            ++marks;
        } else {
            break;
        }
        word.erase(0, 1);
    }
    // "!!" asks for what every kernel of today has, and changes nothing there.
    if (marks == 1) command.privileged = true;
}

void append_text(Word& word, std::string_view text) {
    if (text.empty()) return;
    if (word.empty() || word.back().kind != Piece::Kind::Text) word.push_back({});
    word.back().text += text;
}

/// A word with its variables found.
Word find_variables(std::string_view text) {
    if (text.size() > 1 && text.front() == '$' && unitfile::is_variable_name(text.substr(1)))
        return {{Piece::Kind::Words, std::string(text.substr(1))}};
    Word word;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '$' || i + 1 == text.size()) {
            append_text(word, text.substr(i, 1));
            continue;
        }
        if (text[i + 1] == '$') {
            append_text(word, "$");
            ++i;
            continue;
        }
        const auto end = text[i + 1] == '{' ? text.find('}', i) : std::string_view::npos;
        const auto name = end == std::string_view::npos ? "" : text.substr(i + 2, end - i - 2);
        if (!unitfile::is_variable_name(name)) {
            append_text(word, "$");
            continue;
        }
        word.push_back({Piece::Kind::Variable, std::string(name)});
        i = end;
    }
    if (word.empty()) word.push_back({});
    return word;
}

/// An argument of a command that unit files have as a string.
std::string quoted(std::string_view text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 &&
               std::string_view("'\"\\|&;<>`$").find(c) == std::string_view::npos;
    });
    if (plain) return std::string(text);
    if (text.find('\'') == std::string_view::npos) return "'" + std::string(text) + "'";
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string read_command(std::string_view text, const UnitNames& names, Command& command) {
    Words split = split_words(text);
    if (!split.problem.empty()) return split.problem;
    if (split.words.empty()) return "there is no program";
    bool own_name = false;
    bool verbatim = false;
    take_prefixes(split.words.front(), command, own_name, verbatim);
    if (split.words.front().empty()) return "there is no program";
    for (std::string& raw : split.words) {
        // A semicolon that is an argument is written with a backslash.
        if (raw == "\\;") raw = ";";
        Expanded expanded = expand_specifiers(raw, names);
        if (!expanded.problem.empty()) return expanded.problem;
        if (!expanded.note.empty()) command.note = expanded.note;
        const bool first = &raw == &split.words.front();
        if (first || verbatim) {
            Word word;
            append_text(word, expanded.text);
            command.words.push_back(word.empty() ? Word{{}} : word);
        } else {
            command.words.push_back(find_variables(expanded.text));
        }
    }
    if (!own_name) return {};
    if (command.words.size() < 2) return "there is no name for the program";
    const Word& name = command.words[1];
    if (name.size() == 1 && name[0].kind == Piece::Kind::Text &&
        base_name(name[0].text) != base_name(command.words[0][0].text))
        command.own_name = name[0].text;
    command.words.erase(command.words.begin() + 1);
    return {};
}

} // namespace

Commands read_commands(std::string_view value, const UnitNames& names) {
    Commands all;
    for (const std::string_view part : split_at_semicolons(value)) {
        if (trimmed(part).empty()) continue;
        Command command;
        all.problem = read_command(part, names, command);
        if (!all.problem.empty()) {
            all.commands.clear();
            return all;
        }
        all.commands.push_back(std::move(command));
    }
    if (all.commands.empty()) all.problem = "there is no program";
    return all;
}

std::optional<std::vector<std::string>> as_arguments(
    const Command& command, const std::map<std::string, std::string>& variables, bool open) {
    std::vector<std::string> arguments;
    for (const Word& word : command.words) {
        std::string argument;
        bool split = false;
        for (const Piece& piece : word) {
            if (piece.kind == Piece::Kind::Text) {
                argument += protect_variables(piece.text);
                continue;
            }
            const auto found = variables.find(piece.text);
            const bool one = piece.kind == Piece::Kind::Variable;
            if (found == variables.end() && !(open && one)) return std::nullopt;
            if (one) {
                argument += "${" + piece.text + "}";
                continue;
            }
            split = true;
            const Words words = split_words(found->second);
            if (!words.problem.empty()) return std::nullopt;
            // Words that are the value as it is can stay a variable.
            if (words.words.size() == 1 && words.words[0] == found->second) {
                arguments.push_back("${" + piece.text + "}");
            } else {
                for (const std::string& part : words.words)
                    arguments.push_back(protect_variables(part));
            }
        }
        if (!split) arguments.push_back(std::move(argument));
    }
    return arguments;
}

std::string as_text(const Command& command) {
    std::string text;
    for (const Word& word : command.words) {
        if (!text.empty()) text += ' ';
        for (const Piece& piece : word) {
            if (piece.kind == Piece::Kind::Words) {
                text += "$" + piece.text;
            } else if (piece.kind == Piece::Kind::Variable) {
                text += "\"${" + piece.text + "}\"";
            } else if (!piece.text.empty() || word.size() == 1) {
                text += quoted(protect_variables(piece.text));
            }
        }
    }
    return text;
}

bool needs_shell(const Command& command) {
    constexpr std::array<std::string_view, 14> kLate{"MAINPID",       "SERVICE_RESULT",
                                                     "EXIT_CODE",     "EXIT_STATUS",
                                                     "NOTIFY_SOCKET", "WATCHDOG_USEC",
                                                     "LISTEN_FDS",    "LISTEN_PID",
                                                     "HOME",          "USER",
                                                     "LOGNAME",       "SHELL",
                                                     "PATH",          "CREDENTIALS_DIRECTORY"};
    for (const Word& word : command.words) {
        for (const Piece& piece : word) {
            if (piece.kind != Piece::Kind::Text &&
                std::find(kLate.begin(), kLate.end(), piece.text) != kLate.end())
                return true;
        }
    }
    return false;
}

std::string as_script(const Command& command) {
    std::string script;
    for (const Word& word : command.words) {
        if (!script.empty()) script += ' ';
        for (const Piece& piece : word) {
            // systemd's name for what a unit's hooks are told is not Stead's.
            const std::string name = piece.text == "SERVICE_RESULT" ? "RESULT" : piece.text;
            if (piece.kind == Piece::Kind::Text) {
                script += shell_quoted(piece.text);
            } else if (piece.kind == Piece::Kind::Variable) {
                script += "\"$" + name + "\"";
            } else {
                script += "$" + name;
            }
        }
    }
    return script;
}

bool splits_words(const Command& command) {
    return std::any_of(command.words.begin(), command.words.end(), [](const Word& word) {
        return word.size() == 1 && word[0].kind == Piece::Kind::Words && word[0].text != "MAINPID";
    });
}

std::vector<std::string> shell(const std::string& script) {
    return {"/bin/sh", "-c", protect_variables(script)};
}

std::string signal_of_kill(const Command& command) {
    std::vector<std::string> words;
    for (const Word& word : command.words) {
        if (word.size() != 1) return {};
        const bool pid = word[0].kind != Piece::Kind::Text;
        if (pid && word[0].text != "MAINPID") return {};
        words.push_back(pid ? "$" : word[0].text);
    }
    if (words.size() < 2 || base_name(words[0]) != "kill" || words.back() != "$") return {};
    if (words.size() == 2) return "TERM";
    if (words.size() == 3 && words[1].starts_with("--signal="))
        return signal_word(words[1].substr(9));
    if (words.size() == 3 && words[1].starts_with('-'))
        return signal_word(words[1].substr(words[1].starts_with("-s") ? 2 : 1));
    if (words.size() == 4 && (words[1] == "-s" || words[1] == "--signal" || words[1] == "-n"))
        return signal_word(words[2]);
    return {};
}

} // namespace stead::importing
