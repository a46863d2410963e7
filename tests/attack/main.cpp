// attack [--list] [--jail] [GROUP|NAME ...]: tries every operation of the probes, one
// process each, and prints a line for each: forbidden or needed, its name, what came of it. Exit
// code 0: nothing forbidden was allowed and nothing needed was refused; 1: something was; 2: usage.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "attack/probe.h"

namespace stead::attack {

namespace {

struct Told {
    Outcome::Kind kind = Outcome::kAbsent;
    int error = 0;
    char note[120] = "it was killed";
};

struct Settings {
    bool list = false;
    bool jail = false;
    std::vector<std::string> names;
};

struct Counts {
    int forbidden = 0;
    int allowed = 0;
    int needed = 0;
    int broken = 0;
    int absent = 0;
};

std::string& scratch_path() {
    static std::string path;
    return path;
}

bool make_scratch() {
    for (const char* base : {"/tmp", "/dev/shm", "/run", "/var/tmp", "."}) {
        char path[64];
        (void)std::snprintf(path, sizeof path, "%s/attack-%d", base, ::getpid());
        if (::mkdir(path, 0755) == 0) {
            scratch_path() = path;
            return true;
        }
    }
    return false;
}

/// The child's side of one probe: never returns.
[[noreturn]] void try_probe(const Probe& probe, int answer) {
    ::alarm(5);
    // A probe that sends signals to its group reaches only itself.
    ::setsid();
    // What it mounts and unmounts, where it may, is none of the next one's affair.
    if (::unshare(CLONE_NEWNS) == 0)
        (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    Told told;
    if (make_scratch()) {
        const Outcome outcome = probe.run();
        told.kind = outcome.kind;
        told.error = outcome.error;
        (void)std::snprintf(told.note, sizeof told.note, "%s", outcome.note);
    } else {
        (void)std::snprintf(told.note, sizeof told.note, "no folder can be written");
    }
    const ssize_t sent = ::write(answer, &told, sizeof told);
    ::_exit(sent == static_cast<ssize_t>(sizeof told) ? 0 : 1);
}

Told run(const Probe& probe) {
    Told told;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return told;
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[0]);
        // Where the leak probe looks, nothing of ours may be open: the answer goes to a far number.
        const int answer = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 900);
        ::close(ends[1]);
        try_probe(probe, answer);
    }
    ::close(ends[1]);
    Told received;
    // Whatever a probe leaves running may hold the pipe: one read of one whole answer is enough.
    if (pid > 0 && ::read(ends[0], &received, sizeof received) == sizeof received) told = received;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    for (const char* base : {"/tmp", "/dev/shm", "/run", "/var/tmp", "."}) {
        std::error_code ignored;
        std::filesystem::remove_all(std::string(base) + "/attack-" + std::to_string(pid), ignored);
    }
    return told;
}

bool is_selected(const Settings& settings, const Probe& probe) {
    if (settings.jail && probe.want == Want::Needed) return false;
    if (settings.names.empty()) return true;
    for (const std::string& name : settings.names) {
        if (name == probe.name) return true;
        if (std::string(probe.name).starts_with(name + ".")) return true;
    }
    return false;
}

void report(const Probe& probe, const Told& told, Counts& counts) {
    const bool forbidden = probe.want == Want::Forbidden;
    const char* word = "absent";
    if (told.kind == Outcome::kAbsent) {
        ++counts.absent;
    } else {
        const bool happened = told.kind == Outcome::kDone;
        ++(forbidden ? counts.forbidden : counts.needed);
        if (forbidden && happened) ++counts.allowed;
        if (!forbidden && !happened) ++counts.broken;
        if (forbidden)
            word = happened ? "ALLOWED" : "refused";
        else
            word = happened ? "works" : "BROKEN";
    }
    std::printf("%s %s %s%s%s%s%s\n", forbidden ? "forbidden" : "needed", probe.name, word,
                told.error != 0 ? " " : "", told.error != 0 ? strerrorname_np(told.error) : "",
                told.note[0] != '\0' ? " " : "", told.note);
    std::fflush(stdout);
}

int attack(const Settings& settings) {
    Counts counts;
    for (const auto probes :
         {device_probes(), file_tree_probes(), kernel_file_probes(), namespace_probes(),
          mount_probes(), socket_probes(), privilege_probes(), process_probes(), host_probes(),
          needed_file_probes(), needed_ipc_probes(), needed_process_probes(),
          needed_root_probes()}) {
        for (const Probe& probe : probes) {
            if (!is_selected(settings, probe)) continue;
            if (settings.list) {
                std::printf("%s %s\n", probe.want == Want::Forbidden ? "forbidden" : "needed",
                            probe.name);
            } else {
                report(probe, run(probe), counts);
            }
        }
    }
    if (settings.list) return 0;
    std::printf("%d of %d forbidden operations allowed, %d of %d needed ones broken, %d absent\n",
                counts.allowed, counts.forbidden, counts.broken, counts.needed, counts.absent);
    return counts.allowed == 0 && counts.broken == 0 ? 0 : 1;
}

} // namespace

const std::string& scratch() {
    return scratch_path();
}

int scratch_file(const char* name, int mode) {
    return ::open((scratch() + "/" + name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

int in_child(int (*body)()) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(body());
    int status = 0;
    if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

} // namespace stead::attack

int main(int argc, char** argv) {
    // The probe of set-uid programs executes a copy of this one.
    if (argc == 2 && std::strcmp(argv[1], "--effective-user") == 0) return ::geteuid() == 0 ? 0 : 3;
    stead::attack::Settings settings;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--list") == 0) {
            settings.list = true;
        } else if (std::strcmp(argv[i], "--jail") == 0) {
            settings.jail = true;
        } else if (argv[i][0] == '-') {
            std::fprintf(stderr, "attack: no option %s\n", argv[i]);
            return 2;
        } else {
            settings.names.emplace_back(argv[i]);
        }
    }
    return stead::attack::attack(settings);
}
