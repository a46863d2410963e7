#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "unitfile/names.h"
#include "unitfile/value.h"

/// files.landlock: a table of lists.
namespace stead::unitfile {

namespace {

constexpr std::size_t kMaxPorts = 64;

/// Reads one list of the table after the other.
class LandlockReader {
public:
    LandlockReader(Reporter& reporter, std::string name)
        : reporter_(reporter)
        , name_(std::move(name)) {}

    void read(const Member& member, LandlockSpec& spec);

    [[nodiscard]] bool good() const { return good_; }

private:
    void complain(const Position& at, const std::string& what) {
        reporter_.error(at, what);
        good_ = false;
    }

    TextList paths(const Member& member);
    std::vector<std::uint16_t> ports(const Member& member);
    void scopes(const Member& member, LandlockSpec& spec);

    Reporter& reporter_;
    std::string name_;
    bool good_ = true;
};

void LandlockReader::read(const Member& member, LandlockSpec& spec) {
    constexpr std::string_view kLists = "read, write, bind-tcp, connect-tcp, scope";
    if (!member.value.is(NodeType::List))
        return complain(member.value.at, name_ + "." + member.key + " is " + shown(member.value) +
                                             "; it must be a list");
    if (member.key == "read") {
        spec.read = paths(member);
    } else if (member.key == "write") {
        spec.write = paths(member);
    } else if (member.key == "bind-tcp") {
        spec.bind_tcp = ports(member);
    } else if (member.key == "connect-tcp") {
        spec.connect_tcp = ports(member);
    } else if (member.key == "scope") {
        scopes(member, spec);
    } else {
        complain(member.at, name_ + " has no '" + member.key + "'; use " + std::string(kLists));
    }
}

TextList LandlockReader::paths(const Member& member) {
    TextList list;
    for (const Node& item : member.value.items) {
        const bool text = item.is(NodeType::String);
        // "-/path" may be missing.
        const std::string problem =
            text ? path_problem(item.text.substr(item.text.starts_with('-') ? 1 : 0)) : "";
        if (!text || !problem.empty())
            complain(item.at, name_ + "." + member.key + " has " + shown(item) +
                                  (text ? ", which " + problem : "; use an absolute path"));
        list.push_back({item.text, reporter_.at(item.at)});
    }
    return list;
}

std::vector<std::uint16_t> LandlockReader::ports(const Member& member) {
    std::vector<std::uint16_t> list;
    for (const Node& item : member.value.items) {
        if (!item.is(NodeType::Integer) || item.integer < 0 || item.integer > 65535)
            complain(item.at, name_ + "." + member.key + " has " + shown(item) +
                                  "; use a port from 1 to 65535, or 0 for any that the kernel "
                                  "chooses");
        list.push_back(static_cast<std::uint16_t>(item.integer));
    }
    if (list.size() > kMaxPorts)
        complain(member.at, name_ + "." + member.key + " has more than 64 ports");
    return list;
}

void LandlockReader::scopes(const Member& member, LandlockSpec& spec) {
    for (const Node& item : member.value.items) {
        if (item.is(NodeType::String) && item.text == "abstract") {
            spec.abstract_sockets = true;
        } else if (item.is(NodeType::String) && item.text == "signal") {
            spec.signals = true;
        } else {
            complain(item.at,
                     name_ + ".scope has " + shown(item) + "; use \"abstract\" or \"signal\"");
        }
    }
}

} // namespace

std::optional<Value> ValueReader::read_landlock(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::Table))
        return refuse(found, node, "it must be a table: { read = [\"/usr\"], write = [] }");
    LandlockSpec spec;
    spec.place = reporter_.at(node.at);
    LandlockReader reader(reporter_, found.name);
    for (const Member& member : node.members)
        reader.read(member, spec);
    if (!reader.good()) return std::nullopt;
    return Value(std::move(spec));
}

} // namespace stead::unitfile
