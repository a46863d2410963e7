#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "model/state.h"

namespace stead {

/// The name of a stage as people and programs read it.
constexpr std::string_view stage_name(SpawnStage stage) {
    constexpr std::array<std::string_view, 25> kStages = {"none",
                                                          "clone",
                                                          "cgroup",
                                                          "session",
                                                          "terminal",
                                                          "descriptors",
                                                          "limits",
                                                          "oom-score",
                                                          "scheduling",
                                                          "namespaces",
                                                          "files",
                                                          "directories",
                                                          "credentials",
                                                          "groups",
                                                          "group",
                                                          "capability-bounding",
                                                          "user",
                                                          "capabilities",
                                                          "working-directory",
                                                          "no-new-privileges",
                                                          "landlock",
                                                          "filter",
                                                          "signals",
                                                          "exec",
                                                          "sockets"};
    const auto index = static_cast<std::size_t>(stage);
    return index < kStages.size() ? kStages[index] : std::string_view("unknown");
}

} // namespace stead
