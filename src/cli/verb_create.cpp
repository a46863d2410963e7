#include <algorithm>

#include "cli/asking.h"
#include "cli/guest_file_text.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/image_unit.h"
#include "cli/options.h"
#include "guests/store.h"

namespace stead::cli {

int verb_create(Context& context, Arguments arguments) {
    NewGuest guest;
    bool print = false;
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    if (dashes != arguments.end()) guest.command.assign(dashes + 1, arguments.end());
    Options options(context, "create");
    options.flag("--print", print, "write the file to standard output instead");
    options.positional("NAME", guest.name, "the new guest");
    options.positionals("KEY=VALUE", guest.settings, "keys of its file: root=/srv/web");
    options.footer("A jail: stead create redis profile=jail -- redis-server --bind 127.0.0.1");
    const auto words = static_cast<std::size_t>(dashes - arguments.begin());
    if (const auto code = options.parse(arguments.first(words))) return *code;

    const auto paths = guests::Paths::from_environment();
    Console& console = context.console;
    if (!guests::valid_name(guest.name)) {
        console.error("'" + safe(guest.name) + "' is no guest's name");
        console.hint("letters, digits, '.', '_' and '-', 63 at most");
        return kAskedWrongly;
    }
    add_image_words(paths, guest);
    std::string wrong;
    const std::string text = guest_file_text(guest, wrong);
    if (!wrong.empty()) {
        console.error("'" + safe(wrong) + "' is no KEY=VALUE");
        return kAskedWrongly;
    }
    const std::string file = paths.guest_file(guest.name);
    const std::string unit = unit_of_image(paths, guest.settings);
    if (!check_guest_text(context, paths, file, text)) return kAskedWrongly;
    if (print) {
        console.out(text);
        return kDone;
    }
    if (!guests::is_configured(paths, guest.name) && !unit.empty()) {
        // Before the guest's file: without that it is nobody's.
        const auto kept = guests::write_host_unit(paths, guest.name, "main", unit);
        if (!kept) {
            console.error(describe(kept.error()).view());
            return kCouldNot;
        }
        console.remark("the image's program is unit 'main': " + file + ".d/units/main.toml");
    }
    const auto written = guests::write_guest_file(paths, guest.name, text, true);
    if (!written && written.error().code == EEXIST) {
        console.error("there is a guest '" + guest.name + "' already: " + file);
        console.hint("'stead edit " + guest.name + "' changes it");
        return kCouldNot;
    }
    if (!written) {
        console.error(describe(written.error()).view());
        return kCouldNot;
    }
    console.remark(file + "; 'stead start " + guest.name + "' starts it");
    return kDone;
}

} // namespace stead::cli
