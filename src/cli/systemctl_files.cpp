#include "cli/systemctl_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include <fnmatch.h>

#include "sys/file.h"
#include "sys/path.h"

namespace stead::cli {

namespace {

using importing::RootView;

constexpr int kMaxLinks = 8;
constexpr std::size_t kMaxPresets = 256;

std::string last_part(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

/// "web@.service" of "web@1.service"; empty for what is no instance.
std::string template_of(const std::string& name) {
    const auto at = name.find('@');
    const auto dot = name.rfind('.');
    if (at == std::string::npos || dot == std::string::npos || dot <= at + 1) return {};
    return name.substr(0, at + 1) + name.substr(dot);
}

std::string path_of(const RootView& root, const std::string& name) {
    for (const std::string_view folder : importing::kUnitFolders) {
        const std::string path = std::string(folder) + "/" + name;
        if (root.link(path) || root.exists(path)) return path;
    }
    return {};
}

/// Words between blanks.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (true) {
        const auto start = text.find_first_not_of(" \t\r");
        if (start == std::string_view::npos) return words;
        text.remove_prefix(start);
        const auto end = std::min(text.find_first_of(" \t\r"), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

/// Calls `take` with every line of `text` that is no comment.
template <typename Take>
void each_line(std::string_view text, Take take) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto start = line.find_first_not_of(" \t");
        if (start == std::string_view::npos || line[start] == '#' || line[start] == ';') continue;
        take(line.substr(start));
    }
}

/// A link in TARGET.wants or TARGET.requires.
bool is_pulled_in(const RootView& root, const std::string& folder, const std::string& name) {
    const std::string general = template_of(name);
    for (const std::string& entry : root.list(folder)) {
        if (!entry.ends_with(".wants") && !entry.ends_with(".requires")) continue;
        std::string path = folder;
        path.append("/").append(entry).append("/");
        if (root.link(path + name)) return true;
        // A template is enabled by any of its instances.
        if (name.find("@.") == std::string::npos) continue;
        for (const std::string& other : root.list(path))
            if (template_of(other) == name) return true;
    }
    return false;
}

std::string script_state(const RootView& root, const std::string& script) {
    for (const char level : {'2', '3', '4', '5', 'S'}) {
        const std::string folder = std::string("/etc/rc") + level + ".d";
        for (const std::string& link : root.list(folder))
            if (link.size() > 3 && link.front() == 'S' && link.substr(3) == script)
                return "enabled";
    }
    return "disabled";
}

} // namespace

bool is_pattern(std::string_view name) {
    return name.find_first_of("*?[") != std::string_view::npos;
}

bool matches(const std::string& pattern, const std::string& name) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::map<std::string, std::vector<std::string>> install_section(const RootView& root,
                                                                const UnitFile& file) {
    std::map<std::string, std::vector<std::string>> lines;
    const auto read = root.read(file.path);
    if (!read.text) return lines;
    bool inside = false;
    each_line(*read.text, [&](std::string_view line) {
        if (line.front() == '[') inside = line.starts_with("[Install]");
        const auto equals = line.find('=');
        if (!inside || line.front() == '[' || equals == std::string_view::npos) return;
        const auto name = words_of(line.substr(0, equals));
        if (name.size() != 1) return;
        for (std::string& word : words_of(line.substr(equals + 1)))
            lines[name.front()].push_back(std::move(word));
    });
    return lines;
}

bool stays_after_exit(const RootView& root, const std::string& name) {
    const UnitFile file = unit_file(root, name);
    const auto read = root.read(file.path);
    if (file.path.empty() || !read.text) return true;
    bool stays = false;
    each_line(*read.text, [&](std::string_view line) {
        constexpr std::string_view kKey = "RemainAfterExit=";
        if (!line.starts_with(kKey)) return;
        const std::string_view value = line.substr(kKey.size());
        stays = value.starts_with("y") || value.starts_with("t") || value.starts_with("on") ||
                value.starts_with("1");
    });
    return stays;
}

UnitFile unit_file(const RootView& root, const std::string& name) {
    UnitFile file{name, path_of(root, name), {}};
    for (int step = 0; step < kMaxLinks && !file.path.empty(); ++step) {
        const auto link = root.link(file.path);
        if (!link) break;
        if (*link == "/dev/null") {
            file.state = file.path.starts_with("/run/") ? "masked-runtime" : "masked";
            return file;
        }
        const std::string other = last_part(*link);
        if (other == file.name || path_of(root, other).empty()) break;
        // An instance keeps its name.
        if (other != template_of(file.name)) file.name = other;
        file.path = path_of(root, other);
    }
    if (file.path.empty() && !template_of(name).empty())
        file.path = path_of(root, template_of(name));
    if (file.path.empty()) {
        const std::string script = name.substr(0, name.rfind('.'));
        if (name.ends_with(".service") && root.exists("/etc/init.d/" + script)) {
            file.path = "/etc/init.d/" + script;
            file.state = script_state(root, script);
        }
        return file;
    }
    if (is_pulled_in(root, "/etc/systemd/system", file.name)) {
        file.state = "enabled";
    } else if (is_pulled_in(root, "/run/systemd/system", file.name)) {
        file.state = "enabled-runtime";
    } else if (file.name != name) {
        file.state = "alias";
    } else {
        const auto install = install_section(root, file);
        const auto has = [&](const char* key) { return install.contains(key); };
        const bool installs = has("WantedBy") || has("RequiredBy") || has("Alias");
        file.state = installs ? "disabled" : has("Also") ? "indirect" : "static";
        // Some are enabled by nothing but their alias.
        const auto alias = install.find("Alias");
        if (alias != install.end() && !has("WantedBy") && !alias->second.empty() &&
            root.link("/etc/systemd/system/" + alias->second.front()))
            file.state = "enabled";
    }
    return file;
}

std::vector<std::string> unit_file_names(const RootView& root) {
    std::set<std::string> names;
    for (const std::string_view folder : importing::kUnitFolders)
        for (const std::string& name : root.list(std::string(folder)))
            if (importing::is_systemd_name(name)) names.insert(name);
    return {names.begin(), names.end()};
}

std::string why_not_here(const RootView& root, const std::string& name) {
    const std::string_view reason = importing::left_out_reason(unit_file(root, name).name);
    return reason.empty() ? "it could not be imported, or not since its file changed: 'systemctl "
                            "daemon-reload' reads the files again, 'stead status' tells"
                          : std::string(reason);
}

bool preset_enables(const RootView& root, const std::string& name) {
    std::map<std::string, std::string> files;
    for (const char* folder : {"/etc/systemd/system-preset", "/run/systemd/system-preset",
                               "/usr/local/lib/systemd/system-preset",
                               "/usr/lib/systemd/system-preset", "/lib/systemd/system-preset"})
        for (const std::string& file : root.list(folder))
            if (file.ends_with(".preset") && files.size() < kMaxPresets)
                files.emplace(file, std::string(folder) + "/" + file);
    std::optional<bool> found;
    for (const auto& [file, path] : files) {
        const auto read = root.read(path);
        if (!read.text) continue;
        each_line(*read.text, [&](std::string_view line) {
            const auto words = words_of(line);
            if (found || words.size() < 2 || !matches(words[1], name)) return;
            found = words[0] == "enable";
        });
    }
    return found.value_or(true);
}

bool UnitLinks::put(const std::string& path, const std::string& target) {
    const auto fail = [&](const Error& error) {
        asking_.fail(kCouldNot, path + ": " + std::string(describe(error).view()));
        return false;
    };
    auto root = sys::open_at(AT_FDCWD, root_.c_str(), O_PATH | O_DIRECTORY);
    if (!root) return fail(root.error());
    const auto slash = path.rfind('/');
    const std::string parent = path.substr(0, slash);
    const std::string name = path.substr(slash + 1);
    auto folder = sys::resolve_in_root(root->get(), parent.c_str(), O_PATH | O_DIRECTORY);
    if (!folder) folder = sys::make_folders(root->get(), parent.c_str(), 0755);
    if (!folder) return fail(folder.error());
    std::array<char, 4096> old;
    if (const auto size = sys::read_link(folder->get(), name.c_str(), old)) {
        if (std::string_view(old.data(), *size) == target) return true;
        if (const auto gone = sys::remove_at(folder->get(), name.c_str(), false); !gone)
            return fail(gone.error());
    }
    const auto made = sys::make_link(target.c_str(), folder->get(), name.c_str());
    if (!made && made.error().code == EEXIST) {
        asking_.fail(kCouldNot, path + " is a file of its own, and stays");
        return false;
    }
    if (!made) return fail(made.error());
    told_.push_back("Created symlink " + path + " \u2192 " + target + ".");
    return true;
}

bool UnitLinks::remove(const std::string& path) {
    auto root = sys::open_at(AT_FDCWD, root_.c_str(), O_PATH | O_DIRECTORY);
    if (!root) return false;
    const auto slash = path.rfind('/');
    const std::string name = path.substr(slash + 1);
    const auto folder =
        sys::resolve_in_root(root->get(), path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY);
    if (!folder) return false;
    std::array<char, 1> text;
    if (!sys::read_link(folder->get(), name.c_str(), text)) return false;
    const auto gone = sys::remove_at(folder->get(), name.c_str(), false);
    if (!gone) {
        asking_.fail(kCouldNot, path + ": " + std::string(describe(gone.error()).view()));
        return false;
    }
    told_.push_back("Removed " + path + ".");
    return true;
}

bool set_script(const RootView& root, UnitLinks& links, const std::string& script, bool enabled) {
    bool well = true;
    for (const char level : {'2', '3', '4', '5'}) {
        const std::string folder = std::string("/etc/rc") + level + ".d";
        std::string number = "01";
        for (const std::string& link : root.list(folder)) {
            const bool is_own = link.size() > 3 && link.substr(3) == script &&
                                (link.front() == 'S' || link.front() == 'K');
            if (!is_own) continue;
            number = link.substr(1, 2);
            if ((link.front() == 'S') != enabled) links.remove(folder + "/" + link);
        }
        well = links.put(folder + "/" + (enabled ? "S" : "K") + number + script,
                         "../init.d/" + script) &&
               well;
    }
    return well;
}

} // namespace stead::cli
