#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include <archive.h>
#include <archive_entry.h>

#include "images/images.h"
#include "images/staging.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18U;

struct FreeWriter {
    void operator()(archive* of) const { ::archive_write_free(of); }
};

struct FreeEntry {
    void operator()(archive_entry* of) const { ::archive_entry_free(of); }
};

struct Compression {
    std::string_view suffix;
    int (*add)(archive*);
};

constexpr std::array<Compression, 4> kCompressions{{{".gz", ::archive_write_add_filter_gzip},
                                                    {".xz", ::archive_write_add_filter_xz},
                                                    {".zst", ::archive_write_add_filter_zstd},
                                                    {".bz2", ::archive_write_add_filter_bzip2}}};

class Writer {
public:
    Writer(int root, Report& report, Progress progress)
        : root_(root)
        , report_(report)
        , progress_(progress)
        , archive_(::archive_write_new())
        , buffer_(kChunk) {}

    bool run(const std::string& path, int out) {
        archive* to = archive_.get();
        if (to == nullptr) return report_.fail("out of memory");
        bool set = ::archive_write_set_format_pax_restricted(to) == ARCHIVE_OK;
        for (const Compression& one : kCompressions) {
            const bool wanted =
                path.ends_with(one.suffix) || (one.suffix == ".gz" && path.ends_with(".tgz"));
            if (wanted) set = one.add(to) == ARCHIVE_OK && set;
        }
        if (!set || ::archive_write_open_fd(to, out) != ARCHIVE_OK) return fail(path);
        const auto walked = walk(root_, [&](const Step& step) -> Result<Way> {
            TRY(add(step));
            return Way::On;
        });
        if (!walked) return report_.failed() ? false : report_.fail("", walked.error());
        return ::archive_write_close(to) == ARCHIVE_OK || fail(path);
    }

private:
    bool fail(const std::string& place) {
        const char* why = ::archive_error_string(archive_.get());
        return report_.fail(place + ": " + (why == nullptr ? "cannot be written" : why));
    }

    Result<void> failed(const std::string& place) {
        (void)fail(place);
        return make_error("write", place, EIO);
    }

    Result<void> add(const Step& step) {
        const std::unique_ptr<archive_entry, FreeEntry> entry(::archive_entry_new());
        archive_entry* const to = entry.get();
        const std::string name = "./" + step.path;
        ::archive_entry_copy_pathname(to, name.c_str());
        ::archive_entry_copy_stat(to, &step.status);
        sys::UniqueFd file;
        if (S_ISLNK(step.status.st_mode)) {
            std::array<char, 4097> text{};
            const std::size_t size = TRY(sys::read_link(step.folder, step.name.c_str(), text));
            ::archive_entry_copy_symlink(to, std::string(text.data(), size).c_str());
        } else if (S_ISREG(step.status.st_mode) || S_ISDIR(step.status.st_mode)) {
            file = TRY(sys::open_at(step.folder, step.name.c_str(),
                                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
            TRY(add_attributes(to, file.get()));
        }
        if (!S_ISREG(step.status.st_mode)) ::archive_entry_set_size(to, 0);
        if (S_ISREG(step.status.st_mode) && step.status.st_nlink > 1) {
            const auto [known, is_new] = links_.try_emplace(step.status.st_ino, name);
            if (!is_new) {
                ::archive_entry_copy_hardlink(to, known->second.c_str());
                ::archive_entry_set_size(to, 0);
                file.reset();
            }
        }
        if (::archive_write_header(archive_.get(), to) != ARCHIVE_OK) return failed(step.path);
        if (!file || !S_ISREG(step.status.st_mode)) return {};
        return add_content(step, file.get());
    }

    static Result<void> add_attributes(archive_entry* to, int file) {
        std::array<char, 65536> names{};
        const std::size_t size = TRY(sys::list_attributes(file, names));
        for (std::string_view rest(names.data(), size); !rest.empty();) {
            const std::string name(rest.substr(0, rest.find('\0')));
            rest.remove_prefix(std::min(name.size() + 1, rest.size()));
            if (name != "security.capability" && !name.starts_with("user.")) continue;
            std::array<std::byte, 65536> value{};
            const std::size_t got = TRY(sys::read_attribute(file, name.c_str(), value));
            ::archive_entry_xattr_add_entry(to, name.c_str(), value.data(), got);
        }
        return {};
    }

    Result<void> add_content(const Step& step, int file) {
        while (true) {
            const std::size_t size = TRY(sys::read_full(file, buffer_));
            if (size == 0) return {};
            const auto written = ::archive_write_data(archive_.get(), buffer_.data(), size);
            if (written != static_cast<la_ssize_t>(size)) return failed(step.path);
            bytes_ += size;
            if (bytes_ >> 24U != told_) {
                told_ = bytes_ >> 24U;
                progress_(std::to_string(bytes_ >> 20U) + " MB packed");
            }
        }
    }

    int root_;
    Report& report_;
    Progress progress_;
    std::unique_ptr<archive, FreeWriter> archive_;
    std::vector<std::byte> buffer_;
    std::map<ino_t, std::string> links_;
    std::uint64_t bytes_ = 0;
    std::uint64_t told_ = 0;
};

} // namespace

bool export_image(const Store& store,
                  const Image& image,
                  const std::string& path,
                  int out,
                  Progress progress,
                  Report& report) {
    std::string answer;
    // Confined as the readers are: libarchive needs nothing else, and its locale.
    const auto work = [&](Report& told, Progress tell, std::string& /*answer*/) {
        allow_many_descriptors();
        const auto root = sys::open_at(AT_FDCWD, "/root", O_RDONLY | O_DIRECTORY);
        if (!root) return told.fail(image.name, root.error());
        return Writer(root->get(), told, tell).run(path, out);
    };
    return run_confined(store.folder() + "/" + image.name, report, progress, answer, work);
}

} // namespace stead::images
