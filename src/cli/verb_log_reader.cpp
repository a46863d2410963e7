#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "cli/client_verbs.h"
#include "cli/log_line.h"
#include "cli/log_reader.h"
#include "cli/options.h"
#include "sys/stream.h"

/// The keeper's hand for reading logs: writes the lines of the folder at descriptor 3 to standard
/// output, at the reader's speed; descriptor 4 tells by its end that no further line will come.
namespace stead::cli {

namespace {

constexpr int kLogs = 3;
constexpr int kAlive = 4;

/// Writes to a pipe that does not block, waiting for room; false when nobody reads any more.
bool write_all(std::string_view text) {
    while (!text.empty()) {
        const auto taken = sys::write_some(STDOUT_FILENO, text);
        if (taken) {
            text.remove_prefix(*taken);
            continue;
        }
        if (taken.error().code != EAGAIN) return false;
        (void)sys::is_writable(STDOUT_FILENO, -1); // the write says what came of it
    }
    return true;
}

} // namespace

int verb_log_reader(Context& context, Arguments arguments) {
    LogWishes wishes;
    std::int64_t since = 0;
    wishes.lines = 0;
    Options options(context, "log-reader");
    options.number("--lines", wishes.lines, "NUMBER", "only the last so many; 0: all");
    options.number("--since-ns", since, "NUMBER", "nanoseconds since 1970");
    options.value("--unit", wishes.unit, "UNIT", "only of this one");
    options.flag("--follow", wishes.follow, "go on with new lines");
    if (const auto code = options.parse(arguments)) return *code;
    if (!sys::is_open(kLogs)) {
        context.console.error("log-reader is for the keeper; 'stead logs' shows lines");
        return kAskedWrongly;
    }
    // The request comes from inside a guest.
    if (wishes.unit.find('/') != std::string::npos || wishes.unit.starts_with('.'))
        return kAskedWrongly;
    if (wishes.lines <= 0) wishes.lines = -1;
    if (since > 0) wishes.since = log_time(since);
    wishes.alive = sys::is_open(kAlive) ? kAlive : -1;
    wishes.output = STDOUT_FILENO;
    (void)::signal(SIGPIPE, SIG_IGN);
    const auto read = read_logs(kLogs, wishes, write_all);
    return read ? kDone : kCouldNot;
}

} // namespace stead::cli
