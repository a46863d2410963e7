#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "import/amounts.h"
#include "import/guest.h"
#include "recipe/address.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// What of the host appears inside a guest, and where.
namespace stead::importing {

namespace {

/// What every guest has of its own; nothing is put there from outside.
constexpr std::array<std::string_view, 4> kOurs{"/proc", "/sys", "/dev", "/run/stead"};

bool is_below(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

/// Without doubled and last slashes and "." parts.
std::string plain_path(const std::string& path) {
    std::string plain = std::filesystem::path(path).lexically_normal().string();
    while (plain.size() > 1 && plain.ends_with('/'))
        plain.pop_back();
    return plain;
}

/// The rule a path of a bind breaks, if any.
std::string path_trouble(const std::string& path) {
    std::string problem = unitfile::path_problem(path);
    if (problem.empty() && path.find(':') != std::string::npos)
        problem = "has a colon, which parts the paths of a bind";
    return problem;
}

struct Sized {
    std::string_view path;
    std::string_view key;
};

constexpr std::array kSized{Sized{"/tmp", "limits.tmp-size"}, Sized{"/run", "limits.run-size"},
                            Sized{"/dev/shm", "limits.dev-shm-size"}};

/// "64M" of "mode=1777,size=64m,nosuid"; empty if no size is named.
std::string size_option(std::string_view options) {
    while (!options.empty()) {
        const auto comma = std::min(options.find(','), options.size());
        const std::string_view option = options.substr(0, comma);
        if (option.starts_with("size=")) {
            std::string size(option.substr(5));
            for (char& c : size)
                if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
            return size;
        }
        options.remove_prefix(std::min(comma + 1, options.size()));
    }
    return {};
}

std::string bind_text(const BindRequest& request) {
    std::string options;
    const auto add = [&](bool wanted, const char* option) {
        if (wanted) options += (options.empty() ? ":" : ",") + std::string(option);
    };
    add(request.read_only, "ro");
    add(request.suid, "suid");
    add(request.device, "dev");
    add(request.no_exec, "noexec");
    add(request.idmap, "idmap");
    return request.from + ":" + request.to + options;
}

void add_device(Guest& guest, std::size_t item, const BindRequest& request) {
    const auto problem = unitfile::parse_level("devices", request.to).problem;
    if (!problem.empty())
        return guest.draft.leave_out(item, problem + "; " + std::string(kUsualDevices));
    if (request.from != request.to)
        return guest.draft.leave_out(item, "a device keeps its path inside; name it in "
                                           "limits.devices");
    guest.draft.append(item, "limits.devices", unitfile::text_node(request.to));
}

} // namespace

void add_bind(Guest& guest, std::size_t item, BindRequest request) {
    Draft& draft = guest.draft;
    for (const std::string* path : {&request.from, &request.to}) {
        const std::string problem = path_trouble(*path);
        if (!problem.empty()) return draft.leave_out(item, "the path '" + *path + "' " + problem);
    }
    request.from = plain_path(request.from);
    request.to = plain_path(request.to);
    if (is_below(request.to, "/dev")) return add_device(guest, item, request);
    draft.explain(item, "set-user-ID files and devices have no effect there");
    if (request.to == "/") return draft.leave_out(item, "its place is the root itself");
    const bool ours = std::any_of(kOurs.begin(), kOurs.end(), [&](std::string_view path) {
        return is_below(request.to, path);
    });
    if (ours || request.to == "/run")
        return draft.leave_out(item, "what is in '" + request.to +
                                         "' is the guest's own, and nothing of the host can be "
                                         "shown there");
    if (!guest.targets.insert(request.to).second)
        return draft.leave_out(item, "something else is shown at '" + request.to + "' already");
    if (request.idmap && (guest.jail || guest.host_users)) {
        draft.approximate(item, "its files keep the host's ids");
        request.idmap = false;
    }
    if (guest.idmap_binds && !guest.jail) request.idmap = true;
    draft.append(item, "bind", unitfile::text_node(bind_text(request)));
    std::error_code failed;
    const std::string below = guest.options.root + guest.root;
    if (!guest.root.empty() && std::filesystem::is_directory(below, failed) &&
        !std::filesystem::exists(std::filesystem::symlink_status(below + request.to, failed)))
        draft.approximate(item, "make '" + request.to +
                                    "' in the root first: nothing is written into it");
}

void add_tmpfs(Guest& guest, std::size_t item, std::string_view path, std::string_view options) {
    Draft& draft = guest.draft;
    const std::string place = plain_path(std::string(path));
    for (const Sized& known : kSized) {
        if (known.path != place) continue;
        const std::string size = size_option(options);
        if (size.empty()) return draft.explain(item, "every guest has memory there");
        std::string text = size;
        if (!size.ends_with('%')) {
            const Amount amount = byte_size(size);
            text = amount.text.value_or("");
        }
        if (!unitfile::parse_level(known.key.substr(7), text, true).value)
            return draft.approximate(item, "its size '" + size + "' is none");
        return draft.put(item, known.key, unitfile::text_node(text));
    }
    if (is_below(place, "/run") || is_below(place, "/tmp") || is_below(place, "/dev"))
        return draft.explain(item, "every guest has memory there");
    draft.leave_out(item, "no other memory than that of /tmp, /run and /dev/shm is laid over the "
                          "root; ephemeral = true does it for all of it");
}

std::string address_problem(std::string_view text) {
    const auto address = recipe::parse_address(text);
    if (!address || text.find('/') == std::string_view::npos)
        return "it is no address with the length of its prefix";
    const std::string wrong = recipe::unusable(*address);
    return wrong.empty() ? wrong : "it " + wrong;
}

} // namespace stead::importing
