#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include <dirent.h>
#include <errno.h>

#include "base/close_folder.h"
#include "base/error.h"
#include "model/names.h"
#include "unitfile/drafts.h"
#include "unitfile/layers.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"
#include "unitfile/suggest.h"

/// Folders of units: which file is whose, what lies over it, and which instances templates have.
namespace stead::unitfile {

namespace {

/// More entries than this in a unit folder is no unit folder.
constexpr std::size_t kMaxEntries = 16384;
constexpr std::string_view kFile = ".toml";
constexpr std::string_view kDropIns = ".toml.d";

/// Names and the path of each.
using Paths = std::map<std::string, std::string>;

std::string words_of(int code) {
    const auto text = describe(make_error("", "", code));
    std::string words(text.view());
    while (!words.empty() && (words.front() == ':' || words.front() == ' '))
        words.erase(words.begin());
    return words;
}

/// The entries of `folder` that end in `ending`, without it. False: there is no such folder.
bool list_folder(const std::string& folder,
                 const std::vector<std::pair<std::string_view, Paths*>>& wanted,
                 Diagnostics& diagnostics) {
    const std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
    if (!open) {
        if (errno != ENOENT) diagnostics.error({folder, 0, 0}, words_of(errno));
        return false;
    }
    std::size_t count = 0;
    // readdir is safe here: the stream is ours alone.
    while (const dirent* entry = ::readdir(open.get())) { // NOLINT(concurrency-mt-unsafe)
        if (++count > kMaxEntries) {
            diagnostics.error({folder, 0, 0}, "more than 16384 entries; the rest is left out");
            break;
        }
        const std::string_view name = entry->d_name;
        // Hidden files are editors' and package managers' own.
        if (name.starts_with('.')) continue;
        for (const auto& [ending, paths] : wanted) {
            if (!name.ends_with(ending)) continue;
            // What an earlier folder had stays.
            paths->emplace(name.substr(0, name.size() - ending.size()),
                           folder + "/" + std::string(name));
            break;
        }
    }
    return true;
}

/// The first error of `diagnostics` from index `first` on, in one line.
std::string first_error(const Diagnostics& diagnostics, std::size_t first) {
    for (std::size_t i = first; i < diagnostics.all().size(); ++i) {
        const Diagnostic& diagnostic = diagnostics.all()[i];
        if (diagnostic.severity != Severity::Error) continue;
        return render(diagnostic.place) + ": " + diagnostic.message;
    }
    return {};
}

/// "web@" of "web@1"; empty for a unit that is no instance.
std::string template_of(std::string_view unit) {
    const auto at = unit.find('@');
    return at == std::string_view::npos ? std::string() : std::string(unit.substr(0, at + 1));
}

class Loader {
public:
    Loader(Diagnostics& diagnostics,
           const FileReader& environment,
           const std::vector<UnitText>& others)
        : diagnostics_(diagnostics)
        , environment_(environment)
        , others_(others) {}

    UnitFolders load(const std::vector<std::string>& folders) {
        for (const std::string& folder : folders)
            search(folder);
        for (const UnitText& other : others_) {
            if (files_.emplace(other.name, other.source).second)
                texts_.emplace(other.source, &other.text);
        }
        for (const auto& [name, path] : files_) {
            if (is_template(name)) {
                load_instances(name);
            } else {
                (void)load_one(name, path);
            }
        }
        load_referenced();
        complain_about_idle_drop_ins();
        std::sort(result_.units.begin(), result_.units.end(),
                  [](const UnitSpec& a, const UnitSpec& b) { return a.name < b.name; });
        std::sort(result_.rejected.begin(), result_.rejected.end(),
                  [](const RejectedUnit& a, const RejectedUnit& b) { return a.name < b.name; });
        return std::move(result_);
    }

private:
    void search(const std::string& folder) {
        Paths drop_ins;
        if (!list_folder(folder, {{kDropIns, &drop_ins}, {kFile, &files_}}, diagnostics_)) return;
        result_.searched.push_back(folder);
        for (const auto& [name, path] : drop_ins) {
            Paths& files = drop_ins_[name];
            (void)list_folder(path, {{kFile, &files}}, diagnostics_);
        }
    }

    void reject(const std::string& name, std::size_t first) {
        result_.rejected.push_back({name, first_error(diagnostics_, first)});
    }

    /// The document of `path` with the drop-ins of `name` over it, and of its template.
    std::optional<Layers> read_layers(const std::string& name, const std::string& path) {
        const auto known = texts_.find(path);
        const auto text =
            known == texts_.end() ? load_text(path, diagnostics_) : std::optional(*known->second);
        if (!text) return std::nullopt;
        auto document = parse_document(*text, path, diagnostics_);
        if (!document) return std::nullopt;
        Layers layers{std::move(*document), {}, {}};
        const std::string common = template_of(name);
        if (!common.empty() && common != name && !lay_drop_ins(layers, common)) return std::nullopt;
        if (!lay_drop_ins(layers, name)) return std::nullopt;
        return layers;
    }

    bool lay_drop_ins(Layers& layers, const std::string& name) {
        const auto found = drop_ins_.find(name);
        if (found == drop_ins_.end()) return true;
        used_.insert(name);
        for (const auto& [ignored, path] : found->second) {
            const auto text = load_text(path, diagnostics_);
            if (!text) return false;
            auto document = parse_document(*text, path, diagnostics_);
            if (!document) return false;
            lay_over(layers, std::move(*document), path);
        }
        return true;
    }

    bool load_one(const std::string& name, const std::string& path, bool enabled = true) {
        const std::size_t first = diagnostics_.all().size();
        if (!known_.insert(name).second) return true;
        if (result_.units.size() == kMaxUnits) {
            diagnostics_.error({path, 0, 0},
                               "more than " + std::to_string(kMaxUnits) + " units; left out");
        } else if (const auto layers = read_layers(name, path)) {
            auto unit = read_unit_layers(*layers, path, name, environment_, diagnostics_);
            if (unit) {
                if (!enabled) unit->enabled = false;
                result_.units.push_back(std::move(*unit));
                return true;
            }
        }
        reject(name, first);
        return false;
    }

    /// The instances that a template asks for itself. Without any, it is only looked through.
    void load_instances(const std::string& name) {
        const std::string& path = files_[name];
        const std::size_t first = diagnostics_.all().size();
        const auto layers = read_layers(name, path);
        if (!layers) return reject(name, first);
        const auto instances = read_template(*layers, path, name, environment_, diagnostics_);
        if (!instances) return reject(name, first);
        for (const Text& instance : *instances) {
            const std::string full = name + instance.value;
            if (files_.find(full) != files_.end()) continue;
            // What is wrong with one is wrong with all, and said once.
            if (!load_one(full, path)) return;
        }
    }

    /// Instances that other units ask for: they start with those, not by themselves.
    void load_referenced() {
        for (std::size_t i = 0; i < result_.units.size(); ++i) {
            std::vector<std::string> wanted;
            const UnitSpec& unit = result_.units[i];
            for (const TextList* list : {&unit.needs, &unit.binds_to, &unit.wants})
                for (const Text& other : *list)
                    wanted.push_back(other.value);
            for (const OutcomeSpec* outcome : {&unit.on_success, &unit.on_failure, &unit.on_limit})
                wanted.push_back(outcome->unit);
            for (const std::string& name : wanted) {
                const auto found = files_.find(template_of(name));
                if (found == files_.end() || is_template(name)) continue;
                (void)load_one(name, found->second, false);
            }
        }
    }

    void complain_about_idle_drop_ins() {
        for (const auto& [name, files] : drop_ins_) {
            const bool used = used_.find(name) != used_.end() || files.empty();
            if (used || known_.find(name) != known_.end()) continue;
            diagnostics_.warning({files.begin()->second, 0, 0},
                                 "changes unit '" + name + "', which is not there");
        }
    }

    Diagnostics& diagnostics_;
    const FileReader& environment_;
    const std::vector<UnitText>& others_;
    /// Those of `others_` that count, by their source.
    std::map<std::string, const std::string*> texts_;
    Paths files_;
    std::map<std::string, Paths> drop_ins_;
    std::set<std::string> used_;
    std::set<std::string> known_;
    UnitFolders result_;
};

} // namespace

UnitFolders load_unit_folders(const std::vector<std::string>& folders,
                              Diagnostics& diagnostics,
                              const FileReader& environment,
                              const std::vector<UnitText>& others) {
    return Loader(diagnostics, environment, others).load(folders);
}

} // namespace stead::unitfile
