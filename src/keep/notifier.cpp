#include "keep/notifier.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/fixed_string.h"
#include "base/words.h"
#include "sys/unix_socket.h"

namespace stead::keep {

namespace {

/// The first is all that one who is mute has.
constexpr const char* kAllowed =
    "WATCHDOG=\0READY=\0STATUS=\0RELOADING=\0STOPPING=\0ERRNO=\0EXIT_STATUS=\0"
    "EXTEND_TIMEOUT_USEC=\0MONOTONIC_USEC=\0";

} // namespace

Result<Notifier> Notifier::open(const char* address) {
    Notifier notifier;
    if (address == nullptr || *address == '\0') return notifier;
    FixedString<107> path{std::string_view(address)};
    std::array<char, 108> name{};
    std::copy_n(path.c_str(), path.size(), name.data());
    if (name[0] == '@') name[0] = '\0';
    notifier.socket_ = TRY(sys::connect_unix({name.data(), path.size()}, SOCK_DGRAM));
    return notifier;
}

Result<void> Notifier::forward(std::string_view text) {
    if (!socket_) return {};
    FixedString<2048> allowed;
    while (!text.empty()) {
        const std::string_view line = take_part(text, '\n');
        const int word = find_word(kAllowed, line.substr(0, line.find('=') + 1));
        if (word == 0 || (word > 0 && !mute_)) allowed.append(line).append("\n");
    }
    if (allowed.empty()) return {};
    return sys::send(socket_.get(), std::as_bytes(std::span(allowed.view())));
}

} // namespace stead::keep
