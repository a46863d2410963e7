#include "guests/store.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "guests/cleanup.h"
#include "guests/ids.h"
#include "guests/network.h"
#include "guests/projects.h"
#include "guests/state.h"
#include "images/tree.h"
#include "sys/file.h"

namespace stead::guests {

namespace {

namespace fs = std::filesystem;

constexpr const char* kEnabledFile = "99-enabled.toml";

Result<sys::UniqueFd> open_folder(const std::string& path) {
    TRY(make_folders(path));
    return sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY);
}

Result<void> rename_path(const std::string& from, const std::string& to) {
    const Result<void> moved = sys::rename_new(AT_FDCWD, from.c_str(), to.c_str());
    // What is not there, or was moved by a call that was killed, need not be.
    if (!moved && moved.error().code == ENOENT) return {};
    return moved;
}

Result<void> remove_path(const std::string& path) {
    // A guest may have made folders deeper than anything that walks by recursion alone.
    return images::remove_tree(AT_FDCWD, path.c_str());
}

/// The lock of a guest that does not run, so that nobody starts it meanwhile.
Result<Claim> claim_idle(const Paths& paths, std::string_view name) {
    Claim claimed = TRY(claim(paths, name));
    if (is_alive(paths, name, claimed)) return make_error("lock", name, EBUSY);
    return claimed;
}

} // namespace

std::vector<std::string> configured(const Paths& paths) {
    std::vector<std::string> names;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(paths.config + "/guests", unreadable)) {
        if (entry.path().extension() != ".toml") continue;
        std::string name = entry.path().stem().string();
        if (valid_name(name)) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool is_configured(const Paths& paths, std::string_view name) {
    return valid_name(name) && sys::status_at(AT_FDCWD, paths.guest_file(name).c_str(), 0);
}

Result<void> write_guest_file(const Paths& paths,
                              std::string_view name,
                              std::string_view text,
                              bool must_be_new) {
    const sys::UniqueFd folder = TRY(open_folder(paths.config + "/guests"));
    const std::string file = std::string(name) + ".toml";
    if (!must_be_new) return replace_file(folder.get(), file.c_str(), text, 0644);
    const std::string draft = "." + file + ".new";
    TRY(replace_file(folder.get(), draft.c_str(), text, 0644));
    const Result<void> moved = sys::rename_new(folder.get(), draft.c_str(), file.c_str());
    if (!moved) (void)sys::remove_at(folder.get(), draft.c_str(), false);
    return moved;
}

Result<void> write_host_unit(const Paths& paths,
                             std::string_view name,
                             const std::string& unit,
                             std::string_view text) {
    const sys::UniqueFd folder = TRY(open_folder(paths.guest_file(name) + ".d/units"));
    return replace_file(folder.get(), (unit + ".toml").c_str(), text, 0644);
}

std::string enabled_drop_in(const Paths& paths, std::string_view name) {
    return paths.guest_file(name) + ".d/" + kEnabledFile;
}

Result<void>
set_enabled_drop_in(const Paths& paths, std::string_view name, std::optional<bool> enabled) {
    const std::string path = paths.guest_file(name) + ".d";
    if (!enabled) {
        const std::string file = enabled_drop_in(paths, name);
        const Result<void> removed = sys::remove_at(AT_FDCWD, file.c_str(), false);
        if (!removed && removed.error().code != ENOENT) return removed;
        (void)sys::remove_at(AT_FDCWD, path.c_str(), true); // It stays if it holds others.
        return {};
    }
    const sys::UniqueFd folder = TRY(open_folder(path));
    const std::string text = "# Written by 'stead enable' and 'stead disable'.\nenabled = " +
                             std::string(*enabled ? "true" : "false") + "\n";
    return replace_file(folder.get(), kEnabledFile, text, 0644);
}

Result<void> rename_guest(const Paths& paths, std::string_view from, std::string_view to) {
    const Claim old_claim = TRY(claim_idle(paths, from));
    const Claim new_claim = TRY(claim_idle(paths, to));
    const std::string old_name(from);
    const std::string new_name(to);
    const auto move_all = [&]() -> Result<void> {
        // The file goes last: as long as it has its old name, this can be done again.
        TRY(rename_path(paths.guest_file(from) + ".d", paths.guest_file(to) + ".d"));
        TRY(rename_path(paths.state + "/guests/" + old_name, paths.state + "/guests/" + new_name));
        TRY(rename_path(paths.logs(from), paths.logs(to)));
        TRY(rename_range(paths, from, to));
        TRY(rename_address(paths, from, to));
        return sys::rename_new(AT_FDCWD, paths.guest_file(from).c_str(),
                               paths.guest_file(to).c_str());
    };
    const Result<void> moved =
        is_configured(paths, to) ? make_error("rename", paths.guest_file(to), EEXIST) : move_all();
    (void)clear(paths, from, old_claim);
    (void)clear(paths, to, new_claim);
    return moved;
}

Result<void> delete_guest(const Paths& paths, std::string_view name) {
    const Claim claimed = TRY(claim_idle(paths, name));
    const auto remove_all = [&]() -> Result<void> {
        const std::string text(name);
        TRY(remove_path(paths.guest_file(name) + ".d"));
        TRY(remove_path(paths.logs(name)));
        forget_projects(paths, paths.state + "/guests/" + text);
        TRY(remove_path(paths.state + "/guests/" + text));
        TRY(forget_range(paths, name));
        TRY(rename_address(paths, name, {}));
        // Last: as long as it is there, this can be done again.
        return remove_path(paths.guest_file(name));
    };
    const Result<void> removed = remove_all();
    (void)clear(paths, name, claimed);
    return removed;
}

} // namespace stead::guests
