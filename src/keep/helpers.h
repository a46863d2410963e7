#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"
#include "keep/table.h"
#include "sys/execute.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

/// The short-lived `stead` commands the keeper starts: what needs text or memory is theirs to do.
namespace stead::keep {

struct LogRequest {
    /// Of one unit; empty: of all.
    std::string_view unit;
    std::int64_t lines = 0;
    /// CLOCK_REALTIME in nanoseconds; 0: from the beginning.
    std::int64_t since = 0;
    bool follow = false;
};

/// Those who read logs on behalf of clients. Each is a process of its own (`stead log-reader`) that
/// writes into the client's pipe at the client's speed: a slow client holds up nobody else. When
/// too many are busy, the oldest one is ended for the newest.
class LogReaders {
    static constexpr std::size_t kMaxReaders = 16;

    struct Reader {
        sys::Process process;
        std::uint64_t number = 0;
    };

public:
    using Memory = Table<Reader, kMaxReaders>::Memory;

    LogReaders(int program, int logs, Memory& memory);

    /// `output` is the write end of the client's pipe.
    Result<void> start(const LogRequest& request, sys::UniqueFd output);
    /// Runs `stead service failed GUEST/UNIT`, which tells the bus.
    Result<void> announce_failure(std::string_view guest, std::string_view unit);

    /// Runs `stead log-tidy GUEST` unless it still runs; false if it has to be asked for again.
    bool tidy(std::string_view guest);

    /// How many files it has removed to keep the guest's logs within their bound.
    [[nodiscard]] std::int64_t removed() const { return removed_; }

    /// Forgets those that have ended.
    void reap();
    /// Closes the descriptor by whose end they know that no further line will come.
    void finish();

private:
    void make_room();
    Result<void> run(std::span<char*> arguments, std::span<const sys::Given> given);

    int program_;
    int logs_;
    sys::UniqueFd alive_read_;
    sys::UniqueFd alive_write_;
    std::uint64_t started_ = 0;
    std::size_t running_ = 0;
    std::int64_t removed_ = 0;
    sys::Process tidy_;
    Table<Reader, kMaxReaders> readers_;
};

/// Removes what the list at kKeeperRemains names; false if something of it is still there. Nothing
/// is killed and nothing is waited for: this is for a guest that ended in order.
bool remove_remains(int configuration);

/// Runs `stead cleanup NAME` with the guest's lock and waits for it, `limit` at most; an Error says
/// why the guest may not be cleared away.
Result<void> clean_up(int program, int lock, std::string_view name, Duration limit);

/// Becomes `stead ended NAME CODE [reboot]`, which removes what is left and exits with CODE. The
/// descriptors of wire/boot.h stay open for it, signals stay blocked. Returns only if that failed.
Error become_epilogue(int program, std::string_view name, int code, bool reboot);

} // namespace stead::keep
