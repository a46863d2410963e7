#include "init/say.h"

#include <poll.h>
#include <unistd.h>

#include "init/keeper.h"
#include "model/stage_name.h"

namespace stead::init {

void say_raw(std::string_view text) {
    FixedString<400> line("stead-init: ");
    line.append(text).append("\n");
    // A terminal that is stopped or a pipe that nobody reads must not hold PID 1: what does not fit
    // now is lost.
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
    (void)!::write(STDERR_FILENO, line.view().data(), line.size());
}

void say(Supervisor& self, Priority priority, std::string_view text) {
    if (self.keeper) {
        tell_keeper(self, priority, text);
    } else {
        say_raw(text);
    }
}

void say_error(Supervisor& self, std::string_view about, const Error& error) {
    FixedString<400> line(about);
    line.append(": ").append(describe(error).view());
    say(self, Priority::Error, line.view());
}

void say_about(Supervisor& self,
               Priority priority,
               std::string_view subject,
               std::string_view text) {
    FixedString<400> line(subject);
    line.append(": ").append(text);
    say(self, priority, line.view());
}

void say_spawn_failure(Supervisor& self, const engine::Event& event) {
    std::string_view subject;
    // Hooks are lists; which of their programs it was, `status` tells.
    if (event.stage == SpawnStage::Exec && event.role == CommandRole::Main) {
        subject = self.table.command(event.unit, event.role, 0)[0];
    }
    const char* stage = stage_name(event.stage).data();
    say_error(self, self.table.name(event.unit), make_error(stage, subject, event.error));
}

void note(Supervisor& self, const char* text) {
    say(self, Priority::Notice, text);
    self.notices.append(text).append("\n");
}

} // namespace stead::init
