#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/distribution.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "compile/compile.h"
#include "guests/accounts.h"
#include "guests/facts.h"
#include "guests/guests.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 8;

/// Files to check, by the folder they are in: the unit files of one folder are one set.
using Files = std::map<std::string, std::set<std::string>>;

struct Checked {
    Files files;
    std::size_t count = 0;
    bool unreadable = false;
    /// What drop-ins of guests changed.
    std::vector<unitfile::OverrideSpec> overrides;
    /// What of distributions' own services is not kept; no mistakes of the files'.
    std::vector<std::string> notes;
};

bool is_unit_file_name(const fs::path& path) {
    return path.extension() == ".toml" && !path.filename().string().starts_with('.');
}

void add_file(Checked& checked, const fs::path& path) {
    const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
    checked.files[folder].insert(path.string());
}

/// Every *.toml below; drop-in folders belong to their unit and links to folders lead elsewhere.
void add_folder(Checked& checked, const fs::path& folder, int depth) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        const fs::path& path = entry.path();
        const bool is_folder = entry.is_directory(failed) && !entry.is_symlink(failed);
        if (is_folder && depth > 0 && path.extension() != ".d") {
            add_folder(checked, path, depth - 1);
        } else if (!is_folder && is_unit_file_name(path)) {
            add_file(checked, path);
        }
    }
}

/// A path; without a slash, and where there is none, a guest of this host.
bool add_argument(Console& console,
                  const guests::Paths& paths,
                  Checked& checked,
                  const std::string& argument) {
    std::error_code failed;
    const fs::file_status status = fs::status(argument, failed);
    if (!fs::exists(status)) {
        const bool may_be_name = argument.find('/') == std::string::npos;
        if (may_be_name && guests::is_configured(paths, argument)) {
            add_file(checked, paths.guest_file(argument));
            return true;
        }
        console.error(safe(argument) + ": " +
                      (failed ? failed.message() : std::string("no such file or folder")) +
                      (may_be_name ? ", and no guest of this name" : ""));
        return false;
    }
    if (fs::is_directory(status)) {
        add_folder(checked, argument, kMaxDepth);
    } else {
        add_file(checked, argument);
    }
    return true;
}

bool has_dependencies(const unitfile::UnitSpec& unit) {
    for (const auto* list :
         {&unit.needs, &unit.binds_to, &unit.wants, &unit.after, &unit.before, &unit.conflicts}) {
        if (!list->empty()) return true;
    }
    return false;
}

/// The other units of the folder, so that dependencies of the named ones are found; their own
/// mistakes are not asked for.
void add_siblings(const std::string& folder,
                  const std::set<std::string>& named,
                  std::vector<unitfile::UnitSpec>& units) {
    if (std::none_of(units.begin(), units.end(), has_dependencies)) return;
    unitfile::Diagnostics unasked;
    std::error_code failed;
    std::set<std::string> paths;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        if (is_unit_file_name(entry.path())) paths.insert(entry.path().lexically_normal().string());
    }
    for (const std::string& name : named)
        paths.erase(fs::path(name).lexically_normal().string());
    for (const std::string& path : paths) {
        const auto text = unitfile::load_text(path, unasked);
        if (!text || unitfile::kind_of(*text) == unitfile::Kind::Guest) continue;
        auto unit = unitfile::read_unit(*text, path, unitfile::name_of_file(path), unasked);
        if (unit) units.push_back(*std::move(unit));
    }
}

/// What would become of the services of a guest's root, as it is before the guest's own changes.
void add_services(Checked& checked, const std::string& file, const std::string& folder) {
    const auto root = view_of(folder);
    if (!root) return;
    const auto found = distribution_of(*root, false);
    for (const importing::Note& note : importing::notes_of(found, true))
        checked.notes.push_back(file + ": " + note.what + " is left out: " + note.why);
}

void check_folder(const std::string& folder,
                  const std::set<std::string>& named,
                  Checked& checked,
                  const compile::HostFacts& facts,
                  const compile::UserDatabase& accounts,
                  unitfile::Diagnostics& diagnostics) {
    std::vector<unitfile::UnitSpec> units;
    for (const std::string& path : named) {
        const auto text = unitfile::load_text(path, diagnostics);
        if (!text) continue;
        const std::string name = unitfile::name_of_file(path);
        if (unitfile::kind_of(*text) == unitfile::Kind::Guest) {
            const auto guest = unitfile::load_guest(path, diagnostics);
            const auto compiled =
                guest ? compile::compile_guest(*guest, facts, accounts, diagnostics) : std::nullopt;
            if (compiled && guest->distribution.value)
                add_services(checked, path, compiled->context.root.path);
            if (guest)
                checked.overrides.insert(checked.overrides.end(), guest->overrides.begin(),
                                         guest->overrides.end());
        } else if (auto unit = unitfile::read_unit(*text, path, name, diagnostics)) {
            units.push_back(*std::move(unit));
        }
    }
    if (units.empty()) return;
    add_siblings(folder, named, units);
    compile::UnitOptions options;
    options.ceiling = ~std::uint64_t{0};
    options.ceiling_origin = "no guest is known here";
    options.folders = {folder};
    options.facts = &facts;
    options.zone = facts.zone;
    (void)compile::compile_units(units, accounts, options, diagnostics);
}

nlohmann::json as_json(const unitfile::Diagnostic& diagnostic) {
    auto notes = nlohmann::json::array();
    for (const unitfile::Note& note : diagnostic.notes) {
        notes.push_back({{"text", note.text},
                         {"file", note.place.file},
                         {"line", note.place.line},
                         {"column", note.place.column}});
    }
    return {{"file", diagnostic.place.file},
            {"line", diagnostic.place.line},
            {"column", diagnostic.place.column},
            {"severity", diagnostic.severity == unitfile::Severity::Error ? "error" : "warning"},
            {"message", diagnostic.message},
            {"notes", std::move(notes)}};
}

/// True for mistakes that were asked for: those of a named file or its drop-ins, and those of no
/// file.
bool is_asked_for(const Checked& checked, const unitfile::Diagnostic& diagnostic) {
    std::string file = diagnostic.place.file;
    if (file.empty()) return true;
    const fs::path folder = fs::path(file).parent_path();
    if (folder.extension() == ".d") file = folder.string().substr(0, folder.string().size() - 2);
    return std::any_of(checked.files.begin(), checked.files.end(),
                       [&](const auto& one) { return one.second.contains(file); });
}

std::string counted(std::size_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

int report(Console& console,
           const Checked& checked,
           const unitfile::Diagnostics& diagnostics,
           bool json) {
    std::size_t errors = 0;
    std::size_t warnings = 0;
    auto list = nlohmann::json::array();
    for (const unitfile::Diagnostic& diagnostic : diagnostics.all()) {
        if (!is_asked_for(checked, diagnostic)) continue;
        (diagnostic.severity == unitfile::Severity::Error ? errors : warnings) += 1;
        if (json) {
            list.push_back(as_json(diagnostic));
        } else {
            console.out(unitfile::render(diagnostic));
        }
    }
    if (json) {
        console.json(list);
    } else if (checked.count != 0) {
        for (const unitfile::OverrideSpec& one : checked.overrides)
            console.line(unitfile::render(one.place) + ": " + one.key + " overrides " +
                         unitfile::render(one.below));
        for (const std::string& note : checked.notes)
            console.line(safe(note));
        std::string text = counted(checked.count, "file") + ": ";
        text += errors == 0 ? "no mistakes" : counted(errors, "mistake");
        if (warnings != 0) text += ", " + counted(warnings, "warning");
        console.line(text);
    }
    if (errors != 0) return kAskedWrongly;
    return checked.unreadable ? kCouldNot : kDone;
}

} // namespace

int verb_check(Context& context, Arguments arguments) {
    std::vector<std::string> words;
    std::string root = "/";
    bool json = false;
    Options options(context, "check");
    options.positionals("FILE|DIR|NAME", words,
                        "unit and guest files, folders of them, or guests of this host", 1);
    options.value("--root", root, "DIR", "look up users and groups of units in this root (/)");
    options.flag("--json", json, "the same for programs");
    options.footer("Exit code 0: no mistake; 2: at least one; 1: something could not be read.");
    if (const auto code = options.parse(arguments)) return *code;
    Console& console = context.console;

    Checked checked;
    const auto paths = guests::Paths::from_environment();
    for (const std::string& word : words) {
        if (!add_argument(console, paths, checked, word)) checked.unreadable = true;
    }
    const auto accounts = guests::read_accounts(root);
    if (!accounts) {
        console.error("users of " + safe(root) + ": " +
                      std::string(describe(accounts.error()).view()));
        return kCouldNot;
    }
    const auto facts = guests::host_facts(paths, false);
    unitfile::Diagnostics diagnostics;
    for (const auto& [folder, files] : checked.files) {
        checked.count += files.size();
        check_folder(folder, files, checked, facts, *accounts, diagnostics);
    }
    if (checked.count == 0 && !checked.unreadable) {
        console.error("there is no *.toml file in what was given");
        return kAskedWrongly;
    }
    return report(console, checked, diagnostics, json);
}

} // namespace stead::cli
