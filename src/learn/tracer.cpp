#include "learn/tracer.h"

#include <sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/signal_name.h"
#include "compile/calls.h"
#include "sys/clock.h"
#include "sys/signals.h"

namespace stead::learn {

namespace {

/// What a call of the program that is interrupted by a signal answers, inside the kernel.
bool is_interrupted(std::int64_t result) {
    constexpr std::int64_t kFirst = -516;
    constexpr std::int64_t kLast = -512;
    return result >= kFirst && result <= kLast;
}

/// connect(2) of a socket that does not wait.
bool has_succeeded(const Seen& seen, std::int64_t result) {
    if (result >= 0) return true;
    return seen.call == "connect" &&
           (result == -EINPROGRESS || (result == -ECONNREFUSED && seen.places.empty()));
}

/// Of clone(2), which has its flags elsewhere on some architectures, but not on ours.
constexpr std::size_t kCloneFlags = 0;
/// Who makes calls without end shall not keep us from a signal or the end of our time.
constexpr unsigned kStopsInARow = 1000;

sigset_t awaited_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::sigaddset(&set, signal);
    return set;
}

} // namespace

Tracer::Tracer(pid_t launcher, Lesson& lesson)
    : launcher_(launcher)
    , lesson_(lesson) {
    threads_[launcher];
}

void Tracer::go_on(pid_t tid, int signal) {
    const auto how = threads_[tid].learned ? sys::Resume::ToCall : sys::Resume::Run;
    // One that was killed meanwhile is reported as such.
    (void)sys::resume(tid, how, signal);
}

void Tracer::on_born(const sys::TraceStop& stop) {
    const auto child = static_cast<pid_t>(stop.value);
    const bool known = threads_.contains(child);
    Thread& thread = threads_[child];
    thread.learned = threads_[stop.tid].learned;
    thread.of_init = stop.tid == init_;
    if (thread.learned) witness_.born(child);
    // It has stopped at its first instruction already, and waits for us to know whose it is.
    if (known) go_on(child);
    go_on(stop.tid);
}

void Tracer::on_executed(const sys::TraceStop& stop) {
    const pid_t tid = stop.tid;
    const auto former = static_cast<pid_t>(stop.value);
    if (former != tid) {
        // A thread that was not the first has taken that one's place.
        if (const auto found = threads_.find(former); found != threads_.end()) {
            on_cut_off(threads_[tid]);
            threads_[tid] = std::move(found->second);
            threads_.erase(former);
        }
    }
    if (tid == launcher_ && !let_go_) {
        // It has become the keeper.
        let_go_ = true;
        threads_.erase(tid);
        (void)sys::let_go(tid, 0);
        return;
    }
    Thread& thread = threads_[tid];
    if (init_ == 0 && !thread.learned && Witness::is_init(tid)) {
        init_ = tid;
    } else if (thread.of_init && !thread.learned) {
        thread.learned = true;
        witness_.born(tid);
    }
    if (thread.learned) {
        ending_.ran = true;
        // The call that did it was the former program's.
        if (thread.call) lesson_.called(*thread.call, 0, thread.program);
        Seen seen = witness_.executed(tid);
        thread.program = seen.program;
        for (const Place& place : seen.places) {
            if (place.object && (place.object->mode & (S_ISUID | S_ISGID)) != 0)
                lesson_.note(place.path + " has the set-uid or set-gid bit, which gives nothing in "
                                          "a jail");
        }
        lesson_.seen(seen);
    }
    go_on(tid);
}

void Tracer::on_answer(Thread& thread, pid_t tid, std::int64_t result) {
    if (!thread.call) return;
    lesson_.called(*thread.call, result, thread.program);
    if (*thread.call == compile::find_call("ptrace").value_or(-1) && result == -EPERM)
        lesson_.note("ptrace by " + thread.program +
                     " failed, because who is learned from is traced already: what it would have "
                     "done then is not here");
    thread.call.reset();
    if (!thread.seen) return;
    if (!is_interrupted(result) && has_succeeded(*thread.seen, result)) {
        witness_.left(tid, result, *thread.seen);
        lesson_.seen(*thread.seen);
    }
    thread.seen.reset();
}

void Tracer::on_cut_off(const Thread& thread) {
    if (thread.call) lesson_.called(*thread.call, 0, thread.program);
}

void Tracer::on_call(pid_t tid, Thread& thread) {
    const auto call = sys::call_at(tid);
    if (!call) return;
    if (!call->entry) return on_answer(thread, tid, call->result);
    if (thread.program.empty() || thread.call) thread.program = Witness::program_of(tid);
    if (call->architecture != sys::kArchitecture) {
        lesson_.note("calls of another architecture by " + thread.program +
                     " are refused (ENOSYS) in a jail");
        return;
    }
    thread.call = static_cast<int>(call->number);
    if (thread.call == compile::find_call("clone") &&
        (call->arguments[kCloneFlags] & CLONE_UNTRACED) != 0)
        lesson_.note("clone by " + thread.program +
                     " with CLONE_UNTRACED: what that process does is not here");
    thread.seen = witness_.entering(tid, *call);
    if (thread.seen) thread.program = thread.seen->program;
}

void Tracer::on_stop(const sys::TraceStop& stop) {
    using Why = sys::TraceStop::Kind;
    if (stop.kind == Why::Exited || stop.kind == Why::Killed) {
        if (stop.tid == launcher_)
            code_ = static_cast<int>(stop.kind == Why::Exited ? stop.value : 128 + stop.value);
        const auto found = threads_.find(stop.tid);
        const bool learned = found != threads_.end() && found->second.learned;
        if (learned) on_cut_off(found->second);
        if (learned && stop.kind == Why::Killed && !ending_.stopped && found->second.of_init)
            lesson_.note(found->second.program + " was ended by SIG" +
                         std::string(signal_name(static_cast<std::uint8_t>(stop.value))) +
                         ": what it would have done then is not here");
        witness_.gone(stop.tid);
        threads_.erase(stop.tid);
        return;
    }
    const auto found = threads_.find(stop.tid);
    if (found == threads_.end()) {
        // New, and reported before its parent's birth of it: on_born lets it go on.
        threads_[stop.tid];
        return;
    }
    switch (stop.kind) {
    case Why::Born:
        return on_born(stop);
    case Why::Executed:
        return on_executed(stop);
    case Why::Call:
        on_call(stop.tid, found->second);
        return go_on(stop.tid);
    case Why::Signal:
        return go_on(stop.tid, static_cast<int>(stop.value));
    case Why::JobStop:
        (void)sys::resume(stop.tid, sys::Resume::Stay, 0); // killed meanwhile: as above
        return;
    case Why::Pause:
        return go_on(stop.tid);
    case Why::Exited:
    case Why::Killed:
        return;
    }
}

void Tracer::ask_to_stop() {
    ending_.stopped = true;
    // The keeper stops its guest in order; before there is one, the signal waits.
    (void)sys::send_signal(launcher_, SIGTERM); // gone: its end is on its way to us
}

void Tracer::take_signals(Instant limit, bool wait) {
    const sigset_t set = awaited_signals();
    siginfo_t info{};
    int signal = 0;
    if (limit.is_never() && wait) {
        signal = ::sigwaitinfo(&set, &info);
    } else {
        const std::int64_t left = limit.is_never() ? 1 : (limit - sys::now()).ns;
        constexpr std::int64_t kSecond = 1'000'000'000;
        const std::int64_t ns = !wait || left < 0 ? 0 : left;
        const timespec time{ns / kSecond, ns % kSecond};
        signal = ::sigtimedwait(&set, &info, &time);
        const bool over = wait || left <= 0;
        if (signal < 0 && errno == EAGAIN && over && !ending_.stopped) ask_to_stop();
    }
    if (signal <= 0 || signal == SIGCHLD) return;
    // A key of the terminal reaches the keeper as well.
    if (info.si_code == SI_KERNEL) {
        ending_.stopped = true;
    } else {
        ask_to_stop();
    }
}

Result<Ending> Tracer::run(Instant limit, const std::function<void()>& begin) {
    TRY(sys::trace(launcher_, /*end_with_us=*/true));
    begin();
    unsigned stops = 0;
    while (true) {
        const auto stop = sys::next_stop();
        if (!stop) {
            if (stop.error().code == ECHILD) break;
            return stop.error();
        }
        if (*stop) {
            on_stop(**stop);
        }
        const bool wait = !*stop;
        if (wait || ++stops % kStopsInARow == 0)
            take_signals(ending_.stopped ? Instant::never() : limit, wait);
        if (code_ && threads_.empty()) break;
    }
    ending_.code = code_.value_or(0);
    return ending_;
}

} // namespace stead::learn
