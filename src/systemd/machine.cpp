#include "systemd/machine.h"

#include <utility>

namespace stead::systemd {

namespace {

constexpr const char* kService = "org.freedesktop.machine1";
constexpr const char* kPath = "/org/freedesktop/machine1";
constexpr const char* kManager = "org.freedesktop.machine1.Manager";
/// machined is started by the first call.
constexpr Duration kLimit = 25_s;

} // namespace

Answer register_machine(sd_bus* bus, const Machine& machine) {
    Message request = new_call(bus, kService, kPath, kManager, "RegisterMachine");
    if (request) {
        sd_bus_message* message = request.get();
        (void)sd_bus_message_append(message, "s", machine.name.c_str());
        // Guests share their images' machine ids, so it is given none.
        (void)sd_bus_message_append_array(message, 'y', nullptr, 0);
        (void)sd_bus_message_append(message, "ssus", "stead", "container",
                                    static_cast<std::uint32_t>(machine.leader), "");
    }
    return call(bus, std::move(request), kLimit);
}

Answer unregister_machine(sd_bus* bus, const std::string& name) {
    Message request = new_call(bus, kService, kPath, kManager, "UnregisterMachine");
    if (request) {
        // At the end of the host nobody starts machined only to be told this.
        (void)sd_bus_message_set_auto_start(request.get(), 0);
        (void)sd_bus_message_append(request.get(), "s", name.c_str());
    }
    return call(bus, std::move(request), kLimit);
}

} // namespace stead::systemd
