#include <cerrno>

/// errno of the program that is linked without a C library. Apart from the rest of its run-time
/// code (runtime_start.cpp), so that it is optimized with the program: where errno is read there is
/// a load and no call.

extern "C" {

// runtime_calls.cpp stores it.
[[gnu::used, gnu::externally_visible]] int stead_errno = 0;

[[gnu::used, gnu::externally_visible]] int* __errno_location() {
    return &stead_errno;
}

} // extern "C"
