#include "cli/guest_look.h"

#include <array>

#include "cli/client.h"
#include "sys/clock.h"

namespace stead::cli {

GuestLook look_at(const Place& place, const Target& target, Duration limit) {
    GuestLook look;
    auto client = Client::connect(place.control(target));
    if (!client) return look;
    look.reached = true;
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, wire::Kind::Status);
    if (!client->send(request)) return look;
    const Instant until = sys::now() + limit;
    std::optional<GuestRecord> guest;
    while (look.units.size() <= kMaxUnits) {
        const auto answer = client->receive(until);
        if (!answer || !*answer) return {.reached = true, .guest = {}, .units = {}};
        const wire::Reader& message = *(*answer)->reader;
        if (message.kind() == wire::Kind::End) break;
        if (message.kind() == wire::Kind::Guest) guest = read_guest(message);
        if (message.kind() == wire::Kind::Unit) look.units.push_back(read_unit(message));
    }
    look.guest = std::move(guest);
    return look;
}

} // namespace stead::cli
