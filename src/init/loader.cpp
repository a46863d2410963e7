#include "init/loader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/sanitized.h"
#include "base/words.h"
#include "init/children.h"
#include "init/environment.h"
#include "init/keeper.h"
#include "init/say.h"
#include "init/setup.h"
#include "init/signals.h"
#include "plan/limits.h"
#include "spawn/spawn.h"
#include "sys/clock.h"
#include "sys/clone.h"
#include "sys/memory.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

constexpr Duration kLoaderTime = 30_s;
constexpr std::uint64_t kLoaderMemory = space_limit(512U << 20U);
constexpr std::uint64_t kLoaderSeconds = 20;
constexpr std::size_t kMaxDirectories = 64;
constexpr int kSeals = sys::kSealSeal | sys::kSealShrink | sys::kSealGrow | sys::kSealWrite;

constexpr std::array<ResourceLimit, 3> kLimits = {{
    {.resource = RLIMIT_AS, .soft = kLoaderMemory, .hard = kLoaderMemory},
    {.resource = RLIMIT_CPU, .soft = kLoaderSeconds, .hard = kLoaderSeconds},
    {.resource = RLIMIT_FSIZE, .soft = plan::kMaxImage, .hard = plan::kMaxImage},
}};

Result<void> add_arguments(Supervisor& self, const LoaderCall& call, spawn::Child& prepared) {
    if (call.directories.size() > kMaxDirectories)
        return make_error("too many folders of units", {}, E2BIG);
    ChildStrings strings(*self.scratch);
    strings.add("stead");
    strings.add("load");
    for (const char* directory : call.directories) {
        strings.add("--dir");
        strings.add(directory);
    }
    if (!self.launched) strings.add("--foreign");
    strings.add("--out-fd");
    strings.add("3");
    prepared.argv = strings.end_list();
    ExecView everything;
    everything.inherit_all = true;
    add_environment(strings, everything, self.environment);
    prepared.environment = strings.end_list();
    if (strings.overflowed()) return make_error("argv and environment", {}, E2BIG);
    return {};
}

/// Says what the loader has printed, a line at a time.
void relay(Supervisor& self, int fd) {
    std::array<char, 4096> text;
    const ssize_t size = ::read(fd, text.data(), text.size());
    if (size <= 0) return;
    std::string_view rest(text.data(), static_cast<std::size_t>(size));
    while (!rest.empty()) {
        const std::string_view line = take_part(rest, '\n');
        if (!line.empty()) say(self, Priority::Warning, line);
    }
}

/// Obeys the signals that have come; an end of a child is looked for later, without a signal.
void heed_signals(Supervisor& self) {
    std::array<sys::Received, 8> received;
    const auto count = sys::read_signals(self.signals.get(), received);
    for (std::size_t i = 0; count && i < *count; ++i) {
        if (received[i].signal == SIGCHLD) self.more_children = true;
        obey_signal(self, received[i].signal);
    }
}

/// Waits for the end of `loader`, relaying its lines; it is killed when its time is over, when we
/// are to stop, and when the launcher dies.
Result<ExitStatus> wait_for(Supervisor& self, const sys::Process& loader, int messages) {
    const Instant limit = sys::now() + kLoaderTime;
    while (true) {
        const std::int64_t left = (limit - sys::now()).ms();
        if (left <= 0 || self.ended) {
            (void)sys::send_signal(loader, SIGKILL);
            return make_error("stead load", "took longer than 30 s", ETIMEDOUT);
        }
        std::array<pollfd, 4> ready = {{{loader.pidfd.get(), POLLIN, 0},
                                        {messages, POLLIN, 0},
                                        {self.signals.get(), POLLIN, 0},
                                        {self.keeper ? self.keeper.get() : -1, POLLIN, 0}}};
        if (::poll(ready.data(), ready.size(), static_cast<int>(left)) < 0 && errno != EINTR)
            return last_error("poll");
        if ((ready[1].revents & POLLIN) != 0) relay(self, messages);
        if (ready[2].revents != 0) heed_signals(self);
        // poll's bits are epoll's.
        if (ready[3].revents != 0) serve_keeper(self, static_cast<std::uint32_t>(ready[3].revents));
        const auto status = TRY(sys::try_reap(loader));
        if (!status) continue;
        relay(self, messages);
        return *status;
    }
}

/// What the child reported instead of becoming the loader.
Result<void> check_report(int report) {
    spawn::Report record;
    while (::read(report, &record, sizeof record) == static_cast<ssize_t>(sizeof record)) {
        if (record.error != 0) return make_error("execute", "stead load", record.error);
    }
    return {};
}

Result<void> start_and_wait(Supervisor& self, spawn::Child& prepared, int messages) {
    auto report = TRY(sys::make_pipe(O_NONBLOCK));
    prepared.report = report.write.get();
    auto cloned = sys::clone_process(-1);
    if (!cloned && cloned.error().code == ENOSYS) cloned = sys::clone_process_plain();
    if (!cloned) return cloned.error();
    if (cloned->pid == 0) spawn::become(prepared);

    report.write.reset();
    const sys::Process loader{std::move(cloned->pidfd), cloned->pid};
    const ExitStatus status = TRY(wait_for(self, loader, messages));
    TRY(check_report(report.read.get()));
    if (status.success()) return {};
    FixedString<32> text("ended with code ");
    return make_error("stead load", text.append_number(status.shell_code()).view(), 0);
}

} // namespace

Result<plan::Plan> run_loader(Supervisor& self, const LoaderCall& call) {
    const auto image = TRY(sys::make_memory_file("stead-plan"));
    const auto messages = TRY(sys::make_pipe());
    (void)::fcntl(messages.read.get(), F_SETFL, O_NONBLOCK);

    spawn::Child prepared;
    ExecView exec;
    exec.uid = ::geteuid();
    exec.gid = ::getegid();
    exec.no_new_privileges = call.confined;
    exec.no_root = call.confined;
    exec.limits = kLimits;
    fill_common(self, prepared, exec);
    prepared.change_identity = false;
    prepared.change_capabilities = call.confined;
    TRY(add_arguments(self, call, prepared));
    prepared.program = call.program;
    prepared.extra = image.get();
    prepared.extra_number = 3;
    prepared.streams[1] = {.kind = spawn::Stream::Kind::Descriptor, .fd = messages.write.get()};
    prepared.streams[2] = {.kind = spawn::Stream::Kind::Output};
    TRY(start_and_wait(self, prepared, messages.read.get()));

    TRY(sys::add_seals(image.get(), kSeals));
    return read_plan(image, true, self.unit_plan);
}

} // namespace stead::init
