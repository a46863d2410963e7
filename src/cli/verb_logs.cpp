#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "cli/client_verbs.h"
#include "cli/log_line.h"
#include "cli/log_reader.h"
#include "cli/options.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/stream.h"

namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;
namespace fs = std::filesystem;

/// After the guest's end its keeper still writes what is left in the pipes.
constexpr Duration kLastLines = 5_s;
constexpr std::size_t kBlock = std::size_t{16} * 1024;

struct LogsWishes {
    std::string name;
    std::int64_t lines = 0;
    std::string since;
    LogFilter filter;
    bool follow = false;
    bool json = false;
};

std::vector<std::string> units_with_logs(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder, unreadable))
        names.push_back(entry.path().filename().string());
    return names;
}

/// A unit without a log file: it has not written yet, or there is none of that name.
bool exists_elsewhere(Asking& asking, const Target& target, const std::string& folder) {
    auto client = Client::connect(asking.place().control(target));
    if (client) return asking.status(*client, target).has_value();
    asking.no_such("log of a unit", target.unit, units_with_logs(folder));
    return false;
}

/// Waits until the keeper has written the last lines of a guest that ended.
void await_keeper(const Asking& asking, const Target& target) {
    const Instant limit = sys::now() + kLastLines;
    while (sys::now() < limit) {
        const auto guest = guests::find(asking.place().paths(), target.guest);
        if (!guest || !*guest || !(*guest)->kept) return;
        (void)sys::is_readable(-1, 20); // a pause
    }
}

/// On the host the files are read as they are: also those of a guest that has ended.
int show_files(Asking& asking, const Target& target, const LogsWishes& wishes) {
    const std::string path = asking.place().paths().logs(target.guest);
    auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY);
    if (!folder && folder.error().code != ENOENT)
        return asking.fail(kCouldNot, describe(folder.error()).view());
    // Nobody answers for a guest without logs but the guest itself, or its file.
    auto client = Client::connect(asking.place().control(target));
    if (!folder && !client) {
        if (asking.open(target)) return kDone;
        return asking.code();
    }
    if (!folder) return kDone;
    std::error_code unreadable;
    if (!target.unit.empty() && !fs::exists(path + "/" + target.unit, unreadable) &&
        !exists_elsewhere(asking, target, path))
        return asking.code();

    LogPrinter printer(asking.console(), target.unit.empty(), wishes.json, wishes.filter);
    LogWishes reading{.unit = target.unit,
                      .lines = wishes.lines > 0 ? wishes.lines : -1,
                      .since = wishes.since,
                      .follow = wishes.follow && client,
                      .alive = client ? client->fd() : -1,
                      .settle = [&] { await_keeper(asking, target); },
                      .output = ::fileno(asking.console().out_file())};
    const auto show = [&](std::string_view line) {
        printer.line(line.substr(0, line.size() - 1));
        if (printer.past_end()) return false;
        return !wishes.follow || asking.console().flush();
    };
    auto read = read_logs(folder->get(), reading, show);
    printer.finish();
    if (!read) return asking.fail(kCouldNot, describe(read.error()).view());
    if (wishes.follow && !client)
        asking.console().remark("guest '" + target.guest + "' is not running: nothing to follow");
    return kDone;
}

/// Asks PID 1, whose keeper reads the files; the read end of the pipe its lines come through.
std::optional<sys::UniqueFd>
ask_for_lines(Asking& asking, Client& client, const Target& target, const LogsWishes& wishes) {
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, Kind::Logs);
    if (!target.unit.empty()) request.text(Tag::Name, target.unit);
    if (wishes.lines > 0) request.number(Tag::Count, wishes.lines);
    if (wishes.follow) request.number(Tag::Flags, wire::kFollow);
    if (!wishes.since.empty())
        request.number(Tag::Since, log_nanoseconds(wishes.since).value_or(0));
    auto reply =
        asking.order(client, request, target,
                     {.waiting_for = "an answer of PID 1", .limit = sys::now() + kAnswerLimit});
    if (!reply) return std::nullopt;
    if (reply->descriptors.empty()) {
        asking.fail(kCouldNot, "PID 1 answered without a log");
        return std::nullopt;
    }
    return std::move(reply->descriptors.front());
}

/// Reads `pipe` to its end, calling `idle` before each wait; false when `idle` says so, or when
/// nothing comes for `limit_ms` (-1: however long that takes).
bool read_pipe(int pipe,
               int limit_ms,
               const std::function<void(std::string_view)>& take,
               const std::function<bool()>& idle) {
    std::array<char, kBlock> block;
    while (true) {
        const auto got = sys::read_some(pipe, block);
        if (got && *got == 0) return true;
        if (got) {
            take({block.data(), *got});
        } else if (got.error().code != EAGAIN || !idle() || !sys::is_readable(pipe, limit_ms)) {
            return false;
        }
    }
}

/// The keeper opens a file that has been removed anew; who follows goes on there.
int clear_files(Asking& asking, const Target& target) {
    const std::string path = asking.place().paths().logs(target.guest);
    std::error_code failed;
    const std::vector<std::string> units =
        target.unit.empty() ? units_with_logs(path) : std::vector{target.unit};
    if (!fs::is_directory(path + "/" + (target.unit.empty() ? "" : target.unit), failed)) {
        asking.no_such("log", target.text(), {});
        return asking.code();
    }
    for (const std::string& unit : units) {
        for (const auto& entry : fs::directory_iterator(fs::path(path) / unit, failed)) {
            if (!entry.path().filename().string().starts_with("current")) continue;
            if (!fs::remove(entry.path(), failed) && failed)
                return asking.fail(kCouldNot,
                                   safe(entry.path().string()) + ": " + failed.message());
        }
    }
    return kDone;
}

int show_answer(Asking& asking, const Target& target, const LogsWishes& wishes) {
    auto client = asking.open(target);
    if (!client) return asking.code();
    const auto pipe = ask_for_lines(asking, *client, target, wishes);
    if (!pipe) return asking.code();
    // The pipe does not block: what has come is shown before the next wait.
    (void)sys::set_nonblocking(pipe->get(), true);
    LogPrinter printer(asking.console(), target.unit.empty(), wishes.json, wishes.filter);
    (void)read_pipe(
        pipe->get(), -1, [&](std::string_view bytes) { printer.feed(bytes); },
        [&] { return asking.console().flush(); });
    printer.finish();
    return kDone;
}

} // namespace

namespace {

/// A moment that an option names; false after the message.
bool take_moment(Asking& asking, const char* option, const std::string& word, std::string& moment) {
    if (word.empty()) return true;
    const auto parsed = parse_since(word, sys::realtime_now());
    if (parsed) {
        moment = *parsed;
        return true;
    }
    asking.fail(kAskedWrongly, std::string(option) + " is '" + safe(word) + "', which is no time",
                "write it as 10m, 2h, 12:30 or 2026-01-31T12:30");
    return false;
}

/// What the options say about which lines are shown; false after the message.
bool take_filter(Asking& asking, const std::string& priority, LogsWishes& wishes) {
    if (!priority.empty()) {
        const auto number = parse_priority(priority);
        if (!number) {
            asking.fail(kAskedWrongly, "--priority is '" + safe(priority) + "'",
                        "emerg, alert, crit, err, warning, notice, info, debug, or 0 to 7");
            return false;
        }
        wishes.filter.priority = *number;
    }
    const bool filtered = !priority.empty() || !wishes.filter.until.empty();
    if (!filtered || wishes.lines == 0) return true;
    if (wishes.follow) {
        asking.fail(kAskedWrongly, "--lines of some lines only cannot be followed",
                    "leave out --lines, or --follow");
        return false;
    }
    // The last lines of those that are left, not what is left of the last lines.
    wishes.filter.last = wishes.lines;
    wishes.lines = 0;
    return true;
}

} // namespace

int verb_logs(Context& context, Arguments arguments) {
    LogsWishes wishes;
    std::string since;
    std::string until;
    std::string priority;
    bool clear = false;
    Options options(context, "logs");
    options.flag("-f,--follow", wishes.follow, "go on with new lines");
    options.number("-n,--lines", wishes.lines, "LINES", "only the last so many");
    options.value("--since", since, "TIME", "\"10m\" ago, a time of day or a date in UTC");
    options.value("--until", until, "TIME", "the same: nothing after it");
    options.value("-p,--priority", priority, "LEVEL", "only what is as urgent: err, warning, ...");
    options.flag("--clear", clear, "remove what there is (on the host)");
    options.flag("--json", wishes.json, "as JSON, one object a line");
    options.optional_positional("NAME", wishes.name,
                                "NAME or NAME/UNIT on the host, UNIT in a guest");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    if (!take_moment(asking, "--since", since, wishes.since) ||
        !take_moment(asking, "--until", until, wishes.filter.until))
        return asking.code();
    if (wishes.lines < 0) return asking.fail(kAskedWrongly, "--lines wants a number above zero");
    if (!take_filter(asking, priority, wishes)) return asking.code();
    Target target;
    if (!wishes.name.empty()) {
        const auto named = asking.target(wishes.name);
        if (!named) return asking.code();
        target = *named;
    } else if (asking.place().on_host()) {
        return asking.fail(kAskedWrongly, "logs wants a name", "NAME, or NAME/UNIT");
    }
    if (clear && target.own())
        return asking.fail(kCouldNot, "the logs of a guest are its host's",
                           "'stead logs NAME --clear' on the host removes them");
    if (clear) return clear_files(asking, target);
    return target.own() ? show_answer(asking, target, wishes) : show_files(asking, target, wishes);
}

std::vector<std::string>
last_lines(Asking& asking, Client& client, const Target& target, std::int64_t count) {
    std::vector<std::string> lines;
    if (!target.own()) {
        const std::string path = asking.place().paths().logs(target.guest);
        const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY);
        if (!folder) return lines;
        LogWishes wishes;
        wishes.unit = target.unit;
        wishes.lines = count;
        (void)read_logs(folder->get(), wishes, [&](std::string_view line) {
            lines.emplace_back(line.substr(0, line.size() - 1));
            return true;
        });
        return lines;
    }
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, Kind::Logs);
    request.text(Tag::Name, target.unit).number(Tag::Count, count);
    const auto reply = asking.ask(
        client, request, {.waiting_for = "the last lines", .limit = sys::now() + kAnswerLimit});
    if (!reply || reply->code != kDone || reply->descriptors.empty()) return lines;
    const int pipe = reply->descriptors.front().get();
    (void)sys::set_nonblocking(pipe, true);
    constexpr std::size_t kEnough = 1U << 20U;
    constexpr int kPatienceMs = 1000;
    std::string text;
    const auto take = [&](std::string_view bytes) {
        if (text.size() < kEnough) text.append(bytes);
    };
    (void)read_pipe(pipe, kPatienceMs, take, [] { return true; });
    for (std::size_t start = 0, end = 0; (end = text.find('\n', start)) != std::string::npos;
         start = end + 1)
        lines.push_back(text.substr(start, end - start));
    // A PID 1 without keeper sends all that it remembers.
    const auto wanted = static_cast<std::size_t>(count);
    if (lines.size() > wanted) lines.erase(lines.begin(), lines.end() - count);
    return lines;
}

} // namespace stead::cli
