#include "cli/options.h"
#include "cli/verbs.h"
#include "guests/guests.h"

namespace stead::cli {

int verb_cleanup(Context& context, Arguments arguments) {
    std::string name;
    Options options(context, "cleanup");
    options.positional("NAME", name, "a guest that has ended");
    if (const auto code = options.parse(arguments)) return *code;
    if (!guests::valid_name(name)) {
        context.console.error("'" + safe(name) + "' is no guest's name");
        return kAskedWrongly;
    }
    const auto cleaned = guests::clean_up(guests::Paths::from_environment(), name);
    if (cleaned) return kDone;
    context.console.error("cleaning up " + name + ": " +
                          std::string(describe(cleaned.error()).view()));
    return kCouldNot;
}

} // namespace stead::cli
