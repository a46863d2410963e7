#include <filesystem>

#include "cli/guest_source.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/launch.h"

namespace stead::cli {

int verb_run(Context& context, Arguments arguments) {
    std::string word;
    std::string name;
    Options options(context, "run");
    options.value("--name", name, "NAME", "another name for the guest than its file's");
    options.positional("NAME|FILE", word, "a guest, a guest file, or a unit file (a jail of it)");
    options.footer("Ctrl-C stops the guest in order, a second one hurries, a third kills.\n"
                   "The exit code is the guest's; 133 after a reboot that was asked for.");
    if (const auto code = options.parse(arguments)) return *code;

    const auto paths = guests::Paths::from_environment();
    unitfile::Diagnostics diagnostics;
    int code = kAskedWrongly;
    auto guest = find_guest(context, paths, word, diagnostics, code);
    if (!guest) return code;
    if (!name.empty()) guest->name = name;
    if (!guests::valid_name(guest->name)) {
        context.console.error("'" + safe(guest->name) + "' is no guest's name");
        context.console.hint("letters, digits, '.', '_' and '-', 63 at most; --name gives another");
        return kAskedWrongly;
    }
    if (!may_start_guests(context)) return kCouldNot;

    auto start = guests::Start::begin(paths, guest->name);
    if (!start) {
        explain_failure(context, guest->name, start.error());
        return start.error().code == EBUSY ? kCouldNot : kSteadFailed;
    }
    const auto compiled = compile_for(context, *guest, start->facts(), diagnostics);
    if (!compiled) return kAskedWrongly;

    guests::LaunchOptions launch;
    launch.file = std::filesystem::absolute(guest->file).string();
    launch.loader = !compiled->plan.guest || !compiled->plan.guest->has_units;
    (void)context.console.flush(); // From here on the keeper speaks.
    explain_failure(context, guest->name,
                    start->launch(compiled->context, compiled->image, launch));
    return kSteadFailed;
}

} // namespace stead::cli
