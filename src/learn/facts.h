#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What is learned from the system calls of a running program: which capabilities, calls, places
/// and addresses it has really used, so that a jail can be written that gives it just these; and,
/// of a unit that runs in its jail already, which of Stead's rules refused what it asked for.
///
/// Two halves. `Witness` and `Tracer` look: they stop each thread at its calls (sys/trace.h), read
/// what pointers point to, and make plain facts of it (this file). `Lesson` and everything below it
/// conclude: facts in, rules out, without any look at the machine, so that each rule is a test
/// without root. Nothing here starts a jail, writes a guest file or prints: that is cli's. Nothing
/// here changes what a traced program does, either: it takes longer, and a watch that begins or
/// ends while it waits interrupts that call (watcher.h).
namespace stead::learn {

/// Who a thread is when it makes a call: /proc/TID/status.
struct Identity {
    std::uint32_t uid = 0;
    std::uint32_t effective_uid = 0;
    std::uint32_t saved_uid = 0;
    std::uint32_t file_uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t effective_gid = 0;
    std::uint32_t saved_gid = 0;
    std::uint32_t file_gid = 0;
    std::vector<std::uint32_t> groups;
    /// The effective set, by bit.
    std::uint64_t capabilities = 0;

    [[nodiscard]] bool in_group(std::uint32_t group) const;

    [[nodiscard]] bool holds(unsigned capability) const {
        return (capabilities >> capability & 1U) != 0;
    }
};

/// A file, or the folder on the way to one, before the call.
struct Object {
    mode_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;

    [[nodiscard]] bool is_folder() const;
};

/// A path that a call names.
struct Place {
    /// As the program wrote it, made absolute; and without links. Both as the program sees them.
    std::string written;
    std::string path;
    /// What was there; nothing if there was nothing.
    std::optional<Object> object;
    /// The folders on the way, from the root on; the last one is the one that holds it.
    std::vector<Object> way;
};

/// What a call wants of its place.
enum class Want : std::uint8_t {
    /// That it is there: stat, access, readlink, chdir.
    Look,
    Read,
    Write,
    ReadWrite,
    Execute,
    /// To reach who listens on this unix socket.
    Connect,
    /// To make it, remove it or give it another name: a change of the folder.
    Change,
    /// To change its owner, its mode or times: nothing of its contents.
    Attribute
};

/// An address of the internet, or the path or name of a unix socket.
struct Address {
    int family = 0;
    /// 127.0.0.1, ::1; of a unix socket its path, empty for an abstract one.
    std::string text;
    std::uint16_t port = 0;
    bool loopback = false;
    bool any = false;
};

/// One call that has succeeded, with what its meaning depends on. What is not asked of the call
/// stays empty.
struct Seen {
    int number = 0;
    std::string call;
    std::array<std::uint64_t, 6> arguments{};
    std::int64_t result = 0;
    /// The name of the program that made it, and its process.
    std::string program;
    pid_t process = 0;
    Identity who;
    Want want = Want::Look;
    std::vector<Place> places;
    std::optional<Address> address;
    /// Of the socket that was called: SOCK_STREAM, ...
    int socket_type = 0;
    /// setrlimit: the hard limit before and after. mlock: what is locked, and what may be.
    /// setpriority: the niceness before and after, raised by 20.
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    /// kill and its like: the target's identity, where it is known.
    std::optional<Identity> target;
    /// setxattr: the attribute's name.
    std::string attribute;
};

/// One use of a file or folder.
struct PlaceUse {
    /// Where the program looks for it, and what that is without links.
    std::string path;
    std::string real;
    Want want = Want::Look;
    bool folder = false;
    /// It was there before the call.
    bool existed = false;
    /// "openat by nginx".
    std::string why;
};

} // namespace stead::learn
