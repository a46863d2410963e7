#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "cli/asking.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/options.h"
#include "guests/store.h"
#include "sys/clone.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "unitfile/reader.h"

/// edit: a guest's file in an editor, checked before it is saved.
namespace stead::cli {

namespace {

std::string editor() {
    for (const char* variable : {"VISUAL", "EDITOR"}) {
        // One thread, and nobody changes the environment.
        const char* value = std::getenv(variable); // NOLINT(concurrency-mt-unsafe)
        if (value != nullptr && *value != '\0') return value;
    }
    return "vi";
}

/// The editor may be a command line ("code --wait"): a shell splits it, the file stays one word.
bool run_editor(Console& console, const std::string& file) {
    const std::string script = editor() + " \"$1\"";
    (void)console.flush();
    auto child = sys::clone_process(-1);
    if (!child) {
        console.error(describe(child.error()).view());
        return false;
    }
    if (child->pid == 0) {
        (void)sys::set_default_action(SIGPIPE);
        ::execl("/bin/sh", "sh", "-c", script.c_str(), "sh", file.c_str(), nullptr);
        ::_exit(127);
    }
    const sys::Process process{std::move(child->pidfd), child->pid};
    (void)sys::is_readable(process.pidfd.get(), -1);
    const auto status = sys::try_reap(process);
    if (status && *status && (*status)->success()) return true;
    console.error("the editor '" + safe(editor()) + "' failed");
    console.hint("EDITOR names another one");
    return false;
}

bool wants_again(Console& console) {
    if (::isatty(STDIN_FILENO) != 1) return false;
    console.hint("edit it again? [Y/n]");
    const int answer = std::getchar();
    for (int rest = answer; rest != '\n' && rest != EOF;)
        rest = std::getchar();
    return answer != 'n' && answer != 'N' && answer != EOF;
}

/// A copy of the file beside it, gone at the end unless it is kept.
class Draft {
public:
    static std::optional<Draft> make(Console& console,
                                     const std::string& folder,
                                     const std::string& name,
                                     std::string_view text) {
        std::string path = folder + "/." + name + ".XXXXXX.toml";
        constexpr int kSuffix = 5;
        const sys::UniqueFd file(::mkostemps(path.data(), kSuffix, O_CLOEXEC));
        const auto written =
            file ? sys::write_full(file.get(), text) : Result<void>(last_error("write", folder));
        if (written) return Draft(std::move(path));
        if (file) ::unlink(path.c_str());
        console.error(describe(written.error()).view());
        return std::nullopt;
    }

    Draft(Draft&& other) noexcept
        : path_(std::exchange(other.path_, {})) {}

    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    Draft& operator=(Draft&&) = delete;

    ~Draft() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    std::string keep() { return std::exchange(path_, {}); }

private:
    explicit Draft(std::string path)
        : path_(std::move(path)) {}

    std::string path_;
};

int save(Console& console,
         const guests::Paths& paths,
         const std::string& name,
         const std::string& before,
         const std::string& text,
         Draft& draft) {
    unitfile::Diagnostics ignored;
    const auto now = unitfile::load_text(paths.guest_file(name), ignored);
    if (!now || *now != before) {
        console.error("the file of '" + name + "' has changed meanwhile; yours is not saved");
        console.hint("it is kept as " + draft.keep());
        return kCouldNot;
    }
    const auto written = guests::write_guest_file(paths, name, text, false);
    if (written) return kDone;
    console.error(describe(written.error()).view());
    console.hint("your text is kept as " + draft.keep());
    return kCouldNot;
}

} // namespace

int verb_edit(Context& context, Arguments arguments) {
    std::string name;
    Options options(context, "edit");
    options.positional("NAME", name, "the guest");
    options.footer("VISUAL or EDITOR names the editor. A file with mistakes is not saved.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const guests::Paths& paths = asking.place().paths();
    Console& console = context.console;
    if (!guests::is_configured(paths, name)) {
        asking.no_such("guest", name, guests::configured(paths));
        return asking.code();
    }
    const std::string file = paths.guest_file(name);
    unitfile::Diagnostics diagnostics;
    const auto before = unitfile::load_text(file, diagnostics);
    if (!before) return asking.fail(kCouldNot, unitfile::render(diagnostics));
    auto draft = Draft::make(console, paths.config + "/guests", name, *before);
    if (!draft) return kCouldNot;
    while (true) {
        if (!run_editor(console, draft->path())) return kCouldNot;
        unitfile::Diagnostics unreadable;
        const auto text = unitfile::load_text(draft->path(), unreadable);
        if (text && *text == *before) {
            console.remark("nothing was changed");
            return kDone;
        }
        if (text && check_guest_text(context, paths, file, *text))
            return save(console, paths, name, *before, *text, *draft);
        if (!text) console.error(unitfile::render(unreadable));
        if (wants_again(console)) continue;
        console.error("'" + name + "' is as it was");
        console.hint("your text is kept as " + draft->keep());
        return kAskedWrongly;
    }
}

} // namespace stead::cli
