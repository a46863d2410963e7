#include <nlohmann/json.hpp>

#include "cli/boot_record.h"
#include "cli/client_verbs.h"
#include "cli/guest_answer.h"
#include "cli/options.h"
#include "cli/words.h"

/// blame and critical-chain: what made a boot take as long as it did.
namespace stead::cli {

namespace {

constexpr std::size_t kTimeColumn = 9;

double seconds(Duration duration) {
    return static_cast<double>(duration.ns) / 1e9;
}

/// "failed" and "still starting" beside a start that did not lead to being up.
std::string_view ending(const BootUnit& unit) {
    if (unit.failed()) return unit.up ? "failed at first" : "failed";
    return unit.settled() ? "" : "still starting";
}

void print_blame(Console& console, const Boot& boot) {
    for (const std::size_t index : slowest_first(boot)) {
        const BootUnit& unit = boot.units[index];
        std::string time = fine_words(boot.took(unit));
        // A micro sign is two bytes and one column.
        const std::size_t wide = time.size() - (time.find("µ") == std::string::npos ? 0 : 1);
        if (wide < kTimeColumn) time.insert(0, kTimeColumn - wide, ' ');
        std::string line = time + "  " + safe(unit.name);
        if (const auto end = ending(unit); !end.empty())
            line += "  " + console.paint(unit.failed() ? Colour::Red : Colour::Yellow, end);
        console.line(line);
    }
}

nlohmann::json blame_json(const Boot& boot) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::size_t index : slowest_first(boot)) {
        const BootUnit& unit = boot.units[index];
        list.push_back({{"unit", unit.name},
                        {"seconds", seconds(boot.took(unit))},
                        {"began", seconds(unit.began)},
                        {"failed", unit.failed()},
                        {"state", state_name(unit.state)}});
    }
    return list;
}

struct ChainPrinter {
    Console& console;
    const Boot& boot;

    [[nodiscard]] std::string words(const BootUnit& unit) const {
        const Duration took = boot.took(unit);
        std::string text = safe(unit.name) + " @" + fine_words(unit.began);
        if (took.ns > 0) text += " +" + fine_words(took);
        if (const auto end = ending(unit); !end.empty()) text += ", " + std::string(end);
        if (unit.failed()) return console.paint(Colour::Red, text);
        return took.ns > 0 ? console.paint(Colour::Bold, text) : text;
    }

    void print(const ChainLink& link, const std::string& before, const std::string& below) {
        console.line(before + words(boot.units[link.unit]));
        for (std::size_t i = 0; i < link.below.size(); ++i) {
            const bool last = i + 1 == link.below.size();
            print(link.below[i], below + (last ? "└─" : "├─"), below + (last ? "  " : "│ "));
        }
    }
};

nlohmann::json chain_json(const Boot& boot, const ChainLink& link) {
    const BootUnit& unit = boot.units[link.unit];
    nlohmann::json below = nlohmann::json::array();
    for (const ChainLink& one : link.below)
        below.push_back(chain_json(boot, one));
    return {{"unit", unit.name},
            {"began", seconds(unit.began)},
            {"seconds", seconds(boot.took(unit))},
            {"failed", unit.failed()},
            {"after", std::move(below)}};
}

} // namespace

int verb_blame(Context& context, Arguments arguments) {
    std::string name;
    bool json = false;
    Options options(context, "blame");
    options.flag("--json", json, "as JSON");
    options.optional_positional("NAME", name, "the guest; inside a guest: none");
    options.footer("A unit that waits for another is not slow: 'stead critical-chain' shows what "
                   "held the boot up.");
    if (const auto code = options.parse(arguments)) return *code;

    Asking asking(context, Place::look());
    std::optional<Client> client;
    const auto answer = ask_guest(asking, "blame", name, client);
    if (!answer) return asking.code();
    if (answer->unit) return asking.fail(kAskedWrongly, "blame wants a guest, not a unit of it");
    const Boot boot = read_boot(answer->name, answer->guest, answer->units);
    if (json) {
        context.console.json(blame_json(boot));
    } else {
        print_blame(context.console, boot);
    }
    return kDone;
}

int verb_critical_chain(Context& context, Arguments arguments) {
    std::string name;
    std::string unit;
    std::string fuzz;
    bool json = false;
    Options options(context, "critical-chain");
    options.value("--fuzz", fuzz, "TIME", "also what settled at most TIME before the last");
    options.flag("--json", json, "as JSON");
    options.optional_positional("NAME", name, "NAME or NAME/UNIT on the host, UNIT in a guest");
    options.optional_positional("UNIT", unit, "the unit; without it: the last one of the boot");
    options.footer("@ is when a unit began to start, + how long that took; below a unit stands "
                   "what it waited for last.");
    if (const auto code = options.parse(arguments)) return *code;
    const auto nearby = fuzz.empty() ? std::optional<std::int64_t>(0) : parse_duration(fuzz);
    if (!nearby) {
        context.console.error("--fuzz is '" + safe(fuzz) + "', which is no length of time");
        return kAskedWrongly;
    }

    Asking asking(context, Place::look());
    std::optional<Client> client;
    const auto answer = ask_guest(asking, "critical-chain", name, client, unit);
    if (!answer) return asking.code();
    const Boot boot = read_boot(answer->name, answer->guest, answer->units);
    const auto root =
        answer->unit ? boot.find(answer->units[*answer->unit].name) : last_to_settle(boot);
    if (!root && answer->unit) {
        return asking.fail(kCouldNot, answer->target.text() + " was not started by the boot",
                           "'stead why " + answer->target.text() + "' tells how it is");
    }
    if (!root) return asking.fail(kCouldNot, "the boot started no unit");
    const ChainLink chain = critical_chain(boot, *root, Duration{*nearby});
    if (json) {
        context.console.json(chain_json(boot, chain));
    } else {
        ChainPrinter{context.console, boot}.print(chain, "", "");
    }
    return kDone;
}

} // namespace stead::cli
