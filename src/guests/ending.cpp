#include "guests/ending.h"

#include <fcntl.h>

#include <array>
#include <ctime>
#include <string>

#include <nlohmann/json.hpp>

#include "guests/state.h"
#include "sys/clock.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

constexpr const char* kFile = "last-end.json";
constexpr std::size_t kMaxEnding = 4096;

std::string folder_of(const Paths& paths, std::string_view name) {
    return paths.state + "/guests/" + std::string(name);
}

/// As the keeper's lines begin: "2026-01-31T12:30:00.000000Z".
std::string log_time(std::int64_t nanoseconds) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const auto seconds = static_cast<std::time_t>(nanoseconds / kSecond);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::string fraction = std::to_string(nanoseconds % kSecond / 1000 + 1'000'000);
    fraction.front() = '.';
    return std::string(text.data(), size) + fraction + "Z";
}

} // namespace

Result<void> write_ending(const Paths& paths, std::string_view name, const Ending& ending) {
    const std::string path = folder_of(paths, name);
    TRY(make_folders(path));
    const sys::UniqueFd folder =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    const nlohmann::json json{{"code", ending.code},
                              {"reboot", ending.reboot},
                              {"started", ending.started},
                              {"ended", ending.ended}};
    return replace_file(folder.get(), kFile, json.dump(4) + "\n", 0644);
}

std::optional<Ending> read_ending(const Paths& paths, std::string_view name) {
    const auto folder =
        sys::open_at(AT_FDCWD, folder_of(paths, name).c_str(), O_PATH | O_DIRECTORY);
    if (!folder) return std::nullopt;
    const auto text = read_file(folder->get(), kFile, kMaxEnding);
    if (!text) return std::nullopt;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    const auto number = [&](const char* key) -> std::int64_t {
        const auto found = json.find(key);
        return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
    };
    const auto reboot = json.find("reboot");
    return Ending{static_cast<int>(number("code")),
                  reboot != json.end() && reboot->is_boolean() && reboot->get<bool>(),
                  number("started"), number("ended")};
}

void remove_ending(const Paths& paths, std::string_view name) {
    const std::string file = folder_of(paths, name) + "/" + kFile;
    (void)sys::remove_at(AT_FDCWD, file.c_str(), false); // There may be none.
}

void append_to_log(const Paths& paths, std::string_view name, std::string_view text) {
    const std::string folder = paths.logs(name) + "/stead";
    if (!make_folders(folder)) return;
    const std::string path = folder + "/current";
    const auto file = sys::open_at(AT_FDCWD, path.c_str(),
                                   O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (!file) return;
    const std::string time = log_time(sys::realtime_now());
    std::string lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        lines += time + " say " + std::string(text.substr(start, end - start)) + "\n";
        start = end + 1;
    }
    (void)sys::write_full(file->get(), lines); // A full disk.
}

} // namespace stead::guests
