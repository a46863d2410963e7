#include "compile/score.h"

#include <sched.h>
#include <sys/capability.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "compile/capabilities.h"
#include "compile/mounts.h"

namespace stead::compile {

namespace {

using recipe::Mount;
using recipe::MountKind;

/// What a capability of the host's own would let a guest do, in tenths of the scale. Whatever is
/// not listed counts 1.
struct Power {
    unsigned capability;
    int tenths;
    const char* text;
};

constexpr std::array kPowers = {
    Power{CAP_SYS_ADMIN, 30, "administers the machine: mounts, namespaces, quotas, and more"},
    Power{CAP_SYS_MODULE, 30, "loads code into the kernel"},
    Power{CAP_SYS_RAWIO, 30, "reads and writes hardware"},
    Power{CAP_SYS_PTRACE, 15, "reads and changes every process it sees"},
    Power{CAP_DAC_READ_SEARCH, 15, "opens files by handle, past every path"},
    Power{CAP_BPF, 15, "runs programs inside the kernel"},
    Power{CAP_MKNOD, 15, "makes device nodes"},
    Power{CAP_SYS_BOOT, 15, "restarts the machine, loads another kernel"},
    Power{CAP_NET_ADMIN, 10, "changes addresses, routes and packet filters"},
    Power{CAP_SYS_TIME, 10, "sets the machine's clock"},
    Power{CAP_PERFMON, 10, "watches all of the kernel's work"},
    Power{CAP_MAC_ADMIN, 10, "changes mandatory access rules"},
    Power{CAP_MAC_OVERRIDE, 10, "passes mandatory access rules"},
    Power{CAP_NET_RAW, 5, "reads and forges packets"},
    Power{CAP_SYSLOG, 5, "reads the kernel's log"},
    Power{CAP_SYS_RESOURCE, 5, "passes quotas and limits"},
    Power{CAP_AUDIT_CONTROL, 5, "changes what is audited"},
    Power{CAP_DAC_OVERRIDE, 4, ""},
    Power{CAP_SETFCAP, 3, ""},
    Power{CAP_SETUID, 3, ""},
    Power{CAP_SETGID, 3, ""},
    Power{CAP_SYS_NICE, 3, ""},
    Power{CAP_IPC_OWNER, 3, ""},
    Power{CAP_LINUX_IMMUTABLE, 3, ""},
    Power{CAP_CHOWN, 2, ""},
    Power{CAP_FOWNER, 2, ""},
    Power{CAP_SYS_CHROOT, 2, ""},
};
constexpr int kSmallPower = 1;
/// From here on a capability has a line of its own.
constexpr int kNotable = 5;
/// A capability of its own user namespace reaches only what is the guest's, but opens more of the
/// kernel's code to it.
constexpr int kOwnNamespaceShare = 4;

struct Interface {
    const char* calls;
    int tenths;
    const char* text;
};

/// Kernel interfaces that served attackers, and that services rarely need.
constexpr std::array kInterfaces = {
    Interface{"init_module finit_module delete_module kexec_load kexec_file_load", 20,
              "calls that load code into the kernel"},
    Interface{"iopl ioperm", 10, "calls that reach hardware ports"},
    Interface{"bpf perf_event_open userfaultfd io_uring_setup", 10,
              "calls that reach much of the kernel's code"},
    Interface{"mount move_mount fsopen open_tree pivot_root setns", 10,
              "calls that change mounts and namespaces"},
    Interface{"open_by_handle_at", 5, "opening files by handle"},
    Interface{"add_key request_key keyctl", 5, "the kernel's keyrings"},
    Interface{"ptrace process_vm_readv process_vm_writev", 3, "tracing of its own processes"},
};

class Judge {
public:
    explicit Judge(const CompiledGuest& guest)
        : guest_(guest)
        , context_(guest.context) {}

    Score judge() {
        users();
        capabilities();
        privileges();
        calls();
        network();
        mounts();
        levels();
        Score score;
        for (const Finding& finding : findings_)
            score.tenths += finding.tenths;
        score.tenths = std::min(score.tenths, kWorst);
        std::stable_sort(findings_.begin(), findings_.end(),
                         [](const Finding& a, const Finding& b) { return a.tenths > b.tenths; });
        score.findings = std::move(findings_);
        return score;
    }

private:
    void add(int tenths, const char* topic, std::string text, std::string advice, const char* key) {
        const auto found = guest_.origins.find(key);
        findings_.push_back({tenths, topic, std::move(text), std::move(advice),
                             found == guest_.origins.end() ? std::string() : found->second});
    }

    [[nodiscard]] bool has_private_users() const {
        return context_.users == recipe::Users::Private || context_.rootless_ids != 0;
    }

    void users() {
        if (has_private_users()) return;
        if (context_.no_root)
            return add(6, "users", "ids are the host's, though never uid 0",
                       "a user that nothing else runs as (user = \"dynamic\" in its unit)",
                       "users");
        add(30, "users", "root inside is the host's uid 0", "users = \"private\"", "users");
    }

    void capabilities() {
        const int share = has_private_users() ? kOwnNamespaceShare : 1;
        const char* whose = has_private_users() ? " (of its own user namespace)" : "";
        int rest = 0;
        std::uint64_t others = 0;
        for (unsigned capability = 0; capability < 64; ++capability) {
            if ((context_.capabilities >> capability & 1U) == 0) continue;
            const auto* const power =
                std::find_if(kPowers.begin(), kPowers.end(),
                             [&](const Power& each) { return each.capability == capability; });
            const int tenths = power == kPowers.end() ? kSmallPower : power->tenths;
            if (tenths < kNotable) {
                rest += tenths;
                others |= std::uint64_t{1} << capability;
                continue;
            }
            const std::string name = capability_name(capability);
            add((tenths + share - 1) / share, "capabilities", name + ": " + power->text + whose,
                "capabilities = [\"...\", \"!" + name + "\"]", "capabilities");
        }
        if (rest == 0) return;
        add((rest + share - 1) / share, "capabilities", capability_names(others) + whose,
            "only those that its services use", "capabilities");
    }

    void privileges() {
        if (!context_.no_new_privileges)
            add(5, "privileges", "programs gain privileges by set-uid and file capabilities",
                "no-new-privileges = true in each unit that needs none", "profile");
    }

    void calls() {
        for (const Interface& interface : kInterfaces) {
            std::string open;
            std::string_view left = interface.calls;
            while (!left.empty()) {
                const std::string_view name = left.substr(0, left.find(' '));
                left.remove_prefix(std::min(left.size(), name.size() + 1));
                const auto& allowed = guest_.allowed_calls;
                if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) continue;
                open.append(open.empty() ? "" : ", ").append(name);
            }
            if (open.empty()) continue;
            add(interface.tenths, "system calls", std::string(interface.text) + ": " + open,
                "system-calls = [\"...\", \"!" + open.substr(0, open.find(',')) + "\"]",
                "system-calls");
        }
    }

    void network() {
        if (context_.network.mode == recipe::NetworkMode::Own) return;
        if (!context_.network.restrict_bind)
            add(10, "network", "the host's, with every address and port",
                "listen = [\"tcp:PORT\"], or a network of its own", "network.mode");
        else
            add(6, "network", "the host's: it reaches what listens on its loopback",
                "network.mode = \"none\", if it needs none", "network.mode");
    }

    void mounts() {
        if (context_.root.kind == recipe::RootKind::HostPrograms)
            add(2, "root", "reads the host's programs and most of /etc",
                "a root directory of its own", "root");
        for (const Mount& mount : context_.mounts) {
            if (mount.node) {
                const DeviceRule& device = mount.node->device;
                findings_.push_back({device.block ? 15 : 4, "device",
                                     (device.block ? "the whole disk " : "the driver of ") +
                                         mount.target + (device.write ? ", to write" : ", to read"),
                                     "take it out of `devices`, if nothing uses it", mount.origin});
            }
            const bool writable =
                mount.kind == MountKind::Bind && (mount.attributes & kReadOnly) == 0;
            if (!writable) continue;
            const bool devices = (mount.attributes & kNoDevice) == 0;
            const bool programs = (mount.attributes & (kNoSuid | kNoExec)) == 0;
            findings_.push_back({devices    ? 10
                                 : programs ? 5
                                            : 2,
                                 "mount",
                                 "writes the host's " + mount.source +
                                     (devices    ? ", devices included"
                                      : programs ? ", set-uid programs included"
                                                 : ""),
                                 "bind it read-only (:ro), if reading is enough", mount.origin});
        }
    }

    void levels() {
        constexpr std::array<std::array<const char*, 3>, 2> kWanted = {
            {{"memory.max", "memory-max", "takes as much memory as the machine has"},
             {"pids.max", "pids-max", "starts as many processes as the machine carries"}}};
        for (const auto& [file, key, text] : kWanted) {
            const bool given = std::any_of(context_.levels.begin(), context_.levels.end(),
                                           [&, name = file](const recipe::Level& level) {
                                               return level.file == name && level.value != "max";
                                           });
            if (!given)
                add(3, "limits", text, "limits." + std::string(key) + " = ...",
                    std::string("limits.").append(key).c_str());
        }
    }

    const CompiledGuest& guest_;
    const recipe::Context& context_;
    std::vector<Finding> findings_;
};

} // namespace

std::string_view Score::grade() const {
    constexpr int kTight = 20;
    constexpr int kGuarded = 40;
    constexpr int kOpen = 70;
    if (tenths <= kTight) return "tight";
    if (tenths <= kGuarded) return "guarded";
    return tenths <= kOpen ? "open" : "wide open";
}

Score score(const CompiledGuest& guest) {
    return Judge(guest).judge();
}

} // namespace stead::compile
