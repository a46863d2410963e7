#pragma once

/// The ways to run stead-init. Each returns the exit code of the process.
namespace stead::init {

/// `--boot`: launched, with the descriptors of wire/boot.h.
int boot(char** environment);
/// In somebody else's container or VM: `[DIR ... | PLAN] [-- CMD ...]`.
int run_foreign(int argc, char** argv, char** environment);

} // namespace stead::init
