#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "context/context.h"
#include "recipe/recipe.h"

/// A guest for one test: a recipe to be changed, a folder and a cgroup of its own, and the probe as
/// its PID 1.
namespace stead::testing {

struct Told {
    /// Nothing was started if there is an error.
    std::optional<Error> error;
    std::string output;
    int exit_code = -1;
    std::vector<std::string> notices;

    [[nodiscard]] bool has(std::string_view line) const;
    /// The line that begins with `start`, or nothing of it.
    [[nodiscard]] std::string line(std::string_view start) const;
    [[nodiscard]] std::string why() const;
};

class Guest {
public:
    /// A jail: the host's programs on an empty root, host users.
    static Guest jail();
    /// A folder with the least that is a root, host or private users.
    static Guest folder(recipe::Users users);

    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    Guest(Guest&&) noexcept = default;
    Guest& operator=(Guest&&) = delete;

    /// Starts the guest, lets PID 1 obey `lines`, and waits until it has ended.
    Told run(const std::vector<std::string>& lines);

    void add(recipe::MountKind kind,
             std::string target,
             std::string source = {},
             std::uint64_t attributes = 0);
    /// Its own cgroup; false if this machine has none to write to.
    bool use_cgroup();

    recipe::Context recipe;
    /// The test's own folder on the host; `root` in it is the guest's root.
    std::string base;
    std::string cgroup;

private:
    Guest();
};

/// First id of the range that private guests of the tests use.
inline constexpr std::uint32_t kFirstId = 700'000;

/// Everything that a failed or ended start must not leave behind: mounts, children, descriptors.
struct Traces {
    std::string mounts;
    std::size_t descriptors = 0;
    bool has_children = false;

    static Traces take();
    friend bool operator==(const Traces&, const Traces&) = default;
};

} // namespace stead::testing
