#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "import/distribution.h"
#include "import/specifiers.h"

/// The two halves of a distribution's services. For this folder's own use.
namespace stead::importing {

/// systemd's units of a root: which file is whose, and what the default target pulls in.
class RootUnits {
public:
    explicit RootUnits(const RootView& root);

    /// Follows the default target. What is left out is told to `distribution`.
    void pull_in(Distribution& distribution);

    /// Every service and target, and the sockets and timers that are pulled in. `first` are units
    /// that all others with systemd's default dependencies wait for.
    [[nodiscard]] std::vector<SystemdUnit> collect(const std::vector<std::string>& first,
                                                   Distribution& distribution) const;

    /// The sockets and timers that are there; after pull_in().
    [[nodiscard]] std::vector<Activator> activators() const;

    /// True where a unit or a link of this name exists, masked or not.
    [[nodiscard]] bool has(const std::string& name) const { return files_.contains(name); }

private:
    struct Found {
        std::string name;
        std::string path;
        bool masked = false;
    };

    [[nodiscard]] Found find(std::string name) const;
    [[nodiscard]] std::string template_path(const UnitNames& names) const;
    [[nodiscard]] std::vector<std::string> asked_by_links(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> asked_by_text(const Found& found) const;
    [[nodiscard]] std::vector<std::string> clusters() const;
    [[nodiscard]] std::optional<SystemdUnit> unit_of(const Found& found,
                                                     const std::vector<std::string>& first,
                                                     Distribution& distribution) const;
    void add_drop_ins(SystemdUnit& unit, Distribution& distribution) const;
    void tell_generators(Distribution& distribution) const;

    const RootView& root_;
    /// Names and where the file or link that counts lies.
    std::map<std::string, std::string> files_;
    /// Names of links and the unit each leads to.
    std::map<std::string, std::string> aliases_;
    /// Names of folders ("web.service.d", "timers.target.wants") and where they lie.
    std::map<std::string, std::vector<std::string>> folders_;
    std::set<std::string> wanted_;
    /// Names in kStartedByHand and kStoppedByHand.
    std::set<std::string> started_;
    std::set<std::string> stopped_;
};

/// Init scripts without a unit of systemd's, as such units.
std::vector<SystemdUnit>
init_scripts(const RootView& root, const RootUnits& units, Distribution& distribution);

} // namespace stead::importing
