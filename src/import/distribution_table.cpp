#include "import/distribution.h"

/// What no guest starts: what Stead does itself, and what belongs to the host's machine.
namespace stead::importing {

namespace {

constexpr std::string_view kTerminals = "a guest has no terminals of its own to log in at; 'stead "
                                        "enter' gives a shell";
constexpr std::string_view kDevices = "devices and the kernel are the host's";
constexpr std::string_view kMounts = "mounts are made before PID 1, as the guest's file says";
constexpr std::string_view kNetwork = "addresses and routes are set from the host, as the guest's "
                                      "file says";
constexpr std::string_view kClock = "the clock is the host's";
constexpr std::string_view kConsole = "keyboard, screen and console are the host's";
constexpr std::string_view kLogs = "Stead keeps what units write; 'stead logs' shows it";
constexpr std::string_view kStead = "Stead does it itself";
constexpr std::string_view kSystemd = "a part of systemd, which is not PID 1 here";
constexpr std::string_view kRunlevels = "a part of init's way through its runlevels";

struct Row {
    /// Names without their suffix; "NAME*": all that begin so.
    std::string_view names;
    std::string_view reason;
};

/// The first row that fits counts.
constexpr Row kRows[] = {
    {"getty@ serial-getty@ console-getty container-getty@ autovt@ getty getty-static emergency "
     "rescue debug-shell rescue-ssh console-shell",
     kTerminals},
    {"systemd-udev* systemd-hwdb-update udev eudev kmod kmod-static-nodes systemd-modules-load "
     "mdadm* lvm2* dm-event blk-availability multipathd multipath-tools* smartd smartmontools "
     "fstrim e2scrub* systemd-backlight@ systemd-rfkill systemd-pcr* systemd-tpm* irqbalance "
     "thermald acpid apmd sysfsutils systemd-sysctl procps cpufrequtils loadcpufreq lm-sensors "
     "brightness "
     "systemd-boot-update hdparm",
     kDevices},
    {"systemd-remount-fs systemd-fsck* systemd-quotacheck systemd-growfs* systemd-makefs@ "
     "systemd-mkswap@ systemd-mount* mountall* mountdevsubfs* mountkernfs* mountnfs* checkroot* "
     "checkfs* umountroot umountfs umountnfs* swap* cryptdisks* fuse",
     kMounts},
    {"systemd-networkd* systemd-network-generator systemd-resolved* networking ifup@ ifupdown-* "
     "NetworkManager* dhcpcd* wpa_supplicant* connman* netplan* ifplugd",
     kNetwork},
    {"systemd-timesyncd systemd-time-wait-sync hwclock* hwclockfirst* systemd-timedated ntp ntpd "
     "ntpsec* chrony* openntpd* ntpsec-systemd-netif*",
     kClock},
    {"console-setup* keyboard-setup* kbd systemd-vconsole-setup plymouth* gpm bootlogd bootlogs "
     "stop-bootlogd* console-screen*",
     kConsole},
    {"systemd-journal*", kLogs},
    {"systemd-tmpfiles-setup* systemd-sysusers systemd-machine-id-commit systemd-firstboot "
     "systemd-random-seed systemd-update-utmp* systemd-user-sessions systemd-halt systemd-poweroff "
     "systemd-reboot systemd-exit systemd-kexec hostname hostname.sh urandom systemd-initctl "
     "systemd-soft-reboot",
     kStead},
    {"rc rcS sendsigs killprocs single halt reboot rmnologin bootmisc* motd skeleton "
     "README functions checkroot-bootclean* mtab*",
     kRunlevels},
    {"systemd-tmpfiles-clean", {}},
    {"systemd-* user@ user-runtime-dir@ dbus-org.freedesktop.* initrd-* ldconfig proc-sys-fs-* "
     "quotaon modprobe@ pam_namespace",
     kSystemd},
};

bool fits(std::string_view pattern, std::string_view name) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    // An instance is left out with its template.
    if (pattern.ends_with('@')) return name.starts_with(pattern);
    return name == pattern;
}

} // namespace

std::string_view left_out_reason(std::string_view name) {
    const auto dot = name.rfind('.');
    const std::string_view stem = is_systemd_name(name) ? name.substr(0, dot) : name;
    for (const Row& row : kRows) {
        std::string_view rest = row.names;
        while (!rest.empty()) {
            const auto blank = rest.find(' ');
            if (fits(rest.substr(0, blank), stem)) return row.reason;
            rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
        }
    }
    return {};
}

} // namespace stead::importing
