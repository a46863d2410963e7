#include "compile/users.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace stead::compile {

namespace {

constexpr std::size_t kMaxProblems = 10;

struct Line {
    std::string_view text;
    std::size_t number = 0;
};

/// Walks over the lines of one file and keeps count of what was left out.
class Lines {
public:
    Lines(const char* file, std::string_view bytes, UserDatabase& database)
        : file_(file)
        , rest_(bytes)
        , database_(database) {
        if (rest_.size() <= kMaxAccountFile) return;
        rest_ = rest_.substr(0, kMaxAccountFile);
        complain("the file is larger than 4 MiB; the rest is not read");
        // What is cut off in its middle is no line.
        const auto end = rest_.rfind('\n');
        rest_ = rest_.substr(0, end == std::string_view::npos ? 0 : end);
    }

    /// The next line that is meant to be an account.
    std::optional<std::string_view> next() {
        while (!rest_.empty()) {
            const auto end = rest_.find('\n');
            const std::string_view line = rest_.substr(0, end);
            rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
            ++number_;
            // "+" and "-" are NIS: there is nobody to ask.
            if (line.empty() || line[0] == '#' || line[0] == '+' || line[0] == '-') continue;
            if (line.size() > kMaxAccountLine) {
                complain("the line is too long");
            } else if (line.find('\0') != std::string_view::npos) {
                complain("the line holds a NUL byte");
            } else {
                return line;
            }
        }
        return std::nullopt;
    }

    void complain(std::string_view what) {
        if (database_.problems.size() >= kMaxProblems) return;
        database_.problems.push_back(std::string(file_) + ":" + std::to_string(number_) + ": " +
                                     std::string(what));
    }

private:
    const char* file_;
    std::string_view rest_;
    UserDatabase& database_;
    std::size_t number_ = 0;
};

/// Splits at colons into exactly `Count` fields.
template <std::size_t Count>
bool split(std::string_view line, std::array<std::string_view, Count>& fields) {
    for (std::size_t i = 0; i < Count; ++i) {
        const auto colon = line.find(':');
        const bool last = i + 1 == Count;
        if (last != (colon == std::string_view::npos)) return false;
        fields[i] = line.substr(0, colon);
        if (!last) line.remove_prefix(colon + 1);
    }
    return true;
}

/// Digits only, below 2^32-1: that value means "no id" to the kernel.
std::optional<std::uint32_t> parse_id(std::string_view text) {
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size() || id == 0xffffffff)
        return std::nullopt;
    return id;
}

std::vector<std::string> split_members(std::string_view list) {
    std::vector<std::string> members;
    while (!list.empty()) {
        const auto comma = list.find(',');
        const std::string_view name = list.substr(0, comma);
        if (!name.empty()) members.emplace_back(name);
        if (comma == std::string_view::npos) break;
        list.remove_prefix(comma + 1);
    }
    return members;
}

template <typename List, typename Matches>
auto find_first(const List& list, Matches matches) {
    const auto found = std::find_if(list.begin(), list.end(), matches);
    return found == list.end() ? nullptr : &*found;
}

} // namespace

const User* UserDatabase::find_user(std::string_view name) const {
    return find_first(users, [&](const User& user) { return user.name == name; });
}

const User* UserDatabase::find_uid(std::uint32_t uid) const {
    return find_first(users, [&](const User& user) { return user.uid == uid; });
}

const Group* UserDatabase::find_group(std::string_view name) const {
    return find_first(groups, [&](const Group& group) { return group.name == name; });
}

const Group* UserDatabase::find_gid(std::uint32_t gid) const {
    return find_first(groups, [&](const Group& group) { return group.gid == gid; });
}

std::vector<std::uint32_t> UserDatabase::groups_of(std::string_view user) const {
    std::vector<std::uint32_t> gids;
    for (const Group& group : groups)
        if (std::find(group.members.begin(), group.members.end(), user) != group.members.end())
            gids.push_back(group.gid);
    std::sort(gids.begin(), gids.end());
    gids.erase(std::unique(gids.begin(), gids.end()), gids.end());
    if (gids.size() > kMaxSupplementaryGroups) gids.resize(kMaxSupplementaryGroups);
    return gids;
}

void parse_passwd(std::string_view bytes, UserDatabase& into) {
    Lines lines("passwd", bytes, into);
    while (const auto line = lines.next()) {
        // name:password:uid:gid:comment:home:shell
        std::array<std::string_view, 7> fields;
        if (!split(*line, fields) || fields[0].empty()) {
            lines.complain("the line has not the seven fields of passwd(5)");
            continue;
        }
        const auto uid = parse_id(fields[2]);
        const auto gid = parse_id(fields[3]);
        if (!uid || !gid) {
            lines.complain("an id is no number from 0 to 4294967294");
            continue;
        }
        if (into.users.size() == kMaxAccounts) {
            lines.complain("more than 20000 accounts; the rest is not read");
            return;
        }
        into.users.push_back(
            {std::string(fields[0]), *uid, *gid, std::string(fields[5]), std::string(fields[6])});
    }
}

void parse_group(std::string_view bytes, UserDatabase& into) {
    Lines lines("group", bytes, into);
    while (const auto line = lines.next()) {
        // name:password:gid:members
        std::array<std::string_view, 4> fields;
        if (!split(*line, fields) || fields[0].empty()) {
            lines.complain("the line has not the four fields of group(5)");
            continue;
        }
        const auto gid = parse_id(fields[2]);
        if (!gid) {
            lines.complain("the id is no number from 0 to 4294967294");
            continue;
        }
        if (into.groups.size() == kMaxAccounts) {
            lines.complain("more than 20000 groups; the rest is not read");
            return;
        }
        into.groups.push_back({std::string(fields[0]), *gid, split_members(fields[3])});
    }
}

} // namespace stead::compile
