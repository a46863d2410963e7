#include "import/specifiers.h"

#include <array>
#include <optional>

namespace stead::importing {

namespace {

struct Fixed {
    char letter;
    std::string_view text;
};

/// What they stand for in a system manager's units, run by root.
constexpr std::array kFixed{
    Fixed{'%', "%%"},       Fixed{'t', "/run"},    Fixed{'S', "/var/lib"}, Fixed{'C', "/var/cache"},
    Fixed{'L', "/var/log"}, Fixed{'E', "/etc"},    Fixed{'T', "/tmp"},     Fixed{'V', "/var/tmp"},
    Fixed{'h', "/root"},    Fixed{'u', "root"},    Fixed{'U', "0"},        Fixed{'g', "root"},
    Fixed{'G', "0"},        Fixed{'s', "/bin/sh"}, Fixed{'N', "%n"},
};

struct Unknown {
    char letter;
    std::string_view what;
};

constexpr std::array kUnknown{
    Unknown{'a', "the architecture"},
    Unknown{'A', "the image's version"},
    Unknown{'b', "the boot id"},
    Unknown{'B', "the system's build id"},
    Unknown{'c', "the cgroup's path"},
    Unknown{'d', "the folder of credentials"},
    Unknown{'D', "the folder of shared data"},
    Unknown{'H', "the host name"},
    Unknown{'l', "the short host name"},
    Unknown{'m', "the machine id"},
    Unknown{'M', "the image's id"},
    Unknown{'o', "the system's id"},
    Unknown{'q', "the pretty host name"},
    Unknown{'r', "the cgroup of the root"},
    Unknown{'R', "the root cgroup"},
    Unknown{'v', "the kernel's release"},
    Unknown{'w', "the system's version"},
    Unknown{'W', "the system's variant"},
};

/// "/dev/sda" of "dev-sda" in the other direction: '-' is '/', \xNN a byte.
std::string unescaped(std::string_view text) {
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        return -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '-') {
            out += '/';
        } else if (text.substr(i, 2) == "\\x" && i + 3 < text.size() && digit(text[i + 2]) >= 0 &&
                   digit(text[i + 3]) >= 0) {
            out += static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string_view last_part(std::string_view prefix) {
    const auto dash = prefix.rfind('-');
    return dash == std::string_view::npos ? prefix : prefix.substr(dash + 1);
}

/// The unescaped instance of a template, for which unit files have no notation.
std::string of_template(char letter, const UnitNames& names, std::string& note) {
    const std::string specifier = std::string("%") + letter;
    if (names.only_instance.empty()) {
        note = specifier + " has the instance's name as it is, '-' does not become '/'";
        return "%i";
    }
    const std::string text = unescaped(names.only_instance);
    if (text == names.only_instance) return "%i";
    note = specifier + " is that of the instance '" + names.only_instance + "'";
    return double_percents(text);
}

/// The specifiers that depend on the unit's name.
std::optional<std::string> from_name(char letter, const UnitNames& names, std::string& note) {
    const bool has_instance = names.is_template || !names.instance.empty();
    switch (letter) {
    case 'n':
        // Stead's %n has no suffix.
        return "%n." + names.suffix;
    case 'p':
        return double_percents(names.prefix);
    case 'P':
        return double_percents(unescaped(names.prefix));
    case 'j':
        return double_percents(last_part(names.prefix));
    case 'J':
        return double_percents(unescaped(last_part(names.prefix)));
    case 'i':
        return has_instance ? "%i" : "";
    case 'I':
        if (!names.is_template) return double_percents(unescaped(names.instance));
        return of_template(letter, names, note);
    case 'f':
        if (!names.is_template)
            return "/" + double_percents(unescaped(has_instance ? names.instance : names.prefix));
        return "/" + of_template(letter, names, note);
    case 'y':
        return double_percents(names.path);
    case 'Y':
        return double_percents(names.path.substr(0, names.path.rfind('/')));
    default:
        return std::nullopt;
    }
}

} // namespace

std::string_view base_name(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

UnitNames names_of(std::string_view unit) {
    UnitNames names;
    names.full = unit;
    const auto dot = unit.rfind('.');
    names.suffix = dot == std::string_view::npos ? "" : unit.substr(dot + 1);
    const std::string_view stem = unit.substr(0, dot);
    names.stem = stem;
    const auto at = stem.find('@');
    names.prefix = stem.substr(0, at);
    if (at != std::string_view::npos) {
        names.instance = stem.substr(at + 1);
        names.is_template = names.instance.empty();
    }
    return names;
}

Expanded expand_specifiers(std::string_view text, const UnitNames& names) {
    Expanded out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.text += text[i];
            continue;
        }
        const char letter = i + 1 < text.size() ? text[i + 1] : '\0';
        ++i;
        bool found = false;
        for (const Fixed& fixed : kFixed) {
            if (fixed.letter != letter) continue;
            out.text += fixed.text;
            found = true;
        }
        if (found) continue;
        if (const auto value = from_name(letter, names, out.note)) {
            out.text += *value;
            continue;
        }
        for (const Unknown& unknown : kUnknown) {
            if (unknown.letter != letter) continue;
            out.problem = "%" + std::string(1, letter) + ", " + std::string(unknown.what) +
                          ", is not known before the unit runs";
            return out;
        }
        // systemd keeps what is no specifier.
        out.text += "%%";
        if (letter == '\0') break;
        out.text += letter;
    }
    return out;
}

bool depends_on_instance(std::string_view text, const UnitNames& names) {
    if (!names.is_template || !names.only_instance.empty()) return false;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] != '%') continue;
        ++i;
        if (text[i] == 'I' || text[i] == 'f') return true;
    }
    return false;
}

bool make_plain(std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 1 == text.size() || text[i + 1] != '%') return false;
            ++i;
        }
        out += text[i];
    }
    text = std::move(out);
    return true;
}

std::string double_percents(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '%') out += '%';
        out += c;
    }
    return out;
}

std::string protect_variables(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with("${")) out += '$';
        out += text[i];
    }
    return out;
}

} // namespace stead::importing
