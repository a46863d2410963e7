#include <sys/auxv.h>

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

/// An ordinary user's folders are those of the XDG Base Directory Specification.
Paths users_own() {
    const std::string home = folder("HOME", "/nonexistent");
    Paths paths;
    paths.state = folder("XDG_STATE_HOME", home + "/.local/state") + "/stead";
    paths.config = folder("XDG_CONFIG_HOME", home + "/.config") + "/stead";
    // Where nobody logged the user in there is none: what runs is looked up in the kernel in any
    // case, so a folder that outlives the machine's boot does no harm.
    const std::string runtime = folder("XDG_RUNTIME_DIR", "");
    paths.runtime = runtime.empty() ? paths.state + "/run" : runtime + "/stead";
    return paths;
}

} // namespace

Paths Paths::from_environment() {
    const Paths usual = ::getauxval(AT_EUID) == 0 ? Paths{} : users_own();
    return {folder("STEAD_RUNTIME_DIR", usual.runtime), folder("STEAD_STATE_DIR", usual.state),
            folder("STEAD_CONFIG_DIR", usual.config)};
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

std::string Paths::images() const {
    return state + "/images";
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
