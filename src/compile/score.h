#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compile/compile.h"

/// How much of the host a guest's boundary leaves open, by a fixed table: a figure to compare two
/// guest files, or one before and after a change, with the reasons. It knows what the files say,
/// not what the guest's programs do with it: a low figure is no proof.
namespace stead::compile {

/// The end of the scale, 10.0.
inline constexpr int kWorst = 100;

/// Something left open, and what would close it.
struct Finding {
    /// Tenths of the scale.
    int tenths = 0;
    std::string topic;
    std::string text;
    std::string advice;
    /// "redis.toml:3" or "default of profile jail".
    std::string origin;
};

struct Score {
    /// The sum of the findings, 0 to kWorst.
    int tenths = 0;
    /// The weightiest first.
    std::vector<Finding> findings;

    /// "tight", "guarded", "open", "wide open".
    [[nodiscard]] std::string_view grade() const;
};

Score score(const CompiledGuest& guest);

} // namespace stead::compile
