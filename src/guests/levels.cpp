#include "guests/levels.h"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "guests/cgroups.h"
#include "guests/kept_levels.h"
#include "guests/state.h"
#include "resources/freeze.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxState = std::size_t{1} << 20U;
constexpr const char* kChange = "change.json";

std::string folder_of(const Paths& paths) {
    return paths.runtime + "/levels";
}

json read_json(int folder, const std::string& name) {
    const auto text = read_file(folder, name.c_str(), kMaxState);
    if (!text) return {};
    auto parsed = json::parse(*text, nullptr, false);
    return parsed.is_object() ? std::move(parsed) : json{};
}

std::string text_in(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_in(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string dumped(const json& value) {
    return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// What was set on exactly this guest; empty for anything else.
json live_of(const Paths& paths, const Record& record) {
    const auto folder = sys::open_at(AT_FDCWD, folder_of(paths).c_str(), O_PATH | O_DIRECTORY);
    if (!folder) return json::object();
    json state = read_json(folder->get(), record.name + ".json");
    if (number_in(state, "pid") != record.pid ||
        static_cast<std::uint64_t>(number_in(state, "start-time")) != record.start_time)
        return json::object();
    return state;
}

void want(std::vector<WantedLevel>& wanted, WantedLevel level) {
    for (WantedLevel& known : wanted) {
        if (known.wish.level != level.wish.level) continue;
        known = std::move(level);
        return;
    }
    wanted.push_back(std::move(level));
}

void add_wanted(const json& state, LevelTarget& target) {
    const auto targets = state.find("targets");
    if (targets == state.end() || !targets->is_object()) return;
    const auto own = targets->find(target.unit);
    if (own == targets->end() || !own->is_object()) return;
    if (const auto levels = own->find("levels"); levels != own->end() && levels->is_object()) {
        for (const auto& [key, level] : levels->items()) {
            const resources::Level* const row = resources::find_level(key);
            if (row == nullptr || !level.is_object()) continue;
            want(target.wanted, {{row, text_in(level, "text"), text_in(level, "content")},
                                 text_in(level, "origin")});
        }
    }
    if (const auto since = own->find("since"); since != own->end() && since->is_object()) {
        for (const auto& [name, value] : since->items()) {
            if (value.is_number_integer()) target.since[name] = value.get<std::int64_t>();
        }
    }
    target.since_when = number_in(*own, "since-when");
}

/// cgroup2's mount and what is between it and `cgroup`, highest first.
std::vector<std::string> folders_above(const std::string& cgroup) {
    std::vector<std::string> above;
    const auto mount = find_cgroup2();
    if (!mount || !cgroup.starts_with(*mount + "/")) return above;
    above.push_back(*mount);
    for (std::size_t at = cgroup.find('/', mount->size() + 1); at != std::string::npos;
         at = cgroup.find('/', at + 1))
        above.push_back(cgroup.substr(0, at));
    return above;
}

/// Takes back what change.json tells of. The lock is held.
void take_back(const Paths& paths, int folder) {
    const json change = read_json(folder, kChange);
    const auto written = resources::read_written(text_in(change, "steps"));
    const std::string name = text_in(change, "guest");
    std::optional<Guest> guest;
    if (valid_name(name)) {
        if (auto found = find(paths, name)) guest = *std::move(found);
    }
    const bool same =
        guest && guest->running() && guest->record.pid == number_in(change, "pid") &&
        guest->record.start_time == static_cast<std::uint64_t>(number_in(change, "start-time"));
    if (written && same) {
        resources::roll_back(written->subject, written->steps);
        if (!change.value("frozen", false)) (void)resources::thaw(written->subject.cgroup);
    }
    const std::string file = text_in(change, "file");
    if (!file.empty()) {
        const bool was_there = change.contains("file-before") && change["file-before"].is_string();
        (void)restore_kept(file, was_there ? std::optional(text_in(change, "file-before"))
                                           : std::nullopt);
    }
    (void)sys::remove_at(folder, kChange, false);
}

} // namespace

Result<LevelTarget> find_levels(const Paths& paths, std::string_view name, std::string_view unit) {
    const auto guest = TRY(find(paths, name));
    if (!guest || !guest->running()) return make_error("no such process:", name, ESRCH);
    const Record& record = guest->record;
    LevelTarget target;
    target.guest = std::string(name);
    target.unit = std::string(unit);
    target.file = record.file;
    target.created = record.created;
    target.service = record.service.has_value();
    resources::Subject& subject = target.subject;
    subject.name = target.guest + (unit.empty() ? "" : "/" + target.unit);
    subject.cgroup = record.cgroup;
    subject.unit = !unit.empty();
    if (unit.empty()) {
        subject.init = record.pid;
        subject.disk = record.disk;
        subject.no_disk = record.no_disk;
        for (const RecordedLevel& level : record.levels) {
            if (const auto* row = resources::find_level(level.key))
                want(target.wanted, {{row, level.content, level.content}, level.origin});
        }
    } else {
        if (record.cgroup.empty()) return make_error("no cgroup of", subject.name, ENOENT);
        subject.cgroup += "/units/" + target.unit;
        if (!sys::status_at(AT_FDCWD, subject.cgroup.c_str(), AT_SYMLINK_NOFOLLOW))
            return make_error("no cgroup of", subject.name, ENOENT);
    }
    subject.above = folders_above(subject.cgroup);
    add_wanted(live_of(paths, record), target);
    return target;
}

void repair_levels(const Paths& paths) {
    const std::string path = folder_of(paths);
    const std::string change = path + "/" + kChange;
    if (!sys::status_at(AT_FDCWD, change.c_str(), AT_SYMLINK_NOFOLLOW)) return;
    const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return;
    const auto lock = sys::open_at(folder->get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    // Whoever holds it is at work.
    if (!lock || !sys::take_lock(lock->get())) return;
    take_back(paths, folder->get());
}

LevelChange::LevelChange(Paths paths, sys::UniqueFd folder, sys::UniqueFd lock)
    : paths_(std::move(paths))
    , folder_(std::move(folder))
    , lock_(std::move(lock)) {}

// NOLINTNEXTLINE(bugprone-exception-escape): want of memory alone, which ends this program
LevelChange::~LevelChange() {
    if (folder_ && open_) take_back(paths_, folder_.get());
}

Result<LevelChange> LevelChange::begin(const Paths& paths) {
    const std::string path = folder_of(paths);
    TRY(make_folders(path));
    sys::UniqueFd folder =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    sys::UniqueFd lock =
        TRY(sys::open_at(folder.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    TRY(sys::wait_for_lock(lock.get()));
    if (sys::status_at(folder.get(), kChange, AT_SYMLINK_NOFOLLOW)) take_back(paths, folder.get());
    return LevelChange(paths, std::move(folder), std::move(lock));
}

std::optional<std::string> LevelChange::apply(const LevelTarget& target,
                                              const std::vector<resources::Step>& steps) {
    const auto guest = find(paths_, target.guest);
    if (!guest || !*guest || !(*guest)->running()) return target.guest + " has just ended";
    guest_ = (*guest)->record;
    json change{{"guest", target.guest},
                {"pid", (*guest)->record.pid},
                {"start-time", (*guest)->record.start_time},
                {"frozen", resources::is_frozen(target.subject.cgroup)},
                {"steps", resources::write_down(target.subject, steps)}};
    applied_ = dumped(change);
    const auto noted = replace_file(folder_.get(), kChange, applied_, 0600);
    if (!noted) return std::string(describe(noted.error()).view());
    open_ = true;
    auto problem = resources::apply(target.subject, steps);
    if (problem) {
        // Everything is as before already.
        (void)sys::remove_at(folder_.get(), kChange, false);
        open_ = false;
    }
    return problem;
}

Result<std::string> LevelChange::keep(const std::string& file,
                                      std::string_view unit,
                                      bool jail,
                                      const std::vector<KeptLevel>& levels) {
    kept_file_ = kept_path(file, unit, jail);
    const std::string table = unit.empty() ? "limits"
                              : jail       ? "unit." + std::string(unit) + ".limits"
                                           : "limits";
    kept_before_ = read_kept(kept_file_);
    const std::string text = TRY(merge_kept(kept_file_, kept_before_.value_or(""), table, levels));
    json change = applied_.empty() ? json::object() : json::parse(applied_, nullptr, false);
    change["file"] = kept_file_;
    if (kept_before_) change["file-before"] = *kept_before_;
    TRY(replace_file(folder_.get(), kChange, dumped(change), 0600));
    open_ = true;
    TRY(restore_kept(kept_file_, text));
    return kept_file_;
}

Result<void> LevelChange::finish() {
    open_ = false;
    const auto removed = sys::remove_at(folder_.get(), kChange, false);
    if (!removed && removed.error().code != ENOENT) return removed.error();
    return {};
}

Result<void> LevelChange::finish(const LevelTarget& target,
                                 const std::vector<WantedLevel>& changed) {
    // What has been applied was, to this life of the guest: the state names it.
    if (!guest_) {
        const auto found = TRY(find(paths_, target.guest));
        if (!found) return make_error("no such process:", target.guest, ESRCH);
        guest_ = found->record;
    }
    json state = live_of(paths_, *guest_);
    state["pid"] = guest_->pid;
    state["start-time"] = guest_->start_time;
    json& levels = state["targets"][target.unit]["levels"];
    for (const WantedLevel& level : changed)
        levels[std::string(level.wish.level->key)] = {
            {"text", level.wish.text}, {"content", level.wish.content}, {"origin", level.origin}};
    TRY(replace_file(folder_.get(), (target.guest + ".json").c_str(), dumped(state), 0600));
    return finish();
}

Result<void> LevelChange::reset_counters(const LevelTarget& target) {
    const auto guest = TRY(find(paths_, target.guest));
    if (!guest) return make_error("no such process:", target.guest, ESRCH);
    json state = live_of(paths_, guest->record);
    state["pid"] = guest->record.pid;
    state["start-time"] = guest->record.start_time;
    json& own = state["targets"][target.unit];
    own["since"] = resources::take_baseline(target.subject);
    own["since-when"] = static_cast<std::int64_t>(std::time(nullptr));
    return replace_file(folder_.get(), (target.guest + ".json").c_str(), dumped(state), 0600);
}

} // namespace stead::guests
