#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "cli/options.h"
#include "cli/unit_set.h"
#include "cli/verbs.h"
#include "sys/file.h"
#include "sys/privileges.h"

namespace stead::cli {

namespace {

constexpr rlim_t kMaxMemory = 512U << 20U;
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

/// The guest's own allow-list is the bounding set that PID 1 gave us; with none to see, everything:
/// PID 1 cuts the plan anyway.
std::uint64_t ceiling() {
    std::uint64_t mask = 0;
    for (int number = 0; number < 64; ++number) {
        const auto held = sys::in_bounding_set(number);
        if (!held) break;
        if (*held) mask |= std::uint64_t{1} << static_cast<unsigned>(number);
    }
    return mask != 0 ? mask : ~std::uint64_t{0};
}

/// A map of all ids onto themselves is the host's own user namespace.
recipe::Users users_here() {
    const auto file = sys::open_at(AT_FDCWD, "/proc/self/uid_map", O_RDONLY);
    if (!file) return recipe::Users::Private;
    std::array<char, 256> buffer{};
    const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(buffer)));
    const std::string_view map(buffer.data(), size ? *size : 0);
    return map.find("4294967295") != std::string_view::npos ? recipe::Users::Host
                                                            : recipe::Users::Private;
}

} // namespace

int verb_load(Context& context, Arguments arguments) {
    std::int64_t out = -1;
    UnitSet set;
    Options options(context, "load");
    options.number("--out-fd", out, "NUMBER", "descriptor of the memfd to fill");
    options.list("--dir", set.folders, "DIR", "search here instead of the usual folders");
    options.flag("--foreign", set.foreign, "for somebody else's container");
    if (const auto code = options.parse(arguments)) return *code;
    context.console.speak_for_another(); // PID 1 says whose guest it is.
    if (out < 0 || out > 1 << 20) {
        context.console.error("load needs --out-fd NUMBER");
        return kAskedWrongly;
    }
    limit_self();
    if (set.folders.empty()) set.folders = searched_folders();
    set.leave_out = true;
    set.ceiling = ceiling();
    set.users = users_here();
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
