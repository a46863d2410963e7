#include <sys/resource.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "cli/options.h"
#include "cli/unit_reload.h"
#include "cli/verbs.h"
#include "sys/file.h"
#include "sys/setup.h"

namespace stead::cli {

namespace {

constexpr rlim_t kMaxMemory = space_limit(512U << 20U);
constexpr rlim_t kMaxProcessorSeconds = 10;
constexpr unsigned kMaxSeconds = 30;

/// Unit files are the guest's, hence hostile: whatever they make of this process ends soon.
void limit_self() {
    const rlimit memory{kMaxMemory, kMaxMemory};
    const rlimit processor{kMaxProcessorSeconds, kMaxProcessorSeconds};
    // A tighter limit that is there already serves as well.
    (void)::setrlimit(RLIMIT_AS, &memory);
    (void)::setrlimit(RLIMIT_CPU, &processor);
    ::alarm(kMaxSeconds);
}

} // namespace

int verb_load(Context& context, Arguments arguments) {
    std::int64_t out = -1;
    bool strict = false;
    UnitSet set;
    set.landlock = sys::landlock_version();
    Options options(context, "load");
    options.number("--out-fd", out, "NUMBER", "descriptor of the memfd to fill");
    options.list("--dir", set.folders, "DIR", "search here instead of the usual folders");
    options.flag("--strict", strict, "one mistake is enough to give no plan at all");
    options.flag("--foreign", set.foreign, "for somebody else's container");
    if (const auto code = options.parse(arguments)) return *code;
    set.machine = resources::this_machine();
    context.console.speak_for_another(); // PID 1 says whose guest it is.
    if (out < 0 || out > 1 << 20) {
        context.console.error("load needs --out-fd NUMBER");
        return kAskedWrongly;
    }
    limit_self();
    set.leave_out = !strict;
    look_around(set);
    const int code = compile_unit_set(context, set);
    if (code != kDone) return code;

    const auto written = sys::write_full(
        static_cast<int>(out), {reinterpret_cast<const char*>(set.image.data()), set.image.size()});
    if (!written) {
        context.console.error("plan: " + std::string(describe(written.error()).view()));
        return kCouldNot;
    }
    return kDone;
}

} // namespace stead::cli
