#include "init/notify.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/digits.h"
#include "init/loop.h"
#include "init/mailbox.h"
#include "init/main_process.h"
#include "init/say.h"
#include "init/sockets.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/process.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

/// Longer messages are ignored whole.
constexpr std::size_t kMaxNotice = 4096;
constexpr int kReceiveBuffer = 1 << 20;

/// Whose message counts: the unit whose main process sent it, or, where the unit allows more than
/// its main process, in whose cgroup the sender lives.
std::optional<UnitId> find_sender(Supervisor& self, pid_t sender, int pidfd) {
    const sys::ProcessFacts facts = sys::facts_of(pidfd);
    // Of a sender that was reaped already the number says nothing any more.
    if (Child* child = facts.ended ? nullptr : find_child(self, sender)) {
        if (child->unit == kNoUnit) return std::nullopt;
        // What it says must not overtake the news that it is the program by now.
        read_report(self, *child);
        const bool main = child->role == CommandRole::Main && !child->replaced;
        const NotifyAccess access = self.table.exec(child->unit).notify_access;
        if (main || access != NotifyAccess::Main) return child->unit;
        return std::nullopt;
    }
    // It may end, and be reaped, before its /proc could be read.
    if (const auto unit = find_unit(self, facts.cgroup))
        return self.table.exec(*unit).notify_access == NotifyAccess::All ? unit : std::nullopt;
    if (sender <= 0 || facts.ended) return std::nullopt;
    std::array<char, 1024> buffer;
    const std::string_view name = find_cgroup_of(self, sender, buffer);
    if (!name.empty()) {
        const auto unit = self.table.find(name);
        if (unit && self.table.exec(*unit).notify_access == NotifyAccess::All) return unit;
        return std::nullopt;
    }
    // Hidden or missing /proc: the kernel's own lists of members answer as well.
    for (std::size_t i = 0; self.cgroups.units && i < self.units.size(); ++i) {
        const auto unit = static_cast<UnitId>(i);
        if (!self.units[i].has_cgroup) continue;
        if (self.table.exec(unit).notify_access != NotifyAccess::All) continue;
        if (is_member(self, self.table.name(unit), sender)) return unit;
    }
    return std::nullopt;
}

/// What came to be known of a unit, with everything but printable ASCII and UTF-8 bytes replaced.
void keep_status(Unit& unit, std::string_view text) {
    unit.status_text.clear();
    for (const char c : text.substr(0, kMaxStatusText)) {
        const auto byte = static_cast<unsigned char>(c);
        const char shown = byte < 0x20 || byte == 0x7f ? '?' : c;
        unit.status_text.append({&shown, 1});
    }
}

void obey_line(Supervisor& self, UnitId unit, std::string_view line) {
    const auto tell = [&](engine::EventKind kind, std::uint32_t value = 0) {
        tell_engine(self, {.kind = kind, .unit = unit, .value = value});
    };
    if (line == "READY=1") return tell(engine::EventKind::Ready);
    if (line == "STOPPING=1") return tell(engine::EventKind::Stopping);
    if (line == "WATCHDOG=1") return tell(engine::EventKind::WatchdogPing);
    if (line == "WATCHDOG=trigger") return tell(engine::EventKind::WatchdogTrigger);
    if (line.starts_with("STATUS=")) {
        keep_status(self.units[unit], line.substr(7));
        self.changed = true;
        return;
    }
    constexpr std::string_view kMain = "MAINPID=";
    if (line.starts_with(kMain)) {
        const bool has_main = find_child(self, unit, CommandRole::Main) != nullptr;
        const auto pid = whole_number(line.substr(kMain.size()));
        if (has_main && pid) (void)take_main(self, unit, *pid);
        return;
    }
    constexpr std::string_view kExtend = "EXTEND_TIMEOUT_USEC=";
    if (line.starts_with(kExtend)) {
        const auto microseconds = whole_number(line.substr(kExtend.size()));
        // A day is longer than any honest extension.
        constexpr std::int64_t kDay = 86'400'000;
        if (microseconds)
            tell(engine::EventKind::ExtendTimeout,
                 static_cast<std::uint32_t>(std::min(*microseconds / 1000, kDay)));
    }
}

/// A name as LISTEN_FDNAMES can carry it; others are called as systemd calls them.
std::string_view held_name(std::string_view name) {
    for (const char c : name)
        if (c < '!' || c > '~' || c == ':') name = {};
    return name.empty() || name.size() > kMaxHeldName ? "stored" : name;
}

/// How many milliseconds ago a message says that it was sent; 0 for one that says nothing.
std::uint32_t age_of(std::string_view text) {
    constexpr std::string_view kSaid = "MONOTONIC_USEC=";
    const std::size_t at = text.find(kSaid);
    if (at == text.npos) return 0;
    text.remove_prefix(at + kSaid.size());
    const auto said = whole_number(text.substr(0, text.find('\n')));
    // A time that is yet to come makes it very old, and so no answer to anything.
    return static_cast<std::uint32_t>(sys::now().ns / 1'000'000 - said.value_or(0) / 1000);
}

/// READY=1 together with RELOADING=1 ends the reload, whichever stands first.
void obey_notice(Supervisor& self, UnitId unit, std::string_view text, sys::Record& record) {
    bool ready = false;
    bool keeps = false;
    bool drops = false;
    std::string_view name;
    constexpr std::string_view kName = "FDNAME=";
    const std::string_view whole = text;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line == "READY=1") {
            ready = true;
        } else if (line == "RELOADING=1") {
            tell_engine(
                self, {.kind = engine::EventKind::Reloading, .unit = unit, .value = age_of(whole)});
        } else if (line == "FDSTORE=1") {
            keeps = true;
        } else if (line == "FDSTOREREMOVE=1") {
            drops = true;
        } else if (line.starts_with(kName)) {
            name = line.substr(kName.size());
        } else {
            obey_line(self, unit, line);
        }
    }
    if (drops) drop_descriptors(self, unit, held_name(name));
    for (std::size_t i = 0; keeps && i < record.descriptor_count; ++i)
        keep_descriptor(self, unit, held_name(name), std::move(record.descriptors[i]));
    if (ready) obey_line(self, unit, "READY=1");
}

} // namespace

void open_notify(Supervisor& self, std::string_view path, sys::UniqueFd bound) {
    if (!bound) {
        (void)::unlink(FixedString<107>(path).c_str());
        auto socket = sys::bind_unix(path, SOCK_DGRAM, 0666);
        if (!socket) {
            say_error(self, "no notify socket, units cannot say that they are ready",
                      socket.error());
            return;
        }
        bound = std::move(*socket);
    }
    const auto credentials = sys::set_socket_option(bound.get(), SO_PASSCRED, 1);
    if (!credentials) return say_error(self, "no notify socket", credentials.error());
    // A larger buffer and pidfds are welcome where the kernel has them.
    (void)sys::set_socket_option(bound.get(), SO_RCVBUF, kReceiveBuffer);
    (void)sys::set_socket_option(bound.get(), sys::kPassPidfd, 1);
    self.notify.take(std::move(bound));
    self.notify_path.clear();
    self.notify_path.append(path);
    (void)sys::watch(self.epoll.get(), self.notify.get(), EPOLLIN, event_data(Source::Notify));
}

void obey_message(Supervisor& self, sys::Record& record) {
    if (record.size == 0) return;
    const auto unit = find_sender(self, record.sender, record.pidfd.get());
    if (!unit) return;
    const auto* text = reinterpret_cast<const char*>(self.received.data());
    obey_notice(self, *unit, {text, record.size}, record);
}

void read_notify(Supervisor& self) {
    self.more_notices = false;
    if (!self.notify) return;
    for (int count = 0; count < kPerTurn; ++count) {
        begin_mail(self, Source::Notify);
        auto record =
            sys::receive(self.notify.get(), self.received.first(kMaxNotice), self.mailbox.control);
        // Descriptors that ride along and are not kept (a barrier's) are closed with the record.
        if (record && !record->truncated) obey_message(self, *record);
        end_mail(self, record ? record->size : 0);
        if (!record) return;
    }
    self.more_notices = true;
}

} // namespace stead::init
