#include "cli/place.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "guests/store.h"
#include "model/names.h"

namespace stead::cli {

namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
    // One thread, and nobody changes the environment.
    const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::string() : std::string(value);
}

/// Where stead-init listens as somebody else's PID 1: the first of these that it could write.
std::string find_own_control(const guests::Paths& paths) {
    if (std::string named = environment("STEAD_CONTROL"); !named.empty()) return named;
    std::vector<std::string> places{paths.runtime + "/control"};
    // Root's own and a guest's, whoever we are.
    if (environment("STEAD_RUNTIME_DIR").empty())
        places.insert(places.begin(), "/run/stead/control");
    if (const std::string user = environment("XDG_RUNTIME_DIR"); !user.empty())
        places.push_back(user + "/stead/control");
    places.emplace_back("/dev/shm/stead/control");
    std::error_code unreadable;
    for (const std::string& place : places) {
        if (fs::is_socket(place, unreadable)) return place;
    }
    return places.front();
}

bool valid_unit(std::string_view name) {
    return !name.empty() && name.size() <= kMaxUnitName && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(),
                       [](char letter) { return letter > ' ' && letter != '/' && letter != 0x7f; });
}

} // namespace

std::string Target::text() const {
    if (own()) return unit.empty() ? "this guest" : unit;
    return unit.empty() ? guest : guest + "/" + unit;
}

Place Place::look() {
    guests::Paths paths = guests::Paths::from_environment();
    std::string control = find_own_control(paths);
    std::error_code unreadable;
    const bool own = fs::is_socket(control, unreadable);
    const bool host = !own || fs::is_directory(paths.runtime + "/guests", unreadable);
    return {std::move(paths), std::move(control), host};
}

std::optional<Target> Place::parse(std::string_view word) const {
    if (word.starts_with('/')) {
        const std::string_view unit = word.substr(1);
        if (!unit.empty() && !valid_unit(unit)) return std::nullopt;
        return Target{.guest = {}, .unit = std::string(unit)};
    }
    if (!host_) {
        if (!valid_unit(word)) return std::nullopt;
        return Target{.guest = {}, .unit = std::string(word)};
    }
    const std::size_t slash = word.find('/');
    const std::string_view guest = word.substr(0, slash);
    if (!guests::valid_name(guest)) return std::nullopt;
    if (slash == std::string_view::npos) return Target{.guest = std::string(guest), .unit = {}};
    const std::string_view unit = word.substr(slash + 1);
    if (!valid_unit(unit)) return std::nullopt;
    return Target{.guest = std::string(guest), .unit = std::string(unit)};
}

std::string Place::control(const Target& target) const {
    return target.own() ? own_control_ : paths_.control(target.guest);
}

std::vector<std::string> Place::guests() const {
    std::vector<std::string> names;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(paths_.runtime + "/guests", unreadable)) {
        std::string name = entry.path().filename().string();
        if (guests::valid_name(name)) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> Place::configured() const {
    return guests::configured(paths_);
}

} // namespace stead::cli
