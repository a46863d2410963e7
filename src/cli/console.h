#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stead::cli {

enum class Colour { None, Red, Green, Yellow, Dim, Bold };

/// Where a verb's words go: results to standard output, everything else to standard error. Colour
/// only where a person looks (a terminal, NO_COLOR unset). Text that came out of a guest goes
/// through `safe` first, so that no terminal escape of a guest reaches an operator's terminal.
class Console {
public:
    /// Does not own the streams.
    Console(std::FILE* out, std::FILE* err);

    /// Result text as it is.
    void out(std::string_view text);
    /// Result text and a newline.
    void line(std::string_view text);
    /// "stead: TEXT" on standard error: place, fact, way out.
    void error(std::string_view text);

    /// Errors begin with the text alone, for whoever passes them on under a name of his own.
    void speak_for_another() { speaker_ = {}; }

    /// A second line that says how to get further; indented below the error.
    void hint(std::string_view text);
    /// A remark on standard error, only where a person looks.
    void remark(std::string_view text);
    void json(const nlohmann::json& value);

    /// `text` in `colour` if results are shown on a terminal.
    [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

    [[nodiscard]] bool out_is_terminal() const { return out_terminal_; }

    [[nodiscard]] bool err_is_terminal() const { return err_terminal_; }

    [[nodiscard]] std::FILE* out_file() const { return out_; }

    [[nodiscard]] std::FILE* err_file() const { return err_; }

    /// Everything written has left the process; false if some of it was lost (a full disk).
    bool flush();

private:
    std::FILE* out_;
    std::FILE* err_;
    std::string_view speaker_ = "stead: ";
    bool out_terminal_ = false;
    bool err_terminal_ = false;
    bool colour_ = false;
};

/// Printable UTF-8 of `text`; every other byte becomes \xNN (tabs stay).
std::string safe(std::string_view text);

/// One place of a table.
struct Cell {
    std::string text;
    Colour colour = Colour::None;

    Cell() = default;

    // Implicit on purpose: most cells are plain text.
    Cell(std::string plain) // NOLINT(google-explicit-constructor)
        : text(std::move(plain)) {}

    Cell(const char* plain) // NOLINT(google-explicit-constructor)
        : text(plain) {}

    Cell(std::string_view plain) // NOLINT(google-explicit-constructor)
        : text(plain) {}

    Cell(std::string painted, Colour in)
        : text(std::move(painted))
        , colour(in) {}
};

/// Rows of equally many cells, columns aligned by characters, two spaces between, no trailing
/// blanks. The first row is the heading.
class Table {
public:
    explicit Table(std::vector<Cell> heading);

    void row(std::vector<Cell> cells);
    /// Without colours.
    [[nodiscard]] std::string render() const;
    /// With colours where a person looks.
    void print(Console& console) const;

private:
    [[nodiscard]] std::string render(const Console* console) const;

    std::vector<std::vector<Cell>> rows_;
};

/// The names nearest to `wanted` (by edits), best first, at most three; none that is far off.
std::vector<std::string> nearest(std::string_view wanted, const std::vector<std::string>& known);

} // namespace stead::cli
