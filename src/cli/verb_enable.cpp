#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "cli/asking.h"
#include "cli/guest_service.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/options.h"
#include "cli/unit_files.h"
#include "cli/unit_reload.h"
#include "guests/store.h"
#include "sys/file.h"
#include "unitfile/reader.h"

/// enable and disable: whether a guest is started with the host, a unit with its guest.
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

/// Here, in the guest: a drop-in among its own files, whichever folder the unit is in.
int set_unit_enabled(Asking& asking, const std::string& unit, bool wanted) {
    const std::string source =
        unit.substr(0, unit.find('@') + (unit.find('@') != unit.npos ? 1 : 0));
    std::error_code unreadable;
    std::vector<std::string> known;
    for (const std::string& folder : searched_folders()) {
        for (const auto& entry : std::filesystem::directory_iterator(folder, unreadable)) {
            if (entry.path().extension() == ".toml") known.push_back(entry.path().stem().string());
        }
    }
    const auto has = [&](const std::string& name) {
        return std::find(known.begin(), known.end(), name) != known.end();
    };
    if (!has(unit) && !(unit != source && has(source))) {
        asking.no_such("file of a unit", unit, known);
        return asking.code();
    }
    const std::string folder = "/etc/stead/units/" + unit + ".toml.d";
    std::filesystem::create_directories(folder, unreadable);
    const std::string text = std::string("# Written by 'stead enable' and 'stead disable'.\n") +
                             "enabled = " + (wanted ? "true" : "false") + "\n";
    const int code = write_unit_files(asking.console(), folder, {{"99-enabled.toml", text}}, true);
    if (code == kDone)
        asking.console().remark(unit + (wanted ? " starts" : " no longer starts") +
                                " with the guest from its next start on");
    return code;
}

int change_unit(Asking& asking, const std::string& word, std::string_view verb, bool wanted) {
    const auto target = asking.target(word);
    if (!target) return asking.code();
    if (target->unit.empty())
        return asking.fail(kAskedWrongly, "inside a guest there are only its units");
    if (target->own()) return set_unit_enabled(asking, target->unit, wanted);
    auto client = asking.open(*target);
    if (!client) return asking.code();
    const auto null = sys::open_at(AT_FDCWD, "/dev/null", O_WRONLY);
    if (!null) return asking.fail(kCouldNot, describe(null.error()).view());
    const int code =
        run_there(asking, *client, *target, {std::string(verb), target->unit}, null->get());
    return code < 0 ? asking.code() : code;
}

int change(Context& context, Arguments arguments, std::string_view verb, bool wanted) {
    std::vector<std::string> names;
    bool now = false;
    Options options(context, verb);
    options.flag("--now", now, wanted ? "start it as well" : "stop it as well");
    options.positionals("NAME", names, "NAME or NAME/UNIT on the host, UNIT in a guest", 1);
    options.footer("Written as a drop-in, NAME.toml.d/99-enabled.toml, where the files themselves\n"
                   "say otherwise. 'stead start --enabled' at boot starts what is enabled, and\n"
                   "on a systemd host the service manager does.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    int worst = kDone;
    bool guests_changed = false;
    for (const std::string& name : names) {
        const bool unit = !asking.place().on_host() || name.find('/') != std::string::npos;
        const int code = unit ? change_unit(asking, name, verb, wanted)
                              : set_enabled(context, asking.place().paths(), name, wanted);
        if (worst == kDone) worst = code;
        guests_changed = guests_changed || (!unit && code == kDone);
    }
    if (guests_changed) tell_of_enabled(context, asking.place().paths());
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
