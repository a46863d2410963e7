#pragma once

#include <string>
#include <vector>

#include "cli/guest_file_text.h"
#include "guests/guests.h"
#include "images/oci.h"

namespace stead::cli {

/// The unit file of the program that an OCI image is for; empty if it names none.
std::string image_unit_text(const images::Configuration& configuration);

/// The same for a new guest with these settings, if one is `image=NAME` of such an image and none
/// names units of its own.
std::string unit_of_image(const guests::Paths& paths, const std::vector<std::string>& settings);

/// What such an image says of folders to keep and of ports, for the file of a new guest: its
/// volumes become a setting, if none is given, and ports a note with the line that publishes them.
void add_image_words(const guests::Paths& paths, NewGuest& guest);
/// The same of this configuration.
void add_image_words(const images::Configuration& configuration, NewGuest& guest);

} // namespace stead::cli
