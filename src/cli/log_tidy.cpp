#include "cli/log_tidy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dirent.h>

#include "base/close_folder.h"
#include "cli/packed_log.h"
#include "sys/file.h"

namespace stead::cli {

namespace {

constexpr int kMostAside = 99;
/// The name a finished compressed file has for the moment before it takes its place.
constexpr const char* kFinished = "/current.packed";

/// One file that was put aside: UNIT/current.NUMBER, or with number 0 the one being written.
struct Aside {
    std::string unit;
    int number = 0;

    struct stat status {};

    [[nodiscard]] std::string path() const {
        return unit + "/current" + (number > 0 ? "." + std::to_string(number) : "");
    }

    [[nodiscard]] bool older_than(const Aside& other) const {
        const timespec& a = status.st_mtim;
        const timespec& b = other.status.st_mtim;
        return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
    }
};

/// The keeper moves and removes nothing as long as this lives.
class Hold {
public:
    explicit Hold(int folder)
        : folder_(folder)
        , held_(sys::hold_folder(folder)) {}

    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    Hold(Hold&&) = delete;
    Hold& operator=(Hold&&) = delete;

    ~Hold() { sys::release_folder(folder_); }

    explicit operator bool() const { return held_.has_value(); }

private:
    int folder_;
    Result<void> held_;
};

class Tidy {
public:
    explicit Tidy(sys::UniqueFd folder)
        : folder_(std::move(folder)) {}

    void compress();
    void bound(std::uint64_t max, int most);

    Tidied done;

private:
    [[nodiscard]] std::vector<std::string> units() const;
    [[nodiscard]] std::vector<Aside> files() const;
    [[nodiscard]] std::optional<Aside> look(const std::string& unit, int number) const;
    /// Where the file is by now; only while the folder is held.
    [[nodiscard]] std::optional<Aside> find_again(const Aside& place) const;
    /// What one that was killed had finished, and not put into its place.
    void remove_unplaced();
    bool compress(const Aside& place);
    bool put(const sys::UniqueFd& packed, const Aside& place);

    sys::UniqueFd folder_;
};

std::vector<std::string> Tidy::units() const {
    std::vector<std::string> names;
    auto copy = sys::open_at(folder_.get(), ".", O_RDONLY | O_DIRECTORY);
    if (!copy) return names;
    const std::unique_ptr<DIR, CloseFolder> entries(::fdopendir(copy->release()));
    if (!entries) return names;
    // One thread.
    while (const dirent* entry = ::readdir(entries.get())) { // NOLINT(concurrency-mt-unsafe)
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    return names;
}

std::optional<Aside> Tidy::look(const std::string& unit, int number) const {
    Aside place{unit, number, {}};
    const auto status = sys::status_at(folder_.get(), place.path().c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status || !S_ISREG(status->st_mode)) return std::nullopt;
    place.status = *status;
    return place;
}

std::vector<Aside> Tidy::files() const {
    std::vector<Aside> found;
    for (const std::string& unit : units()) {
        for (int number = 0; number <= kMostAside; ++number) {
            auto place = look(unit, number);
            // A unit may have no file that is being written, but no gap further on.
            if (!place && number > 0) break;
            if (place) found.push_back(std::move(*place));
        }
    }
    return found;
}

std::optional<Aside> Tidy::find_again(const Aside& place) const {
    for (int number = place.number; number <= kMostAside; ++number) {
        auto found = look(place.unit, number);
        if (!found) return std::nullopt;
        if (found->status.st_ino == place.status.st_ino) return found;
    }
    return std::nullopt;
}

void Tidy::remove_unplaced() {
    const Hold held(folder_.get());
    if (!held) return;
    for (const std::string& unit : units())
        (void)sys::remove_at(folder_.get(), (unit + kFinished).c_str(), false); // rarely there
}

void Tidy::compress() {
    remove_unplaced();
    for (const Aside& place : files()) {
        if (place.number > 1 && place.status.st_size > 0 && compress(place)) ++done.compressed;
    }
}

bool Tidy::compress(const Aside& place) {
    auto text = sys::open_at(folder_.get(), place.path().c_str(), O_RDONLY | O_NOFOLLOW);
    if (!text || PackedLog::open(text->get())) return false;
    const auto status = sys::status_at(text->get(), "", AT_EMPTY_PATH);
    if (!status || status->st_ino != place.status.st_ino) return false;
    // Without a name until it is whole: nothing is left of one that was not finished.
    auto packed =
        sys::open_at(folder_.get(), place.unit.c_str(), O_TMPFILE | O_RDWR, status->st_mode & 0777);
    if (!packed || !pack_log(text->get(), packed->get())) return false;
    // By the time of its last line it is known again, and its age.
    const timespec times[] = {status->st_atim, status->st_mtim};
    if (::fchown(packed->get(), status->st_uid, status->st_gid) < 0 ||
        ::futimens(packed->get(), times) < 0 || ::fdatasync(packed->get()) < 0)
        return false;
    return put(*packed, place);
}

bool Tidy::put(const sys::UniqueFd& packed, const Aside& place) {
    const Hold held(folder_.get());
    if (!held) return false;
    const auto now = find_again(place);
    if (!now) return false; // Rotated away meanwhile.
    const std::string finished = place.unit + kFinished;
    const std::string name = "/proc/self/fd/" + std::to_string(packed.get());
    if (::linkat(AT_FDCWD, name.c_str(), folder_.get(), finished.c_str(), AT_SYMLINK_FOLLOW) < 0)
        return false;
    return sys::rename_at(folder_.get(), finished.c_str(), now->path().c_str()).has_value();
}

void Tidy::bound(std::uint64_t max, int most) {
    const auto smaller = [](const Aside& a, const Aside& b) {
        return a.status.st_size < b.status.st_size;
    };
    while (max > 0 && done.removed < most) {
        std::uint64_t sum = 0;
        const std::vector<Aside> all = files();
        const Aside* oldest = nullptr;
        for (std::size_t at = 0; at < all.size(); ++at) {
            // The file that is written to grows as large as the one before it was, and nobody looks
            // until it is put aside as well.
            const bool grows = all[at].number == 0 && at + 1 < all.size() &&
                               all[at + 1].unit == all[at].unit && all[at + 1].number == 1;
            const Aside& size = grows ? std::max(all[at], all[at + 1], smaller) : all[at];
            sum += static_cast<std::uint64_t>(size.status.st_size);
            // Only the last one of a unit: the row keeps no gaps.
            const bool last = at + 1 == all.size() || all[at + 1].unit != all[at].unit;
            if (all[at].number == 0 || !last) continue;
            if (oldest == nullptr || all[at].older_than(*oldest)) oldest = &all[at];
        }
        if (sum <= max || oldest == nullptr) return;
        const Hold held(folder_.get());
        if (!held) return;
        const auto now = find_again(*oldest);
        // Rotated away meanwhile: that has made room as well.
        if (!now) continue;
        if (!sys::remove_at(folder_.get(), now->path().c_str(), false)) return;
        ++done.removed;
    }
}

} // namespace

Tidied tidy_logs(int folder, std::uint64_t max, int most) {
    // A description of our own: the lock belongs to it, and the keeper's is another one's.
    auto own = sys::open_at(folder, ".", O_RDONLY | O_DIRECTORY);
    if (!own) return {};
    Tidy tidy(std::move(*own));
    tidy.compress();
    tidy.bound(max, most);
    return tidy.done;
}

} // namespace stead::cli
