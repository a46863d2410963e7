#include "import/read.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include <fnmatch.h>

#include "import/distribution.h"
#include "import/specifiers.h"
#include "import/supervisord_text.h"
#include "import/systemd_text.h"

namespace stead::importing {

namespace {

namespace fs = std::filesystem;

/// Where systemd looks for a system's units, the first first.
constexpr std::array<std::string_view, 6> kFolders{
    "/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator"};

constexpr std::array<std::string_view, 11> kSuffixes{".service", ".socket", ".timer",     ".target",
                                                     ".path",    ".mount",  ".automount", ".swap",
                                                     ".slice",   ".scope",  ".device"};

std::string inside(std::string folder, std::string_view name) {
    if (!folder.ends_with('/')) folder += '/';
    return folder.append(name);
}

std::string folder_name(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

/// The names of a folder's entries, sorted; none if it cannot be read.
std::vector<std::string> entries_of(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code failed;
    for (fs::directory_iterator next(folder, failed), end; !failed && next != end;
         next.increment(failed)) {
        names.push_back(next->path().filename().string());
        if (names.size() == kMaxSources * 4) break;
    }
    std::sort(names.begin(), names.end());
    return names;
}

class Reader {
public:
    explicit Reader(const Options& options)
        : options_(options) {}

    Import read(const std::vector<std::string>& arguments) {
        for (const std::string& argument : arguments)
            take(argument);
        Import all = import_systemd(units_, options_);
        for (const NspawnFile& file : nspawn_)
            append(all, import_nspawn(file, options_));
        append(all, import_lxc(lxc_, options_));
        for (const std::vector<Source>& sources : supervisord_)
            append(all, import_supervisord(sources, options_));
        refuse_doubles(all);
        all.skipped.insert(all.skipped.begin(), skipped_.begin(), skipped_.end());
        return all;
    }

private:
    void skip(const std::string& source, std::string reason, bool harmless = false) {
        skipped_.push_back({source, std::move(reason), harmless});
    }

    static void append(Import& all, Import more) {
        std::move(more.units.begin(), more.units.end(), std::back_inserter(all.units));
        std::move(more.skipped.begin(), more.skipped.end(), std::back_inserter(all.skipped));
    }

    /// Two sources may have one name: a unit of supervisord's that of one of systemd's.
    static void refuse_doubles(Import& all) {
        std::set<std::string> seen;
        std::vector<ImportedUnit> kept;
        for (ImportedUnit& unit : all.units) {
            if (seen.insert(unit.name).second) {
                kept.push_back(std::move(unit));
            } else {
                all.skipped.push_back(
                    {unit.source, "there is a file '" + unit.name + ".toml' already", false});
            }
        }
        all.units = std::move(kept);
    }

    void take(const std::string& argument) {
        std::error_code failed;
        const fs::file_status status = fs::status(argument, failed);
        if (fs::is_directory(status)) return take_folder(argument);
        if (fs::exists(status) && argument.find('/') != std::string::npos)
            return take_file(argument);
        if (fs::exists(status) && (is_systemd_name(argument) || is_container_name(argument) ||
                                   argument.ends_with(".conf") || argument.ends_with(".ini")))
            return take_file(argument);
        if (argument.find('/') != std::string::npos)
            return skip(argument, "there is no such file or folder");
        take_name(argument);
    }

    void take_folder(const std::string& folder) {
        const std::size_t before = taken();
        for (const std::string& name : entries_of(folder)) {
            const std::string path = inside(folder, name);
            std::error_code failed;
            if (fs::is_directory(path, failed)) {
                // /var/lib/lxc/NAME/config
                if (fs::exists(inside(path, "config"), failed)) take_text(inside(path, "config"));
            } else if (is_systemd_name(name) || name.ends_with(".nspawn")) {
                take_file(path);
            } else if (name.ends_with(".conf") || name.ends_with(".ini") || name == "config") {
                take_text(path);
            }
            if (sources_ >= kMaxSources) {
                skip(folder,
                     "more than " + std::to_string(kMaxSources) + " files; the rest is left out");
                break;
            }
        }
        if (taken() == before)
            skip(folder, "there is no unit of systemd's, program of supervisord's or container of "
                         "systemd-nspawn's or LXC's in it");
    }

    [[nodiscard]] std::size_t taken() const {
        return units_.size() + supervisord_.size() + nspawn_.size() + lxc_.size() + skipped_.size();
    }

    /// A file of a folder whose name says little: taken if what is in it is known.
    void take_text(const std::string& path) {
        const ReadText read = read_source(path);
        if (!read.text) return;
        if (is_supervisord(*read.text)) return take_supervisord(path, *read.text);
        if (is_lxc(*read.text) && read.text->find("lxc.rootfs.path") != std::string::npos)
            take_lxc(path, *read.text);
    }

    void take_lxc(const std::string& path, const std::string& text) {
        lxc_.push_back(read_lxc({path, text}, options_));
        sources_ += 1 + lxc_.back().included.size();
    }

    void take_nspawn(const std::string& path, const std::string& text) {
        nspawn_.push_back(nspawn_of({path, text}, options_));
        sources_ += 1;
    }

    void take_file(const std::string& path) {
        const std::string name(base_name(path));
        const std::string real = is_systemd_name(name) ? real_file(path) : path;
        const std::string real_name(base_name(real));
        const ReadText read = read_source(real);
        if (!read.text) return skip(path, read.problem);
        if (name.ends_with(".nspawn")) return take_nspawn(path, *read.text);
        if (!is_systemd_name(name)) {
            if (is_supervisord(*read.text)) return take_supervisord(path, *read.text);
            if (is_lxc(*read.text)) return take_lxc(path, *read.text);
            return skip(path, "neither a unit of systemd's or settings of systemd-nspawn's by its "
                              "name, nor a file of supervisord's or LXC's");
        }
        const UnitNames names = names_of(name);
        const bool is_instance = names_of(real_name).is_template && !names.instance.empty();
        add_unit(real_name, {real, *read.text}, {folder_name(path)},
                 is_instance ? names.instance : "");
        if (real_name != name && !is_instance) add_alias(real_name, name);
    }

    /// The file that a link to another unit's name stands for; what links to nothing near by is
    /// looked for in the link's own folder.
    std::string real_file(const std::string& path) const {
        std::error_code failed;
        std::string real = resolved(path);
        if (real == path || !is_systemd_name(base_name(real))) return path;
        if (fs::exists(real, failed)) return real;
        const std::string beside = inside(folder_name(path), base_name(real));
        return fs::exists(beside, failed) ? beside : path;
    }

    void add_alias(const std::string& name, const std::string& alias) {
        for (SystemdUnit& unit : units_)
            if (unit.name == name) unit.aliases.push_back(alias);
    }

    std::string below_root(std::string_view path) const {
        return options_.root + std::string(path);
    }

    /// The file of a container of this name, where there is one.
    [[nodiscard]] std::string container_file(const std::string& name) const {
        const std::string stem = name.ends_with(".nspawn") ? name.substr(0, name.size() - 7) : name;
        std::vector<std::string> paths;
        for (const char* folder :
             {"/etc/systemd/nspawn/", "/run/systemd/nspawn/", "/var/lib/machines/"})
            paths.push_back(below_root(folder + stem + ".nspawn"));
        if (stem == name) paths.push_back(below_root("/var/lib/lxc/" + name + "/config"));
        for (const std::string& path : paths) {
            std::error_code failed;
            if (fs::is_regular_file(path, failed)) return path;
        }
        return {};
    }

    void take_name(std::string name) {
        const std::string container = container_file(name);
        if (!is_systemd_name(name)) name += ".service";
        const UnitNames names = names_of(name);
        const std::string general =
            names.instance.empty() ? name : names.prefix + "@." + names.suffix;
        std::vector<std::string> folders;
        folders.reserve(kFolders.size());
        for (const std::string_view folder : kFolders)
            folders.push_back(below_root(folder));
        for (const std::string& wanted : {name, general}) {
            for (const std::string& folder : folders) {
                const std::string path = inside(folder, wanted);
                std::error_code failed;
                if (!fs::exists(fs::symlink_status(path, failed))) continue;
                // A link between names is an alias: the unit is called as it is there.
                const std::string real = resolved(path);
                const ReadText read = read_source(real);
                if (!read.text) return skip(path, read.problem);
                add_unit(alias_of(wanted, real), {real, *read.text}, folders, names.instance);
                return;
            }
        }
        if (!container.empty()) return take_file(container);
        skip(name, "there is no such unit in " + below_root(kFolders.front()) +
                       " and where else systemd looks, nor a container of this name");
    }

    /// What a link leads to, below the root that is looked through.
    std::string resolved(const std::string& path) const {
        std::string now = path;
        for (int step = 0; step < 16; ++step) {
            std::error_code failed;
            if (!fs::is_symlink(fs::symlink_status(now, failed))) return now;
            const fs::path target = fs::read_symlink(now, failed);
            if (failed || target == "/dev/null") return now;
            now = target.is_absolute()
                      ? below_root(target.string())
                      : (fs::path(now).parent_path() / target).lexically_normal().string();
        }
        return now;
    }

    static std::string alias_of(const std::string& wanted, const std::string& real) {
        const std::string name(base_name(real));
        return is_systemd_name(name) ? name : wanted;
    }

    /// `instance`: of a template, the one that was asked for.
    void add_unit(const std::string& name,
                  Source main,
                  const std::vector<std::string>& folders,
                  const std::string& instance = {}) {
        for (SystemdUnit& known : units_) {
            if (known.name != name) continue;
            if (!instance.empty()) known.instances.push_back(instance);
            return;
        }
        sources_ += 1;
        SystemdUnit unit;
        unit.name = name;
        if (!instance.empty() && names_of(name).is_template) unit.instances.push_back(instance);
        unit.sources.push_back(std::move(main));
        add_drop_ins(unit, folders, instance);
        units_.push_back(std::move(unit));
    }

    /// Of files with one name the folder that stands first counts; all are read in the order of
    /// their names.
    void add_drop_ins(SystemdUnit& unit,
                      const std::vector<std::string>& folders,
                      const std::string& instance) {
        UnitNames names = names_of(unit.name);
        std::vector<std::string> levels = drop_in_folders(names);
        if (!instance.empty() && names.is_template)
            levels.push_back(names.prefix + "@" + instance + "." + names.suffix + ".d");
        std::map<std::string, std::string> found;
        for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
            for (const std::string& folder : folders) {
                const std::string path = folder + "/" + *level;
                for (const std::string& file : entries_of(path))
                    if (file.ends_with(".conf") && !file.starts_with('.'))
                        found.emplace(file, inside(path, file));
            }
        }
        for (const auto& [file, path] : found) {
            if (++sources_ > kMaxSources) return;
            ReadText read = read_source(resolved(path));
            if (read.text) {
                unit.sources.push_back({path, std::move(*read.text)});
            } else {
                skip(path, read.problem);
            }
        }
    }

    void take_supervisord(const std::string& path, const std::string& text) {
        std::vector<Source> sources{{path, text}};
        for (const Section& section : parse_supervisord(sources.front())) {
            if (section.name != "include") continue;
            for (const Setting& setting : section.settings) {
                if (setting.name != "files") continue;
                for (const std::string& pattern : split_blanks(setting.value))
                    include(pattern, folder_name(path), sources);
            }
        }
        sources_ += sources.size();
        supervisord_.push_back(std::move(sources));
    }

    /// Patterns in the last part of the path alone: files of one folder.
    void include(std::string pattern, const std::string& here, std::vector<Source>& sources) {
        const auto mark = pattern.find("%(here)s");
        if (mark != std::string::npos) pattern.replace(mark, 8, here);
        if (!pattern.starts_with('/')) {
            pattern = here + "/" + pattern;
        } else if (mark == std::string::npos) {
            pattern = below_root(pattern);
        }
        const std::string folder = folder_name(pattern);
        const std::string last(base_name(pattern));
        bool any = false;
        for (const std::string& name : entries_of(folder)) {
            if (::fnmatch(last.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
            if (sources.size() + sources_ >= kMaxSources) return;
            const std::string path = inside(folder, name);
            ReadText read = read_source(path);
            if (read.text) {
                sources.push_back({path, std::move(*read.text)});
                any = true;
            } else {
                skip(path, read.problem);
            }
        }
        if (!any) skip(pattern, "[include] names no file that is there", true);
    }

    const Options& options_;
    std::vector<SystemdUnit> units_;
    std::vector<std::vector<Source>> supervisord_;
    std::vector<NspawnFile> nspawn_;
    std::vector<LxcConfig> lxc_;
    std::vector<Skipped> skipped_;
    std::size_t sources_ = 0;
};

} // namespace

bool is_systemd_name(std::string_view name) {
    return std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](std::string_view suffix) {
        return name.size() > suffix.size() && name.ends_with(suffix);
    });
}

std::vector<std::string> drop_in_folders(const UnitNames& names) {
    std::vector<std::string> folders{names.suffix + ".d"};
    const std::string_view prefix = names.prefix;
    const bool dashed = names.full.find('@') == std::string::npos;
    for (std::size_t at = prefix.find('-'); dashed && at != std::string_view::npos;
         at = prefix.find('-', at + 1)) {
        if (at + 1 < prefix.size())
            folders.push_back(std::string(prefix.substr(0, at + 1)) + "." + names.suffix + ".d");
    }
    if (!names.instance.empty()) folders.push_back(names.prefix + "@." + names.suffix + ".d");
    folders.push_back(names.full + ".d");
    return folders;
}

Import import_arguments(const std::vector<std::string>& arguments, const Options& options) {
    return Reader(options).read(arguments);
}

} // namespace stead::importing
