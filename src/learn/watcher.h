#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "learn/refusal.h"
#include "learn/witness.h"

namespace stead::learn {

/// One kind of refusal, and how often.
struct CountedRefusal {
    Refused refused;
    std::uint64_t count = 0;
};

struct WatchResult {
    std::vector<CountedRefusal> refusals;
    std::uint64_t calls = 0;
    std::size_t processes = 0;
    /// Refusals that are none of the kinds above, because there were too many kinds.
    std::uint64_t untold = 0;
};

/// Watches processes that run already, and what they start, for calls that are refused. They go on
/// when the watch ends, however that comes: who is killed lets go of them as well. What they
/// notice: each thread is stopped once at the begin and once at the end, and of the calls that wait
/// then those that no signal handler restarts (epoll_wait, semop, ...: signal(7)) answer EINTR.
class Watcher {
public:
    /// Begins to watch all threads of a process. False if it is gone, or is traced by another.
    bool add(pid_t process);
    /// Lets go of all whose process is not among these: a number that was read may have become
    /// another process's before it was traced.
    void keep_only(const std::set<pid_t>& processes);

    /// Until `limit`, an INT or TERM (which the caller has blocked, with CHLD), or their end.
    Result<WatchResult> run(Instant limit);

private:
    struct Thread {
        std::optional<Seen> seen;
        std::optional<sys::CallStop> call;
        /// 0: of one that was born meanwhile.
        pid_t process = 0;
        /// It is not ours to watch: nothing counts, and its next stop is its last.
        bool leaves = false;
    };

    void on_stop(const sys::TraceStop& stop);
    void on_call(pid_t tid, Thread& thread);
    void refused(pid_t tid, const Thread& thread, int error);
    [[nodiscard]] static Seen seen_of(pid_t tid, const Thread& thread);
    void let_go_of_all();

    Witness witness_;
    std::map<pid_t, Thread> threads_;
    std::map<std::string, CountedRefusal> refusals_;
    WatchResult result_;
    bool ending_ = false;
};

} // namespace stead::learn
