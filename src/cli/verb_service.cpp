#include "cli/guest_source.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/ending.h"
#include "guests/hooks.h"
#include "sys/clock.h"
#include "sys/stream.h"
#include "unitfile/reader.h"

/// What stead@.service calls beside its main process: `stead service started NAME` runs the
/// post-start hooks, `stead service ended NAME` waits for the keeper and clears away what it left.
namespace stead::cli {

namespace {

constexpr int kLookAgainMs = 10;

int after_start(Context& context, const guests::Paths& paths, const std::string& name) {
    unitfile::Diagnostics ignored; // The guest has started with this file.
    const auto guest = unitfile::load_guest(paths.guest_file(name), ignored);
    if (!guest) return kDone;
    guests::HookSet hooks = guests::hooks_of(*guest);
    hooks.file = paths.guest_file(name);
    for (const std::string& failure : guests::run_hooks(paths, hooks, guests::Stage::PostStart)) {
        context.console.error(name + ": " + safe(failure) + " (ignored)");
        guests::append_to_log(paths, name, failure);
    }
    return kDone;
}

/// However long the hooks of its keeper take: the service manager has a limit of its own.
int after_end(Context& context, const guests::Paths& paths, const std::string& name) {
    while (true) {
        const auto guest = guests::find(paths, name);
        if (!guest || !*guest) return kDone;
        if ((*guest)->running()) break;
        if (!(*guest)->kept) break;
        (void)sys::is_readable(-1, kLookAgainMs); // a pause
    }
    const auto cleaned = guests::clean_up(paths, name);
    if (cleaned) return kDone;
    context.console.error(name + ": " + std::string(describe(cleaned.error()).view()));
    return kCouldNot;
}

} // namespace

int verb_service(Context& context, Arguments arguments) {
    std::string what;
    std::string name;
    Options options(context, "service");
    options.positional("started|ended", what, "what has become of it");
    options.positional("NAME", name, "a guest of a service");
    if (const auto code = options.parse(arguments)) return *code;
    if (!guests::valid_name(name) || (what != "started" && what != "ended")) {
        context.console.error("service wants 'started' or 'ended' and a guest");
        return kAskedWrongly;
    }
    const auto paths = guests::Paths::from_environment();
    return what == "started" ? after_start(context, paths, name) : after_end(context, paths, name);
}

} // namespace stead::cli
