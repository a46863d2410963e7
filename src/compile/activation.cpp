#include "compile/activation.h"

#include <sys/socket.h>

#include <algorithm>

#include "compile/calendar.h"
#include "compile/identity.h"
#include "compile/probe.h"
#include "model/names.h"
#include "unitfile/values.h"

namespace stead::compile {

namespace {

using unitfile::SocketSpec;
using unitfile::UnitSpec;

/// First number after standard input, output and error (sd_listen_fds(3)).
constexpr std::uint32_t kFirstListened = 3;

std::vector<std::byte> address_of(const unitfile::SocketAddress& address) {
    if (!address.path.empty()) return unix_address(address.path).value_or(std::vector<std::byte>{});
    if (!address.host.empty()) {
        // No address of the kernel's: AF_UNSPEC, and the name.
        std::vector<std::byte> bytes(sizeof(sa_family_t), std::byte{AF_UNSPEC});
        for (const char c : address.host)
            bytes.push_back(static_cast<std::byte>(c));
        return bytes;
    }
    const unitfile::Endpoint& endpoint = address.endpoint;
    // Without an address: both families at once.
    const std::string host = endpoint.address.empty() ? "[::]"
                             : endpoint.v6            ? "[" + endpoint.address + "]"
                                                      : endpoint.address;
    return tcp_address(host + ":" + std::to_string(endpoint.port))
        .value_or(std::vector<std::byte>{});
}

class Sockets {
public:
    Sockets(const UnitSpec& spec, plan::UnitInput& unit, Report& report)
        : spec_(spec)
        , unit_(unit)
        , report_(report) {}

    void set(const UserDatabase& users, const UnitOptions& options) {
        for (const SocketSpec& socket : spec_.sockets)
            add(socket, users, options);
        if (unit_.sockets.size() > plan::kMaxSockets)
            report_.error(spec_.place, "a unit has at most 32 sockets");
        const bool one_kind = std::all_of(
            unit_.sockets.begin(), unit_.sockets.end(), [&](const plan::SocketInput& socket) {
                return (socket.flags & kSocketPerConnection) ==
                       (unit_.sockets.front().flags & kSocketPerConnection);
            });
        if (!one_kind)
            report_.error(spec_.place,
                          "per-connection holds for all sockets of a unit or for none");
        if (per_connection()) check_per_connection();
        if (!unit_.sockets.empty() && spec_.type == UnitType::NotifyFd &&
            spec_.ready_fd < kFirstListened + unit_.sockets.size() + spec_.descriptor_store)
            report_.error(
                or_place(spec_.keys.find("ready.fd"), spec_.place),
                "ready.fd is " + std::to_string(spec_.ready_fd) +
                    ", where the unit's sockets begin; use " +
                    std::to_string(kFirstListened + unit_.sockets.size() + spec_.descriptor_store));
    }

private:
    [[nodiscard]] bool per_connection() const {
        return !unit_.sockets.empty() && (unit_.sockets.front().flags & kSocketPerConnection) != 0;
    }

    void check_per_connection() {
        for (const plan::SocketInput& socket : unit_.sockets) {
            if (socket.kind == SocketKind::Stream || socket.kind == SocketKind::Seqpacket) continue;
            report_.error(spec_.place, "socket '" + socket.name +
                                           "' has no connections: per-connection is for tcp, unix "
                                           "and unix-seqpacket");
        }
        if (spec_.type != UnitType::Exec)
            report_.error(spec_.place, "per-connection needs type = \"exec\": each connection has "
                                       "a process of its own");
    }

    void add(const SocketSpec& socket, const UserDatabase& users, const UnitOptions& options) {
        if (socket.listen.empty())
            report_.error(spec_.place, "[socket." + socket.name + "] has no `listen`");
        if (!is_unit_name(socket.name) || socket.name.find(':') != std::string::npos)
            report_.error(spec_.place, "socket name '" + socket.name +
                                           "' has other characters than letters, digits, '.', "
                                           "'_' and '-'");
        if (socket.lazy && socket.per_connection)
            report_.error(spec_.place, "[socket." + socket.name +
                                           "] is lazy and per-connection; what starts a process "
                                           "for each connection is lazy already");
        UnitSpec owner;
        owner.user = socket.user;
        owner.place = or_place(socket.user.place, spec_.place);
        owner.keys.add("user", owner.place);
        // The owner of a path may be root in a jail too: whoever runs there must be somebody else.
        UnitOptions plain;
        plain.users = options.users;
        plain.id_count = options.id_count;
        const auto identity = resolve_identity(owner, users, plain, report_);
        for (const unitfile::Text& item : socket.listen) {
            const auto address = unitfile::parse_socket(item.value);
            if (!address.value || !identity) continue;
            if (!address.value->host.empty() && spec_.type == UnitType::NotifyFd)
                report_.error(item.place, "how many sockets '" + item.value +
                                              "' is, the host decides, so ready.fd has no number; "
                                              "use type = \"notify\"");
            const auto flags =
                static_cast<std::uint8_t>((socket.lazy ? kSocketLazy : 0U) |
                                          (socket.per_connection ? kSocketPerConnection : 0U));
            unit_.sockets.push_back({socket.name, address.value->kind, flags,
                                     static_cast<std::uint16_t>(socket.mode), identity->uid,
                                     identity->gid, address_of(*address.value)});
            if (socket.lazy) unit_.policy.traits |= kOnDemand;
        }
    }

    const UnitSpec& spec_;
    plan::UnitInput& unit_;
    Report& report_;
};

std::uint32_t milliseconds(Duration duration) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration.ms(), 0, kForever - 1));
}

void set_calendar(const UnitSpec& spec,
                  const UnitOptions& options,
                  plan::TimerInput& timer,
                  Report& report) {
    const unitfile::Text& text = spec.timer.calendar;
    if (text.value.empty()) return;
    const auto complain = [&](const std::string& problem) {
        report.error(text.place, "timer.calendar is '" + text.value + "'; " + problem);
    };
    const CalendarText read = parse_calendar(text.value);
    if (!read.calendar) return complain(read.problem);
    timer.flags |= kTimerCalendar;
    timer.calendar = *read.calendar;
    if (read.zone == "UTC" || !options.zone) {
        if (!read.zone.empty() && read.zone != "UTC") complain("time zones are not known here");
        return;
    }
    auto zone = options.zone(read.zone);
    if (!zone) return complain("there is no time zone '" + read.zone + "' in /usr/share/zoneinfo");
    if (zone->size() > plan::kMaxZoneChanges) zone->resize(plan::kMaxZoneChanges);
    timer.zone = *std::move(zone);
}

void set_timer(const UnitSpec& spec,
               const UnitOptions& options,
               plan::UnitInput& unit,
               Report& report) {
    if (!spec.timer.given()) return;
    plan::TimerInput timer;
    timer.every_ms = milliseconds(spec.timer.every);
    timer.jitter_ms = milliseconds(spec.timer.jitter);
    if (spec.timer.on_boot) {
        timer.flags |= kTimerOnBoot;
        timer.on_boot_ms = milliseconds(*spec.timer.on_boot);
    }
    set_calendar(spec, options, timer, report);
    if (spec.timer.persistent) {
        timer.flags |= kTimerPersistent;
        const auto place = or_place(spec.keys.find("timer.persistent"), spec.place);
        if (spec.timer.calendar.value.empty())
            report.error(place, "timer.persistent is for a timer with a calendar");
        if (options.jail)
            report.error(place, "timer.persistent has no place in a jail to remember the last "
                                "start; leave it out");
    }
    unit.timer = std::move(timer);
    unit.policy.traits |= kOnDemand;
    // A job that stays up when it is done would never be started again.
    if (spec.type == UnitType::Oneshot) unit.policy.remain_after_exit = false;
}

} // namespace

void set_activation(const UnitSpec& spec,
                    const UserDatabase& users,
                    const UnitOptions& options,
                    plan::UnitInput& unit,
                    Report& report) {
    Sockets(spec, unit, report).set(users, options);
    set_timer(spec, options, unit, report);
    unit.descriptor_store = spec.descriptor_store;
    if (spec.descriptor_store != 0 && spec.type == UnitType::NotifyFd && spec.sockets.empty() &&
        spec.ready_fd < kFirstListened + spec.descriptor_store)
        report.error(or_place(spec.keys.find("ready.fd"), spec.place),
                     "ready.fd is " + std::to_string(spec.ready_fd) +
                         ", where kept descriptors begin; use " +
                         std::to_string(kFirstListened + spec.descriptor_store));
}

} // namespace stead::compile
