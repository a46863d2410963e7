#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/records.h"

namespace stead::cli {

/// Units and what they are to each other, as `graph` draws them. Names and descriptions may be
/// anything.
struct UnitPicture {
    std::string title;

    struct Node {
        std::string name;
        std::string description;
        UnitType type = UnitType::Exec;
        bool essential = false;
        /// Nothing where no guest runs.
        std::optional<UnitState> state;
        /// Why it is in that state.
        std::string why;
        /// Targets out of range are left out.
        std::vector<Dependency> needs;
    };

    std::vector<Node> nodes;
};

/// The picture in the language of graphviz' dot.
std::string to_dot(const UnitPicture& picture);
nlohmann::json to_json(const UnitPicture& picture);

} // namespace stead::cli
