#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guests/guests.h"

/// What guests on images have of their own: /var/lib/stead/guests/NAME.
namespace stead::guests {

/// Guests whose files name the image, or whose changes lie above it, by name.
std::vector<std::string> users_of_image(const Paths& paths, std::string_view image);

} // namespace stead::guests
