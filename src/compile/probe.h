#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace stead::compile {

/// "127.0.0.1:80", "[::1]:80" or "localhost:80" as a socket address. Nothing for a name: nobody is
/// asked for addresses while a guest starts.
std::optional<std::vector<std::byte>> tcp_address(std::string_view endpoint);

/// An absolute path of at most 107 bytes as the address of a unix socket.
std::optional<std::vector<std::byte>> unix_address(std::string_view path);

} // namespace stead::compile
