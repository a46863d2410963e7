#include "keep/settings.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "keep/log_files.h"
#include "sys/stream.h"
#include "wire/boot.h"
#include "wire/message.h"

namespace stead::keep {

namespace {

/// A longer configuration is none of ours.
constexpr std::size_t kMaxSettings = 512;

} // namespace

Given Given::at_start() {
    Given given;
    for (int number = wire::kKeeperConfig; number < wire::kKeeperDescriptors; ++number) {
        if (sys::is_open(number)) given.open_ |= 1U << number;
    }
    return given;
}

Result<Settings> read_settings(int memfd) {
    std::array<char, kMaxSettings> buffer;
    const std::size_t size = TRY(sys::read_at(memfd, buffer, 0));
    // The remains may follow in the same file (wire/boot.h).
    std::size_t length = size;
    wire::Header header;
    if (size >= sizeof header) {
        std::memcpy(&header, buffer.data(), sizeof header);
        length = std::min(size, sizeof header + header.size);
    }
    const auto message = wire::Reader::open(std::as_bytes(std::span(buffer).first(length)));
    if (!message || message->kind() != wire::Kind::KeeperConfig)
        return make_error("read", "the keeper's configuration", EBADMSG);

    Settings settings;
    settings.given = Given::at_start();
    const std::string_view name = message->text(wire::Tag::Name);
    if (!valid_log_name(name) || name.size() > kMaxGuestName)
        return make_error("read", "the guest's name in the keeper's configuration", EBADMSG);
    settings.name.append(name);
    settings.journal.append(message->text(wire::Tag::Text));

    const auto flags = static_cast<std::uint64_t>(message->number(wire::Tag::Flags));
    settings.foreground = (flags & wire::kKeeperForeground) != 0;
    settings.prefix = (flags & wire::kKeeperPrefix) != 0;
    settings.timestamp = (flags & wire::kKeeperTimestamp) != 0;
    settings.epilogue = (flags & wire::kKeeperEpilogue) != 0;
    settings.mute = (flags & wire::kKeeperMute) != 0;
    const std::int64_t size_limit = message->number(wire::Tag::LogSize, kDefaultLogSize);
    if (size_limit > 0) settings.log_size = static_cast<std::uint64_t>(size_limit);
    const std::int64_t keep = message->number(wire::Tag::LogKeep, kDefaultLogKeep);
    if (keep >= 0 && keep <= kMaxLogKeep) settings.log_keep = static_cast<std::uint32_t>(keep);
    const std::int64_t timeout = message->number(wire::Tag::Timeout, kDefaultCleanupTimeout);
    if (timeout > 0 && timeout <= 3'600'000)
        settings.cleanup_timeout = Duration{timeout * 1'000'000};
    const std::int64_t watchdog = message->number(wire::Tag::Watchdog);
    if (watchdog > 0 && watchdog <= 3'600'000) settings.watchdog_ms = static_cast<int>(watchdog);
    return settings;
}

} // namespace stead::keep
