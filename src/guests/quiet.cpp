#include "guests/quiet.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "guests/cleanup.h"
#include "resources/freeze.h"
#include "sys/setup.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

namespace stead::guests {

namespace {

constexpr char kStill = 's';

/// The child: holds the units until `hold` has no other end any more.
[[noreturn]] void stand_guard(const std::string& units, sys::Pipe& hold, sys::Pipe& told) {
    hold.write.reset();
    told.read.reset();
    (void)sys::start_session();
    // An error's code goes with the highest bit set: of files and waits none is above 127.
    char word = kStill;
    {
        const auto still = resources::StandStill::of(units);
        if (!still) word = static_cast<char>(still.error().code | 0x80);
        (void)sys::write_some(told.write.get(), {&word, 1});
        told.write.reset();
        std::array<char, 1> nothing{};
        if (still) (void)sys::read_some(hold.read.get(), nothing);
    }
    ::_exit(0);
}

} // namespace

Result<Idle> Idle::take(const Paths& paths, std::string_view guest) {
    auto claimed = claim(paths, guest);
    if (!claimed) return claimed.error();
    if (is_alive(paths, guest, *claimed)) return make_error("lock", guest, EBUSY);
    return Idle(paths, guest, *std::move(claimed));
}

Idle::Idle(const Paths& paths, std::string_view guest, Claim claimed)
    : paths_(paths)
    , guest_(guest)
    , claim_(std::move(claimed)) {}

Idle::~Idle() {
    if (claim_.lock) (void)clear(paths_, guest_, claim_); // What is left is the next one's.
}

Result<Quiet> Quiet::take(const Paths& paths, std::string_view guest) {
    Quiet quiet;
    auto idle = Idle::take(paths, guest);
    if (idle) {
        quiet.idle_.emplace(std::move(*idle));
        return quiet;
    }
    const auto found = idle.error().code == EBUSY ? find(paths, guest) : idle.error();
    if (!found) return found.error();
    if (!*found || !(*found)->running() || (*found)->record.cgroup.empty()) return idle.error();

    sys::Pipe hold = TRY(sys::make_pipe());
    sys::Pipe told = TRY(sys::make_pipe());
    const pid_t child = ::fork();
    if (child < 0) return last_error("fork");
    if (child == 0) stand_guard((*found)->record.cgroup + "/units", hold, told);
    quiet.hold_ = std::move(hold.write);
    quiet.watcher_ = TRY(sys::open_process(child));
    told.write.reset();
    std::array<char, 1> word{};
    const std::size_t size = TRY(sys::read_some(told.read.get(), word));
    if (size == 1 && word[0] == kStill) return quiet;
    const int code = size == 1 ? static_cast<unsigned char>(word[0]) & 0x7f : EIO;
    return make_error("units that stand still of guest", guest, code);
}

Quiet::~Quiet() {
    hold_.reset();
    if (!watcher_.pidfd) return;
    (void)sys::is_readable(watcher_.pidfd.get(), -1);
    (void)sys::try_reap(watcher_);
}

} // namespace stead::guests
