#pragma once

#include <cstddef>
#include <string_view>

#include "init/supervisor.h"

namespace stead::init {

/// Fills the scratch memory with one child's argv and environment. What does not fit sets
/// `overflowed`, which is E2BIG.
class ChildStrings {
public:
    explicit ChildStrings(Scratch& scratch)
        : scratch_(scratch) {}

    /// First all of argv, then `end_list`, then the environment, then `end_list`.
    void add(const char* text);
    /// Adds `name` + `value` as one new string; the return value points at its value.
    char* add_joined(std::string_view name, std::string_view value);
    /// Copies `text` with a NUL behind it, into no list; null where it does not fit.
    const char* keep(std::string_view text);
    /// Ends the list begun last and returns it.
    char* const* end_list();

    [[nodiscard]] bool overflowed() const { return overflowed_; }

private:
    /// Room for `size` bytes; null where there is none.
    char* reserve(std::size_t size);

    Scratch& scratch_;
    std::size_t pointers_ = 0;
    std::size_t list_ = 0;
    std::size_t short_text_ = 0;
    std::size_t text_ = 0;
    bool overflowed_ = false;
};

/// Adds what a unit's processes inherit of PID 1's own environment, then the unit's own.
void add_environment(ChildStrings& strings, const ExecView& exec, char* const* own);
/// The value of PATH in a finished environment, or null.
const char* find_path(char* const* environment);

} // namespace stead::init
