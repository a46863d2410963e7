#include "images/confine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/sanitized.h"
#include "sys/file.h"
#include "sys/namespaces.h"
#include "sys/privileges.h"
#include "sys/setup.h"
#include "sys/tree.h"
#include "sys/unix_socket.h"

namespace stead::images {

namespace {

/// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP.
constexpr std::uint64_t kCapabilities =
    1U << 0U | 1U << 1U | 1U << 3U | 1U << 4U | std::uint64_t{1} << 31U;
/// The largest window of zstd, and a manifest in the making.
constexpr rlim_t kMemory = space_limit(std::uint64_t{3} << 30U);
constexpr std::size_t kMaxMessage = std::size_t{1} << 20U;
constexpr std::size_t kMaxMessages = 10000;

/// What travels up the pipe: a letter, a length, bytes.
enum class Word : char {
    Failed = 'F',
    Hint = 'H',
    Note = 'N',
    Progress = 'P',
    Answer = 'A',
    Done = 'D'
};

struct Head {
    char word = 0;
    std::uint32_t size = 0;
};

void say(int pipe, Word word, const std::string& text) {
    Head head{static_cast<char>(word),
              static_cast<std::uint32_t>(std::min(text.size(), kMaxMessage))};
    std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
    bytes.append(text, 0, head.size);
    (void)sys::write_full(pipe, bytes); // Without a reader there is nobody to tell.
}

Result<void> give_up_rights() {
    TRY(sys::drop_groups());
    for (int capability = 0; capability < 64; ++capability) {
        if ((kCapabilities >> static_cast<unsigned>(capability) & 1U) != 0) continue;
        // EINVAL: beyond the last one that this kernel knows.
        const auto dropped = sys::drop_from_bounding_set(capability);
        if (!dropped && dropped.error().code != EINVAL) return dropped;
    }
    const auto held = TRY(sys::capabilities());
    const std::uint64_t kept = held.permitted & kCapabilities;
    TRY(sys::clear_ambient());
    TRY(sys::set_capabilities({kept, kept, 0}));
    TRY(sys::process_control(PR_SET_NO_NEW_PRIVS, 1));
    return {};
}

Result<void> shut_in(const std::string& folder) {
    ::umask(0);
    const rlimit memory{kMemory, kMemory};
    const rlimit core{0, 0};
    if (::setrlimit(RLIMIT_AS, &memory) < 0) return last_error("setrlimit");
    if (::setrlimit(RLIMIT_CORE, &core) < 0) return last_error("setrlimit");
    // Names of pax archives are UTF-8, and libarchive makes them the locale's. The locale comes
    // from a file of the host, so it is set before that is out of reach; without it, names that are
    // no ASCII are refused.
    (void)std::setlocale(LC_CTYPE, "C.UTF-8"); // NOLINT(concurrency-mt-unsafe): one thread
    TRY(sys::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC));
    TRY(sys::change_root(folder.c_str()));
    return give_up_rights();
}

[[noreturn]] void
be_child(int pipe,
         pid_t parent,
         const std::string& folder,
         FunctionRef<bool(Report& report, Progress progress, std::string& answer)> work) {
    Report report;
    std::string answer;
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1); // It was faster.
    const auto confined = shut_in(folder);
    if (!confined) {
        (void)report.fail("confining the reader of archives", confined.error());
    } else {
        const auto pass_on = [pipe](const std::string& line) { say(pipe, Word::Progress, line); };
        const bool done = work(report, pass_on, answer);
        if (!done && !report.failed()) (void)report.fail("no reason given");
    }
    for (const std::string& note : report.notes())
        say(pipe, Word::Note, note);
    if (report.failed()) {
        say(pipe, Word::Failed, report.text());
        say(pipe, Word::Hint, report.hint());
    } else {
        say(pipe, Word::Answer, answer);
        say(pipe, Word::Done, {});
    }
    ::_exit(0);
}

/// The child's words until its end; whether it said that it was done.
bool listen_to(int pipe, Report& report, Progress progress, std::string& answer) {
    std::string failure;
    std::string hint;
    bool failed = false;
    bool done = false;
    for (std::size_t count = 0; count < kMaxMessages; ++count) {
        Head head;
        const auto got = sys::read_full(pipe, std::as_writable_bytes(std::span(&head, 1)));
        if (!got || *got != sizeof head || head.size > kMaxMessage) break;
        std::string text(head.size, '\0');
        const auto rest = sys::read_full(pipe, std::as_writable_bytes(std::span(text)));
        if (!rest || *rest != text.size()) break;
        switch (static_cast<Word>(head.word)) {
        case Word::Failed:
            failed = true;
            failure = std::move(text);
            break;
        case Word::Hint:
            hint = std::move(text);
            break;
        case Word::Note:
            report.note(std::move(text));
            break;
        case Word::Progress:
            --count;
            progress(text);
            break;
        case Word::Answer:
            answer = std::move(text);
            break;
        case Word::Done:
            done = true;
            break;
        }
    }
    if (failed) return report.fail(std::move(failure), std::move(hint));
    return done;
}

} // namespace

bool run_confined(const std::string& folder,
                  Report& report,
                  Progress progress,
                  std::string& answer,
                  FunctionRef<bool(Report& report, Progress progress, std::string& answer)> work) {
    auto pipe = sys::make_pipe();
    if (!pipe) return report.fail("", pipe.error());
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return report.fail("", last_error("fork"));
    if (child == 0) {
        pipe->read.reset();
        be_child(pipe->write.get(), parent, folder, work);
    }
    pipe->write.reset();
    const bool done = listen_to(pipe->read.get(), report, progress, answer);
    pipe->read.reset();
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (done || report.failed()) return done;
    const std::string how = WIFSIGNALED(status)
                                ? "was ended by signal " + std::to_string(WTERMSIG(status))
                                : "ended with code " + std::to_string(WEXITSTATUS(status));
    return report.fail("the reader of archives " + how,
                       "nothing is kept; out of memory, or a broken archive");
}

} // namespace stead::images
