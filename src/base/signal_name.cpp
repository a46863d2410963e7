#include "base/signal_name.h"

#include <array>
#include <charconv>

namespace stead {

namespace {

// By number from 1, as on every architecture but MIPS, SPARC, Alpha and PA-RISC (signal(7)).
constexpr std::array<std::string_view, 31> kNames = {
    "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1", "SEGV",
    "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN", "TTOU",
    "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};

constexpr int kFirstRealtime = 34;
constexpr int kLastRealtime = 64;

/// All of `text` as a number from 0 to `limit`; -1 if it is none.
int whole_number(std::string_view text, int limit) {
    int value = -1;
    const char* const end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, value);
    if (problem != std::errc{} || stop != end || value < 0 || value > limit) return -1;
    return value;
}

} // namespace

std::string_view signal_name(int number) {
    if (number < 1 || number > static_cast<int>(kNames.size())) return {};
    return kNames[static_cast<std::size_t>(number - 1)];
}

int signal_number(std::string_view name) {
    if (name.starts_with("SIG")) name.remove_prefix(3);
    for (std::size_t index = 0; index < kNames.size(); ++index) {
        if (kNames[index] == name) return static_cast<int>(index) + 1;
    }
    if (name == "POLL") return signal_number("IO");
    if (name == "RTMIN") return kFirstRealtime;
    if (name.starts_with("RTMIN+")) {
        const int offset = whole_number(name.substr(6), kLastRealtime - kFirstRealtime);
        return offset < 0 ? 0 : kFirstRealtime + offset;
    }
    const int number = whole_number(name, kLastRealtime);
    return number < 1 ? 0 : number;
}

} // namespace stead
