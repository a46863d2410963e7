#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "unitfile/command_line.h"
#include "unitfile/keys.h"
#include "unitfile/report.h"

namespace stead::unitfile {

/// The position of a word in its key's list of words: the same as its enumerator's.
struct WordIndex {
    std::size_t index = 0;
};

struct SizeValue {
    std::uint64_t bytes = 0;
};

struct SignalValue {
    std::uint8_t number = 0;
};

struct ModeValue {
    std::uint32_t mode = 0;
};

struct OutputValue {
    OutputKind kind = OutputKind::Log;
    std::string target;
    /// error = "output"
    bool follows_output = false;
};

struct IdRangeValue {
    UsersKind kind = UsersKind::Private;
    std::uint32_t first = 0;
    std::uint32_t count = 65536;
};

/// What a key's text means, by the key's type.
using Value = std::variant<bool,
                           std::int64_t,
                           double,
                           Text,
                           WordIndex,
                           Duration,
                           SizeValue,
                           SignalValue,
                           ModeValue,
                           TextList,
                           ListSpec,
                           ExitSet,
                           Argv,
                           std::vector<Argv>,
                           std::vector<StopStep>,
                           OutputValue,
                           std::map<std::string, std::string>,
                           std::vector<BindSpec>,
                           IdRangeValue,
                           NumberPairs,
                           RlimitSpec,
                           LevelSpec,
                           LandlockSpec>;

/// A key as it was found in a file. `name` is how messages call it: "restart.delay", or "restart"
/// where the main key stands for its table.
struct FoundKey {
    const Key* key = nullptr;
    std::string name;
    const Node* value = nullptr;
};

/// Turns values into what they mean. Every mistake is reported; then there is no value.
class ValueReader {
public:
    /// `scope` outlives the reader; its environment may still be filled.
    ValueReader(Reporter& reporter, const Scope& scope)
        : reporter_(reporter)
        , scope_(scope) {}

    std::optional<Value> read(const FoundKey& found);

private:
    std::optional<Value> read_scalar(const FoundKey& found);
    std::optional<Value> read_text(const FoundKey& found);
    std::optional<Value> read_list(const FoundKey& found);
    std::optional<Value> read_limit(const FoundKey& found);

    std::optional<Value> read_integer(const FoundKey& found);
    std::optional<Value> read_number(const FoundKey& found);
    std::optional<Value> read_word(const FoundKey& found);
    std::optional<Value> read_duration(const FoundKey& found);
    std::optional<Value> read_size(const FoundKey& found);
    std::optional<Value> read_signal(const FoundKey& found);
    std::optional<Value> read_mode(const FoundKey& found);
    std::optional<Value> read_output(const FoundKey& found);
    std::optional<Value> read_id_range(const FoundKey& found);
    std::optional<Value> read_exit_codes(const FoundKey& found);
    std::optional<Value> read_commands(const FoundKey& found);
    std::optional<Value> read_schedule(const FoundKey& found);
    std::optional<Value> read_environment(const FoundKey& found);
    std::optional<Value> read_binds(const FoundKey& found);
    std::optional<Value> read_exit_map(const FoundKey& found);
    std::optional<Value> read_signal_map(const FoundKey& found);
    std::optional<Value> read_landlock(const FoundKey& found);
    std::optional<Value> read_instances(const FoundKey& found);

    /// One argv; empty: there was a mistake, or an empty list.
    std::optional<Argv> command(const FoundKey& found, const Node& node);
    std::optional<Argv>
    expanded_words(const FoundKey& found, const Node& node, const SplitCommand& split);
    std::optional<Argv> argument_list(const FoundKey& found, const Node& node);
    std::optional<BindSpec> bind(const Node& node);
    bool add_exit(ExitSet& set, const FoundKey& found, const Node& node);
    std::optional<StopStep> step(const FoundKey& found, const Node& node, bool is_last);

    /// The text with its replacements, where the key has them.
    std::optional<std::string> expanded(const FoundKey& found, const Node& node);

    /// Says "NAME is VALUE; WAY OUT" and returns nothing.
    std::nullopt_t refuse(const FoundKey& found, const Node& node, std::string_view way_out);

    Reporter& reporter_;
    const Scope& scope_;
};

/// What is wrong with the text of a value or item of this type, as it goes on after "NAME is
/// 'TEXT'"; empty if nothing is.
std::string form_problem(KeyType type, std::string_view text);

} // namespace stead::unitfile
