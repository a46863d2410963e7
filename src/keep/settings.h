#pragma once

#include <cstdint>

#include "base/fixed_string.h"
#include "base/result.h"
#include "base/time.h"
#include "keep/keep.h"
#include "model/names.h"

namespace stead::keep {

/// The keeper's configuration, see keep.h.
struct Settings {
    FixedString<kMaxGuestName> name;
    bool foreground = false;
    bool prefix = false;
    bool timestamp = false;
    std::uint64_t log_size = kDefaultLogSize;
    std::uint32_t log_keep = kDefaultLogKeep;
    Duration cleanup_timeout = Duration{kDefaultCleanupTimeout * 1'000'000};
};

/// Reads the message at the start of the memfd; EBADMSG if there is none, or no name in it.
Result<Settings> read_settings(int memfd);

} // namespace stead::keep
