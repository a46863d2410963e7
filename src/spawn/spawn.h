#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "model/exec.h"
#include "model/state.h"

/// The child between clone and exec. Everything it needs is ready before the clone; it decides
/// nothing, allocates nothing and never returns: each step is one function, and the first that
/// fails is reported as {stage, errno} up a close-on-exec pipe before the child ends itself.
namespace stead::spawn {

/// What travels up the report pipe. A child writes one with stage Exec and error 0 just before
/// execve; end of file after that record means that the program runs. End of file without any
/// record means that the child was killed before. A record with an error is the last one.
struct Report {
    SpawnStage stage = SpawnStage::None;
    std::array<std::uint8_t, 3> reserved{};
    std::int32_t error = 0;
};

static_assert(sizeof(Report) == 8);

/// Where one of the standard descriptors comes from.
struct Stream {
    enum class Kind : std::uint8_t {
        Null,
        /// `fd` of PID 1.
        Descriptor,
        /// Appended to `path`, which is made when it is missing.
        File,
        /// Standard error only: the same description as standard output.
        Output
    };
    Kind kind = Kind::Null;
    int fd = -1;
    const char* path = nullptr;
};

enum class Session : std::uint8_t {
    /// setsid(2).
    Own,
    /// A process group of its own, in the foreground of the terminal on standard input.
    ForegroundGroup
};

/// Everything one child needs. Pointers lead into memory that the child inherits by copy.
/// What a child has from PID 1 and a program would keep. Asking the kernel bit by bit costs a
/// hundred calls for each child, so whoever knows says so.
struct Inherited {
    bool known = false;
    /// Bit N - 1 is signal N, as in SigIgn of proc(5): ignored signals survive an execution.
    std::uint64_t ignored_signals = 0;
    std::uint64_t bounding_set = 0;
};

inline constexpr std::size_t kMaxListened = 96;

struct Child {
    char* const* argv = nullptr;
    char* const* environment = nullptr;
    /// Folders that argv[0] without a slash is looked for in, as PATH spells them.
    const char* search_path = nullptr;
    /// >= 0: this file is executed (execveat), argv[0] is only its name.
    int program = -1;

    /// Write end of the report pipe.
    int report = -1;
    /// >= 0: folder of the cgroup that the child still has to enter itself.
    int cgroup = -1;

    std::array<Stream, 3> streams{};
    /// One more descriptor and the number it gets; -1: none.
    int extra = -1;
    int extra_number = -1;
    /// What the program listens on, as descriptors 3 and following; at most kMaxListened.
    std::span<const int> listened;

    Session session = Session::Own;
    /// Standard input is a terminal that becomes the controlling one.
    bool controlling_terminal = false;
    /// All three streams are `exec.terminal`, which becomes the controlling one.
    bool own_terminal = false;

    Inherited inherited;
    /// User, groups, umask, limits, capabilities.
    ExecView exec;
    std::span<const DirectoryView> directories;
    /// Where `exec.credentials` go: a folder that only the unit's user may enter, made anew; null:
    /// nowhere.
    const char* credentials = nullptr;
    /// False: user, groups and capabilities stay PID 1's own.
    bool change_identity = true;
    /// Bounding set, ambient set and securebits follow `exec`; else they stay as they are.
    bool change_capabilities = true;
    /// What cannot be applied is an error, not merely left out.
    bool strict = true;
    /// Filters to load as the last step, in this order; empty ones are skipped.
    std::array<FilterView, 2> filters{};
    /// What PID 1 raised for itself and children get back: RLIMIT_NOFILE.
    ResourceLimit open_files;
    bool restore_open_files = false;
    /// The Landlock rules while they are being made; -1: none.
    int ruleset = -1;
    /// Where to write the child's own pid in decimal, ended by NUL (room for 11 bytes): the tails
    /// of WATCHDOG_PID= and LISTEN_PID= in `environment`.
    std::array<char*, 2> own_pid{};
};

/// Becomes the program, or reports why not and ends. To be called in a freshly cloned child of a
/// process with one thread; `child` is its own copy, and changed.
[[noreturn]] void become(Child& child);

} // namespace stead::spawn
