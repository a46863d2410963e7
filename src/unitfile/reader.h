#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unitfile/diagnostic.h"
#include "unitfile/environment_file.h"
#include "unitfile/layers.h"
#include "unitfile/specs.h"

/// Reads unit and guest files: text in, rich specs and every mistake with its place out. It refuses
/// to resolve anything: no user, capability, system call, program or other unit is looked up here,
/// and apart from the `load_` functions nothing touches the system.
namespace stead::unitfile {

/// No unit or guest file is larger.
inline constexpr std::size_t kMaxFileSize = 1U << 20U;

enum class Kind : std::uint8_t { Unit, Guest };

/// What a file is, by its keys: `command` or `type` make a unit; `root`, `image`, `profile` or
/// `[unit.NAME]` a guest. Text that is no TOML, or has neither, counts as a unit.
Kind kind_of(std::string_view text);

/// The spec of one unit file, or nothing and at least one error in `diagnostics`. `file` is the
/// name messages use, `name` the unit's. A template is read as its instance "instance". Neither
/// drop-ins nor environment files are looked for.
std::optional<UnitSpec> read_unit(std::string_view text,
                                  const std::string& file,
                                  const std::string& name,
                                  Diagnostics& diagnostics);

/// The spec of one guest file. A mistake in one [unit.NAME] refuses the whole guest.
std::optional<GuestSpec> read_guest(std::string_view text,
                                    const std::string& file,
                                    const std::string& name,
                                    Diagnostics& diagnostics);

/// The same of a guest file with its drop-ins laid over it.
std::optional<GuestSpec> read_guest_layers(const Layers& layers,
                                           const std::string& file,
                                           const std::string& name,
                                           Diagnostics& diagnostics);

/// The drop-ins of the guest file `path`: PATH.d/*.toml in the order of their names. A folder that
/// is not there has none; hidden files are not counted.
std::vector<std::string> guest_drop_ins(const std::string& path, Diagnostics& diagnostics);

/// A jail around one unit, as `stead run nginx.toml` makes it.
GuestSpec jail_of(UnitSpec unit);

/// "web" of "/etc/stead/units/web.toml".
std::string name_of_file(std::string_view path);

/// The text of a regular file of at most kMaxFileSize bytes of UTF-8. A FIFO, a folder, a device, a
/// larger file, an unreadable one: an error, never a wait.
std::optional<std::string> load_text(const std::string& path, Diagnostics& diagnostics);

std::optional<UnitSpec> load_unit(const std::string& path, Diagnostics& diagnostics);

/// A key of a guest file with its drop-ins laid over it: its full name, its value as TOML, and
/// where that stands.
struct EffectiveKey {
    std::string name;
    std::string value;
    Place place;
};

/// In the order of the file; nothing, and an error, if one of the files cannot be read.
std::optional<std::vector<EffectiveKey>> effective_keys(const std::string& path,
                                                        Diagnostics& diagnostics);

/// With its drop-ins laid over it; `text`, if given, is what to read in place of the file's own.
std::optional<GuestSpec>
load_guest(const std::string& path, Diagnostics& diagnostics, const std::string* text = nullptr);

/// Whether the guest's file or one of its drop-ins may set the key `key`, told by their text alone:
/// no is certain, yes is not. For who looks for few guests among hundreds: to read one takes more
/// than ten times as long.
bool may_set(const std::string& path, std::string_view key);

/// A unit file that was left out, and why in one line (its first error).
struct RejectedUnit {
    std::string name;
    std::string message;
};

/// A unit's text that comes from no file of the searched folders.
struct UnitText {
    std::string name;
    /// What messages call it.
    std::string source;
    std::string text;
};

struct UnitFolders {
    std::vector<UnitSpec> units;
    std::vector<RejectedUnit> rejected;
    /// The folders that exist; none of them is an error of the caller's to word.
    std::vector<std::string> searched;
};

/// All units of `folders`, sorted by name. The first folder that has a file of a name wins, also
/// when that file is wrong: it is reported and left out, the others load. A missing folder is
/// skipped.
///
/// Over each file its drop-ins are laid: NAME.toml.d/*.toml of all folders, in the order of their
/// names; of equal names the first folder's. A template NAME@.toml (with its NAME@.toml.d) becomes
/// an instance for each of its `instances`, and for each instance that another unit requires,
/// wants, binds to or starts by [on]; these are not enabled. An instance's own file or drop-ins go
/// before and over the template's. `environment` reads environment files; without it they are left
/// unread. `others` come behind the last folder: a file of the same name, or one that is called so
/// by its alias, wins over one of them.
UnitFolders load_unit_folders(const std::vector<std::string>& folders,
                              Diagnostics& diagnostics,
                              const FileReader& environment = {},
                              const std::vector<UnitText>& others = {});

/// One unit from its file and drop-ins.
std::optional<UnitSpec> read_unit_layers(const Layers& layers,
                                         const std::string& file,
                                         const std::string& name,
                                         const FileReader& environment,
                                         Diagnostics& diagnostics);

/// The `instances` of the template `name`; nothing if an instance of it would have a mistake.
std::optional<TextList> read_template(const Layers& layers,
                                      const std::string& file,
                                      const std::string& name,
                                      const FileReader& environment,
                                      Diagnostics& diagnostics);

} // namespace stead::unitfile
