#include "systemd/fake_manager.h"

#include <sys/socket.h>

#include <array>
#include <string_view>
#include <utility>

namespace stead::testing {

namespace {

constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kJob = "/org/freedesktop/systemd1/job/7";
constexpr const char* kUnit = "/org/freedesktop/systemd1/unit/guest";

} // namespace

FakeManager::FakeManager() {
    std::array<int, 2> pair{-1, -1};
    (void)::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data());
    other_.reset(pair[1]);
    thread_ = std::thread([this] { serve(); });
    auto opened = systemd::open_peer(sys::UniqueFd(pair[0]), false);
    if (opened) bus = *std::move(opened);
}

FakeManager::~FakeManager() {
    stop();
}

void FakeManager::stop() {
    bus.reset();
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
}

int FakeManager::on_call(sd_bus_message* message, void* self, sd_bus_error* error) {
    const char* member = sd_bus_message_get_member(message);
    if (member == nullptr) return 0;
    const std::string_view name = member;
    if (name == "StartUnit" || name == "StopUnit" || name == "RestartUnit" || name == "KillUnit")
        return on_change(message, self, error);
    if (name == "GetUnit") return on_get_unit(message, self, error);
    if (name == "GetAll") return on_all(message, self, error);
    if (name == "Subscribe" || name == "Reload")
        return sd_bus_reply_method_return(message, nullptr);
    return 0;
}

int FakeManager::on_change(sd_bus_message* message, void* self, sd_bus_error*) {
    auto& fake = *static_cast<FakeManager*>(self);
    const char* unit = nullptr;
    (void)sd_bus_message_read(message, "s", &unit);
    const std::string_view member = sd_bus_message_get_member(message);
    fake.calls.push_back(std::string(member) + " " + unit);
    if (member == "KillUnit") {
        fake.job_result = "done";
        return sd_bus_reply_method_return(message, nullptr);
    }
    if (!fake.refusal.empty())
        return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.NoSuchUnit", "%s",
                                          fake.refusal.c_str());
    const int replied = sd_bus_reply_method_return(message, "o", kJob);
    if (!fake.job_result.empty())
        (void)sd_bus_emit_signal(sd_bus_message_get_bus(message), kPath, kManager, "JobRemoved",
                                 "uoss", 7U, kJob, unit, fake.job_result.c_str());
    return replied;
}

int FakeManager::on_get_unit(sd_bus_message* message, void*, sd_bus_error*) {
    return sd_bus_reply_method_return(message, "o", kUnit);
}

int FakeManager::on_all(sd_bus_message* message, void* self, sd_bus_error*) {
    auto& fake = *static_cast<FakeManager*>(self);
    const char* interface = nullptr;
    (void)sd_bus_message_read(message, "s", &interface);
    if (std::string_view(interface) == "org.freedesktop.systemd1.Unit")
        return sd_bus_reply_method_return(message, "a{sv}", 2, "Id", "s", "x", "ActiveState", "s",
                                          "failed");
    return sd_bus_reply_method_return(message, "a{sv}", 5, "Unknown", "as", 1, "x", "Result", "s",
                                      fake.result.c_str(), "StatusText", "s", fake.status.c_str(),
                                      "ExecMainCode", "i", fake.exit_kind, "ExecMainStatus", "i",
                                      fake.exit_value);
}

void FakeManager::serve() {
    auto served = systemd::open_peer(std::move(other_), true);
    if (!served) return;
    sd_bus* bus_here = served->get();
    if (sd_bus_add_filter(bus_here, nullptr, on_call, this) < 0) return;
    while (!stopped_) {
        const int processed = sd_bus_process(bus_here, nullptr);
        if (processed < 0) return;
        if (processed == 0) (void)sd_bus_wait(bus_here, 20'000);
    }
}

} // namespace stead::testing
