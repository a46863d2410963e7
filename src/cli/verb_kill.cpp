#include <array>
#include <csignal>

#include "base/signal_name.h"
#include "cli/client_verbs.h"
#include "cli/options.h"
#include "sys/clock.h"

namespace stead::cli {

namespace {

using wire::Tag;

/// A signal for a whole guest goes to its PID 1: KILL ends everything at once, TERM is an orderly
/// stop, INT a reboot.
int kill_guest(Asking& asking, const Target& target, int signal) {
    if (target.own())
        return asking.fail(kAskedWrongly, "kill wants a unit", "'stead shutdown' ends a guest");
    const auto guest = guests::find(asking.place().paths(), target.guest);
    if (!guest || !*guest || !(*guest)->running()) {
        // Finds the words for a guest that does not run, or is none.
        if (asking.open(target)) return asking.fail(kCouldNot, "the guest's state file is missing");
        return asking.code();
    }
    const auto sent = sys::send_signal(*(*guest)->init, signal);
    if (!sent) return asking.fail(kCouldNot, describe(sent.error()).view());
    return kDone;
}

int kill_unit(Asking& asking, const Target& target, int signal, bool main_only) {
    auto client = asking.open(target);
    if (!client) return asking.code();
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, wire::Kind::Kill);
    request.text(Tag::Name, target.unit)
        .number(Tag::Signal, signal)
        .number(Tag::Whom, main_only ? 1 : 0);
    const auto reply =
        asking.order(*client, request, target,
                     {.waiting_for = "an answer of PID 1", .limit = sys::now() + kAnswerLimit});
    return reply ? kDone : asking.code();
}

} // namespace

int verb_kill(Context& context, Arguments arguments) {
    std::vector<std::string> names;
    std::string signal_text = "TERM";
    std::string whom = "all";
    Options options(context, "kill");
    options.value("-s,--signal", signal_text, "SIGNAL", "name or number (TERM)");
    options.value("--whom", whom, "main|all", "the main process, or every one (all)");
    options.positionals("NAME", names, "NAME or NAME/UNIT on the host, UNIT in a guest", 1);
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    const int signal = signal_number(signal_text);
    if (signal == 0) {
        return asking.fail(kAskedWrongly, "there is no signal '" + safe(signal_text) + "'",
                           "a name as in signal(7), RTMIN+n, or a number from 1 to 64");
    }
    if (whom != "main" && whom != "all")
        return asking.fail(kAskedWrongly, "--whom is '" + safe(whom) + "'; use main or all");

    int worst = kDone;
    for (const std::string& word : names) {
        const auto target = asking.target(word);
        int code = asking.code();
        if (target)
            code = target->unit.empty() ? kill_guest(asking, *target, signal)
                                        : kill_unit(asking, *target, signal, whom == "main");
        if (worst == kDone) worst = code;
    }
    return worst;
}

} // namespace stead::cli
