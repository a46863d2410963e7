#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stead::context {

/// What a folder holds: one look at it instead of one at each of many names that mostly are not
/// there.
class Names {
public:
    enum class Kind : std::uint8_t { Folder, Other, Unknown };

    /// Reads `folder`, a descriptor of a folder that is open for reading, to its end.
    static Result<Names> of(int folder);

    /// Nothing if there is no such name.
    [[nodiscard]] std::optional<Kind> find(std::string_view name) const;

private:
    struct Entry {
        std::string name;
        Kind kind = Kind::Unknown;
    };

    std::vector<Entry> entries_;
};

} // namespace stead::context
