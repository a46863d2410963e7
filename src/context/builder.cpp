#include "context/builder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "context/child.h"
#include "context/guest_folder.h"
#include "context/ids.h"
#include "context/mounts.h"
#include "context/root.h"
#include "sys/device_program.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/namespaces.h"
#include "sys/path.h"
#include "sys/privileges.h"
#include "sys/setup.h"

namespace stead::context {

namespace {

bool is_private(const Job& job) {
    return job.recipe.users == recipe::Users::Private;
}

/// The builder lives in the guest's own cgroup folder, so the root of a cgroup namespace that it
/// makes is that folder.
bool has_cgroup_namespace(const Job& job) {
    return job.lent.cgroup >= 0 && (job.recipe.namespaces & CLONE_NEWCGROUP) != 0;
}

/// What the launcher lends belongs to the launcher's mount namespace, so this comes before our own.
Result<int> seal(int fd, std::string_view thing) {
    auto copy = sys::seal_program(fd);
    if (!copy) return about(copy.error(), thing, {});
    return keep(*std::move(copy));
}

Result<int> clone_cgroup(int fd, std::uint64_t attributes) {
    constexpr auto kTight = sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
    const int copy = keep(TRY(sys::clone_mount(fd, "", /*recursive=*/false)));
    TRY(sys::change_mount(copy, {.set = attributes | kTight}));
    return copy;
}

Result<void> take_lent(const Job& job, Parts& parts) {
    parts.program = TRY(seal(job.lent.stead_init, "stead-init"));
    if (job.lent.stead >= 0) parts.loader = TRY(seal(job.lent.stead, "stead"));
    parts.devpts = job.lent.devpts;
    if (job.lent.cgroup < 0) return {};
    parts.cgroup = TRY(clone_cgroup(job.lent.cgroup, 0));
    for (const recipe::Mount& mount : job.recipe.mounts) {
        if (mount.kind != recipe::MountKind::Cgroup) continue;
        parts.cgroup_view = TRY(clone_cgroup(job.lent.cgroup, mount.attributes));
        break;
    }
    return {};
}

/// The login id of whoever started us would make pam_loginuid refuse logins inside. A kernel
/// without audit has no such file; where the id is immutable the guest keeps it, and is told.
void forget_login(const Job& job) {
    // Nobody logs in to a jail.
    if (job.recipe.no_root) return;
    auto file = sys::open_at(AT_FDCWD, "/proc/self/loginuid", O_WRONLY);
    if (!file) return;
    if (!sys::write_full(file->get(), "4294967295")) job.report.keeps_login = true;
}

/// The clocks of the new time namespace start at zero, as after a boot.
Result<void> set_clock_offsets() {
    std::string offsets;
    for (const auto& [name, clock] :
         {std::pair{"monotonic", CLOCK_MONOTONIC}, std::pair{"boottime", CLOCK_BOOTTIME}}) {
        timespec now{};
        ::clock_gettime(clock, &now);
        offsets += std::string(name) + " -" + std::to_string(now.tv_sec) + " 0\n";
    }
    const auto file = TRY(sys::open_at(AT_FDCWD, "/proc/self/timens_offsets", O_WRONLY));
    return sys::write_full(file.get(), offsets);
}

/// From here on what we make belongs to the guest's root. Leaving uid 0 takes the capabilities that
/// files need out of the effective set; they come back at once.
Result<void> create_for_guest(const recipe::IdRange& ids) {
    const sys::CapabilitySets held = TRY(sys::capabilities());
    TRY(sys::create_files_as(ids.first, ids.first));
    return sys::set_capabilities(held);
}

Result<void> enter_own_namespaces(const Job& job) {
    std::uint64_t flags = CLONE_NEWNS;
    // With private users it belongs to their user namespace, which is entered later.
    if (has_cgroup_namespace(job) && !is_private(job)) flags |= CLONE_NEWCGROUP;
    if (job.recipe.own_time) flags |= sys::kNewTime;
    TRY(sys::unshare(flags));
    TRY(sys::make_all_private());
    if (job.recipe.own_time) TRY(set_clock_offsets());
    return {};
}

/// The places that the recipe does not name (Tree::places).
Result<std::vector<std::string>> build_tree(const Job& job, Parts& parts) {
    Tree tree(job.recipe, parts);
    TRY(tree.take_sources());
    parts.root = TRY(make_root(job.recipe, parts.user_namespace));
    TRY(tree.apply_some(Tree::Pass::Ground));
    TRY(make_guest_folder(job.recipe, tree, parts));
    TRY(tree.apply_some(Tree::Pass::Covers));
    TRY(tree.close_up());
    parts.syslog = tree.socket();
    return tree.places();
}

/// The child starts in the guest's root; a copied mount namespace carries the working directory
/// over to the copy.
Result<void> enter_root(const Parts& parts) {
    if (::fchdir(parts.root) < 0) return last_error("fchdir", "the guest's root");
    return {};
}

/// A list as execve wants it.
std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (std::string& text : texts)
        list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

Result<void>
make_child(const Job& job, const Parts& parts, const std::vector<std::string>& places) {
    constexpr std::uint64_t kOfChild = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    std::uint64_t flags = CLONE_PARENT | (job.recipe.namespaces & kOfChild);
    if (job.lent.cgroup < 0) flags |= job.recipe.namespaces & CLONE_NEWCGROUP;
    if (is_private(job)) {
        // Without the host's capabilities only the owner may still put a process into the cgroup.
        TRY(sys::create_files_as(0, 0));
        // Everything that is made from now on belongs to the guest's user namespace, and the copy
        // of the mount tree gets its locks by crossing into it.
        TRY(sys::join_namespace(parts.user_namespace, CLONE_NEWUSER));
        if (has_cgroup_namespace(job)) TRY(sys::unshare(CLONE_NEWCGROUP));
        flags |= CLONE_NEWNS;
    }
    if (parts.network_namespace >= 0) {
        TRY(sys::join_namespace(parts.network_namespace, CLONE_NEWNET));
        flags &= ~std::uint64_t{CLONE_NEWNET};
    }
    // A process in another time namespace may not share memory; the report does not need it.
    if (!job.recipe.own_time) flags |= CLONE_VM;

    int init = -1;
    if (job.lent.cgroup >= 0) {
        init = keep(TRY(sys::open_at(job.lent.cgroup, "init", O_PATH | O_DIRECTORY)));
    }
    // Made here, because an executed child frees nothing of the memory that it shares with us.
    std::vector<std::string> words = {"stead-init", "--boot"};
    std::vector<std::string> settings = job.recipe.environment;
    const std::vector<char*> arguments = pointers(words);
    const std::vector<char*> environment = pointers(settings);
    ChildTask task{job, parts, places, arguments.data(), environment.data()};
    const sys::Body body{flags, init, run_child, &task, job.child_stack};
    job.report.child = TRY(sys::run_body(body));
    return {};
}

struct NetworkTask {
    /// -1: the host's.
    int user_namespace = -1;
    /// In the builder's descriptor table, which the body shares.
    int made = -1;
    bool failed = false;
    Error error;
};

Result<int> make_in(int user_namespace) {
    if (user_namespace >= 0) TRY(sys::join_namespace(user_namespace, CLONE_NEWUSER));
    TRY(sys::unshare(CLONE_NEWNET));
    return keep(TRY(sys::open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY)));
}

void run_network_body(void* argument) {
    NetworkTask& task = *static_cast<NetworkTask*>(argument);
    const auto made = make_in(task.user_namespace);
    task.failed = !made;
    if (made) task.made = *made;
    if (!made) task.error = made.error();
    ::_exit(0);
}

/// The guest's network namespace, owned by its user namespace, before there is a guest: whoever has
/// the host's capabilities connects it, and PID 1 finds everything in place.
Result<void> connect_network(const Job& job, Parts& parts) {
    if (job.connect == nullptr) return {};
    NetworkTask task{parts.user_namespace, -1, false, {}};
    const sys::Body body{CLONE_VM | CLONE_FILES, -1, run_network_body, &task, job.network_stack};
    const pid_t pid = TRY(sys::run_body(body));
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (task.failed) return about(task.error, "the guest's network namespace", {});
    parts.network_namespace = task.made;
    return (*job.connect)(task.made);
}

/// Root of a user namespace may lower hard limits but never raise them: what the guest is to have
/// more of than the host's default must be there before its PID 1 is born.
Result<void> raise_hard_limits(const recipe::Context& recipe) {
    for (const recipe::Limit& wanted : recipe.limits) {
        ResourceLimit now = TRY(sys::get_limit(wanted.limit.resource));
        if (wanted.limit.hard <= now.hard) continue;
        now.hard = wanted.limit.hard;
        auto raised = sys::set_limit(now);
        if (!raised) return about(raised.error(), wanted.name, wanted.origin);
    }
    return {};
}

/// The second stop beside "no nodes but these, and no CAP_MKNOD": nothing that the guest runs may
/// have begun, and our own nodes must be there already.
void limit_devices(const Job& job) {
    if (!job.recipe.limits_devices || job.lent.cgroup < 0) return;
    if (!sys::limit_devices(job.lent.cgroup, job.recipe.devices))
        job.report.lacks_device_rules = true;
}

Result<void> build(const Job& job) {
    Parts parts;
    ::umask(0);
    TRY(take_lent(job, parts));
    if (is_private(job)) TRY(raise_hard_limits(job.recipe));
    TRY(make_host_folders(job.recipe));
    if (is_private(job)) {
        parts.user_namespace = keep(TRY(make_user_namespace(job.recipe.ids)));
        if (job.lent.cgroup >= 0) TRY(delegate_cgroup(job.lent.cgroup, job.recipe.ids));
    }
    TRY(connect_network(job, parts));
    forget_login(job);
    TRY(enter_own_namespaces(job));
    if (is_private(job)) TRY(create_for_guest(job.recipe.ids));
    const auto places = TRY(build_tree(job, parts));
    TRY(enter_root(parts));
    limit_devices(job);
    return make_child(job, parts, places);
}

} // namespace

void run_builder(void* argument) {
    const Job& job = *static_cast<Job*>(argument);
    if (auto built = build(job); !built) job.report.fail(built.error());
    ::_exit(0);
}

std::uint64_t builder_flags() {
    return CLONE_VM;
}

} // namespace stead::context
