#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "init/arguments.h"
#include "init/cgroups.h"
#include "init/finish.h"
#include "init/loader.h"
#include "init/loop.h"
#include "init/memory.h"
#include "init/modes.h"
#include "init/notify.h"
#include "init/runtime_folder.h"
#include "init/say.h"
#include "init/setup.h"
#include "init/signals.h"
#include "sys/file.h"
#include "sys/signals.h"

namespace stead::init {

namespace {

constexpr int kFailed = 1;
constexpr std::array<const char*, 3> kSearchOrder = {"/etc/stead/units", "/usr/lib/stead/units",
                                                     "/run/stead/units"};

bool has_unit_folder() {
    return std::any_of(kSearchOrder.begin(), kSearchOrder.end(), [](const char* folder) {
        struct stat about {};
        return ::stat(folder, &about) == 0 && S_ISDIR(about.st_mode);
    });
}

/// `stead` beside our own program, else where it is installed.
sys::UniqueFd find_loader() {
    std::array<char, 1024> own{};
    const auto size = sys::read_link(AT_FDCWD, "/proc/self/exe", own);
    if (size && *size < own.size()) {
        const std::string_view path(own.data(), *size);
        FixedString<1100> beside(path.substr(0, path.rfind('/') + 1));
        auto fd = sys::open_at(AT_FDCWD, beside.append("stead").c_str(), O_PATH);
        if (fd) return std::move(*fd);
    }
    auto fd = sys::open_at(AT_FDCWD, "/usr/bin/stead", O_PATH);
    return fd ? std::move(*fd) : sys::UniqueFd();
}

Result<void> take_units(Supervisor& self, const Arguments& arguments) {
    if (arguments.plan != nullptr) {
        const auto fd = TRY(sys::open_at(AT_FDCWD, arguments.plan, O_RDONLY | O_NONBLOCK));
        return self.table.use_plan(TRY(read_plan(fd, false, self.unit_plan)));
    }
    if (arguments.directories.empty() && !has_unit_folder()) return {};
    const sys::UniqueFd loader = find_loader();
    if (!loader) {
        return make_error("folders of units need 'stead' beside stead-init or in /usr/bin; give a "
                          "plan made by 'stead compile DIR -o PLAN' instead",
                          {}, 0);
    }
    const plan::Plan plan =
        TRY(run_loader(self, {.program = loader.get(), .directories = arguments.directories}));
    return self.table.use_plan(plan);
}

Result<void> take_command(Supervisor& self, const Arguments& arguments) {
    if (arguments.command.empty()) return {};
    self.command_at = static_cast<std::uint32_t>(arguments.command.data() - self.argv);
    TRY(self.table.add_command(arguments.command,
                               static_cast<std::uint32_t>(self.stop_budget.ms())));
    self.forwards = true;
    return {};
}

/// A terminal on standard input goes to the command, so that job control works there and Ctrl-C
/// reaches it alone.
void hand_over_terminal(Supervisor& self) {
    if (self.table.command_unit() == kNoUnit || ::isatty(STDIN_FILENO) != 1) return;
    pid_t session = -1;
    const bool controls = ::ioctl(STDIN_FILENO, TIOCGSID, &session) == 0;
    if (!controls || session != ::getsid(0)) {
        // Nobody's terminal, or that of a session we cannot see.
        self.gives_terminal = !controls;
        return;
    }
    if (session != ::getpid()) {
        self.shares_session = true;
        return;
    }
    (void)::ioctl(STDIN_FILENO, TIOCNOTTY);
    self.gives_terminal = true;
    // Giving the terminal up sends HUP and CONT to the foreground group, which is ours. They are
    // about us, not for the command.
    std::array<sys::Received, 8> ignored;
    while (true) {
        const auto count = sys::read_signals(self.signals.get(), ignored);
        if (!count || *count == 0) return;
    }
}

Result<void> prepare_foreign(Supervisor& self, const Arguments& arguments) {
    TRY(open_loop(self));
    self.stop_budget = arguments.stop_timeout;
    if (!self.init_of_namespace && ::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        note(self, "not a subreaper: orphans of the services go to somebody else");
    raise_open_files(self);
    note_inherited(self);
    TRY(take_units(self, arguments));
    TRY(take_command(self, arguments));
    if (self.table.size() == 0) {
        return make_error("nothing to start: no command, and no unit in /etc/stead/units, "
                          "/usr/lib/stead/units, /run/stead/units or the folders given",
                          {}, 0);
    }
    find_cgroups(self);
    TRY(prepare_tables(self));
    open_runtime_folder(self);
    hand_over_terminal(self);
    // Who stands in a folder keeps its file system from being unmounted. A command of the
    // container's begins where the container does, though, each time that it is started.
    if (!self.forwards) (void)!::chdir("/");
    return {};
}

} // namespace

int run_foreign(int argc, char** argv, char** environment) {
    Arguments arguments;
    if (const auto code = read_arguments(argc, argv, environment, arguments)) return *code;

    // What the runtime left open is not for services; standard descriptors were seen to before.
    (void)::syscall(SYS_close_range, 3U, ~0U, 0U);
    const auto made = make_supervisor(argv, environment);
    if (!made) {
        say_raw(describe(made.error()).view());
        return kFailed;
    }
    Supervisor& self = **made;
    const auto prepared = prepare_foreign(self, arguments);
    if (self.ended) return finish(self);
    if (!prepared) {
        say_raw(describe(prepared.error()).view());
        leave_cgroups(self);
        return kFailed;
    }
    run_loop(self);
    return finish(self);
}

} // namespace stead::init
