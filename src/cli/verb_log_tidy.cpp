#include <unistd.h>

#include <algorithm>

#include "cli/client_verbs.h"
#include "cli/log_tidy.h"
#include "cli/options.h"
#include "guests/guests.h"
#include "sys/stream.h"
#include "wire/boot.h"

/// The keeper's hand for old logs: it starts this after it has put a file aside, with the folder of
/// the guest's logs at descriptor 3, and counts by its exit code what was removed.
namespace stead::cli {

namespace {

constexpr int kLogsToTidy = 3;
/// Others' work comes first.
constexpr int kTidyNice = 10;

} // namespace

int verb_log_tidy(Context& context, Arguments arguments) {
    std::string name;
    Options options(context, "log-tidy");
    options.positional("NAME", name, "the guest");
    if (const auto code = options.parse(arguments)) return *code;
    if (!sys::is_open(kLogsToTidy)) {
        context.console.error("log-tidy is for the keeper; log.max of a guest's file bounds its "
                              "logs");
        return kAskedWrongly;
    }
    (void)!::nice(kTidyNice); // best effort
    const auto guest = guests::find(guests::Paths::from_environment(), name);
    const std::uint64_t max = guest && *guest ? (*guest)->record.log_max : 0;
    return wire::kTidied + tidy_logs(kLogsToTidy, max, wire::kTidiedMost).removed;
}

} // namespace stead::cli
