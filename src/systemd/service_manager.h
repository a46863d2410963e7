#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "systemd/bus.h"

/// The service manager (org.freedesktop.systemd1), as far as guests need it.
namespace stead::systemd {

enum class Change : std::uint8_t { Start, Stop, Restart };

/// How a job ended.
struct JobEnd {
    /// The job's own result ("done", "failed", "dependency", "timeout", "canceled", ...); empty if
    /// there was no job, or its end did not come in time.
    std::string result;
    /// Why there was no job, in the manager's words.
    std::string problem;
    bool timed_out = false;

    [[nodiscard]] bool done() const { return result == "done"; }
};

/// What the manager knows of a unit; empty or 0 where it said nothing.
struct UnitLook {
    std::string state;
    std::string result;
    std::string status;
    std::int32_t exit_kind = 0;
    std::int32_t exit_value = 0;
    std::uint32_t main_pid = 0;
};

class ServiceManager {
public:
    explicit ServiceManager(sd_bus* bus);
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;
    ServiceManager(ServiceManager&&) = delete;
    ServiceManager& operator=(ServiceManager&&) = delete;
    ~ServiceManager() = default;

    /// Hears of the ends of jobs. Before the first change.
    Result<void> subscribe();

    /// Changes a unit and waits for the job's end until `limit`. `waiting` is called now and then.
    JobEnd change(Change what,
                  const std::string& unit,
                  Instant limit,
                  const std::function<void()>& waiting = {});

    /// Waits for the end of a job that somebody has made.
    JobEnd
    wait_for(const std::string& job, Instant limit, const std::function<void()>& waiting = {});

    /// Puts the job into the manager's queue and returns its name; empty, with `problem`, if it
    /// refuses.
    std::string enqueue(Change what, const std::string& unit, std::string& problem);
    /// The result of a job that has ended, once; empty while it has not.
    std::string take_result(const std::string& job);

    UnitLook look(const std::string& unit);

    /// Sends a signal to every process of the unit.
    bool kill_all(const std::string& unit, int signal, std::string& problem);

    /// Reads all unit files again.
    Answer reload();

private:
    static int on_job_removed(sd_bus_message* message, void* self, sd_bus_error* error);
    void read_properties(const std::string& path, const char* interface, UnitLook& look);
    void take_property(sd_bus_message* message, UnitLook& look);

    sd_bus* bus_;
    Slot slot_;
    std::map<std::string, std::string, std::less<>> results_;
};

/// Why a guest's service did not come up, in one sentence without a full stop.
std::string reason_of(const JobEnd& end, const UnitLook& look);

} // namespace stead::systemd
