#include <cstdlib>

#include "guests/guests.h"
#include "model/names.h"

namespace stead::guests {

namespace {

std::string folder(const char* variable, std::string otherwise) {
    // Read before any thread exists, and never set by this program.
    const char* value = std::getenv(variable); // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || value[0] != '/') return otherwise;
    return value;
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

} // namespace

Paths Paths::from_environment() {
    return {folder("STEAD_RUNTIME_DIR", "/run/stead"), folder("STEAD_STATE_DIR", "/var/lib/stead"),
            folder("STEAD_CONFIG_DIR", "/etc/stead")};
}

std::string Paths::guest(std::string_view name) const {
    return runtime + "/guests/" + std::string(name);
}

std::string Paths::control(std::string_view name) const {
    return guest(name) + "/control";
}

std::string Paths::logs(std::string_view name) const {
    return state + "/logs/" + std::string(name);
}

std::string Paths::guest_file(std::string_view name) const {
    return config + "/guests/" + std::string(name) + ".toml";
}

bool valid_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxGuestName || !is_alphanumeric(name.front())) return false;
    for (const char c : name) {
        if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-') return false;
    }
    return true;
}

} // namespace stead::guests
