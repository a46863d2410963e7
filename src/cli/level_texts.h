#pragma once

#include <string>
#include <vector>

#include "cli/client_verbs.h"
#include "guests/levels.h"
#include "unitfile/values.h"

/// What `set`, `limits`, `status` and `why` share about levels.
namespace stead::cli {

/// The content for the kernel of a level as a person writes it, not yet resolved.
unitfile::Parsed<std::string> level_content(const resources::Level& level, const std::string& text);

/// What a level was, for people: of processes that differ, from the least to the most.
std::string state_text(const resources::Level& level, const std::string& content);

/// "memory.max says 1G, 512M should hold (web.toml:6)" for each level that somebody else changed.
std::vector<std::string> drift_sentences(const guests::LevelTarget& target);

/// Why a guest or unit is slow or was refused something; empty where nobody can tell.
std::vector<std::string> level_reasons(const Place& place, const Target& target);

} // namespace stead::cli
