#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/unit_files.h"
#include "cli/verbs.h"
#include "compile/calls.h"
#include "import/import.h"

namespace stead::cli {

namespace {

using importing::ImportedUnit;
using importing::Item;
using importing::Mapping;

std::string_view mapping_name(Mapping mapping) {
    switch (mapping) {
    case Mapping::Exact:
        return "exact";
    case Mapping::Approximated:
        return "approximated";
    case Mapping::NotMapped:
        return "not mapped";
    }
    return "";
}

std::string summary(const ImportedUnit& unit) {
    return safe(unit.source) + ": " + std::to_string(unit.count(Mapping::Exact)) + " exact, " +
           std::to_string(unit.count(Mapping::Approximated)) + " approximated, " +
           std::to_string(unit.count(Mapping::NotMapped)) + " not mapped";
}

std::string place(const Item& item) {
    const auto slash = item.origin.file.rfind('/');
    return safe(item.origin.file.substr(slash == std::string::npos ? 0 : slash + 1)) + ":" +
           std::to_string(item.origin.line);
}

/// What a person must look at, one line each.
std::string list_of(const ImportedUnit& unit) {
    std::string text;
    for (const Mapping mapping : {Mapping::Approximated, Mapping::NotMapped}) {
        for (const Item& item : unit.items) {
            if (item.mapping != mapping) continue;
            std::string label(mapping_name(mapping));
            label.resize(13, ' ');
            text += "  " + label + place(item) + ": " + safe(item.name) +
                    (item.name.empty() ? "" : "=") + safe(item.value.substr(0, 80)) + ": " +
                    safe(item.note) + "\n";
        }
    }
    for (const std::string& remark : unit.remarks)
        text += "  " + safe(remark) + "\n";
    std::string waiting;
    for (const std::string& key : unit.not_yet)
        waiting += (waiting.empty() ? "" : ", ") + key;
    if (!waiting.empty()) text += "  not supported by this build yet: " + safe(waiting) + "\n";
    return text;
}

nlohmann::json as_json(const Item& item) {
    return {{"file", item.origin.file}, {"line", item.origin.line},
            {"section", item.section},  {"directive", item.name},
            {"value", item.value},      {"mapping", mapping_name(item.mapping)},
            {"note", item.note},        {"keys", item.keys}};
}

nlohmann::json as_json(const ImportedUnit& unit) {
    auto items = nlohmann::json::array();
    for (const Item& item : unit.items)
        items.push_back(as_json(item));
    return {{"unit", unit.name},
            {"kind", unit.kind == unitfile::Kind::Guest ? "guest" : "unit"},
            {"source", unit.source},
            {"exact", unit.count(Mapping::Exact)},
            {"approximated", unit.count(Mapping::Approximated)},
            {"not-mapped", unit.count(Mapping::NotMapped)},
            {"directives", std::move(items)},
            {"remarks", unit.remarks},
            {"not-supported-yet", unit.not_yet},
            {"text", unit.text}};
}

nlohmann::json as_json(const importing::Import& import) {
    auto units = nlohmann::json::array();
    for (const ImportedUnit& unit : import.units)
        units.push_back(as_json(unit));
    auto skipped = nlohmann::json::array();
    for (const importing::Skipped& skip : import.skipped)
        skipped.push_back(
            {{"source", skip.source}, {"reason", skip.reason}, {"error", !skip.harmless}});
    return {{"units", std::move(units)}, {"skipped", std::move(skipped)}};
}

void show_skipped(Console& console, const importing::Import& import) {
    for (const importing::Skipped& skip : import.skipped)
        console.error(safe(skip.source) + ": " + safe(skip.reason));
}

/// Without a folder to write to: the files themselves, and about them on standard error.
void show_texts(Console& console, const importing::Import& import) {
    for (const ImportedUnit& unit : import.units) {
        if (import.units.size() > 1) console.line("# ---- " + safe(unit.name) + ".toml");
        console.out(unit.text);
        console.out(&unit == &import.units.back() ? "" : "\n");
    }
    console.flush();
    for (const ImportedUnit& unit : import.units) {
        const std::string text = summary(unit) + "\n" + list_of(unit);
        (void)std::fwrite(text.data(), 1, text.size(), console.err_file());
    }
}

void show_summaries(Console& console, const importing::Import& import) {
    std::size_t counts[3] = {};
    for (const ImportedUnit& unit : import.units) {
        console.line(summary(unit));
        console.out(list_of(unit));
        for (const Mapping mapping : {Mapping::Exact, Mapping::Approximated, Mapping::NotMapped})
            counts[static_cast<std::size_t>(mapping)] += unit.count(mapping);
    }
    if (import.units.size() < 2) return;
    console.line(std::to_string(import.units.size()) + " files: " + std::to_string(counts[0]) +
                 " exact, " + std::to_string(counts[1]) + " approximated, " +
                 std::to_string(counts[2]) + " not mapped");
}

} // namespace

int verb_import(Context& context, Arguments arguments) {
    std::vector<std::string> words;
    std::string folder;
    importing::Options wanted;
    bool force = false;
    bool json = false;
    Options options(context, "import");
    options.positionals("FILE|DIR|NAME", words,
                        "units of systemd's, files of supervisord's, containers of "
                        "systemd-nspawn's or LXC's, folders of them, or units and containers by "
                        "name",
                        1);
    options.value("-o,--output", folder, "DIR", "write NAME.toml files there; made if need be");
    options.value("--root", wanted.root, "DIR", "look for names in the system at DIR");
    options.flag("--force", force, "replace files that are there");
    options.flag("--supported", wanted.only_supported,
                 "leave out keys that this build does not support yet");
    options.flag("--json", json, "the same for programs");
    options.footer(
        "Without -o the files go to standard output, what is said about them to standard\n"
        "error. Containers become guest files, everything else unit files. Exit code 0:\n"
        "everything given became a file; 2: something did not.");
    if (const auto code = options.parse(arguments)) return *code;
    Console& console = context.console;
    while (wanted.root.ends_with('/'))
        wanted.root.pop_back();

    wanted.is_call = [](std::string_view name) {
        return compile::is_call_name(name) || compile::find_group(name).has_value();
    };

    const importing::Import import = importing::import_arguments(words, wanted);
    const bool wrong = std::any_of(import.skipped.begin(), import.skipped.end(),
                                   [](const importing::Skipped& skip) { return !skip.harmless; });
    if (!folder.empty()) {
        std::vector<NewFile> files;
        for (const ImportedUnit& unit : import.units)
            files.push_back({unit.name + ".toml", unit.text});
        const auto written = write_unit_files(console, folder, files, force);
        if (written != kDone) return written;
    }
    if (json) {
        console.json(as_json(import));
    } else if (folder.empty()) {
        show_texts(console, import);
    } else {
        show_summaries(console, import);
    }
    if (!json) show_skipped(console, import);
    return wrong || import.units.empty() ? kAskedWrongly : kDone;
}

} // namespace stead::cli
