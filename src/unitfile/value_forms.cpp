#include <array>

#include "base/error.h"
#include "model/names.h"
#include "unitfile/names.h"
#include "unitfile/value.h"
#include "unitfile/values.h"

/// The forms of single texts: what a user, a path or a capability looks like.
namespace stead::unitfile {

namespace {

bool only_has(std::string_view text, std::string_view extra, bool capitals) {
    for (const char c : text) {
        const bool letter = capitals ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && extra.find(c) == std::string_view::npos)
            return false;
    }
    return !text.empty();
}

/// The item of a list that builds on a default, without its '!'.
std::string_view without_mark(std::string_view text) {
    if (text.starts_with('!')) text.remove_prefix(1);
    return text;
}

std::string capability_problem(std::string_view text) {
    if (text == "..." || only_has(without_mark(text), "_", true)) return {};
    return "capabilities are written in capitals, such as \"NET_RAW\" or \"!NET_RAW\"";
}

std::string system_call_problem(std::string_view text) {
    if (text == "...") return {};
    std::string_view name = without_mark(text);
    const bool group = name.starts_with('@');
    if (group) name.remove_prefix(1);
    if (only_has(name, group ? "-_" : "_", false)) return {};
    return "use the name of a system call or group, such as \"mount\", \"@mount\" or \"!@mount\"";
}

std::string variable_problem(std::string_view text) {
    if (text == "..." || is_variable_name(without_mark(text))) return {};
    return "variable names have letters, digits and _ only";
}

std::string credential_problem(std::string_view text) {
    constexpr std::string_view kHost = "host:";
    if (text.starts_with(kHost) && is_unit_name(text.substr(kHost.size()))) return {};
    const std::string problem =
        text.starts_with("file:") ? path_problem(text.substr(5)) : std::string("no file");
    return problem.empty() ? problem
                           : "use file:PATH with an absolute path, or host:NAME for a credential "
                             "of the guest's service on the host";
}

std::string condition_variable_problem(std::string_view text) {
    const std::string_view pair = without_mark(text);
    if (is_variable_name(pair.substr(0, pair.find('=')))) return {};
    return "use NAME or NAME=VALUE, with a '!' before what must not hold";
}

std::string machine_problem(std::string_view text) {
    const std::string_view word = without_mark(text);
    if (word == "guest" || word == "container" || word == "machine") return {};
    return "use guest, container or machine, with a '!' before what must not hold";
}

std::string host_name_problem(std::string_view text) {
    if (text.size() <= 64 && !text.starts_with('-') && !text.starts_with('.') &&
        !text.ends_with('-') && !text.ends_with('.') && text.find("..") == std::string_view::npos) {
        std::string lowered(text);
        for (char& c : lowered) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        }
        if (only_has(lowered, "-.", false)) return {};
    }
    return "a host name has up to 64 letters, digits, '-' and '.' between them";
}

std::string error_name_problem(std::string_view text) {
    if (text == "kill" || text == "log") return {};
    // The kernel's errno values end at 133; some of the numbers have no name.
    for (int code = 1; code <= 133; ++code) {
        if (!text.empty() && errno_name(code) == text) return {};
    }
    return "use an errno name such as EPERM or ENOSYS, kill or log";
}

std::string listen_problem(std::string_view text) {
    return parse_listen(text).problem;
}

/// A rule that is broken, as a clause about the value.
std::string which(const std::string& problem) {
    return problem.empty() ? problem : ", which " + problem;
}

/// What would be right.
std::string rather(const std::string& way_out) {
    return way_out.empty() ? way_out : "; " + way_out;
}

} // namespace

// NOLINTNEXTLINE(readability-function-size): a line for each type
std::string form_problem(KeyType type, std::string_view text) {
    switch (type) {
    case KeyType::Path:
    case KeyType::Paths:
        return which(path_problem(text));
    case KeyType::SubPaths:
        return which(subpath_problem(text));
    case KeyType::User:
    case KeyType::Users:
        return which(user_name_problem(text));
    case KeyType::UnitName:
    case KeyType::UnitNames:
        return which(unit_name_problem(text));
    case KeyType::HostName:
        return rather(host_name_problem(text));
    case KeyType::Capabilities:
        return rather(capability_problem(text));
    case KeyType::SystemCalls:
        return rather(system_call_problem(text));
    case KeyType::Variables:
        return rather(variable_problem(text));
    case KeyType::ErrorName:
        return rather(error_name_problem(text));
    case KeyType::Address:
        return rather(parse_endpoint(text).problem);
    case KeyType::Listens:
        return rather(listen_problem(text));
    case KeyType::Outcome:
        return rather(parse_outcome(text).problem);
    case KeyType::Url:
        return rather(parse_url(text).problem);
    case KeyType::IoPriority:
        return rather(parse_io_priority(text).problem);
    case KeyType::CpuPolicy:
        return rather(parse_cpu_policy(text).problem);
    case KeyType::Processors:
        return rather(parse_processors(text).problem);
    case KeyType::Credential:
        return rather(credential_problem(text));
    case KeyType::Terminal:
        return rather(parse_terminal(text).problem);
    case KeyType::EnvironmentFiles:
    case KeyType::OptionalPaths:
        return which(path_problem(text.substr(text.starts_with('-') ? 1 : 0)));
    case KeyType::ConditionPaths:
        return which(path_problem(without_mark(text)));
    case KeyType::ConditionVariables:
        return rather(condition_variable_problem(text));
    case KeyType::ConditionCapabilities:
        return text == "..." ? rather("name capabilities") : rather(capability_problem(text));
    case KeyType::ConditionMachines:
        return rather(machine_problem(text));
    case KeyType::Sockets:
        return rather(parse_socket(text).problem);
    case KeyType::Boolean:
    case KeyType::Integer:
    case KeyType::Number:
    case KeyType::String:
    case KeyType::Strings:
    case KeyType::OneOrMore:
    case KeyType::Splice:
    case KeyType::Word:
    case KeyType::Duration:
    case KeyType::Size:
    case KeyType::Signal:
    case KeyType::Mode:
    case KeyType::ExitCodes:
    case KeyType::Command:
    case KeyType::Commands:
    case KeyType::Schedule:
    case KeyType::Output:
    case KeyType::Environment:
    case KeyType::Binds:
    case KeyType::IdRange:
    case KeyType::Rlimit:
    case KeyType::Level:
    case KeyType::ExitMap:
    case KeyType::SignalMap:
    case KeyType::Instances:
    case KeyType::Landlock:
        break;
    }
    return {};
}

} // namespace stead::unitfile
