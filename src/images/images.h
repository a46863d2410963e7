#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "images/archive.h"
#include "images/confine.h"
#include "images/oci.h"
#include "images/report.h"
#include "sys/unique_fd.h"

/// Images: read-only file trees that guests share, each stored once in a folder of its own with a
/// manifest of all it holds. This folder makes them of archives, folders and packages, checks,
/// exports and removes them. It knows no guests, never changes an image, and touches nothing
/// outside its store; whatever parses bytes of strangers runs in a confined child (confine.h).
/// libarchive and nettle live here and nowhere else.
///
///     FOLDER/NAME/root        the tree, owned by plain ids
///     FOLDER/NAME/manifest    its files with sizes and digests
///     FOLDER/NAME/image.json  what the image is; written last
///     FOLDER/.new-NAME.PID    one in the making; its maker holds the lock in it
///     FOLDER/.old-NAME.PID    one that is being removed
namespace stead::images {

struct Image {
    std::string name;
    /// "web.tar.xz", "debian-12 (bookworm, minbase)".
    std::string source;
    /// Seconds since 1970.
    std::int64_t created = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    /// SHA-256 sum of the manifest: two images with the same one hold the same.
    std::string digest;
    /// An OCI image's.
    std::optional<Configuration> configuration;
};

/// The folder of all images.
class Store {
public:
    explicit Store(std::string folder)
        : folder_(std::move(folder)) {}

    [[nodiscard]] const std::string& folder() const { return folder_; }

    /// FOLDER/NAME/root.
    [[nodiscard]] std::string root_of(std::string_view name) const;

    /// Whole images, by name.
    [[nodiscard]] std::vector<Image> list() const;
    /// Nothing if there is none, or only what is left of one.
    [[nodiscard]] std::optional<Image> find(std::string_view name) const;

    /// Removes what killed commands have left; what is still being made stays.
    void clear_unfinished() const;

    /// Removes an image. Whether a guest uses it is the caller's to ask.
    Result<void> remove(std::string_view name) const;

    /// Whether the image is what its manifest says. `most` differences come with their names.
    bool check(const Image& image,
               std::size_t most,
               std::vector<std::string>& differences,
               std::uint64_t& count,
               Report& report) const;

private:
    std::string folder_;
};

struct ImportOptions {
    std::string name;
    /// Of several images in an OCI layout, the one of this name.
    std::string reference;
    Limits limits;
    /// See Unpacker::Options.
    bool squash = false;
};

/// Makes an image of an archive (tar, or an OCI layout in tar) or a folder (a root, or an OCI
/// layout). Nothing is left of it after a failure.
std::optional<Image> import_image(const Store& store,
                                  const std::string& path,
                                  const ImportOptions& options,
                                  Progress progress,
                                  Report& report);

struct BuildOptions {
    /// "debian-12".
    std::string name;
    std::string suite;
    std::string variant = "minbase";
    std::vector<std::string> include;
    /// Empty: the host's own apt sources.
    std::string mirror;
    /// See ImportOptions.
    std::string image_name;
    Limits limits;
};

/// Whether a text in one of apt's two formats (sources.list(5)) has this suite or one that goes
/// with it ("bookworm-security", "bookworm/updates"): as a word, not inside another one, nor in a
/// remark.
bool names_suite(std::string_view sources, std::string_view suite);

/// Makes an image of a distribution's packages by mmdebstrap(1), whose words go to `progress`.
std::optional<Image>
build_image(const Store& store, const BuildOptions& options, Progress progress, Report& report);

/// Writes an image as a tar archive (pax) to `out`, compressed as the name `path` ends: .gz, .xz,
/// .zst, .bz2, else not at all.
bool export_image(const Store& store,
                  const Image& image,
                  const std::string& path,
                  int out,
                  Progress progress,
                  Report& report);

} // namespace stead::images
