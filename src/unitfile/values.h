#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/activation.h"
#include "model/exec.h"

/// The small notations inside strings: durations, sizes, signals, modes, addresses. Pure functions
/// that know neither keys nor files.
#include "unitfile/specs.h"

namespace stead::unitfile {

/// A value, or the way out in words that can follow "KEY is 'TEXT'; ".
template <typename T>
struct Parsed {
    std::optional<T> value;
    std::string problem;
};

/// No number without a unit is a duration, and none is finer than a millisecond or (but for
/// infinity) longer than 49 days: a plan counts milliseconds in 32 bits.
inline constexpr Duration kLongestDuration{4'294'967'294 * 1'000'000};

/// "1m30s", "500ms", "1.5s", "infinity". Units: us, ms, s, m, h, d, in falling order.
Parsed<Duration> parse_duration(std::string_view text);

/// "512M", "1.5G", "4096B", "infinity" (all ones). B, K, M, G and T are powers of 1024.
Parsed<std::uint64_t> parse_size(std::string_view text);

/// "TERM", "SIGTERM", "15", "RTMIN+3" (34 + 3), "RTMAX-1": 1 to 64, but 32 and 33.
Parsed<std::uint8_t> parse_signal(std::string_view text);
Parsed<std::uint8_t> check_signal(std::int64_t number);

/// "TERM", or "RTMIN+3"; the number for one that has no name.
std::string signal_name(std::uint8_t signal);

/// Three or four octal digits.
Parsed<std::uint32_t> parse_mode(std::string_view text);

/// The kernel's number of a resource limit by its lower-case name ("nofile"), if there is one.
std::optional<std::uint32_t> find_rlimit(std::string_view name);

/// "1024:65536", "8192", "64M" (limits in bytes), "10s" (cpu, rttime), "infinity".
Parsed<ResourceLimit> parse_rlimit(std::string_view name, std::string_view text);

/// What a cgroup level means to the kernel: its file ("memory.max") and the text to write.
struct LevelText {
    std::string file;
    std::string content;
};

/// `text` as on a command line; entries of a list are lines.
Parsed<LevelText> parse_level(std::string_view key, std::string_view text);
/// The same in a file: `text` is a string's content or a number's digits, `is_string` says which.
Parsed<LevelText> parse_level(std::string_view key, std::string_view text, bool is_string);

/// A numeric address and port: "127.0.0.1:80", "[::1]:80".
struct Endpoint {
    std::string address;
    std::uint16_t port = 0;
    bool v6 = false;
};

Parsed<Endpoint> parse_endpoint(std::string_view text);

/// An address a guest may bind: "tcp:127.0.0.1:6379", "udp:[::1]:53", "tcp:80" (every address, then
/// `endpoint.address` is empty).
struct ListenAddress {
    bool udp = false;
    Endpoint endpoint;
};

Parsed<ListenAddress> parse_listen(std::string_view text);

/// What is opened for a unit: "tcp:80", "udp:[::1]:53", "unix:/run/app.sock", "unix-datagram:",
/// "unix-seqpacket:" and "fifo:" with a path, "host:" with a name.
struct SocketAddress {
    SocketKind kind = SocketKind::Stream;
    /// Of what the host has opened (FileDescriptorName= of a .socket unit); then nothing else.
    std::string host;
    /// Empty: `endpoint`, every address where it has none.
    std::string path;
    Endpoint endpoint;
};

Parsed<SocketAddress> parse_socket(std::string_view text);

/// "none", "exit", "shutdown", "reboot", "unit:NAME".
Parsed<OutcomeSpec> parse_outcome(std::string_view text);

/// "http://127.0.0.1:8080/health"; "localhost" stands for 127.0.0.1.
struct Url {
    /// As written, for the Host header.
    std::string host;
    Endpoint endpoint;
    std::string path;
};

Parsed<Url> parse_url(std::string_view text);

/// "idle", "best-effort:4", "real-time:0", as ioprio_set(2) takes it.
Parsed<std::uint16_t> parse_io_priority(std::string_view text);

struct CpuPolicy {
    /// SCHED_ number of sched(7).
    std::uint8_t number = 0;
    std::uint8_t priority = 0;
};

/// "other", "batch", "idle", "fifo:10", "rr:10".
Parsed<CpuPolicy> parse_cpu_policy(std::string_view text);

/// "0-3,5": one bit for each processor.
Parsed<std::vector<std::byte>> parse_processors(std::string_view text);

/// "console" is /dev/console.
Parsed<std::string> parse_terminal(std::string_view text);

/// Digits only, no sign, no larger than `limit`.
std::optional<std::uint64_t> parse_digits(std::string_view text, std::uint64_t limit = UINT64_MAX);

} // namespace stead::unitfile
