#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/function_ref.h"
#include "base/result.h"
#include "sys/unique_fd.h"

namespace stead::images {

/// A file to fill: `source` and `target` are open, `target` is new and empty.
struct Content {
    sys::UniqueFd source;
    sys::UniqueFd target;
    std::uint64_t size = 0;
    /// For errors.
    std::string path;
};

/// Copies the contents of files on all processors, up to eight: whoever walks the tree goes on
/// meanwhile. What a file is besides its content is left to `finish`.
///
/// Content is shared where the file system can (FICLONE), else copied by the kernel
/// (copy_file_range(2)), else through memory; holes stay holes.
class Contents {
public:
    /// After a file's content, on the same thread. Called by several threads at once.
    using Finish = FunctionRef<Result<void>(const Content& content)>;
    /// The bytes so far. Called by one thread at a time.
    using Progress = FunctionRef<void(std::uint64_t bytes)>;

    /// Both callables must outlive this. `threads` 0: as many as this process has processors.
    Contents(Finish finish, Progress progress, std::size_t threads = 0);
    ~Contents();

    Contents(const Contents&) = delete;
    Contents& operator=(const Contents&) = delete;

    /// Hands `content` on; waits while much is still to be done. Fails as soon as one file before
    /// has failed: the name of that file's step, its path and code.
    Result<void> add(Content content);
    /// Waits for all that was added. The bytes copied, or what failed first.
    Result<std::uint64_t> wait();

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stead::images
