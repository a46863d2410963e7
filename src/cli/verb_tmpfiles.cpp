#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "cli/client_verbs.h"
#include "cli/distribution.h"
#include "cli/options.h"
#include "guests/accounts.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/setup.h"

/// tmpfiles: what tmpfiles.d(5) lists, in a guest whose distribution has no systemd-tmpfiles:
/// folders (d, D), empty or one-line files (f), links (L) and removals (r). Other kinds of line are
/// listed as left out.
namespace stead::cli {

namespace {

constexpr std::array<std::string_view, 4> kFolders{"/etc/tmpfiles.d", "/run/tmpfiles.d",
                                                   "/usr/lib/tmpfiles.d", "/lib/tmpfiles.d"};
constexpr std::size_t kMaxFiles = 1024;
/// Of a line: type, path, mode, user, group, age, argument.
constexpr std::size_t kFields = 7;

using Fields = std::array<std::string, kFields>;

Fields fields_of(std::string_view line) {
    Fields fields;
    for (std::size_t i = 0; i < kFields; ++i) {
        const auto start = line.find_first_not_of(" \t");
        if (start == std::string_view::npos) break;
        line.remove_prefix(start);
        // The argument is all the rest.
        const auto end =
            i + 1 == kFields ? line.size() : std::min(line.find_first_of(" \t"), line.size());
        fields[i] = line.substr(0, end);
        line.remove_prefix(end);
    }
    for (std::string& field : fields)
        if (field == "-") field.clear();
    return fields;
}

class Maker {
public:
    Maker(Console& console, sys::UniqueFd root, compile::UserDatabase accounts)
        : console_(console)
        , root_(std::move(root))
        , accounts_(std::move(accounts)) {}

    void take(const std::string& file, std::string_view line) {
        const Fields fields = fields_of(line);
        const std::string_view type = fields[0];
        where_ = file + ": " + std::string(line.substr(0, 120));
        const bool plain = fields[1].starts_with('/') && fields[1].find('%') == std::string::npos &&
                           fields[1].find("..") == std::string::npos;
        // X and x only keep things from an age, which nothing here has.
        if (type.empty() || type.front() == 'x' || type.front() == 'X') return;
        if (!plain) return tell("not understood: the path has to be plain");
        const bool known = type.find_first_not_of("dDfLr+!-=") == std::string_view::npos;
        const char kind = type.front();
        if (!known || std::string_view("dDfLr").find(kind) == std::string_view::npos)
            return tell("lines of this kind are not obeyed without systemd-tmpfiles");
        if (kind == 'd' || kind == 'D') return make_folder(fields);
        if (kind == 'f') return make_file(fields);
        if (kind == 'L') return make_link(fields, type.find('+') != std::string_view::npos);
        remove(fields[1]);
    }

    [[nodiscard]] bool failed() const { return failed_; }

private:
    void tell(std::string_view what) { console_.error(safe(where_) + ": " + std::string(what)); }

    void fail(const Error& error) {
        failed_ = true;
        tell(describe(error).view());
    }

    /// The folder that `path` lies in, as the guest's links lead; missing ones are made.
    std::optional<sys::UniqueFd> parent_of(const std::string& path) {
        const std::string parent = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
        auto folder = sys::resolve_in_root(root_.get(), parent.c_str(), O_PATH | O_DIRECTORY);
        if (!folder) folder = sys::make_folders(root_.get(), parent.c_str(), 0755);
        if (folder) return std::move(*folder);
        fail(folder.error());
        return std::nullopt;
    }

    void give(int fd, const Fields& fields) {
        const std::string& mode = fields[2];
        const auto id_of = [&](const std::string& word, bool group) -> std::int64_t {
            if (word.empty()) return -1;
            if (word.find_first_not_of("0123456789") == std::string::npos && word.size() < 10)
                return std::stol(word);
            if (group) {
                const auto* const found = accounts_.find_group(word);
                return found == nullptr ? -2 : std::int64_t{found->gid};
            }
            const auto* const found = accounts_.find_user(word);
            return found == nullptr ? -2 : std::int64_t{found->uid};
        };
        const std::int64_t uid = id_of(fields[3], false);
        const std::int64_t gid = id_of(fields[4], true);
        if (uid == -2 || gid == -2) tell("there is no such account");
        const auto owned =
            sys::change_owner(fd, "", static_cast<uid_t>(std::max<std::int64_t>(uid, -1)),
                              static_cast<gid_t>(std::max<std::int64_t>(gid, -1)));
        if (!owned) fail(owned.error());
        const auto digits = mode.find_first_of("01234567");
        if (mode.empty() || digits == std::string::npos) return;
        const auto changed = sys::set_mode(
            fd, static_cast<mode_t>(std::strtoul(mode.c_str() + digits, nullptr, 8) & 07777U));
        if (!changed) fail(changed.error());
    }

    void make_folder(const Fields& fields) {
        std::string path = fields[1];
        while (path.size() > 1 && path.ends_with('/'))
            path.pop_back();
        const auto parent = parent_of(path);
        if (!parent) return;
        const std::string name = path.substr(path.rfind('/') + 1);
        const auto made = sys::make_folder(parent->get(), name.c_str(), 0755);
        if (!made && made.error().code != EEXIST) return fail(made.error());
        const auto folder = sys::open_at(parent->get(), name.c_str(),
                                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
        if (!folder) return fail(folder.error());
        give(folder->get(), fields);
    }

    void make_file(const Fields& fields) {
        const auto parent = parent_of(fields[1]);
        if (!parent) return;
        const std::string name = fields[1].substr(fields[1].rfind('/') + 1);
        const auto file = sys::open_at(parent->get(), name.c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0644);
        if (!file && file.error().code == EEXIST) return;
        if (!file) return fail(file.error());
        const auto written = sys::write_full(file->get(), fields[6]);
        if (!written) return fail(written.error());
        give(file->get(), fields);
    }

    void make_link(const Fields& fields, bool replace) {
        const auto parent = parent_of(fields[1]);
        if (!parent) return;
        const std::string name = fields[1].substr(fields[1].rfind('/') + 1);
        // Without an argument it is the same path of the distribution's own copy.
        const std::string target = fields[6].empty() ? "/usr/share/factory" + fields[1] : fields[6];
        if (replace) (void)sys::remove_at(parent->get(), name.c_str(), false); // it may be missing
        const auto made = sys::make_link(target.c_str(), parent->get(), name.c_str());
        if (!made && made.error().code != EEXIST) fail(made.error());
    }

    void remove(const std::string& path) {
        if (path.find_first_of("*?[") != std::string::npos)
            return tell("patterns are not obeyed without systemd-tmpfiles");
        const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
        const auto parent = sys::resolve_in_root(root_.get(), folder.c_str(), O_PATH | O_DIRECTORY);
        if (!parent) return;
        const auto gone =
            sys::remove_at(parent->get(), path.substr(path.rfind('/') + 1).c_str(), false);
        if (!gone && gone.error().code != ENOENT) fail(gone.error());
    }

    Console& console_;
    sys::UniqueFd root_;
    compile::UserDatabase accounts_;
    std::string where_;
    bool failed_ = false;
};

} // namespace

int verb_tmpfiles(Context& context, Arguments arguments) {
    Options options(context, "tmpfiles");
    if (const auto code = options.parse(arguments)) return *code;
    const auto view = view_of("/");
    auto root = sys::open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
    auto accounts = guests::read_accounts("/");
    if (!view || !root || !accounts) {
        context.console.error("the guest's own root cannot be read");
        return kCouldNot;
    }
    // Of files with one name the folder that stands first counts; all in the order of their names.
    std::map<std::string, std::string> files;
    for (const std::string_view folder : kFolders)
        for (const std::string& name : view->list(std::string(folder)))
            if (name.ends_with(".conf") && files.size() < kMaxFiles)
                files.emplace(name, std::string(folder) + "/" + name);
    Maker maker(context.console, std::move(*root), std::move(*accounts));
    for (const auto& [name, path] : files) {
        const auto read = view->read(path);
        if (!read.text) continue;
        std::string_view rest = *read.text;
        while (!rest.empty()) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
            const auto start = line.find_first_not_of(" \t\r");
            if (start != std::string_view::npos && line[start] != '#')
                maker.take(path, line.substr(start));
        }
    }
    return maker.failed() ? kCouldNot : kDone;
}

} // namespace stead::cli
