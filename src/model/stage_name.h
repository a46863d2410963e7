#pragma once

#include <cstddef>
#include <string_view>

#include "base/words.h"
#include "model/state.h"

namespace stead {

/// The name of a stage as people and programs read it; a NUL follows it.
inline std::string_view stage_name(SpawnStage stage) {
    constexpr const char* kStages =
        "none\0clone\0cgroup\0session\0terminal\0descriptors\0limits\0oom-score\0"
        "scheduling\0namespaces\0files\0directories\0credentials\0groups\0group\0"
        "capability-bounding\0user\0capabilities\0working-directory\0no-new-privileges\0"
        "landlock\0filter\0signals\0exec\0sockets\0";
    const std::string_view name = word_at(kStages, static_cast<std::size_t>(stage));
    return name.empty() ? "unknown" : name;
}

} // namespace stead
