#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Names that come out of archives, judged before anything is done with them.
namespace stead::images {

/// The longest path and the deepest folder that an image may have.
inline constexpr std::size_t kMaxPath = 4000;
inline constexpr std::size_t kMaxDepth = 200;

struct CleanName {
    /// Below the image's root, without "." and doubled slashes: "usr/bin/env"; empty: the root.
    std::string path;
    /// Why it is refused: "is absolute"; empty: it is not.
    std::string problem;
};

CleanName clean_name(std::string_view raw);

/// What a layer of an OCI image says about the layers below it (image-spec, layer.md).
struct Whiteout {
    /// All that lower layers have in `path`, or `path` itself.
    bool opaque = false;
    std::string path;
    /// Names a whiteout may not have; the rest is empty then.
    bool broken = false;
};

/// Of a clean path; nothing if it is an ordinary name.
std::optional<Whiteout> whiteout_of(std::string_view path);

/// The folder that holds the last component of a clean path ("" at the top), and that component.
std::string_view folder_of(std::string_view path);
std::string_view last_of(std::string_view path);

/// One word for a line of a list: blanks, control bytes and backslashes as \xNN. And back; nothing
/// if it is no such word.
std::string escape_word(std::string_view text);
std::optional<std::string> unescape_word(std::string_view word);

/// An image's name is a file name: [A-Za-z0-9] first, then also "._-:+", 128 at most.
bool valid_image_name(std::string_view name);

} // namespace stead::images
