#include "guests/projects.h"

#include <fcntl.h>

#include <charconv>
#include <set>

#include "compile/levels.h"
#include "guests/state.h"
#include "images/tree.h"
#include "resources/disk.h"
#include "sys/btrfs.h"
#include "sys/file.h"
#include "sys/quota.h"
#include "sys/tree.h"

namespace stead::guests {

namespace {

constexpr std::size_t kMaxList = std::size_t{1} << 20U;

bool is_ours(const sys::Project& project) {
    return project.inherited && project.id >= resources::kFirstProject &&
           project.id <= resources::kLastProject;
}

/// Numbers of our range that the host's own files give to others: /etc/projid has "NAME:ID",
/// /etc/projects "ID:PATH".
std::set<std::uint32_t> foreign_projects() {
    std::set<std::uint32_t> found;
    for (const char* path : {"/etc/projid", "/etc/projects"}) {
        const auto text = read_file(AT_FDCWD, path, kMaxList);
        if (!text) continue; // Most hosts have none.
        for (std::size_t at = 0; at < text->size();) {
            const std::size_t first = text->find_first_of("0123456789", at);
            if (first == std::string::npos) break;
            std::uint32_t id = 0;
            const auto [end, error] =
                std::from_chars(text->data() + first, text->data() + text->size(), id);
            // A number within a path or a name takes an id away from us that nobody needs.
            if (error == std::errc{} && id >= resources::kFirstProject) found.insert(id);
            at = static_cast<std::size_t>(end - text->data());
        }
    }
    return found;
}

/// One that no file has, and no limit.
Result<std::uint32_t> free_project(int folder) {
    const std::set<std::uint32_t> foreign = foreign_projects();
    for (std::uint32_t id = resources::kFirstProject; id <= resources::kLastProject; ++id) {
        if (foreign.contains(id)) continue;
        const sys::ProjectQuota quota = TRY(sys::read_project_quota(folder, id));
        if (quota.bytes == 0 && quota.inodes == 0 && quota.most_bytes == 0 &&
            quota.most_inodes == 0)
            return id;
    }
    return make_error("project", "", ENOSPC);
}

Result<sys::UniqueFd> lock_projects(const Paths& paths) {
    const std::string path = paths.state + "/projects.lock";
    sys::UniqueFd lock =
        TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    TRY(sys::wait_for_lock(lock.get()));
    return lock;
}

Result<void> try_project(const Paths& paths, int draft) {
    if (!TRY(sys::project_quotas(draft)).counted) return {};
    // Of somebody else's project: only the host's administrator can take it out of that.
    if (TRY(sys::project_of(draft)).inherited) return {};
    // Until the folder has it, nobody else can see that it is taken.
    const sys::UniqueFd lock = TRY(lock_projects(paths));
    const std::uint32_t id = TRY(free_project(draft));
    return sys::set_project(draft, {id, true});
}

/// The kernel counts a subvolume for a while after the last name of it is gone, and from 6.11 on
/// lets go of its count by itself. Before, that is asked for here: for what is going now, and for
/// all that once went.
Result<void> forget_groups(const Paths& paths, int folder, std::optional<std::uint64_t> going) {
    constexpr const char* kGone = "old-qgroups";
    const sys::UniqueFd lock = TRY(lock_projects(paths));
    const sys::UniqueFd state =
        TRY(sys::open_at(AT_FDCWD, paths.state.c_str(), O_RDONLY | O_DIRECTORY));
    std::string known;
    if (auto text = read_file(state.get(), kGone, kMaxList)) known = *std::move(text);
    std::string gone = known;
    if (going) gone += std::to_string(*going) + "\n";
    std::string left;
    for (const char* at = gone.data(); at < gone.data() + gone.size(); ++at) {
        std::uint64_t subvolume = 0;
        at = std::from_chars(at, gone.data() + gone.size(), subvolume).ptr;
        const auto forgotten = sys::forget_qgroup(folder, subvolume);
        if (subvolume != 0 && !forgotten && forgotten.error().code == EBUSY)
            left += std::to_string(subvolume) + "\n";
    }
    if (left == known) return {};
    if (!left.empty()) return replace_file(state.get(), kGone, left, 0600);
    return images::remove_tree(state.get(), kGone);
}

void forget_project(const Paths& paths, int home, const char* name) {
    const auto folder = sys::open_at(home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return;
    if (const auto subvolume = sys::subvolume_of(folder->get())) {
        (void)sys::limit_qgroup(folder->get(), *subvolume, 0);
        (void)forget_groups(paths, home, *subvolume); // a number that counts nothing any more
        return;
    }
    const auto project = sys::project_of(folder->get());
    // A limit that cannot be taken off keeps the number taken, and that is all.
    if (project && is_ours(*project)) (void)sys::limit_project(folder->get(), project->id, 0, 0);
}

bool is_disk_level(const recipe::Level& level) {
    const resources::Level* const row = resources::find_level(level.key);
    return row != nullptr && row->kernel == resources::Kernel::DiskQuota;
}

} // namespace

Result<sys::UniqueFd> make_project(const Paths& paths, int home, const char* name) {
    const auto counting = sys::is_btrfs(home) ? sys::has_qgroups(home) : Result<bool>(false);
    if (counting && *counting) (void)forget_groups(paths, home, std::nullopt);
    const bool subvolume = counting && *counting && sys::make_subvolume(home, name);
    if (!subvolume) TRY(sys::make_folder(home, name, 0700));
    sys::UniqueFd made = TRY(sys::open_at(home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(sys::set_mode(made.get(), 0700));
    // Who asks for a level hears why there is none.
    if (!subvolume) (void)try_project(paths, made.get());
    return made;
}

void forget_projects(const Paths& paths, const std::string& home) {
    const auto folder = sys::open_at(AT_FDCWD, home.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return;
    const auto names = images::names_in(folder->get());
    if (!names) return;
    for (const std::string& name : *names)
        forget_project(paths, folder->get(), name.c_str());
}

Result<void> remove_disk(const Paths& paths, int home, const char* name) {
    forget_project(paths, home, name);
    return images::remove_tree(home, name);
}

bool wants_project(const recipe::Context& context) {
    for (const recipe::Level& level : context.inside) {
        if (!is_disk_level(level)) continue;
        const auto use = resources::kernel_quotas().read(context.root.changes);
        return !use && use.error().code == ENODATA;
    }
    return false;
}

Result<void> limit_disk(const recipe::Context& context) {
    resources::Subject subject;
    subject.name = context.name;
    subject.disk = context.root.changes;
    for (const resources::Level& row : resources::levels()) {
        if (row.kernel != resources::Kernel::DiskQuota) continue;
        std::string content = "max";
        std::string origin;
        for (const recipe::Level& level : context.inside) {
            if (level.key != row.key) continue;
            content = level.value;
            origin = level.origin;
        }
        const auto before = resources::read_level(subject, row, content);
        // No project: nothing is limited there, and nothing was asked for.
        if (!before && origin.empty()) continue;
        if (before && resources::holds(row, content, *before)) continue;
        const auto written =
            before ? resources::write_level(subject, row, content) : Result<void>(before.error());
        if (!written)
            return make_error("level", origin + ": " + std::string(row.key), written.error().code);
        const auto after = resources::read_level(subject, row, content);
        if (!after || !resources::holds(row, content, *after))
            return make_error("level", origin + ": " + std::string(row.key), EIO);
    }
    return {};
}

void record_disk(const recipe::Context& context, Record& record) {
    record.disk = context.root.changes;
    record.no_disk = compile::no_disk(context.root);
}

} // namespace stead::guests
