#include <cstddef>
#include <cstdint>
#include <string_view>

#include "compile/users.h"

namespace {

void demand(bool holds) {
    if (!holds) __builtin_trap();
}

} // namespace

/// The same bytes as passwd and as group: whatever they are, the limits hold and look-ups answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    stead::compile::UserDatabase database;
    stead::compile::parse_passwd(bytes, database);
    stead::compile::parse_group(bytes, database);

    demand(database.users.size() <= stead::compile::kMaxAccounts);
    demand(database.groups.size() <= stead::compile::kMaxAccounts);
    demand(database.problems.size() <= 10);
    for (const auto& user : database.users) {
        demand(!user.name.empty() && user.uid != 0xffffffff && user.gid != 0xffffffff);
        demand(user.name.find_first_of(std::string_view(":\n\0", 3)) == std::string::npos);
        demand(database.find_user(user.name) != nullptr);
    }
    if (database.users.empty()) return 0;
    const auto groups = database.groups_of(database.users.front().name);
    demand(groups.size() <= stead::compile::kMaxSupplementaryGroups);
    return 0;
}
