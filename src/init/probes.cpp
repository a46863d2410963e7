#include "init/probes.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/loop.h"
#include "init/main_process.h"
#include "init/plan_address.h"
#include "sys/events.h"

namespace stead::init {

namespace {

/// What holds means readiness on the way up, and health once the unit is there.
void tell_holds(Supervisor& self, UnitId unit) {
    const bool up = self.engine->view(unit).state == UnitState::Up;
    tell_engine(self, up ? engine::EventKind::Healthy : engine::EventKind::Ready, unit);
}

void probe_connection(Supervisor& self, UnitId unit, std::span<const std::byte> address) {
    if (address.size() < sizeof(sa_family_t)) return;
    const sa_family_t family = family_of(address.data());
    sys::UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return;
    const int connected =
        ::connect(fd.get(), for_kernel(address.data()), static_cast<socklen_t>(address.size()));
    // A unix socket's EAGAIN is a full backlog: somebody listens, which is what was asked.
    if (connected == 0 || (errno == EAGAIN && family == AF_UNIX)) return tell_holds(self, unit);
    if (errno != EINPROGRESS) return;
    SlotFd& probe = self.units[unit].probe;
    probe.take(std::move(fd));
    (void)sys::watch(self.epoll.get(), probe.get(), EPOLLOUT, event_data(Source::Probe, unit));
}

} // namespace

void start_probe(Supervisor& self, UnitId unit, CommandRole role) {
    self.units[unit].probe.close();
    const bool health = role == CommandRole::HealthProbe;
    const UnitPolicy& policy = self.table.policy(unit);
    const std::string_view path =
        health ? self.table.health_path(unit) : self.table.ready_path(unit);
    switch (health ? policy.health : policy.ready) {
    case ReadyKind::Tcp:
    case ReadyKind::Unix:
        return probe_connection(
            self, unit, health ? self.table.health_address(unit) : self.table.ready_address(unit));
    case ReadyKind::Path:
        // Strings of a plan end in NUL.
        if (::faccessat(AT_FDCWD, path.data(), F_OK, AT_EACCESS) == 0) tell_holds(self, unit);
        return;
    case ReadyKind::PidFile:
        return look_into_pid_file(self, unit);
    case ReadyKind::None:
    case ReadyKind::Notify:
    case ReadyKind::Fd:
    case ReadyKind::Exec:
    case ReadyKind::Http:
        return;
    }
}

void finish_probe(Supervisor& self, UnitId unit) {
    SlotFd& probe = self.units[unit].probe;
    if (!probe) return;
    int error = 0;
    socklen_t size = sizeof error;
    const int got = ::getsockopt(probe.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    // The event may have been meant for the probe before this one: no error is not yet an answer.
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    auto* peer_name = reinterpret_cast<sockaddr*>(&peer);
    const bool connected = ::getpeername(probe.get(), peer_name, &peer_size) == 0;
    if (got == 0 && error == 0 && !connected) return;
    probe.close();
    if (connected) tell_holds(self, unit);
}

} // namespace stead::init
