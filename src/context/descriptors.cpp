#include "context/descriptors.h"

#include <unistd.h>

#include "context/job.h"
#include "sys/descriptors.h"

namespace stead::context {

namespace {

/// Moves what is still needed out of the way of `number`.
Result<void> clear(std::span<Placement> pending, std::span<int> kept, int number, int above) {
    for (Placement& other : pending) {
        if (other.fd != number || other.number == number) continue;
        other.fd = keep(TRY(sys::duplicate_above(other.fd, above)));
    }
    for (int& fd : kept) {
        if (fd == number) fd = keep(TRY(sys::duplicate_above(fd, above)));
    }
    return {};
}

} // namespace

Result<void> place_all(std::span<Placement> placements, std::span<int> kept) {
    const int count = static_cast<int>(placements.size());
    for (std::size_t at = 0; at < placements.size(); ++at) {
        const Placement& one = placements[at];
        TRY(clear(placements.subspan(at + 1), kept, one.number, count));
        if (one.fd < 0) {
            ::close(one.number); // not open is as good
        } else {
            TRY(sys::place(one.fd, one.number));
        }
    }
    return sys::close_from(static_cast<unsigned>(count), /*at_exec=*/true);
}

} // namespace stead::context
