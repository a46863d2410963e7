#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "import/draft.h"
#include "import/supervisord_text.h"

/// A program of supervisord's on its way to a unit. For this folder's own use.
namespace stead::importing {

struct Program {
    /// The unit's; a template's ends with '@'.
    std::string name;
    std::string group;
    std::int64_t priority = 999;
    std::int64_t count = 1;
    std::int64_t first = 0;
    /// How %(process_num) is written; one format for all of a program.
    std::string number_format = "%d";
    const Section* section = nullptr;
    std::unique_ptr<Draft> draft;
    Expansions known;
};

/// Fills the draft. `defaults` are keys that [supervisord] gives to every program.
void make_program(Program& program, const std::map<std::string, std::string>& defaults);

} // namespace stead::importing
