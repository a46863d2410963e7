#include "keep/keep.h"

#include <unistd.h>

#include <new>
#include <string_view>

#include "keep/keeper.h"
#include "keep/settings.h"
#include "sys/memory.h"
#include "sys/stream.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

constexpr int kSteadFailed = 125;

int fail(const Error& error) {
    const auto text = describe(error);
    // Standard error is all there is; if it takes nothing, the exit code says it.
    (void)sys::write_some(STDERR_FILENO, "stead-init --keep: ");
    (void)sys::write_some(STDERR_FILENO, text.view());
    (void)sys::write_some(STDERR_FILENO, "\n");
    return kSteadFailed;
}

} // namespace

int run(int argc, char** argv) {
    const bool attach = argc > 2 && std::string_view(argv[2]) == "--attach";
    const auto settings = read_settings(wire::kKeeperConfig);
    if (!settings) return fail(settings.error());
    // Fresh pages, none of which costs anything before it is touched.
    const auto large = sys::map_memory(sizeof(Keeper::Memory));
    if (!large) return fail(large.error());
    const auto small = sys::map_memory(sizeof(Keeper));
    if (!small) return fail(small.error());
    auto* memory = ::new (static_cast<void*>(large->data())) Keeper::Memory;
    auto* keeper = ::new (static_cast<void*>(small->data())) Keeper(*settings, attach, *memory);
    const auto opened = keeper->open();
    const int code = opened ? keeper->run() : fail(opened.error());
    // Everything else ends with the process.
    keeper->restore_terminal();
    return code;
}

} // namespace stead::keep
