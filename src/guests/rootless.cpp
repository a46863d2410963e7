#include "guests/rootless.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <span>
#include <utility>

#include "guests/accounts.h"
#include "guests/guests.h"
#include "guests/state.h"
#include "sys/clone.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

namespace stead::guests {

namespace {

/// Set by `enter_own_users` for what it executes: the number of ids.
constexpr const char* kMark = "STEAD_ROOTLESS_IDS";
constexpr std::size_t kMaxRangeFile = 1U << 20U;
constexpr int kHelperLimitMilliseconds = 10'000;

/// A number that is all of `text`.
std::optional<std::uint32_t> as_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// The next word of `text`, which loses it.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
    text.remove_prefix(word.size());
    return word;
}

std::uint32_t mapped_in(const char* path) {
    const auto file = sys::open_at(AT_FDCWD, path, O_RDONLY);
    if (!file) return 0;
    std::array<char, 4096> text{};
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(text)));
    return size ? mapped_ids({text.data(), *size}) : 0;
}

std::string user_name(uid_t uid) {
    const auto accounts = read_accounts("/");
    const compile::User* account = accounts ? accounts->find_uid(uid) : nullptr;
    return account == nullptr ? std::string() : account->name;
}

/// What the user was given of the host's ids, and the programs that map them.
struct Ranges {
    std::uint32_t uids = 0;
    std::uint32_t gids = 0;
    const char* map_users = nullptr;
    const char* map_groups = nullptr;
};

const char* find_program(const std::array<const char*, 2>& places) {
    for (const char* place : places)
        if (::access(place, X_OK) == 0) return place;
    return nullptr;
}

std::optional<Ranges> find_ranges(uid_t uid) {
    Ranges ranges;
    ranges.map_users = find_program({"/usr/bin/newuidmap", "/bin/newuidmap"});
    ranges.map_groups = find_program({"/usr/bin/newgidmap", "/bin/newgidmap"});
    if (ranges.map_users == nullptr || ranges.map_groups == nullptr) return std::nullopt;
    const auto uids = read_file(AT_FDCWD, "/etc/subuid", kMaxRangeFile);
    const auto gids = read_file(AT_FDCWD, "/etc/subgid", kMaxRangeFile);
    if (!uids || !gids) return std::nullopt;
    const std::string name = user_name(uid);
    const auto first_uid = subordinate_range(*uids, name, uid);
    const auto first_gid = subordinate_range(*gids, name, uid);
    if (!first_uid || !first_gid) return std::nullopt;
    ranges.uids = *first_uid;
    ranges.gids = *first_gid;
    return ranges;
}

/// In a child that still lives in the host's user namespace: maps the parent's ids.
[[noreturn]] void
run_mapper(const char* program, pid_t parent, std::uint32_t own, std::uint32_t first) {
    std::array<std::string, 8> words = {program,
                                        std::to_string(parent),
                                        "0",
                                        std::to_string(own),
                                        "1",
                                        "1",
                                        std::to_string(first),
                                        std::to_string(kSubordinateIds)};
    std::array<char*, words.size() + 1> arguments{};
    for (std::size_t at = 0; at < words.size(); ++at)
        arguments[at] = words[at].data();
    ::execv(program, arguments.data());
    ::_exit(127);
}

Result<void> write_map(const char* path, const std::string& text) {
    const auto file = TRY(sys::open_at(AT_FDCWD, path, O_WRONLY));
    // The kernel takes a map in one write only.
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return last_error("write", path);
    return {};
}

/// The helper waits until this process is in its namespace, then has each program map its ids.
class Mapper {
public:
    static Result<Mapper> start(const Ranges& ranges, uid_t uid, gid_t gid) {
        Mapper made;
        sys::Pipe go = TRY(sys::make_pipe());
        const pid_t parent = ::getpid();
        sys::Cloned child = TRY(sys::clone_process(-1));
        if (child.pid == 0) {
            go.write.reset();
            char word = 0;
            if (::read(go.read.get(), &word, 1) != 1) ::_exit(1);
            const pid_t users = ::fork();
            if (users == 0) run_mapper(ranges.map_users, parent, uid, ranges.uids);
            int status = 0;
            if (users < 0 || ::waitpid(users, &status, 0) != users || status != 0) ::_exit(1);
            run_mapper(ranges.map_groups, parent, gid, ranges.gids);
        }
        made.go_ = std::move(go.write);
        made.helper_ = sys::Process{std::move(child.pidfd), child.pid};
        return made;
    }

    Result<void> map() {
        if (::write(go_.get(), "g", 1) != 1) return last_error("write", "newuidmap's helper");
        if (!sys::is_readable(helper_.pidfd.get(), kHelperLimitMilliseconds))
            (void)sys::send_signal(helper_, SIGKILL);
        (void)sys::is_readable(helper_.pidfd.get(), kHelperLimitMilliseconds);
        const auto status = TRY(sys::try_reap(helper_));
        if (status && status->success()) return {};
        return make_error("newuidmap or newgidmap refused the ranges of",
                          "/etc/subuid and /etc/subgid", 0);
    }

private:
    sys::UniqueFd go_;
    sys::Process helper_;
};

Result<void> map_own_id(uid_t uid, gid_t gid) {
    TRY(write_map("/proc/self/setgroups", "deny"));
    TRY(write_map("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1"));
    return write_map("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
}

/// What is executed from here on finds the same folders and knows where it lives.
void tell(std::uint32_t ids, const Paths& paths) {
    // One thread.
    ::setenv("STEAD_RUNTIME_DIR", paths.runtime.c_str(), 1); // NOLINT(concurrency-mt-unsafe)
    ::setenv("STEAD_STATE_DIR", paths.state.c_str(), 1);     // NOLINT(concurrency-mt-unsafe)
    ::setenv("STEAD_CONFIG_DIR", paths.config.c_str(), 1);   // NOLINT(concurrency-mt-unsafe)
    ::setenv(kMark, std::to_string(ids).c_str(), 1);         // NOLINT(concurrency-mt-unsafe)
}

} // namespace

std::optional<std::uint32_t>
subordinate_range(std::string_view text, std::string_view name, std::uint32_t uid) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t first = line.find(':');
        if (first == std::string_view::npos) continue;
        const std::size_t second = line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string_view who = line.substr(0, first);
        if (who.empty() || (who != name && as_number(who) != uid)) continue;
        const auto begin = as_number(line.substr(first + 1, second - first - 1));
        const auto count = as_number(line.substr(second + 1));
        if (begin && count && *begin != 0 && *count >= kSubordinateIds &&
            *begin <= UINT32_MAX - kSubordinateIds)
            return begin;
    }
    return std::nullopt;
}

std::uint32_t mapped_ids(std::string_view text) {
    std::uint32_t count = 0;
    while (true) {
        const auto inside = as_number(take_word(text));
        const auto outside = as_number(take_word(text));
        const auto length = as_number(take_word(text));
        // The kernel keeps the ranges in the order of the ids inside; behind a gap there may be
        // more, which nobody counts on.
        if (!inside || !outside || !length || *inside != count) return count;
        // The first user namespace of the machine maps every id to itself.
        if (*length == UINT32_MAX) return 0;
        count += *length;
    }
}

std::uint32_t own_mapped_ids() {
    const std::uint32_t uids = mapped_in("/proc/self/uid_map");
    const std::uint32_t gids = mapped_in("/proc/self/gid_map");
    return uids == 0 ? gids : gids == 0 ? uids : std::min(uids, gids);
}

std::optional<std::uint32_t> rootless_ids() {
    // One thread. Root of the host is believed no word about this.
    const char* mark = std::getenv(kMark); // NOLINT(concurrency-mt-unsafe)
    if (mark != nullptr && own_mapped_ids() != 0)
        return as_number(mark) == 1 + kSubordinateIds ? 1 + kSubordinateIds : 1;
    const auto uid = static_cast<uid_t>(::getauxval(AT_EUID)); // Who executed us, without a call.
    if (uid == 0) return std::nullopt;
    return find_ranges(uid) ? 1 + kSubordinateIds : 1;
}

Result<void> enter_own_users(bool range) {
    const uid_t uid = ::geteuid();
    const gid_t gid = ::getegid();
    const Paths paths = Paths::from_environment();
    const auto ranges = range ? find_ranges(uid) : std::nullopt;
    std::optional<Mapper> mapper;
    if (ranges) mapper.emplace(TRY(Mapper::start(*ranges, uid, gid)));
    TRY(sys::unshare(CLONE_NEWUSER | CLONE_NEWNS));
    if (mapper) {
        TRY(mapper->map());
    } else {
        TRY(map_own_id(uid, gid));
    }
    TRY(sys::make_all_followers());
    tell(ranges ? 1 + kSubordinateIds : 1, paths);
    return {};
}

} // namespace stead::guests
