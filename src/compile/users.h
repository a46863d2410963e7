#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stead::compile {

/// One account of a passwd(5) file.
struct User {
    std::string name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string home;
    std::string shell;
};

/// One line of a group(5) file.
struct Group {
    std::string name;
    std::uint32_t gid = 0;
    std::vector<std::string> members;
};

inline constexpr std::size_t kMaxAccountFile = 4U << 20U;
inline constexpr std::size_t kMaxAccountLine = 32U << 10U;
inline constexpr std::size_t kMaxAccounts = 20'000;
inline constexpr std::size_t kMaxSupplementaryGroups = 256;

/// The accounts of one root, read from bytes somebody else has fetched: no NSS, no network, no
/// lookups that a static program cannot make. Names are searched in the files' order, the first
/// entry wins, as getpwnam(3) does.
struct UserDatabase {
    std::vector<User> users;
    std::vector<Group> groups;
    /// Lines that were left out and why, "passwd:3: ...": at most a few, for a notice.
    std::vector<std::string> problems;

    [[nodiscard]] const User* find_user(std::string_view name) const;
    [[nodiscard]] const User* find_uid(std::uint32_t uid) const;
    [[nodiscard]] const Group* find_group(std::string_view name) const;
    [[nodiscard]] const Group* find_gid(std::uint32_t gid) const;
    /// The groups that list `user` as a member, ascending, at most kMaxSupplementaryGroups.
    [[nodiscard]] std::vector<std::uint32_t> groups_of(std::string_view user) const;
};

/// Reads passwd(5) or group(5) bytes into `into`. Hostile input is expected: what is no proper line
/// (too long, a NUL, a missing field, an id that is no number below 2^32-1) is left out and noted;
/// lines of NIS ("+", "-") and comments are passed over in silence.
void parse_passwd(std::string_view bytes, UserDatabase& into);
void parse_group(std::string_view bytes, UserDatabase& into);

} // namespace stead::compile
