#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/draft.h"
#include "import/specifiers.h"
#include "import/systemd_text.h"

/// What each directive of systemd means: tables of rules, one row per directive. For this folder's
/// own use.
namespace stead::importing {

/// A command line of [Service], kept until everything about the unit is known.
struct CommandLine {
    std::string directive;
    std::size_t item = 0;
    std::string value;
};

/// What single directives cannot decide.
struct Facts {
    std::vector<CommandLine> commands;
    /// Environment=, expanded; without what environment files may change.
    std::map<std::string, std::string> environment;
    bool has_environment_files = false;
    std::string type;
    std::optional<std::size_t> type_item;
    std::string user;
    std::string bus_name;
    std::string pid_file;
    bool dynamic_user = false;
    /// It requires syslog.socket: what others write to /dev/log is for it.
    bool takes_syslog = false;
    std::optional<std::size_t> dynamic_user_item;
    bool remain_after_exit = false;
    bool wants_restart = false;
    bool has_start_limit = false;
    std::optional<std::string> start_timeout;
    bool enabled = false;
    bool has_install = false;
    /// SystemCallFilter= was written, SystemCallErrorNumber= too.
    bool filters_calls = false;
    bool names_call_error = false;
    /// From [Socket] and [Timer]: the unit that is started, if not the one of the same name.
    std::string starts;
    bool per_connection = false;
    std::string socket_name;
    /// Units that must be there, and the directive that says so.
    std::set<std::string> required;
    /// Further names of systemd's ([Install] Also=).
    std::vector<std::pair<std::size_t, std::string>> also;
    /// Units whose start shall pull this one in: their list is theirs to change.
    std::vector<std::pair<std::size_t, std::string>> wanted_by;
};

struct Line {
    std::size_t item = 0;
    std::string_view name;
    std::string_view value;
    /// Of its rule.
    std::string_view key;
    std::string_view note;
};

/// One unit on its way through the rules.
struct Job {
    Draft& draft;
    const UnitNames& names;
    Facts& facts;
    const Options& options;

    /// `text` as the value of `key`: specifiers resolved, what the key would expand protected.
    /// Nothing if that cannot be said; then the directive is left out with the reason.
    std::optional<std::string> text(const Line& line, std::string_view text, std::string_view key);

    std::optional<std::string> text(const Line& line) { return text(line, line.value, line.key); }

    /// The words of a quoted list, or nothing and the directive left out.
    std::optional<std::vector<std::string>> words(const Line& line);
    std::optional<bool> flag(const Line& line);
    /// Left out: the value is none.
    void refuse(const Line& line, std::string_view problem);
};

enum class Many : std::uint8_t {
    /// The last line counts.
    Last,
    /// Every line counts, from the last empty one on.
    List
};

struct Rule {
    /// "Listen*": every directive that begins so.
    std::string_view name;
    Many many = Many::Last;
    void (*apply)(Job& job, const Line& line) = nullptr;
    std::string_view key = {};
    std::string_view note = {};
};

inline bool is_for(const Rule& rule, std::string_view name) {
    if (!rule.name.ends_with('*')) return rule.name == name;
    return name.starts_with(rule.name.substr(0, rule.name.size() - 1));
}

std::span<const Rule> unit_rules();
std::span<const Rule> condition_rules();
std::span<const Rule> install_rules();
std::span<const Rule> service_rules();
std::span<const Rule> exec_rules();
std::span<const Rule> sandbox_rules();
std::span<const Rule> resource_rules();
std::span<const Rule> socket_rules();
std::span<const Rule> timer_rules();

/// Handlers that several tables share.
void put_text(Job& job, const Line& line);
void put_flag(Job& job, const Line& line);
void put_integer(Job& job, const Line& line);
void put_mode(Job& job, const Line& line);
void put_duration(Job& job, const Line& line);
void put_signal(Job& job, const Line& line);
void append_words(Job& job, const Line& line);
/// Nothing to write: the note says why that is the same.
void holds(Job& job, const Line& line);
/// Holds when switched off (or empty); else the note says why there is no counterpart.
void no_counterpart(Job& job, const Line& line);
/// Holds when switched on.
void holds_when_on(Job& job, const Line& line);
/// Nothing is written, and the note tells what differs.
void differs(Job& job, const Line& line);

/// What another unit's name is here.
struct OtherUnit {
    /// Empty: nothing to wait for.
    std::string name;
    /// Why not, if so.
    std::string reason;
    /// The reason is a loss, not a thing that holds anyway.
    bool lost = false;
};

OtherUnit other_unit(std::string_view name);

/// What is needed is waited for here: settles where that and the order do not go together.
void finish_order(Job& job);

/// Adds the commands, and what must be said because systemd's defaults are others.
void finish_service(Job& job);

/// The unit that a socket or timer starts.
std::string started_by(const UnitNames& names, const std::vector<Assignment>& lines);

} // namespace stead::importing
