#pragma once

#include <optional>

#include "base/result.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

/// Starting guests in the background: a child of its own session launches the guest and becomes its
/// keeper, which nobody's terminal or end takes down; init reaps it.
namespace stead::guests {

struct Launcher {
    /// In the child: true, and the rest is empty.
    bool is_child = false;
    sys::Process process;
    /// Closed when the child has become the keeper, or has ended.
    sys::UniqueFd progress;
    /// In the child: where `report_failure` writes.
    sys::UniqueFd outcome;
};

/// Splits off the launcher. Its standard streams stay ours until it becomes the keeper.
Result<Launcher> split_off();

/// The child's last word before it ends: what the parent is to leave with.
void report_failure(const Launcher& child, int code);

/// Waits until the launcher has become the keeper (nothing), or has failed (its code; -1 if it died
/// without a word). `limit_ms` -1: however long it takes; ETIMEDOUT then.
Result<std::optional<int>> await_launch(const Launcher& launcher, int limit_ms);

} // namespace stead::guests
