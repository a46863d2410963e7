#include "cli/image_unit.h"

#include <algorithm>

#include "cli/jail_text.h"
#include "images/images.h"

namespace stead::cli {

namespace {

bool is_name(std::string_view name) {
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z');
    });
}

std::string list_text(const std::vector<std::string>& words) {
    std::string text = "[";
    for (const std::string& word : words)
        text += (text.size() == 1 ? "" : ", ") + quoted(unexpanded(word));
    return text + "]";
}

/// A program with a slash in its name is looked for where it starts ("./server").
std::string program_of(const std::string& name, const std::string& folder) {
    if (name.starts_with('/') || name.find('/') == std::string::npos) return name;
    std::string path = (folder.starts_with('/') ? "" : "/") + folder;
    if (!path.ends_with('/')) path += '/';
    return path + name.substr(name.starts_with("./") ? 2 : 0);
}

void add_user(std::string& text, const std::string& user) {
    const std::size_t colon = user.find(':');
    if (user.empty() || user == "root" || user == "0" || user == "0:0") return;
    text += "user = " + quoted(unexpanded(user.substr(0, colon))) + "\n";
    if (colon != std::string::npos && colon + 1 < user.size())
        text += "group = " + quoted(unexpanded(user.substr(colon + 1))) + "\n";
}

} // namespace

std::string image_unit_text(const images::Configuration& configuration) {
    std::vector<std::string> command = configuration.entrypoint;
    command.insert(command.end(), configuration.command.begin(), configuration.command.end());
    if (command.empty()) return {};
    command.front() = program_of(command.front(), configuration.working_directory);
    std::string text =
        "# The image's own program, as its configuration has it.\ncommand = " + list_text(command) +
        "\n# Its end is the guest's end.\nessential = true\n";
    add_user(text, configuration.user);
    if (configuration.working_directory.starts_with('/'))
        text += "working-directory = " + quoted(unexpanded(configuration.working_directory)) + "\n";
    if (!configuration.stop_signal.empty()) {
        std::string signal = configuration.stop_signal;
        if (signal.starts_with("SIG")) signal.erase(0, 3);
        text += "stop.signal = " + quoted(signal) + "\n";
    }
    for (const std::string& variable : configuration.environment) {
        const std::size_t equals = variable.find('=');
        if (equals == std::string::npos || !is_name(variable.substr(0, equals))) continue;
        text += "environment." + variable.substr(0, equals) + " = " +
                quoted(without_percent(variable.substr(equals + 1))) + "\n";
    }
    return text;
}

std::string unit_of_image(const guests::Paths& paths, const std::vector<std::string>& settings) {
    constexpr std::string_view kImage = "image=";
    std::string name;
    for (const std::string& setting : settings) {
        if (setting.starts_with("units=") || setting == "profile=jail") return {};
        if (setting.starts_with(kImage)) name = setting.substr(kImage.size());
    }
    const auto image = images::Store(paths.images()).find(name);
    if (!image || !image->configuration) return {};
    return image_unit_text(*image->configuration);
}

} // namespace stead::cli
