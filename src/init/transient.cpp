#include "init/transient.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/control.h"
#include "init/exec_request.h"
#include "init/say.h"
#include "init/sockets.h"
#include "sys/clock.h"
#include "sys/events.h"

namespace stead::init {

namespace {

using wire::Kind;
using wire::Tag;

/// After the client has gone, how long the command has to end by itself.
constexpr Duration kGrace = 3_s;

FixedString<kMaxUnitName> cgroup_name(const Transient& transient) {
    FixedString<kMaxUnitName> name("exec-");
    return name.append_number(transient.number);
}

Transient* find_free(Supervisor& self) {
    for (Transient& transient : self.transients) {
        if (!transient.used) return &transient;
    }
    return nullptr;
}

Client* client_of(Supervisor& self, const Transient& transient) {
    return transient.has_client ? &self.clients[transient.client] : nullptr;
}

void signal_transient(Supervisor& self, const Transient& transient, int signal) {
    if (transient.has_cgroup && signal_cgroup(self, cgroup_name(transient).view(), signal)) return;
    if (transient.group != 0) (void)::kill(-transient.group, signal);
}

void kill_transient(Supervisor& self, const Transient& transient) {
    if (transient.has_cgroup) return kill_cgroup(self, cgroup_name(transient).view());
    if (transient.group != 0) (void)::kill(-transient.group, SIGKILL);
}

void release(Supervisor& self, Transient& transient) {
    // What the command left behind ends with it.
    kill_transient(self, transient);
    transient.master.close();
    if (transient.has_cgroup) remove_cgroup(self, cgroup_name(transient).view());
    const UnitId served = transient.serves ? transient.unit : kNoUnit;
    transient = {};
    // Whoever waited for room listens again; being watched twice is refused by the kernel.
    if (served != kNoUnit) watch_sockets(self);
}

/// The command's exit codes: 127 not found, 126 not executable, 125 we failed.
int failure_code(SpawnStage stage, int error) {
    if (stage != SpawnStage::Exec) return 125;
    return error == ENOENT ? 127 : 126;
}

void answer_failure(Supervisor& self, Client& client, SpawnStage stage, int error) {
    wire::Writer end = begin_message(self, wire::Kind::End);
    end.number(Tag::Code, failure_code(stage, error))
        .number(Tag::ReasonStage, static_cast<int>(stage))
        .number(Tag::ReasonError, error);
    client.pending = Pending::None;
    if (!send_to(self, client, end)) return drop_client(self, client);
    watch_client(self, client);
}

Result<sys::UniqueFd> own_cgroup(Supervisor& self, Transient& transient) {
    if (!self.cgroups.units) return sys::UniqueFd();
    auto cgroup = make_cgroup(self, cgroup_name(transient).view());
    if (!cgroup && !self.launched) return sys::UniqueFd();
    transient.has_cgroup = cgroup.has_value();
    return cgroup;
}

/// Starts what has been prepared; the stage and error of what went wrong before the clone.
Reason begin(Supervisor& self, Transient& transient, spawn::Child& prepared) {
    auto cgroup = own_cgroup(self, transient);
    if (!cgroup) return {.stage = SpawnStage::Cgroup, .error = cgroup.error().code};
    Child* child = add_child(self);
    if (child == nullptr) return {.stage = SpawnStage::Clone, .error = EAGAIN};
    child->unit = kNoUnit;
    child->transient = static_cast<std::uint16_t>(&transient - self.transients.data());
    const auto launched = launch(self, *child, prepared, cgroup->get());
    if (!launched) return {.stage = SpawnStage::Clone, .error = launched.error().code};
    transient.group = child->pid;
    return {};
}

} // namespace

void start_transient(Supervisor& self,
                     Client& client,
                     const wire::Reader& message,
                     sys::Record& record) {
    if (self.engine->shutting_down())
        return answer(self, client, kCouldNot, "the guest is shutting down");
    Transient* transient = find_free(self);
    if (transient == nullptr)
        return answer(self, client, kCouldNot, "too many commands run in the guest already");

    ExecRequest request;
    if (const char* mistake = read_exec_request(self, message, record, request))
        return answer(self, client, kAskedWrongly, mistake);
    *transient = {};
    transient->used = true;
    transient->number = ++self.transient_count;
    transient->has_client = true;
    transient->client = static_cast<std::uint16_t>(&client - self.clients.data());
    client.transient = static_cast<std::uint16_t>(transient - self.transients.data());
    client.pending = Pending::Exec;
    transient->master.take(std::move(request.master));
    const Reason failed = begin(self, *transient, request.prepared);
    if (failed.error != 0) {
        release(self, *transient);
        return answer_failure(self, client, failed.stage, failed.error);
    }
}

bool has_room_for_connection(const Supervisor& self) {
    std::size_t count = 0;
    for (const Transient& transient : self.transients)
        count += transient.used && transient.serves ? 1 : 0;
    return count < kMaxConnections;
}

void start_connection(Supervisor& self, UnitId unit, sys::UniqueFd connection) {
    Transient* transient = find_free(self);
    if (transient == nullptr) return;
    spawn::Child prepared;
    const engine::Action action{.role = CommandRole::Main, .unit = unit};
    const auto ready = prepare_command(self, action, prepared);
    if (!ready) return say_error(self, self.table.name(unit), ready.error());
    const int number = connection.get();
    prepared.listened = {};
    // What it says beside its answer is the unit's own output.
    if (prepared.streams[2].kind == spawn::Stream::Kind::Output)
        prepared.streams[2] = prepared.streams[1];
    prepared.streams[0] =
        prepared.streams[1] = {.kind = spawn::Stream::Kind::Descriptor, .fd = number};
    *transient = {};
    transient->used = true;
    transient->serves = true;
    transient->unit = unit;
    transient->number = ++self.transient_count;
    const Reason failed = begin(self, *transient, prepared);
    if (failed.error == 0) return;
    say_error(self, self.table.name(unit), make_error("a connection", {}, failed.error));
    release(self, *transient);
}

void abandon_connections(Supervisor& self, UnitId unit) {
    for (std::size_t i = 0; i < self.transients.size(); ++i)
        if (self.transients[i].serves && self.transients[i].unit == unit)
            transient_abandoned(self, i);
}

void resume_transients(Supervisor& self) {
    for (std::size_t i = 0; i < self.transients.size(); ++i) {
        Transient& transient = self.transients[i];
        if (!transient.used) continue;
        const auto children = self.children.first(self.children_end);
        const auto child = std::find_if(children.begin(), children.end(), [&](const Child& each) {
            return each.pid != 0 && each.unit == kNoUnit && each.transient == i;
        });
        if (child != children.end()) {
            transient.group = child->pid;
            continue;
        }
        // It was never born: its request is still in the mailbox, and begins anew.
        if (transient.has_client) self.clients[transient.client].pending = Pending::None;
        release(self, transient);
    }
}

void control_transient(Supervisor& self, Client& client, const wire::Reader& message) {
    if (client.pending != Pending::Exec)
        return answer(self, client, kAskedWrongly, "no command runs on this connection");
    const std::int64_t signal = message.number(Tag::Signal);
    if (signal < 1 || signal > 64) return;
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.pid == 0 || child.unit != kNoUnit || child.transient != client.transient)
            continue;
        (void)::syscall(SYS_pidfd_send_signal, child.pidfd.get(), static_cast<int>(signal), nullptr,
                        0);
    }
}

void transient_started(Supervisor& self, std::size_t index) {
    Transient& transient = self.transients[index];
    if (transient.started) return;
    Client* client = client_of(self, transient);
    if (client == nullptr) return;
    wire::Writer started = begin_message(self, wire::Kind::Started);
    started.number(Tag::Pid, transient.group);
    const int master = transient.master.get();
    const std::span<const int> descriptors(&master, transient.master ? 1 : 0);
    if (!send_to(self, *client, started, descriptors)) return drop_client(self, *client);
    // Only the client holds it from now on: whenever it lets go, the program's line hangs up.
    transient.master.close();
    transient.started = true;
}

void transient_ended(Supervisor& self, const Child& was, ExitStatus status) {
    Transient& transient = self.transients[was.transient];
    if (!transient.used) return;
    Client* client = client_of(self, transient);
    const bool ran = was.failed_stage == SpawnStage::None;
    transient.has_client = false;
    release(self, transient);
    if (client == nullptr || !client->fd) return;
    if (!ran) return answer_failure(self, *client, was.failed_stage, was.failed_error);
    wire::Writer ended = begin_message(self, wire::Kind::Ended);
    ended.number(Tag::ExitKind, static_cast<int>(status.kind)).number(Tag::Code, status.value);
    client->pending = Pending::None;
    if (!send_to(self, *client, ended)) return drop_client(self, *client);
    answer(self, *client, kDone);
}

void transient_abandoned(Supervisor& self, std::size_t index) {
    Transient& transient = self.transients[index];
    if (!transient.used) return;
    transient.has_client = false;
    transient.ending = true;
    transient.kill_at = sys::now() + kGrace;
    // Of a program whose client was gone before it heard of it.
    transient.master.close();
    signal_transient(self, transient, SIGHUP);
    signal_transient(self, transient, SIGTERM);
    signal_transient(self, transient, SIGCONT);
}

Instant transient_deadline(const Supervisor& self) {
    Instant next = Instant::never();
    for (const Transient& transient : self.transients) {
        if (transient.used && transient.ending) next = earlier(next, transient.kill_at);
    }
    return next;
}

void end_overdue_transients(Supervisor& self) {
    const Instant now = sys::now();
    for (Transient& transient : self.transients) {
        if (!transient.used || !transient.ending || now < transient.kill_at) continue;
        kill_transient(self, transient);
        // Its end is booked when the kernel reports it; a process in an uninterruptible call gets
        // asked again.
        transient.kill_at = now + kGrace;
    }
}

} // namespace stead::init
