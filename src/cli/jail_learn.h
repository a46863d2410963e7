#pragma once

#include <string>

#include "cli/jail_text.h"
#include "cli/verbs.h"
#include "unitfile/reader.h"

/// `stead jail --learn`: runs the program in a jail as wide as the caller may give it, watches its
/// system calls, and writes the file of the narrowest jail in which it works.
namespace stead::cli {

struct LearnWishes {
    bool learn = false;
    /// Where the file goes; empty: standard output.
    std::string file;
    /// As written; empty: until the program ends.
    std::string time;

    [[nodiscard]] bool asked() const { return learn || !file.empty() || !time.empty(); }
};

/// The exit code: the program's own, or 0 where it was ended on request.
int learn_jail(Context& context, const JailOptions& jail, const LearnWishes& wishes, bool print);

/// Starts the jail and becomes its keeper: returns only with the code of a start that failed, which
/// has been explained.
int launch_jail(Context& context, unitfile::GuestSpec& guest, unitfile::Diagnostics& diagnostics);

} // namespace stead::cli
