#include "resources/freeze.h"

#include <poll.h>

#include <utility>

#include "resources/files.h"

namespace stead::resources {

namespace {

constexpr int kPauseMilliseconds = 1;
/// A process in an uninterruptible wait of a disk may take a while.
constexpr int kFreezeAttempts = 2000;

} // namespace

bool is_frozen(const std::string& cgroup) {
    const auto text = read_text(cgroup + "/cgroup.freeze");
    return text && *text == "1";
}

Result<void> freeze(const std::string& cgroup) {
    TRY(write_text(cgroup + "/cgroup.freeze", "1"));
    for (int attempt = 0; attempt < kFreezeAttempts; ++attempt) {
        const auto events = read_text(cgroup + "/cgroup.events");
        if (events && number_in(*events, "frozen").value_or(0) == 1) return {};
        ::poll(nullptr, 0, kPauseMilliseconds);
    }
    (void)thaw(cgroup); // What is told is that it did not stand still.
    return make_error("freeze", cgroup, ETIMEDOUT);
}

Result<void> thaw(const std::string& cgroup) {
    return write_text(cgroup + "/cgroup.freeze", "0");
}

Result<void> reclaim(const std::string& cgroup, std::uint64_t bytes) {
    return write_text(cgroup + "/memory.reclaim", std::to_string(bytes));
}

Result<StandStill> StandStill::of(const std::string& cgroup) {
    if (is_frozen(cgroup)) return StandStill({});
    TRY(freeze(cgroup));
    return StandStill(cgroup);
}

StandStill::StandStill(StandStill&& other) noexcept
    : cgroup_(std::exchange(other.cgroup_, {})) {}

StandStill::~StandStill() {
    if (!cgroup_.empty()) (void)thaw(cgroup_); // The write fails only when nobody is left there.
}

} // namespace stead::resources
