#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/words.h"
#include "spawn/steps.h"
#include "sys/signals.h"

namespace stead::spawn {

namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What execve's ENOENT means when the file itself is there: its interpreter or loader is missing.
int explain_missing(const char* path, int error) {
    if (error == ENOENT && ::access(path, F_OK) == 0) return ELIBACC;
    return error;
}

/// Tries argv[0] in one folder after the other. The kernel's answer for the first file that is
/// there but cannot be run counts more than that it is missing elsewhere.
int search(const Child& child) {
    const std::string_view name = child.argv[0];
    std::string_view folders = child.search_path != nullptr ? child.search_path : kDefaultPath;
    std::array<char, 4096> path{};
    int error = ENOENT;
    while (!folders.empty()) {
        const std::string_view folder = take_part(folders, ':');
        // An empty entry would mean the working directory, which is no place to find programs.
        if (folder.empty() || folder.size() + name.size() + 2 > path.size()) continue;
        char* end = std::copy(folder.begin(), folder.end(), path.data());
        *end++ = '/';
        end = std::copy(name.begin(), name.end(), end);
        *end = '\0';
        ::execve(path.data(), child.argv, child.environment);
        const int answer = explain_missing(path.data(), errno);
        if (answer == ENOENT || answer == ENOTDIR) continue;
        if (answer != EACCES) return answer;
        error = EACCES;
    }
    return error;
}

} // namespace

void change_directory(const Child& child) {
    ::umask(child.exec.umask);
    if (child.exec.working_directory.empty()) return;
    // Strings of a plan end in NUL.
    if (::chdir(child.exec.working_directory.data()) < 0) fail(child, SpawnStage::WorkingDirectory);
}

void reset_signals(const Child& child) {
    for (int signal = 1; signal <= sys::kLastSignal; ++signal) {
        // Handlers do not survive the execution anyway.
        const bool ignored = (child.inherited.ignored_signals & sys::signal_bit(signal)) != 0;
        if (child.inherited.known && !ignored) continue;
        // KILL and STOP refuse, and have nothing to reset.
        (void)sys::set_default_action(signal);
    }
    const auto unblocked = sys::set_signal_mask(0);
    if (!unblocked) fail(child, SpawnStage::Signals, unblocked.error().code);
}

void execute(const Child& child) {
    // The mark that tells an exec which worked from a child that died just before it.
    const Report mark{.stage = SpawnStage::Exec};
    (void)!::write(child.report, &mark, sizeof mark);

    if (child.program >= 0) {
        ::syscall(SYS_execveat, child.program, "", child.argv, child.environment, AT_EMPTY_PATH);
        fail(child, SpawnStage::Exec);
    }
    if (child.argv[0][0] == '\0') fail(child, SpawnStage::Exec, ENOENT);
    if (std::strchr(child.argv[0], '/') == nullptr) fail(child, SpawnStage::Exec, search(child));
    ::execve(child.argv[0], child.argv, child.environment);
    fail(child, SpawnStage::Exec, explain_missing(child.argv[0], errno));
}

} // namespace stead::spawn
