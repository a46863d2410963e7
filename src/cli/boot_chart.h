#pragma once

#include <string>
#include <string_view>

#include "cli/boot_record.h"

namespace stead::cli {

/// Draws a boot as an SVG document that stands alone: one row per unit with how long it waited,
/// started and was up, a time axis, a legend, the longest chain of waiting, and a tooltip on each
/// bar. Light or dark as the reader's browser is. `machine` goes into the heading ("Linux 6.1.0
/// x86_64"). Whatever names are made of, the result is well-formed XML.
std::string draw_boot(const Boot& boot, std::string_view machine);

} // namespace stead::cli
