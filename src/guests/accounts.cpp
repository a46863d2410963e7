#include "guests/accounts.h"

#include <fcntl.h>

#include <optional>

#include "guests/state.h"
#include "sys/file.h"
#include "sys/path.h"

namespace stead::guests {

namespace {

constexpr std::size_t kMaxEnvironmentFile = std::size_t{1} << 20U;

Result<std::string> read_account_file(int root, const char* path) {
    auto file = sys::resolve_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file && file.error().code == ENOENT) return std::string();
    if (!file) return file.error();
    return read_open_file(file->get(), path, compile::kMaxAccountFile);
}

} // namespace

Result<std::string> read_environment_file(const std::string& root, const std::string& path) {
    const sys::UniqueFd folder = TRY(sys::open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY));
    const sys::UniqueFd file =
        TRY(sys::resolve_in_root(folder.get(), path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_open_file(file.get(), path.c_str(), kMaxEnvironmentFile);
}

Result<compile::UserDatabase> read_accounts(const std::string& root) {
    const sys::UniqueFd folder = TRY(sys::open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY));
    compile::UserDatabase accounts;
    compile::parse_passwd(TRY(read_account_file(folder.get(), "/etc/passwd")), accounts);
    compile::parse_group(TRY(read_account_file(folder.get(), "/etc/group")), accounts);
    return accounts;
}

} // namespace stead::guests
