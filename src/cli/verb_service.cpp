#include <unistd.h>

#include "cli/guest_launch.h"
#include "cli/guest_service.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/detach.h"
#include "guests/hooks.h"
#include "model/names.h"
#include "sys/clock.h"
#include "sys/stream.h"
#include "unitfile/reader.h"

/// What stead@.service calls beside its main process: `stead service started NAME` runs the hooks
/// after the start, `stead service ended NAME` waits for the keeper and clears away what it left;
/// and what the keeper calls: `stead service failed NAME/UNIT` tells the bus.
namespace stead::cli {

namespace {

constexpr int kLookAgainMs = 10;

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

/// The hooks belong to the start. The bus does not: machined and whoever listens learn of the guest
/// soon, and nobody's start waits until they have been started themselves.
int after_start(Context& context, const guests::Paths& paths, const std::string& name) {
    unitfile::Diagnostics ignored; // The guest has started with this file.
    if (const auto guest = unitfile::load_guest(paths.guest_file(name), ignored)) {
        guests::HookSet hooks = guests::hooks_of(*guest);
        hooks.file = paths.guest_file(name);
        run_post_start(context, paths, hooks);
    }
    (void)context.console.flush();
    const auto child = guests::split_off();
    if (!child) {
        context.console.error(std::string(describe(child.error()).view()));
        return kCouldNot;
    }
    if (!child->is_child) return kDone;
    const int code = run_systemd_helper(context, "started", name, {.limit = Instant::never()});
    (void)context.console.flush();
    ::_exit(code);
}

} // namespace

int verb_service(Context& context, Arguments arguments) {
    std::string what;
    std::string name;
    Options options(context, "service");
    options.positional("started|ended|failed", what, "what has become of it");
    options.positional("NAME[/UNIT]", name, "a guest of a service, or its unit that has failed");
    if (const auto code = options.parse(arguments)) return *code;
    const std::size_t slash = name.find('/');
    if (what == "failed" && slash != std::string::npos && is_unit_name(name.substr(slash + 1)) &&
        guests::valid_name(name.substr(0, slash)))
        return run_systemd_helper(context, what, name, {.limit = Instant::never()});
    if (!guests::valid_name(name) || (what != "started" && what != "ended")) {
        context.console.error("service wants 'started', 'ended' or 'failed' and a guest");
        return kAskedWrongly;
    }
    const auto paths = guests::Paths::from_environment();
    return what == "started" ? after_start(context, paths, name) : after_end(context, paths, name);
}

} // namespace stead::cli
