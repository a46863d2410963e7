#include <algorithm>
#include <array>

#include "model/names.h"
#include "unitfile/drafts.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"
#include "unitfile/walk.h"

namespace stead::unitfile {

namespace {

template <auto Member>
constexpr Binding<GuestDraft> to(std::string_view key) {
    return binds<GuestDraft, Member>(key);
}

void set_users(GuestDraft& draft, const Key&, Value& value, const Place& place) {
    const auto& range = std::get<IdRangeValue>(value);
    draft.spec.users = {range.kind, place};
    draft.spec.users_first = range.first;
    draft.spec.users_count = range.count;
}

void set_stop_exit(GuestDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.propagate_stop_exit = std::get<WordIndex>(value).index == 1;
}

/// The modes that are read, by their place among the words of network.mode.
void set_network_mode(GuestDraft& draft, const Key&, Value& value, const Place& place) {
    constexpr std::array kModes{"none", "private", "shared", "host"};
    draft.spec.network_mode = {kModes.at(std::get<WordIndex>(value).index), place};
}

/// Its words are looked at in check_init, where a mistake can be told.
void set_init(GuestDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.init = std::move(std::get<Argv>(value));
}

void set_init_stop_signal(GuestDraft& draft, const Key&, Value& value, const Place&) {
    draft.spec.init_stop_signal = std::get<SignalValue>(value).number;
}

constexpr std::array kBindings{
    to<&GuestSpec::description>("description"),
    to<&GuestSpec::hostname>("hostname"),
    to<&GuestSpec::machine_id>("machine-id"),
    to<&GuestSpec::profile>("profile"),
    to<&GuestSpec::unit_folders>("units"),
    to<&GuestSpec::enabled>("enabled"),
    to<&GuestSpec::after>("after"),
    to<&GuestSpec::needs>("requires"),
    to<&GuestSpec::pre_start>("hooks.pre-start"),
    to<&GuestSpec::post_start>("hooks.post-start"),
    to<&GuestSpec::pre_stop>("hooks.pre-stop"),
    to<&GuestSpec::post_stop>("hooks.post-stop"),
    to<&GuestSpec::hook_timeout>("hooks.timeout"),
    to<&GuestSpec::image>("image"),
    to<&GuestSpec::root>("root"),
    to<&GuestSpec::ephemeral>("ephemeral"),
    to<&GuestSpec::read_only>("read-only"),
    to<&GuestSpec::volumes>("volumes"),
    to<&GuestSpec::binds>("bind"),
    Binding<GuestDraft>{"init", set_init},
    Binding<GuestDraft>{"init-stop-signal", set_init_stop_signal},
    to<&GuestSpec::target>("target"),
    to<&GuestSpec::stop_timeout>("stop-timeout"),
    Binding<GuestDraft>{"stop-exit", set_stop_exit},
    to<&GuestSpec::hidepid>("hidepid"),
    to<&GuestSpec::environment>("environment"),
    Binding<GuestDraft>{"users", set_users},
    to<&GuestSpec::capabilities>("capabilities"),
    to<&GuestSpec::system_calls>("system-calls"),
    Binding<GuestDraft>{"network.mode", set_network_mode},
    to<&GuestSpec::listen>("network.listen"),
    to<&GuestSpec::addresses>("network.addresses"),
    to<&GuestSpec::gateway>("network.gateway"),
    to<&GuestSpec::dns>("network.dns"),
    to<&GuestSpec::link>("network.link"),
    to<&GuestSpec::ports>("network.ports"),
    to<&GuestSpec::masquerade>("network.masquerade"),
    to<&GuestSpec::peers>("network.peers"),
    to<&GuestSpec::own_uptime>("view.uptime"),
    to<&GuestSpec::host_journal>("host.journal"),
    to<&GuestSpec::host_machine>("host.machine"),
    to<&GuestSpec::host_notify>("host.notify"),
    to<&GuestSpec::host_sockets>("host.sockets"),
    to<&GuestSpec::log_max>("log.max"),
    Binding<GuestDraft>{"limits.*", store_limit<GuestDraft>},
};

void read_keys(GuestDraft& draft, const Node& root, Reporter& reporter) {
    const Scope scope{draft.spec.name, {}, nullptr, false};
    ValueReader reader(reporter, scope);
    const FoundKeys found_keys = find_keys(guest_schema(), root, "", reporter);
    for (const FoundKey& found : found_keys.keys) {
        const Place place = reporter.at(found.value->at);
        draft.spec.keys.add(full_name(*found.key), place);
        auto value = reader.read(found);
        if (!value) continue;
        const Binding<GuestDraft>* const binding = find_binding(guest_bindings(), *found.key);
        if (binding != nullptr) binding->set(draft, *found.key, *value, place);
    }
}

/// One [unit.NAME].
void read_inner_unit(GuestSpec& guest, const Member& member, Reporter& reporter) {
    const std::string problem = unit_name_problem(member.key);
    if (!problem.empty())
        return reporter.error(member.at, "unit name '" + member.key + "' " + problem);
    if (is_template(member.key))
        return reporter.error(member.at, "templates ([unit.\"NAME@\"]) are not supported yet");
    if (!member.value.is(NodeType::Table)) {
        return reporter.error(member.value.at, "unit." + member.key + " is " + shown(member.value) +
                                                   "; it is a table, so write [unit." + member.key +
                                                   "] and its keys below");
    }
    UnitDraft draft;
    draft.spec.name = member.key;
    draft.spec.file = guest.file;
    draft.spec.place = reporter.at(member.at);
    read_unit_table(draft, member.value, "unit." + member.key + ".", reporter);
    guest.units.push_back(std::move(draft.spec));
}

void read_inner_units(GuestSpec& guest, const Node& root, Reporter& reporter) {
    const Member* const units = root.find("unit");
    if (units == nullptr) return;
    if (!units->value.is(NodeType::Table)) {
        return reporter.error(units->value.at, "unit is " + shown(units->value) +
                                                   "; write [unit.NAME] and the unit's keys below");
    }
    for (const Member& member : units->value.members)
        read_inner_unit(guest, member, reporter);
}

void check_system(const GuestSpec& guest, const Node& root, Reporter& reporter) {
    for (const UnitSpec& unit : guest.units) {
        reporter.error_at(
            unit.place,
            "[unit." + unit.name +
                "] belongs to a jail; a system has its units in its "
                "own files",
            {{"write profile = \"jail\", or name folders of unit files in units", {}}});
    }
    // A root or an image that was written has had its message, if there was one to give.
    const Member* const written = root.find("root");
    const bool no_root =
        written == nullptr || (written->value.is(NodeType::String) && written->value.text.empty());
    if (no_root && root.find("image") == nullptr) {
        reporter.error({}, "root is missing; a guest needs a folder to run in",
                       {{"write image = \"NAME\" ('stead image list' shows them), root = "
                         "\"/path\", root = \"host\" with ephemeral = true, or profile = \"jail\"",
                         {}}});
    }
    if (guest.root.value == "host" && !guest.ephemeral) {
        reporter.error_at(guest.root.place,
                          "root = \"host\" needs ephemeral = true; a guest never writes to the "
                          "host's own files");
    }
}

/// Guests that `key` names.
void check_other(const GuestSpec& guest, const Text& name, Reporter& reporter) {
    const std::string problem = guest_name_problem(name.value);
    if (!problem.empty()) {
        reporter.error_at(name.place, "guest name '" + name.value + "' " + problem);
    } else if (name.value == guest.name) {
        reporter.error_at(name.place, "the guest names itself");
    }
}

/// Guests, or units of the host's service manager.
void check_others(const GuestSpec& guest, const TextList& names, Reporter& reporter) {
    for (const Text& name : names) {
        if (!is_host_unit(name.value)) {
            check_other(guest, name, reporter);
            continue;
        }
        const std::string problem = host_unit_problem(name.value);
        if (!problem.empty())
            reporter.error_at(name.place, "the host's unit '" + name.value + "' " + problem);
    }
}

/// Keys that say how a private network is made mean nothing to another one.
void check_network(const GuestSpec& guest, Reporter& reporter) {
    if (guest.network_mode.value == "private") return;
    for (const char* key :
         {"addresses", "gateway", "dns", "link", "ports", "masquerade", "peers"}) {
        const std::string name = std::string("network.") + key;
        if (!guest.keys.has(name)) continue;
        reporter.error_at(guest.keys.find(name),
                          name + " needs a private network; write network.mode = \"private\"");
    }
}

/// An init of the guest's own, and what only it, or only ours, has a use for.
void check_init(GuestSpec& guest, Reporter& reporter) {
    const Place place = guest.keys.find("init");
    guest.distribution = {guest.init == Argv{"distribution"}, place};
    const bool ours =
        !guest.keys.has("init") || guest.distribution.value || guest.init == Argv{"stead"};
    if (ours) {
        guest.init.clear();
        if (guest.keys.has("init-stop-signal"))
            reporter.error_at(guest.keys.find("init-stop-signal"),
                              "init-stop-signal is for an init of the guest's own; write init = "
                              "[\"/sbin/init\"]");
    } else if (guest.init.empty()) {
        return; // It has had its message.
    } else if (!guest.init.front().starts_with('/')) {
        reporter.error_at(place, "init is '" + guest.init.front() +
                                     "'; use stead, distribution, or the whole path of a program "
                                     "of the guest (\"/sbin/init\")");
    } else if (guest.profile.value == ProfileKind::Jail) {
        reporter.error_at(place, "a jail has no init of its own; take profile = \"jail\" out");
    } else {
        for (const char* key : {"target", "units"}) {
            if (!guest.keys.has(key)) continue;
            reporter.error_at(guest.keys.find(key),
                              std::string(key) + " means nothing to an init of the guest's own",
                              {{"init is here", place}});
        }
    }
}

/// A unit of a jail that listens on what the guest is not to be given would never come up.
void check_sockets(const GuestSpec& guest, Reporter& reporter) {
    if (guest.host_sockets.value) return;
    for (const UnitSpec& unit : guest.units) {
        for (const SocketSpec& socket : unit.sockets) {
            for (const Text& from : socket.listen) {
                if (!from.value.starts_with("host:")) continue;
                reporter.error_at(from.place,
                                  "'" + from.value +
                                      "' is a socket of the guest's service, and host.sockets = "
                                      "false takes none",
                                  {{"host.sockets is here", guest.host_sockets.place}});
            }
        }
    }
}

/// As machine-id(5) wants it. What two machines share is no id, so there is no word for the host's.
void check_machine_id(GuestSpec& guest, Reporter& reporter) {
    const std::string id = guest.machine_id.value;
    if (!guest.machine_id.given()) return;
    if (id == "auto") {
        guest.machine_id.value.clear();
    } else if (id == "host") {
        reporter.error_at(guest.machine_id.place,
                          "machine-id is the guest's own and never the host's; use auto or 32 "
                          "digits");
    } else if (id.size() != 32 || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
        reporter.error_at(guest.machine_id.place,
                          "machine-id is '" + id + "'; use auto or 32 digits of 0-9 and a-f");
    } else if (id.find_first_not_of('0') == std::string::npos) {
        reporter.error_at(guest.machine_id.place, "machine-id is all zeros, which means none");
    }
}

void check_guest(const GuestSpec& guest, const Node& root, Reporter& reporter) {
    check_others(guest, guest.after, reporter);
    check_others(guest, guest.needs, reporter);
    if (guest.distribution.value && guest.profile.value == ProfileKind::Jail)
        reporter.error_at(guest.distribution.place,
                          "a jail runs its one program; init = \"distribution\" needs a system");
    if (guest.profile.value == ProfileKind::System) {
        check_system(guest, root, reporter);
    } else if (root.find("unit") == nullptr || guest.units.empty()) {
        if (!reporter.failed())
            reporter.error({}, "a jail needs a unit: the program that runs in it",
                           {{"write [unit.NAME] and below it command = \"...\"", {}}});
    }
    if (guest.root.given() && guest.root.value.find_first_not_of('/') == std::string::npos) {
        reporter.error_at(guest.root.place, "root is the host's own root; write root = \"host\"");
    }
    if (guest.image.given() && guest.root.given()) {
        reporter.error_at(guest.root.place, "root contradicts image, which is the guest's root",
                          {{"image is here", guest.image.place}});
    }
    if (guest.ephemeral && guest.read_only.given() && guest.read_only.value) {
        reporter.error_at(
            guest.read_only.place,
            "read-only contradicts ephemeral, which makes the root writable in memory",
            {{"ephemeral is here", guest.keys.find("ephemeral")}});
    }
    check_network(guest, reporter);
    check_sockets(guest, reporter);
    for (const Text& peer : guest.peers) {
        if (peer.value == "*") continue;
        if (is_host_unit(peer.value)) {
            reporter.error_at(peer.place, "'" + peer.value +
                                              "' is a unit of the host's service manager; a peer "
                                              "is a guest");
        } else {
            check_other(guest, peer, reporter);
        }
    }
    if (!guest.listen.empty() && guest.network_mode.value != "host") {
        reporter.error_at(guest.keys.find("network.listen"),
                          "network.listen needs the host's network; write network.mode = \"host\"");
    }
}

/// A host name of the guest's name, which may have dots and underscores.
std::string host_name_of(std::string name) {
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

} // namespace

std::span<const Binding<GuestDraft>> guest_bindings() {
    return kBindings;
}

std::optional<GuestSpec> read_guest_layers(const Layers& layers,
                                           const std::string& file,
                                           const std::string& name,
                                           Diagnostics& diagnostics) {
    const std::size_t first = diagnostics.all().size();
    Reporter reporter(file, diagnostics);
    reporter.set_layers(layers.files);
    const std::string problem = guest_name_problem(name);
    if (!problem.empty()) {
        reporter.error({}, "guest name '" + name + "' " + problem);
        return std::nullopt;
    }
    GuestDraft draft;
    draft.spec.name = name;
    draft.spec.file = file;
    draft.spec.drop_ins = layers.files;
    for (const Overridden& one : layers.overridden)
        draft.spec.overrides.push_back({one.key, reporter.at(one.above), reporter.at(one.below)});
    draft.spec.hostname = host_name_of(name);
    read_keys(draft, layers.document, reporter);
    read_inner_units(draft.spec, layers.document, reporter);
    check_init(draft.spec, reporter);
    check_machine_id(draft.spec, reporter);
    check_guest(draft.spec, layers.document, reporter);
    diagnostics.sort(first);
    if (reporter.failed()) return std::nullopt;
    return std::move(draft.spec);
}

std::optional<GuestSpec> read_guest(std::string_view text,
                                    const std::string& file,
                                    const std::string& name,
                                    Diagnostics& diagnostics) {
    auto document = parse_document(text, file, diagnostics);
    if (!document) return std::nullopt;
    return read_guest_layers({std::move(*document), {}, {}}, file, name, diagnostics);
}

GuestSpec jail_of(UnitSpec unit) {
    GuestSpec guest;
    // What a unit's name may have and a guest's may not.
    guest.name = unit.name.substr(0, unit.name.find_last_not_of("_.@:-") + 1);
    for (char& c : guest.name) {
        if (c == '@' || c == ':') c = '-';
    }
    if (guest.name.size() > kMaxGuestName) guest.name.resize(kMaxGuestName);
    guest.hostname = host_name_of(guest.name);
    guest.file = unit.file;
    guest.profile = {ProfileKind::Jail, {}};
    guest.units.push_back(std::move(unit));
    return guest;
}

Kind kind_of(std::string_view text) {
    Diagnostics ignored;
    const auto document = parse_document(text, "", ignored);
    if (!document) return Kind::Unit;
    const auto has = [&](std::string_view key) { return document->find(key) != nullptr; };
    if (has("command") || has("type")) return Kind::Unit;
    for (const std::string_view key : {"root", "image", "profile", "unit"}) {
        if (has(key)) return Kind::Guest;
    }
    return Kind::Unit;
}

} // namespace stead::unitfile
