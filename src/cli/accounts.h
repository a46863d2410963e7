#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/asking.h"
#include "compile/users.h"

namespace stead::cli {

/// Who a program in the guest is to be.
struct Account {
    std::string name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;
    /// Empty where the account has none, or none that exists.
    std::string home;
    std::string shell;
};

/// `user` is USER[:GROUP], each a name of the guest's own /etc/passwd and /etc/group or a number.
/// With `may_be_missing` a name that is not there is uid 0 without a home: a guest need not have
/// accounts. Else the message has been printed.
std::optional<Account>
find_account(Asking& asking, const Target& target, std::string_view user, bool may_be_missing);

/// The same over accounts already read; nothing and a message if `user` is none of them.
std::optional<Account>
choose_account(Asking& asking, const compile::UserDatabase& accounts, std::string_view user);

} // namespace stead::cli
