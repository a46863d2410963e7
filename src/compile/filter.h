#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compile/calls.h"

namespace stead::compile {

/// What the kernel is to answer to a system call. The checked answers look at the low 32 bits of
/// one or two arguments, as the kernel itself does. Of two answers to one call the later one here
/// is the wider.
enum class Answer : std::uint8_t {
    /// ENOSYS: the program shall do without and fall back.
    Missing,
    /// The policy's refusal, usually EPERM.
    Deny,
    /// socket: UNIX, INET, INET6; else EAFNOSUPPORT. `Socket` adds five protocols of NETLINK.
    SocketPlain,
    Socket,
    /// socketpair: UNIX; else EAFNOSUPPORT.
    SocketPair,
    /// socket and socketpair of a policy that allows all, where a unit names its families.
    AnyFamily,
    /// clone and unshare without any new namespace; with any but a user namespace.
    Clone,
    CloneNamespaces,
    Unshare,
    UnshareNamespaces,
    /// ioctl without what types into terminals or redirects them.
    Ioctl,
    /// personality: asking, and the default one; the harmless ones, nothing that makes memory
    /// executable.
    PersonalityQuery,
    Personality,
    /// mknod and mknodat of files, FIFOs and sockets.
    Mknod,
    Mknodat,
    /// mmap of what is not both writable and executable; mprotect that makes nothing executable;
    /// shmat likewise.
    Map,
    Protect,
    Attach,
    Allow
};
inline constexpr std::size_t kAnswers = 19;

/// One answer for each system call number up to kNewestCall. What is above answers ENOSYS, like
/// the calls of foreign architectures and of x32.
class CallPolicy {
public:
    /// Nothing allowed: a refusal for each call that has a name, ENOSYS for the rest.
    CallPolicy();
    /// One that was made before, by its answers; its refusal is EPERM.
    using Answers = std::array<Answer, kNewestCall + 1>;
    explicit CallPolicy(const Answers& answers);

    static constexpr std::uint64_t kAllFamilies = ~std::uint64_t{0};

    [[nodiscard]] Answer of(int number) const;
    void set(int number, Answer answer);
    /// Sets each call of a blank-separated list of names and groups.
    void set(std::string_view list, Answer answer);

    /// What the filter returns for Deny: a SECCOMP_RET_ value.
    [[nodiscard]] std::uint32_t refusal() const { return refusal_; }

    void set_refusal(std::uint32_t value) { refusal_ = value; }

    /// Bit N: sockets of family N are left, of those that the answers allow. All of them at first.
    [[nodiscard]] std::uint64_t families() const { return families_; }

    void keep_families(std::uint64_t families);
    /// Nothing may become executable that is, or was, writable.
    void part_writing_from_executing();
    /// No file leaves the project that its folder belongs to, by whose quota a disk is counted: the
    /// kernel itself keeps only user namespaces from that.
    void keep_projects();

    [[nodiscard]] bool keeps_projects() const { return keeps_projects_; }

    friend bool operator==(const CallPolicy&, const CallPolicy&) = default;

private:
    Answers answers_{};
    std::uint32_t refusal_;
    std::uint64_t families_ = kAllFamilies;
    bool keeps_projects_ = false;
};

/// The families whose sockets `policy` lets programs make (socket(2)), by bit.
std::uint64_t families_of(const CallPolicy& policy);

/// What services of a full guest get; also all of a guest with `users = "host"`.
CallPolicy service_policy();
/// What PID 1 of a guest with a user namespace gets: services' calls, and what it needs to build
/// their contexts.
CallPolicy init_policy();
/// A service's with the mounts, namespaces (but no user namespaces) and the end of an init that
/// sits in a user namespace of its guest's.
CallPolicy own_init_policy();
/// What a jail's units get. A capability among `capabilities` brings the calls it is good for.
CallPolicy jail_policy(std::uint64_t capabilities);
/// What a jail's PID 1 gets: it has to become the units' users.
CallPolicy jail_init_policy();
/// What units of somebody else's container get: whatever has a name. Its own filter rules there.
CallPolicy foreign_policy();

/// Adds to `policy` whatever `other` allows beyond it: PID 1 may not be narrower than its units.
void widen(CallPolicy& policy, const CallPolicy& other);
/// The first call of which `inner` allows more than `outer`; -1 if there is none.
int first_beyond(const CallPolicy& inner, const CallPolicy& outer);

/// The policy as a classic BPF program: a tree over runs of numbers with one answer, the argument
/// checks behind it. libseccomp, which knows the calls' names, would build a tree with a leaf for
/// each number: three times as long, and the kernel translates each filter anew at each start.
Result<std::vector<std::uint64_t>> build_filter(const CallPolicy& policy);

} // namespace stead::compile
