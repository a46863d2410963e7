#pragma once

#include <string_view>

#include "engine/engine.h"
#include "init/supervisor.h"

/// The loop: one epoll_wait, events to the engine, its wishes carried out.
namespace stead::init {

/// Hands an event to the engine, with the time of now.
void tell_engine(Supervisor& self, const engine::Event& event);
/// The same for events of a few words: of a unit, and of the command that `action` asked for.
void tell_engine(Supervisor& self, engine::EventKind kind, UnitId unit, std::uint32_t value = 0);
void tell_engine(Supervisor& self,
                 engine::EventKind kind,
                 const engine::Action& action,
                 std::uint32_t value = 0);
/// An orderly end; a second one hurries, a third ends at once.
void ask_shutdown(Supervisor& self, EndKind end);
/// A word for RESULT of a unit's last hooks.
std::string_view result_word(const Reason& reason);

/// Makes epoll, timer and signal descriptor; every signal but those of crashes is blocked.
Result<void> open_loop(Supervisor& self);
/// Boots the engine and runs until the guest has ended.
void run_loop(Supervisor& self);
/// Runs with an engine that has been booted before.
void continue_loop(Supervisor& self);
/// Carries out everything that the engine wishes now.
void obey_engine(Supervisor& self);
/// Carries out what the engine wishes.
void obey(Supervisor& self, const engine::Action& action);

} // namespace stead::init
