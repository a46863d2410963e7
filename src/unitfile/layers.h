#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unitfile/document.h"

/// Drop-ins: files that are laid over a unit's or guest's own one before anything in it is read.
namespace stead::unitfile {

/// A value that another one was laid over.
struct Overridden {
    /// Its full name.
    std::string key;
    Position below;
    Position above;
};

/// A file's document with its drop-ins laid over it. Positions carry the number of their file:
/// 0 the file's own, N the one of `files[N - 1]`.
struct Layers {
    Node document;
    std::vector<std::string> files;
    std::vector<Overridden> overridden;
};

/// Lays `drop_in`, read from `file`, over what is there: tables merge, everything else replaces.
/// "..." in a list stands for the items below, "!ITEM" behind it takes one of them away; where
/// nothing is below, lists whose "..." means a default of its own (capabilities) keep it.
/// `restart = "always"` and `[restart]` merge like two tables.
void lay_over(Layers& layers, Node drop_in, const std::string& file);

} // namespace stead::unitfile
