#include "cli/asking.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/options.h"
#include "guests/store.h"
#include "unitfile/reader.h"

/// enable and disable: whether a guest is started with the host.
namespace stead::cli {

namespace {

/// Makes the files say `wanted`, by a drop-in only where they do not say so without it.
int set_enabled(Context& context,
                const guests::Paths& paths,
                const std::string& name,
                bool wanted) {
    unitfile::Diagnostics diagnostics;
    int code = kAskedWrongly;
    auto guest = find_guest(context, paths, name, diagnostics, code);
    if (!guest) return code;
    if (guest->enabled == wanted) {
        context.console.remark("guest '" + name + "' is " + (wanted ? "enabled" : "disabled") +
                               " already");
        return kDone;
    }
    const std::string drop_in = guests::enabled_drop_in(paths, name);
    const auto change = [&](std::optional<bool> value) {
        const auto changed = guests::set_enabled_drop_in(paths, name, value);
        if (!changed) context.console.error(name + ": " + describe(changed.error()).c_str());
        if (changed) guest = unitfile::load_guest(paths.guest_file(name), diagnostics);
        return changed && guest;
    };
    // Whatever the drop-in said goes first: the file itself may say what is wanted.
    if (guest->keys.find("enabled").file == drop_in && !change(std::nullopt)) return kCouldNot;
    if (guest->enabled != wanted && !change(wanted)) return kCouldNot;
    if (guest->enabled == wanted) return kDone;
    context.console.error("guest '" + name + "': " + unitfile::render(guest->keys.find("enabled")) +
                          " says otherwise");
    return kCouldNot;
}

int change(Context& context, Arguments arguments, std::string_view verb, bool wanted) {
    std::vector<std::string> names;
    bool now = false;
    Options options(context, verb);
    options.flag("--now", now, wanted ? "start it as well" : "stop it as well");
    options.positionals("NAME", names, "guests", 1);
    options.footer("Written as a drop-in, NAME.toml.d/99-enabled.toml, where the files themselves\n"
                   "say otherwise. 'stead start --enabled' at boot starts what is enabled.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    int worst = kDone;
    for (const std::string& name : names) {
        if (name.find('/') != std::string::npos) {
            worst = asking.fail(kAskedWrongly, "'" + safe(name) + "' is a unit",
                                "units are enabled by 'enabled' in their files");
            continue;
        }
        const int code = set_enabled(context, asking.place().paths(), name, wanted);
        if (worst == kDone) worst = code;
    }
    if (worst != kDone || !now) return worst;
    return wanted ? verb_start(context, names) : verb_stop(context, names);
}

} // namespace

int verb_enable(Context& context, Arguments arguments) {
    return change(context, arguments, "enable", true);
}

int verb_disable(Context& context, Arguments arguments) {
    return change(context, arguments, "disable", false);
}

} // namespace stead::cli
