#include "init/reconcile.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "init/children.h"
#include "init/digits.h"
#include "init/loop.h"
#include "init/main_process.h"
#include "sys/events.h"
#include "sys/file.h"
#include "sys/process.h"

namespace stead::init {

namespace {

/// Whether `pid` is a child that has not been reaped.
bool is_ours(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// Whose pidfd this is, by /proc/self/fdinfo; 0: nobody's.
pid_t owner_of(int pidfd) {
    FixedString<40> path("/proc/self/fdinfo/");
    path.append_number(pidfd);
    const auto file = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY);
    if (!file) return 0;
    std::array<char, 512> text;
    const ssize_t size = ::read(file->get(), text.data(), text.size());
    if (size <= 0) return 0;
    std::string_view rest(text.data(), static_cast<std::size_t>(size));
    constexpr std::string_view kKey = "\nPid:\t";
    const std::size_t at = rest.find(kKey);
    if (at == std::string_view::npos) return 0;
    rest.remove_prefix(at + kKey.size());
    const auto pid = whole_number(rest.substr(0, rest.find('\n')));
    return pid && *pid > 0 && is_ours(static_cast<pid_t>(*pid)) ? static_cast<pid_t>(*pid) : 0;
}

/// A record without a pid is a child that never was, or one of a plain clone, of which the kernel
/// wrote only the pidfd.
void find_pid(Supervisor& self, Child& child) {
    const pid_t pid = child.pidfd ? owner_of(child.pidfd.get()) : 0;
    if (pid != 0 && find_child(self, pid) == nullptr) {
        child.pid = pid;
        return;
    }
    // A number left by a clone that failed may be another slot's descriptor by now.
    child.pidfd.value = 0;
    child.report.close();
    child = {};
}

void reconcile(Supervisor& self, Child& child) {
    if (child.pid == 0) find_pid(self, child);
    if (child.pid == 0) return;
    if (child.ended) {
        // Reaped or not, it has ended; what the engine has heard of already it takes no notice of.
        siginfo_t info{};
        (void)::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOHANG);
        return end_child(self, child);
    }
    const bool lives =
        child.taken && ::syscall(SYS_pidfd_send_signal, child.pidfd.get(), 0, nullptr, 0) == 0;
    if (!lives && !is_ours(child.pid)) {
        child.status = {ExitStatus::Kind::Unknown, 0};
        child.ended = true;
        return end_child(self, child);
    }
    if (!child.pidfd) {
        auto process = sys::open_process(child.pid);
        if (process) child.pidfd.take(std::move(process->pidfd));
    }
    if (child.taken) return watch_taken_main(self, child);
    if (child.role == CommandRole::Main && child.unit < self.units.size() && !child.replaced)
        self.units[child.unit].group = child.pid;
    take_report(child);
    if (!child.report) {
        // Its report had ended; whether the engine heard of that is not known.
        if (child.executed) tell_executed(self, child);
        return;
    }
    const auto index = static_cast<std::size_t>(&child - self.children.data());
    (void)sys::watch(self.epoll.get(), child.report.get(), EPOLLIN,
                     event_data(Source::Report, index));
}

} // namespace

void reconcile_children(Supervisor& self) {
    for (Child& child : self.children.first(self.children_end))
        reconcile(self, child);
}

void resume_intent(Supervisor& self) {
    engine::Action action;
    if (!self.engine->find_intent(action)) return;
    if (action.kind != engine::ActionKind::Spawn) return obey(self, action);
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.pid == 0 || child.unit != action.unit || child.role != action.role ||
            child.ticket != action.ticket)
            continue;
        return tell_engine(self, engine::EventKind::Spawned, action);
    }
    if (self.engine->expects(action)) obey(self, action);
}

} // namespace stead::init
