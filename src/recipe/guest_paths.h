#pragma once

/// Where a guest has what is Stead's.
namespace stead::recipe {

/// The program, a read-only bind of the host's copy (guests/state.h). Guests on images have the
/// commands of an init as links to it.
inline constexpr const char* kGuestStead = "/run/stead/bin/stead";

} // namespace stead::recipe
