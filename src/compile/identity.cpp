#include "compile/identity.h"

#include <algorithm>
#include <charconv>

#include "compile/nearest.h"

namespace stead::compile {

namespace {

std::optional<std::uint32_t> as_number(const std::string& text) {
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size() || id == 0xffffffff)
        return std::nullopt;
    return id;
}

bool in_range(std::uint32_t id, const UnitOptions& options) {
    return options.id_count == 0 || id < options.id_count;
}

const char* whose(const UnitOptions& options) {
    return options.jail ? "on this host" : "in the guest";
}

template <typename List>
std::string hint(const std::string& name, const List& accounts) {
    std::vector<std::string> names;
    names.reserve(accounts.size());
    for (const auto& account : accounts)
        names.push_back(account.name);
    const std::string meant = nearest(name, names);
    return meant.empty() ? std::string("; numbers need no account")
                         : "; did you mean '" + meant + "'?";
}

bool check_range(const unitfile::Place& place,
                 const char* what,
                 std::uint32_t id,
                 const UnitOptions& options,
                 Report& report) {
    if (in_range(id, options)) return true;
    report.error(place, std::string(what) + " " + std::to_string(id) +
                            " is outside the guest's range of " + std::to_string(options.id_count) +
                            " ids");
    return false;
}

std::optional<std::uint32_t> resolve_group(const unitfile::Text& group,
                                           const unitfile::Place& place,
                                           const UserDatabase& users,
                                           const UnitOptions& options,
                                           Report& report) {
    std::optional<std::uint32_t> gid = as_number(group.value);
    if (!gid) {
        const Group* found = users.find_group(group.value);
        if (found == nullptr) {
            report.error(place, "there is no group '" + group.value + "' " + whose(options) +
                                    hint(group.value, users.groups));
            return std::nullopt;
        }
        gid = found->gid;
    }
    if (!check_range(place, "group", *gid, options, report)) return std::nullopt;
    return gid;
}

Identity of_account(const User& user, const UserDatabase& users) {
    return {user.uid, user.gid, users.groups_of(user.name), user.name, user.home, user.shell};
}

/// A user of no file: an id that nobody else on the host has while the jail runs.
std::optional<Identity>
dynamic_identity(const unitfile::UnitSpec& spec, const UnitOptions& options, Report& report) {
    std::optional<std::uint32_t> uid;
    if (options.facts != nullptr && options.facts->dynamic_uid)
        uid = options.facts->dynamic_uid(options.guest, spec.name);
    if (!uid || *uid == 0) {
        report.error(spec.place, "no free user id is left for unit '" + spec.name +
                                     "' (61184 to 65519); stop another jail or name a `user`");
        return std::nullopt;
    }
    return Identity{*uid, *uid, {}, std::to_string(*uid), "/", ""};
}

/// An ordinary user's jail runs as that user, who is 0 in its user namespace.
std::optional<Identity> own_identity(const unitfile::UnitSpec& spec, Report& report) {
    if (!spec.user.given() && !spec.keys.has("user") && spec.group.value.empty() &&
        spec.supplementary_groups.empty())
        return Identity{0, 0, {}, "root", "/", ""};
    const unitfile::Place& place =
        or_place(spec.user.place, or_place(spec.group.place, spec.place));
    report.error(place, "only root gives a jail another user or group; an ordinary user's runs as "
                        "that user: leave it out");
    return std::nullopt;
}

std::optional<Identity> resolve_user(const unitfile::UnitSpec& spec,
                                     const UserDatabase& users,
                                     const UnitOptions& options,
                                     Report& report) {
    if (options.jail && !spec.user.given() && !spec.keys.has("user"))
        return dynamic_identity(spec, options, report);

    const unitfile::Place& place = or_place(spec.user.place, spec.place);
    if (const User* user = users.find_user(spec.user.value)) return of_account(*user, users);
    if (const auto uid = as_number(spec.user.value)) {
        if (const User* user = users.find_uid(*uid)) return of_account(*user, users);
        return Identity{*uid, *uid, {}, spec.user.value, "/", ""};
    }
    // Root needs no account to exist: an image without /etc/passwd can run programs.
    if (spec.user.value == "root") return Identity{0, 0, {}, "root", "/root", "/bin/sh"};
    report.error(place, "there is no user '" + spec.user.value + "' " + whose(options) +
                            hint(spec.user.value, users.users));
    return std::nullopt;
}

} // namespace

std::optional<Identity> resolve_identity(const unitfile::UnitSpec& spec,
                                         const UserDatabase& users,
                                         const UnitOptions& options,
                                         Report& report) {
    if (options.jail && options.facts != nullptr && options.facts->rootless_ids)
        return own_identity(spec, report);
    auto identity = resolve_user(spec, users, options, report);
    if (!identity) return std::nullopt;
    const unitfile::Place& place = or_place(spec.user.place, spec.place);
    if (options.jail && identity->uid == 0) {
        report.error(place, "a jail's units never run as uid 0: its ids are the host's; name "
                            "another user, or leave `user` out for one of its own");
        return std::nullopt;
    }
    bool good = check_range(place, "user", identity->uid, options, report);

    if (!spec.group.value.empty()) {
        const auto gid = resolve_group(spec.group, or_place(spec.group.place, spec.place), users,
                                       options, report);
        good = good && gid.has_value();
        identity->gid = gid.value_or(0);
    }
    if (options.jail && identity->gid == 0) {
        report.error(or_place(spec.group.place, place),
                     "a jail's units never run with gid 0: its ids are the host's; name another "
                     "group");
        good = false;
    }
    for (const unitfile::Text& group : spec.supplementary_groups) {
        const auto gid =
            resolve_group(group, or_place(group.place, spec.place), users, options, report);
        good = good && gid.has_value();
        if (gid) identity->groups.push_back(*gid);
    }
    auto& groups = identity->groups;
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    // What an account's file lists beyond the guest's ids does not exist in the guest.
    std::erase_if(groups, [&](std::uint32_t gid) { return !in_range(gid, options); });
    if (options.jail) std::erase(groups, 0U);
    if (groups.size() > kMaxSupplementaryGroups) {
        report.error(place, "more than 256 supplementary groups");
        good = false;
    }
    if (!good) return std::nullopt;
    return identity;
}

} // namespace stead::compile
