#include "resources/files.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <span>

#include "sys/file.h"
#include "sys/stream.h"

namespace stead::resources {

namespace {

constexpr std::size_t kHalfPage = 2048;
constexpr std::size_t kBlock = 16384;
constexpr std::size_t kMaxFile = std::size_t{1} << 20U;
/// Deeper than any tree that a guest may make by delegation.
constexpr int kMaxDepth = 64;

void add_processes(const std::string& cgroup, int depth, std::vector<pid_t>& found) {
    namespace fs = std::filesystem;
    const auto text = read_text(cgroup + "/cgroup.procs");
    if (text) {
        for (const std::string_view word : split(*text, "\n")) {
            if (const auto pid = number_in(word, "")) found.push_back(static_cast<pid_t>(*pid));
        }
    }
    std::error_code failed;
    if (depth == 0) return;
    for (const auto& entry : fs::directory_iterator(cgroup, failed)) {
        std::error_code ignored;
        if (entry.is_directory(ignored) && !entry.is_symlink(ignored))
            add_processes(entry.path().string(), depth - 1, found);
    }
}

} // namespace

Result<std::string> read_text(const std::string& path) {
    const auto file =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
    std::string text(kBlock, '\0');
    // The kernel gives as many lines at once as fit into a page, and no line is half a page long:
    // less is all there is, without a second call that says so.
    std::size_t used = TRY(sys::read_some(file.get(), text));
    for (bool more = used >= kHalfPage; more; more = used == text.size() && used < kMaxFile) {
        if (used == text.size()) text.resize(used + kBlock);
        used +=
            TRY(sys::read_full(file.get(), std::as_writable_bytes(std::span(text)).subspan(used)));
    }
    text.resize(used);
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

Result<void> write_text(const std::string& path, std::string_view text) {
    // The kernel's files know no length; where a plain file stands for one, the old text must go.
    const auto file =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NOCTTY));
    const auto written = sys::write_full(file.get(), text);
    if (!written) return make_error("write", path, written.error().code);
    return {};
}

bool exists(const std::string& path) {
    return sys::status_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW).has_value();
}

std::optional<std::int64_t> number_in(std::string_view text, std::string_view key) {
    if (!key.empty()) {
        while (!text.starts_with(key) || text.size() <= key.size() ||
               (text[key.size()] != ' ' && text[key.size()] != '\t')) {
            const auto end = text.find('\n');
            if (end == std::string_view::npos) return std::nullopt;
            text.remove_prefix(end + 1);
        }
        text.remove_prefix(key.size());
        text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

std::vector<std::string_view> split(std::string_view text, std::string_view at) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(at), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::vector<pid_t> processes_of(const std::string& cgroup) {
    std::vector<pid_t> found;
    add_processes(cgroup, kMaxDepth, found);
    return found;
}

std::uint64_t start_of(pid_t pid) {
    constexpr std::size_t kStart = 19; // Field 22; the first after the name is field 3.
    const auto text = read_text("/proc/" + std::to_string(pid) + "/stat");
    if (!text) return 0;
    const std::size_t name_end = text->rfind(')');
    if (name_end == std::string::npos) return 0;
    const auto words = split(std::string_view(*text).substr(name_end + 1), " ");
    if (words.size() <= kStart) return 0;
    return static_cast<std::uint64_t>(number_in(words[kStart], "").value_or(0));
}

} // namespace stead::resources
