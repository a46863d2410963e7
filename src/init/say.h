#pragma once

#include <string_view>

#include "base/error.h"
#include "init/supervisor.h"

/// PID 1's own lines: to the keeper, else to standard error, never waiting for either.
namespace stead::init {

/// Priorities of syslog(3).
enum class Priority : std::uint8_t { Error = 3, Warning = 4, Notice = 5, Info = 6 };

void say(Supervisor& self, Priority priority, std::string_view text);
/// `about: what failed: why`.
void say_error(Supervisor& self, std::string_view about, const Error& error);
/// `subject: text`.
void say_about(Supervisor& self,
               Priority priority,
               std::string_view subject,
               std::string_view text);
/// Why no process of a unit came to run.
void say_spawn_failure(Supervisor& self, const engine::Event& event);
/// Says `text` and keeps it for `status`; a literal.
void note(Supervisor& self, const char* text);
/// The same for before there is a keeper, and for usage errors: to standard error alone.
void say_raw(std::string_view text);

} // namespace stead::init
