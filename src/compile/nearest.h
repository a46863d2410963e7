#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stead::compile {

/// The name among `names` that a person most likely meant by `word`; empty if none is close.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

} // namespace stead::compile
