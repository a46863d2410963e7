#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "learn/lesson.h"
#include "learn/witness.h"

namespace stead::learn {

/// How the program that was learned from ended.
struct Ending {
    /// The launcher's exit code: the program's.
    int code = 0;
    /// It was ended because somebody asked us to, or the time was up.
    bool stopped = false;
    /// It was executed at all.
    bool ran = false;
};

/// Follows a launcher (a child of ours that will start a jail and become its keeper) until PID 1 of
/// the jail executes the jail's program, and from there on every call of that program and its
/// descendants, which become a `Lesson`. The launcher, its helpers and PID 1 itself are only
/// accompanied: none of their calls counts. Should the tracer be killed, the kernel kills PID 1 and
/// with it everything in the jail, and the keeper, which is let go once it is one, clears up.
class Tracer {
public:
    Tracer(pid_t launcher, Lesson& lesson);

    /// TERM and INT are blocked by the caller: they, and the end of `limit`, end the jail in order.
    /// `begin` lets the launcher run.
    Result<Ending> run(Instant limit, const std::function<void()>& begin);

private:
    struct Thread {
        /// Its calls count.
        bool learned = false;
        bool of_init = false;
        std::optional<Seen> seen;
        std::optional<int> call;
        std::string program;
    };

    void on_stop(const sys::TraceStop& stop);
    void on_born(const sys::TraceStop& stop);
    void on_executed(const sys::TraceStop& stop);
    void on_call(pid_t tid, Thread& thread);
    void on_answer(Thread& thread, pid_t tid, std::int64_t result);
    /// The thread has ended in the middle of a call, which it needed all the same.
    void on_cut_off(const Thread& thread);
    void go_on(pid_t tid, int signal = 0);
    void ask_to_stop();
    void take_signals(Instant limit, bool wait);

    pid_t launcher_;
    Lesson& lesson_;
    Witness witness_;
    std::map<pid_t, Thread> threads_;
    pid_t init_ = 0;
    bool let_go_ = false;
    std::optional<int> code_;
    Ending ending_;
};

} // namespace stead::learn
