#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/verbs.h"
#include "compile/compile.h"
#include "guests/guests.h"
#include "unitfile/diagnostic.h"
#include "unitfile/specs.h"

/// What `run` and `explain` are given: a guest by its name or its file.
namespace stead::cli {

/// True if `word` is a path ("./web", "web.toml") rather than a name.
bool is_path(std::string_view word);

/// The guest that `word` names: a guest file, a bare unit file (a jail of it), or the name of a
/// file in /etc/stead/guests. Nothing, and what to leave with in `code`, if there is none or it has
/// mistakes; those have been printed.
std::optional<unitfile::GuestSpec> find_guest(Context& context,
                                              const guests::Paths& paths,
                                              const std::string& word,
                                              unitfile::Diagnostics& diagnostics,
                                              int& code);

/// compile_guest with the host's accounts, which are read only when somebody is named. Nothing
/// after mistakes, which have been printed.
std::optional<compile::CompiledGuest> compile_for(Context& context,
                                                  const unitfile::GuestSpec& guest,
                                                  const compile::HostFacts& facts,
                                                  unitfile::Diagnostics& diagnostics);

/// Whether `text` can be the guest's file `file`: read with its drop-ins, and compiled for this
/// host. Mistakes have been printed.
bool check_guest_text(Context& context,
                      const guests::Paths& paths,
                      const std::string& file,
                      const std::string& text);

/// Makes this process able to change files of a guest's disk, which belong to ids of its user
/// namespace: an ordinary user's becomes root of one. False, and a message, if it cannot.
bool may_change_disks(Context& context);

/// Makes this process able to start a guest: an ordinary user's becomes root of a user namespace.
/// What is missing is printed; false then.
bool may_start_guests(Context& context, bool jail);

/// "lock web: Device or resource busy" and other errors of a start in a person's words.
void explain_failure(Context& context, std::string_view guest, const Error& error);

} // namespace stead::cli
