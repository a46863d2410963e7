#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "spawn/steps.h"

namespace stead::spawn {

namespace {

int open_stream(const Child& child, const Stream& stream, bool input) {
    int fd = -1;
    switch (stream.kind) {
    case Stream::Kind::Descriptor:
        return stream.fd;
    case Stream::Kind::Null:
    case Stream::Kind::Output:
        fd = ::open("/dev/null", (input ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
        break;
    case Stream::Kind::File:
        // Without O_NONBLOCK a FIFO that nobody reads would hold the child for ever.
        fd = ::open(stream.path,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
                    0640);
        if (fd >= 0) ::fcntl(fd, F_SETFL, O_APPEND);
        break;
    }
    if (fd < 0) fail(child, SpawnStage::Descriptors);
    return fd;
}

int move_up(const Child& child, int fd, int lowest) {
    if (fd < 0 || fd >= lowest) return fd;
    // Raw: musl's wrapper sets the flag that the kernel has set already.
    const auto moved = static_cast<int>(::syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, lowest));
    if (moved < 0) fail(child, SpawnStage::Descriptors);
    return moved;
}

/// Whether every stream is PID 1's own already, as in a jail.
bool are_in_place(const Child& child) {
    for (std::size_t i = 0; i < child.streams.size(); ++i) {
        const Stream& stream = child.streams[i];
        if (stream.kind != Stream::Kind::Descriptor || stream.fd != static_cast<int>(i))
            return false;
    }
    return true;
}

void put(const Child& child, int fd, int number) {
    if (::dup2(fd, number) < 0) fail(child, SpawnStage::Descriptors);
}

void place_streams(const Child& child, int lowest) {
    std::array<int, 3> streams{};
    for (std::size_t i = 0; i < streams.size(); ++i)
        streams[i] = move_up(child, open_stream(child, child.streams[i], i == 0), lowest);

    // From here on every source lies above every target, so no dup2 can land on another's source.
    put(child, streams[0], 0);
    put(child, streams[1], 1);
    put(child, child.streams[2].kind == Stream::Kind::Output ? 1 : streams[2], 2);
}

} // namespace

void place_descriptors(Child& child) {
    constexpr int kFirstListened = 3;
    const auto listened = static_cast<int>(child.listened.size());
    const int lowest = std::max({10, child.extra_number + 1, kFirstListened + listened});
    std::array<int, kMaxListened> sources; // Filled as far as it is used.
    for (int i = 0; i < listened; ++i)
        sources[static_cast<std::size_t>(i)] =
            move_up(child, child.listened[static_cast<std::size_t>(i)], lowest);
    child.report = move_up(child, child.report, lowest);
    child.program = move_up(child, child.program, lowest);

    const int extra = move_up(child, child.extra, lowest);
    if (!are_in_place(child)) place_streams(child, lowest);

    // Everything in PID 1 is close-on-exec already; this holds where a mistake would leak.
    constexpr unsigned kCloseOnExec = 1U << 2U;
    (void)::syscall(SYS_close_range, 3U, ~0U, kCloseOnExec);
    if (extra >= 0) put(child, extra, child.extra_number);
    for (int i = 0; i < listened; ++i)
        put(child, sources[static_cast<std::size_t>(i)], kFirstListened + i);
}

} // namespace stead::spawn
