#pragma once

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "unitfile/reader.h"

namespace stead::unitfile::test {

/// All bytes of a file of the tests.
inline std::string bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The unit of `text`, which must be without mistakes.
inline UnitSpec good_unit(const std::string& text, const std::string& name = "web") {
    Diagnostics diagnostics;
    auto unit = read_unit(text, name + ".toml", name, diagnostics);
    EXPECT_EQ(render(diagnostics), "");
    EXPECT_TRUE(unit.has_value());
    return unit.value_or(UnitSpec{});
}

inline GuestSpec good_guest(const std::string& text, const std::string& name = "box") {
    Diagnostics diagnostics;
    auto guest = read_guest(text, name + ".toml", name, diagnostics);
    EXPECT_EQ(render(diagnostics), "");
    EXPECT_TRUE(guest.has_value());
    return guest.value_or(GuestSpec{});
}

/// The messages about `text`, which must be refused.
inline std::string mistakes(const std::string& text, const std::string& name = "web") {
    Diagnostics diagnostics;
    EXPECT_FALSE(read_unit(text, name + ".toml", name, diagnostics).has_value());
    EXPECT_TRUE(diagnostics.has_errors());
    return render(diagnostics);
}

} // namespace stead::unitfile::test
