#include "compile/landlock.h"

#include <cstdint>
#include <string>
#include <vector>

namespace stead::compile {

namespace {

// LANDLOCK_ACCESS_FS_*, of which older headers lack the newer ones.
constexpr std::uint64_t kExecute = 1U << 0U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadFolder = 1U << 3U;
constexpr std::uint64_t kRead = kExecute | kReadFile | kReadFolder;
/// Write, remove and make files of every kind (bits 4 to 12).
constexpr std::uint64_t kWrite = 1U << 1U | 0x1ff0U;
/// Link and rename from one folder into another: refused everywhere unless it is allowed.
constexpr std::uint64_t kRefer = 1U << 13U;
constexpr std::uint64_t kTruncate = 1U << 14U;
// LANDLOCK_ACCESS_NET_*
constexpr std::uint64_t kBindTcp = 1U << 0U;
constexpr std::uint64_t kConnectTcp = 1U << 1U;
// LANDLOCK_SCOPE_*
constexpr std::uint64_t kAbstractSockets = 1U << 0U;
constexpr std::uint64_t kSignals = 1U << 1U;

/// Which version of Landlock brought what, and the kernel it came with.
struct Feature {
    int version;
    const char* what;
    const char* kernel;
};

constexpr Feature kPaths{2, "Landlock's rules for paths", "Linux 5.19"};
constexpr Feature kPorts{4, "Landlock's rules for TCP ports", "Linux 6.7"};
constexpr Feature kScopes{6, "Landlock's scopes", "Linux 6.12"};
/// truncate(2), which no version before can restrict.
constexpr int kTruncates = 3;

class Rules {
public:
    Rules(const unitfile::LandlockSpec& spec, const UnitOptions& options, Report& report)
        : spec_(spec)
        , options_(options)
        , report_(report) {}

    void write(plan::UnitInput& unit);

private:
    void need(bool asked, const char* key, const Feature& feature);
    void paths(plan::UnitInput& unit);
    void place(char letter, const unitfile::TextList& list, plan::UnitInput& unit);

    [[nodiscard]] bool truncates() const {
        return !options_.landlock || *options_.landlock >= kTruncates;
    }

    const unitfile::LandlockSpec& spec_;
    const UnitOptions& options_;
    Report& report_;
};

void Rules::need(bool asked, const char* key, const Feature& feature) {
    if (!asked || !options_.landlock || *options_.landlock >= feature.version) return;
    const std::string has =
        *options_.landlock == 0
            ? "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, lsm=)"
            : "this kernel has Landlock version " + std::to_string(*options_.landlock);
    report_.error(spec_.place, std::string("files.landlock.") + key + " needs " + feature.what +
                                   " (" + feature.kernel + ", version " +
                                   std::to_string(feature.version) + "), and " + has +
                                   "; take it out, or start a newer kernel");
}

void Rules::place(char letter, const unitfile::TextList& list, plan::UnitInput& unit) {
    for (const unitfile::Text& item : list) {
        unit.exec.view.push_back(letter + item.value);
        unit.remarks.push_back(
            std::string(letter == 'A' ? "reads only (Landlock): " : "changes only (Landlock): ") +
            item.value.substr(item.value.starts_with('-') ? 1 : 0));
    }
}

void Rules::paths(plan::UnitInput& unit) {
    if (spec_.read) place('A', *spec_.read, unit);
    if (spec_.write) place('B', *spec_.write, unit);
    // Whoever restricts reading alone does not mean that nothing may be moved.
    if (spec_.read && !spec_.write) unit.exec.view.emplace_back("C/");
    if (spec_.write && !truncates())
        unit.remarks.emplace_back("may truncate files that it may not write: this kernel's "
                                  "Landlock (before Linux 6.2) cannot prevent it");
}

void Rules::write(plan::UnitInput& unit) {
    need(spec_.read.has_value(), "read", kPaths);
    need(spec_.write.has_value(), "write", kPaths);
    need(spec_.bind_tcp.has_value(), "bind-tcp", kPorts);
    need(spec_.connect_tcp.has_value(), "connect-tcp", kPorts);
    need(spec_.abstract_sockets || spec_.signals, "scope", kScopes);
    const std::uint64_t change = kWrite | kRefer | (truncates() ? kTruncate : 0);
    const std::uint64_t read = spec_.read ? kRead : 0;
    const std::uint64_t files = read | (spec_.write ? change : 0) | (spec_.read ? kRefer : 0);
    unit.exec.landlock = {
        files, (spec_.bind_tcp ? kBindTcp : 0) | (spec_.connect_tcp ? kConnectTcp : 0),
        (spec_.abstract_sockets ? kAbstractSockets : 0) | (spec_.signals ? kSignals : 0),
        // What is allowed at A, B and C.
        read, read | change, kRefer};
    const auto add_ports = [&](const auto& ports, std::uint64_t access, const char* words) {
        if (!ports) return;
        std::string list;
        for (const std::uint16_t port : *ports) {
            unit.exec.landlock.push_back(access);
            unit.exec.landlock.push_back(port);
            list += " " + std::to_string(port);
        }
        unit.remarks.push_back(words + (list.empty() ? std::string(" none") : list));
    };
    add_ports(spec_.bind_tcp, kBindTcp, "binds only the TCP ports (Landlock):");
    add_ports(spec_.connect_tcp, kConnectTcp, "connects only to the TCP ports (Landlock):");
    if (spec_.abstract_sockets)
        unit.remarks.emplace_back("reaches no abstract socket of others (Landlock)");
    if (spec_.signals) unit.remarks.emplace_back("signals no process of others (Landlock)");
    paths(unit);
}

} // namespace

void set_landlock(const unitfile::UnitSpec& spec,
                  const UnitOptions& options,
                  plan::UnitInput& unit,
                  Report& report) {
    const unitfile::LandlockSpec& landlock = spec.files.landlock;
    if (!landlock.given()) return;
    // The right to restrict itself is one of PID 1's own user namespace.
    if (options.users != recipe::Users::Private && !options.foreign && !unit.exec.no_new_privileges)
        report.error(landlock.place, "files.landlock needs a guest with users = \"private\", or "
                                     "no-new-privileges = true");
    Rules(landlock, options, report).write(unit);
    if (unit.exec.view.size() > plan::kMaxView)
        report.error(landlock.place, "[files] names more than 128 places");
}

} // namespace stead::compile
