#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"
#include "guests/state.h"
#include "recipe/recipe.h"

/// Networks of guests as part of their life: who has which address, the record of it, the rules of
/// all. What is in place is always made from the records of all guests, under one lock, so that
/// whatever a killed command left is put right by the next one that starts or clears a guest.
namespace stead::guests {

/// Chooses what the guest file leaves open, compares it with the host and the other guests, writes
/// the guest's record and puts the rules of all guests in place. `context` gets its addresses and
/// its resolv.conf. Does nothing to a guest without such a network.
Result<void> prepare_network(const Paths& paths, const Claim& claim, recipe::Context& context);

/// Makes the interface of a prepared guest.
Result<void>
connect_network(const Paths& paths, const recipe::Context& context, int network_namespace);

/// The addresses of a guest with a private network that runs, or is about to; empty for any other.
std::vector<std::string> addresses_of(const Paths& paths, std::string_view name);

/// Whether there is a record of a network.
bool has_network(const Claim& claim);

/// Removes the interface, the record and the rules of a guest that has ended.
Result<void> clear_network(const Paths& paths, const Claim& claim);

/// The host's name servers as a resolv.conf for guests: without those on its loopback; empty if
/// nothing is left.
std::string host_resolver();

/// Writes the host's name servers again for guests that follow them, if they have changed.
void refresh_resolvers(const Paths& paths);

/// The lease of a guest's chosen address goes with its name; `to` empty: it is forgotten.
Result<void> rename_address(const Paths& paths, std::string_view from, std::string_view to);

} // namespace stead::guests
