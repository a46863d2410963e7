#include <algorithm>

#include "cli/client_verbs.h"
#include "cli/systemctl.h"
#include "cli/systemctl_files.h"

/// enable, disable, mask and their kin: links, as systemd makes them.
namespace stead::cli {

namespace {

constexpr const char* kOwn = "/etc/systemd/system";
constexpr const char* kRuntime = "/run/systemd/system";

std::string folder_of(const SystemctlWishes& wishes) {
    return wishes.runtime ? kRuntime : kOwn;
}

bool is_template_name(const std::string& name) {
    return name.find("@.") != std::string::npos;
}

void replace_specifiers(std::string& text, const std::string& name) {
    const SystemctlName parts = systemctl_name(name);
    const auto at = parts.stem.find('@');
    const std::string instance = at == std::string::npos ? "" : parts.stem.substr(at + 1);
    for (auto place = text.find('%'); place != std::string::npos;
         place = text.find('%', place + 1)) {
        const char letter = place + 1 < text.size() ? text[place + 1] : '\0';
        if (letter == 'i') text.replace(place, 2, instance);
        if (letter == 'p') text.replace(place, 2, parts.stem.substr(0, at));
        if (letter == 'n') text.replace(place, 2, name);
    }
}

/// Makes the links that [Install] of one unit asks for; units of Also= are added to `more`.
class Installer {
public:
    Installer(const importing::RootView& root, UnitLinks& links, std::string folder)
        : root_(root)
        , links_(links)
        , folder_(std::move(folder)) {}

    bool install(UnitFile file, std::vector<std::string>& more) {
        const auto lines = install_section(root_, file);
        if (is_template_name(file.name)) {
            const auto instance = lines.find("DefaultInstance");
            if (instance == lines.end() || instance->second.empty()) return false;
            file.name.insert(file.name.find("@.") + 1, instance->second.front());
        }
        bool any = false;
        for (const auto& [key, words] : lines) {
            for (std::string word : words) {
                replace_specifiers(word, file.name);
                if (word.find('/') != std::string::npos || word.find("..") != std::string::npos)
                    continue;
                if (key == "WantedBy") any = put(word + ".wants/" + file.name, file.path) || any;
                if (key == "RequiredBy")
                    any = put(word + ".requires/" + file.name, file.path) || any;
                if (key == "Alias") any = put(word, file.path) || any;
                if (key == "Also") more.push_back(word);
            }
        }
        return any || lines.contains("Also");
    }

private:
    bool put(const std::string& name, const std::string& path) {
        return links_.put(folder_ + "/" + name, path);
    }

    const importing::RootView& root_;
    UnitLinks& links_;
    std::string folder_;
};

/// Removes every link that enables `file`: in folders of others, and its aliases.
void uninstall(const importing::RootView& root,
               UnitLinks& links,
               const std::string& folder,
               const UnitFile& file) {
    const auto leads_here = [&](const std::string& path) {
        const auto target = root.link(path);
        return target && target->substr(target->rfind('/') + 1) == file.name;
    };
    for (const std::string& entry : root.list(folder)) {
        const std::string path = folder + "/" + entry;
        if (entry.ends_with(".wants") || entry.ends_with(".requires")) {
            for (const std::string& name : root.list(path)) {
                const bool instance = is_template_name(file.name) && leads_here(path + "/" + name);
                if (name == file.name || instance) links.remove(path + "/" + name);
            }
        } else if (entry != file.name && leads_here(path)) {
            links.remove(path);
        }
    }
}

} // namespace

/// After links have changed: what was done, PID 1's new units, and --now.
int Systemctl::settle_links(const std::vector<std::string>& told, int worst, bool starts) {
    for (const std::string& line : told)
        if (!wishes_.quiet) (void)std::fprintf(context_.console.err_file(), "%s\n", line.c_str());
    if (wishes_.root.empty()) {
        if (const int code = told.empty() ? int{kDone} : daemon_reload(); code != kDone)
            return code;
        if (worst == kDone && wishes_.now) return starts ? start() : stop();
    }
    return worst;
}

/// A unit of the administrator's own, or an init script: whose links are others' to make.
std::optional<int> Systemctl::change_other(const SystemctlName& name, const UnitFile& file) {
    const std::string verb = wishes_.verb == "disable" ? "disable" : "enable";
    if (file.path.starts_with("/etc/init.d/")) {
        if (name.stem.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_.+-") != std::string::npos)
            return fail(kCouldNot, name.full() + " is no init script's name");
        UnitLinks links(asking_, wishes_.root.empty() ? "/" : wishes_.root);
        return set_script(root_, links, name.stem, verb == "enable") ? kDone : kCouldNot;
    }
    if (!file.path.empty()) return std::nullopt;
    if (wishes_.root.empty() && find(name))
        return run_command(context_, std::vector<std::string>{verb, name.unit()});
    return fail(kCouldNot, "Failed to " + wishes_.verb + " unit: Unit file " + name.full() +
                               " does not exist.");
}

int Systemctl::enable() {
    UnitLinks links(asking_, wishes_.root.empty() ? "/" : wishes_.root);
    Installer installer(root_, links, folder_of(wishes_));
    int worst = kDone;
    std::vector<std::string> names = wishes_.names;
    // Also= may name units that name each other.
    for (std::size_t i = 0; i < names.size() && i < 64; ++i) {
        const SystemctlName name = systemctl_name(names[i]);
        const UnitFile file = unit_file(root_, name.full());
        const bool asked = i < wishes_.names.size();
        if (file.state.starts_with("masked")) {
            worst =
                fail(kCouldNot, "Failed to enable unit: Unit file " + file.path + " is masked.");
            continue;
        }
        if (!asked && file.path.empty()) continue;
        if (const auto code = change_other(name, file)) {
            if (*code != kDone) worst = *code;
            continue;
        }
        std::vector<std::string> more;
        if (!installer.install(file, more) && asked && !wishes_.quiet)
            context_.console.error(name.full() +
                                   " has no [Install] section that would enable it: other units, "
                                   "sockets or timers start it");
        for (const std::string& other : more)
            if (std::find(names.begin(), names.end(), other) == names.end()) names.push_back(other);
    }
    return settle_links(links.told(), worst, true);
}

int Systemctl::disable() {
    UnitLinks links(asking_, wishes_.root.empty() ? "/" : wishes_.root);
    int worst = kDone;
    for (const std::string& word : wishes_.names) {
        const SystemctlName name = systemctl_name(word);
        const UnitFile file = unit_file(root_, name.full());
        if (const auto code = change_other(name, file)) {
            if (*code != kDone) worst = *code;
            continue;
        }
        uninstall(root_, links, kOwn, file);
        uninstall(root_, links, kRuntime, file);
        auto install = install_section(root_, file);
        for (const std::string& other : install["Also"]) {
            const UnitFile also = unit_file(root_, other);
            if (!also.path.empty()) uninstall(root_, links, kOwn, also);
        }
    }
    return settle_links(links.told(), worst, false);
}

int Systemctl::reenable() {
    const bool now = std::exchange(wishes_.now, false);
    const int code = disable();
    wishes_.now = now;
    return code == kDone ? enable() : code;
}

int Systemctl::preset() {
    std::vector<std::string> wanted;
    std::vector<std::string> unwanted;
    for (const std::string& word : wishes_.names) {
        const std::string full = systemctl_name(word).full();
        (preset_enables(root_, full) ? wanted : unwanted).push_back(word);
    }
    int worst = kDone;
    wishes_.names = std::move(wanted);
    if (!wishes_.names.empty()) worst = enable();
    wishes_.names = std::move(unwanted);
    if (!wishes_.names.empty() && !wishes_.enable_only) {
        wishes_.verb = "disable";
        worst = std::max(worst, disable());
    }
    return worst;
}

int Systemctl::mask() {
    UnitLinks links(asking_, wishes_.root.empty() ? "/" : wishes_.root);
    int worst = kDone;
    for (const std::string& word : wishes_.names) {
        const std::string name = systemctl_name(word).full();
        const std::string path = folder_of(wishes_) + "/" + name;
        // A link there is another name of the unit; a file is the administrator's.
        if (!links.put(path, "/dev/null")) worst = kCouldNot;
    }
    return settle_links(links.told(), worst, false);
}

int Systemctl::unmask() {
    UnitLinks links(asking_, wishes_.root.empty() ? "/" : wishes_.root);
    for (const std::string& word : wishes_.names) {
        const std::string name = systemctl_name(word).full();
        for (const char* folder : {kOwn, kRuntime}) {
            const std::string path = std::string(folder) + "/" + name;
            if (root_.link(path) == "/dev/null") links.remove(path);
        }
    }
    return settle_links(links.told(), kDone, true);
}

} // namespace stead::cli
