#include <fcntl.h>
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "cli/boot_chart.h"
#include "cli/client_verbs.h"
#include "cli/guest_answer.h"
#include "cli/options.h"
#include "guests/state.h"

namespace stead::cli {

namespace {

/// Guests run on the kernel that we run on.
std::string machine() {
    utsname names{};
    if (::uname(&names) < 0) return "Linux";
    return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

} // namespace

int verb_plot(Context& context, Arguments arguments) {
    std::string name;
    std::string output;
    bool json = false;
    Options options(context, "plot");
    options.value("-o,--output", output, "FILE", "write there instead of to standard output");
    options.flag("--json", json, "the same times as JSON");
    options.optional_positional("NAME", name, "the guest; inside a guest: none");
    options.footer("'stead plot web > boot.svg', then open boot.svg in a browser.");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    std::optional<Client> client;
    const auto answer = ask_guest(asking, "plot", name, client);
    if (!answer) return asking.code();
    if (answer->unit) return asking.fail(kAskedWrongly, "plot wants a guest, not a unit of it");
    const Boot boot = read_boot(answer->name, answer->guest, answer->units);
    if (boot.units.empty()) return asking.fail(kCouldNot, "the boot started no unit");
    const std::string text =
        json ? to_json(boot).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
             : draw_boot(boot, machine());
    if (output.empty()) {
        context.console.out(text);
        return kDone;
    }
    const auto written = guests::replace_file(AT_FDCWD, output.c_str(), text, 0644);
    return written ? kDone : asking.fail(kCouldNot, describe(written.error()).view());
}

} // namespace stead::cli
