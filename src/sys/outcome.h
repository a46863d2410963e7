#pragma once

#include <cstddef>

#include "base/result.h"
#include "sys/unique_fd.h"

/// What a system call answered, as a Result; for this folder's own files. Below zero it is the
/// Error of `operation` (and `subject`) that errno tells. Here once, because every call's own test
/// and two returns would be a part of PID 1 that one sees in its size.
namespace stead::sys::detail {

Result<void> done(long answer, const char* operation);
Result<void> done(long answer, const char* operation, const char* subject);
/// A number of bytes.
Result<std::size_t> counted(long answer, const char* operation);
/// A descriptor that nobody owns yet.
Result<UniqueFd> owned(int answer, const char* operation, const char* subject = "");

} // namespace stead::sys::detail
