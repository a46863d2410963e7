#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/import.h"

/// The services of a distribution's root as unit files: systemd's units with their drop-ins,
/// aliases and instances, enabled where a link below the default target pulls them in, and init
/// scripts where no unit stands for them. Nothing of the root is run, so what generators would make
/// is not there, but for PostgreSQL's clusters. Units that stand for what Stead does itself, or for
/// the host's machine, are left out by one table, and everything that is not kept is told.
namespace stead::importing {

/// A file's text, or why there is none. Both empty: there is no such file.
struct RootText {
    std::optional<std::string> text;
    std::string problem;
};

/// What lies below a root, which may be hostile: links are followed inside it, nothing is waited
/// for, and every answer has a bound. Paths begin with '/'.
struct RootView {
    /// The names in a folder, in any order; none where there is no folder.
    std::function<std::vector<std::string>(const std::string& folder)> list;
    /// What a symbolic link says; nothing for everything else.
    std::function<std::optional<std::string>(const std::string& path)> link;
    /// /dev/null, which masks a unit, is an empty text.
    std::function<RootText(const std::string& path)> read;
    std::function<bool(const std::string& path)> exists;
};

struct Distribution {
    struct Unit {
        std::string name;
        /// The file it was made of.
        std::string source;
        std::string text;
        bool enabled = false;
        /// What of its lines is not kept.
        std::vector<Item> lost;
    };

    /// Without two of one name.
    std::vector<Unit> units;
    /// Units that the system would start, by name, and why they are not here.
    std::map<std::string, std::string> left_out;
    /// Else: names, and what is to be said of them.
    std::map<std::string, std::string> others;
};

/// One thing that is left out, and why.
struct Note {
    std::string what;
    std::string why;
};

Distribution import_distribution(const RootView& root, const Options& options);

/// What is not kept, for people, each with the units it is about: of what starts with the system,
/// in a few dozen notes as `status` can show them, or of all units in as many as it takes.
std::vector<Note> notes_of(const Distribution& distribution, bool everything);

/// Why a unit of systemd's or an init script means nothing in a guest; empty: it does.
std::string_view left_out_reason(std::string_view name);

/// True for targets, mounts and slices that only stand for what a guest has anyway.
bool is_standard_unit(std::string_view name);

/// Where systemd's units lie, the folder that counts first first.
inline constexpr std::string_view kUnitFolders[] = {
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system"};

/// Sockets and timers that systemctl has started or stopped, whatever their links say: a name each,
/// until the guest's end.
inline constexpr std::string_view kStartedByHand = "/run/systemd/started";
inline constexpr std::string_view kStoppedByHand = "/run/systemd/stopped";

/// A socket or timer that is neither masked nor left out.
struct Activator {
    std::string name;
    std::string path;
    /// Stead's unit that it is a part of, and that it starts.
    std::string unit;
    /// It is pulled in, or was started by hand.
    bool active = false;
};

/// Sorted by name.
std::vector<Activator> activators_of(const RootView& root);

/// True for names of sockets and timers.
bool is_activator(std::string_view name);

/// True for names with one of systemd's suffixes.
bool is_systemd_name(std::string_view name);

} // namespace stead::importing
