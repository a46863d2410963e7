#include "import/sysusers.h"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace stead::importing {

namespace {

constexpr std::string_view kBetween = " \t\r";

std::string_view next_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return line;
}

std::string_view next_word(std::string_view& rest) {
    const std::size_t begin = rest.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return rest = {};
    const std::size_t end = rest.find_first_of(kBetween, begin);
    const std::string_view word = rest.substr(begin, end - begin);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    return word;
}

/// A line of passwd(5) or group(5) from its `field`th colon on.
std::string_view field_of(std::string_view line, int field) {
    for (; field > 0; --field) {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return {};
        line.remove_prefix(colon + 1);
    }
    return line.substr(0, line.find(':'));
}

struct Accounts {
    /// The number of each user's own group, by the user's name.
    std::map<std::string, std::string, std::less<>> users;
    std::map<std::string, std::string, std::less<>> groups;
    /// "group:user".
    std::set<std::string, std::less<>> members;

    static std::optional<Accounts> read(const RootView& root) {
        const RootText users = root.read("/etc/passwd");
        const RootText groups = root.read("/etc/group");
        if (!users.text || !groups.text) return std::nullopt;
        Accounts found;
        for (std::string_view rest = *users.text; !rest.empty();) {
            const std::string_view line = next_line(rest);
            found.users.emplace(field_of(line, 0), field_of(line, 3));
        }
        for (std::string_view rest = *groups.text; !rest.empty();) {
            const std::string_view line = next_line(rest);
            found.groups.emplace(field_of(line, 0), field_of(line, 2));
            found.add_members(field_of(line, 0), field_of(line, 3));
        }
        return found;
    }

    void add_members(std::string_view group, std::string_view names) {
        while (!names.empty()) {
            const std::size_t comma = names.find(',');
            members.insert(std::string(group).append(":").append(names.substr(0, comma)));
            names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
        }
    }

    [[nodiscard]] bool is_member(std::string_view user, std::string_view group) const {
        if (members.contains(std::string(group).append(":").append(user))) return true;
        const auto one = users.find(user);
        const auto other = groups.find(group);
        return one != users.end() && other != groups.end() && one->second == other->second;
    }

    /// Whether all that the line asks for is there.
    [[nodiscard]] bool satisfy(std::string_view line) const {
        constexpr std::string_view kNotPlain = "%\"'\\";
        const std::string_view type = next_word(line);
        if (type.empty() || type.front() == '#' || type == "r") return true;
        const std::string_view name = next_word(line);
        const std::string_view id = next_word(line);
        if (name.find_first_of(kNotPlain) != std::string_view::npos ||
            id.find_first_of(kNotPlain) != std::string_view::npos)
            return false;
        if (type == "g") return groups.contains(name);
        if (type == "m") return is_member(name, id);
        // "UID:GID" names the user's group; else it is one of the user's name.
        return (type == "u" || type == "u!") && users.contains(name) &&
               (id.find(':') != std::string_view::npos || groups.contains(name));
    }
};

} // namespace

bool lacks_accounts(const RootView& root) {
    const auto accounts = Accounts::read(root);
    if (!accounts) return true;
    std::set<std::string> seen;
    // A file hides those of its name in later folders.
    for (const char* folder : {"/etc/sysusers.d", "/run/sysusers.d", "/usr/local/lib/sysusers.d",
                               "/usr/lib/sysusers.d"}) {
        for (const std::string& name : root.list(folder)) {
            if (!name.ends_with(".conf") || !seen.insert(name).second) continue;
            const RootText file = root.read(std::string(folder).append("/").append(name));
            if (!file.text) return true;
            for (std::string_view rest = *file.text; !rest.empty();) {
                if (!accounts->satisfy(next_line(rest))) return true;
            }
        }
    }
    return false;
}

} // namespace stead::importing
