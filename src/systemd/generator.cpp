#include "systemd/generator.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/printable.h"
#include "guests/service.h"
#include "guests/store.h"
#include "sys/file.h"
#include "sys/stream.h"
#include "systemd/levels.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"

namespace stead::systemd {

namespace {

/// "%" begins a specifier in a unit file (systemd.unit(5)).
std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        safe += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
        if (c == '%') safe += '%';
    }
    return safe;
}

/// The unit of the host that a name in `after` or `requires` means.
std::string unit_of(const std::string& name) {
    return unitfile::is_host_unit(name) ? name : guests::service_unit(name);
}

std::string drop_in_of(const std::string& file, const unitfile::GuestSpec& guest) {
    std::string text = "# Made by stead-generator of " + escaped(file) +
                       "\n[Unit]\nSourcePath=" + escaped(file) + "\n";
    if (!guest.description.empty())
        text += "Description=Guest " + guest.name + ": " + escaped(guest.description) + "\n";
    for (const auto& need : guest.needs)
        text += "Requires=" + unit_of(need.value) + "\nAfter=" + unit_of(need.value) + "\n";
    for (const auto& other : guest.after)
        text += "After=" + unit_of(other.value) + "\n";
    std::string levels;
    for (const unitfile::LevelSpec& level : guest.levels) {
        if (const auto known = unit_level(level.file, level.content))
            levels += known->setting + "\n";
    }
    if (!levels.empty()) text += "[Service]\n" + levels;
    return text;
}

} // namespace

std::vector<GeneratedFile>
generate(const guests::Paths& paths, const std::string& unit_template, std::string& problems) {
    std::vector<GeneratedFile> files;
    for (const std::string& name : guests::configured(paths)) {
        unitfile::Diagnostics diagnostics;
        const std::string file = paths.guest_file(name);
        const auto guest = unitfile::load_guest(file, diagnostics);
        if (!guest) {
            problems += "guest '" + name + "' is left out: 'stead check " + file + "' tells why\n";
            continue;
        }
        const std::string unit = guests::service_unit(name);
        files.push_back({unit + ".d/50-stead.conf", drop_in_of(file, *guest), false});
        if (guest->enabled)
            files.push_back({"multi-user.target.wants/" + unit, unit_template, true});
    }
    return files;
}

Result<void> write_generated(const std::string& folder, const std::vector<GeneratedFile>& files) {
    for (const GeneratedFile& file : files) {
        const std::string path = folder + "/" + file.path;
        const std::string parent = path.substr(0, path.rfind('/'));
        const auto made = sys::make_folder(AT_FDCWD, parent.c_str(), 0755);
        if (!made && made.error().code != EEXIST) return made.error();
        if (file.is_link) {
            if (::symlink(file.content.c_str(), path.c_str()) < 0 && errno != EEXIST)
                return last_error("symlink", path);
            continue;
        }
        const sys::UniqueFd out = TRY(
            sys::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
        TRY(sys::write_full(out.get(), file.content));
    }
    return {};
}

} // namespace stead::systemd
