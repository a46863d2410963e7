#pragma once

#include <map>
#include <string>

#include "learn/call_table.h"
#include "learn/facts.h"
#include "sys/trace.h"
#include "sys/unique_fd.h"

namespace stead::learn {

/// Makes facts of the calls of stopped threads: reads their memory and what /proc tells of them. It
/// only looks, and what it cannot read stays empty: a program that is about to be killed, or that
/// hands out broken pointers, is none of its errors.
class Witness {
public:
    /// A thread or process is traced from now on, is gone.
    void born(pid_t tid);
    void gone(pid_t tid);

    /// What the thread asks for, at the entry of a call; nothing where the number says it all.
    std::optional<Seen> entering(pid_t tid, const sys::CallStop& call);
    /// The call has succeeded.
    void left(pid_t tid, std::int64_t result, Seen& seen);
    /// The program that the thread has become.
    Seen executed(pid_t tid);

    /// The name of the program that the thread runs.
    static std::string program_of(pid_t tid);
    /// It is PID 1 of a pid namespace below ours.
    static bool is_init(pid_t tid);
    /// Who the thread is. Nothing if it is gone.
    static std::optional<Identity> identity_of(pid_t tid);

private:
    struct View;

    void paths(pid_t tid, const sys::CallStop& call, const CallRow& row, Seen& seen);
    void opened(pid_t tid, const sys::CallStop& call, const CallRow& row, Seen& seen);
    void descriptor(pid_t tid, int fd, Seen& seen);
    void address(pid_t tid, const sys::CallStop& call, Seen& seen);
    void unix_path(pid_t tid, std::string_view path, Seen& seen);
    void limit(pid_t tid, const sys::CallStop& call, Seen& seen);
    void target(const sys::CallStop& call, Seen& seen);
    std::optional<Place> place(pid_t tid, int folder, const std::string& text, bool at_link);
    void add_way(const View& view, Place& place);

    /// Folders on the way, as they were since the last change of one.
    std::map<std::string, Object> folders_;
    /// Their own numbers of the traced, to ours.
    std::map<pid_t, pid_t> processes_;
};

} // namespace stead::learn
