#include "context/context.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "context/bind_filter.h"
#include "context/builder.h"
#include "context/job.h"
#include "context/paths.h"
#include "context/verify.h"
#include "sys/namespaces.h"
#include "sys/signals.h"

namespace stead::context {

namespace {

constexpr std::size_t kStackSize = 256U << 10U;

/// A report that a child can write to even where it may not share all of our memory.
class SharedReport {
public:
    SharedReport() = default;

    static Result<SharedReport> make() {
        constexpr int kAccess = PROT_READ | PROT_WRITE;
        constexpr int kKind = MAP_SHARED | MAP_ANONYMOUS;
        void* memory = ::mmap(nullptr, sizeof(Report), kAccess, kKind, -1, 0);
        if (memory == MAP_FAILED) return last_error("mmap");
        return SharedReport(new (memory) Report);
    }

    SharedReport(SharedReport&& other) noexcept
        : report_(std::exchange(other.report_, nullptr)) {}

    SharedReport(const SharedReport&) = delete;
    SharedReport& operator=(const SharedReport&) = delete;
    SharedReport& operator=(SharedReport&&) = delete;

    ~SharedReport() {
        if (report_ != nullptr) ::munmap(report_, sizeof(Report));
    }

    [[nodiscard]] Report& get() const { return *report_; }

private:
    static_assert(std::is_trivially_destructible_v<Report>);

    explicit SharedReport(Report* report)
        : report_(report) {}

    Report* report_ = nullptr;
};

/// The stacks of the bodies. Private memory: what one of them forks off must not run on it.
class Stacks {
public:
    [[nodiscard]] std::span<std::byte> get(std::size_t number) const {
        return {memory_.get() + number * kStackSize, kStackSize};
    }

private:
    static constexpr std::size_t kCount = 3;
    std::unique_ptr<std::byte[]> memory_ =
        std::make_unique_for_overwrite<std::byte[]>(kCount * kStackSize);
};

/// Waits for a child of ours that is about to end, or makes it.
int reap(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

Result<void> check(const recipe::Context& recipe, const Descriptors& lent) {
    if (::geteuid() != 0) return make_error("making a guest needs root", {}, EPERM);
    if (lent.input < 0 || lent.output < 0 || lent.error < 0 || lent.stead_init < 0) {
        return make_error("standard input, output, error and stead-init", "must be given", EBADF);
    }
    if (recipe.root.kind != recipe::RootKind::HostPrograms && !is_clean_path(recipe.root.path)) {
        return make_error("not an absolute path:", recipe.root.path, 0);
    }
    for (const recipe::Mount& mount : recipe.mounts) {
        if (!is_clean_path(mount.target) || mount.target == "/") {
            return about(make_error("not a place for a mount:", {}, 0), mount.target, mount.origin);
        }
    }
    if (recipe.filter.size() > UINT16_MAX || recipe.init_filter.size() > UINT16_MAX) {
        return make_error("seccomp", "the filter is too long", E2BIG);
    }
    return {};
}

/// What is bound by whom is kept by the guest's cgroup, so it has to be in place before the guest
/// is.
Result<void> restrict_network(const recipe::Context& recipe, int cgroup) {
    if (!recipe.network.restrict_bind) return {};
    if (cgroup < 0) {
        return make_error("network.listen cannot be enforced without a writable cgroup2 mount "
                          "(mount -t cgroup2, or leave listen out)",
                          {}, 0);
    }
    auto restricted = context::restrict_bind(recipe.network, cgroup);
    if (restricted) return {};
    return about(restricted.error(), "for network.listen, which needs CONFIG_CGROUP_BPF", {});
}

/// Blocks every signal until it goes out of scope: a handler of ours must not run in a body, and an
/// interrupt waits until there is a guest to stop.
class SignalsBlocked {
public:
    SignalsBlocked() { ::pthread_sigmask(SIG_BLOCK, &every(), &before_); }

    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    SignalsBlocked(SignalsBlocked&&) = delete;
    SignalsBlocked& operator=(SignalsBlocked&&) = delete;

    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    static const sigset_t& every() {
        static const sigset_t kSet = [] {
            sigset_t all;
            ::sigfillset(&all);
            return all;
        }();
        return kSet;
    }

    sigset_t before_{};
};

std::vector<std::string> notices_of(const Report& report) {
    std::vector<std::string> notices;
    if (!report.has_marker) {
        notices.emplace_back("PID 1 has no capability of its own (CAP_WAKE_ALARM is missing here): "
                             "root inside may trace it");
    }
    if (report.lacks_abstract_scope) {
        notices.emplace_back(
            "the host's abstract unix sockets are reachable: this kernel's Landlock "
            "has no scopes (Linux 6.12)");
    }
    if (report.lacks_device_rules) {
        notices.emplace_back("only missing nodes keep it from devices: this kernel takes no device "
                             "program for a cgroup (CONFIG_CGROUP_BPF)");
    }
    if (report.keeps_login) {
        notices.emplace_back("the login id could not be reset: logins inside may be refused by "
                             "pam_loginuid");
    }
    return notices;
}

/// What became of the child; on any failure it is reaped.
Result<Running> collect(const Report& report) {
    if (!report.failed && report.executing) {
        auto opened = sys::open_process(report.child);
        if (opened) return Running{*std::move(opened), notices_of(report)};
        (void)sys::send_signal(report.child, SIGKILL); // it cannot be held, so it must not stay
        reap(report.child);
        return opened.error();
    }
    if (report.child > 0) reap(report.child);
    if (report.failed) return report.error();
    return make_error("the start ended early: a body of it was killed", {}, 0);
}

} // namespace

Error about(const Error& error, std::string_view thing, std::string_view origin) {
    FixedString<96> longer(error.subject());
    if (!longer.empty() && !thing.empty()) longer.append(" ");
    longer.append(thing);
    if (!origin.empty()) longer.append(" (").append(origin).append(")");
    return make_error(error.operation, longer.view(), error.code);
}

Result<Running> start(const recipe::Context& recipe,
                      const Descriptors& descriptors,
                      const ConnectNetwork* connect) {
    TRY(check(recipe, descriptors));
    TRY(restrict_network(recipe, descriptors.cgroup));
    const NamespaceIds launcher = TRY(read_namespaces(recipe));
    Report own;
    std::optional<SharedReport> shared;
    if (recipe.own_time) shared.emplace(TRY(SharedReport::make()));
    Report& report = shared ? shared->get() : own;
    const Stacks stacks;
    Job job{recipe, descriptors, report, launcher, stacks.get(1), stacks.get(2), connect};

    const SignalsBlocked blocked;
    // Born in the guest's own cgroup folder, because the root of a cgroup namespace is the cgroup
    // of whoever makes it, and moving a process there can take milliseconds. It has left before
    // this returns: a process that stayed would keep PID 1 from enabling controllers (cgroups(7),
    // no internal processes).
    // The child is its sibling, whoever's child that is. Neither can be waited for then, but the
    // builder has ended when the call returns.
    const std::uint64_t flags = builder_flags() | (descriptors.for_parent ? CLONE_PARENT : 0);
    const sys::Body builder{flags, descriptors.cgroup, run_builder, &job, stacks.get(0)};
    const pid_t pid = TRY(sys::run_body(builder));
    reap(pid);
    return collect(report);
}

} // namespace stead::context
