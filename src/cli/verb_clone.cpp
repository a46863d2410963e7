#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/asking.h"
#include "cli/guest_file_text.h"
#include "cli/guest_source.h"
#include "cli/guest_verbs.h"
#include "cli/image_words.h"
#include "cli/jail_text.h"
#include "cli/options.h"
#include "cli/short_text.h"
#include "guests/disk.h"
#include "guests/store.h"
#include "unitfile/reader.h"

namespace stead::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnDropIn = "50-clone.toml";
constexpr const char* kEnabledDropIn = "99-enabled.toml";

std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// What the new guest has of its own, as a drop-in; empty if nothing. A word that is no setting
/// comes back in `wrong`.
std::string settings_text(const std::vector<std::string>& settings, std::string& wrong) {
    std::string text;
    for (const std::string& setting : settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0)
            wrong = setting;
        else
            text += setting.substr(0, equals) + " = " + as_value(setting.substr(equals + 1)) + "\n";
    }
    return text;
}

/// Drop-ins come before the file: without it they are nobody's.
bool copy_drop_ins(const std::string& from,
                   const std::string& to,
                   const std::string& own,
                   std::error_code& failed) {
    fs::remove_all(to, failed); // of a clone that was killed
    if (fs::is_directory(from))
        fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, failed);
    if (failed) return false;
    fs::remove(to + "/" + kEnabledDropIn, failed);
    if (own.empty()) return !failed;
    fs::create_directories(to, failed);
    std::ofstream(to + "/" + kOwnDropIn) << own;
    return !failed && fs::file_size(to + "/" + kOwnDropIn, failed) == own.size() && !failed;
}

/// An id, addresses and ports that two guests cannot both have.
void remark_shared(Asking& asking, const std::string& from, const std::string& file) {
    unitfile::Diagnostics ignored;
    const auto spec = unitfile::load_guest(file, ignored);
    if (spec && spec->machine_id.given() && !spec->machine_id.value.empty())
        asking.console().hint("its machine-id is that of '" + from +
                              "', which no two machines may "
                              "share; 'stead edit' changes it");
    if (!spec || (spec->addresses.empty() && spec->ports.empty())) return;
    asking.console().hint("its network.addresses or network.ports are those of '" + from +
                          "': the two cannot run at once; 'stead edit' changes them");
}

int explain(Asking& asking, const std::string& from, const std::string& to, const Error& error) {
    if (error.code == EBUSY) {
        const std::string name = error.subject() == to ? to : from;
        return asking.fail(kCouldNot, "guest '" + name + "' runs, or is being started",
                           "'stead stop " + name + "' stops it");
    }
    return asking.fail(kCouldNot, to + ": " + std::string(describe(error).view()),
                       error.code == ENOSPC ? "nothing is kept of it; make room first" : "");
}

struct CloneWords {
    std::string from;
    std::string to;
    std::vector<std::string> settings;
};

std::optional<int> check_names(Asking& asking, const CloneWords& words) {
    const guests::Paths& paths = asking.place().paths();
    if (!guests::is_configured(paths, words.from)) {
        asking.no_such("guest", words.from, guests::configured(paths));
        return asking.code();
    }
    if (!guests::valid_name(words.to) || words.from == words.to)
        return asking.fail(kAskedWrongly, "'" + safe(words.to) + "' is no name for a new guest",
                           "letters, digits, '.', '_' and '-', 63 at most");
    if (guests::is_configured(paths, words.to))
        return asking.fail(kCouldNot, "there is a guest '" + words.to + "' already");
    return std::nullopt;
}

/// The clone's disk is there; now its files, the guest file last.
int write_files(Context& context, Asking& asking, const CloneWords& words, const std::string& own) {
    const guests::Paths& paths = asking.place().paths();
    const std::string file = paths.guest_file(words.to);
    const auto give_up = [&] {
        std::error_code ignored;
        fs::remove_all(file + ".d", ignored);
        (void)guests::delete_guest(paths, words.to);
    };
    std::error_code failed;
    if (!copy_drop_ins(paths.guest_file(words.from) + ".d", file + ".d", own, failed)) {
        give_up();
        return asking.fail(kCouldNot, file + ".d: " + failed.message());
    }
    const std::string text = read_text(paths.guest_file(words.from));
    if (!check_guest_text(context, paths, file, text)) {
        give_up();
        return kAskedWrongly;
    }
    const auto written = guests::write_guest_file(paths, words.to, text, true);
    if (!written) return explain(asking, words.from, words.to, written.error());
    if (own.find("network.") == std::string::npos) remark_shared(asking, words.from, file);
    context.console.remark(file + "; 'stead start " + words.to + "' starts it");
    return kDone;
}

} // namespace

int verb_clone(Context& context, Arguments arguments) {
    CloneWords words;
    Options options(context, "clone");
    options.positional("NAME", words.from, "a guest, running or not");
    options.positional("NEW", words.to, "the new guest");
    options.positionals("KEY=VALUE", words.settings, "what the new one has of its own");
    options.footer("A guest on an image brings its changes along; snapshots stay behind.");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    std::string wrong;
    const std::string own = settings_text(words.settings, wrong);
    if (!wrong.empty()) return asking.fail(kAskedWrongly, "'" + safe(wrong) + "' is no KEY=VALUE");
    if (const auto code = check_names(asking, words)) return *code;

    if (guests::has_disk(asking.place().paths(), words.from) && !may_change_disks(context))
        return kCouldNot;
    ProgressLine progress(context.console, words.to);
    std::uint64_t told = 0;
    const auto show = [&](std::uint64_t bytes) {
        if (bytes >> 22U == told) return;
        told = bytes >> 22U;
        progress.show(size_words(static_cast<std::int64_t>(bytes)) + " copied");
    };
    const auto cloned = guests::clone_disk(asking.place().paths(), words.from, words.to, show);
    progress.clear();
    if (!cloned) return explain(asking, words.from, words.to, cloned.error());
    return write_files(context, asking, words, own);
}

} // namespace stead::cli
