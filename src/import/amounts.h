#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// systemd's amounts in the notation of unit files.
namespace stead::importing {

/// An amount as unit files write it, or what is wrong with it.
struct Amount {
    std::optional<std::string> text;
    std::string problem;
    /// It had to be rounded, or was longer than unit files can say: how.
    std::string note;
    bool is_zero = false;
    bool is_infinite = false;
};

/// "5min 20s", "90", "infinity": bare numbers are seconds.
Amount time_span(std::string_view text);

/// "64K", "1.5G", "4096", "infinity"; with `decimal_suffix` no suffix is needed for a count.
Amount byte_size(std::string_view text);

/// A limit of setrlimit(2), "SOFT:HARD" or one value, in the notation of limits.NAME; `name` is
/// "nofile".
Amount resource_limit(std::string_view name, std::string_view text);

/// An exit status by name or number ("TEMPFAIL", "75"); nothing if it is none.
std::optional<int> exit_status(std::string_view text);

/// "TERM" of "SIGTERM"; empty if there is no such signal.
std::string signal_word(std::string_view text);

} // namespace stead::importing
