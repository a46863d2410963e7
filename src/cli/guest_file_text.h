#pragma once

#include <string>
#include <vector>

namespace stead::cli {

/// A new guest's file: the given keys, and every other one as a comment with its default and what
/// it means.
struct NewGuest {
    std::string name;
    /// "KEY=VALUE", in the order given.
    std::vector<std::string> settings;
    /// Of a jail: the program of its one unit, which has the guest's name.
    std::vector<std::string> command;
    /// What is to be known of it, above its keys: lines without a '#'.
    std::vector<std::string> notes;
};

/// A setting without "=" comes back in `wrong`.
std::string guest_file_text(const NewGuest& guest, std::string& wrong);

} // namespace stead::cli
