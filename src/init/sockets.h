#pragma once

#include "init/supervisor.h"

namespace stead::init {

class ChildStrings;

/// What is open for units before they run, and what they have left with PID 1 to find again
/// (FDSTORE=1). Everything lies in the state, so that no restart of a unit and none of PID 1 closes
/// it; what a unit listens on closes when it has come to rest.

/// Opens the sockets of `unit` that are not open yet.
Result<void> open_sockets(Supervisor& self, UnitId unit);
/// Whether each connection of `unit` has a process of its own, so that the unit itself has none.
bool serves_connections(const Supervisor& self, UnitId unit);
/// Hands the unit's descriptors to its main process, and says which they are.
void hand_descriptors(Supervisor& self, UnitId unit, ChildStrings& strings, spawn::Child& prepared);
/// The same for these descriptors and names, separated by colons.
void say_listened(ChildStrings& strings,
                  spawn::Child& prepared,
                  std::span<const int> numbers,
                  std::string_view names);
/// Waits for what arrives at the sockets that start something: lazy ones of a unit at rest, and
/// those whose connections are served. With `unit`: that unit's alone.
void watch_sockets(Supervisor& self, UnitId unit = kNoUnit);
/// Something has arrived at the descriptor `index`.
void serve_socket(Supervisor& self, std::size_t index);
/// The unit has come to rest: what it left is dropped, and its sockets close, unless they wait for
/// its next start.
void release_sockets(Supervisor& self, UnitId unit);
/// Whether `unit` is down and something arriving would start it.
bool awaits_arrival(const Supervisor& self, UnitId unit);

/// Takes what the host has opened for the guest (wire/boot.h): units that listen on "host:NAME" get
/// copies of it.
void take_host_sockets(Supervisor& self);

/// FDSTORE=1 and FDSTOREREMOVE=1 with FDNAME=`name`.
void keep_descriptor(Supervisor& self, UnitId unit, std::string_view name, sys::UniqueFd fd);
void drop_descriptors(Supervisor& self, UnitId unit, std::string_view name);

} // namespace stead::init
