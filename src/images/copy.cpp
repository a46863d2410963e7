#include <fcntl.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "images/contents.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

/// What a file or folder is besides what it holds. Used by several threads at once.
class Own {
public:
    explicit Own(bool plain)
        : plain_(plain) {}

    /// Owner, mode, attributes and time of an open file or folder. The owner first: a change of it
    /// takes set-uid bits and file capabilities away.
    [[nodiscard]] Result<void> copy(int from, int to) const {
        const struct stat status = TRY(sys::status_at(from, "", AT_EMPTY_PATH));
        if (::fchown(to, status.st_uid, status.st_gid) < 0) return last_error("chown");
        TRY(sys::set_mode(to, status.st_mode & 07777U));
        TRY(copy_attributes(from, to));
        return sys::set_time(to, "", status.st_mtim);
    }

    Result<void> operator()(const Content& content) const {
        return copy(content.source.get(), content.target.get());
    }

private:
    [[nodiscard]] bool keeps(std::string_view name) const {
        if (plain_)
            return name == "security.capability" ||
                   (name.starts_with("user.") && !name.starts_with("user.overlay."));
        // Where the copy of an overlay's upper folder came from is no longer true of it.
        return name == "security.capability" || name.starts_with("user.") ||
               name.starts_with("system.posix_acl_") || name == "trusted.overlay.opaque";
    }

    [[nodiscard]] Result<void> copy_attributes(int from, int to) const {
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

    bool plain_;
};

class Copy {
public:
    Copy(const CopyOptions& options, FunctionRef<void(std::uint64_t)> progress)
        : options_(options)
        , own_(options.plain)
        , contents_(own_, progress) {}

    Result<Copied> run(int from, int to) {
        top_ = to;
        const auto walked = copy_folder(from, to, 0);
        // First what became of the files: a failure there ends the walk, too.
        copied_.bytes = TRY(contents_.wait());
        TRY(walked);
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
        return own_.copy(reading.get(), to);
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
        sys::UniqueFd source =
            TRY(sys::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
        const struct stat status = TRY(sys::status_at(source.get(), "", AT_EMPTY_PATH));
        if (!S_ISREG(status.st_mode) || status.st_ino != seen.st_ino)
            return make_error("copy", name, ESTALE);
        sys::UniqueFd target =
            TRY(sys::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        return contents_.add({.source = std::move(source),
                              .target = std::move(target),
                              .size = static_cast<std::uint64_t>(status.st_size),
                              .path = path_});
    }

    CopyOptions options_;
    Own own_;
    int top_ = -1;
    std::string path_;
    Copied copied_;
    std::map<std::pair<dev_t, ino_t>, std::string> links_;
    Contents contents_;
};

} // namespace

Result<Copied> copy_tree(int from,
                         int to,
                         const CopyOptions& options,
                         FunctionRef<void(std::uint64_t bytes)> progress) {
    return Copy(options, progress).run(from, to);
}

} // namespace stead::images
