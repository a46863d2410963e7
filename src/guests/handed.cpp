#include "guests/handed.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "model/names.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

constexpr int kFirstListened = 3;
/// PID 1 holds them among all that its units listen on.
constexpr long kMaxSockets = 64;
constexpr std::size_t kMaxCredentials = 256;
/// Of all together, which lie in memory; systemd's own bound.
constexpr std::size_t kMaxCredentialBytes = 1U << 20U;

std::string_view variable(const char* name) {
    const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): there is one thread.
    return value == nullptr ? std::string_view() : std::string_view(value);
}

/// -1: there is no such number.
long number_of(std::string_view text) {
    long number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? number : -1;
}

Result<void> take_sockets(Handed& handed) {
    const long count = number_of(variable("LISTEN_FDS"));
    if (number_of(variable("LISTEN_PID")) != ::getpid() || count <= 0) return {};
    if (count > kMaxSockets)
        return make_error("LISTEN_FDS", "at most 64 sockets of the host reach a guest", E2BIG);
    std::string_view names = variable("LISTEN_FDNAMES");
    for (int number = kFirstListened; number < kFirstListened + count; ++number) {
        const std::size_t end = names.find(':');
        const std::string_view name = names.substr(0, end);
        names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
        if (::fcntl(number, F_SETFD, FD_CLOEXEC) < 0) return last_error("LISTEN_FDS");
        handed.sockets.emplace_back(number);
        if (!handed.names.empty()) handed.names += ':';
        handed.names += name.empty() ? "unknown" : name; // As sd_listen_fds_with_names(3) has it.
    }
    return {};
}

Result<void> take_credentials(Handed& handed) {
    const std::string folder(variable("CREDENTIALS_DIRECTORY"));
    if (folder.empty()) return {};
    std::error_code failed;
    std::filesystem::directory_iterator entries(folder, failed);
    if (failed) return make_error("open", folder, failed.value());
    std::size_t size = 0;
    for (const auto& entry : entries) {
        const std::string name = entry.path().filename().string();
        const std::string path = entry.path().string();
        if (!is_unit_name(name)) return make_error("credentials", path, EINVAL);
        const sys::UniqueFd file =
            TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
        std::string content(kMaxCredentialBytes + 1, '\0');
        const auto bytes = std::as_writable_bytes(std::span(content));
        content.resize(TRY(sys::read_full(file.get(), bytes)));
        size += content.size();
        if (size > kMaxCredentialBytes || handed.credentials.size() >= kMaxCredentials)
            return make_error("credentials of more than 1 MB, or more than 256:", path, E2BIG);
        handed.credentials.push_back({name, std::move(content)});
    }
    return {};
}

} // namespace

Result<Handed> take_handed(bool with_credentials) {
    Handed handed;
    const auto taken = take_sockets(handed);
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        (void)::unsetenv(name); // NOLINT(concurrency-mt-unsafe): there is one thread.
    if (!taken) return taken.error();
    if (with_credentials) TRY(take_credentials(handed));
    return handed;
}

} // namespace stead::guests
