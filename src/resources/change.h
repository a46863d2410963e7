#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "resources/subject.h"

/// Changing levels of what runs, all of them or none: everything is checked before anything is
/// written, what was there before is written down first, every value is read back, and a failure
/// takes back what was done. Only which controllers are switched on is not taken back: that limits
/// nobody.
namespace stead::resources {

/// A level and what it is to be: as a person wrote it, and as the kernel takes it (resolved).
struct Wish {
    const Level* level = nullptr;
    std::string text;
    std::string content;
};

struct Step {
    const Level* level = nullptr;
    std::string before;
    std::string after;
    /// What the kernel changes along with it: cpu.idle forgets cpu.weight.
    const Level* also = nullptr;
    std::string also_before;
};

struct Plan {
    std::vector<Step> steps;
    /// Why nothing will be done; each with the way out.
    std::vector<std::string> problems;
    /// What will happen that a person may not expect.
    std::vector<std::string> notes;
};

/// Reads what is there and checks the wishes, alone and together. With `dry` not even controllers
/// are switched on.
Plan plan_change(const Subject& subject, const std::vector<Wish>& wishes, bool dry);

/// What is wrong with these levels together, whatever holds them ("memory-min is above
/// memory-max"): `value` gives what a level is or will be, empty for unknown.
std::vector<std::string>
contradictions(const std::function<std::string(std::string_view key)>& value);

/// Takes the steps; `between` is called after each. Nothing if all hold; else what failed and why,
/// and everything is as before.
std::optional<std::string> apply(const Subject& subject,
                                 const std::vector<Step>& steps,
                                 const std::function<void(std::size_t)>& between = {});

/// Writes what was there before, last step first, as far as it is still there.
void roll_back(const Subject& subject, const std::vector<Step>& steps);

/// The subject and its steps as text, for whoever has to roll back after a crash.
std::string write_down(const Subject& subject, const std::vector<Step>& steps);

struct WrittenDown {
    Subject subject;
    std::vector<Step> steps;
};

/// Nothing if the text is not what write_down wrote.
std::optional<WrittenDown> read_written(std::string_view text);

/// What is to hold and does not, because somebody else changed it.
struct Drift {
    const Level* level = nullptr;
    std::string wanted;
    std::string found;
};

std::vector<Drift> find_drift(const Subject& subject, const std::vector<Wish>& wanted);

} // namespace stead::resources
