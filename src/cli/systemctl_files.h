#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/asking.h"
#include "import/distribution.h"

/// What systemctl says of unit files, and the links it makes.
namespace stead::cli {

/// Where a unit file of a root lies, and how it is enabled.
struct UnitFile {
    /// The name behind its aliases.
    std::string name;
    /// Empty: there is none.
    std::string path;
    /// As `systemctl is-enabled` says it; empty where there is no such unit.
    std::string state;
};

/// `name` is full ("web.service").
UnitFile unit_file(const importing::RootView& root, const std::string& name);

/// Every unit's full name, sorted.
std::vector<std::string> unit_file_names(const importing::RootView& root);

/// The words of each line of [Install].
std::map<std::string, std::vector<std::string>> install_section(const importing::RootView& root,
                                                                const UnitFile& file);

/// RemainAfterExit= of a unit's file; a unit that has none of systemd's stays.
bool stays_after_exit(const importing::RootView& root, const std::string& name);

/// Why a unit that has a file is not among Stead's.
std::string why_not_here(const importing::RootView& root, const std::string& name);

/// Whether presets (systemd.preset(5)) want the unit; without a word of theirs they do.
bool preset_enables(const importing::RootView& root, const std::string& name);

/// True for names with '*', '?' or '[' in them.
bool is_pattern(std::string_view name);
bool matches(const std::string& pattern, const std::string& name);

/// Links below a root's folders of units. What goes wrong is said.
class UnitLinks {
public:
    UnitLinks(Asking& asking, std::string root)
        : asking_(asking)
        , root_(std::move(root)) {}

    /// Makes `path` a link to `target`, its folder if need be, in place of another link.
    bool put(const std::string& path, const std::string& target);
    /// Removes the link `path`; what is no link stays.
    bool remove(const std::string& path);

    /// "Created symlink A → B.", "Removed A."
    [[nodiscard]] const std::vector<std::string>& told() const { return told_; }

private:
    Asking& asking_;
    std::string root_;
    std::vector<std::string> told_;
};

/// Makes the S links of an init script in the runlevels of several users and takes away its K
/// links, or the other way round.
bool set_script(const importing::RootView& root,
                UnitLinks& links,
                const std::string& script,
                bool enabled);

} // namespace stead::cli
