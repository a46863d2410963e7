#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "recipe/recipe.h"
#include "sys/unique_fd.h"

/// What a service manager hands to a service beside its environment, and a guest's service to the
/// guest: open sockets (sd_listen_fds(3)) and credentials (systemd.exec(5)).
namespace stead::guests {

struct Handed {
    std::vector<sys::UniqueFd> sockets;
    /// As LISTEN_FDNAMES has them: one for each socket, between colons.
    std::string names;
    std::vector<recipe::Credential> credentials;
};

/// Takes what was meant for this process; from then on no program that it runs sees anything of it.
/// Without `with_credentials` only the sockets.
Result<Handed> take_handed(bool with_credentials);

} // namespace stead::guests
