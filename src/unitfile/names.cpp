#include "unitfile/names.h"

#include <algorithm>
#include <array>

#include "model/names.h"
#include "unitfile/values.h"

namespace stead::unitfile {

namespace {

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The longest name of a file (NAME_MAX).
constexpr std::size_t kMaxComponent = 255;
/// The longest path (PATH_MAX), its NUL left out.
constexpr std::size_t kMaxPath = 4095;

/// A folder of these names could not be made in a cgroup: "memory.max" is a file there.
constexpr std::array<std::string_view, 10> kCgroupPrefixes{
    "cgroup.", "cpu.", "cpuset.", "dmem.", "hugetlb.", "io.", "memory.", "misc.", "pids.", "rdma."};

std::string length_problem(std::string_view name, std::size_t limit) {
    if (name.empty()) return "is empty";
    if (name.size() <= limit) return {};
    return "is " + std::to_string(name.size()) + " bytes long; at most " + std::to_string(limit) +
           " are allowed";
}

/// The rule a part of a path breaks, if any.
std::string component_problem(std::string_view part) {
    if (part == "..") return "has a '..' in it; write the path without";
    if (part.size() > kMaxComponent) return "has a part longer than 255 bytes";
    return {};
}

std::string components_problem(std::string_view path) {
    while (!path.empty()) {
        const auto slash = path.find('/');
        std::string problem = component_problem(path.substr(0, slash));
        if (!problem.empty()) return problem;
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    return {};
}

} // namespace

std::string unit_name_problem(std::string_view name) {
    std::string problem = length_problem(name, kMaxUnitName);
    if (!problem.empty()) return problem;
    if (name.front() == '.' || name.front() == '-')
        return "begins with '" + std::string(1, name.front()) + "'; begin with a letter or digit";
    for (const char c : name) {
        if (!is_alphanumeric(c) && std::string_view("_.@:-").find(c) == std::string_view::npos)
            return "has a character other than letters, digits and _ . @ : -";
    }
    if (name.front() == '@') return "begins with '@'; a template has a name before it";
    if (std::count(name.begin(), name.end(), '@') > 1) return "has more than one '@'";
    for (const std::string_view prefix : kCgroupPrefixes) {
        if (name.starts_with(prefix))
            return "is like a file of the kernel's cgroup tree; begin with another word";
    }
    return {};
}

std::string guest_name_problem(std::string_view name) {
    std::string problem = length_problem(name, kMaxGuestName);
    if (!problem.empty()) return problem;
    if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back()))
        return "must begin and end with a letter or digit";
    for (const char c : name) {
        if (!is_alphanumeric(c) && std::string_view("_.-").find(c) == std::string_view::npos)
            return "has a character other than letters, digits and _ . -";
    }
    for (const std::string_view prefix : kCgroupPrefixes) {
        if (name.starts_with(prefix))
            return "is like a file of the kernel's cgroup tree; begin with another word";
    }
    return {};
}

bool is_host_unit(std::string_view name) {
    constexpr std::array<std::string_view, 11> kSuffixes{
        ".service", ".socket", ".target", ".mount", ".path",     ".timer",
        ".slice",   ".scope",  ".device", ".swap",  ".automount"};
    return std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](std::string_view suffix) {
        return name.ends_with(suffix) && name.size() > suffix.size();
    });
}

std::string host_unit_problem(std::string_view name) {
    std::string problem = length_problem(name, kMaxComponent);
    if (!problem.empty()) return problem;
    const bool fits = std::all_of(name.begin(), name.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
    });
    return fits ? "" : "has a character other than letters, digits and : - _ . \\ @";
}

std::string_view instance_of(std::string_view unit) {
    const auto at = unit.find('@');
    return at == std::string_view::npos ? std::string_view{} : unit.substr(at + 1);
}

bool is_template(std::string_view unit) {
    return unit.ends_with('@');
}

std::string user_name_problem(std::string_view name) {
    if (name.empty()) return "is empty";
    if (name.front() >= '0' && name.front() <= '9') {
        // The largest id means "no change" to the kernel.
        if (parse_digits(name, UINT32_MAX - 1U)) return {};
        return "is no id; ids are numbers from 0 to 4294967294";
    }
    if (name.size() > kMaxComponent) return "is longer than 255 bytes";
    if (name.front() == '-') return "begins with '-'";
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f || c == ':' || c == '/' || c == ',')
            return "has a blank or one of : / , in it, which no name has";
    }
    return {};
}

std::string path_problem(std::string_view path) {
    if (!path.starts_with('/')) return "is not absolute; begin with '/'";
    if (path.size() > kMaxPath) return "is longer than 4095 bytes";
    return components_problem(path);
}

std::string subpath_problem(std::string_view path) {
    if (path.empty()) return "is empty";
    if (path.front() == '/') return "begins with '/'; name a folder below the standard one";
    if (path.size() > kMaxPath) return "is longer than 4095 bytes";
    if (path.back() == '/' || path.find("//") != std::string_view::npos || path == "." ||
        path.starts_with("./") || path.find("/./") != std::string_view::npos ||
        path.ends_with("/."))
        return "has an empty part";
    return components_problem(path);
}

} // namespace stead::unitfile
