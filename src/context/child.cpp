#include "context/child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "context/child_mounts.h"
#include "context/descriptors.h"
#include "context/privileges.h"
#include "context/verify.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/setup.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "wire/boot.h"

namespace stead::context {

namespace {

bool is_private(const recipe::Context& recipe) {
    return recipe.users == recipe::Users::Private;
}

/// Up to the end, which proc tells only by an empty read.
Result<std::string> read_text(int fd) {
    std::string text(1U << 14U, '\0');
    std::size_t used = 0;
    for (;;) {
        const std::size_t size =
            TRY(sys::read_full(fd, std::as_writable_bytes(std::span(text).subspan(used))));
        used += size;
        if (used < text.size()) break;
        text.resize(text.size() * 2);
    }
    text.resize(used);
    return text;
}

/// The copy of a mount namespace that crosses into a user namespace locks every mount, and
/// pivot_root refuses a locked root. A recursive bind of it onto itself is the same tree with the
/// same locks but for the uppermost.
Result<void> unlock_root() {
    const int copy = keep(TRY(sys::clone_mount(AT_FDCWD, ".", /*recursive=*/true)));
    TRY(sys::attach_mount_at(copy, AT_FDCWD, "."));
    if (::fchdir(copy) < 0) return last_error("fchdir", "the guest's root");
    return {};
}

Result<void> take_identity(const recipe::Context& recipe) {
    TRY(sys::start_session());
    ::umask(022);
    // The launcher keeps its signals blocked meanwhile; PID 1 must not inherit that.
    TRY(sys::set_signal_mask(0));
    if (is_private(recipe)) return sys::become(0, 0);
    if (recipe.rootless_ids == 1) return {};
    return sys::drop_groups();
}

Result<void> set_up_namespaces(const recipe::Context& recipe) {
    if ((recipe.namespaces & CLONE_NEWUTS) != 0 && !recipe.hostname.empty()) {
        TRY(sys::set_host_name(recipe.hostname));
    }
    if ((recipe.namespaces & CLONE_NEWNET) != 0) TRY(sys::bring_up("lo"));
    return {};
}

Result<void> enter_tree(const Job& job, const Parts& parts) {
    if (is_private(job.recipe)) TRY(unlock_root());
    TRY(mount_instances(job.recipe, parts));
    auto entered = sys::pivot_into_working_directory();
    if (!entered) return about(entered.error(), "the guest's root", {});
    if (::chdir("/") < 0) return last_error("chdir", "/");
    return {};
}

Result<void> set_limits(const recipe::Context& recipe) {
    for (const recipe::Limit& limit : recipe.limits) {
        auto set = sys::set_limit(limit.limit);
        if (!set) return about(set.error(), limit.name, limit.origin);
    }
    return {};
}

Result<void> verify_tree(const ChildTask& task, int self) {
    const Job& job = task.job;
    const int file = keep(TRY(sys::open_at(self, "mountinfo", O_RDONLY)));
    const std::string mounts = TRY(read_text(file));
    TRY(verify_mounts(job.recipe, task.places, mounts));
    if (!job.recipe.root.read_only) {
        auto writable = sys::check_writable("/");
        if (!writable) return about(writable.error(), "the guest's root is not writable", {});
    }
    return {};
}

/// What the child itself still needs after PID 1's descriptors are in place.
struct Kept {
    int program = -1;
    int status = -1;
};

Result<Kept> place_descriptors(const Job& job, const Parts& parts, int status) {
    const Descriptors& lent = job.lent;
    const std::array fixed = {
        Placement{lent.input, 0},
        Placement{lent.output, 1},
        Placement{lent.error, 2},
        Placement{lent.plan, wire::kBootPlan},
        Placement{lent.host_control, wire::kBootHostControl},
        Placement{parts.control, wire::kBootGuestControl},
        Placement{lent.keeper, wire::kBootKeeper},
        Placement{parts.cgroup, wire::kBootCgroup},
        Placement{parts.loader, wire::kBootLoader},
        Placement{parts.notify, wire::kBootNotify},
        Placement{parts.syslog, wire::kBootSyslog},
    };
    static_assert(std::tuple_size_v<decltype(fixed)> == wire::kBootDescriptors);
    std::vector<Placement> placements(fixed.begin(), fixed.end());
    for (const int socket : lent.sockets)
        placements.push_back({socket, static_cast<int>(placements.size())});
    std::array kept = {parts.program, status};
    TRY(place_all(placements, kept));
    return Kept{kept[0], kept[1]};
}

Result<void> verify_privileges(const Job& job, const Sets& sets, int status) {
    // proc makes this file whole for one read.
    std::array<char, 1U << 13U> text; // NOLINT(*-member-init): filled by the kernel
    const std::size_t size = TRY(sys::read_some(status, text));
    return verify_status(job.recipe, sets, {text.data(), size});
}

/// The host's abstract sockets are reachable through a shared network; closing them is a default.
Result<void> close_abstract_sockets(const Job& job) {
    if (!job.recipe.scope_abstract_sockets) return {};
    auto scoped = sys::scope_abstract_sockets();
    if (scoped) return {};
    const int code = scoped.error().code;
    if (code != ENOSYS && code != EOPNOTSUPP && code != E2BIG && code != EINVAL) return scoped;
    job.report.lacks_abstract_scope = true;
    return {};
}

/// Inside the tree, with a verified view of it; the descriptor of our own status file in proc,
/// which is opened while the host's proc is in sight and read at the end.
Result<int> enter(const ChildTask& task) {
    const Job& job = task.job;
    TRY(take_identity(job.recipe));
    TRY(verify_namespaces(job.recipe, job.launcher));
    TRY(set_up_namespaces(job.recipe));
    const int self = keep(TRY(sys::open_at(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY)));
    const int status = keep(TRY(sys::open_at(self, "status", O_RDONLY)));
    TRY(enter_tree(job, task.parts));
    TRY(verify_tree(task, self));
    return status;
}

/// Everything up to the execution; the descriptor of the program.
Result<int> prepare(const ChildTask& task) {
    const Job& job = task.job;
    const int status = TRY(enter(task));
    TRY(set_limits(job.recipe));
    if (job.recipe.merge_memory) TRY(sys::merge_memory());
    TRY(close_abstract_sockets(job));
    const Sets sets = TRY(cut_bounding_set(job.recipe, job.report));
    const Kept kept = TRY(place_descriptors(job, task.parts, status));
    TRY(drop_privileges(job.recipe, sets));
    TRY(verify_privileges(job, sets, kept.status));
    return kept.program;
}

} // namespace

void run_child(void* argument) {
    const ChildTask& task = *static_cast<ChildTask*>(argument);
    Report& report = task.job.report;
    auto program = prepare(task);
    if (!program) {
        report.fail(program.error());
        ::_exit(1);
    }
    report.executing = true;
    const Error error = sys::execute(*program, task.arguments, task.environment);
    report.fail(about(error, "stead-init", {}));
    ::_exit(1);
}

} // namespace stead::context
