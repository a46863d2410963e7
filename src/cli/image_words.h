#pragma once

#include <array>
#include <string>
#include <string_view>

#include "cli/console.h"

namespace stead::cli {

/// A word after `stead image`.
struct ImageVerb {
    std::string_view name;
    std::string_view usage;
    std::string_view summary;
};

inline constexpr std::array<ImageVerb, 6> kImageVerbs{
    {{"import", "FILE|DIR", "an image of an archive or a folder"},
     {"build", "DISTRIBUTION", "an image of a distribution's packages"},
     {"list", "", "all images, their sizes and their guests"},
     {"check", "[IMAGE ...]", "whether images are what they were made as"},
     {"export", "IMAGE FILE", "an image as a tar archive"},
     {"delete", "IMAGE ...", "images that no guest uses"}}};

/// One line on standard error that is written over and over while somebody waits; nothing where
/// nobody looks.
class ProgressLine {
public:
    ProgressLine(const Console& console, std::string name);

    void show(std::string_view line);
    void clear();

private:
    const Console& console_;
    std::string name_;
    bool shown_ = false;
};

} // namespace stead::cli
