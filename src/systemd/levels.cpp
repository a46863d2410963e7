#include "systemd/levels.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "guests/service.h"
#include "guests/store.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/stream.h"
#include "systemd/service_manager.h"

namespace stead::systemd {

namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kRuntimeSettings = "/run/systemd/system.control/";
constexpr Duration kLimit = 30_s;
constexpr std::uint64_t kNone = UINT64_MAX;

enum class Kind : std::uint8_t { Bytes, Weight, Quota };

struct Row {
    std::string_view file;
    const char* property;
    const char* setting;
    Kind kind;
};

constexpr std::array kRows{
    Row{"memory.min", "MemoryMin", "MemoryMin", Kind::Bytes},
    Row{"memory.low", "MemoryLow", "MemoryLow", Kind::Bytes},
    Row{"memory.high", "MemoryHigh", "MemoryHigh", Kind::Bytes},
    Row{"memory.max", "MemoryMax", "MemoryMax", Kind::Bytes},
    Row{"memory.swap.max", "MemorySwapMax", "MemorySwapMax", Kind::Bytes},
    Row{"cpu.weight", "CPUWeight", "CPUWeight", Kind::Weight},
    Row{"cpu.max", "CPUQuotaPerSecUSec", "CPUQuota", Kind::Quota},
    Row{"io.weight", "IOWeight", "IOWeight", Kind::Weight},
};

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// "QUOTA PERIOD" of cpu.max as microseconds of a processor in a second.
std::optional<std::uint64_t> quota_of(std::string_view text) {
    constexpr std::uint64_t kSecond = 1'000'000;
    const std::size_t blank = text.find(' ');
    if (text.substr(0, blank) == "max") return kNone;
    const auto quota = number_of(text.substr(0, blank));
    const auto period = blank == std::string_view::npos ? std::optional<std::uint64_t>(100'000)
                                                        : number_of(text.substr(blank + 1));
    if (!quota || !period || *period == 0 || *quota > UINT64_MAX / kSecond) return std::nullopt;
    return *quota * kSecond / *period;
}

std::optional<std::uint64_t> value_of(const Row& row, std::string_view content) {
    while (content.ends_with('\n'))
        content.remove_suffix(1);
    if (row.kind == Kind::Quota) return quota_of(content);
    if (row.kind == Kind::Bytes && content == "max") return kNone;
    // io.weight is "default 100".
    if (content.starts_with("default ")) content.remove_prefix(8);
    return number_of(content);
}

/// What a property that nobody has set means, and the kernel's files say.
std::uint64_t plain(const Row& row, std::uint64_t value) {
    constexpr std::uint64_t kUsualWeight = 100;
    return row.kind == Kind::Weight && value == kNone ? kUsualWeight : value;
}

std::string setting_of(const Row& row, std::uint64_t value) {
    const std::string key = std::string(row.setting) + "=";
    if (value == kNone) return key + (row.kind == Kind::Bytes ? "infinity" : "");
    if (row.kind != Kind::Quota) return key + std::to_string(value);
    constexpr std::uint64_t kPercent = 10'000; // microseconds of a second
    const std::string part = std::to_string(value % kPercent / 100 + 100).substr(1);
    return key + std::to_string(value / kPercent) + "." + part + "%";
}

std::map<std::string, std::uint64_t> properties_of(sd_bus* bus, const std::string& unit) {
    std::map<std::string, std::uint64_t> found;
    char* path = nullptr;
    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path) < 0) return found;
    Message request = new_call(bus, kService, path, "org.freedesktop.DBus.Properties", "GetAll");
    std::free(path); // NOLINT(cppcoreguidelines-no-malloc): it is libsystemd's.
    if (request)
        (void)sd_bus_message_append(request.get(), "s", "org.freedesktop.systemd1.Service");
    const Answer answer = call(bus, std::move(request), kLimit);
    if (!answer) return found;
    sd_bus_message* message = answer.message.get();
    if (sd_bus_message_enter_container(message, 'a', "{sv}") < 0) return found;
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        const char* name = nullptr;
        const char* type = nullptr;
        std::uint64_t value = 0;
        if (sd_bus_message_read(message, "s", &name) < 0 ||
            sd_bus_message_peek_type(message, nullptr, &type) < 0)
            return found;
        if (std::string_view(type) != "t") {
            (void)sd_bus_message_skip(message, "v");
        } else if (sd_bus_message_read(message, "v", "t", &value) >= 0) {
            found[name] = value;
        }
        if (sd_bus_message_exit_container(message) < 0) break;
    }
    return found;
}

std::string content_of(const std::string& path) {
    const auto file = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY);
    if (!file) return {};
    std::string text(256, '\0');
    const auto size = sys::read_at(file->get(), text, 0);
    text.resize(size ? *size : 0);
    return text.substr(0, text.find('\n'));
}

} // namespace

std::optional<UnitLevel> unit_level(std::string_view file, std::string_view content) {
    for (const Row& row : kRows) {
        if (row.file != file) continue;
        const auto value = value_of(row, content);
        if (!value) return std::nullopt;
        return UnitLevel{row.property, *value, setting_of(row, *value)};
    }
    return std::nullopt;
}

std::string mirror_levels(sd_bus* manager, const guests::Paths& paths, const std::string& name) {
    const auto guest = guests::find(paths, name);
    if (!guest || !*guest || !(*guest)->running()) return "guest '" + name + "' does not run";
    const std::string unit = guests::service_unit(name);
    const auto known = properties_of(manager, unit);
    Message request = new_call(manager, kService, kPath, kManager, "SetUnitProperties");
    if (!request) return "out of memory";
    sd_bus_message* message = request.get();
    // Until the next boot of the host: what is kept, the guest's file says.
    (void)sd_bus_message_append(message, "sb", unit.c_str(), 1);
    (void)sd_bus_message_open_container(message, 'a', "(sv)");
    bool changes = false;
    for (const Row& row : kRows) {
        const std::string path = (*guest)->record.cgroup + "/" + std::string(row.file);
        const auto held = value_of(row, content_of(path));
        const auto property = known.find(row.property);
        if (!held || property == known.end() || plain(row, property->second) == *held) continue;
        (void)sd_bus_message_append(message, "(sv)", row.property, "t", *held);
        changes = true;
    }
    (void)sd_bus_message_close_container(message);
    return changes ? call(manager, std::move(request), kLimit).problem : std::string();
}

bool forget_levels(const std::string& name) {
    const std::string folder = kRuntimeSettings + guests::service_unit(name) + ".d";
    bool found = false;
    for (const Row& row : kRows) {
        const std::string file = folder + "/50-" + row.setting + ".conf";
        found |= sys::remove_at(AT_FDCWD, file.c_str(), false).has_value();
    }
    // It stays if somebody else has something there.
    if (found) (void)sys::remove_at(AT_FDCWD, folder.c_str(), true);
    return found;
}

std::string make_scope(sd_bus* manager, const std::string& name) {
    const pid_t caller = ::getppid();
    if (caller <= 1) return "whoever called has ended";
    ServiceManager units(manager);
    if (const auto heard = units.subscribe(); !heard) return describe(heard.error()).c_str();
    const std::string unit = "stead-" + name + ".scope";
    Message request = new_call(manager, kService, kPath, kManager, "StartTransientUnit");
    if (!request) return "out of memory";
    const std::string description = "Guest " + name + " of 'stead run'";
    const int made = sd_bus_message_append(request.get(), "ssa(sv)a(sa(sv))", unit.c_str(), "fail",
                                           6, "Description", "s", description.c_str(), "PIDs", "au",
                                           1, static_cast<std::uint32_t>(caller), "Slice", "s",
                                           "machine.slice", "Delegate", "b", 1, "CollectMode", "s",
                                           "inactive-or-failed", "TasksMax", "t", kNone, 0);
    if (made < 0) return describe(bus_error("StartTransientUnit", unit, made)).c_str();
    const Answer answer = call(manager, std::move(request), kLimit);
    const char* job = nullptr;
    if (!answer) return answer.problem;
    if (sd_bus_message_read(answer.message.get(), "o", &job) <= 0) return "no job was made";
    const JobEnd end = units.wait_for(job, sys::now() + kLimit);
    if (end.done()) return {};
    return end.problem.empty() ? "the job ended as '" + end.result + "'" : end.problem;
}

} // namespace stead::systemd
