#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>

#include "unitfile/drafts.h"

namespace stead::unitfile {

namespace {

std::string_view word_of(UnitType type) {
    switch (type) {
    case UnitType::Exec:
        return "exec";
    case UnitType::Notify:
        return "notify";
    case UnitType::NotifyFd:
        return "notify-fd";
    case UnitType::Forking:
        return "forking";
    case UnitType::Oneshot:
        return "oneshot";
    case UnitType::Target:
        return "target";
    }
    return "exec";
}

class Checker {
public:
    Checker(UnitDraft& draft, Reporter& reporter)
        : draft_(draft)
        , spec_(draft.spec)
        , reporter_(reporter) {}

    void check() {
        if (spec_.type == UnitType::Target) {
            check_target();
        } else {
            check_command();
        }
        check_readiness();
        check_restart();
        check_stop();
        check_relations();
        check_health();
        check_process();
    }

private:
    [[nodiscard]] bool has(std::string_view key) const { return spec_.keys.has(key); }

    void complain(std::string_view key, std::string message, std::vector<Note> notes = {}) {
        const Place place = spec_.keys.find(key);
        reporter_.error_at(place.file.empty() ? spec_.place : place, std::move(message),
                           std::move(notes));
    }

    /// A note that points at the other half of a contradiction.
    [[nodiscard]] std::vector<Note> see(std::string_view key) const {
        return {{std::string(key) + " is here", spec_.keys.find(key)}};
    }

    void check_target() {
        constexpr std::array<std::string_view, 12> kWithoutProcess{
            "description", "documentation", "type",   "enabled",   "requires", "binds-to",
            "wants",       "after",         "before", "conflicts", "part-of",  "instances"};
        for (const Key& key : unit_keys()) {
            const std::string name = full_name(key);
            if (!has(name) || std::find(kWithoutProcess.begin(), kWithoutProcess.end(), name) !=
                                  kWithoutProcess.end())
                continue;
            complain(name, "a target runs no process, so " + name + " has no meaning", see("type"));
        }
    }

    void check_command() {
        if (!spec_.command.empty()) return;
        // A command that was written and refused has had its message.
        if (has("command") && !spec_.command_place.file.empty())
            return complain("command", "command is empty; name a program");
        if (has("command") || draft_.command_mentioned) return;
        reporter_.error_at(
            spec_.place,
            "command is missing; a unit of type " + std::string(word_of(spec_.type)) +
                " runs a program",
            {{"write command = \"/path/of/program\", or type = \"target\" for a unit "
              "that only groups others",
              {}}});
    }

    /// The probes of `known` that were written; a second one is a mistake.
    std::vector<std::string_view> one_probe_of(std::initializer_list<std::string_view> known) {
        std::vector<std::string_view> probes;
        for (const std::string_view probe : known) {
            if (has(probe)) probes.push_back(probe);
        }
        for (std::size_t i = 1; i < probes.size(); ++i) {
            complain(probes[i], std::string(probes[i]) + " is a second probe; a unit has one",
                     see(probes[0]));
        }
        return probes;
    }

    void check_health() {
        const auto probes = one_probe_of(
            {"health.exec", "health.tcp", "health.unix", "health.http", "health.path"});
        if (spec_.type == UnitType::Target) return;
        for (const std::string_view key :
             {"health.interval", "health.timeout", "health.threshold", "health.action"}) {
            if (has(key) && probes.empty())
                return complain(key, "[health] has no probe; add one of exec, tcp, unix, http and "
                                     "path");
        }
        if (!probes.empty() && spec_.type == UnitType::Oneshot)
            complain(probes[0], "a oneshot has ended when it is up, so nothing is left to probe",
                     see("type"));
        if (has("watchdog.signal") && !has("watchdog.interval"))
            complain("watchdog.signal", "[watchdog] has no interval");
        if (has("watchdog.interval") && spec_.type == UnitType::Oneshot)
            complain("watchdog.interval", "a oneshot has no watchdog", see("type"));
    }

    /// What contradicts the way the unit's processes come and go.
    void check_process() {
        if (has("instances") && !draft_.from_template)
            complain("instances", "instances are for a template, NAME@.toml");
        if (has("ready.pid-file") && spec_.type != UnitType::Forking)
            complain("ready.pid-file", "ready.pid-file is for type = \"forking\"");
        if (has("exit-type") && spec_.type == UnitType::Oneshot)
            complain("exit-type", "a oneshot ends with its program", see("type"));
        if (has("tty.path")) {
            for (const std::string_view key : {"log.output", "log.error"}) {
                if (has(key))
                    complain(key,
                             std::string(key) + " contradicts [tty]: a unit on a terminal "
                                                "writes there",
                             see("tty.path"));
            }
        }
        for (const OutcomeSpec* outcome : {&spec_.on_success, &spec_.on_failure, &spec_.on_limit}) {
            if (!outcome->unit.empty() && outcome->unit == spec_.name)
                reporter_.error_at(outcome->place, "[on] names the unit itself; use restart");
        }
    }

    void check_readiness() {
        const std::vector<std::string_view> probes =
            one_probe_of({"ready.exec", "ready.tcp", "ready.unix", "ready.http", "ready.path",
                          "ready.pid-file"});
        const bool tells = spec_.type == UnitType::Notify || spec_.type == UnitType::NotifyFd;
        if (!probes.empty() && tells) {
            complain(probes[0],
                     "a unit of type " + std::string(word_of(spec_.type)) +
                         " says itself when it is up; take " + std::string(probes[0]) +
                         " out, or write type = \"exec\"",
                     see("type"));
        }
        if (!probes.empty() && spec_.type == UnitType::Oneshot) {
            complain(probes[0],
                     "a oneshot is up when it has ended with success; take " +
                         std::string(probes[0]) + " out",
                     see("type"));
        }
        if (spec_.type == UnitType::Target) return;
        if (has("ready.fd") && spec_.type != UnitType::NotifyFd)
            complain("ready.fd", "ready.fd is for type = \"notify-fd\"");
        if (has("ready.access") && spec_.type != UnitType::Notify && !has("watchdog.interval"))
            complain("ready.access",
                     "ready.access is for type = \"notify\", or a unit with a [watchdog]");
    }

    void check_restart() {
        const bool oneshot = spec_.type == UnitType::Oneshot;
        if (has("remain-after-exit") && !oneshot && spec_.type != UnitType::Target)
            complain("remain-after-exit", "remain-after-exit is for type = \"oneshot\"");
        const bool after_success =
            spec_.restart == RestartPolicy::Always || spec_.restart == RestartPolicy::OnSuccess;
        if (oneshot && after_success) {
            complain("restart.policy",
                     "a oneshot that is started again after success never ends; use on-failure",
                     see("type"));
        }
        if (spec_.restart_max_delay.ns >= spec_.restart_delay.ns) return;
        if (has("restart.max-delay")) {
            complain("restart.max-delay", "restart.max-delay is shorter than the delay",
                     has("restart.delay") ? see("restart.delay") : std::vector<Note>{});
        } else {
            // The default of the longest delay gives way to a delay that was written.
            spec_.restart_max_delay = spec_.restart_delay;
        }
    }

    void check_stop() {
        if (has("stop.schedule") && spec_.type != UnitType::Target) {
            for (const std::string_view key : {"stop.signal", "stop.timeout"}) {
                if (!has(key)) continue;
                complain(key,
                         std::string(key) + " contradicts stop.schedule, which has its own; keep "
                                            "one of them",
                         see("stop.schedule"));
            }
        }
        if (has("reload.signal") && has("reload.command")) {
            complain("reload.command", "reload.command contradicts reload.signal; keep one of them",
                     see("reload.signal"));
        }
        if (spec_.reload_notifies && (!has("reload.signal") || spec_.type != UnitType::Notify))
            complain("reload.notify",
                     "reload.notify is for type = \"notify\" with a reload.signal");
        if (!spec_.stop_schedule.empty()) return;
        StopStep step;
        step.signal = draft_.stop_signal;
        step.wait_ms = spec_.stop_timeout.is_infinite()
                           ? kForever
                           : static_cast<std::uint32_t>(spec_.stop_timeout.ms());
        spec_.stop_schedule.push_back(step);
    }

    void refuse_self(const TextList& list, std::string_view key) {
        for (const Text& other : list) {
            if (other.value == spec_.name)
                reporter_.error_at(other.place, std::string(key) + " names the unit itself");
        }
    }

    /// Complains about units of `second` that are in `first` too.
    void refuse_both(const TextList& first, const TextList& second, std::string_view reason) {
        for (const Text& b : second) {
            for (const Text& a : first) {
                if (a.value != b.value || a.value == spec_.name) continue;
                reporter_.error_at(b.place, "'" + b.value + "' " + std::string(reason),
                                   {{"the other half is here", a.place}});
            }
        }
    }

    void check_relations() {
        refuse_self(spec_.needs, "requires");
        refuse_self(spec_.binds_to, "binds-to");
        refuse_self(spec_.wants, "wants");
        refuse_self(spec_.after, "after");
        refuse_self(spec_.before, "before");
        refuse_self(spec_.conflicts, "conflicts");
        refuse_self(spec_.part_of, "part-of");
        for (const TextList* list : {&spec_.needs, &spec_.binds_to, &spec_.wants}) {
            refuse_both(*list, spec_.before, "is needed before this unit, so before is impossible");
            refuse_both(*list, spec_.conflicts, "is needed by this unit, so it cannot conflict");
        }
        refuse_both(spec_.after, spec_.before, "is to start both before and after this unit");
    }

    UnitDraft& draft_;
    UnitSpec& spec_;
    Reporter& reporter_;
};

} // namespace

void check_unit(UnitDraft& draft, Reporter& reporter) {
    Checker(draft, reporter).check();
}

} // namespace stead::unitfile
