#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "guests/guests.h"
#include "unitfile/specs.h"

/// Commands of the host around a guest's life: those of the guest file's [hooks], and before them
/// every program in /etc/stead/hooks/STAGE.d in the order of names. They run as whoever runs
/// `stead`, one after the other, with STEAD_HOOK (the stage), STEAD_GUEST, STEAD_GUEST_FILE and
/// what the stage adds in their environment; nothing of a guest is handed to them.
namespace stead::guests {

enum class Stage : std::uint8_t { PreStart, PostStart, PreStop, PostStop };

std::string_view stage_name(Stage stage);

struct HookSet {
    std::string guest;
    std::string file;
    std::vector<unitfile::Argv> pre_start;
    std::vector<unitfile::Argv> post_start;
    std::vector<unitfile::Argv> pre_stop;
    std::vector<unitfile::Argv> post_stop;
    Duration timeout = 30_s;
};

HookSet hooks_of(const unitfile::GuestSpec& guest);

/// Whether anything would run at `stage`.
bool has_hooks(const Paths& paths, const HookSet& hooks, Stage stage);

/// Runs them all, also after one has failed, but PreStart, which ends at the first failure. What
/// went wrong, one sentence for each; empty if nothing did.
std::vector<std::string>
run_hooks(const Paths& paths,
          const HookSet& hooks,
          Stage stage,
          const std::vector<std::pair<std::string, std::string>>& environment = {});

} // namespace stead::guests
