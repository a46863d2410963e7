#include "images/names.h"

#include <algorithm>

namespace stead::images {

namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::size_t kMaxComponent = 255;
constexpr std::size_t kMaxImageName = 128;
constexpr std::string_view kDigits = "0123456789abcdef";

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool needs_escape(unsigned char c) {
    return c <= ' ' || c == '\\' || c == 0x7f;
}

} // namespace

CleanName clean_name(std::string_view raw) {
    if (raw.empty()) return {{}, "has no name"};
    if (raw.front() == '/') return {{}, "is absolute"};
    if (raw.find('\0') != std::string_view::npos) return {{}, "has a zero byte in its name"};
    CleanName clean;
    std::size_t depth = 0;
    while (!raw.empty()) {
        const std::size_t slash = raw.find('/');
        const std::string_view part = raw.substr(0, slash);
        raw.remove_prefix(slash == std::string_view::npos ? raw.size() : slash + 1);
        if (part.empty() || part == ".") continue;
        if (part == "..") return {{}, "leads out of the archive by '..'"};
        if (part.size() > kMaxComponent) return {{}, "has a name longer than 255 bytes"};
        if (!clean.path.empty()) clean.path += '/';
        clean.path += part;
        if (++depth > kMaxDepth) return {{}, "lies deeper than 200 folders"};
        if (clean.path.size() > kMaxPath) return {{}, "has a path longer than 4000 bytes"};
    }
    return clean;
}

std::optional<Whiteout> whiteout_of(std::string_view path) {
    const std::string_view name = last_of(path);
    if (!name.starts_with(kWhiteout)) return std::nullopt;
    const std::string_view folder = folder_of(path);
    if (name == kOpaque) return Whiteout{true, std::string(folder), false};
    const std::string_view hidden = name.substr(kWhiteout.size());
    // Other names of that form (".wh..wh.plnk") are aufs' own.
    if (hidden.empty() || hidden == "." || hidden == ".." || hidden.starts_with(kWhiteout))
        return Whiteout{false, {}, true};
    std::string whole(folder);
    if (!whole.empty()) whole += '/';
    whole += hidden;
    return Whiteout{false, std::move(whole), false};
}

std::string_view folder_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view last_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string escape_word(std::string_view text) {
    std::string word;
    word.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (needs_escape(byte)) {
            word += "\\x";
            word += kDigits[byte >> 4U];
            word += kDigits[byte & 15U];
        } else {
            word += c;
        }
    }
    return word;
}

std::optional<std::string> unescape_word(std::string_view word) {
    std::string text;
    text.reserve(word.size());
    while (!word.empty()) {
        if (word.front() != '\\') {
            if (needs_escape(static_cast<unsigned char>(word.front()))) return std::nullopt;
            text += word.front();
            word.remove_prefix(1);
            continue;
        }
        if (word.size() < 4 || word[1] != 'x') return std::nullopt;
        const std::size_t high = kDigits.find(word[2]);
        const std::size_t low = kDigits.find(word[3]);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        text += static_cast<char>(high * 16 + low);
        word.remove_prefix(4);
    }
    return text;
}

bool valid_image_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxImageName || !is_alphanumeric(name.front())) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view("._-:+").find(c) != std::string_view::npos;
    });
}

} // namespace stead::images
