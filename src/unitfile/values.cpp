#include "unitfile/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>

#include <arpa/inet.h>

#include "base/checked.h"
#include "unitfile/letters.h"

namespace stead::unitfile {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

/// Falling: "1m30s" is a duration, "30s1m" is a slip of the pen.
constexpr std::array kTimeUnits{
    Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000}, Unit{"m", 60'000'000},
    Unit{"s", 1'000'000},      Unit{"ms", 1'000},        Unit{"us", 1},
};

constexpr std::array kSizeUnits{
    Unit{"T", std::uint64_t{1} << 40U},
    Unit{"G", std::uint64_t{1} << 30U},
    Unit{"M", std::uint64_t{1} << 20U},
    Unit{"K", std::uint64_t{1} << 10U},
    Unit{"B", 1},
};

/// A number with its fraction at the front of a text: 1, 30, 1.5.
struct Quantity {
    std::uint64_t whole = 0;
    std::uint64_t fraction = 0;
    /// 10 to the power of the fraction's digits.
    std::uint64_t scale = 1;
};

std::optional<Quantity> take_quantity(std::string_view& text) {
    Quantity quantity;
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits]))
        ++digits;
    const auto whole = parse_digits(text.substr(0, digits));
    if (!whole) return std::nullopt;
    quantity.whole = *whole;
    text.remove_prefix(digits);
    if (!text.starts_with('.')) return quantity;

    text.remove_prefix(1);
    std::size_t places = 0;
    while (places < text.size() && is_digit(text[places])) {
        // More places than a size or time can have.
        if (places == 9) return std::nullopt;
        quantity.fraction = quantity.fraction * 10 + static_cast<std::uint64_t>(text[places] - '0');
        quantity.scale *= 10;
        ++places;
    }
    if (places == 0) return std::nullopt;
    text.remove_prefix(places);
    return quantity;
}

std::string_view take_letters(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && !is_digit(text[length]))
        ++length;
    const auto letters = text.substr(0, length);
    text.remove_prefix(length);
    return letters;
}

/// `quantity` times `factor`; nothing if it does not fit or leaves a remainder.
std::optional<std::uint64_t> in_units(const Quantity& quantity, std::uint64_t factor) {
    const auto whole = checked_multiply(quantity.whole, factor);
    const auto part = checked_multiply(quantity.fraction, factor);
    if (!whole || !part || *part % quantity.scale != 0) return std::nullopt;
    return checked_add(*whole, *part / quantity.scale);
}

struct NamedSignal {
    std::string_view name;
    std::uint8_t number;
};

constexpr std::array kSignals{
    NamedSignal{"HUP", SIGHUP},   NamedSignal{"INT", SIGINT},
    NamedSignal{"QUIT", SIGQUIT}, NamedSignal{"ILL", SIGILL},
    NamedSignal{"TRAP", SIGTRAP}, NamedSignal{"ABRT", SIGABRT},
    NamedSignal{"BUS", SIGBUS},   NamedSignal{"FPE", SIGFPE},
    NamedSignal{"KILL", SIGKILL}, NamedSignal{"USR1", SIGUSR1},
    NamedSignal{"SEGV", SIGSEGV}, NamedSignal{"USR2", SIGUSR2},
    NamedSignal{"PIPE", SIGPIPE}, NamedSignal{"ALRM", SIGALRM},
    NamedSignal{"TERM", SIGTERM}, NamedSignal{"STKFLT", SIGSTKFLT},
    NamedSignal{"CHLD", SIGCHLD}, NamedSignal{"CONT", SIGCONT},
    NamedSignal{"STOP", SIGSTOP}, NamedSignal{"TSTP", SIGTSTP},
    NamedSignal{"TTIN", SIGTTIN}, NamedSignal{"TTOU", SIGTTOU},
    NamedSignal{"URG", SIGURG},   NamedSignal{"XCPU", SIGXCPU},
    NamedSignal{"XFSZ", SIGXFSZ}, NamedSignal{"VTALRM", SIGVTALRM},
    NamedSignal{"PROF", SIGPROF}, NamedSignal{"WINCH", SIGWINCH},
    NamedSignal{"IO", SIGIO},     NamedSignal{"PWR", SIGPWR},
    NamedSignal{"SYS", SIGSYS},
};

/// The kernel's first and last real-time signal; a C library keeps the first two for itself.
constexpr int kFirstRealTime = 34;
constexpr int kLastRealTime = 64;

/// "127.0.0.1" or "::1" without brackets.
bool is_address(const std::string& text, bool v6) {
    std::array<unsigned char, 16> bytes{};
    return ::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) == 1;
}

} // namespace

std::optional<std::uint64_t> parse_digits(std::string_view text, std::uint64_t limit) {
    std::uint64_t number = 0;
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > limit)
        return std::nullopt;
    return number;
}

Parsed<Duration> parse_duration(std::string_view text) {
    constexpr std::string_view kWayOut =
        "a duration is digits with a unit (ms, s, m, h, d), such as \"30s\" or \"1m30s\", or "
        "\"infinity\"";
    if (text == "infinity") return {Duration::infinity(), {}};
    if (parse_digits(text))
        return {{},
                "a duration needs a unit: \"" + std::string(text) + "s\" or \"" +
                    std::string(text) + "ms\""};

    std::uint64_t total = 0;
    std::size_t first_allowed = 0;
    if (text.empty()) return {{}, std::string(kWayOut)};
    while (!text.empty()) {
        const auto quantity = take_quantity(text);
        const auto name = take_letters(text);
        if (!quantity) return {{}, std::string(kWayOut)};
        const auto* const unit = std::find_if(kTimeUnits.begin(), kTimeUnits.end(),
                                              [&](const Unit& u) { return u.name == name; });
        if (unit == kTimeUnits.end()) return {{}, std::string(kWayOut)};
        const auto index = static_cast<std::size_t>(unit - kTimeUnits.begin());
        if (index < first_allowed) return {{}, "write the units from the largest to the smallest"};
        first_allowed = index + 1;
        const auto part = in_units(*quantity, unit->factor);
        const auto sum = part ? checked_add(total, *part) : std::nullopt;
        if (!sum) return {{}, "that is not a whole number of microseconds that can be counted"};
        total = *sum;
    }
    if (total % 1000 != 0) return {{}, "nothing is timed finer than a millisecond"};
    if (total > static_cast<std::uint64_t>(kLongestDuration.ns / 1000))
        return {{}, "the longest time is 49 days; write \"infinity\" for no limit"};
    return {Duration{static_cast<std::int64_t>(total) * 1000}, {}};
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::string_view kWayOut =
        "a size is digits with a unit (B, K, M, G, T: powers of 1024), such as \"512M\", or "
        "\"infinity\"";
    if (text == "infinity") return {UINT64_MAX, {}};
    if (parse_digits(text))
        return {{},
                "a size needs a unit: \"" + std::string(text) + "B\", \"" + std::string(text) +
                    "K\" or \"" + std::string(text) + "M\""};
    const auto quantity = take_quantity(text);
    if (!quantity) return {{}, std::string(kWayOut)};
    for (const Unit& unit : kSizeUnits) {
        if (unit.name != text) continue;
        const auto bytes = in_units(*quantity, unit.factor);
        // The largest value is kept for infinity, the half above it for nobody: the kernel's own
        // counters are signed.
        if (!bytes || *bytes > INT64_MAX) return {{}, "that is not a number of bytes"};
        return {*bytes, {}};
    }
    return {{}, std::string(kWayOut)};
}

Parsed<std::uint8_t> check_signal(std::int64_t number) {
    if (number < 1 || number > kLastRealTime) return {{}, "signals are numbered 1 to 64"};
    if (number == 32 || number == 33)
        return {{}, "signals 32 and 33 belong to the C library; RTMIN is 34"};
    return {static_cast<std::uint8_t>(number), {}};
}

Parsed<std::uint8_t> parse_signal(std::string_view text) {
    if (const auto number = parse_digits(text, 1000))
        return check_signal(static_cast<std::int64_t>(*number));
    std::string_view name = text;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    for (const NamedSignal& known : kSignals) {
        if (known.name == name) return {known.number, {}};
    }
    if (name == "POLL") return {static_cast<std::uint8_t>(SIGIO), {}};
    if (name == "RTMIN") return {static_cast<std::uint8_t>(kFirstRealTime), {}};
    if (name == "RTMAX") return {static_cast<std::uint8_t>(kLastRealTime), {}};
    if (name.starts_with("RTMIN+") || name.starts_with("RTMAX-")) {
        const auto offset = parse_digits(name.substr(6), kLastRealTime - kFirstRealTime);
        if (!offset) return {{}, "RTMIN+n and RTMAX-n take an n from 0 to 30"};
        const int shift = static_cast<int>(*offset);
        return check_signal(name[4] == 'N' ? kFirstRealTime + shift : kLastRealTime - shift);
    }
    return {{}, "use a name such as TERM or RTMIN+3, in capitals, or a number from 1 to 64"};
}

std::string signal_name(std::uint8_t signal) {
    for (const NamedSignal& known : kSignals) {
        if (known.number == signal) return std::string(known.name);
    }
    if (signal == kFirstRealTime) return "RTMIN";
    if (signal > kFirstRealTime && signal <= kLastRealTime)
        return "RTMIN+" + std::to_string(signal - kFirstRealTime);
    return std::to_string(signal);
}

Parsed<std::uint32_t> parse_mode(std::string_view text) {
    constexpr std::string_view kWayOut =
        "a mode is three or four octal digits in quotes, such as \"0750\"";
    if (text.size() < 3 || text.size() > 4) return {{}, std::string(kWayOut)};
    std::uint32_t mode = 0;
    for (const char c : text) {
        if (c < '0' || c > '7') return {{}, std::string(kWayOut)};
        mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
    }
    return {mode, {}};
}

Parsed<Endpoint> parse_endpoint(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use ADDRESS:PORT with a numeric address, such as \"127.0.0.1:80\" or \"[::1]:80\"";
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return {{}, std::string(kWayOut)};
    Endpoint endpoint;
    std::string_view address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        endpoint.v6 = true;
        address = address.substr(1, address.size() - 2);
    }
    endpoint.address = std::string(address);
    if (endpoint.address == "localhost")
        return {{}, "names are not looked up; use 127.0.0.1 or [::1]"};
    if (!is_address(endpoint.address, endpoint.v6)) return {{}, std::string(kWayOut)};
    const auto port = parse_digits(text.substr(colon + 1), 65535);
    if (!port || *port == 0) return {{}, "the port is a number from 1 to 65535"};
    endpoint.port = static_cast<std::uint16_t>(*port);
    return {endpoint, {}};
}

Parsed<ListenAddress> parse_listen(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use tcp:ADDRESS:PORT or udp:ADDRESS:PORT, such as \"tcp:127.0.0.1:6379\", or tcp:PORT";
    ListenAddress listen;
    if (text.starts_with("udp:")) {
        listen.udp = true;
    } else if (!text.starts_with("tcp:")) {
        return {{}, std::string(kWayOut)};
    }
    text.remove_prefix(4);
    if (const auto port = parse_digits(text, 65535)) {
        if (*port == 0) return {{}, "the port is a number from 1 to 65535"};
        listen.endpoint.port = static_cast<std::uint16_t>(*port);
        return {listen, {}};
    }
    auto endpoint = parse_endpoint(text);
    if (!endpoint.value) return {{}, std::move(endpoint.problem)};
    listen.endpoint = std::move(*endpoint.value);
    return {listen, {}};
}

Parsed<SocketAddress> parse_socket(std::string_view text) {
    struct Prefix {
        std::string_view word;
        SocketKind kind;
    };

    constexpr std::array kPrefixes{
        Prefix{"unix:", SocketKind::Stream}, Prefix{"unix-datagram:", SocketKind::Datagram},
        Prefix{"unix-seqpacket:", SocketKind::Seqpacket}, Prefix{"fifo:", SocketKind::Fifo}};
    constexpr std::size_t kLongest = 107;
    // What PID 1 keeps of a name.
    constexpr std::size_t kLongestName = 51;
    for (const Prefix& prefix : kPrefixes) {
        if (!text.starts_with(prefix.word)) continue;
        text.remove_prefix(prefix.word.size());
        if (text.size() < 2 || text.front() != '/' || text.size() > kLongest)
            return {{}, "the path of a socket is absolute and has at most 107 bytes"};
        return {SocketAddress{prefix.kind, {}, std::string(text), {}}, {}};
    }
    constexpr std::string_view kHost = "host:";
    if (text.starts_with(kHost)) {
        text.remove_prefix(kHost.size());
        if (text.empty() || text.size() > kLongestName ||
            text.find_first_of(": \t\n") != std::string_view::npos)
            return {{},
                    "host:NAME has the name of a socket of the guest's service: up to 51 bytes "
                    "without blanks and colons"};
        return {SocketAddress{SocketKind::Stream, std::string(text), {}, {}}, {}};
    }
    if (!text.starts_with("tcp:") && !text.starts_with("udp:")) {
        return {{},
                "use tcp:PORT, tcp:ADDRESS:PORT, udp:..., unix:PATH, unix-datagram:PATH, "
                "unix-seqpacket:PATH, fifo:PATH or host:NAME"};
    }
    auto listen = parse_listen(text);
    if (!listen.value) return {{}, std::move(listen.problem)};
    return {SocketAddress{listen.value->udp ? SocketKind::Datagram : SocketKind::Stream,
                          {},
                          {},
                          std::move(listen.value->endpoint)},
            {}};
}

} // namespace stead::unitfile
