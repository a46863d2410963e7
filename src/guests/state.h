#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"
#include "sys/unique_fd.h"

/// A guest's folder under /run/stead/guests: who holds it, what is written in it. For this folder's
/// own use.
namespace stead::guests {

/// The folder of one guest with its lock held: nobody else starts or clears that guest meanwhile.
struct Claim {
    std::string path;
    sys::UniqueFd folder;
    sys::UniqueFd lock;
    /// The folder was not there before.
    bool is_new = false;
};

/// Makes the folder (0700) if need be and takes its lock; EBUSY if somebody keeps holding it.
Result<Claim> claim(const Paths& paths, std::string_view name);
/// The folder of a guest if there is one, with the lock; ENOENT, EBUSY. A process that inherited
/// the lock's descriptor from the keeper has it already.
Result<Claim> claim_existing(const Paths& paths, std::string_view name);

/// The folders below /run/stead/guests, in order.
Result<std::vector<std::string>> names_of_guests(const Paths& paths);

/// Makes `path` and its parents, 0755 where they are new.
Result<void> make_folders(const std::string& path);

/// A file's whole content, `limit` bytes at most: EFBIG if there is more, EINVAL if it is no
/// regular file.
Result<std::string> read_open_file(int fd, const char* name, std::size_t limit);
Result<std::string> read_file(int folder, const char* name, std::size_t limit);
/// Replaces a file by writing a new one beside it and renaming that: a reader sees the old or the
/// new content, never half of one.
Result<void> replace_file(int folder, const char* name, std::string_view content, mode_t mode);

Result<void> write_record(const Claim& claim, const Record& record);
/// Nothing if there is no record, or none that can be understood.
std::optional<Record> read_record(int folder);

/// Reads start time and namespace of `pid` into `record`.
Result<void> identify(pid_t pid, Record& record);
/// The process of `record` if exactly that one still runs (and is no zombie).
std::optional<sys::Process> verify(const Record& record);

} // namespace stead::guests
