#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"
#include "sys/unique_fd.h"
#include "wire/boot.h"

/// Becoming a keeper: its configuration and its descriptors under the numbers of wire/boot.h. For
/// this folder's own use.
namespace stead::guests {

/// By KeeperDescriptor; an empty one is not given.
using KeeperDescriptors = std::array<sys::UniqueFd, wire::kKeeperDescriptors>;

/// What a guest that ended in order leaves.
struct Remains {
    /// Its cgroup; empty for none.
    std::string cgroup;
    std::string folder;
    /// Claims of dynamic users.
    std::vector<std::string> claims;
    /// There is more, which only `stead cleanup` can remove: a network.
    bool more = false;
};

/// The keeper's configuration as the memfd it reads.
Result<sys::UniqueFd> keeper_configuration(std::string_view name,
                                           unsigned flags,
                                           const std::optional<Service>& service,
                                           const Remains& remains);

/// Makes /dev/null of this process's standard streams.
Result<void> silence();

/// Replaces this process by the keeper of `name`. It returns only with what went wrong; descriptors
/// may then have moved, so the caller can do no more than leave.
Error become_keeper(int stead_init,
                    KeeperDescriptors& descriptors,
                    const std::string& name,
                    bool attach);

} // namespace stead::guests
