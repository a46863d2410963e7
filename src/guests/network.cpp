#include "guests/network.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "network/addresses.h"
#include "network/network.h"
#include "network/rules.h"
#include "sys/file.h"
#include "sys/stream.h"

namespace stead::guests {

namespace {

using network::Attachment;

constexpr const char* kRecord = "network.json";
constexpr const char* kResolver = "resolv.conf";
constexpr std::size_t kMaxNetworkRecord = 1U << 20U;
constexpr std::size_t kMaxResolver = 1U << 16U;
constexpr std::size_t kMaxElements = 16U << 20U;
constexpr std::size_t kMaxLeases = 4U << 20U;

/// Tells the interfaces and tables of a Stead with other folders from those of the usual one.
std::string instance_of(const Paths& paths) {
    if (paths.runtime == Paths{}.runtime) return {};
    std::uint32_t hash = 0x811c9dc5;
    for (const char c : paths.runtime)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
    return std::to_string(hash);
}

std::string bridge_mark(const Paths& paths) {
    return paths.runtime + "/network.bridge";
}

std::string lock_path(const Paths& paths) {
    return paths.runtime + "/network.lock";
}

Result<sys::UniqueFd> open_lock(const Paths& paths) {
    TRY(make_folders(paths.runtime));
    const std::string path = lock_path(paths);
    return sys::open_at(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
}

Result<sys::UniqueFd> lock_networks(const Paths& paths) {
    sys::UniqueFd lock = TRY(open_lock(paths));
    TRY(sys::wait_for_lock(lock.get()));
    return lock;
}

Result<sys::UniqueFd> try_lock_networks(const Paths& paths) {
    sys::UniqueFd lock = TRY(open_lock(paths));
    TRY(sys::take_lock(lock.get()));
    return lock;
}

std::optional<Attachment> attachment_in(int folder) {
    const auto text = read_file(folder, kRecord, kMaxNetworkRecord);
    if (!text) return std::nullopt;
    return network::read_attachment(*text);
}

/// All records in one file, so that the hundredth start reads one file and not a hundred. It is
/// there only while it says what the guests' own records say: whoever changes one of those removes
/// it first, and writes it again when all is done, after the list of elements. Versions that do not
/// know this file leave it older than that one.
std::string list_path(const Paths& paths) {
    return paths.runtime + "/network.guests";
}

std::string elements_path(const Paths& paths) {
    return paths.runtime + "/network.elements";
}

bool is_newest(const Paths& paths) {
    const auto list = sys::status_at(AT_FDCWD, list_path(paths).c_str(), AT_SYMLINK_NOFOLLOW);
    const auto rules = sys::status_at(AT_FDCWD, elements_path(paths).c_str(), AT_SYMLINK_NOFOLLOW);
    const auto moment = [](const struct stat& status) {
        return std::pair(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    };
    return list && (!rules || moment(*rules) <= moment(*list));
}

std::optional<std::vector<Attachment>> listed_attachments(const Paths& paths,
                                                          const std::vector<std::string>& names) {
    if (!is_newest(paths)) return std::nullopt;
    const auto text = read_file(AT_FDCWD, list_path(paths).c_str(), kMaxElements);
    auto list = text ? network::read_attachments(*text) : std::nullopt;
    if (!list) return std::nullopt;
    // Somebody may have removed a guest's folder.
    std::erase_if(*list, [&](const Attachment& one) {
        return !std::binary_search(names.begin(), names.end(), one.guest);
    });
    return list;
}

/// Of every guest with a folder. One that has ended keeps its own until it is cleared, which
/// forbids more than it needs to and never less.
std::vector<Attachment> all_attachments(const Paths& paths) {
    std::vector<Attachment> list;
    const auto names = names_of_guests(paths);
    if (!names) return list;
    if (auto listed = listed_attachments(paths, *names)) return *std::move(listed);
    for (const std::string& name : *names) {
        const auto folder =
            sys::open_at(AT_FDCWD, paths.guest(name).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
        if (!folder) continue;
        auto found = attachment_in(folder->get());
        if (found && found->guest == name) list.push_back(*std::move(found));
    }
    return list;
}

/// Brings the rules that were there to those of now by what differs; false where that cannot be.
bool change_rules(const std::string& file,
                  const std::string& now,
                  const std::string& instance,
                  const sys::UniqueFd& lock) {
    const auto before = read_file(AT_FDCWD, file.c_str(), kMaxElements);
    if (!before) return false;
    const auto script = network::render_changes(*before, now, instance);
    // While nobody knows what the kernel has, there is no list.
    const auto removed = sys::remove_at(AT_FDCWD, file.c_str(), false);
    // Somebody may have removed our tables, or a part of them: then all are made anew.
    return removed && script && network::apply_rules(*script, lock.get());
}

Result<void>
put_rules(const Paths& paths, const std::vector<Attachment>& guests, const sys::UniqueFd& lock) {
    const std::string instance = instance_of(paths);
    const std::string file = elements_path(paths);
    const std::string now = network::list_elements(guests, instance);
    if (change_rules(file, now, instance, lock))
        return replace_file(AT_FDCWD, file.c_str(), now, 0600);
    const std::string mark = bridge_mark(paths);
    const bool marked = sys::status_at(AT_FDCWD, mark.c_str(), AT_SYMLINK_NOFOLLOW).has_value();
    const bool needed = network::needs_bridge(guests);
    // The mark first: a mark without rules costs nothing, rules without a mark would stay.
    if (needed && !marked) TRY(replace_file(AT_FDCWD, mark.c_str(), "", 0600));
    TRY(network::apply_rules(network::render_rules(guests, instance, marked), lock.get()));
    if (marked && !needed) (void)sys::remove_at(AT_FDCWD, mark.c_str(), false);
    if (guests.empty()) return {};
    return replace_file(AT_FDCWD, file.c_str(), now, 0600);
}

/// Before a record changes.
Result<void> drop_list(const Paths& paths) {
    auto removed = sys::remove_at(AT_FDCWD, list_path(paths).c_str(), false);
    if (!removed && removed.error().code != ENOENT) return removed.error();
    return {};
}

/// When everything is as the records say: the last file to be written.
void keep_list(const Paths& paths, const std::vector<Attachment>& guests) {
    if (guests.empty()) return;
    // Without it the next command reads the records themselves.
    if (const auto list = network::write_attachments(guests))
        (void)replace_file(AT_FDCWD, list_path(paths).c_str(), *list, 0600);
}

/// Lines "NAME NUMBER" in /var/lib/stead/addresses.
struct Lease {
    std::string guest;
    std::uint32_t number = 0;
};

std::string leases_path(const Paths& paths) {
    return paths.state + "/addresses";
}

std::vector<Lease> read_leases(const Paths& paths) {
    std::vector<Lease> leases;
    const auto text = read_file(AT_FDCWD, leases_path(paths).c_str(), kMaxLeases);
    std::string_view rest = text ? std::string_view(*text) : std::string_view{};
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::size_t blank = line.find(' ');
        if (blank == std::string_view::npos || !valid_name(line.substr(0, blank))) continue;
        Lease lease{std::string(line.substr(0, blank)), 0};
        const char* const end = line.data() + line.size();
        const auto [stop, code] = std::from_chars(line.data() + blank + 1, end, lease.number);
        if (code == std::errc{} && stop == end && lease.number < network::kNumbers)
            leases.push_back(std::move(lease));
    }
    return leases;
}

Result<void> write_leases(const Paths& paths, const std::vector<Lease>& leases) {
    TRY(make_folders(paths.state));
    std::string content;
    for (const Lease& lease : leases)
        content += lease.guest + " " + std::to_string(lease.number) + "\n";
    return replace_file(AT_FDCWD, leases_path(paths).c_str(), content, 0644);
}

/// Whether there is still something of the guest.
bool exists(const Paths& paths, const std::string& guest) {
    for (const std::string& path :
         {paths.guest_file(guest), paths.guest(guest), paths.state + "/guests/" + guest}) {
        if (sys::status_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW)) return true;
    }
    return false;
}

/// Whether somebody else has one of the addresses.
bool is_free(std::uint32_t number,
             const network::HostNetwork& host,
             const std::vector<Attachment>& others) {
    Attachment tried;
    tried.network.link = recipe::Link::Routed;
    tried.network.addresses = network::numbered(number, host.has_v6);
    return network::check_wishes(tried, host, others).has_value();
}

/// The guest's own addresses where its file names none: the same as the last time if they are
/// still free.
Result<void> choose_addresses(const Paths& paths,
                              const network::HostNetwork& host,
                              const std::vector<Attachment>& others,
                              Attachment& guest) {
    std::vector<Lease> leases = read_leases(paths);
    const auto own = std::find_if(leases.begin(), leases.end(),
                                  [&](const Lease& one) { return one.guest == guest.guest; });
    const bool kept = own != leases.end() && is_free(own->number, host, others);
    std::optional<std::uint32_t> number;
    if (kept) {
        number = own->number;
    } else {
        std::erase_if(leases, [&](const Lease& one) {
            return one.guest == guest.guest || !exists(paths, one.guest);
        });
        number = network::choose_number(guest.guest, host, [&](std::uint32_t candidate) {
            const bool leased = std::any_of(leases.begin(), leases.end(), [&](const Lease& one) {
                return one.number == candidate;
            });
            return leased || !is_free(candidate, host, others);
        });
        if (!number)
            return make_error("no address of 10.209.0.0/16 is free, or the host reaches that "
                              "network otherwise; write network.addresses",
                              {}, 0);
        leases.push_back({guest.guest, *number});
        TRY(write_leases(paths, leases));
    }
    guest.network.addresses = network::numbered(*number, host.has_v6);
    return {};
}

bool is_loopback(const recipe::Address& address) {
    return address.v6 ? recipe::address_text(address) == "::1" : address.bytes[0] == 127;
}

/// A resolv.conf without name servers on loopback; empty if it has no other.
std::string reachable(std::string_view text) {
    std::string kept;
    bool any = false;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (!line.starts_with("nameserver")) {
            const bool known = line.starts_with("search") || line.starts_with("domain") ||
                               line.starts_with("options");
            if (known) kept.append(line).append("\n");
            continue;
        }
        const std::size_t first = line.find_first_not_of(" \t", 10);
        if (first == std::string_view::npos) continue;
        const std::size_t last = line.find_first_of(" \t#;", first);
        const auto server = recipe::parse_address(line.substr(first, last - first));
        // One with a zone ("fe80::1%eth0") means an interface that the guest lacks.
        if (!server || is_loopback(*server)) continue;
        any = true;
        kept += "nameserver " + recipe::address_text(*server) + "\n";
    }
    return any ? kept : std::string();
}

std::string resolver_of(const recipe::Network& network) {
    if (network.dns == recipe::NameServers::Host) return host_resolver();
    std::string text;
    for (const recipe::Address& server : network.name_servers)
        text += "nameserver " + recipe::address_text(server) + "\n";
    return text;
}

/// Into the same file: the guest has it bound.
Result<void> write_in_place(int folder, const std::string& text) {
    const sys::UniqueFd file =
        TRY(sys::open_at(folder, kResolver, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644));
    if (::fchmod(file.get(), 0644) < 0) return last_error("fchmod", kResolver);
    TRY(sys::write_full(file.get(), text));
    if (::ftruncate(file.get(), static_cast<off_t>(text.size())) < 0)
        return last_error("ftruncate", kResolver);
    return {};
}

/// What all guests that follow the host's name servers were given last; not there while one of them
/// may have something else.
std::string resolver_mark(const Paths& paths) {
    return paths.runtime + "/network.resolver";
}

/// The guest's resolv.conf, and the mount that shows it.
Result<void> add_resolver(const Paths& paths, const Claim& claim, recipe::Context& context) {
    const recipe::Network& network = context.network;
    if (network.dns == recipe::NameServers::None || network.resolver_place.empty()) return {};
    const std::string text = resolver_of(network);
    if (network.dns == recipe::NameServers::Host) {
        const std::string mark = resolver_mark(paths);
        const auto given = read_file(AT_FDCWD, mark.c_str(), kMaxResolver);
        if (given && *given != text) TRY(sys::remove_at(AT_FDCWD, mark.c_str(), false));
    }
    TRY(write_in_place(claim.folder.get(), text));
    const std::string& place = network.resolver_place;
    recipe::Mount mount;
    if (place.starts_with("/run/")) {
        for (auto slash = place.find('/', 5); slash != std::string::npos;
             slash = place.find('/', slash + 1)) {
            mount.kind = recipe::MountKind::Folder;
            mount.target = place.substr(0, slash);
            context.mounts.push_back(mount);
        }
    }
    mount.kind = recipe::MountKind::Bind;
    mount.source = claim.path + "/" + kResolver;
    mount.target = place;
    mount.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    mount.origin = network.dns_origin.empty() ? "the guest's name servers" : network.dns_origin;
    context.mounts.push_back(std::move(mount));
    return {};
}

Result<void> remove_file(int folder, const char* name) {
    auto removed = sys::remove_at(folder, name, false);
    if (!removed && removed.error().code != ENOENT) return removed.error();
    return {};
}

} // namespace

Result<void> prepare_network(const Paths& paths, const Claim& claim, recipe::Context& context) {
    if (context.network.link == recipe::Link::None) return {};
    TRY(network::check_means());
    TRY(network::check_parent(context.network));
    TRY(network::check_ports(context.network));

    const sys::UniqueFd lock = TRY(lock_networks(paths));
    std::vector<Attachment> guests = all_attachments(paths);
    std::erase_if(guests, [&](const Attachment& one) { return one.guest == context.name; });
    const network::HostNetwork host = TRY(network::look_at_host());
    Attachment guest{context.name, {}, context.network};
    if (guest.network.link != recipe::Link::Macvlan)
        guest.interface = network::interface_name(context.name, instance_of(paths));
    if (guest.network.addresses.empty()) TRY(choose_addresses(paths, host, guests, guest));
    TRY(network::check_wishes(guest, host, guests));

    context.network.addresses = guest.network.addresses;
    TRY(drop_list(paths));
    TRY(replace_file(claim.folder.get(), kRecord, network::write_attachment(guest), 0600));
    guests.push_back(std::move(guest));
    TRY(put_rules(paths, guests, lock));
    keep_list(paths, guests);
    return add_resolver(paths, claim, context);
}

Result<void>
connect_network(const Paths& paths, const recipe::Context& context, int network_namespace) {
    const std::string instance = instance_of(paths);
    Attachment guest{context.name, {}, context.network};
    if (guest.network.link != recipe::Link::Macvlan)
        guest.interface = network::interface_name(context.name, instance);
    return network::connect(guest, instance, network_namespace);
}

std::vector<std::string> addresses_of(const Paths& paths, std::string_view name) {
    std::vector<std::string> list;
    const std::string path = paths.guest(name);
    const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    const auto guest = folder ? attachment_in(folder->get()) : std::nullopt;
    if (!guest) return list;
    for (const recipe::Address& one : guest->network.addresses)
        list.push_back(recipe::address_text(one));
    return list;
}

bool has_network(const Claim& claim) {
    return sys::status_at(claim.folder.get(), kRecord, AT_SYMLINK_NOFOLLOW).has_value();
}

Result<void> clear_network(const Paths& paths, const Claim& claim) {
    // Half a record, of a start that was killed before it had one.
    TRY(remove_file(claim.folder.get(), "network.json.new"));
    if (!has_network(claim)) return {};
    TRY(remove_file(claim.folder.get(), kResolver));
    const sys::UniqueFd lock = TRY(lock_networks(paths));
    const auto guest = attachment_in(claim.folder.get());
    if (guest) TRY(network::disconnect(guest->interface));
    const std::string own = claim.path.substr(claim.path.rfind('/') + 1);
    std::vector<Attachment> others = all_attachments(paths);
    std::erase_if(others, [&](const Attachment& one) { return one.guest == own; });
    TRY(drop_list(paths));
    TRY(put_rules(paths, others, lock));
    // Last: as long as there is a record, somebody will clear what is left.
    TRY(remove_file(claim.folder.get(), kRecord));
    keep_list(paths, others);
    return {};
}

std::string host_resolver() {
    // The second is where systemd-resolved tells what its own address on loopback stands for.
    for (const char* path : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
        const auto text = read_file(AT_FDCWD, path, kMaxResolver);
        if (!text) continue;
        std::string kept = reachable(*text);
        if (!kept.empty()) return kept;
    }
    return {};
}

void refresh_resolvers(const Paths& paths) {
    // Where no guest ever had a network there is nothing to look for.
    if (!sys::status_at(AT_FDCWD, lock_path(paths).c_str(), AT_SYMLINK_NOFOLLOW)) return;
    // A host that has lost its name servers for a moment takes nobody's away.
    const std::string wanted = host_resolver();
    if (wanted.empty()) return;
    const std::string mark = resolver_mark(paths);
    const auto given = read_file(AT_FDCWD, mark.c_str(), kMaxResolver);
    if (given && *given == wanted) return;
    // Whoever holds it starts or clears a guest: the next command looks again.
    const auto lock = try_lock_networks(paths);
    const auto names = names_of_guests(paths);
    if (!lock || !names) return;
    bool all_written = true;
    for (const std::string& name : *names) {
        const auto folder =
            sys::open_at(AT_FDCWD, paths.guest(name).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
        if (!folder) continue;
        const auto now = read_file(folder->get(), kResolver, kMaxResolver);
        if (!now || *now == wanted) continue;
        const auto guest = attachment_in(folder->get());
        if (!guest || guest->network.dns != recipe::NameServers::Host) continue;
        all_written &= write_in_place(folder->get(), wanted).has_value();
    }
    if (all_written) (void)replace_file(AT_FDCWD, mark.c_str(), wanted, 0600);
}

Result<void> rename_address(const Paths& paths, std::string_view from, std::string_view to) {
    const sys::UniqueFd lock = TRY(lock_networks(paths));
    std::vector<Lease> leases = read_leases(paths);
    const auto found = std::find_if(leases.begin(), leases.end(),
                                    [&](const Lease& one) { return one.guest == from; });
    if (found == leases.end()) return {};
    const std::uint32_t number = found->number;
    std::erase_if(leases, [&](const Lease& one) { return one.guest == from || one.guest == to; });
    if (!to.empty()) leases.push_back({std::string(to), number});
    return write_leases(paths, leases);
}

} // namespace stead::guests
