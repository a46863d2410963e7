#include "guests/service.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <span>

#include "sys/file.h"
#include "sys/unix_socket.h"

namespace stead::guests {

namespace {

constexpr const char* kJournal = "/run/systemd/journal/socket";
/// Longer than the journal needs to be started again.
constexpr timeval kJournalPatience{.tv_sec = 2, .tv_usec = 0};

std::string variable(const char* name) {
    const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): there is one thread.
    return value == nullptr ? std::string() : std::string(value);
}

} // namespace

std::string service_unit(std::string_view guest) {
    return "stead@" + std::string(guest) + ".service";
}

std::optional<Service> service_from_environment() {
    Service service{variable("NOTIFY_SOCKET"), variable("INVOCATION_ID"), 0, {}};
    if (service.notify.empty()) return std::nullopt;
    const std::string limit = variable("WATCHDOG_USEC");
    std::int64_t microseconds = 0;
    (void)std::from_chars(limit.data(), limit.data() + limit.size(), microseconds);
    service.watchdog_ms = std::max<std::int64_t>(microseconds / 1000, 0);
    // It becomes a part of the journal's records: 32 digits and nothing else.
    const bool is_id =
        service.invocation.size() == 32 &&
        service.invocation.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_id) service.invocation.clear();
    return service;
}

Result<void> tell_service_manager(const Service& service, std::string_view text) {
    std::string address = service.notify;
    if (address.starts_with('@')) address.front() = '\0';
    const sys::UniqueFd socket = TRY(sys::connect_unix(address, SOCK_DGRAM));
    return sys::send(socket.get(), std::as_bytes(std::span(text)));
}

bool booted_by_systemd() {
    struct stat status {};

    return ::lstat("/run/systemd/system/", &status) == 0 && S_ISDIR(status.st_mode);
}

bool in_scope() {
    const auto file = sys::open_at(AT_FDCWD, "/proc/self/cgroup", O_RDONLY);
    if (!file) return false;
    std::string text(4096, '\0');
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(text)));
    text.resize(size ? *size : 0);
    const std::size_t line = text.starts_with("0::/") ? 0 : text.find("\n0::/") + 1;
    return std::string_view(text).substr(line, text.find('\n', line) - line).ends_with(".scope");
}

std::string journal_record(std::string_view guest, const Service& service) {
    std::string record = "STEAD_GUEST=" + std::string(guest) + "\n";
    if (!service.invocation.empty()) record += "INVOCATION_ID=" + service.invocation + "\n";
    using namespace std::string_view_literals;
    record += "PRIORITY=\0\nSYSLOG_IDENTIFIER=\1\nSTEAD_UNIT=\1\nMESSAGE=\2\n"sv;
    return record;
}

Result<sys::UniqueFd> connect_journal() {
    auto socket = sys::connect_unix(kJournal, SOCK_DGRAM);
    if (!socket) return socket.error();
    if (::setsockopt(socket->get(), SOL_SOCKET, SO_SNDTIMEO, &kJournalPatience,
                     sizeof kJournalPatience) < 0)
        return last_error("setsockopt", kJournal);
    return socket;
}

} // namespace stead::guests
