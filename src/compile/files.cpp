#include "compile/files.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compile/nearest.h"

namespace stead::compile {

namespace {

using unitfile::ProtectSystem;

/// One place of ExecView::view.
struct ViewPlace {
    std::string path;
    char kind = 'r';
    bool optional = false;
};

/// Of the same path a later letter wins.
constexpr std::string_view kOrder = "rdbwthc";

/// `outer` is a folder above `path`, not the path itself.
bool lies_below(const std::string& path, const std::string& outer) {
    return path.size() > outer.size() && path.starts_with(outer) &&
           (outer == "/" || path[outer.size()] == '/');
}

class View {
public:
    void add(char kind, const std::string& path, bool optional = false) {
        places_.push_back({path, kind, optional});
    }

    void protect(ProtectSystem how) {
        if (how == ProtectSystem::No) return;
        if (how == ProtectSystem::Strict) {
            add('r', "/");
            // What is no store of files, and would be of no use read-only.
            for (const char* path : {"/dev", "/dev/mqueue", "/dev/pts", "/dev/shm", "/proc"})
                add('w', path, true);
            return;
        }
        for (const char* path : {"/usr", "/boot", "/efi"})
            add('r', path, true);
        if (how == ProtectSystem::Full) add('r', "/etc");
    }

    /// Whatever lies below another place comes behind it.
    void sort() {
        std::stable_sort(places_.begin(), places_.end(),
                         [](const ViewPlace& a, const ViewPlace& b) {
                             if (a.path != b.path) return a.path < b.path;
                             return kOrder.find(a.kind) < kOrder.find(b.kind);
                         });
    }

    /// The folder above `path` of which the unit has nothing to see; null if there is none.
    [[nodiscard]] const ViewPlace* emptied_above(const std::string& path) const {
        for (const ViewPlace& place : places_)
            if ((place.kind == 'h' || place.kind == 't') && lies_below(path, place.path))
                return &place;
        return nullptr;
    }

    [[nodiscard]] std::vector<std::string> words() const {
        std::vector<std::string> out;
        for (const ViewPlace& place : places_) {
            std::string word(1, place.kind);
            if (place.optional) word += '-';
            out.push_back(std::move(word.append(place.path)));
        }
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }

private:
    std::vector<ViewPlace> places_;
};

bool is_plain(const std::string& path) {
    return path.size() > 1 && path.back() != '/' && path.find("//") == std::string::npos &&
           (path + "/").find("/./") == std::string::npos &&
           (path + "/").find("/../") == std::string::npos;
}

/// "-/path" may be missing.
bool is_optional(const unitfile::Text& item) {
    return item.value.starts_with('-');
}

std::string path_of(const unitfile::Text& item) {
    return item.value.substr(is_optional(item) ? 1 : 0);
}

void add_all(View& view, char kind, const unitfile::TextList& list, Report& report) {
    for (const unitfile::Text& item : list) {
        if (!is_plain(path_of(item)))
            report.error(item.place, "[files] has '" + item.value +
                                         "'; write the path without '//' and '.', and not the "
                                         "root itself");
        view.add(kind, path_of(item), is_optional(item));
    }
}

void refuse_lost(const View& view, const unitfile::TextList& list, Report& report) {
    for (const unitfile::Text& item : list) {
        const ViewPlace* above = view.emptied_above(path_of(item));
        if (above != nullptr)
            report.error(item.place,
                         "[files] has '" + item.value + "', and the unit sees nothing of " +
                             above->path +
                             (above->kind == 'h' ? ", which is hidden" : ", which is its own") +
                             "; take one of them out");
    }
}

/// What mounts or unshares needs a right that PID 1 of such a guest has not.
void need_private_users(const UnitOptions& options,
                        const unitfile::Place& place,
                        const std::string& what,
                        Report& report) {
    if (options.users == recipe::Users::Private || options.foreign) return;
    report.error(place, what +
                            " needs a guest with users = \"private\": with the host's users PID 1 "
                            "has no right to mount or to unshare anything");
}

void add_remarks(const unitfile::FilesSpec& files, plan::UnitInput& unit) {
    const auto add = [&](const char* words, const unitfile::TextList& list) {
        for (const unitfile::Text& item : list)
            unit.remarks.push_back(words + path_of(item));
    };
    if (files.protect == ProtectSystem::Yes)
        unit.remarks.emplace_back("sees /usr, /boot and /efi read-only");
    if (files.protect == ProtectSystem::Full)
        unit.remarks.emplace_back("sees /usr, /boot, /efi and /etc read-only");
    if (files.protect == ProtectSystem::Strict)
        unit.remarks.emplace_back("sees everything read-only but /dev, /proc and its directories");
    add("sees read-only: ", files.read_only);
    add("writes: ", files.read_write);
    add("does not see: ", files.hidden);
    if (files.private_devices && !unit.exec.no_root)
        unit.remarks.emplace_back("has a small /dev of its own");
    if (files.private_tmp) unit.remarks.emplace_back("has /tmp and /var/tmp of its own");
}

/// Kinds of namespaces; a kind without a flag is one that no unit can have, `why`.
struct Kind {
    const char* name;
    std::uint32_t flag;
    const char* why;
};

constexpr std::array kKinds{
    Kind{"mount", CLONE_NEWNS, nullptr},
    Kind{"net", CLONE_NEWNET, nullptr},
    Kind{"ipc", CLONE_NEWIPC, nullptr},
    Kind{"uts", CLONE_NEWUTS, nullptr},
    Kind{"pid", 0, "the kernel mounts no /proc of its own below the masks of a guest's"},
    Kind{"time", 0, "clocks are set with the guest, by view.uptime of its file"},
    Kind{"user", 0, "users are the guest's, by `users` of its file"},
    Kind{"cgroup", 0, "every unit has a cgroup of its own anyway"},
};

std::uint32_t flag_of(const unitfile::Text& item, Report& report) {
    std::vector<std::string> names;
    names.reserve(kKinds.size());
    for (const Kind& kind : kKinds) {
        if (item.value == kind.name && kind.why == nullptr) return kind.flag;
        if (item.value == kind.name) {
            report.error(item.place,
                         "a unit has no " + item.value + " namespace of its own: " + kind.why);
            return 0;
        }
        names.emplace_back(kind.name);
    }
    const std::string meant = nearest(item.value, names);
    report.error(item.place, "there is no namespace '" + item.value + "'; " +
                                 (meant.empty() ? "use mount, net, ipc or uts"
                                                : "did you mean '" + meant + "'?"));
    return 0;
}

/// PID 1 asks in the guest's network, and would never get an answer from another one.
void refuse_network_probes(const unitfile::UnitSpec& spec, Report& report) {
    for (const unitfile::ProbeSpec* probe : {&spec.ready, &spec.health}) {
        if (probe->kind != ReadyKind::Tcp && probe->kind != ReadyKind::Http) continue;
        report.error(probe->place, "tcp and http probes ask the guest's network, and the unit has "
                                   "one of its own (namespaces); use unix, path or exec");
    }
}

} // namespace

void set_files(const unitfile::UnitSpec& spec,
               const UnitOptions& options,
               plan::UnitInput& unit,
               Report& report) {
    const unitfile::FilesSpec& files = spec.files;
    View view;
    view.protect(files.protect);
    add_all(view, 'r', files.read_only, report);
    add_all(view, 'w', files.read_write, report);
    add_all(view, 'h', files.hidden, report);
    if (files.private_tmp) {
        view.add('t', "/tmp", true);
        view.add('t', "/var/tmp", true);
    }
    // A jail has no other /dev than that.
    if (files.private_devices && !options.jail) {
        // Everything else of the guest's /dev is not there. What is missing there is here, too.
        view.add('d', "/dev");
        for (const char* name :
             {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue",
              "hugepages", "log", "fd", "stdin", "stdout", "stderr", "core"})
            view.add('b', std::string("/dev/") + name, true);
    }
    if (files.protect == ProtectSystem::Strict) {
        for (const plan::DirectoryInput& directory : unit.exec.directories)
            view.add('w', directory.path);
    }
    if (spec.delegate) {
        view.add('c', "/sys/fs/cgroup");
        unit.exec.namespaces |= CLONE_NEWCGROUP;
        // How deep PID 1 looks for processes. What the unit's own [limits] say comes behind it.
        auto& settings = unit.exec.cgroup_settings;
        settings.insert(settings.begin(), {"cgroup.max.depth", "16"});
        unit.remarks.emplace_back("manages the cgroup tree below its own");
    }
    view.sort();
    for (const auto* list : {&files.read_only, &files.read_write, &files.hidden})
        refuse_lost(view, *list, report);
    unit.exec.view = view.words();
    if (unit.exec.view.empty()) return;
    if (unit.exec.view.size() > plan::kMaxView)
        report.error(spec.place, "[files] names more than 128 places");
    add_remarks(files, unit);
    for (const char* key :
         {"files.read-only", "files.read-write", "files.hidden", "files.private-tmp",
          "files.private-devices", "files.protect-system", "delegate"}) {
        if (!spec.keys.has(key)) continue;
        const std::string what = std::string_view(key) == "delegate" ? "`delegate`" : "[files]";
        return need_private_users(options, spec.keys.find(key), what, report);
    }
}

void set_namespaces(const unitfile::UnitSpec& spec,
                    const UnitOptions& options,
                    plan::UnitInput& unit,
                    Report& report) {
    if (spec.namespaces.empty()) return;
    std::string names;
    for (const unitfile::Text& item : spec.namespaces) {
        unit.exec.namespaces |= flag_of(item, report);
        names += (names.empty() ? "" : ", ") + item.value;
    }
    unit.remarks.push_back("has namespaces of its own: " + names);
    if ((unit.exec.namespaces & CLONE_NEWNET) != 0) refuse_network_probes(spec, report);
    need_private_users(options, or_place(spec.keys.find("namespaces"), spec.place), "`namespaces`",
                       report);
}

} // namespace stead::compile
