#include "guests/detach.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "sys/clone.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

namespace stead::guests {

Result<Launcher> split_off() {
    sys::Pipe pipe = TRY(sys::make_pipe());
    sys::Cloned child = TRY(sys::clone_process(-1));
    Launcher launcher;
    if (child.pid == 0) {
        ::setsid();
        // A service manager that this command was started by waits for another readiness.
        ::unsetenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): there is one thread.
        launcher.is_child = true;
        launcher.outcome = std::move(pipe.write);
        return launcher;
    }
    launcher.process = {std::move(child.pidfd), child.pid};
    launcher.progress = std::move(pipe.read);
    return launcher;
}

void report_failure(const Launcher& child, int code) {
    const char byte = static_cast<char>(code);
    // Whoever has gone needs no answer.
    (void)sys::write_some(child.outcome.get(), {&byte, 1});
}

Result<std::optional<int>> await_launch(const Launcher& launcher, int limit_ms) {
    if (!sys::is_readable(launcher.progress.get(), limit_ms))
        return make_error("launch", {}, ETIMEDOUT);
    std::array<char, 1> byte{};
    const std::size_t got = TRY(sys::read_some(launcher.progress.get(), byte));
    if (got == 1) return std::optional<int>(static_cast<unsigned char>(byte[0]));
    const auto ended = sys::try_reap(launcher.process);
    if (ended && *ended && !(*ended)->success()) return std::optional<int>(-1);
    return std::optional<int>();
}

} // namespace stead::guests
