#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "systemd/bus.h"

namespace stead::testing {

/// A service manager at the other end of a socket pair: every job ends as the test says.
class FakeManager {
public:
    FakeManager();
    ~FakeManager();
    FakeManager(const FakeManager&) = delete;
    FakeManager& operator=(const FakeManager&) = delete;
    FakeManager(FakeManager&&) = delete;
    FakeManager& operator=(FakeManager&&) = delete;

    /// The test's end. Set the answers before the first call.
    systemd::Bus bus;

    /// The result of every job; empty: none ever ends.
    std::string job_result = "done";
    /// The error of every request; empty: none.
    std::string refusal;
    std::string status;
    std::string result = "success";
    int exit_kind = 0;
    int exit_value = 0;

    /// "StartUnit stead@web.service", in the order of the calls; after `stop`.
    std::vector<std::string> calls;
    void stop();

private:
    static int on_change(sd_bus_message* message, void* self, sd_bus_error* error);
    static int on_get_unit(sd_bus_message* message, void* self, sd_bus_error* error);
    static int on_all(sd_bus_message* message, void* self, sd_bus_error* error);
    static int on_call(sd_bus_message* message, void* self, sd_bus_error* error);
    void serve();

    sys::UniqueFd other_;
    std::atomic<bool> stopped_{false};
    std::thread thread_;
};

} // namespace stead::testing
