#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console.h"
#include "cli/exit_codes.h"

/// The command `stead`: one file per verb (verb_NAME.cpp), one row per verb in verbs.cpp. Verbs
/// parse their own options (options.h), print through Context::console and return an exit code;
/// they decide nothing that the folders below could decide.
namespace stead::cli {

/// What a verb is given beside its arguments.
struct Context {
    Console& console;
    /// The program as it was called, for messages and for finding what lies beside it.
    std::string program = "stead";
    /// Whether this command has cleared away already what ended guests left.
    bool cleared = false;
};

/// The words after the verb.
using Arguments = std::span<const std::string>;

/// Headings of `stead --help`, in this order.
enum class VerbGroup { Guests, Units, Levels, Looking, Files, Hidden };

struct Verb {
    std::string_view name;
    /// One line for `stead --help`, without a full stop.
    std::string_view summary;
    /// "NAME[/UNIT] ...": what stands after the verb.
    std::string_view usage;
    VerbGroup group = VerbGroup::Guests;
    int (*run)(Context& context, Arguments arguments) = nullptr;
};

/// Every verb. A new one is a file verb_NAME.cpp, its declaration below, and its row in verbs.cpp.
std::span<const Verb> all_verbs();

int verb_check(Context& context, Arguments arguments);
int verb_schema(Context& context, Arguments arguments);
int verb_cleanup(Context& context, Arguments arguments);
int verb_compile(Context& context, Arguments arguments);
int verb_ended(Context& context, Arguments arguments);
int verb_explain(Context& context, Arguments arguments);
int verb_import(Context& context, Arguments arguments);
int verb_jail(Context& context, Arguments arguments);
int verb_load(Context& context, Arguments arguments);
int verb_probe(Context& context, Arguments arguments);
int verb_service(Context& context, Arguments arguments);
int verb_run(Context& context, Arguments arguments);

const Verb* find_verb(std::string_view name);

/// `stead ARGUMENTS...`: finds the verb and runs it; --help and --version.
int run_command(Context& context, Arguments arguments);

} // namespace stead::cli
