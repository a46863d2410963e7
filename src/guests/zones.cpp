#include "guests/zones.h"

#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "base/time.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

constexpr std::time_t kDay = 86'400;
constexpr std::time_t kYears = 20;
/// No zone changes twice within it.
constexpr std::time_t kStep = 3 * kDay;

bool is_zone_name(const std::string& name) {
    constexpr const char* kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    return !name.empty() && name.size() < 64 && name.front() != '/' &&
           name.find_first_not_of(kLetters) == std::string::npos;
}

std::int32_t offset_at(std::time_t at) {
    std::tm local{};
    ::localtime_r(&at, &local);
    return static_cast<std::int32_t>(local.tm_gmtoff);
}

/// Makes the C library use a zone, and then the one before.
class Zone {
public:
    explicit Zone(const std::string& name) {
        // This program has one thread.
        if (const char* before = std::getenv("TZ")) { // NOLINT(concurrency-mt-unsafe)
            before_ = before;
            had_ = true;
        }
        // The file alone rules here, whatever the environment of whoever asks says.
        const std::string value = ":" + (name.empty() ? std::string("/etc/localtime") : name);
        (void)::setenv("TZ", value.c_str(), 1); // NOLINT(concurrency-mt-unsafe)
        ::tzset();
    }

    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;
    Zone(Zone&&) = delete;
    Zone& operator=(Zone&&) = delete;

    ~Zone() {
        if (had_)
            (void)::setenv("TZ", before_.c_str(), 1); // NOLINT(concurrency-mt-unsafe)
        else
            (void)::unsetenv("TZ"); // NOLINT(concurrency-mt-unsafe)
        ::tzset();
    }

private:
    std::string before_;
    bool had_ = false;
};

} // namespace

std::optional<std::vector<ZoneChange>> zone_changes(const std::string& name) {
    if (!name.empty() &&
        (!is_zone_name(name) || ::access(("/usr/share/zoneinfo/" + name).c_str(), R_OK) != 0))
        return std::nullopt;
    const Zone zone(name);
    std::time_t now = std::time(nullptr);
    std::tm year{};
    ::gmtime_r(&now, &year);
    std::time_t at = now - (now % kDay) - year.tm_yday * kDay;
    std::vector<ZoneChange> changes{{.at = at, .offset = offset_at(at)}};
    const std::time_t end = at + kYears * 366 * kDay;
    for (; at < end; at += kStep) {
        std::time_t low = at;
        std::time_t high = at + kStep;
        const std::int32_t before = changes.back().offset;
        const std::int32_t after = offset_at(high);
        if (after == before) continue;
        while (high - low > 1) {
            const std::time_t middle = low + (high - low) / 2;
            (offset_at(middle) == before ? low : high) = middle;
        }
        changes.push_back({.at = high, .offset = after});
    }
    if (changes.size() == 1 && changes.front().offset == 0) changes.clear();
    return changes;
}

} // namespace stead::guests
