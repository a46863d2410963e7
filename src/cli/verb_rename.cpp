#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/asking.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/options.h"
#include "guests/disk.h"
#include "guests/store.h"
#include "unitfile/reader.h"

/// rename and delete.
namespace stead::cli {

namespace {

int explain(Asking& asking, const std::string& name, const Error& error) {
    if (error.code == EBUSY)
        return asking.fail(kCouldNot, "guest '" + name + "' runs, or is being started",
                           "'stead stop " + name + "' stops it");
    return asking.fail(kCouldNot, describe(error).view());
}

/// Guests whose files name `name`: they would look for somebody who is not there.
std::vector<std::string> named_by(const guests::Paths& paths, const std::string& name) {
    std::vector<std::string> found;
    for (const std::string& other : guests::configured(paths)) {
        unitfile::Diagnostics ignored;
        const auto spec = unitfile::load_guest(paths.guest_file(other), ignored);
        if (!spec || other == name) continue;
        const auto names = [&](const unitfile::TextList& list) {
            return std::any_of(list.begin(), list.end(),
                               [&](const auto& one) { return one.value == name; });
        };
        if (names(spec->needs) || names(spec->after)) found.push_back(other);
    }
    return found;
}

void remark_names(Asking& asking, const std::string& name) {
    for (const std::string& other : named_by(asking.place().paths(), name)) {
        std::string text = "guest '";
        text.append(other).append("' names '").append(name);
        text.append("' in its 'requires' or 'after'; 'stead edit ").append(other).append("'");
        asking.console().error(text);
    }
}

bool is_sure(Console& console, const std::string& name) {
    console.hint("delete guest '" + name +
                 "', its file, drop-ins, changes to its image, state and logs? [y/N]");
    const int answer = std::getchar();
    for (int rest = answer; rest != '\n' && rest != EOF;)
        rest = std::getchar();
    return answer == 'y' || answer == 'Y';
}

} // namespace

int verb_rename(Context& context, Arguments arguments) {
    std::string from;
    std::string to;
    Options options(context, "rename");
    options.positional("NAME", from, "a guest that does not run");
    options.positional("NEW", to, "its new name");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const guests::Paths& paths = asking.place().paths();
    if (!guests::is_configured(paths, from)) {
        asking.no_such("guest", from, guests::configured(paths));
        return asking.code();
    }
    if (!guests::valid_name(to) || from == to)
        return asking.fail(kAskedWrongly, "'" + safe(to) + "' is no new name for '" + from + "'",
                           "letters, digits, '.', '_' and '-', 63 at most");
    if (guests::is_configured(paths, to))
        return asking.fail(kCouldNot, "there is a guest '" + to + "' already");
    const auto renamed = guests::rename_guest(paths, from, to);
    if (!renamed) return explain(asking, from, renamed.error());
    remark_names(asking, from);
    return kDone;
}

int verb_delete(Context& context, Arguments arguments) {
    std::vector<std::string> names;
    bool yes = false;
    Options options(context, "delete");
    options.flag("--yes", yes, "do not ask");
    options.positionals("NAME", names, "guests that do not run", 1);
    options.footer("Deletes the file, its drop-ins, changes to an image with their snapshots, the "
                   "state and the\n"
                   "logs; never a root folder or an image.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const guests::Paths& paths = asking.place().paths();
    for (const std::string& name : names) {
        // A guest that ran from a file elsewhere has changes and no file here.
        if (guests::is_configured(paths, name) || guests::has_disk(paths, name)) continue;
        asking.no_such("guest", name, guests::configured(paths));
        return asking.code();
    }
    if (!yes && ::isatty(STDIN_FILENO) != 1)
        return asking.fail(kAskedWrongly, "delete asks, and there is no terminal to answer on",
                           "--yes does not ask");
    int worst = kDone;
    for (const std::string& name : names) {
        if (!yes && !is_sure(context.console, name)) continue;
        if (guests::has_disk(paths, name) && !may_change_disks(context)) return kCouldNot;
        const auto deleted = guests::delete_guest(paths, name);
        if (!deleted) worst = explain(asking, name, deleted.error());
        if (deleted) remark_names(asking, name);
    }
    return worst;
}

} // namespace stead::cli
