#include "cli/options.h"
#include "cli/verbs.h"
#include "unitfile/keys.h"

namespace stead::cli {

int verb_schema(Context& context, Arguments arguments) {
    std::string which;
    Options options(context, "schema");
    options.positional("unit|guest", which, "of which file format");
    if (const auto code = options.parse(arguments)) return *code;
    if (which != "unit" && which != "guest") {
        context.console.error("there is no file format '" + safe(which) + "'");
        context.console.hint("use unit or guest");
        return kAskedWrongly;
    }
    const auto kind = which == "unit" ? unitfile::Kind::Unit : unitfile::Kind::Guest;
    context.console.out(unitfile::render_json_schema(kind));
    return kDone;
}

} // namespace stead::cli
