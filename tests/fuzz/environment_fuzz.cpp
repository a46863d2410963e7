#include <cstddef>
#include <cstdint>
#include <string_view>

#include "unitfile/command_line.h"
#include "unitfile/environment_file.h"

namespace {

void demand(bool holds) {
    if (!holds) __builtin_trap();
}

} // namespace

/// An environment file of any bytes: refused with a message, or variables that a process can have.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    stead::unitfile::Diagnostics diagnostics;
    std::map<std::string, std::string> variables;
    const bool good = stead::unitfile::read_environment_text(text, "app", variables, diagnostics);
    demand(good != diagnostics.has_errors());
    for (const auto& [name, value] : variables) {
        demand(stead::unitfile::is_variable_name(name));
        demand(value.find('\0') == std::string::npos && value.size() < 131'072);
    }
    return 0;
}
