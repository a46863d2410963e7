#include "cli/guest_file_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/jail_text.h"
#include "unitfile/keys.h"

namespace stead::cli {

namespace {

/// The levels that most guests want; guest(5) has them all.
constexpr std::array<std::string_view, 4> kLevels{"memory-max", "cpu-max", "pids-max", "nofile"};

bool is_shown(const unitfile::Key& key) {
    if (key.support != unitfile::Support::Now || key.name == "*") return false;
    return key.table != "limits" ||
           std::find(kLevels.begin(), kLevels.end(), key.name) != kLevels.end();
}

/// One line that can be made a key by taking its '#' away, where the default is a value.
std::string suggestion(const unitfile::Key& key) {
    const std::string_view value = key.default_text;
    const bool is_value =
        !value.empty() && (value.front() == '"' || value.front() == '[' || value.front() == '{' ||
                           value == "true" || value == "false");
    const std::size_t end = value.find(", in a jail");
    std::string text = "#" + unitfile::full_name(key) + " = ";
    text += is_value ? std::string(value.substr(0, end)) : "\"\"";
    if (!is_value && !value.empty()) text += "   # default: " + std::string(value);
    return text + "\n";
}

} // namespace

std::string guest_file_text(const NewGuest& guest, std::string& wrong) {
    std::string text = "# Guest " + guest.name +
                       ". guest(5) is the manual; 'stead check' finds mistakes,\n"
                       "# 'stead explain " +
                       guest.name + "' tells the whole boundary in words.\n\n";
    for (const std::string& note : guest.notes)
        text += "# " + note + "\n";
    if (!guest.notes.empty()) text += "\n";
    std::vector<std::string> given;
    for (const std::string& setting : guest.settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            wrong = setting;
            continue;
        }
        given.push_back(setting.substr(0, equals));
        text += given.back() + " = " + as_value(setting.substr(equals + 1)) + "\n";
    }
    if (!guest.command.empty()) {
        text += "\nunit." + cli::quoted(guest.name) + ".command = [";
        for (const std::string& word : guest.command)
            text += (text.back() == '[' ? "" : ", ") + cli::quoted(word);
        text += "]\n";
    }
    text += "\n# Every other key, with its default.\n";
    for (const unitfile::Key& key : unitfile::guest_keys()) {
        const std::string name = unitfile::full_name(key);
        if (!is_shown(key) || std::find(given.begin(), given.end(), name) != given.end()) continue;
        text += "\n# " + std::string(key.doc) + ".\n" + suggestion(key);
    }
    return text;
}

} // namespace stead::cli
