#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "cli/asking.h"
#include "cli/guest_look.h"
#include "cli/open_metrics.h"
#include "cli/options.h"
#include "cli/unit_usage.h"
#include "cli/words.h"
#include "resources/disk.h"
#include "sys/clock.h"
#include "sys/stream.h"

namespace stead::cli {

namespace {

/// One guest that does not answer must not make the scrape of all others fail.
constexpr Duration kLookLimit = 2_s;
constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kMicroseconds = 1'000'000;

using Type = OpenMetrics::Type;

/// The families, in the order in which they are printed.
class Figures {
public:
    void add_guest(const Place& place, const Target& target) {
        const GuestLook look = look_at(place, target, kLookLimit);
        const std::string& name =
            target.guest.empty() && look.guest ? look.guest->name : target.guest;
        const Labels labels{{"guest", safe(name)}};
        out_.add(answers_, labels, look.guest ? 1 : 0);
        if (!look.guest) return;
        add_state(labels, *look.guest);
        const UsageReader usage(place, target);
        std::array<std::int64_t, 3> counts{};
        for (const UnitRecord& unit : look.units) {
            ++counts[unit.state == UnitState::Failed ? 2 : unit.ready() ? 1 : 0];
            add_unit(name, unit, usage.read(unit));
        }
        constexpr std::array<const char*, 3> kWhat = {"other", "up", "failed"};
        for (std::size_t i = 0; i < kWhat.size(); ++i)
            out_.add(units_, {labels.front(), {"state", kWhat[i]}}, counts[i]);
        add_pressure(place, target, labels);
        add_disk(place, target, labels);
    }

    [[nodiscard]] std::string text() const { return out_.text(); }

private:
    void add_state(const Labels& labels, const GuestRecord& guest) {
        out_.add(info_, {labels.front(), {"version", safe(guest.version)}}, 1);
        out_.add(up_, labels, guest.state == wire::GuestState::Up ? 1 : 0);
        out_.add_fraction(uptime_, labels, guest.age().ns, kNanoseconds);
        if (guest.ready_time.ns > 0)
            out_.add_fraction(boot_, labels, (guest.ready_time - guest.boot_time).ns, kNanoseconds);
        out_.add(lost_, labels, guest.log_bytes_lost);
    }

    void add_unit(const std::string& guest, const UnitRecord& unit, const Usage& usage) {
        const Labels labels{{"guest", safe(guest)}, {"unit", safe(unit.name)}};
        out_.add(unit_up_, labels, unit.ready() ? 1 : 0);
        out_.add(unit_state_,
                 {labels[0], labels[1], {"state", std::string(state_name(unit.state))}}, 1);
        out_.add(restarts_, labels, unit.restarts);
        if (unit.since.ns > 0) out_.add_fraction(unit_age_, labels, unit.age().ns, kNanoseconds);
        if (usage.cpu_microseconds)
            out_.add_fraction(cpu_, labels, *usage.cpu_microseconds, kMicroseconds);
        if (usage.memory) out_.add(memory_, labels, *usage.memory);
        if (usage.tasks) out_.add(tasks_, labels, *usage.tasks);
    }

    /// Time that some of the guest's tasks waited (Documentation/accounting/psi.rst), where its
    /// cgroup tells.
    void add_pressure(const Place& place, const Target& target, const Labels& labels) {
        if (target.own()) return;
        const auto guest = guests::find(place.paths(), target.guest);
        if (!guest || !*guest || (*guest)->record.cgroup.empty()) return;
        for (const char* resource : {"cpu", "memory", "io"}) {
            std::ifstream file((*guest)->record.cgroup + "/" + resource + ".pressure");
            std::string line;
            if (!std::getline(file, line)) continue;
            const auto at = line.rfind("total=");
            if (!line.starts_with("some ") || at == std::string::npos) continue;
            const auto total = number_after(std::string_view(line).substr(at + 6), "");
            if (total)
                out_.add_fraction(pressure_, {labels.front(), {"resource", resource}}, *total,
                                  kMicroseconds);
        }
    }

    /// What its own disk takes, where the host's file system counts it.
    void add_disk(const Place& place, const Target& target, const Labels& labels) {
        if (target.own()) return;
        const auto guest = guests::find(place.paths(), target.guest);
        if (!guest || !*guest || (*guest)->record.disk.empty()) return;
        const auto use = resources::kernel_quotas().read((*guest)->record.disk);
        if (!use) return;
        out_.add(disk_bytes_, labels, static_cast<std::int64_t>(use->bytes));
        if (use->inodes) out_.add(disk_inodes_, labels, static_cast<std::int64_t>(*use->inodes));
    }

    OpenMetrics out_;
    std::size_t info_ =
        out_.family(Type::Info, "stead_guest", "A running guest, and the version of its PID 1.");
    std::size_t answers_ =
        out_.family(Type::Gauge, "stead_guest_answers", "1: its PID 1 has answered in time.");
    std::size_t up_ = out_.family(
        Type::Gauge, "stead_guest_up", "1: every unit that its boot starts is settled.");
    std::size_t uptime_ =
        out_.family(Type::Gauge, "stead_guest_uptime_seconds", "Time since it was started.");
    std::size_t boot_ = out_.family(
        Type::Gauge, "stead_guest_boot_seconds", "How long it took until its units had settled.");
    std::size_t units_ =
        out_.family(Type::Gauge, "stead_guest_units", "Its units that are up, failed, or neither.");
    std::size_t lost_ = out_.family(
        Type::Counter, "stead_guest_log_lost_bytes", "Output that nobody took in time.");
    std::size_t pressure_ = out_.family(Type::Counter,
                                        "stead_guest_pressure_seconds",
                                        "Time that some of its tasks waited for a resource.");
    std::size_t disk_bytes_ = out_.family(
        Type::Gauge, "stead_guest_disk_bytes", "What its own disk, above its image, takes.");
    std::size_t disk_inodes_ =
        out_.family(Type::Gauge, "stead_guest_disk_inodes", "Files and folders on its own disk.");
    std::size_t unit_up_ =
        out_.family(Type::Gauge, "stead_unit_up", "1: it runs, or has done its work.");
    std::size_t unit_state_ =
        out_.family(Type::Gauge, "stead_unit_state", "1 for the state that it is in.");
    std::size_t unit_age_ =
        out_.family(Type::Gauge, "stead_unit_state_seconds", "Time since it came into its state.");
    std::size_t restarts_ =
        out_.family(Type::Counter, "stead_unit_restarts", "How often it was started again.");
    std::size_t cpu_ = out_.family(Type::Counter, "stead_unit_cpu_seconds", "Processor time.");
    std::size_t memory_ = out_.family(Type::Gauge,
                                      "stead_unit_memory_bytes",
                                      "Memory that its cgroup is charged, else what is resident.");
    std::size_t tasks_ = out_.family(Type::Gauge, "stead_unit_tasks", "Its processes and threads.");
};

/// The head of one HTTP request on standard input, as much of it as comes in time.
std::string read_request() {
    constexpr Duration kRequestLimit = 5_s;
    constexpr std::size_t kMostBytes = 8192;
    const Instant limit = sys::now() + kRequestLimit;
    std::string head;
    while (head.size() < kMostBytes && head.find("\r\n\r\n") == std::string::npos) {
        const Duration left = limit - sys::now();
        if (left.ns <= 0 || !sys::is_readable(STDIN_FILENO, static_cast<int>(left.ms()) + 1)) break;
        std::array<char, 1024> piece;
        const auto got = sys::read_some(STDIN_FILENO, piece);
        if (!got || *got == 0) break;
        head.append(piece.data(), *got);
    }
    return head;
}

std::string http_answer(std::string_view status, std::string_view type, std::string_view body) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
           std::string(body);
}

/// Answers the one request on standard input, as a socket unit hands it over for each connection.
int answer_http(Console& console, const Figures& figures, const std::string& head) {
    const std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
    const bool got = line.starts_with("GET ") || line.starts_with("HEAD ");
    const std::string_view path = line.substr(std::min(line.size(), line.find(' ') + 1));
    const bool known =
        path.starts_with("/metrics ") || path.starts_with("/metrics?") || path.starts_with("/ ");
    if (head.find("\r\n\r\n") == std::string::npos || !got || !known) {
        const char* status = !got ? "400 Bad Request" : "404 Not Found";
        console.out(
            http_answer(status, "text/plain; charset=utf-8", "The figures are at /metrics.\n"));
        return kDone;
    }
    std::string answer = http_answer(
        "200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", figures.text());
    if (line.starts_with("HEAD ")) answer.erase(answer.find("\r\n\r\n") + 4);
    console.out(answer);
    return kDone;
}

} // namespace

int verb_metrics(Context& context, Arguments arguments) {
    std::string word;
    bool http = false;
    Options options(context, "metrics");
    options.flag("--http", http, "answer one HTTP request on standard input, for a socket unit");
    options.optional_positional("NAME", word, "this guest only");
    if (const auto code = options.parse(arguments)) return *code;

    const std::string head = http ? read_request() : std::string();
    Asking asking(context, Place::look());
    const Place& place = asking.place();
    Figures figures;
    if (!word.empty()) {
        const auto target = asking.target(word);
        if (!target) return asking.code();
        if (!target->unit.empty())
            return asking.fail(kAskedWrongly, "metrics wants a guest; its units are among them");
        // Who does not run is named, unlike in a scrape of all.
        if (!asking.open(*target)) return asking.code();
        figures.add_guest(place, *target);
    } else if (place.on_host()) {
        for (const std::string& name : place.guests())
            figures.add_guest(place, {.guest = name, .unit = {}});
    } else {
        figures.add_guest(place, {});
    }
    if (http) return answer_http(context.console, figures, head);
    context.console.out(figures.text());
    return kDone;
}

} // namespace stead::cli
