#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/place.h"
#include "cli/records.h"
#include "cli/verbs.h"

namespace stead::cli {

/// PID 1 answers looks and orders at once; one that does not within this time hangs.
inline constexpr Duration kAnswerLimit = Duration{10'000'000'000};
/// How long start, stop, restart and reload wait for their unit unless --timeout says otherwise.
inline constexpr std::string_view kSettleLimit = "10m";

/// Everything a request brought.
struct Reply {
    int code = 0;
    std::string text;
    std::optional<GuestRecord> guest;
    std::vector<UnitRecord> units;
    /// What rode on the End.
    std::vector<sys::UniqueFd> descriptors;
    SpawnStage stage = SpawnStage::None;
    int error = 0;
};

/// What is said, once and only to a terminal, when an answer takes longer than a second.
struct Patience {
    std::string waiting_for;
    Instant limit = Instant::never();
    /// A PID 1 that is gone has done what was asked: the reply is empty then, and its code kDone.
    bool for_its_end = false;
};

/// One verb's conversation with guests: finds who is meant, connects, asks, and puts what goes
/// wrong into words. After a function has returned nothing, the message has been printed and
/// `code` is what to leave with.
class Asking {
public:
    /// On the host, what guests that have ended without a keeper left is cleared away first, once a
    /// command.
    Asking(Context& context, Place place);

    [[nodiscard]] const Place& place() const { return place_; }

    [[nodiscard]] Context& context() const { return context_; }

    [[nodiscard]] Console& console() const { return context_.console; }

    /// The code of the last failure.
    [[nodiscard]] int code() const { return code_; }

    std::optional<Target> target(std::string_view word);
    /// As `target`; on the host a unit must be named as NAME/UNIT.
    std::optional<Target> unit_target(std::string_view word);

    /// Connects to the target's PID 1, and gives the guest a new keeper if its old one has died.
    std::optional<Client> open(const Target& target);

    /// Sends a request and collects everything up to its End, whatever code that has.
    /// `descriptors` ride along.
    std::optional<Reply> ask(Client& client,
                             wire::Writer& request,
                             const Patience& patience,
                             std::span<const int> descriptors = {});

    /// As `ask`; a code that is not 0 is a failure, in words about `target`.
    std::optional<Reply> order(Client& client,
                               wire::Writer& request,
                               const Target& target,
                               const Patience& patience,
                               std::span<const int> descriptors = {});

    /// The state of one unit (`target.unit`) or of the guest and all its units.
    std::optional<Reply> status(Client& client, const Target& target);

    /// Prints "there is no ..." with the nearest names; kNoSuch.
    void
    no_such(std::string_view what, std::string_view name, const std::vector<std::string>& known);

    int fail(int code, std::string_view text, std::string_view hint = {});

private:
    void cannot_connect(const Target& target, const Error& error);
    void no_such_unit(Client& client, const Target& target);
    void revive_keeper(const Target& target);

    Context& context_;
    Place place_;
    int code_ = kCouldNot;
};

/// The limit that --timeout's text means, from now on; nothing if it is no duration.
std::optional<Instant> limit_from(Console& console, std::string_view timeout);

} // namespace stead::cli
