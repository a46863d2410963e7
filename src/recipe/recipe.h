#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/device.h"
#include "model/exec.h"
#include "recipe/address.h"

/// A context described as data: what `compile` makes of a guest file, `context` applies and `stead
/// explain` prints. Everything is resolved and checked already; nothing here is looked up again.
/// (It is no part of the plan: PID 1 never sees it. It is no part of `context` either, so that
/// describing a sandbox needs none of the code that builds one.)
namespace stead::recipe {

enum class Users : std::uint8_t {
    /// Ids inside are ids outside (Linux-VServer's way); also every jail.
    Host,
    /// A user namespace with a range of host ids of its own.
    Private
};

/// `count` ids from 0 inside are `first`.. on the host.
struct IdRange {
    std::uint32_t first = 0;
    std::uint32_t count = 65536;
};

enum class RootKind : std::uint8_t {
    /// `path`, writable or read-only.
    Directory,
    /// `path` below an overlay whose changes live in memory.
    EphemeralOverlay,
    /// An empty tmpfs with the host's program folders bound read-only (`mounts` lists them).
    HostPrograms,
    /// `path` is an image: an overlay of `changes` above `layer` above it.
    Image
};

/// A small file of ours between an image and a guest's changes: read-only below, the guest's own
/// once it has changed it.
struct LayerFile {
    enum class Kind : std::uint8_t { Folder, File, Link };
    Kind kind = Kind::File;
    /// Absolute, below folders that the image or the layer has.
    std::string path;
    /// The file's or the link's text.
    std::string text;
};

/// A folder of a guest on an image that is kept apart from its changes.
struct Volume {
    /// Absolute, inside the guest.
    std::string path;
    /// Of its folder among the guest's on the host.
    std::string name;
};

struct Root {
    RootKind kind = RootKind::Directory;
    std::string path;
    bool read_only = false;
    /// Image: the folder whose `upper` and `work` keep the guest's changes; empty: they live in
    /// memory, or with `read_only` there are none.
    std::string changes = {};
    std::vector<LayerFile> layer = {};
    /// Image: what the start makes and fills, where it is missing.
    std::vector<Volume> volumes = {};
};

enum class MountKind : std::uint8_t {
    /// A fresh tmpfs; `options` as fsconfig keys: size=, nr_inodes=, mode=.
    Tmpfs,
    /// `source` of the host, by descriptor.
    Bind,
    /// New instances for the guest; attached by the child before pivot_root.
    Proc,
    Sysfs,
    Mqueue,
    Devpts,
    Cgroup,
    /// An empty read-only file or folder of ours above `target`; missing targets are left out.
    Mask,
    /// `target` bound onto itself read-only; missing targets are left out.
    ReadOnly,
    /// A file of ours, `source` below /run/stead, read-only above the file `target`; missing
    /// targets
    /// are left out.
    Cover,
    /// A device node of ours: `node`, or `source` is its name (null, zero, full, random, urandom,
    /// tty).
    Device,
    /// A symbolic link with text `source`, on a file system of ours.
    Link,
    /// A folder on a file system of ours.
    Folder,
    /// A small file with text `source`, on a file system of ours.
    File,
    /// The guest's syslog socket (kBootSyslog), on a file system of ours.
    Socket
};

/// A device of the host that the guest gets a node for.
struct DeviceNode {
    /// All of it but what may be done: that is the guest's DeviceRule's.
    DeviceRule device;
    /// Permissions, for root inside, whose it is.
    std::uint32_t mode = 0600;
};

struct Mount {
    MountKind kind = MountKind::Bind;
    std::string source;
    /// Absolute path inside the guest.
    std::string target;
    /// MOUNT_ATTR_* of mount_setattr(2).
    std::uint64_t attributes = 0;
    std::vector<std::string> options;
    std::optional<DeviceNode> node = {};
    bool recursive = false;
    bool idmap = false;
    /// Not an error if the source or target is missing.
    bool optional = false;
    /// Place in the guest file or the default it came from, for `explain` and error messages.
    std::string origin;
};

/// An address a guest with a shared network may bind.
struct Listen {
    enum class Protocol : std::uint8_t { Tcp, Udp };
    Protocol protocol = Protocol::Tcp;
    bool v6 = false;
    /// Network byte order; 4 or 16 bytes used. All zero: every address.
    std::uint8_t address[16] = {};
    std::uint16_t port = 0;
    std::string text;
};

enum class NetworkMode : std::uint8_t {
    /// A stack of the guest's own: loopback, and what `link` joins it to.
    Own,
    Host
};

/// How a guest with a stack of its own is joined to the world.
enum class Link : std::uint8_t {
    /// Loopback only.
    None,
    /// A pair of interfaces whose outer end the host routes to.
    Routed,
    /// A pair of interfaces whose outer end is a port of a bridge of the host.
    Bridge,
    /// An interface beside one of the host's, straight on its wire.
    Macvlan
};

/// A port of the host that leads into the guest.
struct Forward {
    Listen::Protocol protocol = Listen::Protocol::Tcp;
    /// Only at this address of the host; nothing: at each of its own.
    std::optional<Address> at;
    std::uint16_t outside = 0;
    std::uint16_t inside = 0;
    /// As written, and where.
    std::string text;
    std::string origin;
};

enum class Masquerade : std::uint8_t {
    /// Private addresses leave under the host's, public ones as they are.
    Auto,
    Always,
    Never
};

enum class NameServers : std::uint8_t { None, Host, Listed };

struct Network {
    NetworkMode mode = NetworkMode::Own;
    /// Host: bind only these; `restrict_bind` with an empty list: none at all.
    bool restrict_bind = false;
    std::vector<Listen> listen;

    Link link = Link::None;
    /// The bridge, or the interface that a macvlan lies beside.
    std::string parent;
    /// Empty: one of each family is chosen at the start.
    std::vector<Address> addresses;
    /// One of each family at most. Routed: the host's end, which has a usual one.
    std::vector<Address> gateways;
    std::vector<Forward> ports;
    /// Guests that may reach this one; "*": every guest.
    std::vector<std::string> peers;
    Masquerade masquerade = Masquerade::Auto;
    NameServers dns = NameServers::None;
    std::vector<Address> name_servers;
    /// Where the guest's resolv.conf is, which a file of ours covers; empty: nowhere.
    std::string resolver_place;
    /// Places in the guest file for messages; empty: not written.
    std::string link_origin;
    std::string addresses_origin;
    std::string gateway_origin;
    std::string dns_origin;
};

/// A cgroup file and its value; `origin` is the guest file's line, empty for a default (then best
/// effort).
struct Level {
    std::string file;
    /// Several lines are several writes.
    std::string value;
    std::string origin;
    /// As the guest file has it: "memory-max".
    std::string key;
};

struct Limit {
    ResourceLimit limit;
    std::string name;
    std::string origin;
};

/// A folder of the host that is made, component by component, if it is missing: a jail unit's
/// state.
struct HostFolder {
    std::string path;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t mode = 0750;
    std::string origin;
};

/// A secret of the guest: a file in /run/stead/credentials that only its root may read.
struct Credential {
    std::string name;
    std::string content;
};

/// What of a systemd host's service manager a guest takes part in.
struct HostTies {
    bool journal = true;
    bool machine = true;
    bool notify = true;
    bool sockets = true;
};

struct Context {
    std::string name;
    std::string hostname;
    /// CLONE_NEW* flags besides NEWUSER and NEWTIME.
    std::uint64_t namespaces = 0;
    bool own_time = false;
    /// Bytes that all logs of the guest together may take.
    std::uint64_t log_max = 0;
    HostTies host;
    Users users = Users::Private;
    IdRange ids;

    Root root;
    std::vector<Mount> mounts;
    Network network;

    /// Made before the mount tree, owned as they say; an existing folder keeps its owner and mode.
    std::vector<HostFolder> host_folders;

    /// Allow-list; bit N is capability N.
    std::uint64_t capabilities = 0;
    /// What PID 1 alone holds beside `capabilities`, permitted and inheritable but outside the
    /// bounding set: SYS_ADMIN of its own user namespace, or in a jail what it takes to become the
    /// units' users.
    std::uint64_t init_capabilities = 0;
    /// What the units get, and what PID 1 gets: the launcher installs `init_filter` if it is not
    /// empty (then spawn loads `filter` in each child, see GuestView::filter), else `filter`.
    std::vector<std::uint64_t> filter;
    std::vector<std::uint64_t> init_filter;
    bool no_new_privileges = false;
    bool no_root = false;
    /// What may be opened of devices by processes of the guest's cgroup, whatever nodes there are;
    /// `limits_devices` without any: none. Applied where there is a cgroup.
    bool limits_devices = false;
    std::vector<DeviceRule> devices;
    /// Not 0: the launcher is an ordinary user's and has made a user namespace with so many ids
    /// around the context; 0 is the user. With one id the kernel denies setgroups(2) in it.
    std::uint32_t rootless_ids = 0;
    /// A shared network brings the host's abstract sockets along: close them with a Landlock scope
    /// where the kernel has it.
    bool scope_abstract_sockets = false;

    std::vector<Level> levels;
    /// Levels that no file of the cgroup holds (`file` is the kernel object's name): set with the
    /// mounts or the disk that they are of, or once the guest's namespaces are there.
    std::vector<Level> inside;
    std::vector<Limit> limits;
    /// Equal pages of its processes are kept once.
    bool merge_memory = false;
    /// PID 1's environment, "NAME=value".
    std::vector<std::string> environment;
    std::vector<Credential> credentials;
    /// Defaults that this machine cannot give, one sentence each: shown by `status`.
    std::vector<std::string> notices;
};

} // namespace stead::recipe
