#include "cli/accounts.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "guests/accounts.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/path.h"

namespace stead::cli {

namespace {

std::optional<std::uint32_t> id_number(std::string_view text) {
    std::uint32_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, value);
    // The highest number means "none" to the kernel.
    if (problem != std::errc{} || stop != end || value == 0xffffffffU) return std::nullopt;
    return value;
}

/// PID 1 may be up and answer before its launcher has written the guest's record.
constexpr Duration kRecordLimit = 5_s;

/// The guest's root as this command sees it; empty and a message if the guest is gone.
std::string root_of(Asking& asking, const Target& target, std::optional<sys::Process>& init) {
    if (target.own()) return "/";
    const Instant limit = sys::now() + kRecordLimit;
    auto guest = guests::find(asking.place().paths(), target.guest);
    while (guest && *guest && (*guest)->kept && !(*guest)->running() && sys::now() < limit) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        guest = guests::find(asking.place().paths(), target.guest);
    }
    if (!guest || !*guest || !(*guest)->running()) {
        asking.fail(kNotRunning, "guest '" + target.guest + "' is not running");
        return {};
    }
    init = std::move((*guest)->init);
    return "/proc/" + std::to_string(init->pid) + "/root";
}

bool is_folder(const std::string& root, const std::string& path) {
    const auto folder = sys::open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY);
    return folder && !path.empty() &&
           sys::resolve_in_root(folder->get(), path.c_str(), O_PATH | O_DIRECTORY).has_value();
}

} // namespace

std::optional<Account>
choose_account(Asking& asking, const compile::UserDatabase& accounts, std::string_view user) {
    const std::string_view name = user.substr(0, user.find(':'));
    const compile::User* found = accounts.find_user(name);
    const auto number = id_number(name);
    if (found == nullptr && number) found = accounts.find_uid(*number);
    if (found == nullptr && !number) {
        std::vector<std::string> known;
        for (const compile::User& one : accounts.users)
            known.push_back(one.name);
        asking.no_such("user in the guest's /etc/passwd:", name, known);
        return std::nullopt;
    }
    Account account;
    if (found != nullptr) {
        account = {found->name, found->uid, found->gid, {}, found->home, found->shell};
        account.groups = accounts.groups_of(found->name);
    } else {
        // A number without an account is legal; its group is the same number's only by chance.
        account.uid = *number;
        account.gid = *number;
    }
    if (name.size() == user.size()) return account;

    const std::string_view group = user.substr(name.size() + 1);
    const compile::Group* listed = accounts.find_group(group);
    const auto gid = id_number(group);
    if (listed == nullptr && !gid) {
        std::vector<std::string> known;
        for (const compile::Group& one : accounts.groups)
            known.push_back(one.name);
        asking.no_such("group in the guest's /etc/group:", group, known);
        return std::nullopt;
    }
    account.gid = listed != nullptr ? listed->gid : *gid;
    return account;
}

std::optional<Account>
find_account(Asking& asking, const Target& target, std::string_view user, bool may_be_missing) {
    std::optional<sys::Process> init;
    const std::string root = root_of(asking, target, init);
    if (root.empty()) return std::nullopt;
    const auto accounts = guests::read_accounts(root);
    if (!accounts) {
        asking.fail(kCouldNot,
                    "the guest's accounts: " + std::string(describe(accounts.error()).view()));
        return std::nullopt;
    }
    const bool missing = accounts->find_user(user) == nullptr;
    auto account = missing && may_be_missing ? std::optional<Account>(Account{})
                                             : choose_account(asking, *accounts, user);
    if (account && !is_folder(root, account->home)) account->home.clear();
    // The pid may have been another's by now; the descriptor knows.
    if (init && !sys::send_signal(*init, 0)) {
        asking.fail(kNotRunning, "guest '" + target.guest + "' has just ended");
        return std::nullopt;
    }
    return account;
}

} // namespace stead::cli
