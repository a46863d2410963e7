#include "guests/state.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include <dirent.h>
#include <nlohmann/json.hpp>

#include "base/close_folder.h"
#include "sys/file.h"
#include "sys/stream.h"

namespace stead::guests {

namespace {

constexpr std::size_t kMaxRecord = 1U << 16U;
/// The number of a keeper's lock descriptor, which `stead cleanup` inherits (wire/boot.h).
constexpr int kInheritedLock = 12;
constexpr int kLockAttempts = 50;
constexpr int kLockPauseMilliseconds = 20;
constexpr int kIdentifyAttempts = 1000;
constexpr int kIdentifyPauseMilliseconds = 1;

/// What follows the command's name in /proc/PID/stat: the name is in parentheses and may hold any
/// byte, so the last parenthesis counts (proc(5)).
struct Stat {
    char state = '?';
    std::uint64_t start_time = 0;
};

Result<Stat> read_stat(pid_t pid) {
    constexpr int kFieldsFromStateToStartTime = 19;
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const sys::UniqueFd file = TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY));
    std::array<std::byte, 1024> buffer{};
    // One read: the kernel makes the whole line at once.
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0) return last_error("read", path);
    const auto size = static_cast<std::size_t>(got);

    std::string_view text(reinterpret_cast<const char*>(buffer.data()), size);
    const std::size_t end_of_name = text.rfind(')');
    if (end_of_name == std::string_view::npos || end_of_name + 2 >= text.size()) {
        return make_error("read", path, EINVAL);
    }
    text.remove_prefix(end_of_name + 2);

    Stat stat{text.front(), 0};
    for (int i = 0; i < kFieldsFromStateToStartTime; ++i) {
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos) return make_error("read", path, EINVAL);
        text.remove_prefix(space + 1);
    }
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), stat.start_time);
    if (error != std::errc{}) return make_error("read", path, EINVAL);
    return stat;
}

bool has_ended(const Stat& stat) {
    return stat.state == 'Z' || stat.state == 'X';
}

Result<std::uint64_t> pid_namespace_of(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/pid";
    const struct stat status = TRY(sys::status_at(AT_FDCWD, path.c_str(), 0));
    return static_cast<std::uint64_t>(status.st_ino);
}

/// Takes the lock, and checks that the file is still the one in the folder: the last holder may
/// have cleared the folder away between our open and our lock. ESTALE then.
Result<sys::UniqueFd> lock_folder(int folder, int flags) {
    sys::UniqueFd lock = TRY(sys::open_at(folder, "lock", O_RDWR | O_NOFOLLOW | flags, 0600));
    const Result<void> taken = sys::take_lock(lock.get());
    if (!taken) {
        const bool busy = taken.error().code == EAGAIN || taken.error().code == EACCES;
        return busy ? make_error("lock", {}, EBUSY) : taken.error();
    }
    const struct stat held = TRY(sys::status_at(lock.get(), "", AT_EMPTY_PATH));
    if (held.st_nlink == 0) return make_error("lock", {}, ESTALE);
    return lock;
}

/// The descriptor a keeper left open for us, if it is this folder's lock.
bool inherited_lock(int folder) {
    const auto ours = sys::status_at(kInheritedLock, "", AT_EMPTY_PATH);
    const auto theirs = sys::status_at(folder, "lock", AT_SYMLINK_NOFOLLOW);
    return ours && theirs && ours->st_ino == theirs->st_ino && ours->st_dev == theirs->st_dev;
}

Guest look_at(const Paths& paths, const std::string& name) {
    Guest guest;
    guest.record.name = name;
    const auto folder =
        sys::open_at(AT_FDCWD, paths.guest(name).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return guest;
    if (auto record = read_record(folder->get())) {
        guest.record = *std::move(record);
        guest.record.name = name;
        guest.init = verify(guest.record);
    }
    const auto lock = sys::open_at(folder->get(), "lock", O_RDWR | O_NOFOLLOW);
    if (lock) {
        const auto locked = sys::is_locked(lock->get());
        guest.kept = locked && *locked;
    }
    return guest;
}

} // namespace

Result<void> make_folders(const std::string& path) {
    // Usually it is there: one call then.
    const Result<void> made = sys::make_folder(AT_FDCWD, path.c_str(), 0755);
    if (made || made.error().code == EEXIST) return {};
    const std::size_t slash = path.rfind('/');
    if (made.error().code != ENOENT || slash == 0 || slash == std::string::npos) {
        return made.error();
    }
    TRY(make_folders(path.substr(0, slash)));
    const Result<void> again = sys::make_folder(AT_FDCWD, path.c_str(), 0755);
    // Another start may have made it meanwhile.
    if (!again && again.error().code == EEXIST) return {};
    return again;
}

Result<Claim> claim(const Paths& paths, std::string_view name) {
    const std::string path = paths.guest(name);
    for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
        Result<void> made = sys::make_folder(AT_FDCWD, path.c_str(), 0700);
        if (!made && made.error().code == ENOENT) {
            TRY(make_folders(paths.runtime + "/guests"));
            made = sys::make_folder(AT_FDCWD, path.c_str(), 0700);
        }
        if (!made && made.error().code != EEXIST) return made.error();

        auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
        if (!folder && folder.error().code == ENOENT) continue;
        if (!folder) return folder.error();
        auto lock = lock_folder(folder->get(), O_CREAT);
        if (lock) {
            return Claim{path, *std::move(folder), *std::move(lock), made.has_value()};
        }

        // ESTALE, ENOENT: it was just cleared away. EBUSY: it may be just about to be.
        const int code = lock.error().code;
        if (code == EBUSY) ::poll(nullptr, 0, kLockPauseMilliseconds);
        if (code == EBUSY && look_at(paths, std::string(name)).running()) break;
        if (code != EBUSY && code != ESTALE && code != ENOENT) return lock.error();
    }
    return make_error("lock", name, EBUSY);
}

Result<Claim> claim_existing(const Paths& paths, std::string_view name) {
    const std::string path = paths.guest(name);
    sys::UniqueFd folder =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    if (inherited_lock(folder.get())) {
        return Claim{path, std::move(folder), sys::UniqueFd(kInheritedLock)};
    }
    auto lock = lock_folder(folder.get(), 0);
    if (!lock && lock.error().code == ENOENT) lock = lock_folder(folder.get(), O_CREAT);
    if (!lock) return make_error("lock", name, lock.error().code);
    return Claim{path, std::move(folder), *std::move(lock)};
}

Result<std::string> read_open_file(int fd, const char* name, std::size_t limit) {
    const struct stat status = TRY(sys::status_at(fd, "", AT_EMPTY_PATH));
    if (!S_ISREG(status.st_mode)) return make_error("read", name, EINVAL);
    std::string content(std::min(limit, static_cast<std::size_t>(status.st_size)) + 1, '\0');
    const std::size_t size = TRY(sys::read_full(fd, std::as_writable_bytes(std::span(content))));
    if (size > limit) return make_error("read", name, EFBIG);
    content.resize(size);
    return content;
}

Result<std::string> read_file(int folder, const char* name, std::size_t limit) {
    const sys::UniqueFd file = TRY(sys::open_at(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_open_file(file.get(), name, limit);
}

Result<void> replace_file(int folder, const char* name, std::string_view content, mode_t mode) {
    const std::string draft = std::string(name) + ".new";
    {
        const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
        const sys::UniqueFd file = TRY(sys::open_at(folder, draft.c_str(), flags, mode));
        TRY(sys::write_full(file.get(), content));
    }
    return sys::rename_at(folder, draft.c_str(), name);
}

Result<void> write_record(const Claim& claim, const Record& record) {
    nlohmann::json json;
    json["name"] = record.name;
    json["file"] = record.file;
    json["pid"] = record.pid;
    json["start-time"] = record.start_time;
    json["pid-namespace"] = record.pid_namespace;
    json["cgroup"] = record.cgroup;
    json["created"] = record.created;
    json["dynamic-uids"] = record.dynamic_uids;
    json["detached"] = record.detached;
    json["epilogue"] = record.epilogue;
    json["log-max"] = record.log_max;
    json["jail"] = record.jail;
    json["own-init"] = record.own_init;
    if (record.service) {
        json["service"] = {
            {"notify", record.service->notify},        {"invocation", record.service->invocation},
            {"watchdog", record.service->watchdog_ms}, {"journal", record.service->ties.journal},
            {"machine", record.service->ties.machine}, {"notify-all", record.service->ties.notify},
            {"sockets", record.service->ties.sockets}};
    }
    json["disk"] = record.disk;
    json["no-disk"] = record.no_disk;
    json["levels"] = nlohmann::json::array();
    for (const RecordedLevel& level : record.levels)
        json["levels"].push_back({level.key, level.content, level.origin});
    // Names of files may be no UTF-8: replaced rather than refused, they are for people here.
    const std::string text =
        json.dump(4, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return replace_file(claim.folder.get(), "state.json", text, 0600);
}

std::optional<Record> read_record(int folder) {
    const auto content = read_file(folder, "state.json", kMaxRecord);
    if (!content) return std::nullopt;
    const auto json = nlohmann::json::parse(*content, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    const auto number_in = [](const nlohmann::json& object, const char* key) -> std::int64_t {
        const auto found = object.find(key);
        return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
    };
    const auto number = [&](const char* key) { return number_in(json, key); };
    const auto text_in = [](const nlohmann::json& object, const char* key) {
        const auto found = object.find(key);
        return found != object.end() && found->is_string() ? found->get<std::string>()
                                                           : std::string();
    };
    const auto text = [&](const char* key) { return text_in(json, key); };
    Record record;
    record.name = text("name");
    record.file = text("file");
    record.pid = static_cast<pid_t>(number("pid"));
    record.start_time = static_cast<std::uint64_t>(number("start-time"));
    record.pid_namespace = static_cast<std::uint64_t>(number("pid-namespace"));
    record.cgroup = text("cgroup");
    record.created = number("created");
    const auto truth_in = [](const nlohmann::json& object, const char* key, bool usual) {
        const auto found = object.find(key);
        return found != object.end() && found->is_boolean() ? found->get<bool>() : usual;
    };
    const auto truth = [&](const char* key) { return truth_in(json, key, false); };
    record.detached = truth("detached");
    record.epilogue = truth("epilogue");
    record.jail = truth("jail");
    record.log_max = static_cast<std::uint64_t>(number("log-max"));
    record.own_init = truth("own-init");
    record.disk = text("disk");
    record.no_disk = text("no-disk");
    if (const auto service = json.find("service"); service != json.end() && service->is_object())
        record.service =
            Service{text_in(*service, "notify"),
                    text_in(*service, "invocation"),
                    number_in(*service, "watchdog"),
                    {truth_in(*service, "journal", true), truth_in(*service, "machine", true),
                     truth_in(*service, "notify-all", true), truth_in(*service, "sockets", true)}};
    if (const auto uids = json.find("dynamic-uids"); uids != json.end() && uids->is_array()) {
        for (const auto& uid : *uids) {
            if (uid.is_number_unsigned()) record.dynamic_uids.push_back(uid.get<std::uint32_t>());
        }
    }
    if (const auto levels = json.find("levels"); levels != json.end() && levels->is_array()) {
        for (const auto& level : *levels) {
            const bool whole = level.is_array() && level.size() == 3 && level[0].is_string() &&
                               level[1].is_string() && level[2].is_string();
            if (whole)
                record.levels.push_back({level[0].get<std::string>(), level[1].get<std::string>(),
                                         level[2].get<std::string>()});
        }
    }
    return record;
}

Result<void> identify(pid_t pid, Record& record) {
    record.pid = pid;
    record.start_time = TRY(read_stat(pid)).start_time;
    for (int attempt = 0;; ++attempt) {
        const auto inode = pid_namespace_of(pid);
        if (inode) {
            record.pid_namespace = *inode;
            return {};
        }
        // It may have ended meanwhile, and then has no namespaces: its keeper tells how.
        const auto stat = read_stat(pid);
        if (stat && has_ended(*stat)) return {};
        // While it is being executed its memory may still be that of an ordinary user's launcher,
        // which belongs to the host: too much for whoever is root of a user namespace only.
        if (inode.error().code != EACCES || attempt == kIdentifyAttempts) return inode.error();
        (void)::poll(nullptr, 0, kIdentifyPauseMilliseconds);
    }
}

std::optional<sys::Process> verify(const Record& record) {
    if (record.pid <= 0) return std::nullopt;
    // First the descriptor, then the question whether this is still the recorded process: if so,
    // the descriptor cannot be of another one.
    auto process = sys::open_process(record.pid);
    if (!process) return std::nullopt;
    const auto stat = read_stat(record.pid);
    if (!stat || stat->start_time != record.start_time) return std::nullopt;
    if (has_ended(*stat)) return std::nullopt;
    const auto inode = pid_namespace_of(record.pid);
    // An ordinary user may not look at the namespaces of a PID 1 that lives in another user
    // namespace: then pid and start time must be enough.
    if (!inode && inode.error().code == EACCES) return *std::move(process);
    if (!inode || *inode != record.pid_namespace) return std::nullopt;
    return *std::move(process);
}

Result<std::vector<std::string>> names_of_guests(const Paths& paths) {
    std::vector<std::string> names;
    const std::string path = paths.runtime + "/guests";
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (!folder) {
        if (errno == ENOENT) return names;
        return last_error("open", path);
    }
    // One stream, one thread: readdir(3) is safe here.
    while (const dirent* entry = ::readdir(folder.get())) { // NOLINT(concurrency-mt-unsafe)
        if (valid_name(entry->d_name)) names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::vector<Guest>> list(const Paths& paths) {
    std::vector<Guest> guests;
    for (const std::string& name : TRY(names_of_guests(paths)))
        guests.push_back(look_at(paths, name));
    return guests;
}

Result<std::optional<Guest>> find(const Paths& paths, std::string_view name) {
    if (!valid_name(name)) return std::optional<Guest>{};
    const auto status = sys::status_at(AT_FDCWD, paths.guest(name).c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status) {
        if (status.error().code == ENOENT) return std::optional<Guest>{};
        return status.error();
    }
    return std::optional<Guest>{look_at(paths, std::string(name))};
}

void await_removal(const Paths& paths, std::string_view name) {
    constexpr int kPauseMs = 5;
    const std::string folder = paths.guest(name);
    const auto is_there = [](const std::string& path) {
        return sys::status_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW).has_value();
    };
    for (int waited = 0; waited < 1000; waited += kPauseMs) {
        if (!is_there(folder) || is_there(folder + "/lock")) return;
        (void)sys::is_readable(-1, kPauseMs); // a pause
    }
}

} // namespace stead::guests
