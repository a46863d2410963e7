#include "guests/ids.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include <dirent.h>

#include "base/close_folder.h"
#include "guests/state.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

constexpr std::size_t kMaxIdsFile = 4U << 20U;

struct Entry {
    std::string name;
    std::uint32_t first = 0;
};

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

template <typename Each>
void for_each_line(std::string_view text, Each each) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        each(text.substr(0, end));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

/// Lines "NAME FIRST"; a line that is none is left out, its range is then simply free again.
std::vector<Entry> parse_entries(std::string_view text) {
    std::vector<Entry> entries;
    for_each_line(text, [&](std::string_view line) {
        const std::size_t space = line.find(' ');
        if (space == std::string_view::npos) return;
        const auto first = number(line.substr(space + 1));
        const bool ours = first && *first >= kFirstRange && *first <= kLastRange &&
                          (*first - kFirstRange) % kRangeSize == 0;
        if (ours && valid_name(line.substr(0, space))) {
            entries.push_back({std::string(line.substr(0, space)), *first});
        }
    });
    return entries;
}

/// Ranges of ids that somebody else uses.
std::vector<recipe::IdRange> foreign_ranges() {
    std::vector<recipe::IdRange> taken;
    for (const char* path : {"/etc/subuid", "/etc/subgid"}) {
        const auto text = read_file(AT_FDCWD, path, kMaxIdsFile);
        if (!text) continue; // Most hosts have none, and none that can be read reserves nothing.
        for_each_line(*text, [&](std::string_view line) {
            if (auto range = parse_subordinate(line)) taken.push_back(*range);
        });
    }
    for (const char* path : {"/etc/passwd", "/etc/group"}) {
        const auto text = read_file(AT_FDCWD, path, kMaxIdsFile);
        if (!text) continue;
        for_each_line(*text, [&](std::string_view line) {
            // The third field of both: "name:x:ID:".
            for (int i = 0; i < 2 && !line.empty(); ++i) {
                const std::size_t colon = line.find(':');
                line =
                    colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
            }
            if (const auto id = number(line.substr(0, line.find(':')))) taken.push_back({*id, 1});
        });
    }
    return taken;
}

/// The lowest range that overlaps none of ours and none of others: one pass over each list, with
/// thousands of guests as well.
std::optional<std::uint32_t> free_range(const std::vector<Entry>& entries) {
    std::vector<bool> taken((kLastRange - kFirstRange) / kRangeSize + 1);
    const auto take = [&](std::uint64_t first, std::uint64_t end) {
        if (end <= kFirstRange) return;
        const std::uint64_t low = std::max<std::uint64_t>(first, kFirstRange) - kFirstRange;
        for (std::uint64_t place = low / kRangeSize;
             place < taken.size() && kFirstRange + place * kRangeSize < end; ++place)
            taken[place] = true;
    };
    for (const Entry& entry : entries)
        take(entry.first, std::uint64_t{entry.first} + kRangeSize);
    for (const recipe::IdRange& range : foreign_ranges())
        take(range.first, std::uint64_t{range.first} + range.count);
    const auto free = std::find(taken.begin(), taken.end(), false);
    if (free == taken.end()) return std::nullopt;
    return kFirstRange + static_cast<std::uint32_t>(free - taken.begin()) * kRangeSize;
}

/// Ranges of guests that no longer exist: no guest file, no files of its own, not running.
void forget_gone(const Paths& paths, std::vector<Entry>& entries) {
    const auto exists = [](const std::string& path) {
        return sys::status_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW).has_value();
    };
    std::erase_if(entries, [&](const Entry& entry) {
        return !exists(paths.guest_file(entry.name)) && !exists(paths.guest(entry.name)) &&
               !exists(paths.state + "/guests/" + entry.name);
    });
}

Result<sys::UniqueFd> lock_ranges(const Paths& paths) {
    TRY(make_folders(paths.state));
    const std::string path = paths.state + "/ids.lock";
    sys::UniqueFd lock =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    TRY(sys::wait_for_lock(lock.get()));
    return lock;
}

Result<void> write_entries(const Paths& paths, const std::vector<Entry>& entries) {
    std::string content;
    for (const Entry& entry : entries) {
        content += entry.name + " " + std::to_string(entry.first) + "\n";
    }
    return replace_file(AT_FDCWD, (paths.state + "/ids").c_str(), content, 0644);
}

Result<recipe::IdRange> find_range(const Paths& paths, std::string_view guest, bool keep) {
    const std::string path = paths.state + "/ids";
    sys::UniqueFd lock;
    if (keep) lock = TRY(lock_ranges(paths));
    const auto text = read_file(AT_FDCWD, path.c_str(), kMaxIdsFile);
    if (!text && text.error().code != ENOENT) return text.error();
    std::vector<Entry> entries = parse_entries(text ? *text : std::string_view{});

    for (const Entry& entry : entries) {
        if (entry.name == guest) return recipe::IdRange{entry.first, kRangeSize};
    }
    std::optional<std::uint32_t> first = free_range(entries);
    if (!first) {
        forget_gone(paths, entries);
        first = free_range(entries);
    }
    if (!first) return make_error("id range", path, ENOSPC);
    if (!keep) return recipe::IdRange{*first, kRangeSize};

    entries.push_back({std::string(guest), *first});
    TRY(write_entries(paths, entries));
    return recipe::IdRange{*first, kRangeSize};
}

std::string uids_folder(const Paths& paths) {
    return paths.runtime + "/uids";
}

std::string holder_of(std::string_view guest, std::string_view unit) {
    return std::string(guest) + "/" + std::string(unit);
}

/// Whether `path` is somebody else's claim, and that guest still exists.
bool is_held(const Paths& paths, const std::string& path, std::string_view asking) {
    std::array<char, 256> buffer{};
    const auto size = sys::read_link(AT_FDCWD, path.c_str(), buffer);
    if (!size) return false;
    const std::string_view holder(buffer.data(), *size);
    if (holder == asking) return false; // A claim of an earlier life.
    const std::string guest = paths.guest(holder.substr(0, holder.find('/')));
    return sys::status_at(AT_FDCWD, guest.c_str(), AT_SYMLINK_NOFOLLOW).has_value();
}

} // namespace

std::optional<recipe::IdRange> parse_subordinate(std::string_view line) {
    const std::size_t name = line.find(':');
    if (name == std::string_view::npos) return std::nullopt;
    const std::size_t first = line.find(':', name + 1);
    if (first == std::string_view::npos) return std::nullopt;
    const auto start = number(line.substr(name + 1, first - name - 1));
    const auto count = number(line.substr(first + 1));
    if (!start || !count || *count == 0) return std::nullopt;
    return recipe::IdRange{*start, *count};
}

Result<recipe::IdRange> range_of(const Paths& paths, std::string_view guest) {
    return find_range(paths, guest, true);
}

Result<recipe::IdRange> preview_range(const Paths& paths, std::string_view guest) {
    return find_range(paths, guest, false);
}

Result<void> rename_range(const Paths& paths, std::string_view from, std::string_view to) {
    const sys::UniqueFd lock = TRY(lock_ranges(paths));
    const auto text = read_file(AT_FDCWD, (paths.state + "/ids").c_str(), kMaxIdsFile);
    if (!text && text.error().code == ENOENT) return {};
    if (!text) return text.error();
    std::vector<Entry> entries = parse_entries(*text);
    const auto named = [](std::string_view name) {
        return [name](const Entry& entry) { return entry.name == name; };
    };
    const auto found = std::find_if(entries.begin(), entries.end(), named(from));
    if (found == entries.end()) return {};
    const std::uint32_t first = found->first;
    std::erase_if(entries, named(from));
    if (!to.empty()) {
        // A guest of that name that was deleted by hand.
        std::erase_if(entries, named(to));
        entries.push_back({std::string(to), first});
    }
    return write_entries(paths, entries);
}

Result<void> forget_range(const Paths& paths, std::string_view guest) {
    return rename_range(paths, guest, {});
}

std::string claim_path(const Paths& paths, std::uint32_t uid) {
    return uids_folder(paths) + "/" + std::to_string(uid);
}

std::uint32_t preview_dynamic(std::string_view guest, std::string_view unit) {
    std::uint32_t hash = 0x811c9dc5;
    for (const char c : holder_of(guest, unit))
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
    return kFirstDynamic + hash % (kLastDynamic - kFirstDynamic + 1);
}

Result<std::uint32_t>
claim_dynamic(const Paths& paths, std::string_view guest, std::string_view unit) {
    constexpr std::uint32_t kCount = kLastDynamic - kFirstDynamic + 1;
    const std::string folder = uids_folder(paths);
    const std::string holder = holder_of(guest, unit);
    std::uint32_t uid = preview_dynamic(guest, unit);
    for (std::uint32_t attempt = 0; attempt < kCount; ++attempt) {
        const std::string path = claim_path(paths, uid);
        Result<void> made = sys::make_link(holder.c_str(), AT_FDCWD, path.c_str());
        if (!made && made.error().code == ENOENT) {
            TRY(make_folders(folder));
            made = sys::make_link(holder.c_str(), AT_FDCWD, path.c_str());
        }
        if (made) return uid;
        if (made.error().code != EEXIST) return made.error();
        if (!is_held(paths, path, holder)) {
            // Left by a guest that is gone. If somebody else is faster, the next round sees it.
            (void)sys::remove_at(AT_FDCWD, path.c_str(), false);
            continue;
        }
        uid = uid == kLastDynamic ? kFirstDynamic : uid + 1;
    }
    return make_error("dynamic user", folder, ENOSPC);
}

void release_dynamic(const Paths& paths, std::string_view guest) {
    const std::string path = uids_folder(paths);
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (!folder) return;
    // One stream, one thread: readdir(3) is safe here.
    while (const dirent* entry = ::readdir(folder.get())) { // NOLINT(concurrency-mt-unsafe)
        std::array<char, 256> buffer{};
        const auto size = sys::read_link(::dirfd(folder.get()), entry->d_name, buffer);
        const std::string_view holder(buffer.data(), size ? *size : 0);
        if (holder.substr(0, holder.find('/')) == guest && !guest.empty()) {
            // Another clean-up of the same guest may be faster.
            (void)sys::remove_at(::dirfd(folder.get()), entry->d_name, false);
        }
    }
}

} // namespace stead::guests
