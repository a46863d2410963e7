#pragma once

#include <string>
#include <vector>

#include "learn/lesson.h"

/// Which binds and folders make the files that were used visible and writable in a jail.
namespace stead::learn {

/// Adds binds, folders and notes. Folders in which much else lives (/, /srv, /var/lib, /home/NAME)
/// are not bound because one file of theirs was read.
void fold_places(const std::vector<PlaceUse>& uses, const Settings& settings, Learned& learned);

/// Whether a jail with these rules has the host's own file or folder at `path`: what is not the
/// host's has modes and owners that are no obstacle.
bool is_of_host(const std::string& path, const Settings& settings, const Learned& learned);

} // namespace stead::learn
