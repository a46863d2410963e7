#include <array>

#include "import/amounts.h"
#include "import/rules.h"
#include "unitfile/values.h"

/// [Socket] and [Timer]: tables of the unit that they start.
namespace stead::importing {

namespace {

constexpr std::string_view kKinds = "sockets are tcp, udp, unix or a FIFO";

std::string socket_key(const Job& job, const char* name) {
    return "socket." + job.facts.socket_name + "." + name;
}

/// "80", "127.0.0.1:80", "/run/app.sock" of a stream or datagram socket.
void listen(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const std::string key = socket_key(job, "listen");
    const auto text = job.text(line, line.value, key);
    if (!text) return;
    const bool datagram = line.name == "ListenDatagram";
    std::string address;
    if (text->starts_with('/')) {
        address = (datagram ? "unix-datagram:" : "unix:") + *text;
    } else if (text->starts_with('@')) {
        return job.draft.leave_out(line.item,
                                   "abstract sockets belong to nobody and are not opened");
    } else if (text->starts_with("vsock:")) {
        return job.draft.leave_out(line.item, "sockets are tcp, udp, unix or a FIFO");
    } else {
        address = (datagram ? "udp:" : "tcp:") + *text;
    }
    job.draft.append(line.item, key, unitfile::text_node(address));
}

void listen_special(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const std::string key = socket_key(job, "listen");
    const auto text = job.text(line, line.value, key);
    if (!text) return;
    const char* kind = line.name == "ListenFIFO" ? "fifo:" : "unix-seqpacket:";
    job.draft.append(line.item, key, unitfile::text_node(kind + *text));
}

/// In the order written, whatever the kinds: it is that of the descriptors.
void listen_any(Job& job, const Line& line) {
    if (line.name == "ListenStream" || line.name == "ListenDatagram") return listen(job, line);
    if (line.name == "ListenSequentialPacket" || line.name == "ListenFIFO")
        return listen_special(job, line);
    job.draft.leave_out(line.item, kKinds);
}

void socket_mode(Job& job, const Line& line) {
    const std::string key = socket_key(job, "mode");
    put_mode(job, {line.item, line.name, line.value, key, {}});
}

void socket_user(Job& job, const Line& line) {
    const std::string key = socket_key(job, "user");
    put_text(job, {line.item, line.name, line.value, key, {}});
}

void accept(Job& job, const Line& line) {
    const auto value = job.flag(line);
    if (!value || !*value) return;
    job.facts.per_connection = true;
    job.draft.put(line.item, socket_key(job, "per-connection"), unitfile::boolean_node(true));
}

void starts(Job& job, const Line& line) {
    job.draft.explain(line.item, "it is a table of that unit");
}

void calendar(Job& job, const Line& line) {
    if (line.value.empty()) return;
    const auto text = job.text(line);
    if (!text) return;
    if (job.draft.find(line.key) != nullptr)
        return job.draft.leave_out(line.item, "a timer has one calendar expression: the first");
    job.draft.put(line.item, line.key, unitfile::text_node(*text));
}

/// The first of several times counts.
void timer_duration(Job& job, const Line& line) {
    if (line.value.empty()) return;
    if (job.draft.find(line.key) != nullptr)
        return job.draft.leave_out(line.item, std::string(line.key) + " is already there");
    put_duration(job, line);
    if (!line.note.empty()) job.draft.approximate(line.item, line.note);
}

constexpr std::string_view kTuning = "sockets are opened with the kernel's own settings";
constexpr std::string_view kCommands = "a socket has no commands: put them into the unit's hooks";

constexpr std::array kSocketRules{
    Rule{"Listen*", Many::List, listen_any, "listen"},
    Rule{"SocketMode", Many::Last, socket_mode, "mode"},
    Rule{"SocketUser", Many::Last, socket_user, "user"},
    Rule{"SocketGroup", Many::Last, no_counterpart, "", "a socket's group is its user's"},
    Rule{"DirectoryMode", Many::Last, differs, "", "folders of sockets are made with 0755"},
    Rule{"Accept", Many::Last, accept, "per-connection"},
    Rule{"Service", Many::Last, starts},
    Rule{"FileDescriptorName", Many::Last, holds, "", "it is the table's name"},
    Rule{"RemoveOnStop", Many::Last, differs, "", "sockets stay while the guest runs"},
    Rule{"FlushPending", Many::Last, no_counterpart, "", "what waits in a socket stays there"},
    Rule{"Symlinks", Many::List, no_counterpart, "", "a socket has one path"},
    Rule{"MaxConnections", Many::Last, differs, "",
         "limits.pids-max bounds what connections start"},
    Rule{"MaxConnectionsPerSource", Many::Last, no_counterpart, "", "sources are not counted"},
    Rule{"Backlog", Many::Last, differs, "", kTuning},
    Rule{"KeepAlive", Many::Last, no_counterpart, "", kTuning},
    Rule{"KeepAliveTimeSec", Many::Last, no_counterpart, "", kTuning},
    Rule{"KeepAliveIntervalSec", Many::Last, no_counterpart, "", kTuning},
    Rule{"KeepAliveProbes", Many::Last, no_counterpart, "", kTuning},
    Rule{"NoDelay", Many::Last, no_counterpart, "", kTuning},
    Rule{"Priority", Many::Last, no_counterpart, "", kTuning},
    Rule{"DeferAcceptSec", Many::Last, differs, "", kTuning},
    Rule{"ReceiveBuffer", Many::Last, differs, "", kTuning},
    Rule{"SendBuffer", Many::Last, differs, "", kTuning},
    Rule{"IPTOS", Many::Last, no_counterpart, "", kTuning},
    Rule{"IPTTL", Many::Last, no_counterpart, "", kTuning},
    Rule{"Mark", Many::Last, no_counterpart, "", kTuning},
    Rule{"ReusePort", Many::Last, no_counterpart, "", kTuning},
    Rule{"PipeSize", Many::Last, differs, "", kTuning},
    Rule{"FreeBind", Many::Last, no_counterpart, "", kTuning},
    Rule{"Transparent", Many::Last, no_counterpart, "", kTuning},
    Rule{"Broadcast", Many::Last, no_counterpart, "", kTuning},
    Rule{"PassCredentials", Many::Last, no_counterpart, "", kTuning},
    Rule{"PassSecurity", Many::Last, no_counterpart, "", kTuning},
    Rule{"PassPacketInfo", Many::Last, no_counterpart, "", kTuning},
    Rule{"Timestamping", Many::Last, no_counterpart, "", kTuning},
    Rule{"TCPCongestion", Many::Last, no_counterpart, "", kTuning},
    Rule{"BindIPv6Only", Many::Last, differs, "", kTuning},
    Rule{"BindToDevice", Many::Last, no_counterpart, "", kTuning},
    Rule{"Writable", Many::Last, no_counterpart, "", kKinds},
    Rule{"MessageQueueMaxMessages", Many::Last, no_counterpart, "", kKinds},
    Rule{"MessageQueueMessageSize", Many::Last, no_counterpart, "", kKinds},
    Rule{"SELinuxContextFromNet", Many::Last, no_counterpart, "", "labels are not set"},
    Rule{"TriggerLimitIntervalSec", Many::Last, differs, "", "restart.burst bounds the starts"},
    Rule{"TriggerLimitBurst", Many::Last, differs, "", "restart.burst bounds the starts"},
    Rule{"PollLimitIntervalSec", Many::Last, differs, "", "restart.burst bounds the starts"},
    Rule{"PollLimitBurst", Many::Last, differs, "", "restart.burst bounds the starts"},
    Rule{"TimeoutSec", Many::Last, differs, "", kCommands},
    Rule{"ExecStartPre", Many::List, no_counterpart, "", kCommands},
    Rule{"ExecStartPost", Many::List, no_counterpart, "", kCommands},
    Rule{"ExecStopPre", Many::List, no_counterpart, "", kCommands},
    Rule{"ExecStopPost", Many::List, no_counterpart, "", kCommands},
};

constexpr std::array kTimerRules{
    Rule{"OnCalendar", Many::List, calendar, "timer.calendar"},
    Rule{"OnBootSec", Many::List, timer_duration, "timer.on-boot"},
    Rule{"OnStartupSec", Many::List, timer_duration, "timer.on-boot"},
    Rule{"OnActiveSec", Many::List, timer_duration, "timer.on-boot",
         "from the guest's start on, not from the timer's"},
    Rule{"OnUnitActiveSec", Many::List, timer_duration, "timer.every"},
    Rule{"OnUnitInactiveSec", Many::List, timer_duration, "timer.every",
         "from start to start, not from end to start"},
    Rule{"RandomizedDelaySec", Many::Last, put_duration, "timer.jitter"},
    Rule{"FixedRandomDelay", Many::Last, no_counterpart, "",
         "each start is delayed by chance anew"},
    Rule{"RandomizedOffsetSec", Many::Last, differs, "", "timer.jitter delays each start anew"},
    Rule{"AccuracySec", Many::Last, holds, "", "timers are on time"},
    Rule{"Persistent", Many::Last, put_flag, "timer.persistent"},
    Rule{"Unit", Many::Last, starts},
    Rule{"WakeSystem", Many::Last, no_counterpart, "", "a guest never wakes the machine"},
    Rule{"RemainAfterElapse", Many::Last, holds, "", "timers are never unloaded"},
    Rule{"DeferReactivation", Many::Last, differs, "", "a start that falls into a run is left out"},
    Rule{"OnClockChange", Many::Last, no_counterpart, "", "changes of the clock start nothing"},
    Rule{"OnTimezoneChange", Many::Last, no_counterpart, "",
         "changes of the time zone start nothing"},
};

} // namespace

std::span<const Rule> socket_rules() {
    return kSocketRules;
}

std::span<const Rule> timer_rules() {
    return kTimerRules;
}

} // namespace stead::importing
