#include "unitfile/keys.h"

#include <array>

#include "resources/table.h"
#include "unitfile/key_rows.h"

namespace stead::unitfile {

namespace {

struct Described {
    KeyType type;
    std::string_view text;
};

constexpr std::array kDescriptions{
    Described{KeyType::Boolean, "true or false"},
    Described{KeyType::Integer, "an integer"},
    Described{KeyType::Number, "a number"},
    Described{KeyType::String, "a string"},
    Described{KeyType::Word, "a word"},
    Described{KeyType::Duration, "a duration"},
    Described{KeyType::Size, "a size"},
    Described{KeyType::Signal, "a signal"},
    Described{KeyType::Mode, "octal digits in quotes"},
    Described{KeyType::Path, "an absolute path"},
    Described{KeyType::Paths, "a list of absolute paths"},
    Described{KeyType::User, "a name or number"},
    Described{KeyType::Users, "a list of names or numbers"},
    Described{KeyType::UnitName, "the name of a unit"},
    Described{KeyType::UnitNames, "a list of units"},
    Described{KeyType::HostName, "a host name"},
    Described{KeyType::Strings, "a list of strings"},
    Described{KeyType::OneOrMore, "a string or a list of strings"},
    Described{KeyType::Capabilities, "a list of capabilities"},
    Described{KeyType::SystemCalls, "a list of system calls"},
    Described{KeyType::Variables, "a list of variables"},
    Described{KeyType::Splice, "a list of names"},
    Described{KeyType::ErrorName, "an errno name"},
    Described{KeyType::ExitCodes, "a list of exit codes and signals"},
    Described{KeyType::Command, "a command"},
    Described{KeyType::Commands, "a command or a list of them"},
    Described{KeyType::Address, "an address and port"},
    Described{KeyType::Listens, "a list of addresses"},
    Described{KeyType::Schedule, "a list of signals and times"},
    Described{KeyType::Output, "a place for output"},
    Described{KeyType::SubPaths, "a list of folder names"},
    Described{KeyType::Environment, "a table of variables"},
    Described{KeyType::Binds, "a list of binds"},
    Described{KeyType::IdRange, "a range of ids"},
    Described{KeyType::Rlimit, "a number, size or time, \"SOFT:HARD\" or \"infinity\""},
    Described{KeyType::Level, "a number, size or percentage, or \"infinity\""},
    Described{KeyType::Outcome, "none, exit, shutdown, reboot or unit:NAME"},
    Described{KeyType::Url, "a URL"},
    Described{KeyType::ExitMap, "a table of exit codes"},
    Described{KeyType::SignalMap, "a table of signals"},
    Described{KeyType::Instances, "a list of names or a number"},
    Described{KeyType::IoPriority, "a class and level"},
    Described{KeyType::CpuPolicy, "a policy"},
    Described{KeyType::Processors, "processors"},
    Described{KeyType::Credential, "file:PATH or host:NAME"},
    Described{KeyType::Terminal, "a terminal"},
    Described{KeyType::EnvironmentFiles,
              "a list of absolute paths, with or without a leading minus"},
    Described{KeyType::OptionalPaths, "a list of absolute paths, with or without a leading minus"},
    Described{KeyType::ConditionPaths,
              "a list of absolute paths, \"!\" before one that must not exist"},
    Described{KeyType::ConditionVariables, "a list of NAME or NAME=VALUE, with or without \"!\""},
    Described{KeyType::ConditionCapabilities, "a list of capabilities, with or without \"!\""},
    Described{KeyType::ConditionMachines,
              "a list of guest, container or machine, with or without \"!\""},
    Described{KeyType::Sockets, "a list of sockets"},
    Described{KeyType::Landlock, "a table of lists: read, write, bind-tcp, connect-tcp, scope"},
};

} // namespace

std::vector<Key>
with_limit_keys(std::span<const Key> before, std::span<const Key> after, bool for_guests) {
    std::vector<Key> keys(before.begin(), before.end());
    for (const resources::Level& level : resources::levels()) {
        if (level.guest_only && !for_guests) continue;
        const bool limit = level.kernel == resources::Kernel::Rlimit;
        keys.push_back(now("limits", level.key, limit ? KeyType::Rlimit : KeyType::Level,
                           level.default_text, level.doc));
    }
    keys.insert(keys.end(), after.begin(), after.end());
    return keys;
}

std::string full_name(const Key& key) {
    if (key.table.empty()) return std::string(key.name);
    return std::string(key.table) + "." + std::string(key.name);
}

std::string_view describe(KeyType type) {
    for (const Described& known : kDescriptions) {
        if (known.type == type) return known.text;
    }
    return "a value";
}

} // namespace stead::unitfile
