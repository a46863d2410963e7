#include "init/notify.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/words.h"
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

/// What a line says, in the order of `kKeys`.
enum class Key {
    Ready,
    Reloading,
    Stopping,
    Watchdog,
    Status,
    MainPid,
    Extend,
    Store,
    StoreRemove,
    StoreName
};
constexpr const char* kKeys = "READY=\0RELOADING=\0STOPPING=\0WATCHDOG=\0STATUS=\0MAINPID=\0"
                              "EXTEND_TIMEOUT_USEC=\0FDSTORE=\0FDSTOREREMOVE=\0FDNAME=\0";

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
    const auto said = whole_number(part_before(text, '\n'));
    // A time that is yet to come makes it very old, and so no answer to anything.
    return static_cast<std::uint32_t>(sys::now().ns / 1'000'000 - said.value_or(0) / 1000);
}

/// What counts once the whole message has been read.
struct Notice {
    bool ready = false;
    bool keeps = false;
    bool drops = false;
    std::string_view name;
};

void obey_line(
    Supervisor& self, UnitId unit, std::string_view line, std::string_view whole, Notice& notice) {
    const std::size_t at = line.find('=') + 1;
    const int key = find_word(kKeys, line.substr(0, at));
    if (key < 0) return;
    const std::string_view value = line.substr(at);
    const auto number = whole_number(value);
    const bool one = value == "1";
    const auto tell = [&](engine::EventKind kind, std::uint32_t with = 0) {
        tell_engine(self, kind, unit, with);
    };
    switch (static_cast<Key>(key)) {
    case Key::Ready:
        notice.ready |= one;
        break;
    case Key::Reloading:
        if (one) tell(engine::EventKind::Reloading, age_of(whole));
        break;
    case Key::Stopping:
        if (one) tell(engine::EventKind::Stopping);
        break;
    case Key::Watchdog:
        if (one) tell(engine::EventKind::WatchdogPing);
        if (value == "trigger") tell(engine::EventKind::WatchdogTrigger);
        break;
    case Key::Status:
        keep_status(self.units[unit], value);
        self.changed = true;
        break;
    case Key::MainPid:
        if (number && find_child(self, unit, CommandRole::Main) != nullptr)
            (void)take_main(self, unit, *number);
        break;
    case Key::Extend:
        // A day is longer than any honest extension.
        if (number)
            tell(engine::EventKind::ExtendTimeout,
                 static_cast<std::uint32_t>(std::min<std::int64_t>(*number / 1000, 86'400'000)));
        break;
    case Key::Store:
        notice.keeps |= one;
        break;
    case Key::StoreRemove:
        notice.drops |= one;
        break;
    case Key::StoreName:
        notice.name = value;
        break;
    }
}

/// READY=1 together with RELOADING=1 ends the reload, whichever stands first.
void obey_notice(Supervisor& self, UnitId unit, std::string_view text, sys::Record& record) {
    Notice notice;
    const std::string_view whole = text;
    while (!text.empty()) {
        obey_line(self, unit, take_part(text, '\n'), whole, notice);
    }
    notice.name = held_name(notice.name);
    if (notice.drops) drop_descriptors(self, unit, notice.name);
    for (std::size_t i = 0; notice.keeps && i < record.descriptor_count; ++i)
        keep_descriptor(self, unit, notice.name, std::move(record.descriptors[i]));
    if (notice.ready) tell_engine(self, engine::EventKind::Ready, unit);
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
