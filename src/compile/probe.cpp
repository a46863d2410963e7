#include "compile/probe.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace stead::compile {

namespace {

template <typename Address>
std::vector<std::byte> bytes_of(const Address& address) {
    std::vector<std::byte> bytes(sizeof address);
    std::memcpy(bytes.data(), &address, sizeof address);
    return bytes;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

} // namespace

std::optional<std::vector<std::byte>> tcp_address(std::string_view endpoint) {
    const auto colon = endpoint.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string host(endpoint.substr(0, colon));
    const auto port = parse_port(endpoint.substr(colon + 1));
    if (!port) return std::nullopt;

    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(*port);
        host = host.substr(1, host.size() - 2);
        if (::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return std::nullopt;
        return bytes_of(address);
    }
    if (host == "localhost") host = "127.0.0.1";
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(*port);
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
    return bytes_of(address);
}

std::optional<std::vector<std::byte>> unix_address(std::string_view path) {
    sockaddr_un address{};
    if (!path.starts_with('/') || path.size() >= sizeof address.sun_path ||
        path.find('\0') != std::string_view::npos)
        return std::nullopt;
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    auto bytes = bytes_of(address);
    // The kernel takes the NUL as the end, but not bytes behind it.
    bytes.resize(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return bytes;
}

} // namespace stead::compile
