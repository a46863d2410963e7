#include "cli/learned_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

namespace stead::cli {

LearnedFile::~LearnedFile() {
    // It is ours, and of no use.
    if (!beside_.empty()) (void)sys::remove_at(AT_FDCWD, beside_.c_str(), false);
}

Result<void> LearnedFile::open() {
    const auto status = sys::status_at(AT_FDCWD, file_.c_str(), AT_SYMLINK_NOFOLLOW);
    // A device, a pipe or a link is written through, never replaced.
    if (status && !S_ISREG(status->st_mode)) {
        made_ = TRY(sys::open_at(AT_FDCWD, file_.c_str(), O_WRONLY | O_CREAT | O_NOCTTY, 0644));
        return {};
    }
    const std::string name = file_ + ".new-" + std::to_string(::getpid());
    made_ = TRY(sys::open_at(AT_FDCWD, name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644));
    beside_ = name;
    if (status) TRY(sys::set_mode(made_.get(), status->st_mode & 0777U));
    return {};
}

Result<void> LearnedFile::write(std::string_view text) {
    // What a link leads to may be longer; devices and pipes have no length.
    if (beside_.empty()) (void)!::ftruncate(made_.get(), 0);
    TRY(sys::write_full(made_.get(), text));
    if (beside_.empty()) return {};
    TRY(sys::rename_at(AT_FDCWD, beside_.c_str(), file_.c_str()));
    beside_.clear();
    return {};
}

} // namespace stead::cli
