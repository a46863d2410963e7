#include "cli/guest_launch.h"
#include "cli/options.h"
#include "cli/verbs.h"

namespace stead::cli {

int verb_run(Context& context, Arguments arguments) {
    Launch launch;
    Options options(context, "run");
    options.value("--name", launch.name, "NAME", "another name for the guest than its file's");
    options.positional("NAME|FILE", launch.word,
                       "a guest, a guest file, or a unit file (a jail of it)");
    options.footer("Ctrl-C stops the guest in order, a second one hurries, a third kills.\n"
                   "The exit code is the guest's; 133 after a reboot that was asked for.\n"
                   "'stead start' starts a guest in the background.");
    if (const auto code = options.parse(arguments)) return *code;
    return launch_guest(context, guests::Paths::from_environment(), launch);
}

} // namespace stead::cli
