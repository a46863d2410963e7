#include "init/setup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <new>
#include <optional>
#include <string_view>

#include "init/say.h"
#include "plan/limits.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/file.h"
#include "sys/memory.h"
#include "sys/stream.h"

namespace stead::init {

void sanitize_streams() {
    // Usually all three are open, which one call tells.
    std::array<pollfd, 3> streams = {{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}};
    if (::poll(streams.data(), streams.size(), 0) >= 0 &&
        ((streams[0].revents | streams[1].revents | streams[2].revents) & POLLNVAL) == 0)
        return;
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest free number is this one. Without /dev/null the root will have to do: it can
        // be neither read nor written.
        if (::open("/dev/null", O_RDWR | O_NOCTTY) < 0) // NOLINT(android-cloexec-open): meant
            (void)::open("/", O_PATH);                  // NOLINT(android-cloexec-open): meant
    }
}

namespace {

/// The 16 hexadecimal digits behind `key` in /proc/self/status.
std::optional<std::uint64_t> mask_of(std::string_view status, std::string_view key) {
    constexpr std::size_t kDigits = 16;
    const std::size_t at = status.find(key);
    if (at == std::string_view::npos || at + key.size() + kDigits > status.size()) return {};
    std::uint64_t mask = 0;
    for (const char c : status.substr(at + key.size(), kDigits)) {
        const bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) return {};
        mask = mask << 4U | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
    }
    return mask;
}

} // namespace

void note_inherited(Supervisor& self) {
    const auto file = sys::open_at(AT_FDCWD, "/proc/self/status", O_RDONLY | O_NONBLOCK);
    if (!file) return;
    std::array<char, 4096> text;
    const ssize_t size = ::read(file->get(), text.data(), text.size());
    if (size <= 0) return;
    const std::string_view status(text.data(), static_cast<std::size_t>(size));
    const auto ignored = mask_of(status, "\nSigIgn:\t");
    const auto bounding = mask_of(status, "\nCapBnd:\t");
    if (ignored && bounding) self.inherited = {true, *ignored, *bounding};
}

void raise_open_files(Supervisor& self) {
    struct {
        std::uint64_t soft = 0;
        std::uint64_t hard = 0;
    } limit;

    if (::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit) < 0) return;
    self.open_files = {.resource = RLIMIT_NOFILE, .soft = limit.soft, .hard = limit.hard};
    if (limit.soft == limit.hard) return;
    limit.soft = limit.hard;
    self.raised_open_files = ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, nullptr) == 0;
}

Result<plan::Plan> read_plan(const sys::UniqueFd& fd, bool must_be_sealed, SlotFd& keep) {
    constexpr int kSealed = sys::kSealShrink | sys::kSealGrow | sys::kSealWrite;
    if (must_be_sealed && !sys::has_seals(fd.get(), kSealed))
        return make_error("the plan can still be changed by its writer", {}, EPERM);

    struct stat about {};

    if (::fstat(fd.get(), &about) < 0) return last_error("fstat", "plan");
    if (about.st_size <= 0 || static_cast<std::size_t>(about.st_size) > plan::kMaxImage)
        return make_error("the plan is empty or too large", {}, 0);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (must_be_sealed) {
        keep.take(TRY(sys::duplicate(fd.get())));
    } else {
        // A file in an image could change under a mapping; a copy cannot.
        auto copy = TRY(sys::make_memory_file("stead-plan"));
        off_t at = 0;
        while (at < about.st_size) {
            const ssize_t sent = ::sendfile(copy.get(), fd.get(), &at, size);
            if (sent < 0 && errno == EINTR) continue;
            if (sent <= 0) return make_error("read", "plan", sent < 0 ? errno : EIO);
        }
        TRY(sys::add_seals(copy.get(), kSealed));
        keep.take(std::move(copy));
    }
    return plan::Plan::open(TRY(sys::map_file(keep.get(), size)));
}

void listen_for_clients(Supervisor& self, sys::UniqueFd listener, bool host) {
    (void)::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    SlotFd& slot = host ? self.host_listener : self.guest_listener;
    slot.take(std::move(listener));
    const auto watched =
        sys::watch(self.epoll.get(), slot.get(), EPOLLIN,
                   event_data(host ? Source::HostListener : Source::GuestListener));
    if (!watched) say_error(self, "no control socket", watched.error());
    if (!self.reserve)
        self.reserve.take(sys::UniqueFd(
            static_cast<int>(::syscall(SYS_fcntl, self.epoll.get(), F_DUPFD_CLOEXEC, 3))));
}

} // namespace stead::init
