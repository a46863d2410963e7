#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "images/digest.h"
#include "images/images.h"
#include "images/names.h"
#include "images/oci_layout.h"
#include "images/staging.h"
#include "images/tree.h"
#include "images/unpack.h"
#include "sys/file.h"
#include "sys/mounts.h"

namespace stead::images {

namespace {

/// What is imported.
struct Source {
    enum class Kind : std::uint8_t { Archive, Layout, Folder };
    Kind kind = Kind::Archive;
    sys::UniqueFd fd;
    std::string name;
};

bool has_file(int folder, const char* name) {
    const auto status = sys::status_at(folder, name, AT_SYMLINK_NOFOLLOW);
    return status && S_ISREG(status->st_mode);
}

/// A copy of the folder's mount that can be read and nothing else: it has no way up.
bool open_folder(const std::string& path, Source& source, Report& report) {
    auto mount = sys::clone_mount(AT_FDCWD, path.c_str(), /*recursive=*/false);
    if (!mount) return report.fail(path, mount.error());
    sys::MountChange change;
    change.set =
        sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
    if (const auto changed = sys::change_mount(mount->get(), change); !changed)
        return report.fail(path, changed.error());
    auto folder = sys::open_at(mount->get(), ".", O_RDONLY | O_DIRECTORY);
    if (!folder) return report.fail(path, folder.error());
    source.fd = *std::move(folder);
    const bool layout =
        has_file(source.fd.get(), "index.json") && has_file(source.fd.get(), "oci-layout");
    source.kind = layout ? Source::Kind::Layout : Source::Kind::Folder;
    return true;
}

bool open_source(const std::string& path, Source& source, Report& report) {
    source.name = path == "-" ? "standard input" : std::string(last_of(path));
    if (path == "-") {
        source.fd = sys::UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
        return source.fd ? true
                         : report.fail("standard input", last_error("fcntl F_DUPFD_CLOEXEC"));
    }
    const auto status = sys::status_at(AT_FDCWD, path.c_str(), 0);
    if (!status)
        return report.fail(path, status.error(),
                           "name an archive, a folder, or - for standard input");
    if (S_ISDIR(status->st_mode)) return open_folder(path, source, report);
    if (!S_ISREG(status->st_mode) && !S_ISFIFO(status->st_mode))
        return report.fail(path + " is neither a file nor a folder");
    auto file = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOCTTY);
    if (!file) return report.fail(path, file.error());
    source.fd = *std::move(file);
    return true;
}

/// A copy of a folder that the store lies in would never end.
bool is_inside(int folder, const std::string& path) {
    const auto top = sys::status_at(folder, "", AT_EMPTY_PATH);
    std::string up = path;
    for (std::size_t level = 0; level < kMaxDepth; ++level) {
        const auto here = sys::status_at(AT_FDCWD, up.c_str(), 0);
        if (!top || !here) return false;
        if (top->st_dev == here->st_dev && top->st_ino == here->st_ino) return true;
        up += "/..";
        const auto above = sys::status_at(AT_FDCWD, up.c_str(), 0);
        if (!above || (above->st_dev == here->st_dev && above->st_ino == here->st_ino))
            return false;
    }
    return false;
}

bool copy_folder(const Source& source, int root, Progress progress, Report& report) {
    allow_many_descriptors();
    std::uint64_t told = 0;
    const auto tell = [&](std::uint64_t bytes) {
        if (bytes >> 24U == told) return;
        told = bytes >> 24U;
        progress(std::to_string(bytes >> 20U) + " MB copied");
    };
    CopyOptions options;
    options.plain = true;
    const auto copied = copy_tree(source.fd.get(), root, options, tell);
    if (!copied) return report.fail(source.name, copied.error());
    if (copied->left_out > 0)
        report.note(std::to_string(copied->left_out) +
                    " device nodes left out: a guest has nodes of its own");
    return true;
}

bool take_archive(const Source& source,
                  const ImportOptions& options,
                  int root,
                  Image& image,
                  Progress progress,
                  Report& report) {
    ArchiveReader archive(source.fd.get(), source.name, options.limits, report);
    if (!archive.looks_like_oci()) {
        if (report.failed()) return false;
        Unpacker unpacker(root, {false, options.squash}, report, progress);
        if (!unpacker.unpack(archive)) return false;
        unpacker.note_left_out();
        return true;
    }
    constexpr const char* kLayout = "/layout";
    const auto made = sys::make_folder(AT_FDCWD, kLayout, 0700);
    const auto layout = sys::open_at(AT_FDCWD, kLayout, O_RDONLY | O_DIRECTORY);
    if (!made || !layout) return report.fail("", made ? layout.error() : made.error());
    Unpacker unpacker(layout->get(), {false, true}, report, progress);
    if (!unpacker.unpack(archive)) return false;
    if (!apply_layout(layout->get(), options, root, image, progress, report)) return false;
    const auto removed = remove_tree(AT_FDCWD, kLayout);
    return removed ? true : report.fail("", removed.error());
}

/// In the confined child: everything that looks into foreign bytes, and the manifest.
bool make_tree(const Source& source,
               const ImportOptions& options,
               Image& image,
               Progress progress,
               Report& report) {
    const auto top = sys::open_at(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
    const auto root = sys::open_at(AT_FDCWD, "/root", O_RDONLY | O_DIRECTORY);
    if (!top || !root) return report.fail("", top ? root.error() : top.error());
    bool done = false;
    switch (source.kind) {
    case Source::Kind::Archive:
        done = take_archive(source, options, root->get(), image, progress, report);
        break;
    case Source::Kind::Layout:
        done = apply_layout(source.fd.get(), options, root->get(), image, progress, report);
        break;
    case Source::Kind::Folder:
        done = copy_folder(source, root->get(), progress, report);
        break;
    }
    if (!done) return false;
    progress("digests");
    return seal_tree(top->get(), image, report);
}

bool fill_from(const Staging& staging,
               const Source& source,
               const ImportOptions& options,
               Image& image,
               Progress progress,
               Report& report) {
    std::string answer;
    const auto work = [&](Report& told, Progress tell, std::string& text) {
        Image made;
        if (!make_tree(source, options, made, tell, told)) return false;
        text = image_json(made);
        return true;
    };
    if (!run_confined(staging.path(), report, progress, answer, work)) return false;
    auto made = parse_image(answer);
    if (!made) return report.fail("the reader of archives gave no answer");
    image = *std::move(made);
    return true;
}

} // namespace

bool fill_from_archive(const Staging& staging,
                       sys::UniqueFd fd,
                       const ImportOptions& options,
                       Image& image,
                       Progress progress,
                       Report& report) {
    const Source source{Source::Kind::Archive, std::move(fd), options.name};
    return fill_from(staging, source, options, image, progress, report);
}

std::optional<Image> import_image(const Store& store,
                                  const std::string& path,
                                  const ImportOptions& options,
                                  Progress progress,
                                  Report& report) {
    Source source;
    if (!open_source(path, source, report)) return std::nullopt;
    auto staging = Staging::begin(store, options.name, report);
    if (!staging) return std::nullopt;
    if (source.kind == Source::Kind::Folder && is_inside(source.fd.get(), staging->path())) {
        (void)report.fail("the folder of all images lies in " + path,
                          "import another folder, or an archive of this one");
        return std::nullopt;
    }
    Image image;
    if (!fill_from(*staging, source, options, image, progress, report)) return std::nullopt;
    image.source = source.name;
    if (!staging->finish(image, report)) return std::nullopt;
    return image;
}

} // namespace stead::images
