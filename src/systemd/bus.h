#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "sys/unique_fd.h"

/// Stead as a part of a systemd host: guests started and stopped through the service manager,
/// registered with machined, offered as the bus service org.stead.Manager1, and turned into units
/// at boot. It only speaks with others about guests: what a guest is, and how one is made, is
/// decided elsewhere, and everything works without this folder on hosts that have no systemd.
namespace stead::systemd {

struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};

struct UnrefMessage {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};

struct UnrefSlot {
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};

using Bus = std::unique_ptr<sd_bus, CloseBus>;
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;
using Slot = std::unique_ptr<sd_bus_slot, UnrefSlot>;

/// The error of one of libsystemd's functions, which return errno values below zero.
Error bus_error(const char* operation, std::string_view subject, int returned);

/// The system bus.
Result<Bus> open_system_bus();
/// The service manager itself, by the socket that it keeps for root: it answers without a bus, too.
/// Where that cannot be reached, the system bus.
Result<Bus> open_manager_bus();
/// A connection without a bus between the two; for tests.
Result<Bus> open_peer(sys::UniqueFd socket, bool server);

/// The answer of a call, or what the other side said in place of one.
struct Answer {
    Message message;
    /// "Unit stead@web.service not found."
    std::string problem;
    /// "org.freedesktop.systemd1.NoSuchUnit"
    std::string problem_name;

    explicit operator bool() const { return message != nullptr; }
};

/// Waits for the answer, `limit` at most.
Answer call(sd_bus* bus, Message request, Duration limit);

/// Sends a call whose answer nobody waits for; the other side may still have to be started for it.
Result<void> tell(sd_bus* bus, Message request);

/// An empty call; null, which `call` explains, if there is no memory for it.
Message new_call(sd_bus* bus,
                 const char* destination,
                 const char* path,
                 const char* interface,
                 const char* member);

} // namespace stead::systemd
