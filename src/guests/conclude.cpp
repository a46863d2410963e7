#include <ctime>
#include <utility>

#include "guests/cleanup.h"
#include "guests/ending.h"
#include "guests/hooks.h"
#include "guests/state.h"
#include "unitfile/reader.h"

namespace stead::guests {

namespace {

std::string result_of(int code, bool reboot) {
    if (reboot) return "reboot";
    return code == 0 ? "success" : "failure";
}

void run_post_stop(const Paths& paths, int code, bool reboot, Conclusion& conclusion) {
    const Record& record = conclusion.record;
    HookSet hooks;
    unitfile::Diagnostics
        ignored; // With a file that was broken meanwhile: the hooks of all guests.
    const auto guest =
        record.file.empty() ? std::nullopt : unitfile::load_guest(record.file, ignored);
    if (guest) hooks = hooks_of(*guest);
    hooks.guest = record.name;
    hooks.file = record.file;
    for (std::string& failure : run_hooks(paths, hooks, Stage::PostStop,
                                          {{"STEAD_EXIT_CODE", std::to_string(code)},
                                           {"STEAD_RESULT", result_of(code, reboot)}}))
        conclusion.failures.push_back(std::move(failure));
}

} // namespace

Result<Conclusion> conclude(const Paths& paths, std::string_view name, int code, bool reboot) {
    const Claim claim = TRY(claim_existing(paths, name));
    Conclusion conclusion;
    if (auto known = read_record(claim.folder.get())) conclusion.record = *std::move(known);
    conclusion.record.name = name;
    if (verify(conclusion.record)) return make_error("conclude", name, EBUSY);

    const auto cleared = clear_remains(paths, name, claim);
    if (!cleared) {
        conclusion.failures.push_back("clearing up: " +
                                      std::string(describe(cleared.error()).view()));
    }
    const Ending ending{code, reboot, conclusion.record.created,
                        static_cast<std::int64_t>(std::time(nullptr))};
    const auto written = write_ending(paths, name, ending);
    if (!written) conclusion.failures.emplace_back(describe(written.error()).view());
    run_post_stop(paths, code, reboot, conclusion);
    for (const std::string& failure : conclusion.failures)
        append_to_log(paths, name, failure);
    // What could not be cleared is the next command's.
    if (cleared) (void)clear(paths, name, claim);
    return conclusion;
}

} // namespace stead::guests
