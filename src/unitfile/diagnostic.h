#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "unitfile/specs.h"

namespace stead::unitfile {

enum class Severity : std::uint8_t { Error, Warning };

/// A line below a message. With a place it is a `note` that points somewhere else; without, a
/// `hint`, the way out.
struct Note {
    std::string text;
    Place place;
};

/// One mistake: where, what, and what would be right. Texts are short sentences without a full
/// stop.
struct Diagnostic {
    Place place;
    Severity severity = Severity::Error;
    std::string message;
    std::vector<Note> notes;
    /// The line the place is on, for the caret; empty where it is not known.
    std::string source_line;
};

/// Collects the mistakes of any number of files. Nobody stops at the first one. It remembers the
/// text of the files it was shown, so that whoever finds a mistake later, from a Place alone, gets
/// the source line too.
class Diagnostics {
public:
    /// More than this many mistakes of one file help nobody; the rest is counted, and said.
    static constexpr std::size_t kMaxPerFile = 100;

    /// Lends the text of `file` to later messages (copied).
    void remember(const std::string& file, std::string_view text);

    void add(Diagnostic diagnostic);
    void error(const Place& place, std::string message, std::vector<Note> notes = {});
    void warning(const Place& place, std::string message, std::vector<Note> notes = {});

    [[nodiscard]] bool empty() const { return all_.empty(); }

    [[nodiscard]] bool has_errors() const { return errors_ != 0; }

    /// How many errors there were, those beyond kMaxPerFile included.
    [[nodiscard]] std::size_t errors() const { return errors_; }

    [[nodiscard]] std::size_t warnings() const { return warnings_; }

    [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }

    /// Puts what was added from index `first` on into the order of the files' lines; messages of
    /// one place keep their order.
    void sort(std::size_t first = 0);

    /// The source line `place` is on; empty if its file was not remembered, or the line is too long
    /// to show.
    [[nodiscard]] std::string line_of(const Place& place) const;

private:
    std::vector<Diagnostic> all_;
    std::map<std::string, std::string, std::less<>> texts_;
    std::map<std::string, std::size_t, std::less<>> counts_;
    std::size_t errors_ = 0;
    std::size_t warnings_ = 0;
};

/// "FILE:LINE:COLUMN", as much of it as is known.
std::string render(const Place& place);

/// The message as a person reads it, each line ended by a newline. Control characters of hostile
/// files come out as `\xNN`, so no message can steer a terminal:
///
///     web.toml:2:11: error: restart is 'sometimes'; use no, on-failure or always
///     restart = "sometimes"
///               ^
std::string render(const Diagnostic& diagnostic);
std::string render(const Diagnostics& diagnostics);

} // namespace stead::unitfile
