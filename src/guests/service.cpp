#include "guests/service.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

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
    Service service{variable("NOTIFY_SOCKET"), variable("INVOCATION_ID")};
    if (service.notify.empty()) return std::nullopt;
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

std::string journal_record(std::string_view guest, const Service& service) {
    std::string record = "STEAD_GUEST=" + std::string(guest) + "\n";
    if (!service.invocation.empty()) record += "INVOCATION_ID=" + service.invocation + "\n";
    using namespace std::string_view_literals;
    record += "PRIORITY=\0\nSYSLOG_IDENTIFIER=\1\nSTEAD_UNIT=\1\nMESSAGE=\2\n"sv;
    return record;
}

Result<sys::UniqueFd> connect_journal() {
    sys::UniqueFd socket = TRY(sys::connect_unix(kJournal, SOCK_DGRAM));
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kJournalPatience,
                     sizeof kJournalPatience) < 0)
        return last_error("setsockopt", kJournal);
    return socket;
}

} // namespace stead::guests
