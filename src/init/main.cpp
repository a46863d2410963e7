#include <string_view>

#include "init/crash.h"
#include "init/modes.h"
#include "init/setup.h"
#include "keep/keep.h"

int main(int argc, char** argv, char** environment) {
    stead::init::sanitize_streams();
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (std::string_view(argv[0]).starts_with(stead::init::kResumedName))
        return stead::init::resume(argc, argv, environment);
    if (mode == "--self-test") return stead::init::test_state(argv, environment);
    if (mode == "--boot") return stead::init::boot(argv, environment);
    if (mode == "--keep") return stead::keep::run(argc, argv);
    return stead::init::run_foreign(argc, argv, environment);
}
