#include "compile/unit_filter.h"

#include <sys/socket.h>

#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "compile/call_lists.h"
#include "compile/default_filters.h"
#include "compile/nearest.h"

namespace stead::compile {

namespace {

using unitfile::UnitSpec;

struct Family {
    std::string_view name;
    unsigned number;
};

/// address_families(7), and what is younger than it.
constexpr std::array kFamilies{
    Family{"unix", AF_UNIX},
    Family{"inet", AF_INET},
    Family{"inet6", AF_INET6},
    Family{"netlink", AF_NETLINK},
    Family{"packet", AF_PACKET},
    Family{"alg", AF_ALG},
    Family{"appletalk", AF_APPLETALK},
    Family{"atmpvc", AF_ATMPVC},
    Family{"atmsvc", AF_ATMSVC},
    Family{"ax25", AF_AX25},
    Family{"bluetooth", AF_BLUETOOTH},
    Family{"caif", AF_CAIF},
    Family{"can", AF_CAN},
    Family{"ib", AF_IB},
    Family{"ieee802154", AF_IEEE802154},
    Family{"ipx", AF_IPX},
    Family{"isdn", AF_ISDN},
    Family{"iucv", AF_IUCV},
    Family{"kcm", AF_KCM},
    Family{"key", AF_KEY},
    Family{"llc", AF_LLC},
    Family{"mctp", 45},
    Family{"mpls", AF_MPLS},
    Family{"netrom", AF_NETROM},
    Family{"nfc", AF_NFC},
    Family{"phonet", AF_PHONET},
    Family{"pppox", AF_PPPOX},
    Family{"qipcrtr", AF_QIPCRTR},
    Family{"rds", AF_RDS},
    Family{"rose", AF_ROSE},
    Family{"rxrpc", AF_RXRPC},
    Family{"smc", AF_SMC},
    Family{"tipc", AF_TIPC},
    Family{"vsock", AF_VSOCK},
    Family{"x25", AF_X25},
    Family{"xdp", AF_XDP},
};

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (result.starts_with("af_")) result.erase(0, 3);
    return result;
}

void complain_unknown(const unitfile::Text& item, std::string_view name, Report& report) {
    std::vector<std::string> names;
    names.reserve(kFamilies.size());
    for (const Family& family : kFamilies)
        names.emplace_back(family.name);
    const std::string meant = nearest(lower(name), names);
    report.error(item.place, "there is no address family '" + std::string(name) + "'" +
                                 (meant.empty() ? "; address_families(7) lists them"
                                                : "; did you mean '" + meant + "'?"));
}

/// What `address-families` leaves of `inherited`, the families that the policy allows.
std::uint64_t
resolve_families(const unitfile::ListSpec& list, std::uint64_t inherited, Report& report) {
    std::uint64_t families = 0;
    for (const unitfile::Text& item : list.items) {
        if (item.value == "...") {
            families |= inherited;
            continue;
        }
        const bool take_away = item.value.starts_with('!');
        const std::string_view name = std::string_view(item.value).substr(take_away ? 1 : 0);
        const auto family = find_family(name);
        if (!family) {
            complain_unknown(item, name, report);
            continue;
        }
        const std::uint64_t bit = std::uint64_t{1} << *family;
        families = take_away ? families & ~bit : families | bit;
        if (!take_away && (inherited & bit) == 0)
            report.error(item.place, "sockets of the family " + lower(name) +
                                         " are allowed to no unit of this guest (" +
                                         family_names(inherited) + " are); take it out");
    }
    return families;
}

/// An unprivileged process may load a filter only together with no-new-privileges, and PID 1 of a
/// guest with the host's users has no right to do it for a unit.
bool may_filter(const UnitOptions& options, const plan::ExecInput& exec) {
    return options.users == recipe::Users::Private || exec.no_new_privileges;
}

/// What the unit's calls are without lists of its own.
CallPolicy inherited_policy(const UnitOptions& options, bool narrows_only) {
    if (options.calls != nullptr) return *options.calls;
    if (options.jail) return default_jail_policy(options.ceiling);
    // A container's own filter rules there, and a unit takes away from that.
    if (options.foreign && narrows_only) return foreign_policy();
    return default_service_policy();
}

/// The keys of which each means a filter of the unit's own, the first that was written.
std::string_view filtering_key(const UnitSpec& spec) {
    if (spec.system_calls.given) return "system-calls";
    if (spec.keys.has("system-call-error")) return "system-call-error";
    if (spec.address_families.given) return "address-families";
    return spec.write_execute ? "" : "write-execute";
}

void set_calls(const UnitSpec& spec,
               const UnitOptions& options,
               CallPolicy& policy,
               Report& report) {
    const unitfile::Place error_place = or_place(spec.keys.find("system-call-error"), spec.place);
    policy = resolve_calls(spec.system_calls, policy, report);
    if (!set_call_error(spec.system_call_error, policy))
        report.error(error_place, "system-call-error is '" + spec.system_call_error +
                                      "'; use the name of an errno such as EPERM, or kill or log");
    if (options.calls == nullptr) return;
    const int beyond = first_beyond(policy, *options.calls);
    if (beyond >= 0)
        report.error(or_place(spec.system_calls.place, error_place),
                     "system call " + call_name(beyond) +
                         " is not allowed to the guest; add it to `system-calls` of the guest "
                         "file, or take it out here");
}

} // namespace

std::optional<unsigned> find_family(std::string_view name) {
    const std::string wanted = lower(name);
    for (const Family& family : kFamilies)
        if (family.name == wanted) return family.number;
    return std::nullopt;
}

std::string family_names(std::uint64_t families) {
    std::string names;
    for (const Family& family : kFamilies)
        if ((families >> family.number & 1U) != 0)
            names.append(names.empty() ? "" : ", ").append(family.name);
    return names.empty() ? "none" : names;
}

void set_filter(const UnitSpec& spec,
                const UnitOptions& options,
                plan::UnitInput& unit,
                Report& report) {
    const std::string key(filtering_key(spec));
    if (key.empty()) return;
    const unitfile::Place place = or_place(spec.keys.find(key), spec.place);
    CallPolicy policy =
        inherited_policy(options, key != "system-calls" && key != "system-call-error");
    set_calls(spec, options, policy, report);
    if (spec.address_families.given) {
        const std::uint64_t families =
            resolve_families(spec.address_families, families_of(policy), report);
        policy.keep_families(families);
        unit.remarks.push_back("makes sockets of the families: " + family_names(families));
    }
    if (!spec.write_execute) {
        policy.part_writing_from_executing();
        unit.remarks.emplace_back("has no memory that is both writable and executable");
    }
    if (!may_filter(options, unit.exec))
        report.error(place, "`" + key +
                                "` of a unit needs a guest with users = \"private\", or "
                                "no-new-privileges = true in the unit");
    if (report.failed()) return;
    auto filter = build_filter(policy);
    if (!filter) {
        report.error(place, describe(filter.error()).c_str());
        return;
    }
    unit.exec.filter = std::move(*filter);
}

} // namespace stead::compile
