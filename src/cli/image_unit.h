#pragma once

#include <string>
#include <vector>

#include "guests/guests.h"
#include "images/oci.h"

namespace stead::cli {

/// The unit file of the program that an OCI image is for; empty if it names none.
std::string image_unit_text(const images::Configuration& configuration);

/// The same for a new guest with these settings, if one is `image=NAME` of such an image and none
/// names units of its own.
std::string unit_of_image(const guests::Paths& paths, const std::vector<std::string>& settings);

} // namespace stead::cli
