#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compile/host_facts.h"
#include "guests/cgroups.h"
#include "guests/guests.h"
#include "guests/handed.h"
#include "guests/state.h"
#include "recipe/recipe.h"
#include "sys/unique_fd.h"

namespace stead::guests {

/// What PID 1's standard input, output and error are, and who looks at them.
enum class Stdio : std::uint8_t {
    /// No input; output goes through the keeper.
    Output,
    /// Pipes, relayed by the keeper: a program in a jail.
    Pipes,
    /// A terminal of the guest's own devpts, relayed by the keeper; only with host users.
    Terminal
};

struct LaunchOptions {
    /// The guest file, for `list` and `explain`.
    std::string file;
    Stdio stdio = Stdio::Output;
    /// Who owns that terminal.
    std::uint32_t terminal_owner = 0;
    /// Lines of units are printed as "unit: line".
    bool prefix = true;
    /// Units write logs: their folder is made.
    bool logs = true;
    /// The guest has unit files of its own: PID 1 is given `stead` to read them.
    bool loader = true;
    /// In the background: the keeper prints nothing and has no standard streams.
    bool detached = false;
    /// The keeper ends as `stead ended` (keep.h).
    bool epilogue = false;
    /// What that service was handed, and the guest gets.
    Handed handed;
    /// Its one unit is an init of its own.
    bool own_init = false;
    /// PID 1 becomes the main process of a service; `join_service` has been called.
    std::optional<Service> service;
};

/// A start from the lock to the keeper. Whatever fails, and when it is destroyed before the end,
/// nothing is left of it: no process, cgroup, file or claimed id.
class Start {
public:
    /// Clears what ended guests left, unless the caller has just done it (`cleared`), and takes the
    /// guest's lock. EBUSY: it runs, or somebody else is starting it.
    static Result<Start> begin(const Paths& paths, std::string_view name, bool cleared);

    Start(Start&&) = default;
    Start(const Start&) = delete;
    Start& operator=(const Start&) = delete;
    Start& operator=(Start&&) = delete;
    ~Start();

    /// We are the main process of a service whose cgroup is delegated to us: the guest's cgroup is
    /// made below that one. Before `facts`.
    Result<void> join_service();

    /// What the machine is like, with the ids that this guest gets.
    /// Good as long as this object stays where it is.
    [[nodiscard]] compile::HostFacts facts();

    /// Builds the context, starts PID 1 from the plan `image` in it and becomes the keeper: returns
    /// only with what went wrong.
    Error launch(const recipe::Context& context,
                 std::span<const std::byte> image,
                 const LaunchOptions& options);

    /// What only a default asked for and this machine could not give; filled by `launch`.
    [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }

private:
    Start(Paths paths, std::string name, Claim claim);

    struct Endpoints;

    Result<Endpoints> make_endpoints(std::span<const std::byte> image,
                                     const recipe::Context& context,
                                     const LaunchOptions& options) const;
    Result<void> try_launch(const recipe::Context& wished,
                            std::span<const std::byte> image,
                            const LaunchOptions& options);
    Error keep(Endpoints& endpoints, pid_t init, bool detached);

    Paths paths_;
    std::string name_;
    Claim claim_;
    std::vector<std::uint32_t> dynamic_ids_;
    std::vector<std::string> notices_;
    std::optional<std::string> cgroup2_;
    std::optional<CgroupParent> cgroup_parent_;
    bool delegated_ = false;
    /// What cgroup_parent_ offers, once somebody has asked.
    std::optional<std::vector<std::string>> controllers_;
};

} // namespace stead::guests
