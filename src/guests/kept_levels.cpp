#include "guests/kept_levels.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "guests/state.h"
#include "sys/file.h"
#include "unitfile/document.h"
#include "unitfile/writer.h"

namespace stead::guests {

namespace {

constexpr const char* kName = "90-set.toml";
constexpr std::size_t kMaxKept = std::size_t{1} << 18U;
constexpr std::string_view kHead = "# Written by 'stead set --save'.\n";

/// Tables by their name, keys by theirs: the text of each value.
using Tables = std::map<std::string, std::map<std::string, std::string>>;

/// Takes in the tables of levels; false: there is something else.
bool collect(const unitfile::Node& table, const std::string& name, Tables& tables) {
    using unitfile::NodeType;
    const bool levels = name == "limits" || name.ends_with(".limits");
    return std::all_of(
        table.members.begin(), table.members.end(), [&](const unitfile::Member& member) {
            if (levels) {
                if (member.value.is(NodeType::Table)) return false;
                tables[name][member.key] = unitfile::toml_of(member.value);
                return true;
            }
            return member.value.is(NodeType::Table) &&
                   collect(member.value, name.empty() ? member.key : name + "." + member.key,
                           tables);
        });
}

bool is_number(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && text.size() < 19 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// As the file's reader wants it: numbers and truths bare, entries as a list.
std::string toml_value(const KeptLevel& kept) {
    using resources::Form;
    const resources::Level& level = *resources::find_level(kept.key);
    const bool bare = level.form == Form::Count || level.form == Form::Things ||
                      level.form == Form::Number || level.form == Form::LimitCount;
    if (level.form == Form::Flag || (bare && is_number(kept.text))) return kept.text;
    if (kept.text.find('\n') == std::string::npos)
        return unitfile::toml_of(unitfile::text_node(kept.text));
    std::vector<std::string> lines;
    for (std::string_view rest = kept.text; !rest.empty();) {
        lines.emplace_back(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(std::min(lines.back().size() + 1, rest.size()));
    }
    return unitfile::toml_of(unitfile::list_node(lines));
}

/// "unit.web" as TOML has it: a unit's name may need quotes.
std::string heading(const std::string& table) {
    constexpr std::string_view kUnit = "unit.";
    constexpr std::string_view kLimits = ".limits";
    if (!table.starts_with(kUnit)) return table;
    const std::string unit =
        table.substr(kUnit.size(), table.size() - kUnit.size() - kLimits.size());
    return "unit." + unitfile::toml_of(unitfile::text_node(unit)) + ".limits";
}

} // namespace

std::string kept_path(const std::string& file, std::string_view unit, bool jail) {
    if (unit.empty() || jail) return file + ".d/" + kName;
    return file + ".d/units/" + std::string(unit) + ".toml.d/" + kName;
}

std::optional<std::string> read_kept(const std::string& path) {
    const auto text = read_file(AT_FDCWD, path.c_str(), kMaxKept);
    if (!text) return std::nullopt;
    return *text;
}

Result<std::string> merge_kept(const std::string& path,
                               const std::string& before,
                               const std::string& table,
                               const std::vector<KeptLevel>& levels) {
    unitfile::Diagnostics unasked;
    const auto document = unitfile::parse_document(before, path, unasked);
    Tables tables;
    if (!document || !collect(*document, "", tables))
        return make_error("more than levels are in", path, EEXIST);
    for (const KeptLevel& level : levels)
        tables[table][level.key] = toml_value(level);
    std::string text(kHead);
    for (const auto& [name, keys] : tables) {
        text += "[" + heading(name) + "]\n";
        for (const auto& [key, value] : keys)
            text.append(key).append(" = ").append(value).append("\n");
    }
    return text;
}

Result<void> restore_kept(const std::string& path, const std::optional<std::string>& text) {
    if (!text) {
        const auto removed = sys::remove_at(AT_FDCWD, path.c_str(), false);
        if (!removed && removed.error().code != ENOENT) return removed.error();
        return {};
    }
    TRY(make_folders(path.substr(0, path.rfind('/'))));
    const std::string draft = path + ".new";
    {
        const auto file = TRY(
            sys::open_at(AT_FDCWD, draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
        TRY(sys::write_full(file.get(), *text));
        if (::fsync(file.get()) < 0) return last_error("fsync", path);
    }
    return sys::rename_at(AT_FDCWD, draft.c_str(), path.c_str());
}

} // namespace stead::guests
