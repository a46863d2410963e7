#include "learn/rights.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include <netinet/in.h>

namespace stead::learn {

namespace {

constexpr std::uint32_t kUnchanged = 0xffffffff;
constexpr unsigned kRead = 4;
constexpr unsigned kWrite = 2;
constexpr unsigned kSearch = 1;

std::uint32_t low(std::uint64_t argument) {
    return static_cast<std::uint32_t>(argument);
}

std::string parent(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

/// Collects what one call has used.
class Rights {
public:
    Rights(const Seen& seen, const Bounds& bounds)
        : seen_(seen)
        , bounds_(bounds) {}

    std::vector<Right> take();

private:
    void add(unsigned capability, const std::string& detail, const std::string& place = {});

    [[nodiscard]] bool is(std::string_view name) const { return seen_.call == name; }

    [[nodiscard]] bool owns(const Object& object) const { return seen_.who.file_uid == object.uid; }

    void files();
    void file(const Place& place);
    void access(const Object& object, unsigned bits, const std::string& path);
    void folder(const Place& place);
    void attributes(const Place& place);
    void owner(const Place& place);
    void users();
    void one_user(std::uint64_t wanted);
    void one_group(std::uint64_t wanted);
    void network();
    void processes();
    void scheduling();

    const Seen& seen_;
    const Bounds& bounds_;
    std::vector<Right> found_;
};

void Rights::add(unsigned capability, const std::string& detail, const std::string& place) {
    if (!seen_.who.holds(capability)) return;
    found_.push_back({capability, std::string(seen_.call) + "(" + detail + ")", place});
}

/// The kernel asks DAC_READ_SEARCH for what is only read or searched, DAC_OVERRIDE for the rest:
/// generic_permission().
void Rights::access(const Object& object, unsigned bits, const std::string& path) {
    if (mode_allows(seen_.who, object, bits)) return;
    const bool executes = (bits & kSearch) != 0 && !object.is_folder();
    const bool reads = (bits & kWrite) == 0 && !executes;
    if (reads && seen_.who.holds(CAP_DAC_READ_SEARCH)) return add(CAP_DAC_READ_SEARCH, path, path);
    add(CAP_DAC_OVERRIDE, path, path);
}

/// Makes or removes a name: the folder has to be writable, and a sticky one gives what is others'
/// only to its own owner.
void Rights::folder(const Place& place) {
    if (place.way.empty()) return;
    const Object& above = place.way.back();
    const std::string path = parent(place.path);
    if (!mode_allows(seen_.who, above, kWrite | kSearch)) add(CAP_DAC_OVERRIDE, path, path);
    const bool sticky = (above.mode & S_ISVTX) != 0 && !owns(above);
    if (sticky && place.object && !owns(*place.object) && !is("mkdir") && !is("mkdirat"))
        add(CAP_FOWNER, place.path, place.path);
}

void Rights::owner(const Place& place) {
    const bool at = is("fchownat");
    const std::uint32_t uid = low(seen_.arguments[at ? 2 : 1]);
    const std::uint32_t gid = low(seen_.arguments[at ? 3 : 2]);
    const Object& object = *place.object;
    const bool keeps_user = uid == kUnchanged || (owns(object) && uid == object.uid);
    const bool keeps_group =
        gid == kUnchanged || (owns(object) && (gid == object.gid || seen_.who.in_group(gid)));
    if (!keeps_user || !keeps_group)
        add(CAP_CHOWN,
            place.path + " to " + (uid == kUnchanged ? "" : std::to_string(uid)) +
                (gid == kUnchanged ? "" : ":" + std::to_string(gid)),
            place.path);
}

void Rights::attributes(const Place& place) {
    if (!place.object) return;
    if (seen_.call.find("chown") != std::string_view::npos) return owner(place);
    if (seen_.attribute == "security.capability") return add(CAP_SETFCAP, place.path);
    // The times of now are given by whoever may write, too.
    const std::size_t times = is("utimensat") || is("futimesat") ? 2 : 1;
    const bool now =
        (seen_.call.starts_with("ut") || is("futimesat")) && seen_.arguments[times] == 0;
    if (owns(*place.object)) return;
    if (now && mode_allows(seen_.who, *place.object, kWrite)) return;
    add(CAP_FOWNER, place.path, place.path);
}

void Rights::file(const Place& place) {
    for (std::size_t at = 0; at < place.way.size(); ++at) {
        if (mode_allows(seen_.who, place.way[at], kSearch)) continue;
        // Its name: as many components as folders have been passed.
        std::size_t end = 0;
        for (std::size_t component = 0; component < at && end != std::string::npos; ++component)
            end = place.path.find('/', end + 1);
        const std::string path = end == 0 ? "/" : place.path.substr(0, end);
        access(place.way[at], kSearch, path);
    }
    if (seen_.want == Want::Change || (!place.object && seen_.want != Want::Look))
        return folder(place);
    if (!place.object) return;
    switch (seen_.want) {
    case Want::Read:
        return access(*place.object, kRead, place.path);
    case Want::Write:
    case Want::Connect:
        return access(*place.object, kWrite, place.path);
    case Want::ReadWrite:
        return access(*place.object, kRead | kWrite, place.path);
    case Want::Execute:
        return access(*place.object, kSearch, place.path);
    case Want::Attribute:
        return attributes(place);
    case Want::Look:
        if (is("chdir") || is("chroot")) access(*place.object, kSearch, place.path);
        return;
    case Want::Change:
        return;
    }
}

void Rights::files() {
    for (const Place& place : seen_.places)
        file(place);
    if (is("chroot")) add(CAP_SYS_CHROOT, seen_.places.empty() ? "" : seen_.places.front().path);
}

void Rights::one_user(std::uint64_t wanted) {
    const Identity& who = seen_.who;
    const std::uint32_t uid = low(wanted);
    if (uid == kUnchanged || uid == who.uid || uid == who.effective_uid || uid == who.saved_uid)
        return;
    add(CAP_SETUID, std::to_string(uid));
}

void Rights::one_group(std::uint64_t wanted) {
    const Identity& who = seen_.who;
    const std::uint32_t gid = low(wanted);
    if (gid == kUnchanged || gid == who.gid || gid == who.effective_gid || gid == who.saved_gid)
        return;
    add(CAP_SETGID, std::to_string(gid));
}

void Rights::users() {
    if (is("setgroups")) return add(CAP_SETGID, std::to_string(seen_.arguments[0]) + " groups");
    const std::size_t ids = seen_.call.starts_with("setres")  ? 3
                            : seen_.call.starts_with("setre") ? 2
                                                              : 1;
    const bool users = seen_.call.ends_with("uid");
    for (std::size_t at = 0; at < ids; ++at)
        users ? one_user(seen_.arguments[at]) : one_group(seen_.arguments[at]);
}

void Rights::network() {
    // Numbers of the kernel's headers: SO_DEBUG, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_MARK.
    constexpr std::uint32_t kAdministers[] = {1, 32, 33, 36};
    if (is("bind") && seen_.address) {
        const bool internet = seen_.address->family == AF_INET || seen_.address->family == AF_INET6;
        if (internet && seen_.address->port != 0 && seen_.address->port < bounds_.first_free_port)
            add(CAP_NET_BIND_SERVICE, (seen_.socket_type == SOCK_DGRAM ? "udp " : "tcp ") +
                                          std::to_string(seen_.address->port));
    } else if (is("socket")) {
        const std::uint32_t family = low(seen_.arguments[0]);
        const std::uint32_t type = low(seen_.arguments[1]) & 0xfU;
        if ((family == AF_INET || family == AF_INET6) && type == SOCK_RAW)
            add(CAP_NET_RAW, "a raw socket");
    } else if (is("setsockopt") && low(seen_.arguments[1]) == SOL_SOCKET) {
        const std::uint32_t option = low(seen_.arguments[2]);
        if (std::find(std::begin(kAdministers), std::end(kAdministers), option) !=
            std::end(kAdministers))
            add(CAP_NET_ADMIN, "socket option " + std::to_string(option));
    }
}

void Rights::processes() {
    if (!seen_.target) return;
    const Identity& who = seen_.who;
    const Identity& target = *seen_.target;
    if (seen_.call.starts_with("process_vm")) {
        const bool same = who.uid == target.uid && who.uid == target.effective_uid &&
                          who.uid == target.saved_uid &&
                          (target.capabilities & ~who.capabilities) == 0;
        if (!same) add(CAP_SYS_PTRACE, "a process of uid " + std::to_string(target.uid));
        return;
    }
    const auto reaches = [&](std::uint32_t uid) {
        return uid == target.uid || uid == target.saved_uid;
    };
    if (!reaches(who.effective_uid) && !reaches(who.uid))
        add(CAP_KILL, "a process of uid " + std::to_string(target.uid));
}

void Rights::scheduling() {
    if (is("setpriority") && seen_.after < seen_.before)
        add(CAP_SYS_NICE, "niceness " + std::to_string(static_cast<int>(seen_.after) - 20));
    const std::uint32_t policy = low(seen_.arguments[1]) & 0xffU;
    if (is("sched_setscheduler") && (policy == SCHED_FIFO || policy == SCHED_RR))
        add(CAP_SYS_NICE, policy == SCHED_FIFO ? "SCHED_FIFO" : "SCHED_RR");
    constexpr unsigned kClassShift = 13;
    constexpr std::uint32_t kRealTime = 1;
    if (is("ioprio_set") && low(seen_.arguments[2]) >> kClassShift == kRealTime)
        add(CAP_SYS_NICE, "real-time input and output");
    if ((is("setrlimit") || is("prlimit64")) && seen_.after > seen_.before)
        add(CAP_SYS_RESOURCE, "a hard limit raised to " + std::to_string(seen_.after));
    if (seen_.call.starts_with("mlock") && seen_.before > seen_.after)
        add(CAP_IPC_LOCK, std::to_string(seen_.before / 1024) + " kB are locked");
}

std::vector<Right> Rights::take() {
    files();
    network();
    processes();
    scheduling();
    constexpr std::string_view kSetters[] = {"setuid",   "setgid",    "setreuid",
                                             "setregid", "setresuid", "setresgid",
                                             "setfsuid", "setfsgid",  "setgroups"};
    if (std::find(std::begin(kSetters), std::end(kSetters), seen_.call) != std::end(kSetters))
        users();
    if (is("vhangup")) add(CAP_SYS_TTY_CONFIG, "");
    const std::uint32_t option = low(seen_.arguments[0]);
    if (is("prctl") && option == PR_CAPBSET_DROP) add(CAP_SETPCAP, "PR_CAPBSET_DROP");
    if (is("prctl") && option == PR_SET_SECUREBITS) add(CAP_SETPCAP, "PR_SET_SECUREBITS");
    return std::move(found_);
}

} // namespace

bool Identity::in_group(std::uint32_t group) const {
    return group == file_gid || std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool Object::is_folder() const {
    return S_ISDIR(mode);
}

bool mode_allows(const Identity& who, const Object& object, unsigned bits) {
    const unsigned shift = who.file_uid == object.uid ? 6 : who.in_group(object.gid) ? 3 : 0;
    return (object.mode >> shift & bits) == bits;
}

std::vector<Right> rights_of(const Seen& seen, const Bounds& bounds) {
    return Rights(seen, bounds).take();
}

} // namespace stead::learn
