#include "systemd/bus.h"

#include <cerrno>
#include <utility>

namespace stead::systemd {

namespace {

constexpr const char* kManagerSocket = "unix:path=/run/systemd/private";

} // namespace

Error bus_error(const char* operation, std::string_view subject, int returned) {
    return make_error(operation, subject, returned < 0 ? -returned : returned);
}

Result<Bus> open_system_bus() {
    sd_bus* bus = nullptr;
    const int opened = sd_bus_open_system(&bus);
    if (opened < 0) return bus_error("connect", "the system bus", opened);
    return Bus(bus);
}

Result<Bus> open_manager_bus() {
    sd_bus* made = nullptr;
    if (const int failed = sd_bus_new(&made); failed < 0)
        return bus_error("sd_bus_new", {}, failed);
    Bus bus(made);
    if (sd_bus_set_address(made, kManagerSocket) >= 0 && sd_bus_start(made) >= 0) return bus;
    return open_system_bus();
}

Result<Bus> open_peer(sys::UniqueFd socket, bool server) {
    sd_bus* made = nullptr;
    if (const int failed = sd_bus_new(&made); failed < 0)
        return bus_error("sd_bus_new", {}, failed);
    Bus bus(made);
    int done = sd_bus_set_fd(made, socket.get(), socket.get());
    if (done >= 0) (void)socket.release(); // The connection closes it.
    sd_id128_t id{};
    if (done >= 0 && server) done = sd_id128_randomize(&id);
    if (done >= 0 && server) done = sd_bus_set_server(made, 1, id);
    if (done >= 0) done = sd_bus_start(made);
    if (done < 0) return bus_error("connect", "a peer", done);
    return bus;
}

Answer call(sd_bus* bus, Message request, Duration limit) {
    if (!request) return {nullptr, "out of memory", SD_BUS_ERROR_NO_MEMORY};
    // What a call waits for is counted in microseconds; 0 would be the bus's own 25 seconds.
    const auto microseconds =
        limit.is_infinite() ? UINT64_MAX : static_cast<std::uint64_t>(limit.ns / 1000) + 1;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message* reply = nullptr;
    const int done = sd_bus_call(bus, request.get(), microseconds, &error, &reply);
    Answer answer;
    if (done >= 0) {
        answer.message.reset(reply);
    } else {
        answer.problem = error.message != nullptr && *error.message != '\0'
                             ? error.message
                             : describe(bus_error("the bus", {}, done)).c_str();
        answer.problem_name = error.name == nullptr ? "" : error.name;
    }
    sd_bus_error_free(&error);
    return answer;
}

Result<void> tell(sd_bus* bus, Message request) {
    if (!request) return make_error("call", {}, ENOMEM);
    int done = sd_bus_message_set_expect_reply(request.get(), 0);
    if (done >= 0) done = sd_bus_send(bus, request.get(), nullptr);
    if (done >= 0) done = sd_bus_flush(bus);
    if (done < 0) return bus_error("call", "the bus", done);
    return {};
}

Message new_call(sd_bus* bus,
                 const char* destination,
                 const char* path,
                 const char* interface,
                 const char* member) {
    sd_bus_message* made = nullptr;
    if (sd_bus_message_new_method_call(bus, &made, destination, path, interface, member) < 0)
        return nullptr;
    return Message(made);
}

} // namespace stead::systemd
