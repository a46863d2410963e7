#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "context/job.h"
#include "context/names.h"

namespace stead::context {

/// The guest's own folder of ours: sockets, bin/stead, bound folders of units.
inline constexpr std::string_view kGuestFolder = "/run/stead";

/// The guest's tree while the builder builds it: every step of the recipe that is not the child's
/// own, in the recipe's order. Paths below the guest's root go through the resolver, but for names
/// on a tmpfs that only we have filled; what is missing is made only on file systems of ours.
class Tree {
public:
    Tree(const recipe::Context& recipe, const Parts& parts)
        : recipe_(recipe)
        , parts_(parts) {}

    /// Copies the sources of all binds. Before the root is attached, because that covers a part of
    /// the host's own tree.
    Result<void> take_sources();
    enum class Pass : std::uint8_t {
        /// All but what the other two take.
        Ground,
        /// What lies in /run/stead, which is made after the ground.
        GuestFolder,
        /// Masks, read-only views and covers, which need /run/stead.
        Covers
    };
    Result<void> apply_some(Pass pass);
    /// Read-only comes last, over what has been filled.
    Result<void> close_up();

    /// Where mounts ended up whose target the guest's own links led to another place.
    [[nodiscard]] const std::vector<std::string>& places() const { return places_; }

    /// The syslog socket; -1: the recipe has none.
    [[nodiscard]] int socket() const { return socket_; }

    /// A descriptor of the folder `path` below the guest's root; on our own file systems it is made
    /// if missing. Good until the next mount on or above it.
    Result<int> folder(std::string_view path);
    /// Makes `folder` the working directory: what is mounted by a name in it needs no way through
    /// /proc, which costs the kernel more than the mount.
    Result<void> enter(int folder);
    /// To be called after something was mounted on `path`.
    void forget(std::string_view path);

private:
    Result<void> apply(const recipe::Mount& mount, int source);
    Result<void> add_tmpfs(const recipe::Mount& mount);
    Result<void> add_copy(const recipe::Mount& mount, int copy);
    Result<void> note_place(const recipe::Mount& mount, int target);
    Result<void> attach_by_name(const recipe::Mount& mount, int copy);
    Result<void> add_device(const recipe::Mount& mount);
    Result<void> add_link(const recipe::Mount& mount);
    Result<void> add_folder(const recipe::Mount& mount);
    Result<void> add_file(const recipe::Mount& mount);
    Result<void> add_socket(const recipe::Mount& mount);
    Result<int> place_of(const recipe::Mount& mount);
    Result<void> add_mask(const recipe::Mount& mount);
    bool is_missing_at_once(std::string_view target);
    Result<void> add_read_only(const recipe::Mount& mount);
    Result<void> add_cover(const recipe::Mount& mount);
    Result<void> prepare_late(const recipe::Mount& mount);

    Result<int> clone_source(const recipe::Mount& mount) const;
    /// The folder or file to mount on, as a descriptor.
    Result<int> target_of(const recipe::Mount& mount, bool is_folder);
    /// The folder that holds the last component of `mount.target`, which must be ours.
    Result<int> own_parent(const recipe::Mount& mount);

    const recipe::Context& recipe_;
    const Parts& parts_;
    /// Parallel to recipe.mounts; -1 for what has no source.
    std::vector<int> sources_;
    std::vector<std::pair<std::string, int>> folders_;
    std::vector<int> to_close_;
    int entered_ = -1;
    int socket_ = -1;
    std::vector<std::string> places_;
    /// What the folders right below the root hold that much is looked for in.
    std::vector<std::pair<std::string, Names>> known_;
};

} // namespace stead::context
