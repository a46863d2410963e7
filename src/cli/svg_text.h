#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stead::cli {

/// `text` as character data of an XML document: markup is escaped, and what is no character of XML
/// 1.0 is left out. Expects UTF-8 (console.h's `safe` makes it of anything).
std::string xml(std::string_view text);

} // namespace stead::cli
