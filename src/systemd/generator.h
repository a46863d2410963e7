#pragma once

#include <string>
#include <vector>

#include "guests/guests.h"

/// The generator (systemd.generator(7)): before units are read it makes of every guest file what
/// the service manager has to know beforehand: who starts with the host, and who waits for whom.
namespace stead::systemd {

struct GeneratedFile {
    /// Below the generator's folder.
    std::string path;
    /// A symbolic link's target if `is_link`.
    std::string content;
    bool is_link = false;
};

/// What a generator adds to the template, for all guests that have a file. A file with mistakes is
/// told of in `problems` and adds nothing but, as far as it says so, nothing: its start says more.
std::vector<GeneratedFile>
generate(const guests::Paths& paths, const std::string& unit_template, std::string& problems);

/// Writes them below `folder`.
Result<void> write_generated(const std::string& folder, const std::vector<GeneratedFile>& files);

} // namespace stead::systemd
