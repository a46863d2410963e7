#pragma once

#include <optional>
#include <string>

#include "images/images.h"
#include "images/manifest.h"

namespace stead::images {

/// An image in the making: a folder beside the images that nobody takes for one. Destroyed before
/// `finish` has been called it leaves nothing.
class Staging {
public:
    static std::optional<Staging>
    begin(const Store& store, const std::string& name, Report& report);

    Staging(Staging&& other) noexcept;
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
    Staging& operator=(Staging&&) = delete;
    ~Staging();

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] int folder() const { return folder_.get(); }

    /// Gives it its name: from here on it is an image. The tree and the manifest are there.
    bool finish(Image& image, Report& report);

private:
    Staging(std::string store, std::string name, std::string path);

    std::string store_;
    std::string name_;
    std::string path_;
    sys::UniqueFd folder_;
    sys::UniqueFd lock_;
};

/// Writes the manifest of `root` in the folder `staging`, both descriptors or names below it, and
/// puts its totals and digest into `image`.
bool seal_tree(int staging, Image& image, Report& report);

/// Fills a staging's tree from an archive of any kind, in a confined child.
bool fill_from_archive(const Staging& staging,
                       sys::UniqueFd fd,
                       const ImportOptions& options,
                       Image& image,
                       Progress progress,
                       Report& report);

/// image.json's text, and back.
std::string image_json(const Image& image);
std::optional<Image> parse_image(std::string_view text);

inline constexpr const char* kRoot = "root";
inline constexpr const char* kManifest = "manifest";
inline constexpr const char* kImageFile = "image.json";
inline constexpr std::size_t kMaxManifest = std::size_t{1} << 30U;

} // namespace stead::images
