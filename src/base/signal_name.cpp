#include "base/signal_name.h"

#include <charconv>

#include "base/words.h"

namespace stead {

namespace {

// By number from 1, as on every architecture but MIPS, SPARC, Alpha and PA-RISC (signal(7)).
constexpr const char* kNames =
    "HUP\0INT\0QUIT\0ILL\0TRAP\0ABRT\0BUS\0FPE\0KILL\0USR1\0SEGV\0USR2\0PIPE\0ALRM\0TERM\0STKFLT\0"
    "CHLD\0CONT\0STOP\0TSTP\0TTIN\0TTOU\0URG\0XCPU\0XFSZ\0VTALRM\0PROF\0WINCH\0IO\0PWR\0SYS\0";

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
    if (number < 1) return {};
    return word_at(kNames, static_cast<std::size_t>(number - 1));
}

int signal_number(std::string_view name) {
    if (name.starts_with("SIG")) name.remove_prefix(3);
    if (const int index = find_word(kNames, name); index >= 0) return index + 1;
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
