#include "init/sockets.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <netinet/in.h>

#include "base/words.h"
#include "init/environment.h"
#include "init/loop.h"
#include "init/plan_address.h"
#include "init/say.h"
#include "init/timers.h"
#include "init/transient.h"
#include "sys/events.h"
#include "sys/file.h"
#include "sys/unix_socket.h"
#include "wire/boot.h"

namespace stead::init {

namespace {

constexpr int kBacklog = 4096;
constexpr std::size_t kMaxHeldNames = 4096;

std::span<Held> held_in(Supervisor& self) {
    return std::span(self.held).first(self.held_end);
}

/// Whether it is a socket that its unit has today.
bool is_socket(const Supervisor& self, const Held& held) {
    return held.fd && held.socket != kStored && held.digest == self.table.digest(held.unit) &&
           held.socket < self.table.socket_count(held.unit);
}

Held* find_held(Supervisor& self, UnitId unit, std::uint16_t socket) {
    for (Held& held : held_in(self))
        if (held.unit == unit && held.socket == socket && is_socket(self, held)) return &held;
    return nullptr;
}

Held* add_held(Supervisor& self) {
    for (std::size_t i = 0; i < self.held.size(); ++i) {
        if (self.held[i].fd) continue;
        self.held_end = std::max(self.held_end, static_cast<std::uint32_t>(i + 1));
        return &self.held[i];
    }
    return nullptr;
}

/// Makes the folders above `path`, and removes a socket or FIFO that somebody left there.
void clear_way(const char* path) {
    FixedString<107> folder;
    for (const char* at = path + 1; *at != '\0'; ++at) {
        if (*at != '/') continue;
        folder.clear();
        folder.append({path, static_cast<std::size_t>(at - path)});
        (void)::mkdirat(AT_FDCWD, folder.c_str(), 0755);
    }
    const auto left = sys::status_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
    if (left && (S_ISSOCK(left->st_mode) || S_ISFIFO(left->st_mode))) (void)::unlink(path);
}

/// Gives what was made at `path` to its owner, and nothing that somebody has put in its place.
Result<void> give_away(const char* path, const SocketView& socket) {
    if (socket.uid == ::geteuid() && socket.gid == ::getegid()) return {};
    const auto made = TRY(sys::open_at(AT_FDCWD, path, O_PATH | O_NOFOLLOW));
    const auto status = TRY(sys::status_at(made.get(), "", AT_EMPTY_PATH));
    if ((!S_ISSOCK(status.st_mode) && !S_ISFIFO(status.st_mode)) || status.st_nlink != 1)
        return make_error("open", path, EEXIST);
    if (::syscall(SYS_fchownat, made.get(), "", socket.uid, socket.gid, AT_EMPTY_PATH) < 0)
        return last_error("chown", path);
    return {};
}

/// Where IPv6 is missing, every address is every one of IPv4.
int open_inet(const std::byte*& address, socklen_t& size, sockaddr_in& plain, int type) {
    const int fd = ::socket(family_of(address), type, 0);
    // By its length, of which a plan that a guest has made itself may have less than its family.
    if (fd >= 0 || errno != EAFNOSUPPORT || size < sizeof(sockaddr_in6)) return fd;
    for (std::size_t i = 0; i < sizeof(in6_addr); ++i)
        if (address[offsetof(sockaddr_in6, sin6_addr) + i] != std::byte{0}) return fd;
    plain = {};
    plain.sin_family = AF_INET;
    std::memcpy(&plain.sin_port, address + offsetof(sockaddr_in6, sin6_port), sizeof(in_port_t));
    address = reinterpret_cast<const std::byte*>(&plain);
    size = sizeof plain;
    return ::socket(AF_INET, type, 0);
}

Result<sys::UniqueFd> open_socket(const SocketView& socket) {
    constexpr std::array<int, 3> kTypes{SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    const std::byte* address = socket.address.data();
    auto size = static_cast<socklen_t>(socket.address.size());
    const bool local = family_of(address) == AF_UNIX;
    const char* path = reinterpret_cast<const char*>(address) + sizeof(sa_family_t);
    if (local) clear_way(path);
    if (socket.kind == SocketKind::Fifo) {
        const mode_t before = ::umask(0);
        const auto made = ::syscall(SYS_mknodat, AT_FDCWD, path, S_IFIFO | socket.mode, 0);
        ::umask(before);
        if (made < 0) return last_error("mkfifo", path);
        TRY(give_away(path, socket));
        // For writing too, so that a reader never sees its end.
        return sys::open_at(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
    }
    int type = kTypes[static_cast<std::size_t>(socket.kind)] | SOCK_CLOEXEC;
    // We accept ourselves, and must not wait for one that has gone away.
    if ((socket.flags & kSocketPerConnection) != 0) type |= SOCK_NONBLOCK;
    sockaddr_in plain;
    sys::UniqueFd fd(open_inet(address, size, plain, type));
    if (!fd) return last_error("socket");
    if (!local) (void)sys::set_socket_option(fd.get(), SO_REUSEADDR, 1);
    const mode_t before = ::umask(~socket.mode & 0777U);
    const int bound = ::bind(fd.get(), for_kernel(address), size);
    const int error = errno;
    ::umask(before);
    if (bound < 0) return make_error("bind", local ? path : "", error);
    if (local) TRY(give_away(path, socket));
    if (socket.kind != SocketKind::Datagram && ::listen(fd.get(), kBacklog) < 0)
        return last_error("listen");
    return fd;
}

/// Keeps `fd` as the unit's socket, or as what is `kStored` under a name; false: there is no room.
bool hold(
    Supervisor& self, UnitId unit, std::size_t socket, std::string_view name, sys::UniqueFd fd) {
    Held* held = add_held(self);
    if (held == nullptr) return false;
    held->unit = unit;
    held->socket = static_cast<std::uint16_t>(socket);
    if (socket != kStored) held->digest = self.table.digest(unit);
    held->name.clear();
    held->name.append(name);
    order_stores();
    held->fd.take(std::move(fd));
    return true;
}

/// Opens the unit's socket number `index`. Of "host:NAME" there may be several, and it gets all.
Result<void> open_one(Supervisor& self, UnitId unit, std::size_t index) {
    const SocketView socket = self.table.socket(unit, index);
    bool held = false;
    if (socket.address[0] != std::byte{AF_UNSPEC}) {
        sys::UniqueFd fd = TRY(open_socket(socket));
        held = hold(self, unit, index, {}, std::move(fd));
        return held ? Result<void>{} : make_error("too many sockets", {}, EMFILE);
    }
    const std::string_view name{reinterpret_cast<const char*>(socket.address.data()) +
                                    sizeof(sa_family_t),
                                socket.address.size() - sizeof(sa_family_t)};
    for (const Held& given : held_in(self)) {
        if (!given.fd || given.unit != kNoUnit || given.name.view() != name) continue;
        sys::UniqueFd fd(::fcntl(given.fd.get(), F_DUPFD_CLOEXEC, 3));
        // We accept ourselves, and must not wait for one that has gone away.
        if ((socket.flags & kSocketPerConnection) != 0)
            (void)::fcntl(fd.get(), F_SETFL, O_RDWR | O_NONBLOCK);
        held = hold(self, unit, index, {}, std::move(fd));
    }
    return held ? Result<void>{} : make_error("the host has not opened", name, ENOENT);
}

bool starts_something(Supervisor& self, const Held& held) {
    if (!is_socket(self, held)) return false;
    const std::uint8_t flags = self.table.socket(held.unit, held.socket).flags;
    if ((flags & kSocketPerConnection) != 0) return true;
    return (flags & kSocketLazy) != 0 && self.engine->settled(held.unit) &&
           self.engine->view(held.unit).state != UnitState::Up;
}

void unwatch(Supervisor& self, UnitId unit) {
    for (const Held& held : held_in(self))
        if (held.fd && held.unit == unit) (void)sys::unwatch(self.epoll.get(), held.fd.get());
}

} // namespace

Result<void> open_sockets(Supervisor& self, UnitId unit) {
    // What a reload has changed is opened anew.
    for (Held& held : held_in(self))
        if (held.unit == unit && held.socket != kStored && !is_socket(self, held)) held.fd.close();
    const std::size_t count = self.table.socket_count(unit);
    for (std::size_t i = 0; i < count; ++i) {
        if (find_held(self, unit, static_cast<std::uint16_t>(i)) != nullptr) continue;
        TRY(open_one(self, unit, i));
    }
    return {};
}

bool serves_connections(const Supervisor& self, UnitId unit) {
    return self.table.socket_count(unit) != 0 &&
           (self.table.socket(unit, 0).flags & kSocketPerConnection) != 0;
}

void hand_descriptors(Supervisor& self,
                      UnitId unit,
                      ChildStrings& strings,
                      spawn::Child& prepared) {
    auto& numbers = self.scratch->listened;
    FixedString<kMaxHeldNames> names;
    std::size_t count = 0;
    const auto add = [&](int fd, std::string_view name) {
        if (count == numbers.size()) return;
        if (count != 0) names.append(":");
        names.append(name);
        numbers[count++] = fd;
    };
    const std::size_t sockets = self.table.socket_count(unit);
    for (std::size_t i = 0; i < sockets; ++i) {
        for (const Held& held : held_in(self))
            if (held.unit == unit && held.socket == i && is_socket(self, held))
                add(held.fd.get(), self.table.socket(unit, i).name);
    }
    for (const Held& held : held_in(self))
        if (held.fd && held.unit == unit && held.socket == kStored)
            add(held.fd.get(), held.name.view());
    say_listened(strings, prepared, std::span(numbers).first(count), names.view());
}

void say_listened(ChildStrings& strings,
                  spawn::Child& prepared,
                  std::span<const int> numbers,
                  std::string_view names) {
    if (numbers.empty()) return;
    FixedString<8> text;
    prepared.listened = numbers;
    strings.add_joined("LISTEN_FDS=",
                       text.append_number(static_cast<long long>(numbers.size())).view());
    strings.add_joined("LISTEN_FDNAMES=", names);
    prepared.own_pid[1] = strings.add_joined("LISTEN_PID=", "          ");
}

void watch_sockets(Supervisor& self, UnitId unit) {
    for (std::size_t i = 0; i < self.held_end; ++i) {
        const Held& held = self.held[i];
        if ((unit != kNoUnit && held.unit != unit) || !starts_something(self, held)) continue;
        const auto watched =
            sys::watch(self.epoll.get(), held.fd.get(), EPOLLIN, event_data(Source::Socket, i));
        // Watched already: by a start before.
        if (!watched && watched.error().code != EEXIST)
            say_error(self, self.table.name(held.unit), watched.error());
    }
}

void serve_socket(Supervisor& self, std::size_t index) {
    const Held& held = self.held[index];
    if (!is_socket(self, held)) return;
    const UnitId unit = held.unit;
    if (!serves_connections(self, unit)) {
        unwatch(self, unit);
        return tell_engine(self, engine::EventKind::Start, unit);
    }
    if (self.engine->view(unit).state != UnitState::Up) return unwatch(self, unit);
    if (!has_room_for_connection(self)) return unwatch(self, unit);
    sys::UniqueFd connection(::accept4(held.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) start_connection(self, unit, std::move(connection));
}

void release_sockets(Supervisor& self, UnitId unit) {
    const auto view = self.engine->view(unit);
    const bool again = (self.table.policy(unit).traits & kOnDemand) != 0 &&
                       view.state != UnitState::Failed && view.reason.kind == ReasonKind::Exited &&
                       !self.engine->shutting_down();
    bool waits = false;
    for (Held& held : held_in(self)) {
        if (!held.fd || held.unit != unit) continue;
        if (again && held.socket != kStored) {
            waits = true;
            continue;
        }
        const sys::UniqueFd closing = held.fd.release();
    }
    if (waits) listen_later(self, unit);
    abandon_connections(self, unit);
}

bool awaits_arrival(const Supervisor& self, UnitId unit) {
    for (const Held& held : std::span(self.held).first(self.held_end)) {
        if (held.unit == unit && is_socket(self, held) &&
            (self.table.socket(unit, held.socket).flags & kSocketLazy) != 0)
            return true;
    }
    return false;
}

void take_host_sockets(Supervisor& self) {
    const char* value = std::getenv("LISTEN_FDNAMES"); // NOLINT(concurrency-mt-unsafe): one thread
    std::string_view names = value == nullptr ? "" : value;
    for (int number = wire::kBootDescriptors; !names.empty(); ++number) {
        const std::string_view name = take_part(names, ':');
        if (::fcntl(number, F_SETFD, FD_CLOEXEC) == 0)
            (void)hold(self, kNoUnit, kStored, name, sys::UniqueFd(number)); // There is room.
    }
}

void keep_descriptor(Supervisor& self, UnitId unit, std::string_view name, sys::UniqueFd fd) {
    constexpr unsigned kCompareFile = 0; // KCMP_FILE
    std::uint32_t count = 0;
    const auto own = static_cast<unsigned long>(::getpid());
    for (const Held& held : held_in(self)) {
        if (!held.fd || held.unit != unit || held.socket != kStored) continue;
        ++count;
        // What comes once more is the same descriptor, where the kernel can tell.
        if (::syscall(SYS_kcmp, own, own, kCompareFile, held.fd.get(), fd.get()) == 0) return;
    }
    if (count >= self.table.descriptor_store(unit) ||
        !hold(self, unit, kStored, name, std::move(fd)))
        say_about(self, Priority::Warning, self.table.name(unit),
                  "a descriptor is not kept: file-descriptor-store-max is reached");
}

void drop_descriptors(Supervisor& self, UnitId unit, std::string_view name) {
    for (Held& held : held_in(self)) {
        if (held.fd && held.unit == unit && held.socket == kStored && held.name.view() == name)
            held.fd.close();
    }
}

} // namespace stead::init
