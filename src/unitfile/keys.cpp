#include "unitfile/keys.h"

namespace stead::unitfile {

std::string full_name(const Key& key) {
    if (key.table.empty()) return std::string(key.name);
    return std::string(key.table) + "." + std::string(key.name);
}

std::string_view describe(KeyType type) {
    switch (type) {
    case KeyType::Boolean:
        return "true or false";
    case KeyType::Integer:
        return "an integer";
    case KeyType::Number:
        return "a number";
    case KeyType::String:
        return "a string";
    case KeyType::Word:
        return "a word";
    case KeyType::Duration:
        return "a duration";
    case KeyType::Size:
        return "a size";
    case KeyType::Signal:
        return "a signal";
    case KeyType::Mode:
        return "octal digits in quotes";
    case KeyType::Path:
        return "an absolute path";
    case KeyType::Paths:
        return "a list of absolute paths";
    case KeyType::User:
        return "a name or number";
    case KeyType::Users:
        return "a list of names or numbers";
    case KeyType::UnitName:
        return "the name of a unit";
    case KeyType::UnitNames:
        return "a list of units";
    case KeyType::HostName:
        return "a host name";
    case KeyType::Strings:
        return "a list of strings";
    case KeyType::Capabilities:
        return "a list of capabilities";
    case KeyType::SystemCalls:
        return "a list of system calls";
    case KeyType::Variables:
        return "a list of variables";
    case KeyType::Splice:
        return "a list of names";
    case KeyType::ErrorName:
        return "an errno name";
    case KeyType::ExitCodes:
        return "a list of exit codes and signals";
    case KeyType::Command:
        return "a command";
    case KeyType::Commands:
        return "a command or a list of them";
    case KeyType::Address:
        return "an address and port";
    case KeyType::Listens:
        return "a list of addresses";
    case KeyType::Schedule:
        return "a list of signals and times";
    case KeyType::Output:
        return "a place for output";
    case KeyType::SubPaths:
        return "a list of folder names";
    case KeyType::Environment:
        return "a table of variables";
    case KeyType::Binds:
        return "a list of binds";
    case KeyType::IdRange:
        return "a range of ids";
    case KeyType::Rlimit:
        return "a number, size or time, \"SOFT:HARD\" or \"infinity\"";
    case KeyType::Level:
        return "a number, size or percentage, or \"infinity\"";
    case KeyType::Values:
        return "a table";
    }
    return "a value";
}

} // namespace stead::unitfile
