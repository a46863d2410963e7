#include <arpa/inet.h>

#include "compile/guest_parts.h"
#include "unitfile/values.h"

namespace stead::compile {

namespace {

/// The binary form of one `listen` item; without an address it is every address of both families.
std::vector<recipe::Listen> listens_of(const unitfile::Text& item, Report& report) {
    const auto parsed = unitfile::parse_listen(item.value);
    if (!parsed.value) {
        report.error(item.place, "network.listen has '" + item.value + "'; " + parsed.problem);
        return {};
    }
    recipe::Listen listen;
    listen.protocol =
        parsed.value->udp ? recipe::Listen::Protocol::Udp : recipe::Listen::Protocol::Tcp;
    listen.port = parsed.value->endpoint.port;
    listen.text = item.value;
    listen.v6 = parsed.value->endpoint.v6;
    const std::string& address = parsed.value->endpoint.address;
    if (address.empty()) {
        recipe::Listen six = listen;
        six.v6 = true;
        return {listen, six};
    }
    if (::inet_pton(listen.v6 ? AF_INET6 : AF_INET, address.c_str(), listen.address) != 1) {
        report.error(item.place, "network.listen has '" + item.value +
                                     "'; use a numeric address such as tcp:127.0.0.1:80");
        return {};
    }
    return {listen};
}

} // namespace

void set_network(Draft& draft) {
    const unitfile::GuestSpec& spec = draft.spec;
    recipe::Network& network = draft.context.network;
    const bool host = spec.network_mode.value == "host";
    if (spec.network_mode.value == "private") set_private_network(draft);
    network.mode = host ? recipe::NetworkMode::Host : recipe::NetworkMode::Own;
    draft.context.scope_abstract_sockets = host;

    const bool restricted = !spec.listen.empty() || spec.keys.has("network.listen");
    if (!restricted) return;
    const unitfile::Place place =
        spec.listen.empty() ? draft.place("network.listen") : spec.listen.front().place;
    if (!host) {
        draft.report.error(place, "network.listen restricts a shared network, and this guest has "
                                  "one of its own; use mode = \"host\" or take it out");
        return;
    }
    if (draft.facts.rootless_ids) {
        draft.report.error(place, "network.listen is kept by a cgroup that only root can make; run "
                                  "it as root, or give the guest a network of its own");
        return;
    }
    if (!draft.facts.cgroup2) {
        draft.report.error(place, "network.listen needs a cgroup2 file system, and none is mounted "
                                  "here; mount one (mount -t cgroup2 none /sys/fs/cgroup)");
        return;
    }
    network.restrict_bind = true;
    for (const unitfile::Text& item : spec.listen)
        for (const recipe::Listen& listen : listens_of(item, draft.report))
            network.listen.push_back(listen);
}

} // namespace stead::compile
