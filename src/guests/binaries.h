#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "guests/guests.h"
#include "sys/unique_fd.h"

/// The programs a guest runs of ours. `stead` carries stead-init inside; both are written once to
/// /run/stead/lib, under a name made of their content, and compared byte for byte before they are
/// used again: the folder is root's, but a file that was cut short by a full disk must not become
/// PID 1. For this folder's own use.
namespace stead::guests {

/// stead-init as this `stead` was built with it.
std::span<const std::byte> embedded_init();
/// A name for its content.
std::string_view embedded_init_hash();

/// A descriptor of stead-init: all guests execute one file, so that its text is shared.
Result<sys::UniqueFd> init_program(const Paths& paths);

/// The same for `stead`, made from the running one.
Result<sys::UniqueFd> stead_program(const Paths& paths);

/// The running `stead` itself, for the keeper: an O_PATH descriptor.
Result<sys::UniqueFd> own_program();

} // namespace stead::guests
