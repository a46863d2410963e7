#include <unistd.h>

#include <charconv>
#include <csignal>
#include <ctime>

#include "cli/guest_launch.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/ending.h"
#include "sys/clock.h"
#include "sys/descriptors.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "wire/boot.h"

/// What a keeper ends as (keep/keep.h): it clears away what the guest left, runs the host's
/// post-stop hooks, notes how the guest ended, and starts it again after a reboot.
namespace stead::cli {

namespace {

/// A guest that reboots sooner than this is held up for as long.
constexpr std::int64_t kShortLife = 2;

/// The keeper's descriptors, but the lock, and its signals are none of ours.
void take_over() {
    (void)sys::set_signal_mask(0);
    for (const int signal : {SIGPIPE, SIGTTOU, SIGTERM, SIGINT, SIGHUP})
        (void)(signal == SIGPIPE ? sys::ignore_signal(signal) : sys::set_default_action(signal));
    for (int number = wire::kKeeperConfig; number < wire::kKeeperLock; ++number)
        ::close(number);
    (void)sys::keep_over_exec(wire::kKeeperLock, false);
    (void)sys::close_from(wire::kKeeperDescriptors, false);
}

int start_again(Context& context, const guests::Paths& paths, const std::string& name) {
    // Whatever start_guest prints goes to the log: nobody looks at our streams.
    std::FILE* const text = std::tmpfile();
    if (text != nullptr) {
        (void)sys::place(::fileno(text), STDERR_FILENO);
        std::fclose(text);
    }
    const int code = start_guest(
        context, name, {.no_wait = false, .after_reboot = true, .limit = Instant::never()});
    if (code == kDone || text == nullptr || !comes_back(paths, name)) return code;
    (void)context.console.flush();
    std::string said(std::size_t{16} * 1024, '\0');
    const auto size = sys::read_at(STDERR_FILENO, said, 0);
    said.resize(size ? *size : 0);
    guests::append_to_log(paths, name, "could not be started again after its reboot\n" + said);
    return code;
}

} // namespace

int verb_ended(Context& context, Arguments arguments) {
    std::string name;
    std::int64_t code = 0;
    std::string number;
    std::string how;
    Options options(context, "ended");
    options.positional("NAME", name, "a guest that has ended");
    options.positional("CODE", number, "its exit code");
    options.optional_positional("reboot", how, "it asked for a reboot");
    if (const auto wrong = options.parse(arguments)) return *wrong;
    std::from_chars(number.data(), number.data() + number.size(), code);
    if (!guests::valid_name(name)) return kAskedWrongly;
    const bool reboot = how == "reboot";
    take_over();

    const auto paths = guests::Paths::from_environment();
    const auto conclusion = guests::conclude(paths, name, static_cast<int>(code), reboot);
    if (!conclusion) {
        context.console.error("ending " + name + ": " +
                              std::string(describe(conclusion.error()).view()));
        return static_cast<int>(code);
    }
    const guests::Record& record = conclusion->record;
    for (const std::string& failure : conclusion->failures) {
        if (!record.detached) context.console.error(name + ": " + safe(failure) + " (ignored)");
    }
    if (!reboot || !record.detached || record.file.empty()) return static_cast<int>(code);
    if (std::time(nullptr) - record.created < kShortLife)
        (void)sys::is_readable(-1, static_cast<int>(kShortLife * 1000)); // a pause
    (void)start_again(context, paths, name);
    return static_cast<int>(code);
}

} // namespace stead::cli
