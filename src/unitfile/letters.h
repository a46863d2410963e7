#pragma once

/// Letters and digits as the file formats mean them: ASCII, whatever the locale.
namespace stead::unitfile {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// A letter or '_'.
constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

} // namespace stead::unitfile
