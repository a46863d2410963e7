#pragma once

#include <map>
#include <string>
#include <vector>

#include "learn/lesson.h"

namespace stead::learn {

/// The calls that were used, each with the program that made it, as a `system-calls` list: a group
/// of everyday calls where several of it were used, so that a slightly different run works as well,
/// else each call by its name. A group of waiting calls (@signal, @io-event) is written for one
/// use: which of them a run needs depends on its timing. "@process" is never written: few programs
/// use more than three calls of it.
std::vector<Reasoned> fold_calls(const std::map<int, std::string>& used);

} // namespace stead::learn
