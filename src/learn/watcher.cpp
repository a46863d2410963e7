#include "learn/watcher.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>

#include <dirent.h>

#include "compile/calls.h"
#include "learn/bpf_verdict.h"
#include "sys/clock.h"

namespace stead::learn {

namespace {

/// How long a thread may take to stop for the last time; one that sleeps in the kernel cannot.
constexpr Duration kPartingTime = 2_s;
/// What is refused with ever new names fills neither memory nor a screen.
constexpr std::size_t kMostRefusals = 1000;
constexpr unsigned kMostFilters = 32;
/// Who makes calls without end shall not keep us from a signal or the end of our time.
constexpr unsigned kStopsBetweenLooks = 1000;

bool is_refusal(std::int64_t result) {
    return result == -EPERM || result == -EACCES || result == -ENOSYS || result == -EAFNOSUPPORT ||
           result == -EROFS;
}

std::vector<pid_t> threads_of(pid_t process) {
    std::vector<pid_t> list;
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    DIR* const tasks = ::opendir(folder.c_str());
    if (tasks == nullptr) return list;
    while (const dirent* entry = ::readdir(tasks)) { // NOLINT(concurrency-mt-unsafe): one thread
        pid_t tid = 0;
        const char* end = entry->d_name + std::strlen(entry->d_name);
        if (std::from_chars(entry->d_name, end, tid).ptr == end && tid > 0) list.push_back(tid);
    }
    ::closedir(tasks);
    return list;
}

/// What all filters of a stopped thread answer to a call of its; nothing if they cannot be read.
std::optional<std::uint32_t> ask_filters(pid_t tid, const sys::CallStop& call) {
    constexpr std::uint32_t kAllow = 0x7fff0000;
    std::uint32_t answer = kAllow;
    const FilterInput input{static_cast<std::uint32_t>(call.number), call.architecture,
                            call.instruction, call.arguments};
    for (unsigned index = 0; index < kMostFilters; ++index) {
        const auto program = sys::filter_of(tid, index);
        if (!program) {
            if (program.error().code == ENOENT) return answer;
            return std::nullopt;
        }
        const auto one = verdict(*program, input);
        if (!one) return std::nullopt;
        answer = stricter(*one, answer); // Of equals the younger one counts.
    }
    return answer;
}

} // namespace

bool Watcher::add(pid_t process) {
    bool added = false;
    for (const pid_t tid : threads_of(process)) {
        if (threads_.contains(tid) || !sys::trace(tid, /*end_with_us=*/false)) continue;
        threads_[tid].process = process;
        witness_.born(tid);
        (void)sys::pause_traced(tid); // it was traced a moment ago: its end will be reported
        added = true;
    }
    if (added) ++result_.processes;
    return added;
}

void Watcher::keep_only(const std::set<pid_t>& processes) {
    std::set<pid_t> strangers;
    for (auto& [tid, thread] : threads_) {
        if (thread.process == 0 || thread.leaves || processes.contains(thread.process)) continue;
        // It has been asked to stop when it was added.
        thread.leaves = true;
        strangers.insert(thread.process);
    }
    result_.processes -= strangers.size();
}

Seen Watcher::seen_of(pid_t tid, const Thread& thread) {
    if (thread.seen) return *thread.seen;
    Seen seen;
    seen.number = static_cast<int>(thread.call->number);
    seen.call = compile::call_name(seen.number);
    seen.arguments = thread.call->arguments;
    seen.program = Witness::program_of(tid);
    if (auto who = Witness::identity_of(tid)) seen.who = *std::move(who);
    return seen;
}

void Watcher::refused(pid_t tid, const Thread& thread, int error) {
    Refused one;
    one.seen = seen_of(tid, thread);
    one.error = error;
    std::string key =
        compile::call_name(one.seen.number) + " " + std::to_string(error) + " " + one.seen.program;
    for (const Place& place : one.seen.places)
        key += " " + place.path;
    if (one.seen.address)
        key += " " + one.seen.address->text + std::to_string(one.seen.address->port);
    if (refusals_.size() >= kMostRefusals && !refusals_.contains(key)) {
        ++result_.untold;
        return;
    }
    auto& counted = refusals_[key];
    if (counted.count++ != 0) return;
    one.filter = error == 0 ? std::optional<std::uint32_t>(0) : ask_filters(tid, *thread.call);
    counted.refused = std::move(one);
}

void Watcher::on_call(pid_t tid, Thread& thread) {
    const auto call = sys::call_at(tid);
    if (!call) return;
    if (call->entry) {
        ++result_.calls;
        thread.call.reset();
        thread.seen.reset();
        // Another architecture's numbers mean other calls.
        if (call->architecture != sys::kArchitecture) return;
        thread.call = *call;
        thread.seen = witness_.entering(tid, *call);
        return;
    }
    if (thread.call && is_refusal(call->result))
        refused(tid, thread, static_cast<int>(-call->result));
    thread.call.reset();
    thread.seen.reset();
}

void Watcher::on_stop(const sys::TraceStop& stop) {
    using Why = sys::TraceStop::Kind;
    Thread& thread = threads_[stop.tid];
    const int signal = stop.kind == Why::Signal ? static_cast<int>(stop.value) : 0;
    switch (stop.kind) {
    case Why::Exited:
    case Why::Killed:
        if (stop.kind == Why::Killed && stop.value == SIGSYS && thread.call && !thread.leaves)
            refused(stop.tid, thread, 0);
        witness_.gone(stop.tid);
        threads_.erase(stop.tid);
        return;
    case Why::Born:
        threads_[static_cast<pid_t>(stop.value)].leaves = thread.leaves;
        witness_.born(static_cast<pid_t>(stop.value));
        break;
    case Why::Executed:
        if (stop.value != stop.tid) threads_.erase(static_cast<pid_t>(stop.value));
        break;
    case Why::Call:
        if (!thread.leaves) on_call(stop.tid, thread);
        break;
    case Why::JobStop:
        if (!ending_ && !thread.leaves) {
            (void)sys::resume(stop.tid, sys::Resume::Stay, 0); // killed meanwhile: it is reported
            return;
        }
        break;
    case Why::Signal:
    case Why::Pause:
        break;
    }
    if (ending_ || thread.leaves) {
        (void)sys::let_go(stop.tid, signal); // as above
        threads_.erase(stop.tid);
    } else {
        (void)sys::resume(stop.tid, sys::Resume::ToCall, signal); // as above
    }
}

void Watcher::let_go_of_all() {
    ending_ = true;
    for (const auto& [tid, thread] : threads_)
        (void)sys::pause_traced(tid); // one that is gone is reported as such
}

Result<WatchResult> Watcher::run(Instant limit) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM})
        ::sigaddset(&set, signal);
    unsigned stops = 0;
    while (!threads_.empty()) {
        const auto stop = sys::next_stop();
        if (!stop) {
            if (stop.error().code == ECHILD) break;
            return stop.error();
        }
        if (*stop) {
            on_stop(**stop);
            if (++stops % kStopsBetweenLooks != 0) continue;
        }
        const Duration left = limit - sys::now();
        constexpr std::int64_t kSecond = 1'000'000'000;
        const std::int64_t ns = *stop || left.ns < 0 ? 0 : left.ns;
        const timespec wait{ns / kSecond, ns % kSecond};
        const int signal = ::sigtimedwait(&set, nullptr, &wait);
        if (signal == SIGCHLD || (signal < 0 && errno == EINTR)) continue;
        if (signal < 0 && left.ns > 0 && *stop) continue;
        // What does not stop in time is let go of by our own end.
        if (ending_) break;
        let_go_of_all();
        limit = sys::now() + kPartingTime;
    }
    for (auto& [key, counted] : refusals_)
        result_.refusals.push_back(std::move(counted));
    return std::move(result_);
}

} // namespace stead::learn
