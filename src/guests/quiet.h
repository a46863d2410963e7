#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "guests/guests.h"
#include "guests/state.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

/// Guests whose files somebody works with. For this folder's own use.
namespace stead::guests {

/// The lock of a guest that does not run, for as long as this lives.
class Idle {
public:
    /// EBUSY: it runs, or somebody starts it.
    static Result<Idle> take(const Paths& paths, std::string_view guest);

    Idle(Idle&&) = default;
    Idle(const Idle&) = delete;
    Idle& operator=(const Idle&) = delete;
    Idle& operator=(Idle&&) = delete;
    ~Idle();

private:
    Idle(const Paths& paths, std::string_view guest, Claim claimed);

    Paths paths_;
    std::string guest_;
    Claim claim_;
};

/// A guest that changes none of its files for as long as this lives: it does not run, or its units
/// stand still (its PID 1 goes on). They go on with the end of this process, whatever ends it: a
/// child of ours that has gone away from our terminal sees to it.
class Quiet {
public:
    /// EBUSY: it is being started, or has no cgroup to stand still in. ETIMEDOUT: it does not stand
    /// still.
    static Result<Quiet> take(const Paths& paths, std::string_view guest);

    Quiet(Quiet&&) = default;
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    Quiet& operator=(Quiet&&) = delete;
    ~Quiet();

private:
    Quiet() = default;

    std::optional<Idle> idle_;
    /// Its closing is what the child waits for.
    sys::UniqueFd hold_;
    sys::Process watcher_;
};

} // namespace stead::guests
