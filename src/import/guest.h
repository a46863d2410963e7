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
#include "import/import.h"

/// What containers of others have in common on their way to guest files. For this folder's own use.
namespace stead::importing {

/// One line of a container's configuration, with the number of its item.
struct Given {
    std::size_t item = 0;
    std::string_view section;
    std::string_view name;
    std::string_view value;
    /// Of its rule.
    std::string_view key;
    std::string_view note;
};

/// A guest while it is made.
struct Guest {
    Draft& draft;
    const Options& options;
    /// The container's name.
    std::string name{};
    /// Its root; empty where that is not known or no folder.
    std::string root{};
    /// A program without an init: a jail, whose one unit is `unit`.
    bool jail = false;
    std::string unit{};
    /// The guest's ids are the host's.
    bool host_users = false;
    /// Binds get the ids of the root's files.
    bool idmap_binds = false;
    /// Where something is shown inside already.
    std::set<std::string> targets{};

    /// "unit.web.command"
    [[nodiscard]] std::string of_unit(std::string_view key) const;

    /// Left out: the value is none.
    void refuse(const Given& given, std::string_view problem);
    std::optional<bool> flag(const Given& given);
};

enum class Repeat : std::uint8_t {
    /// The last line counts.
    Last,
    /// Every line counts, from the last empty one on.
    List
};

struct GuestRule {
    /// Empty: any.
    std::string_view section;
    /// "lxc.hook.*": every name that begins so.
    std::string_view name;
    Repeat repeat = Repeat::Last;
    void (*apply)(Guest& guest, const Given& given) = nullptr;
    std::string_view key = {};
    std::string_view note = {};
};

/// A line as rules see it.
struct ConfigLine {
    std::string section;
    std::string name;
    std::string value;
    Origin origin;
    /// Why it is left out, whatever it says.
    std::string problem;
};

/// Takes every setting down and applies the rules in the order of their table. `unknown` is said of
/// settings without a rule.
void apply_rules(Guest& guest,
                 std::span<const GuestRule> rules,
                 const std::vector<ConfigLine>& settings,
                 std::string_view unknown);

/// The last value of a setting, if there is one that is no mistake.
std::optional<std::string> last_value(const std::vector<ConfigLine>& settings,
                                      std::string_view section,
                                      std::string_view name);

/// Handlers that both tables share. Nothing to write, and the note says why that is the same:
void guest_holds(Guest& guest, const Given& given);
/// Nothing is written, and the note tells what differs.
void guest_differs(Guest& guest, const Given& given);
/// Holds when switched off or empty; else the note says why there is no counterpart.
void guest_has_none(Guest& guest, const Given& given);
void guest_host_name(Guest& guest, const Given& given);
/// `given.value` is a number of setrlimit(2), `given.note` its name ("nofile").
void guest_limit(Guest& guest, const Given& given, std::string_view name, std::string_view text);
void guest_oom_score(Guest& guest, const Given& given);
void guest_no_new_privileges(Guest& guest, const Given& given);

/// A variable of everything in the guest.
void add_variable(Guest& guest, std::size_t item, const std::string& name, std::string_view value);
/// The program of a jail; false and the line left out if it can be none.
bool put_command(Guest& guest, std::size_t item, const std::vector<std::string>& words);
/// The end of every guest: what a jail or system needs to be one.
Import finish_guest(Guest& guest);

/// "NET_RAW" of "CAP_NET_RAW" or "net_raw"; empty if there is no such capability.
std::string capability_word(std::string_view text);
std::span<const std::string_view> all_capabilities();

struct BindRequest {
    std::string from;
    std::string to;
    bool read_only = false;
    bool no_exec = false;
    bool suid = false;
    bool device = false;
    bool idmap = false;
};

/// Shows a path of the host inside, or leaves the line out with the reason.
void add_bind(Guest& guest, std::size_t item, BindRequest request);
/// A tmpfs at `path`: only the places that every guest has one at can be given a size.
void add_tmpfs(Guest& guest, std::size_t item, std::string_view path, std::string_view options);

/// An address with its prefix that a guest can have; else what is wrong with it.
std::string address_problem(std::string_view text);

inline constexpr std::string_view kOneInterface = "a guest has one interface, eth0";
inline constexpr std::string_view kUsualDevices =
    "null, zero, full, random, urandom, tty, console and terminals are always there";

} // namespace stead::importing
