#pragma once

#include <string>
#include <string_view>

/// systemd's %-specifiers, as far as they are known without the machine the unit runs on.
namespace stead::importing {

/// A systemd unit's name in its parts.
struct UnitNames {
    /// "postgresql@.service", "ssh.service"
    std::string full;
    /// "postgresql@", "ssh": the name of the unit that is made.
    std::string stem;
    /// "postgresql", "ssh"
    std::string prefix;
    /// "15-main"; empty in a template, and where there is none.
    std::string instance;
    /// "service"
    std::string suffix;
    /// Behind the '@' comes nothing: %i is not known yet.
    bool is_template = false;
    /// Of a template: its only instance, where that is known.
    std::string only_instance;
    /// The main file's path.
    std::string path;
};

UnitNames names_of(std::string_view unit);

/// What follows the last '/'.
std::string_view base_name(std::string_view path);

/// Text whose specifiers are resolved. `%i` and `%n` of unit files stay, and a percent sign is
/// `%%`: what keys that are marked as expanded take.
struct Expanded {
    std::string text;
    std::string problem;
    /// What is not quite the same.
    std::string note;
};

Expanded expand_specifiers(std::string_view text, const UnitNames& names);

/// True if `text` has a specifier that is '/' for each '-' of an instance, and that is not known.
bool depends_on_instance(std::string_view text, const UnitNames& names);

/// The same text for keys that expand nothing; false if it has `%i` or `%n` in it.
bool make_plain(std::string& text);

/// Plain text for keys that expand: percent signs doubled.
std::string double_percents(std::string_view text);
/// Text that expanding keys leave as it is where it has `${`.
std::string protect_variables(std::string_view text);

} // namespace stead::importing
