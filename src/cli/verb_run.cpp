#include <cstdio>
#include <cstdlib>
#include <string>

#include "cli/guest_launch.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/service.h"

namespace stead::cli {

namespace {

/// A service manager shows a service's last status: why a guest did not come up belongs there, and
/// not only into the journal.
int launch_service(Context& context, const guests::Paths& paths, const Launch& launch) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const said = ::open_memstream(&text, &size);
    if (said == nullptr) return launch_guest(context, paths, launch);
    Console console(stdout, said);
    Context quiet{console, context.program};
    // It returns only after a start that failed.
    const int code = launch_guest(quiet, paths, launch);
    (void)console.flush();
    std::fclose(said);
    const std::string words(text, size);
    std::free(text); // NOLINT(cppcoreguidelines-no-malloc): it is the C library's.
    (void)std::fputs(words.c_str(), stderr);
    std::string first = words.substr(0, words.find('\n'));
    if (first.starts_with("stead: ")) first.erase(0, 7);
    if (const auto service = guests::service_from_environment(); service && !first.empty())
        (void)guests::tell_service_manager(*service, "STATUS=" + safe(first) + "\n");
    return code;
}

} // namespace

int verb_run(Context& context, Arguments arguments) {
    Launch launch;
    Options options(context, "run");
    options.value("--name", launch.name, "NAME", "another name for the guest than its file's");
    options.flag("--service", launch.service,
                 "the guest's PID 1 becomes the main process of the service of systemd we are");
    options.positional("NAME|FILE", launch.word,
                       "a guest, a guest file, or a unit file (a jail of it)");
    options.footer("Ctrl-C stops the guest in order, a second one hurries, a third kills.\n"
                   "The exit code is the guest's; 133 after a reboot that was asked for.\n"
                   "'stead start' starts a guest in the background.");
    if (const auto code = options.parse(arguments)) return *code;
    const auto paths = guests::Paths::from_environment();
    launch.scope = true;
    return launch.service ? launch_service(context, paths, launch)
                          : launch_guest(context, paths, launch);
}

} // namespace stead::cli
