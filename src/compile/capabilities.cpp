#include "compile/capabilities.h"

#include <linux/capability.h>
#include <sys/capability.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <vector>

#include "compile/nearest.h"

namespace stead::compile {

namespace {

constexpr std::uint64_t kSystem =
    capability_mask({CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID,
                     CAP_SETUID, CAP_SETPCAP, CAP_SETFCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT});

std::string upper(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

void complain_unknown(const unitfile::Text& item, std::string_view name, Report& report) {
    std::vector<std::string> names;
    for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability)
        names.push_back(capability_name(capability));
    const std::string meant = nearest(upper(name), names);
    report.error(item.place, "there is no capability '" + std::string(name) + "'" +
                                 (meant.empty() ? "; capabilities(7) lists them"
                                                : "; did you mean '" + meant + "'?"));
}

} // namespace

std::optional<unsigned> find_capability(std::string_view name) {
    std::string full = upper(name);
    if (!full.starts_with("CAP_")) full = "CAP_" + full;
    cap_value_t value = 0;
    if (::cap_from_name(full.c_str(), &value) < 0 || value < 0 || value > 63) return std::nullopt;
    // libcap also takes numbers for names, and is content with a name that begins well.
    const auto capability = static_cast<unsigned>(value);
    if ("CAP_" + capability_name(capability) != full) return std::nullopt;
    return capability;
}

std::string capability_name(unsigned capability) {
    const std::unique_ptr<char, int (*)(void*)> name(
        ::cap_to_name(static_cast<cap_value_t>(capability)), &::cap_free);
    if (!name) return std::to_string(capability);
    std::string result = upper(name.get());
    if (result.starts_with("CAP_")) result.erase(0, 4);
    return result;
}

std::string capability_names(std::uint64_t mask) {
    std::string names;
    for (unsigned capability = 0; capability < 64; ++capability)
        if ((mask >> capability & 1U) != 0)
            names += (names.empty() ? "" : ", ") + capability_name(capability);
    return names.empty() ? "none" : names;
}

std::uint64_t default_capabilities(unitfile::ProfileKind profile, recipe::NetworkMode network) {
    if (profile == unitfile::ProfileKind::Jail) return 0;
    // Debian's ping carries NET_RAW as a file capability and cannot even be executed without it;
    // on a shared network it would be the host's.
    return network == recipe::NetworkMode::Own ? kSystem | capability_mask({CAP_NET_RAW}) : kSystem;
}

std::uint64_t
resolve_capabilities(const unitfile::ListSpec& list, std::uint64_t inherited, Report& report) {
    if (!list.given) return inherited;
    std::uint64_t mask = 0;
    for (const unitfile::Text& item : list.items) {
        if (item.value == "...") {
            mask |= inherited;
            continue;
        }
        const bool take_away = item.value.starts_with('!');
        const std::string_view name = std::string_view(item.value).substr(take_away ? 1 : 0);
        const auto capability = find_capability(name);
        if (!capability) {
            complain_unknown(item, name, report);
            continue;
        }
        const std::uint64_t bit = std::uint64_t{1} << *capability;
        mask = take_away ? mask & ~bit : mask | bit;
    }
    return mask;
}

unitfile::Place place_of_capability(const unitfile::ListSpec& list, unsigned capability) {
    for (const unitfile::Text& item : list.items)
        if (find_capability(item.value) == capability) return item.place;
    return list.place;
}

} // namespace stead::compile
