#include <algorithm>
#include <utility>

#include "import/distribution_parts.h"
#include "import/systemd_text.h"

/// Init scripts of System V as units of systemd's, as systemd's own generator sees them.
namespace stead::importing {

namespace {

constexpr const char* kScripts = "/etc/init.d/";

/// A comment block "### BEGIN INIT INFO" of a script.
struct Header {
    bool found = false;
    std::string description;
    std::vector<std::string> provides;
    std::vector<std::string> after;
};

void add_words(std::vector<std::string>& list, std::string_view text) {
    for (std::string& word : split_blanks(text)) {
        // $network and its like hold before the first unit starts.
        if (!word.starts_with('$') && list.size() < kMaxDirectives) list.push_back(std::move(word));
    }
}

Header read_header(std::string_view text) {
    Header header;
    bool inside = false;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.starts_with("### BEGIN INIT INFO")) {
            header.found = inside = true;
            continue;
        }
        if (line.starts_with("### END INIT INFO")) break;
        if (!inside || !line.starts_with('#')) continue;
        line = trimmed(line.substr(1));
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (name == "Provides") add_words(header.provides, value);
        if (name == "Required-Start" || name == "Should-Start") add_words(header.after, value);
        if (name == "Short-Description") header.description = value;
    }
    return header;
}

/// Whether a script starts what stays. One that only sets something up leaves no process, and is
/// not started again.
bool leaves_daemon(std::string_view text) {
    constexpr std::string_view kSigns[] = {"start-stop-daemon", "start_daemon", "init-d-script",
                                           "daemon --"};
    return std::any_of(std::begin(kSigns), std::end(kSigns), [&](std::string_view sign) {
        return text.find(sign) != std::string_view::npos;
    });
}

/// "S02ssh" of a folder of a runlevel: its number and its script.
struct Link {
    std::string order;
    std::string script;
};

std::vector<Link> links_of(const RootView& root, const std::string& folder) {
    std::vector<Link> links;
    for (const std::string& name : root.list(folder)) {
        if (name.size() < 4 || name.front() != 'S' || links.size() == kMaxSources) continue;
        const auto link = root.link(folder + "/" + name);
        std::string script(link ? base_name(*link) : std::string_view(name).substr(3));
        links.push_back({name.substr(1, 2), std::move(script)});
    }
    std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) {
        return std::pair(a.order, a.script) < std::pair(b.order, b.script);
    });
    return links;
}

/// The runlevel of inittab(5), or Debian's.
std::string runlevel_folder(const RootView& root) {
    const RootText inittab = root.read("/etc/inittab");
    std::string_view rest = inittab.text ? *inittab.text : std::string_view();
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const auto at = line.find(":initdefault:");
        if (line.starts_with('#') || at == std::string_view::npos || at == 0) continue;
        const char level = line[at - 1];
        if (level >= '2' && level <= '5') return std::string("/etc/rc") + level + ".d";
    }
    return "/etc/rc2.d";
}

/// "network.sh" is the service "network".
std::string unit_name(std::string_view script) {
    if (script.ends_with(".sh")) script.remove_suffix(3);
    return std::string(script) + ".service";
}

/// A text for a line of a unit's file.
std::string plain(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c == '%') line += '%';
        line += c == '\\' || static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return line;
}

class Scripts {
public:
    Scripts(const RootView& root, const RootUnits& units, Distribution& distribution)
        : root_(root)
        , units_(units)
        , distribution_(distribution) {}

    std::vector<SystemdUnit> read() {
        for (const std::string& folder : {std::string("/etc/rcS.d"), runlevel_folder(root_)})
            for (const Link& link : links_of(root_, folder))
                take(link.script, true);
        for (const std::string& script : root_.list("/etc/init.d"))
            take(script, false);
        return std::move(made_);
    }

private:
    void take(const std::string& script, bool enabled) {
        if (!seen_.insert(script).second || made_.size() == kMaxSources) return;
        const bool no_script = script.find_first_of(" %\\\"'") != std::string::npos ||
                               script.find(".dpkg-") != std::string::npos;
        if (no_script || units_.has(unit_name(script))) return;
        const std::string_view reason = left_out_reason(script);
        const std::string path = kScripts + script;
        const RootText read = root_.read(path);
        if (!read.text) {
            if (enabled && !read.problem.empty())
                distribution_.left_out.emplace(path, read.problem);
            return;
        }
        if (!reason.empty()) {
            if (enabled) distribution_.left_out.emplace(path, reason);
            return;
        }
        if (!read.text->starts_with("#!")) return;
        add(script, path, read_header(*read.text), leaves_daemon(*read.text), enabled);
    }

    void add(const std::string& script,
             const std::string& path,
             const Header& header,
             bool daemon,
             bool enabled) {
        std::string text = "[Unit]\nDescription=" +
                           plain(header.description.empty() ? script : header.description) + "\n";
        for (const std::string& other : header.after)
            text += "After=" + plain(unit_name(other)) + "\n";
        // Without a header the numbers of the links tell the order.
        if (!header.found && enabled && !made_.empty() && made_.back().enabled.value_or(false))
            text += "After=" + made_.back().name + "\n";
        text += "[Service]\nType=forking\nKillMode=process\nTimeoutSec=5min\n"
                "SuccessExitStatus=5 6\nRestart=" +
                std::string(daemon ? "always" : "no") + "\nExecStart=" + path +
                " start\nExecStop=" + path + " stop\n";
        SystemdUnit unit;
        unit.name = unit_name(script);
        unit.enabled = enabled;
        unit.sources.push_back({path, std::move(text)});
        for (const std::string& other : header.provides) {
            const std::string alias = unit_name(other);
            if (alias != unit.name && !units_.has(alias) && provided_.insert(alias).second &&
                !root_.exists(kScripts + other))
                unit.aliases.push_back(alias);
        }
        made_.push_back(std::move(unit));
    }

    const RootView& root_;
    const RootUnits& units_;
    Distribution& distribution_;
    std::set<std::string> seen_;
    std::set<std::string> provided_;
    std::vector<SystemdUnit> made_;
};

} // namespace

std::vector<SystemdUnit>
init_scripts(const RootView& root, const RootUnits& units, Distribution& distribution) {
    return Scripts(root, units, distribution).read();
}

} // namespace stead::importing
