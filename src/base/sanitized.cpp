#include "base/sanitized.h"

/// What the sanitizers' run-time library asks a program for; linked into those that run in guests.
/// The check for leaks at a program's end takes ptrace(2), which a guest's filter refuses.
extern "C" const char* __asan_default_options(); // NOLINT(bugprone-reserved-identifier)

extern "C" const char* __asan_default_options() { // NOLINT(bugprone-reserved-identifier)
    return "detect_leaks=0";
}
