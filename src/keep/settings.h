#pragma once

#include <cstdint>

#include "base/fixed_string.h"
#include "base/result.h"
#include "base/time.h"
#include "keep/keep.h"
#include "model/names.h"

namespace stead::keep {

/// Which numbers of wire/boot.h were open at the start. Asked once, before anything of our own is
/// opened: a new descriptor takes the lowest number that is free.
class Given {
public:
    static Given at_start();

    [[nodiscard]] bool has(int number) const { return (open_ >> number & 1U) != 0; }

    friend constexpr bool operator==(Given, Given) = default;

private:
    std::uint32_t open_ = 0;
};

/// The keeper's configuration, see keep.h.
struct Settings {
    FixedString<kMaxGuestName> name;
    /// A record of the journal, in which the byte 0 stands for its priority, 1 for the unit and 2
    /// for the text.
    FixedString<kMaxGuestName + 160> journal;
    Given given;
    bool foreground = false;
    bool prefix = false;
    bool timestamp = false;
    bool epilogue = false;
    bool mute = false;
    /// 0: no watchdog.
    int watchdog_ms = 0;
    std::uint64_t log_size = kDefaultLogSize;
    std::uint32_t log_keep = kDefaultLogKeep;
    Duration cleanup_timeout = Duration{kDefaultCleanupTimeout * 1'000'000};
};

/// Reads the message at the start of the memfd; EBADMSG if there is none, or no name in it.
Result<Settings> read_settings(int memfd);

} // namespace stead::keep
