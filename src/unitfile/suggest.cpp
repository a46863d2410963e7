#include "unitfile/suggest.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "unitfile/report.h"

namespace stead::unitfile {

namespace {

/// Longer names resemble nothing.
constexpr std::size_t kLongestName = 48;
/// Up to this many keys of a table are listed.
constexpr std::size_t kListedKeys = 8;

/// What other supervisors call it.
struct ForeignName {
    std::string_view theirs;
    std::string_view ours;
};

constexpr std::array kForeignNames{
    ForeignName{"bin", "command"},
    ForeignName{"cmd", "command"},
    ForeignName{"cwd", "working-directory"},
    ForeignName{"depends-on", "requires"},
    ForeignName{"directory", "working-directory"},
    ForeignName{"env", "environment"},
    ForeignName{"exec", "command"},
    ForeignName{"exec-reload", "reload.command"},
    ForeignName{"exec-start", "command"},
    ForeignName{"exec-start-post", "hooks.post-start"},
    ForeignName{"exec-start-pre", "hooks.pre-start"},
    ForeignName{"exec-stop", "stop.command"},
    ForeignName{"exec-stop-post", "hooks.post-stop"},
    ForeignName{"kill-signal", "stop.signal"},
    ForeignName{"limit-core", "limits.core"},
    ForeignName{"limit-nofile", "limits.nofile"},
    ForeignName{"limit-nproc", "limits.nproc"},
    ForeignName{"name", "description"},
    ForeignName{"part-of", "binds-to"},
    ForeignName{"restart-sec", "restart.delay"},
    ForeignName{"runtime-directory", "directories.runtime"},
    ForeignName{"standard-error", "log.error"},
    ForeignName{"standard-output", "log.output"},
    ForeignName{"state-directory", "directories.state"},
    ForeignName{"success-exit-status", "success-exit"},
    ForeignName{"syscalls", "system-calls"},
    ForeignName{"system-call-filter", "system-calls"},
    ForeignName{"tasks-max", "limits.pids-max"},
    ForeignName{"timeout-start-sec", "ready.timeout"},
    ForeignName{"timeout-stop-sec", "stop.timeout"},
    ForeignName{"uid", "user"},
    ForeignName{"wanted-by", "enabled"},
    ForeignName{"workdir", "working-directory"},
};

/// "ExecStartPre", "exec_start_pre" and "exec-start-pre" are one name here.
std::string kebab(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const bool capital = c >= 'A' && c <= 'Z';
        const bool after_small = i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
        if (capital && after_small) out += '-';
        out += capital ? static_cast<char>(c - 'A' + 'a') : c == '_' ? '-' : c;
    }
    return out;
}

std::string table_name(const KeyPath& path, std::string_view table) {
    return "[" + std::string(path.prefix) + std::string(table) + "]";
}

/// Where the key stands now, in words.
std::string here(const KeyPath& path) {
    if (!path.table.empty()) return table_name(path, path.table);
    if (path.prefix.empty()) return "above the first table";
    return "[" + std::string(path.prefix.substr(0, path.prefix.size() - 1)) + "]";
}

/// The tables of `schema` that have a key `name`; those that are supported, if any is.
std::vector<std::string> tables_with(const Schema& schema, const KeyPath& path) {
    std::vector<std::string> supported;
    std::vector<std::string> all;
    for (const Key& key : schema.keys) {
        if (key.name != path.name || key.table.empty() || key.table == path.table) continue;
        all.push_back(table_name(path, key.table));
        if (key.support == Support::Now) supported.push_back(all.back());
    }
    return supported.empty() ? all : supported;
}

bool stands_at_top(const Schema& schema, std::string_view name) {
    const auto is_key = [&](const Key& key) { return key.table.empty() && key.name == name; };
    const auto is_table = [&](const Table& table) { return table.name == name; };
    return std::any_of(schema.keys.begin(), schema.keys.end(), is_key) ||
           std::any_of(schema.tables.begin(), schema.tables.end(), is_table);
}

/// A known key of this format in the wrong place.
std::optional<Advice> misplaced(const Schema& schema, const KeyPath& path) {
    const std::string name(path.name);
    if (!path.table.empty() && stands_at_top(schema, path.name)) {
        if (!path.prefix.empty()) {
            const std::string unit(path.prefix.substr(0, path.prefix.size() - 1));
            return Advice{name + " belongs in [" + unit + "], not in " + here(path), {}, name};
        }
        return Advice{name + " belongs above the first table, not in " + here(path),
                      "a line below a [table] belongs to that table; move it to the top", name};
    }
    const std::vector<std::string> tables = tables_with(schema, path);
    if (tables.empty()) return std::nullopt;
    return Advice{name + " belongs in " + either(tables) + ", not " +
                      (path.table.empty() && path.prefix.empty() ? "" : "in ") + here(path),
                  {},
                  {}};
}

/// A key of the other format.
std::optional<Advice> foreign_format(const Schema& schema, const KeyPath& path) {
    if (!path.table.empty()) return std::nullopt;
    const std::string name(path.name);
    if (schema.kind == Kind::Unit) {
        if (!stands_at_top(guest_schema(), path.name)) return std::nullopt;
        return Advice{name + " is a key of guest files, not of units", {}, {}};
    }
    if (!stands_at_top(unit_schema(), path.name)) return std::nullopt;
    return Advice{name + " is a key of units; in a guest file it belongs in [unit.NAME]", {}, {}};
}

/// The known name that `name` resembles most.
class Nearest {
public:
    explicit Nearest(std::string name)
        : name_(std::move(name))
        , limit_(name_.size() < 4   ? 1
                 : name_.size() < 8 ? 2
                                    : 3) {}

    void offer(std::string_view candidate, std::string full) {
        const std::size_t distance = edit_distance(name_, kebab(candidate), limit_);
        if (distance > limit_ || distance >= best_distance_) return;
        best_distance_ = distance;
        best_ = std::move(full);
    }

    [[nodiscard]] const std::string& best() const { return best_; }

private:
    std::string name_;
    std::size_t limit_;
    std::size_t best_distance_ = kLongestName;
    std::string best_;
};

std::string nearest(const Schema& schema, const KeyPath& path) {
    if (path.name.size() > kLongestName) return {};
    const std::string name = kebab(path.name);
    Nearest close(name);
    for (const Key& key : schema.keys) {
        if (key.table == path.table) close.offer(key.name, std::string(key.name));
    }
    for (const Table& table : schema.tables) {
        if (path.table.empty()) close.offer(table.name, std::string(table.name));
    }
    if (!close.best().empty()) return close.best();

    const Schema units = unit_schema();
    for (const ForeignName& foreign : kForeignNames) {
        if (foreign.theirs == name && schema.kind == units.kind) return std::string(foreign.ours);
    }
    Nearest far(name);
    for (const Key& key : schema.keys)
        far.offer(key.name, full_name(key));
    return far.best();
}

/// "keys of [reload]: signal, command", for a small table.
std::string listing(const Schema& schema, const KeyPath& path) {
    std::vector<std::string> names;
    for (const Key& key : schema.keys) {
        if (key.table == path.table && key.support == Support::Now) names.emplace_back(key.name);
    }
    if (path.table.empty() || names.empty() || names.size() > kListedKeys) {
        return std::string("the keys are listed in ") +
               (schema.kind == Kind::Unit ? "unit(5)" : "guest(5)");
    }
    return here(path) + " has " + either(names, " and ");
}

} // namespace

Schema unit_schema() {
    return {Kind::Unit, unit_keys(), unit_tables()};
}

Schema guest_schema() {
    return {Kind::Guest, guest_keys(), guest_tables()};
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    if (a.size() > kLongestName || b.size() > kLongestName) return limit + 1;
    const std::size_t longer = std::max(a.size(), b.size());
    if (longer - std::min(a.size(), b.size()) > limit) return limit + 1;
    // Three rows of the table of distances between the first letters of both.
    using Row = std::array<std::size_t, kLongestName + 1>;
    Row older{};
    Row previous{};
    Row row{};
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        older = previous;
        previous = row;
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({previous[j] + 1, row[j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], older[j - 2] + 1);
        }
    }
    return std::min(row[b.size()], limit + 1);
}

Advice advise(const Schema& schema, const KeyPath& path) {
    if (auto advice = misplaced(schema, path)) return *advice;
    if (auto advice = foreign_format(schema, path)) return *advice;
    Advice advice{"unknown key '" + std::string(path.name) + "'", {}, {}};
    if (!path.table.empty() || !path.prefix.empty()) advice.message += " in " + here(path);
    const std::string resembled = nearest(schema, path);
    if (!resembled.empty()) {
        advice.hint = "did you mean '" + resembled + "'?";
        advice.about = resembled;
    } else {
        advice.hint = listing(schema, path);
    }
    return advice;
}

} // namespace stead::unitfile
