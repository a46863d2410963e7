#include "sys/setup.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include <grp.h>

namespace stead::sys {

namespace {

/// struct landlock_ruleset_attr as Linux 6.12 has it.
struct LandlockRules {
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;
    std::uint64_t scoped = 0;
};

constexpr std::uint64_t kScopeAbstractUnixSocket = 1;
constexpr int kSetMemoryMerge = 67;
constexpr int kGetMemoryMerge = 68;
// The numbers are the same on every architecture; older headers lack them.
constexpr long kCreateRuleset = 444;

} // namespace

Result<void> start_session() {
    if (::setsid() < 0) return last_error("setsid");
    return {};
}

Result<void> become(uid_t uid, gid_t gid) {
    // Raw calls: a C library would first ask its other threads, and there are none to ask.
    TRY(drop_groups());
    if (::syscall(SYS_setresgid, gid, gid, gid) < 0) return last_error("setresgid");
    if (::syscall(SYS_setresuid, uid, uid, uid) < 0) return last_error("setresuid");
    return {};
}

Result<void> drop_groups() {
    if (::syscall(SYS_setgroups, 0, nullptr) < 0) return last_error("setgroups");
    return {};
}

Result<void> create_files_as(uid_t uid, gid_t gid) {
    ::setfsgid(gid);
    ::setfsuid(uid);
    // Neither reports a failure; asking for an impossible id tells the present one (setfsuid(2)).
    if (static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) != gid) {
        return make_error("setfsgid", {}, EPERM);
    }
    if (static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) != uid) {
        return make_error("setfsuid", {}, EPERM);
    }
    return {};
}

Result<void> set_host_name(std::string_view name) {
    if (::sethostname(name.data(), name.size()) < 0) return last_error("sethostname", name);
    return {};
}

Result<void> bring_up(const char* name) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return last_error("socket", "AF_INET");
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) return last_error("SIOCSIFFLAGS", name);
    return {};
}

Result<ResourceLimit> get_limit(std::uint32_t resource) {
    rlimit64 value{};
    if (::syscall(SYS_prlimit64, 0, resource, nullptr, &value) < 0) return last_error("prlimit");
    return ResourceLimit{resource, 0, value.rlim_cur, value.rlim_max};
}

Result<void> set_limit(const ResourceLimit& limit) {
    const rlimit64 value{limit.soft, limit.hard};
    if (::syscall(SYS_prlimit64, 0, limit.resource, &value, nullptr) < 0)
        return last_error("prlimit");
    return {};
}

Result<void>
make_device(int folder, const char* name, mode_t mode, unsigned major, unsigned minor) {
    if (::mknodat(folder, name, mode, makedev(major, minor)) < 0) {
        return last_error("mknodat", name);
    }
    return {};
}

Result<void> change_owner(int folder, const char* name, uid_t uid, gid_t gid) {
    const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
    if (::fchownat(folder, name, uid, gid, flags) < 0) return last_error("fchownat", name);
    return {};
}

Result<void> check_writable(const char* path) {
    if (::faccessat(AT_FDCWD, path, W_OK, 0) < 0) return last_error("faccessat", path);
    return {};
}

int landlock_version() {
    constexpr unsigned kAskVersion = 1;
    const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
    return version < 0 ? 0 : static_cast<int>(version);
}

bool kernel_is(int major, int minor) {
    utsname name{};
    if (::uname(&name) < 0) return false;
    int has_major = 0;
    int has_minor = 0;
    const char* const end = name.release + std::strlen(name.release);
    const auto [dot, error] = std::from_chars(name.release, end, has_major);
    if (error != std::errc{} || dot == end) return false;
    (void)std::from_chars(dot + 1, end, has_minor); // Else 0.
    return has_major > major || (has_major == major && has_minor >= minor);
}

Result<bool> merges_memory() {
    const int merges = ::prctl(kGetMemoryMerge, 0L, 0L, 0L, 0L);
    if (merges < 0) return last_error("prctl", "PR_GET_MEMORY_MERGE");
    return merges == 1;
}

Result<void> merge_memory() {
    if (::prctl(kSetMemoryMerge, 1L, 0L, 0L, 0L) < 0)
        return last_error("prctl", "PR_SET_MEMORY_MERGE");
    if (!TRY(merges_memory())) return make_error("prctl", "PR_SET_MEMORY_MERGE", EPROTO);
    return {};
}

Result<void> scope_abstract_sockets() {
    constexpr long kRestrictSelf = 446;
    const LandlockRules rules{0, 0, kScopeAbstractUnixSocket};
    const UniqueFd ruleset(static_cast<int>(::syscall(kCreateRuleset, &rules, sizeof rules, 0)));
    if (!ruleset) return last_error("landlock_create_ruleset");
    if (::syscall(kRestrictSelf, ruleset.get(), 0) < 0) return last_error("landlock_restrict_self");
    return {};
}

} // namespace stead::sys
