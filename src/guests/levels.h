#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"
#include "resources/account.h"
#include "resources/change.h"
#include "sys/unique_fd.h"

/// Levels of guests that run and of those that do not: who is meant, what is to hold and where that
/// is written, and changes that a crash in the middle does not leave half done. Below
/// /run/stead/levels lie the lock of all changes, `change.json` while one is made, and NAME.json
/// with what was set on a running guest; that is believed only as long as exactly this guest runs.
namespace stead::guests {

/// A level that is to hold.
struct WantedLevel {
    resources::Wish wish;
    /// "web.toml:6", "set, not kept"; empty: a default.
    std::string origin;
};

/// A guest, or a unit of one, whose levels are looked at or changed.
struct LevelTarget {
    std::string guest;
    /// Empty: the guest itself.
    std::string unit;
    resources::Subject subject;
    std::vector<WantedLevel> wanted;
    /// Counters at the last `limits --reset`, and when that was (seconds since 1970, 0: never).
    resources::Baseline since;
    std::int64_t since_when = 0;
    /// Seconds since 1970.
    std::int64_t created = 0;
    /// It is a service of systemd's.
    bool service = false;
    /// The file that `--save` puts a drop-in beside; empty: there is none.
    std::string file;
};

/// The target as it runs. ESRCH: it does not run; ENOENT: the unit has no cgroup, or the guest
/// none.
Result<LevelTarget> find_levels(const Paths& paths, std::string_view guest, std::string_view unit);

/// Takes back what a command that died in the middle of a change has done. Cheap where nothing is
/// to be done; does nothing while somebody is at it.
void repair_levels(const Paths& paths);

/// What `--save` writes: one level of the guest or of a unit.
struct KeptLevel {
    std::string key;
    std::string text;
};

/// A change from the lock to the end. What it does is taken back when it is destroyed before
/// `finish`, and by the next command when it does not get that far.
class LevelChange {
public:
    /// Waits for other changes, and repairs what they left.
    static Result<LevelChange> begin(const Paths& paths);

    LevelChange(LevelChange&&) = default;
    LevelChange(const LevelChange&) = delete;
    LevelChange& operator=(const LevelChange&) = delete;
    LevelChange& operator=(LevelChange&&) = delete;
    ~LevelChange(); // NOLINT(bugprone-exception-escape): as its definition says

    /// Takes the steps; what failed, or nothing.
    std::optional<std::string> apply(const LevelTarget& target,
                                     const std::vector<resources::Step>& steps);

    /// Writes the drop-in of `file` (a guest's), or that of a unit of it; its path. EEXIST: the
    /// drop-in holds other things than levels.
    Result<std::string> keep(const std::string& file,
                             std::string_view unit,
                             bool jail,
                             const std::vector<KeptLevel>& levels);

    /// Remembers what holds now, and ends the change.
    Result<void> finish(const LevelTarget& target, const std::vector<WantedLevel>& changed);
    /// The end of one that only wrote files.
    Result<void> finish();

    /// Where the counters of `target` stand becomes their zero.
    Result<void> reset_counters(const LevelTarget& target);

private:
    LevelChange(Paths paths, sys::UniqueFd folder, sys::UniqueFd lock);

    Paths paths_;
    sys::UniqueFd folder_;
    sys::UniqueFd lock_;
    bool open_ = false;
    /// The guest that steps were applied to, as it was found then.
    std::optional<Record> guest_;
    std::string applied_;
    std::string kept_file_;
    std::optional<std::string> kept_before_;
};

/// The drop-in that `keep` writes.
std::string kept_path(const std::string& file, std::string_view unit, bool jail);

} // namespace stead::guests
