#pragma once

#include <span>
#include <vector>

#include "import/guest.h"

/// systemd-nspawn's settings (systemd.nspawn(5)) on their way to a guest file. For this folder's
/// own use.
namespace stead::importing {

/// Rules of [Exec] and [Files].
std::span<const GuestRule> nspawn_exec_rules();
std::span<const GuestRule> nspawn_files_rules();
/// [Network] is judged as a whole, behind the rules: what each of its lines asks for together.
std::span<const GuestRule> nspawn_network_rules();
void finish_nspawn_network(Guest& guest, const std::vector<ConfigLine>& settings);

} // namespace stead::importing
