#include "init/setup.h"

#include <fcntl.h>
#include <sys/resource.h>
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

namespace stead::init {

namespace {

#ifndef F_GET_SEALS
constexpr int kGetSeals = 1024 + 10;
#else
constexpr int kGetSeals = F_GET_SEALS;
#endif
/// SHRINK, GROW and WRITE (fcntl(2)).
constexpr int kSealed = 2 | 4 | 8;

constexpr std::size_t kSpareChildren = 64;

} // namespace

void sanitize_streams() {
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

Result<Supervisor*> make_supervisor(char** environment) {
    const std::size_t head = (sizeof(Supervisor) + 63) & ~std::size_t{63};
    const auto memory = TRY(sys::map_memory(head + sizeof(Scratch)));
    auto* self = ::new (memory.data()) Supervisor;
    self->scratch = reinterpret_cast<Scratch*>(memory.data() + head);
    self->environment = environment;
    self->init_of_namespace = ::getpid() == 1;
    self->boot_time = sys::now();
    return self;
}

Result<void> prepare_tables(Supervisor& self) {
    const UnitGraph& graph = self.table.graph();
    const std::size_t count = graph.units.size();
    const std::size_t places = 2 * count + kSpareChildren;
    const std::size_t engine = (engine::Engine::required_memory(graph) + 15) & ~std::size_t{15};
    const std::size_t units = (count * sizeof(Unit) + 15) & ~std::size_t{15};
    // One mapping: a page that three tables share is one page. The places for children come last,
    // because only the first of them are ever used. Zero is a valid beginning of all.
    const auto memory = TRY(sys::map_memory(engine + units + places * sizeof(Child)));
    self.units = {reinterpret_cast<Unit*>(memory.data() + engine), count};
    self.children = {reinterpret_cast<Child*>(memory.data() + engine + units), places};

    const auto& guest = self.table.guest();
    const engine::Settings settings{
        .seed = static_cast<std::uint64_t>(sys::now().ns),
        .stop_budget = self.stop_budget,
        .propagate_stop_exit = guest && guest->propagate_stop_exit,
    };
    self.engine.emplace(graph, memory.first(engine), settings);
    return {};
}

Result<plan::Plan> read_plan(int fd, bool must_be_sealed) {
    if (must_be_sealed && (::fcntl(fd, kGetSeals) & kSealed) != kSealed)
        return make_error("the plan can still be changed by its writer", {}, EPERM);

    struct stat about {};

    if (::fstat(fd, &about) < 0) return last_error("fstat", "plan");
    if (about.st_size <= 0 || static_cast<std::size_t>(about.st_size) > plan::kMaxImage)
        return make_error("the plan is empty or too large", {}, 0);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (must_be_sealed) return plan::Plan::open(TRY(sys::map_file(fd, size)));

    // A file in an image could change under a mapping; a copy cannot.
    const auto copy = TRY(sys::map_memory(size));
    std::size_t at = 0;
    while (at < size) {
        const ssize_t got = ::pread(fd, copy.data() + at, size - at, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return make_error("read", "plan", got < 0 ? errno : EIO);
        at += static_cast<std::size_t>(got);
    }
    return plan::Plan::open(copy);
}

void listen_for_clients(Supervisor& self, sys::UniqueFd listener, bool host) {
    (void)::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    SlotFd& slot = host ? self.host_listener : self.guest_listener;
    slot.take(std::move(listener));
    (void)sys::watch(self.epoll.get(), slot.get(), EPOLLIN,
                     event_data(host ? Source::HostListener : Source::GuestListener));
    if (!self.reserve)
        self.reserve.take(sys::UniqueFd(::fcntl(self.epoll.get(), F_DUPFD_CLOEXEC, 3)));
}

} // namespace stead::init
