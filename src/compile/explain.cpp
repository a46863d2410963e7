#include <sched.h>

#include <array>
#include <utility>

#include "compile/capabilities.h"
#include "compile/compile.h"
#include "compile/mounts.h"

namespace stead::compile {

namespace {

using recipe::Mount;
using recipe::MountKind;

class Story {
public:
    explicit Story(const CompiledGuest& guest)
        : guest_(guest)
        , context_(guest.context) {}

    std::vector<Explanation> tell() {
        root();
        users();
        privileges();
        network();
        host();
        for (const Mount& mount : context_.mounts)
            this->mount(mount);
        levels();
        for (const plan::UnitInput& unit : guest_.plan.units)
            this->unit(unit);
        for (const std::string& notice : context_.notices)
            add("notice", notice, "this machine");
        return std::move(lines_);
    }

private:
    void add(std::string topic, std::string text, std::string origin) {
        lines_.push_back({std::move(topic), std::move(text), std::move(origin)});
    }

    [[nodiscard]] std::string origin(const char* key) const {
        const auto found = guest_.origins.find(key);
        return found == guest_.origins.end() ? std::string() : found->second;
    }

    void root() {
        const recipe::Root& root = context_.root;
        const std::string writes = root.read_only ? ", read-only" : ", writable";
        switch (root.kind) {
        case recipe::RootKind::Directory:
            add("root", root.path + writes, origin("root"));
            break;
        case recipe::RootKind::EphemeralOverlay:
            add("root", root.path + " under an overlay in memory; changes vanish at stop",
                origin("ephemeral"));
            break;
        case recipe::RootKind::Image:
            add("root", "image " + root.path + writes, origin("image"));
            if (!root.changes.empty() && !root.read_only)
                add("changes", root.changes, origin("image"));
            if (root.changes.empty() && !root.read_only)
                add("changes", "in memory; they vanish at stop", origin("ephemeral"));
            break;
        case recipe::RootKind::HostPrograms:
            add("root", "the host's program folders and nothing else of the host" + writes,
                origin("root"));
            break;
        }
        add("hostname", context_.hostname, origin("hostname"));
    }

    void users() {
        if (context_.users == recipe::Users::Private) {
            const recipe::IdRange& ids = context_.ids;
            add("users",
                "private: ids 0 to " + std::to_string(ids.count - 1) + " are " +
                    std::to_string(ids.first) + " to " + std::to_string(ids.first + ids.count - 1) +
                    " on the host",
                origin("users"));
        } else if (context_.rootless_ids != 0) {
            add("users",
                "0 is you; " + (context_.rootless_ids == 1
                                    ? "there is no other id"
                                    : "ids 1 to " + std::to_string(context_.rootless_ids - 1) +
                                          " are yours by /etc/subuid"),
                origin("users"));
        } else {
            add("users", context_.no_root ? "the host's ids, never uid 0" : "the host's ids",
                origin("users"));
        }
        std::string namespaces = "mount, pid, ipc, uts, cgroup";
        if (context_.users == recipe::Users::Private || context_.rootless_ids != 0)
            namespaces += ", user";
        if ((context_.namespaces & CLONE_NEWNET) != 0) namespaces += ", net";
        if (context_.own_time) namespaces += ", time";
        add("namespaces", namespaces + " of its own", origin("profile"));
    }

    void privileges() {
        add("capabilities", capability_names(context_.capabilities), origin("capabilities"));
        if (context_.init_capabilities != 0)
            add("capabilities",
                "PID 1 alone also holds " + capability_names(context_.init_capabilities) +
                    (context_.users == recipe::Users::Private ? " of the guest's own user namespace"
                                                              : ", to become the units' users"),
                origin("profile"));
        if (context_.no_new_privileges)
            add("privileges", "no program gains any by set-uid or file capabilities",
                origin("profile"));
        if (context_.no_root)
            add("privileges", "uid 0 means nothing (securebits NOROOT)", origin("profile"));
        add("system calls", guest_.calls, origin("system-calls"));
        devices();
    }

    void devices() {
        std::string text = "null, zero, full, random, urandom, tty and its own terminals";
        std::string place = origin("profile");
        for (const Mount& mount : context_.mounts) {
            if (!mount.node) continue;
            place = mount.origin;
            const DeviceRule& device = mount.node->device;
            text += ", " + mount.target +
                    (!device.write  ? " (to read)"
                     : !device.read ? " (to write)"
                                    : "");
        }
        add("devices",
            text + (context_.limits_devices
                        ? "; the kernel refuses to open any other, and to make any"
                        : "; there are no other nodes, and it cannot make any"),
            place);
    }

    void network() {
        const recipe::Network& network = context_.network;
        if (network.link != recipe::Link::None) return private_network(network);
        if (network.mode == recipe::NetworkMode::Own) {
            add("network", "its own, loopback only", origin("network.mode"));
            return;
        }
        add("network", "the host's", origin("network.mode"));
        if (context_.scope_abstract_sockets)
            add("network",
                "abstract unix sockets of the host are out of reach where the kernel "
                "has Landlock scopes",
                origin("network.mode"));
        if (!network.restrict_bind) {
            add("network", "may bind any address and port", origin("network.listen"));
            return;
        }
        std::string text;
        std::string last;
        for (const recipe::Listen& listen : network.listen) {
            if (listen.text == last) continue;
            last = listen.text;
            text += (text.empty() ? "" : ", ") + listen.text;
        }
        add("network", text.empty() ? "may bind no address" : "may bind only " + text,
            origin("network.listen"));
    }

    static std::string joined(const std::vector<recipe::Address>& addresses, bool prefixes) {
        std::string text;
        for (const recipe::Address& one : addresses)
            text += (text.empty() ? "" : ", ") +
                    (prefixes ? recipe::network_text(one) : recipe::address_text(one));
        return text;
    }

    void private_network(const recipe::Network& network) {
        std::string link;
        switch (network.link) {
        case recipe::Link::None:
            break;
        case recipe::Link::Routed:
            link = "a pair of interfaces that the host routes to";
            break;
        case recipe::Link::Bridge:
            link = "a pair of interfaces on the host's bridge " + network.parent;
            break;
        case recipe::Link::Macvlan:
            link = "an interface on the wire of " + network.parent;
            break;
        }
        add("network", "its own, joined by " + link, origin("network.mode"));
        add("network",
            network.addresses.empty()
                ? "an address of each family, chosen at its first start and kept"
                : "addresses " + joined(network.addresses, true) +
                      "; packets from any other are dropped",
            origin("network.addresses"));
        if (!network.gateways.empty())
            add("network", "the way out is " + joined(network.gateways, false),
                origin("network.gateway"));
        if (network.link == recipe::Link::Routed) {
            constexpr std::array kLeaves{
                "private addresses leave the host under its own address, public ones as they are",
                "packets leave the host under its own address",
                "packets leave the host under the guest's address"};
            add("network", kLeaves.at(static_cast<std::size_t>(network.masquerade)),
                origin("network.masquerade"));
        }
        for (const recipe::Forward& port : network.ports)
            add("network",
                std::string(port.protocol == recipe::Listen::Protocol::Udp ? "udp" : "tcp") +
                    " port " + std::to_string(port.outside) + " of the host" +
                    (port.at ? " at " + recipe::address_text(*port.at) : "") + " leads to its " +
                    std::to_string(port.inside),
                port.origin);
        std::string peers;
        for (const std::string& peer : network.peers)
            peers += (peers.empty() ? "" : ", ") + (peer == "*" ? "every guest" : peer);
        add("network",
            peers.empty() ? "no other guest reaches it"
                          : "of the guests, it is reached by " + peers,
            origin("network.peers"));
        std::string servers = "none are set";
        if (network.dns == recipe::NameServers::Host) servers = "the host's";
        if (network.dns == recipe::NameServers::Listed)
            servers = joined(network.name_servers, false);
        add("network", "name servers: " + servers, origin("network.dns"));
    }

    /// What it leaves out of what every guest of a systemd host has.
    void host() {
        const recipe::HostTies& ties = context_.host;
        if (!ties.journal)
            add("host", "its log goes to its files only, not to the host's journal",
                origin("host.journal"));
        if (!ties.machine) add("host", "machined does not know it", origin("host.machine"));
        if (!ties.notify)
            add("host",
                "its service is ready once PID 1 runs, and hears no more than that it lives",
                origin("host.notify"));
        if (!ties.sockets) add("host", "it gets no sockets of its service", origin("host.sockets"));
    }

    static std::string attributes_of(const Mount& mount) {
        std::string text;
        const auto flag = [&](std::uint64_t bit, const char* word) {
            if ((mount.attributes & bit) != 0) text += std::string(text.empty() ? "" : ",") + word;
        };
        flag(kReadOnly, "ro");
        flag(kNoSuid, "nosuid");
        flag(kNoDevice, "nodev");
        flag(kNoExec, "noexec");
        if (mount.recursive) text += text.empty() ? "recursive" : ",recursive";
        if (mount.idmap) text += text.empty() ? "idmap" : ",idmap";
        for (const std::string& option : mount.options)
            text += (text.empty() ? "" : ",") + option;
        return text.empty() ? text : " (" + text + ")";
    }

    void mount(const Mount& mount) {
        std::string what;
        switch (mount.kind) {
        case MountKind::Tmpfs:
            what = "own memory file system";
            break;
        case MountKind::Bind:
            what = "the host's " + mount.source;
            break;
        case MountKind::Proc:
            what = "processes of the guest";
            break;
        case MountKind::Sysfs:
            what = "sysfs of the guest's network";
            break;
        case MountKind::Mqueue:
            what = "message queues of the guest";
            break;
        case MountKind::Devpts:
            what = "terminals of the guest";
            break;
        case MountKind::Cgroup:
            what = "the guest's own control groups";
            break;
        case MountKind::Mask:
            what = "masked";
            break;
        case MountKind::ReadOnly:
            what = "read-only";
            break;
        case MountKind::Cover:
            what = "a file of ours: /run/stead/" + mount.source;
            break;
        case MountKind::Device:
            what = mount.node ? "the host's device" : "device";
            break;
        case MountKind::Link:
            what = "link to " + mount.source;
            break;
        case MountKind::File:
            what = "a file of ours";
            break;
        case MountKind::Socket:
            what = "syslog, collected by the keeper";
            break;
        // A place to mount on says nothing to a reader.
        case MountKind::Folder:
            return;
        }
        const bool plain = mount.kind == MountKind::Mask || mount.kind == MountKind::ReadOnly ||
                           mount.kind == MountKind::Cover || mount.kind == MountKind::Socket;
        add("mount", mount.target + ": " + what + (plain ? "" : attributes_of(mount)),
            mount.origin);
    }

    static std::string limit_text(std::uint64_t value) {
        return value == ~std::uint64_t{0} ? "infinity" : std::to_string(value);
    }

    void levels() {
        for (const recipe::Level& level : context_.levels)
            add("level", level.file + " = " + level.value,
                level.origin.empty() ? default_origin() : level.origin);
        for (const recipe::Level& level : context_.inside)
            add("level", level.key + " = " + level.value, level.origin);
        for (const recipe::Limit& limit : context_.limits)
            add("limit",
                limit.name + " = " + limit_text(limit.limit.soft) + ":" +
                    limit_text(limit.limit.hard),
                limit.origin.empty() ? default_origin() : limit.origin);
    }

    [[nodiscard]] std::string default_origin() const {
        return context_.no_root ? "default of profile jail" : "default of profile system";
    }

    static std::string words_of(const plan::SocketInput& socket) {
        std::string text = "socket " + socket.name + " is open before it runs";
        if ((socket.flags & kSocketLazy) != 0) text += ", which starts it at the first arrival";
        if ((socket.flags & kSocketPerConnection) != 0)
            text += ", and each connection gets a process of its own";
        return text;
    }

    void unit(const plan::UnitInput& unit) {
        const plan::ExecInput& exec = unit.exec;
        add("unit",
            unit.name + ": uid " + std::to_string(exec.uid) + ", gid " + std::to_string(exec.gid) +
                ", capabilities " + capability_names(exec.capabilities),
            unit.source);
        for (const plan::SocketInput& socket : unit.sockets)
            add("unit", unit.name + ": " + words_of(socket), unit.source);
        for (const std::string& remark : unit.remarks)
            add("unit", unit.name + ": " + remark, unit.source);
        if (unit.timer)
            add("unit", unit.name + ": started by its timer, not with the guest", unit.source);
        for (const recipe::HostFolder& folder : context_.host_folders)
            if (folder.uid == exec.uid)
                add("unit", unit.name + ": writes the host's " + folder.path, folder.origin);
    }

    const CompiledGuest& guest_;
    const recipe::Context& context_;
    std::vector<Explanation> lines_;
};

} // namespace

std::vector<Explanation> explain(const CompiledGuest& guest) {
    return Story(guest).tell();
}

} // namespace stead::compile
