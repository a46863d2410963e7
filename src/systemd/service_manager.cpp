#include "systemd/service_manager.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/signal_name.h"
#include "sys/clock.h"

namespace stead::systemd {

namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr Duration kCallLimit = 30_s;
/// More jobs than guests start at once; older ones nobody has asked for.
constexpr std::size_t kMaxResults = 4096;

const char* method_of(Change what) {
    switch (what) {
    case Change::Start:
        return "StartUnit";
    case Change::Stop:
        return "StopUnit";
    case Change::Restart:
        return "RestartUnit";
    }
    return "";
}

} // namespace

ServiceManager::ServiceManager(sd_bus* bus)
    : bus_(bus) {}

Result<void> ServiceManager::subscribe() {
    // Without a bus between us a message has no sender.
    const char* sender = sd_bus_is_bus_client(bus_) > 0 ? kService : nullptr;
    sd_bus_slot* slot = nullptr;
    const int matched = sd_bus_match_signal(bus_, &slot, sender, kPath, kManager, "JobRemoved",
                                            on_job_removed, this);
    if (matched < 0) return bus_error("match", "JobRemoved", matched);
    slot_.reset(slot);
    // Already subscribed is an answer, too.
    (void)call(bus_, new_call(bus_, kService, kPath, kManager, "Subscribe"), kCallLimit);
    return {};
}

int ServiceManager::on_job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
    std::uint32_t id = 0;
    const char* job = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0) return 0;
    auto& results = static_cast<ServiceManager*>(self)->results_;
    if (results.size() >= kMaxResults) results.clear();
    results[job] = result;
    return 0;
}

std::string ServiceManager::enqueue(Change what, const std::string& unit, std::string& problem) {
    Message request = new_call(bus_, kService, kPath, kManager, method_of(what));
    if (request) (void)sd_bus_message_append(request.get(), "ss", unit.c_str(), "replace");
    const Answer answer = call(bus_, std::move(request), kCallLimit);
    const char* job = nullptr;
    if (answer && sd_bus_message_read(answer.message.get(), "o", &job) > 0) return job;
    problem = answer ? "the service manager answered with something else" : answer.problem;
    return {};
}

std::string ServiceManager::take_result(const std::string& job) {
    const auto found = results_.find(job);
    if (found == results_.end()) return {};
    std::string result = std::move(found->second);
    results_.erase(found);
    return result;
}

JobEnd ServiceManager::change(Change what,
                              const std::string& unit,
                              Instant limit,
                              const std::function<void()>& waiting) {
    std::string problem;
    const std::string job = enqueue(what, unit, problem);
    if (job.empty()) return {.result = {}, .problem = problem};
    return wait_for(job, limit, waiting);
}

JobEnd ServiceManager::wait_for(const std::string& job,
                                Instant limit,
                                const std::function<void()>& waiting) {
    JobEnd end;
    while (true) {
        end.result = take_result(job);
        if (!end.result.empty()) return end;
        const int processed = sd_bus_process(bus_, nullptr);
        if (processed < 0) {
            end.problem = describe(bus_error("the service manager", {}, processed)).c_str();
            return end;
        }
        if (processed > 0) continue;
        const Instant now = sys::now();
        if (now >= limit) {
            end.timed_out = true;
            return end;
        }
        if (waiting) waiting();
        const Duration pause = std::min(limit - now, 1_s);
        (void)sd_bus_wait(bus_, static_cast<std::uint64_t>(pause.ns / 1000) + 1);
    }
}

void ServiceManager::take_property(sd_bus_message* message, UnitLook& look) {
    const char* name = nullptr;
    if (sd_bus_message_read(message, "s", &name) < 0) return;
    const std::string_view key = name;
    const std::pair<std::string_view, std::string*> texts[] = {
        {"ActiveState", &look.state}, {"Result", &look.result}, {"StatusText", &look.status}};
    for (const auto& [known, target] : texts) {
        const char* text = nullptr;
        if (key != known) continue;
        if (sd_bus_message_read(message, "v", "s", &text) >= 0) *target = text;
        return;
    }
    if (key == "ExecMainCode") {
        (void)sd_bus_message_read(message, "v", "i", &look.exit_kind);
    } else if (key == "ExecMainStatus") {
        (void)sd_bus_message_read(message, "v", "i", &look.exit_value);
    } else if (key == "MainPID") {
        (void)sd_bus_message_read(message, "v", "u", &look.main_pid);
    } else {
        (void)sd_bus_message_skip(message, "v");
    }
}

void ServiceManager::read_properties(const std::string& path,
                                     const char* interface,
                                     UnitLook& look) {
    Message request =
        new_call(bus_, kService, path.c_str(), "org.freedesktop.DBus.Properties", "GetAll");
    if (request) (void)sd_bus_message_append(request.get(), "s", interface);
    const Answer answer = call(bus_, std::move(request), kCallLimit);
    if (!answer) return;
    sd_bus_message* message = answer.message.get();
    if (sd_bus_message_enter_container(message, 'a', "{sv}") < 0) return;
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        take_property(message, look);
        if (sd_bus_message_exit_container(message) < 0) return;
    }
}

UnitLook ServiceManager::look(const std::string& unit) {
    UnitLook look;
    Message request = new_call(bus_, kService, kPath, kManager, "GetUnit");
    if (request) (void)sd_bus_message_append(request.get(), "s", unit.c_str());
    const Answer answer = call(bus_, std::move(request), kCallLimit);
    const char* path = nullptr;
    if (!answer || sd_bus_message_read(answer.message.get(), "o", &path) < 0) return look;
    const std::string object = path;
    read_properties(object, "org.freedesktop.systemd1.Unit", look);
    read_properties(object, "org.freedesktop.systemd1.Service", look);
    return look;
}

bool ServiceManager::kill_all(const std::string& unit, int signal, std::string& problem) {
    Message request = new_call(bus_, kService, kPath, kManager, "KillUnit");
    if (request) (void)sd_bus_message_append(request.get(), "ssi", unit.c_str(), "all", signal);
    const Answer answer = call(bus_, std::move(request), kCallLimit);
    problem = answer.problem;
    return static_cast<bool>(answer);
}

Answer ServiceManager::reload() {
    // It answers when all is read, which may take long on a slow machine with many units.
    return call(bus_, new_call(bus_, kService, kPath, kManager, "Reload"), kCallLimit * 3);
}

std::string reason_of(const JobEnd& end, const UnitLook& look) {
    if (!end.problem.empty()) return end.problem;
    if (end.result == "dependency") return "something that it requires could not be started";
    if (end.result == "canceled") return "somebody else has cancelled it";
    if (end.result == "assert") return "its file has gone";
    if (end.result == "timeout" || look.result == "timeout")
        return "it did not become ready in time";
    if (!look.status.empty() && look.result != "start-limit-hit") return look.status;
    if (look.result == "start-limit-hit") return "it was started too often in a short time";
    if (look.exit_kind == CLD_EXITED)
        return "it ended with code " + std::to_string(look.exit_value) + " before it was ready";
    if (look.exit_kind == CLD_KILLED || look.exit_kind == CLD_DUMPED) {
        std::string text = "its PID 1 was killed by signal " + std::to_string(look.exit_value);
        const std::string_view name = signal_name(look.exit_value);
        if (!name.empty()) text += " (" + std::string(name) + ")";
        return text;
    }
    return "the service manager says '" + end.result + "'" +
           (look.result.empty() ? "" : ", '" + look.result + "'");
}

} // namespace stead::systemd
