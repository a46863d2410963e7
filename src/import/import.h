#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unitfile/reader.h"

/// Turns the files of others into unit files (systemd units with their drop-ins, supervisord
/// programs) and guest files (containers of systemd-nspawn and LXC), and says of every directive
/// whether its meaning was kept, nearly kept, or could not be. It refuses to guess in silence: what
/// has no counterpart is listed with the reason. It runs nothing, asks no running service manager,
/// and writes no file; of the system it reads what it is pointed at. (`import` itself is a word of
/// the language, hence the namespace's name.)
namespace stead::importing {

/// No source file is larger, and no source has more lines with a directive.
inline constexpr std::size_t kMaxSourceSize = 1U << 20U;
inline constexpr std::size_t kMaxDirectives = 4096;
/// Files that one call reads: a folder, its drop-ins, what supervisord's [include] names.
inline constexpr std::size_t kMaxSources = 4096;

enum class Mapping : std::uint8_t { Exact, Approximated, NotMapped };

/// Where a directive stands.
struct Origin {
    std::string file;
    std::uint32_t line = 0;
};

/// What became of one directive.
struct Item {
    Origin origin;
    std::string section;
    std::string name;
    std::string value;
    Mapping mapping = Mapping::Exact;
    /// Why it is not exact, in a clause; of exact ones at times what makes them so.
    std::string note;
    /// Full names of the keys it went into; none where nothing had to be written.
    std::vector<std::string> keys;
};

/// One unit or guest file that was made.
struct ImportedUnit {
    /// The unit's or guest's name; the file is NAME.toml.
    std::string name;
    unitfile::Kind kind = unitfile::Kind::Unit;
    /// "redis-server.service", "supervisord.conf [program:web]": what it was made from.
    std::string source;
    std::string text;
    std::vector<Item> items;
    /// What a person should know beside the items: a unit that must be imported too.
    std::vector<std::string> remarks;
    /// Keys of `text` that this build of Stead refuses as not supported yet.
    std::vector<std::string> not_yet;

    [[nodiscard]] std::size_t count(Mapping mapping) const;
};

/// A source that gave no unit at all, and why: "a slice: ...".
struct Skipped {
    std::string source;
    std::string reason;
    /// Nothing is wrong with it; it is of a kind that is not imported.
    bool harmless = false;
};

struct Import {
    std::vector<ImportedUnit> units;
    std::vector<Skipped> skipped;
};

struct Options {
    /// Names are looked up below it, and what they link to; empty: the system's own root.
    std::string root;
    /// Keys that this build does not support yet are left out, and listed, instead of written.
    bool only_supported = false;
    /// A service that says nothing about restarts gets Stead's own policy, on-failure, instead of
    /// systemd's, no.
    bool own_restart = false;
    /// The largest hard limit of this resource of setrlimit(2) that can be had: more is not asked
    /// for, as systemd does in containers. Without it every limit is taken as it is written.
    std::function<std::uint64_t(std::uint32_t resource)> hard_limit;
    /// Whether there is a system call or group ("@mount") of this name; without it every name
    /// counts as one.
    std::function<bool(std::string_view)> is_call;
};

/// A file's text by its name.
struct Source {
    std::string path;
    std::string text;
};

/// A systemd unit: its main file first, then its drop-ins in the order they count.
struct SystemdUnit {
    /// "postgresql@15-main.service"
    std::string name;
    std::vector<Source> sources;
    /// Of a template: the instances that were asked for.
    std::vector<std::string> instances;
    /// Names of links to its file.
    std::vector<std::string> aliases;
    /// Whether it starts with the system, where links tell. What [Install] would do is then not
    /// asked; without it every unit with such a section counts as enabled.
    std::optional<bool> enabled = {};
};

/// A settings file of systemd-nspawn (systemd.nspawn(5)).
struct NspawnFile {
    /// The container's: "web" of web.nspawn.
    std::string name;
    Source source;
    /// It lies beside the image: systemd-nspawn takes no privileged settings from it.
    bool untrusted = false;
};

/// The configuration of an LXC container (lxc.container.conf(5)): its file, and behind it what
/// lxc.include and lxc.mount.fstab of any of them name.
struct LxcConfig {
    std::string name;
    Source source;
    /// Files by the name they are called by, in the order that lxc.include of a folder takes them.
    std::map<std::string, std::vector<Source>, std::less<>> included;
    /// Names of `included` that could not be read, and why.
    std::map<std::string, std::string, std::less<>> unreadable;
};

/// One run over everything that was asked for. Sockets and timers become part of the unit they
/// start.
Import import_systemd(const std::vector<SystemdUnit>& units, const Options& options);

/// The programs and groups of one supervisord configuration, the files of its [include] behind it.
Import import_supervisord(const std::vector<Source>& sources, const Options& options);

/// A guest file.
Import import_nspawn(const NspawnFile& file, const Options& options);

/// Guest files. The containers are one set: lxc.start.order becomes `after`.
Import import_lxc(const std::vector<LxcConfig>& configs, const Options& options);

/// True for text that has a section of supervisord's.
bool is_supervisord(std::string_view text);

/// True for text with a key of LXC's ("lxc.rootfs.path").
bool is_lxc(std::string_view text);

/// Reads everything `argument` names and imports it: a file, a folder of files, or a unit's name
/// ("redis-server", "postgresql@15-main.service"), which is looked for where systemd looks; a name
/// that no unit has is looked for among the containers of systemd-nspawn and LXC.
/// Everything given to one call is one set.
Import import_arguments(const std::vector<std::string>& arguments, const Options& options);

} // namespace stead::importing
