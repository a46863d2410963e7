#include "learn/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "sys/file.h"
#include "sys/trace.h"

namespace stead::learn {

namespace {

/// What stands behind "NAME=", up to the next blank.
std::string_view value_of(std::string_view record, std::string_view name) {
    const auto at = record.find(name);
    if (at == std::string_view::npos) return {};
    record.remove_prefix(at + name.size());
    return record.substr(0, record.find(' '));
}

template <typename T>
std::optional<T> number_of(std::string_view text) {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

} // namespace

std::optional<FilterKill> parse_kill(std::string_view record) {
    // "5,1234,56789012,-;audit: type=1326 ... comm="x" ... sig=31 arch=c000003e syscall=121 ..."
    const auto text = record.find(';');
    if (text == std::string_view::npos) return std::nullopt;
    std::string_view head = record.substr(0, text);
    for (int field = 0; field < 2; ++field) {
        const auto comma = head.find(',');
        if (comma == std::string_view::npos) return std::nullopt;
        head.remove_prefix(comma + 1);
    }
    const std::string_view message = record.substr(text + 1);
    if (!message.starts_with("audit: type=1326 ") || value_of(message, " sig=") != "31")
        return std::nullopt;
    const auto time = number_of<std::int64_t>(head.substr(0, head.find(',')));
    const auto number = number_of<int>(value_of(message, " syscall="));
    std::uint32_t architecture = 0;
    const std::string_view digits = value_of(message, " arch=");
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), architecture, 16);
    // Another architecture's numbers mean other calls.
    if (!time || !number || architecture != sys::kArchitecture) return std::nullopt;
    FilterKill kill{*time, *number, std::string(value_of(message, " comm="))};
    // In quotes, or in hexadecimal digits where a name has odd characters.
    if (kill.program.size() > 2 && kill.program.front() == '"')
        kill.program = kill.program.substr(1, kill.program.size() - 2);
    return kill;
}

std::optional<FilterKill> find_kill(std::int64_t time) {
    constexpr std::int64_t kNear = 1'000'000;
    const auto log = sys::open_at(AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK);
    if (!log) return std::nullopt;
    std::optional<FilterKill> found;
    std::array<char, 8192> record{};
    while (true) {
        // A record a read; EPIPE: older ones were dropped meanwhile.
        const ssize_t size = ::read(log->get(), record.data(), record.size());
        if (size < 0 && (errno == EPIPE || errno == EINTR)) continue;
        if (size <= 0) return found;
        auto kill = parse_kill({record.data(), static_cast<std::size_t>(size)});
        if (!kill || std::llabs(kill->time - time) > kNear) continue;
        const bool differs =
            found && (found->number != kill->number || found->program != kill->program);
        if (differs) return std::nullopt;
        found = std::move(kill);
    }
}

} // namespace stead::learn
