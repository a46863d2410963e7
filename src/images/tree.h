#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"

/// File trees below a descriptor: what every part of this folder walks, copies and removes. No
/// symbolic link is ever followed.
namespace stead::images {

/// The deepest tree that is walked or copied; each level costs a descriptor.
inline constexpr std::size_t kMaxWalk = 600;

/// The names in an open folder (O_RDONLY), sorted, without "." and "..".
Result<std::vector<std::string>> names_in(int folder);

/// One step of a walk; the folder that holds it is open.
struct Step {
    int folder = -1;
    const std::string& name;
    /// Below the top: "usr/bin".
    const std::string& path;
    const struct stat& status;
};

/// What a walk does after a step.
enum class Way : std::uint8_t { On, PassOver };

/// Visits everything below `folder` in the order of names, a folder before what it holds. `visit`
/// may pass over what a folder holds. ELOOP if it is deeper than kMaxWalk.
using Visit = FunctionRef<Result<Way>(const Step& step)>;
Result<void> walk(int folder, Visit visit);

/// Removes everything below `folder`, however deep it is.
Result<void> empty_folder(int folder);
/// Removes `name` below `folder` with all that it holds. Nothing there is fine.
Result<void> remove_tree(int folder, const char* name);

struct CopyOptions {
    /// Device nodes are left out (counted in `left_out`), and overlayfs' own attributes.
    bool plain = false;
};

struct Copied {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t left_out = 0;
};

/// Copies what `from` holds, and its own owner, mode and attributes, into the empty folder `to`:
/// owners, modes, times, attributes, hard links and holes stay; content is shared where the file
/// system can. `progress` hears of the bytes so far.
Result<Copied> copy_tree(int from,
                         int to,
                         const CopyOptions& options,
                         FunctionRef<void(std::uint64_t bytes)> progress);

/// More open descriptors for this process, as many as it may have: a deep tree needs them.
void allow_many_descriptors();

} // namespace stead::images
