#include "context/descriptors.h"

#include <unistd.h>

#include "sys/descriptors.h"
#include "sys/setup.h"

namespace stead::context {

namespace {

/// Moves a descriptor that still has to be placed out of the way of `number`.
Result<void> clear(std::span<Placement> pending, int number, int above) {
    for (Placement& other : pending) {
        if (other.fd != number || other.number == number) continue;
        // What stood here is overwritten in a moment; the copy is placed later or closed at the
        // end.
        other.fd = TRY(sys::duplicate_above(other.fd, above)).release();
    }
    return {};
}

} // namespace

Result<void> place_all(std::span<Placement> placements) {
    const int count = static_cast<int>(placements.size());
    for (std::size_t at = 0; at < placements.size(); ++at) {
        const Placement& one = placements[at];
        TRY(clear(placements.subspan(at + 1), one.number, count));
        if (one.fd < 0) {
            ::close(one.number); // not open is as good
            continue;
        }
        TRY(sys::place_descriptor(one.fd, one.number, one.close_on_exec));
    }
    return sys::close_from(static_cast<unsigned>(count));
}

} // namespace stead::context
