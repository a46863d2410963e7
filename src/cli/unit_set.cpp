#include "cli/unit_set.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/distribution.h"
#include "guests/accounts.h"
#include "guests/zones.h"
#include "plan/writer.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

/// Behind the name of the file that an imported unit was made of.
constexpr std::string_view kImported = ", as imported";

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += ", ";
        text += word;
    }
    return text;
}

void print_mistakes(Console& console, const unitfile::Diagnostics& diagnostics) {
    const std::string text = unitfile::render(diagnostics);
    std::fwrite(text.data(), 1, text.size(), console.err_file());
}

/// Their texts, and what is left out.
void add_distribution(const UnitSet& set,
                      std::vector<unitfile::UnitText>& texts,
                      std::vector<importing::Note>& notes) {
    const auto root = view_of(set.root);
    if (!root) return;
    importing::Distribution found = distribution_of(*root, true);
    notes = importing::notes_of(found, false);
    for (importing::Distribution::Unit& unit : found.units)
        texts.push_back(
            {std::move(unit.name), unit.source + kImported.data(), std::move(unit.text)});
}

/// Mistakes in what packages bring are theirs: they are listed and refuse nothing.
bool has_own_errors(const unitfile::Diagnostics& diagnostics) {
    const auto& all = diagnostics.all();
    return std::any_of(all.begin(), all.end(), [](const unitfile::Diagnostic& one) {
        return one.severity == unitfile::Severity::Error && !one.place.file.ends_with(kImported);
    });
}

} // namespace

std::vector<std::string> searched_folders() {
    constexpr const char* kHostFolders = "/run/stead/units";
    std::vector<std::string> folders = {"/etc/stead/units", "/usr/lib/stead/units", kHostFolders};
    std::vector<std::string> bound;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(kHostFolders, failed)) {
        if (entry.is_directory(failed)) bound.push_back(entry.path().string());
    }
    std::sort(bound.begin(), bound.end());
    folders.insert(folders.end(), bound.begin(), bound.end());
    return folders;
}

int compile_unit_set(Context& context, UnitSet& set) {
    Console& console = context.console;
    const auto accounts = guests::read_accounts(set.root);
    if (!accounts) {
        console.error("users of " + safe(set.root) + ": " +
                      std::string(describe(accounts.error()).view()));
        return kCouldNot;
    }

    std::vector<unitfile::UnitText> others;
    std::vector<importing::Note> notes;
    if (set.distribution) add_distribution(set, others, notes);
    unitfile::Diagnostics diagnostics;
    auto loaded = unitfile::load_unit_folders(
        set.folders, diagnostics,
        [&set](const std::string& path) {
            auto text = guests::read_environment_file(set.root, path);
            if (text) return unitfile::FileText{std::move(*text), {}};
            if (text.error().code == ENOENT) return unitfile::FileText{};
            return unitfile::FileText{std::nullopt, "cannot be read: " +
                                                        std::string(describe(text.error()).view())};
        },
        others);
    if (loaded.units.empty() && loaded.rejected.empty()) {
        console.error("there is no unit in " + joined(set.folders));
        console.hint("a unit is a file NAME.toml with a 'command' in one of these folders");
        return kAskedWrongly;
    }
    compile::UnitOptions options;
    options.landlock = set.landlock;
    options.ceiling = set.ceiling;
    options.ceiling_origin = set.foreign ? "what the container gives" : "the guest's allow-list";
    options.users = set.users;
    options.id_count = set.id_count;
    options.foreign = set.foreign;
    options.machine = set.machine;
    options.folders = set.folders;
    options.zone = guests::zone_changes;
    for (const auto& unit : loaded.rejected)
        options.left_out.push_back(unit.name);
    plan::PlanInput plan = compile::compile_units(loaded.units, *accounts, options, diagnostics);
    for (auto& left_out : loaded.rejected) {
        plan.rejected.push_back({std::move(left_out.name), std::move(left_out.message)});
    }
    // PID 1 shows them as it shows units that are left out.
    for (importing::Note& note : notes)
        plan.rejected.push_back({std::move(note.what), std::move(note.why)});
    print_mistakes(console, diagnostics);
    if (has_own_errors(diagnostics) && !set.leave_out) return kAskedWrongly;
    if (plan.units.empty()) {
        console.error("no unit of " + joined(set.folders) + " can be used");
        return kAskedWrongly;
    }

    auto image = plan::write(plan);
    if (!image) {
        console.error(describe(image.error()).view());
        return kCouldNot;
    }
    set.image = *std::move(image);
    return kDone;
}

} // namespace stead::cli
