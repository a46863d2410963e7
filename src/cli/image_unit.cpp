#include "cli/image_unit.h"

#include <algorithm>

#include "cli/jail_text.h"
#include "images/images.h"
#include "unitfile/values.h"

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

/// Of the image that a new guest with these settings, which is no jail, is made of.
std::optional<images::Configuration> configuration_for(const guests::Paths& paths,
                                                       const std::vector<std::string>& settings) {
    constexpr std::string_view kImage = "image=";
    std::string name;
    for (const std::string& setting : settings) {
        if (setting == "profile=jail") return std::nullopt;
        if (setting.starts_with(kImage)) name = setting.substr(kImage.size());
    }
    const auto image = images::Store(paths.images()).find(name);
    if (!image) return std::nullopt;
    return image->configuration;
}

/// A stranger's word in a comment of ours.
std::string shown_word(const std::string& word) {
    constexpr std::size_t kLongest = 100;
    std::string text = "'" + word.substr(0, kLongest) + "'";
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    return text;
}

/// What `volumes` takes without a word: the rest of its rules is for whoever writes it.
bool is_volume(const std::string& path) {
    if (path.size() < 2 || path.size() > 200 || path.front() != '/' || path.ends_with('/'))
        return false;
    for (const char* folder : {"/proc", "/sys", "/dev", "/run"})
        if (path == folder || path.starts_with(std::string(folder) + "/")) return false;
    const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
        return c == '/' || c == '.' || c == '-' || is_name(std::string("_") + c);
    });
    return plain && (path + "/").find("/../") == std::string::npos &&
           (path + "/").find("/./") == std::string::npos && path.find("//") == std::string::npos;
}

/// "8080:8080" of "8080/tcp"; empty for what is no port.
std::string published(const std::string& exposed) {
    const std::size_t slash = std::min(exposed.find('/'), exposed.size());
    const std::string protocol = exposed.substr(std::min(slash + 1, exposed.size()));
    const auto port = unitfile::parse_digits(exposed.substr(0, slash), 65535);
    if (!port || *port == 0) return {};
    if (protocol != "udp" && protocol != "tcp" && !protocol.empty()) return {};
    const std::string number = std::to_string(*port);
    return (protocol == "udp" ? "udp:" : "") + number + ":" + number;
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

void add_image_words(const images::Configuration& configuration, NewGuest& guest) {
    constexpr std::size_t kMostVolumes = 32;
    std::string folders;
    std::string last;
    std::size_t count = 0;
    std::vector<std::string> sorted = configuration.volumes;
    // What lies in a folder comes right behind it.
    const auto rank = [](const std::string& path) {
        std::string text = path;
        std::replace(text.begin(), text.end(), '/', '\1');
        return text;
    };
    std::sort(sorted.begin(), sorted.end(),
              [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
    for (const std::string& folder : sorted) {
        const bool inside = !last.empty() && folder.starts_with(last + "/");
        if (is_volume(folder) && !inside && count++ < kMostVolumes) {
            last = folder;
            folders += (folders.empty() ? "" : ", ") + quoted(folder);
        } else {
            guest.notes.push_back("The image wants to keep " + shown_word(folder) +
                                  ", which can be no volume of its own here.");
        }
    }
    const bool given =
        std::any_of(guest.settings.begin(), guest.settings.end(),
                    [](const std::string& one) { return one.starts_with("volumes="); });
    if (!folders.empty() && !given) guest.settings.push_back("volumes=[" + folders + "]");
    std::string exposed;
    std::string ports;
    for (const std::string& port : configuration.exposed_ports) {
        const std::string text = published(port);
        exposed += (exposed.empty() ? "" : ", ") + shown_word(port);
        if (!text.empty()) ports += (ports.empty() ? "" : ", ") + quoted(text);
    }
    if (exposed.empty()) return;
    guest.notes.push_back("The image's program listens on " + exposed + ".");
    if (ports.empty()) return;
    guest.notes.push_back("With network.mode = \"private\" this leads there from the host's "
                          "addresses (HOST:GUEST):");
    guest.notes.push_back("network.ports = [" + ports + "]");
}

void add_image_words(const guests::Paths& paths, NewGuest& guest) {
    const auto configuration = configuration_for(paths, guest.settings);
    if (configuration) add_image_words(*configuration, guest);
}

std::string unit_of_image(const guests::Paths& paths, const std::vector<std::string>& settings) {
    for (const std::string& setting : settings)
        if (setting.starts_with("units=")) return {};
    const auto configuration = configuration_for(paths, settings);
    return configuration ? image_unit_text(*configuration) : std::string();
}

} // namespace stead::cli
