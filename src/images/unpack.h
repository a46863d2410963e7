#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>

#include "images/archive.h"
#include "images/confine.h"
#include "images/report.h"
#include "sys/unique_fd.h"

namespace stead::images {

/// Makes the files of one or several layers below a folder. Every path is resolved by the kernel
/// below that folder and without a symbolic link of the same layer; links of lower layers are
/// followed as the guest itself would follow them. Device nodes are left out (a guest has its own),
/// as are attributes that only the host's kernel may set.
class Unpacker {
public:
    struct Options {
        /// Names of an OCI layer: ".wh.NAME" removes. Elsewhere they are refused.
        bool whiteouts = false;
        /// Files of ids that no guest has become root's instead of being refused.
        bool squash = false;
    };

    /// `root` is an open folder.
    Unpacker(int root, const Options& options, Report& report, Progress progress);

    /// Everything of one archive, over what is there.
    bool unpack(ArchiveReader& archive);

    /// What was left out, in words, into the report; once, at the end.
    void note_left_out();

    [[nodiscard]] std::uint64_t files() const { return files_; }

private:
    struct Place {
        int folder = -1;
        std::string name;
    };

    bool add(ArchiveReader& archive, Entry& entry);
    bool add_whiteout(const std::string& path, bool opaque);
    bool clear_lower(int folder, const std::string& path);
    bool remove_lower(int folder, const std::string& name, const std::string& path);
    /// The folder that holds `path`, made if need be; good until the next call.
    bool find_place(const std::string& path, Place& place);
    int open_parent(const std::string& folder);
    void remember(const std::string& path);
    [[nodiscard]] bool through_own_link(const std::string& path) const;
    bool make_way(const Place& place, bool is_folder);

    bool add_file(ArchiveReader& archive, const Entry& entry, const Place& place);
    bool add_folder(const Entry& entry, const Place& place);
    bool add_link(const Entry& entry, const Place& place);
    bool add_hard_link(const Entry& entry, const Place& place);
    bool add_fifo(const Entry& entry, const Place& place);
    bool set_own(const Entry& entry, int fd);
    bool set_attributes(const Entry& entry, int fd);
    bool check_owner(Entry& entry);
    bool fail(const Error& error);
    bool fail(std::string_view text, std::string hint = {});

    int root_;
    Options options_;
    Report& report_;
    Progress progress_;
    std::uint64_t told_ = 0;
    std::uint64_t layer_ = 0;
    std::uint64_t files_ = 0;
    /// "web.tar, entry 3 'etc/passwd'", for messages.
    std::string at_;
    /// The parent of the last entry.
    std::string parent_path_;
    sys::UniqueFd parent_;
    /// What this layer has made, from the second layer on, and which of it are links.
    std::unordered_set<std::string> made_;
    std::unordered_set<std::string> links_;

    std::uint64_t devices_ = 0;
    std::uint64_t attributes_ = 0;
    std::uint64_t acls_ = 0;
    std::uint64_t squashed_ = 0;
    std::uint64_t others_ = 0;
};

} // namespace stead::images
