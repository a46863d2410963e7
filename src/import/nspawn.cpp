#include "import/nspawn.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "import/systemd_text.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// A .nspawn file as a whole, with [Files] and [Network].
namespace stead::importing {

namespace {

using unitfile::text_node;

/// What systemd-nspawn takes only from files below /etc and /run (systemd.nspawn(5), "privileged").
constexpr std::array<std::string_view, 24> kPrivileged{"Capability",
                                                       "AmbientCapability",
                                                       "MachineID",
                                                       "PrivateUsers",
                                                       "Bind",
                                                       "BindReadOnly",
                                                       "BindUser",
                                                       "TemporaryFileSystem",
                                                       "Inaccessible",
                                                       "Overlay",
                                                       "OverlayReadOnly",
                                                       "PrivateUsersOwnership",
                                                       "VirtualEthernet",
                                                       "VirtualEthernetExtra",
                                                       "Interface",
                                                       "MACVLAN",
                                                       "IPVLAN",
                                                       "Bridge",
                                                       "Zone",
                                                       "Port",
                                                       "SystemCallFilter",
                                                       "OOMScoreAdjust",
                                                       "CPUAffinity",
                                                       "Limit*"};

/// The pieces between colons; "\:" is one of the path's.
std::vector<std::string> split_colons(std::string_view text) {
    std::vector<std::string> pieces{""};
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ':' || text[i + 1] == '\\')) {
            pieces.back() += text[++i];
        } else if (text[i] == ':') {
            pieces.emplace_back();
        } else {
            pieces.back() += text[i];
        }
    }
    return pieces;
}

bool bind_options(Guest& guest, const Given& given, std::string_view options, BindRequest& bind) {
    while (!options.empty()) {
        const auto comma = std::min(options.find(','), options.size());
        const std::string_view option = options.substr(0, comma);
        options.remove_prefix(std::min(comma + 1, options.size()));
        if (option == "rbind") {
            guest.draft.approximate(given.item, "without the file systems mounted below it");
        } else if (option == "idmap") {
            bind.idmap = true;
        } else if (option == "rootidmap" || option == "owneridmap") {
            bind.idmap = true;
            guest.draft.approximate(given.item, "its ids are shifted as those of the root are");
        } else if (option != "norbind" && option != "noidmap") {
            guest.refuse(given, "'" + std::string(option) + "' is no option of a bind");
            return false;
        }
    }
    return true;
}

void bind(Guest& guest, const Given& given) {
    const auto pieces = split_colons(given.value);
    BindRequest request;
    request.read_only = given.name == "BindReadOnly";
    request.from = pieces.front();
    request.to = pieces.size() > 1 && !pieces[1].empty() ? pieces[1] : request.from;
    if (pieces.size() > 3) return guest.refuse(given, "it has more than three parts");
    if (request.from.empty())
        return guest.draft.leave_out(given.item, "a folder that lasts as long as the guest is not "
                                                 "made on the host");
    if (request.from.starts_with('+'))
        return guest.draft.leave_out(given.item, "a path of the root cannot be shown at another "
                                                 "place of it");
    if (pieces.size() == 3 && !bind_options(guest, given, pieces[2], request)) return;
    add_bind(guest, given.item, std::move(request));
}

void temporary(Guest& guest, const Given& given) {
    const auto pieces = split_colons(given.value);
    const std::string problem = unitfile::path_problem(pieces.front());
    if (!problem.empty()) return guest.refuse(given, "the path " + problem);
    add_tmpfs(guest, given.item, pieces.front(), pieces.size() > 1 ? pieces[1] : "");
}

void inaccessible(Guest& guest, const Given& given) {
    if (!guest.jail)
        return guest.draft.leave_out(given.item, "each unit names what it does not see: "
                                                 "files.hidden");
    const std::string problem = unitfile::path_problem(given.value);
    if (!problem.empty()) return guest.refuse(given, "the path " + problem);
    guest.draft.append(given.item, guest.of_unit("files.hidden"),
                       text_node("-" + std::string(given.value)));
}

void read_only(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (value) guest.draft.put(given.item, "read-only", unitfile::boolean_node(*value));
}

void is_volatile(Guest& guest, const Given& given) {
    const auto value = parse_boolean(given.value);
    const bool known = given.value == "state" || given.value == "overlay";
    if (!value && !known) return guest.refuse(given, "there is no such word");
    if (value && !*value) return;
    guest.draft.put(given.item, "ephemeral", unitfile::boolean_node(true));
    if (given.value != "overlay")
        guest.draft.approximate(given.item, "memory lies over the whole root, whose folders begin "
                                            "as they are instead of empty");
}

void ownership(Guest& guest, const Given& given) {
    if (given.value == "chown")
        return guest.draft.approximate(given.item, "the mount shifts the ids; files keep theirs");
    if (given.value != "map" && given.value != "off" && given.value != "auto")
        return guest.refuse(given, "there is no such word");
    guest.draft.explain(given.item, "the mount shifts the ids; files keep theirs");
}

constexpr std::string_view kFiles = "Files";
constexpr std::string_view kOverlay = "only the root can be an overlay: ephemeral = true";

constexpr std::array kFileRules{
    GuestRule{kFiles, "ReadOnly", Repeat::Last, read_only},
    GuestRule{kFiles, "Volatile", Repeat::Last, is_volatile},
    GuestRule{kFiles, "Bind", Repeat::List, bind},
    GuestRule{kFiles, "BindReadOnly", Repeat::List, bind},
    GuestRule{kFiles, "BindUser", Repeat::List, guest_has_none, "",
              "users of the host are not made known inside"},
    GuestRule{kFiles, "TemporaryFileSystem", Repeat::List, temporary},
    GuestRule{kFiles, "Inaccessible", Repeat::List, inaccessible},
    GuestRule{kFiles, "Overlay", Repeat::List, guest_has_none, "", kOverlay},
    GuestRule{kFiles, "OverlayReadOnly", Repeat::List, guest_has_none, "", kOverlay},
    GuestRule{kFiles, "PrivateUsersOwnership", Repeat::Last, ownership},
};

class Nspawn {
public:
    Nspawn(const NspawnFile& file, const Options& options)
        : file_(file)
        , draft_(file.name, file.source.path, unitfile::Kind::Guest)
        , guest_{draft_, options, file.name, "/var/lib/machines/" + file.name} {
        for (Assignment& line : parse_systemd({file.source})) {
            if (!line.problem.empty()) line.problem = "not understood: " + line.problem;
            if (line.problem.empty() && file.untrusted && is_privileged(line.name))
                line.problem = "systemd-nspawn takes this from /etc/systemd/nspawn only, not from "
                               "files beside the image";
            settings_.push_back({std::move(line.section), std::move(line.name),
                                 std::move(line.value), std::move(line.origin),
                                 std::move(line.problem)});
        }
    }

    Import make() {
        begin();
        std::vector<GuestRule> rules;
        for (const auto& some : {nspawn_exec_rules(), nspawn_files_rules(), nspawn_network_rules()})
            rules.insert(rules.end(), some.begin(), some.end());
        apply_rules(guest_, rules, settings_,
                    "systemd-nspawn has no such setting that is known here");
        finish_nspawn_network(guest_, settings_);
        if (guest_.jail && draft_.find(guest_.of_unit("command")) == nullptr)
            draft_.supply(guest_.of_unit("command"), unitfile::list_node({"/bin/sh"}),
                          "systemd-nspawn starts a shell where no program is named.");
        if (!guest_.jail)
            draft_.remark("systemd-nspawn's containers may do more (SYS_ADMIN, SYS_PTRACE, MKNOD "
                          "and others): add to capabilities what is missed.");
        return finish_guest(guest_);
    }

private:
    static bool is_privileged(std::string_view name) {
        return std::any_of(kPrivileged.begin(), kPrivileged.end(), [&](std::string_view known) {
            return known == name || (known.ends_with('*') && name.starts_with(known.substr(0, 5)));
        });
    }

    void begin() {
        const auto boots = last_value(settings_, "Exec", "Boot");
        guest_.jail = boots && parse_boolean(*boots) == false;
        guest_.unit = file_.name;
        std::replace(guest_.unit.begin(), guest_.unit.end(), '.', '-');
        draft_.supply("root", text_node(guest_.root), "Where systemd-nspawn looks for it.");
        std::error_code failed;
        const std::string below = guest_.options.root + guest_.root;
        if (std::filesystem::exists(below + ".raw", failed) &&
            !std::filesystem::exists(below, failed))
            draft_.remark("Its root is an image, " + guest_.root +
                          ".raw: mount or copy what is in it to " + guest_.root + " first.");
        if (!guest_.jail && !boots)
            draft_.remark("systemd-nspawn@.service boots it: there is no Boot= in the file.");
    }

    const NspawnFile& file_;
    Draft draft_;
    Guest guest_;
    std::vector<ConfigLine> settings_;
};

} // namespace

std::span<const GuestRule> nspawn_files_rules() {
    return kFileRules;
}

Import import_nspawn(const NspawnFile& file, const Options& options) {
    const std::string problem = unitfile::guest_name_problem(file.name);
    if (!problem.empty())
        return {{}, {{file.source.path, "the guest's name '" + file.name + "' " + problem, false}}};
    return Nspawn(file, options).make();
}

} // namespace stead::importing
