#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "cli/asking.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/image_words.h"
#include "cli/options.h"
#include "cli/short_text.h"
#include "guests/disk.h"
#include "guests/store.h"
#include "unitfile/reader.h"

/// snapshot, restore, diff and reset: a guest's own changes above its image.
namespace stead::cli {

namespace {

int explain(Asking& asking, const std::string& name, const Error& error) {
    if (error.code == EBUSY)
        return asking.fail(kCouldNot, "guest '" + name + "' runs, or is being started",
                           "'stead stop " + name + "' stops it");
    return asking.fail(kCouldNot, name + ": " + std::string(describe(error).view()),
                       error.code == ENOSPC ? "nothing has changed; make room first" : "");
}

/// The image of a guest that has a file; nothing after a message.
std::optional<std::string> image_of(Asking& asking, const std::string& name) {
    const guests::Paths& paths = asking.place().paths();
    if (!guests::is_configured(paths, name)) {
        asking.no_such("guest", name, guests::configured(paths));
        return std::nullopt;
    }
    unitfile::Diagnostics ignored;
    const auto spec = unitfile::load_guest(paths.guest_file(name), ignored);
    if (!spec) {
        (void)asking.fail(kAskedWrongly, "the file of guest '" + name + "' has mistakes",
                          "'stead check " + paths.guest_file(name) + "' shows them");
        return std::nullopt;
    }
    if (!spec->image.value.empty()) return spec->image.value;
    (void)asking.fail(kCouldNot, "guest '" + name + "' is not on an image",
                      "only guests with image = \"NAME\" keep their changes apart");
    return std::nullopt;
}

/// The same for one that has changes.
bool has_changes(Asking& asking, const std::string& name) {
    if (!image_of(asking, name)) return false;
    if (guests::has_disk(asking.place().paths(), name)) return true;
    (void)asking.fail(kCouldNot, "guest '" + name + "' has not been started yet",
                      "it is as its image is");
    return false;
}

int list_snapshots(Asking& asking, const std::string& name) {
    if (!image_of(asking, name)) return asking.code();
    for (const std::string& one : guests::snapshots_of(asking.place().paths(), name))
        asking.console().line(one);
    return kDone;
}

struct Shown {
    Shown(Console& console, const std::string& name)
        : line(console, name) {}

    void operator()(std::uint64_t bytes) {
        if (bytes >> 22U == told) return;
        told = bytes >> 22U;
        line.show(size_words(static_cast<std::int64_t>(bytes)) + " copied");
    }

    ProgressLine line;
    std::uint64_t told = 0;
};

bool is_sure(Console& console, const std::string& name) {
    console.hint("give up everything that guest '" + name + "' has changed? [y/N]");
    const int answer = std::getchar();
    for (int rest = answer; rest != '\n' && rest != EOF;)
        rest = std::getchar();
    return answer == 'y' || answer == 'Y';
}

constexpr const char* word_of(guests::Change::Kind kind) {
    switch (kind) {
    case guests::Change::Kind::Added:
        return "added";
    case guests::Change::Kind::Changed:
        return "changed";
    case guests::Change::Kind::Removed:
        return "removed";
    }
    return "";
}

} // namespace

int verb_snapshot(Context& context, Arguments arguments) {
    std::string name;
    std::string snapshot;
    bool remove = false;
    Options options(context, "snapshot");
    options.flag("--delete", remove, "delete that snapshot instead");
    options.positional("NAME", name, "a guest on an image, running or not");
    options.optional_positional("SNAPSHOT", snapshot, "its name; without one, all are listed");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const guests::Paths& paths = asking.place().paths();
    if (snapshot.empty()) return list_snapshots(asking, name);
    if (!guests::valid_name(snapshot))
        return asking.fail(kAskedWrongly, "'" + safe(snapshot) + "' is no snapshot's name",
                           "letters, digits, '.', '_' and '-', 63 at most");
    if (!may_change_disks(context)) return kCouldNot;
    if (remove) {
        const auto removed = guests::delete_snapshot(paths, name, snapshot);
        if (!removed && removed.error().code == ENOENT) {
            asking.no_such("snapshot", snapshot, guests::snapshots_of(paths, name));
            return asking.code();
        }
        return removed ? kDone : explain(asking, name, removed.error());
    }
    if (!has_changes(asking, name)) return asking.code();
    Shown shown(context.console, name);
    const auto made = guests::make_snapshot(paths, name, snapshot, shown);
    shown.line.clear();
    if (!made && made.error().code == EEXIST)
        return asking.fail(kCouldNot,
                           "guest '" + name + "' has a snapshot '" + snapshot + "' already",
                           "'stead snapshot --delete " + name + " " + snapshot + "' removes it");
    return made ? kDone : explain(asking, name, made.error());
}

int verb_restore(Context& context, Arguments arguments) {
    std::string name;
    std::string snapshot;
    Options options(context, "restore");
    options.positional("NAME", name, "a guest that does not run");
    options.positional("SNAPSHOT", snapshot, "one of its snapshots");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const guests::Paths& paths = asking.place().paths();
    if (!image_of(asking, name)) return asking.code();
    const auto known = guests::snapshots_of(paths, name);
    if (std::find(known.begin(), known.end(), snapshot) == known.end()) {
        asking.no_such("snapshot", snapshot, known);
        return asking.code();
    }
    if (!may_change_disks(context)) return kCouldNot;
    Shown shown(context.console, name);
    const auto restored = guests::restore_snapshot(paths, name, snapshot, shown);
    shown.line.clear();
    return restored ? kDone : explain(asking, name, restored.error());
}

int verb_reset(Context& context, Arguments arguments) {
    std::vector<std::string> names;
    bool yes = false;
    Options options(context, "reset");
    options.flag("--yes", yes, "do not ask");
    options.positionals("NAME", names, "guests on images that do not run", 1);
    options.footer("Snapshots stay.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    if (!yes && ::isatty(STDIN_FILENO) != 1)
        return asking.fail(kAskedWrongly, "reset asks, and there is no terminal to answer on",
                           "--yes does not ask");
    int worst = kDone;
    for (const std::string& name : names) {
        const auto image = image_of(asking, name);
        if (!image) return asking.code();
        if (!yes && !is_sure(context.console, name)) continue;
        if (!may_change_disks(context)) return kCouldNot;
        const auto reset = guests::reset_disk(asking.place().paths(), name, *image);
        if (!reset) worst = explain(asking, name, reset.error());
    }
    return worst;
}

int verb_diff(Context& context, Arguments arguments) {
    std::string name;
    bool json = false;
    Options options(context, "diff");
    options.flag("--json", json, "as JSON");
    options.positional("NAME", name, "a guest on an image");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    if (!image_of(asking, name)) return asking.code();
    if (!may_change_disks(context)) return kCouldNot;
    const auto changes = guests::changes_of(asking.place().paths(), name);
    if (!changes) return explain(asking, name, changes.error());
    nlohmann::json all = nlohmann::json::array();
    for (const guests::Change& change : *changes) {
        const std::string what = word_of(change.kind);
        if (json)
            all.push_back({{"change", what}, {"path", safe(change.path)}});
        else
            context.console.line(fitted(what, 8) + safe(change.path));
    }
    if (json) context.console.json(all);
    return kDone;
}

} // namespace stead::cli
