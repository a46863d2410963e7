#pragma once

/// The ways to run stead-init. Each returns the exit code of the process.
namespace stead::init {

/// `--boot`: launched, with the descriptors of wire/boot.h.
int boot(char** argv, char** environment);
/// `--self-test`: whether this version can go on with the state and plans in its descriptors
/// (upgrade.h), of which it changes nothing.
int test_state(char** argv, char** environment);
/// After a crash or an upgrade: the name that we are executed by says where the state is.
int resume(int argc, char** argv, char** environment);
/// In somebody else's container or VM: `[DIR ... | PLAN] [-- CMD ...]`.
int run_foreign(int argc, char** argv, char** environment);

} // namespace stead::init
