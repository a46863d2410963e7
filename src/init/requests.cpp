#include "init/requests.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "init/children.h"
#include "init/control.h"
#include "init/keeper.h"
#include "init/loop.h"
#include "init/reload.h"
#include "init/ring.h"
#include "init/status.h"
#include "init/transient.h"
#include "init/upgrade.h"
#include "sys/events.h"
#include "sys/process.h"
#include "sys/signals.h"

namespace stead::init {

namespace {

using wire::Kind;
using wire::Tag;

bool has_flag(const wire::Reader& message, std::uint32_t flag) {
    return (message.number(Tag::Flags) & flag) != 0;
}

void answer_no_unit(Supervisor& self, Client& client, std::string_view name) {
    FixedString<200> text("no unit is named '");
    text.append(name).append("'");
    answer(self, client, kNoSuchUnit, text.c_str());
}

/// The unit that Tag::Name asks for; none has been answered.
std::optional<UnitId> named_unit(Supervisor& self, Client& client, const wire::Reader& message) {
    const std::string_view name = message.text(Tag::Name);
    const auto unit = self.table.find(name);
    if (!unit) answer_no_unit(self, client, name);
    return unit;
}

void show_status(Supervisor& self, Client& client, const wire::Reader& message) {
    client.unit = kNoUnit;
    if (message.find(Tag::Name)) {
        const auto unit = named_unit(self, client, message);
        if (!unit) return;
        client.unit = *unit;
    }
    client.pending = Pending::Status;
    client.cursor = 0;
    continue_status(self, client);
}

engine::EventKind event_of(Kind kind) {
    if (kind == Kind::Start) return engine::EventKind::Start;
    if (kind == Kind::Stop) return engine::EventKind::Stop;
    if (kind == Kind::Restart) return engine::EventKind::Restart;
    return engine::EventKind::Reload;
}

void change_unit(Supervisor& self, Client& client, const wire::Reader& message) {
    const auto unit = named_unit(self, client, message);
    if (!unit) return;
    const Kind kind = message.kind();
    const bool starts = kind == Kind::Start || kind == Kind::Restart;
    if (starts && self.table.is_ghost(*unit))
        return answer(self, client, kCouldNot, "its unit file is gone: it can only be stopped");
    if (self.engine->shutting_down() && kind != Kind::Stop)
        return answer(self, client, kCouldNot, "the guest is shutting down");
    if (kind == Kind::Reload && self.engine->view(*unit).state != UnitState::Up)
        return answer(self, client, kCouldNot, "the unit is not up");
    const UnitPolicy& policy = self.table.policy(*unit);
    const bool reloads = policy.reload_signal != 0 ||
                         policy.command_counts[static_cast<std::size_t>(CommandRole::Reload)] != 0;
    if (kind == Kind::Reload && !reloads)
        return answer(self, client, kCouldNot, "the unit has no [reload] signal or command");

    const bool waits = !has_flag(message, wire::kNoWait);
    client.request = kind;
    client.unit = *unit;
    if (waits) client.pending = Pending::Settle;
    // From here on it is settled whom to answer, whatever happens to PID 1 itself.
    tell_engine(self, event_of(kind), *unit);
    if (!waits) return answer(self, client, kDone);
    watch_client(self, client);
}

void kill_processes(Supervisor& self, Client& client, const wire::Reader& message) {
    const auto unit = named_unit(self, client, message);
    if (!unit) return;
    const std::int64_t signal = message.number(Tag::Signal, 15);
    const std::int64_t whom = message.number(Tag::Whom);
    if (signal < 1 || signal > sys::kLastSignal || whom < 0 || whom > 1)
        return answer(self, client, kAskedWrongly, "no such signal or choice of processes");
    const bool only_main = whom == 1;
    Child* main = find_child(self, *unit, CommandRole::Main);
    if (only_main ? main == nullptr : !has_processes(self, *unit))
        return answer(self, client, kCouldNot, "no process of the unit is running");
    if (main != nullptr && signal == SIGKILL) main->killed = true;
    signal_unit(self,
                {.kind = engine::ActionKind::Signal,
                 .scope = only_main ? engine::Scope::Main : engine::Scope::All,
                 .unit = *unit,
                 .signal = static_cast<std::int32_t>(signal)},
                false);
    answer(self, client, kDone);
}

void wait_for(Supervisor& self, Client& client, const wire::Reader& message) {
    client.unit = kNoUnit;
    if (message.find(Tag::Name)) {
        const auto unit = named_unit(self, client, message);
        if (!unit) return;
        client.unit = *unit;
    }
    client.request = Kind::Wait;
    client.pending = has_flag(message, wire::kUntilSettled) ? Pending::Settle : Pending::Watch;
    watch_client(self, client);
    self.changed = true; // It may have settled long ago.
    if (client.pending == Pending::Watch && client.unit != kNoUnit &&
        !send_unit(self, client, client.unit))
        drop_client(self, client);
}

void write_ring(Supervisor& self, UnitId wanted, int fd) {
    // A copy of the positions walks the ring without taking anything out of it.
    Ring walker = self.ring;
    while (const auto record = ring_front(walker)) {
        if (wanted == kNoUnit || record->unit == wanted)
            (void)!::write(fd, record->bytes.data(), record->bytes.size());
        ring_pop(walker);
    }
}

void show_logs(Supervisor& self,
               Client& client,
               const wire::Reader& message,
               std::size_t message_size) {
    UnitId unit = kNoUnit;
    if (message.find(Tag::Name)) {
        const auto named = named_unit(self, client, message);
        if (!named) return;
        unit = *named;
    }
    auto pipe = sys::make_pipe(O_NONBLOCK);
    if (!pipe) return answer(self, client, pipe.error());
    (void)::fcntl(pipe->write.get(), F_SETPIPE_SZ, static_cast<int>(kRingSize));
    const auto query = std::span(self.received).first(message_size);
    if (!pass_log_query(self, query, pipe->write.get())) {
        if (self.keeper) return answer(self, client, kCouldNot, "the keeper is busy");
        write_ring(self, unit, pipe->write.get());
    }
    answer_with(self, client, pipe->read.get());
}

void shut_down(Supervisor& self, Client& client, const wire::Reader& message) {
    const std::int64_t end = message.number(Tag::End);
    if (end < 0 || end > static_cast<int>(EndKind::Halt))
        return answer(self, client, kAskedWrongly, "no such way to end a guest");
    answer(self, client, kDone);
    ask_shutdown(self, static_cast<EndKind>(end));
}

void become_keeper(Supervisor& self, Client& client) {
    if (!client.host) return answer(self, client, kCouldNot, "only the host keeps a guest");
    const auto own = sys::open_process(::getpid());
    if (!own) return answer(self, client, own.error());
    wire::Writer message = begin_message(self, wire::Kind::AttachKeeper);
    const int pidfd = own->pidfd.get();
    if (!send_to(self, client, message, std::span(&pidfd, 1))) return drop_client(self, client);
    (void)sys::unwatch(self.epoll.get(), client.fd.get());
    sys::UniqueFd channel = client.fd.release();
    client = {};
    attach_keeper(self, std::move(channel));
}

/// What needs no right to command: looking.
bool only_looks(Kind kind) {
    return kind == Kind::Ping || kind == Kind::Status || kind == Kind::Wait || kind == Kind::Logs;
}

void obey_command(Supervisor& self,
                  Client& client,
                  const wire::Reader& message,
                  sys::Record& record) {
    switch (message.kind()) {
    case Kind::Start:
    case Kind::Stop:
    case Kind::Restart:
    case Kind::Reload:
        return change_unit(self, client, message);
    case Kind::Kill:
        return kill_processes(self, client, message);
    case Kind::Exec:
        return start_transient(self, client, message, record);
    case Kind::ExecControl:
        return control_transient(self, client, message);
    case Kind::Shutdown:
        return shut_down(self, client, message);
    case Kind::AttachKeeper:
        return become_keeper(self, client);
    case Kind::Upgrade:
        return start_upgrade(self, client, record);
    case Kind::ReloadUnits:
        return reload_units(self, client, message, record);
    default:
        return answer(self, client, kAskedWrongly, "this version does not know the request");
    }
}

/// Whether a request by hand did what it was for.
int result_of(Supervisor& self, const Client& client) {
    if (client.unit == kNoUnit) return kDone;
    const engine::UnitView view = self.engine->view(client.unit);
    const bool up = view.state == UnitState::Up || view.state == UnitState::Done;
    const bool skipped = view.reason.kind == ReasonKind::ConditionNotMet;
    if (client.request == Kind::Start || client.request == Kind::Restart)
        return up || skipped ? kDone : kCouldNot;
    const bool bad_reload = view.reason.role == static_cast<std::uint8_t>(CommandRole::Reload) &&
                            (view.reason.kind == ReasonKind::CommandFailed ||
                             view.reason.kind == ReasonKind::SpawnFailed);
    if (client.request == Kind::Reload) return up && !bad_reload ? kDone : kCouldNot;
    return kDone;
}

} // namespace

void obey_request(Supervisor& self,
                  Client& client,
                  const wire::Reader& message,
                  sys::Record& record) {
    const Kind kind = message.kind();
    // A connection with a transient unit carries only its controls.
    if (client.pending == Pending::Exec && kind != Kind::ExecControl)
        return drop_client(self, client);
    if (!client.commands && !only_looks(kind))
        return answer(self, client, kCouldNot, "only root may do that");
    switch (kind) {
    case Kind::Ping:
        return answer(self, client, kDone);
    case Kind::Status:
        return show_status(self, client, message);
    case Kind::Wait:
        return wait_for(self, client, message);
    case Kind::Logs:
        return show_logs(self, client, message, record.size);
    default:
        return obey_command(self, client, message, record);
    }
}

void finish_request(Supervisor& self, Client& client) {
    // Nobody has room for one record and then none for the next for long; who does not read at all
    // is dropped by `answer`.
    if (client.unit != kNoUnit) (void)send_unit(self, client, client.unit);
    if (client.fd) answer(self, client, result_of(self, client));
}

} // namespace stead::init
