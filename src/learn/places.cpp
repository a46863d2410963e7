#include "learn/places.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace stead::learn {

namespace {

/// A jail's own: made new at each start.
constexpr std::array<std::string_view, 6> kOwn{"/proc",      "/sys", "/dev",
                                               "/run/stead", "/tmp", "/var/tmp"};
/// What a jail shows of the host's programs (compile/mounts.h).
constexpr std::array<std::string_view, 8> kPrograms{"/usr",   "/bin",   "/sbin",   "/lib",
                                                    "/lib32", "/lib64", "/libx32", "/etc"};
constexpr std::array<std::string_view, 8> kCommon{"/var/lib",   "/var/cache", "/var/log",
                                                  "/var/spool", "/var/run",   "/usr/local",
                                                  "/usr/share", "/usr/lib"};

/// So many side by side are taken as a whole.
constexpr std::size_t kMany = 6;

struct Base {
    std::string_view key;
    std::string_view folder;
};

constexpr std::array kBases{Base{"state", "/var/lib"}, Base{"cache", "/var/cache"},
                            Base{"logs", "/var/log"}, Base{"runtime", "/run"}};

bool is_below(std::string_view path, std::string_view folder) {
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

template <typename List>
bool is_below_any(std::string_view path, const List& folders) {
    return std::any_of(folders.begin(), folders.end(),
                       [&](std::string_view folder) { return is_below(path, folder); });
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool writes(Want want) {
    return want == Want::Write || want == Want::ReadWrite || want == Want::Change ||
           want == Want::Attribute;
}

/// ".ssh", ".gnupg": what else lies there is nobody's business.
bool is_hidden(const std::string& folder) {
    return folder[folder.rfind('/') + 1] == '.';
}

/// Much else lives there.
bool is_common(const std::string& folder) {
    const auto depth = std::count(folder.begin(), folder.end(), '/');
    if (depth < 2 || (depth == 2 && folder.starts_with("/home/"))) return true;
    return std::find(kCommon.begin(), kCommon.end(), folder) != kCommon.end();
}

/// Collects the mounts and folders of all uses.
class Fold {
public:
    Fold(const Settings& settings, Learned& learned)
        : settings_(settings)
        , learned_(learned) {}

    void add(const PlaceUse& use);
    void finish();

private:
    struct Mount {
        std::string from;
        std::string why;
        bool writable = false;
    };

    [[nodiscard]] bool is_visible(const std::string& path) const {
        return !settings_.root.empty() || is_below_any(path, kPrograms);
    }

    bool add_directory(const PlaceUse& use);
    void add_written(const PlaceUse& use);
    void add_read(const PlaceUse& use);
    void mount(const std::string& path, const std::string& from, const std::string& why, bool rw);
    void join_files();
    void join_siblings();
    [[nodiscard]] bool is_covered(const std::string& path, const Mount& mount) const;

    const Settings& settings_;
    Learned& learned_;
    std::map<std::string, Mount> mounts_;
    std::set<std::string> directories_;
    /// Folders that have to be there, whatever is in them.
    std::map<std::string, std::pair<std::string, std::string>> looked_;
    /// Files that were read, by the two names of the folder that could be bound in their place.
    std::map<std::pair<std::string, std::string>, std::map<std::string, Mount>> files_;
};

void Fold::mount(const std::string& path,
                 const std::string& from,
                 const std::string& why,
                 bool rw) {
    const auto [found, is_new] = mounts_.try_emplace(path, Mount{from, why, rw});
    if (is_new || !rw || found->second.writable) return;
    found->second = {from, why, true};
}

/// A folder of the unit's own, of those that a jail makes and keeps.
bool Fold::add_directory(const PlaceUse& use) {
    for (const Base& base : kBases) {
        if (!is_below(use.path, base.folder) || use.path.size() <= base.folder.size() + 1) continue;
        const auto end = use.path.find('/', base.folder.size() + 1);
        const bool itself = end == std::string::npos;
        // A file beside the others' folders is none.
        if (itself && !use.folder) return base.key == "runtime";
        const std::string name =
            use.path.substr(base.folder.size() + 1, end - base.folder.size() - 1);
        if (!settings_.nameable(name)) return false;
        if (directories_.insert(std::string(base.folder) + "/" + name).second)
            learned_.directories[std::string(base.key)].push_back({name, use.why});
        return true;
    }
    return false;
}

void Fold::add_written(const PlaceUse& use) {
    if (settings_.root.empty() && add_directory(use)) return;
    const bool whole = use.want == Want::Change || !use.existed;
    std::string path = whole ? parent_of(use.path) : use.path;
    std::string real = whole ? parent_of(use.real) : use.real;
    // What the program made itself is not there before it runs.
    while (real != "/" && !settings_.exists(real)) {
        real = parent_of(real);
        path = parent_of(path);
    }
    if (real == "/" || path == "/") {
        learned_.notes.push_back(use.path + " was written (" + use.why +
                                 "), and a jail's own root takes no files: make a folder for it");
        return;
    }
    const bool told = mounts_.contains(path) && mounts_.at(path).writable;
    if (whole && is_common(path) && !told) {
        learned_.notes.push_back("all of " + path + " is writable below, since " + use.path +
                                 " was made or removed right in it (" + use.why +
                                 "); a folder of its own would be less");
    }
    mount(path, real, "written: " + use.why, true);
}

void Fold::add_read(const PlaceUse& use) {
    if (is_visible(use.path) || is_below(use.path, "/run")) {
        // Sockets and files of others in /run: each by itself.
        if (is_below(use.path, "/run") && !use.folder && settings_.exists(use.real) &&
            !is_visible(use.path))
            mount(use.path, use.real, use.why, false);
        return;
    }
    if (!settings_.exists(use.real)) return;
    const std::string& path = use.path;
    const std::string& real = use.real;
    if (use.folder) {
        if (use.want == Want::Look && !is_common(path)) looked_.try_emplace(path, real, use.why);
        if (use.want == Want::Look) return;
        if (is_common(path)) {
            learned_.notes.push_back(path + " was listed (" + use.why +
                                     "); too much lies there to be bound, so it is empty but for "
                                     "what is named here");
            return;
        }
    } else if (!is_common(parent_of(path)) && !is_common(parent_of(real)) &&
               !is_hidden(parent_of(path)) && !is_hidden(parent_of(real))) {
        files_[{parent_of(path), parent_of(real)}].try_emplace(path, Mount{real, use.why, false});
        return;
    }
    mount(path, real, use.why, false);
}

void Fold::add(const PlaceUse& use) {
    if (is_below_any(use.path, kOwn) || is_below_any(use.path, settings_.bound)) return;
    if (writes(use.want)) {
        add_written(use);
    } else {
        add_read(use);
    }
}

/// A file alone is bound alone; who reads several reads its neighbours as well, and who reads one
/// in each of many folders side by side reads these folders.
void Fold::join_files() {
    std::map<std::string, std::size_t> beside;
    for (const auto& [folder, files] : files_)
        ++beside[parent_of(folder.first)];
    for (const auto& [folder, files] : files_) {
        const auto& [path, file] = *files.begin();
        if (files.size() > 1 || beside[parent_of(folder.first)] >= kMany) {
            mount(folder.first, folder.second, file.why, false);
        } else {
            mount(path, file.from, file.why, false);
        }
    }
}

/// Many folders side by side are one.
void Fold::join_siblings() {
    std::map<std::string, std::size_t> children;
    for (const auto& [path, mount] : mounts_)
        if (!mount.writable && path == mount.from) ++children[parent_of(path)];
    for (const auto& [folder, count] : children)
        if (count >= kMany && !is_common(folder) && !is_hidden(folder))
            mount(folder, folder, mounts_.lower_bound(folder + "/")->second.why, false);
}

bool Fold::is_covered(const std::string& path, const Mount& mount) const {
    if (is_below_any(path, directories_)) return true;
    return std::any_of(mounts_.begin(), mounts_.end(), [&](const auto& other) {
        return other.first != path && is_below(path, other.first) &&
               (other.second.writable || !mount.writable);
    });
}

void Fold::finish() {
    join_files();
    join_siblings();
    for (const auto& [path, looked] : looked_) {
        const auto below = mounts_.lower_bound(path);
        const bool is_made = below != mounts_.end() && is_below(below->first, path);
        if (!is_made) mount(path, looked.first, looked.second, false);
    }
    for (const auto& [path, mount] : mounts_) {
        if (is_covered(path, mount)) continue;
        if (!settings_.nameable(settings_.root + mount.from + path)) {
            learned_.notes.push_back("a file was used (" + mount.why +
                                     ") whose name cannot stand in a bind; bind a folder above it");
            continue;
        }
        learned_.binds.push_back(
            {settings_.root + mount.from + ":" + path + (mount.writable ? "" : ":ro"), mount.why});
    }
}

} // namespace

void fold_places(const std::vector<PlaceUse>& uses, const Settings& settings, Learned& learned) {
    Fold fold(settings, learned);
    for (const PlaceUse& use : uses)
        fold.add(use);
    fold.finish();
}

bool is_of_host(const std::string& path, const Settings& settings, const Learned& learned) {
    if (is_below_any(path, kOwn)) return path == "/dev" || path.starts_with("/run/stead");
    if (!settings.root.empty() || is_below_any(path, settings.bound)) return true;
    for (const Base& base : kBases) {
        const auto found = learned.directories.find(std::string(base.key));
        if (found == learned.directories.end()) continue;
        for (const Reasoned& directory : found->second) {
            const std::string folder = std::string(base.folder) + "/" + directory.text;
            // What lies below was made by the program, or is the host's.
            if (path == folder) return base.key != "runtime" && settings.exists(folder);
            if (is_below(path, folder)) return true;
        }
    }
    if (is_below_any(path, kPrograms) || is_below(path, "/run")) return true;
    return std::any_of(learned.binds.begin(), learned.binds.end(), [&](const Reasoned& bind) {
        const auto begin = bind.text.find(':') + 1;
        return is_below(path, bind.text.substr(begin, bind.text.find(':', begin) - begin));
    });
}

} // namespace stead::learn
