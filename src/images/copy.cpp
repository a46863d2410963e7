#include <fcntl.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "images/tree.h"
#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

constexpr std::size_t kChunk = std::size_t{1} << 24U;

class Copy {
public:
    Copy(const CopyOptions& options, FunctionRef<void(std::uint64_t)> progress)
        : options_(options)
        , progress_(progress) {}

    Result<Copied> run(int from, int to) {
        top_ = to;
        TRY(copy_folder(from, to, 0));
        return copied_;
    }

private:
    /// What `from` holds, then what is `from`'s own: times would change else.
    Result<void> copy_folder(int from, int to, std::size_t depth) {
        if (depth > kMaxWalk) return make_error("copy", path_, ELOOP);
        const sys::UniqueFd reading = TRY(sys::open_at(from, ".", O_RDONLY | O_DIRECTORY));
        for (const std::string& name : TRY(names_in(reading.get()))) {
            const std::size_t before = path_.size();
            if (!path_.empty()) path_ += '/';
            path_ += name;
            const auto done = copy_one(reading.get(), to, name.c_str(), depth);
            if (!done) return make_error(done.error().operation, path_, done.error().code);
            path_.resize(before);
        }
        return copy_own(reading.get(), to);
    }

    Result<void> copy_one(int from, int to, const char* name, std::size_t depth) {
        const struct stat status = TRY(sys::status_at(from, name, AT_SYMLINK_NOFOLLOW));
        ++copied_.files;
        if (S_ISDIR(status.st_mode)) {
            const sys::UniqueFd source =
                TRY(sys::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
            TRY(sys::make_folder(to, name, 0700));
            const sys::UniqueFd target =
                TRY(sys::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
            return copy_folder(source.get(), target.get(), depth + 1);
        }
        if (status.st_nlink > 1) {
            const auto [found, is_new] = links_.try_emplace({status.st_dev, status.st_ino}, path_);
            if (!is_new) return sys::make_hard_link(top_, found->second.c_str(), to, name);
        }
        if (S_ISREG(status.st_mode)) return copy_file(from, to, name, status);
        return copy_special(from, to, name, status);
    }

    Result<void> copy_special(int from, int to, const char* name, const struct stat& status) {
        if (S_ISLNK(status.st_mode)) {
            std::array<char, 4097> text{};
            const std::size_t size = TRY(sys::read_link(from, name, text));
            if (size == text.size()) return make_error("readlink", name, ENAMETOOLONG);
            TRY(sys::make_link(std::string(text.data(), size).c_str(), to, name));
        } else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
            TRY(sys::make_special(to, name, status.st_mode));
        } else if (options_.plain || status.st_rdev != 0) {
            // A guest may make no nodes: whatever this is, it came in another way.
            ++copied_.left_out;
            return {};
        } else if (::mknodat(to, name, status.st_mode, 0) < 0) {
            return last_error("mknod", name); // overlayfs' mark of a removed name
        }
        return give(to, name, status);
    }

    static Result<void> give(int to, const char* name, const struct stat& status) {
        if (::fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
            return last_error("chown", name);
        if (!S_ISLNK(status.st_mode)) TRY(sys::set_mode_at(to, name, status.st_mode & 07777U));
        return sys::set_time(to, name, status.st_mtim);
    }

    Result<void> copy_file(int from, int to, const char* name, const struct stat& seen) {
        // Non-blocking: somebody may have put a pipe in its place meanwhile.
        const sys::UniqueFd source =
            TRY(sys::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
        const struct stat status = TRY(sys::status_at(source.get(), "", AT_EMPTY_PATH));
        if (!S_ISREG(status.st_mode) || status.st_ino != seen.st_ino)
            return make_error("copy", name, ESTALE);
        const sys::UniqueFd target =
            TRY(sys::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        TRY(copy_content(source.get(), target.get(), static_cast<std::uint64_t>(status.st_size)));
        return copy_own(source.get(), target.get());
    }

    Result<void> copy_content(int from, int to, std::uint64_t size) {
        if (size == 0) return {};
        if (share_ && sys::share_content(from, to)) {
            count(size);
            return {};
        }
        share_ = false;
        TRY(sys::set_size(to, size));
        for (std::uint64_t at = 0; at < size;) {
            const auto data = sys::next_data(from, at);
            if (!data && data.error().code == ENXIO) break; // holes up to the end
            at = data ? *data : at;
            const auto hole = data ? sys::next_hole(from, at) : Result<std::uint64_t>(size);
            const std::uint64_t end = hole ? std::min(*hole, size) : size;
            while (at < end) {
                const std::size_t want = std::min<std::uint64_t>(kChunk, end - at);
                const std::size_t got = TRY(sys::copy_range(from, to, at, want));
                if (got == 0) return {}; // cut meanwhile
                at += got;
                count(got);
            }
        }
        return {};
    }

    void count(std::uint64_t bytes) {
        copied_.bytes += bytes;
        progress_(copied_.bytes);
    }

    /// Owner, mode, attributes and time of an open file or folder. The owner first: a change of it
    /// takes set-uid bits and file capabilities away.
    Result<void> copy_own(int from, int to) {
        const struct stat status = TRY(sys::status_at(from, "", AT_EMPTY_PATH));
        if (::fchown(to, status.st_uid, status.st_gid) < 0) return last_error("chown", path_);
        TRY(sys::set_mode(to, status.st_mode & 07777U));
        TRY(copy_attributes(from, to));
        return sys::set_time(to, "", status.st_mtim);
    }

    [[nodiscard]] bool keeps(std::string_view name) const {
        if (options_.plain)
            return name == "security.capability" ||
                   (name.starts_with("user.") && !name.starts_with("user.overlay."));
        // Where the copy of an overlay's upper folder came from is no longer true of it.
        return name == "security.capability" || name.starts_with("user.") ||
               name.starts_with("system.posix_acl_") || name == "trusted.overlay.opaque";
    }

    Result<void> copy_attributes(int from, int to) {
        std::array<char, 65536> names{};
        const std::size_t size = TRY(sys::list_attributes(from, names));
        for (std::string_view rest(names.data(), size); !rest.empty();) {
            const std::string name(rest.substr(0, rest.find('\0')));
            rest.remove_prefix(std::min(name.size() + 1, rest.size()));
            if (!keeps(name)) continue;
            std::array<std::byte, 65536> value{};
            const auto got = sys::read_attribute(from, name.c_str(), value);
            if (!got) return make_error("fgetxattr", name, got.error().code);
            TRY(sys::set_attribute(to, name.c_str(), std::span(value).first(*got)));
        }
        return {};
    }

    CopyOptions options_;
    FunctionRef<void(std::uint64_t)> progress_;
    int top_ = -1;
    std::string path_;
    Copied copied_;
    /// False once the file system has said that it cannot.
    bool share_ = true;
    std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

} // namespace

Result<Copied> copy_tree(int from,
                         int to,
                         const CopyOptions& options,
                         FunctionRef<void(std::uint64_t bytes)> progress) {
    return Copy(options, progress).run(from, to);
}

} // namespace stead::images
