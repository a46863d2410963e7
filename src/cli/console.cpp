#include "cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include <nlohmann/json.hpp>

#include "base/printable.h"

namespace stead::cli {

namespace {

std::string_view escape_of(Colour colour) {
    switch (colour) {
    case Colour::None:
        return "";
    case Colour::Red:
        return "\x1b[31m";
    case Colour::Green:
        return "\x1b[32m";
    case Colour::Yellow:
        return "\x1b[33m";
    case Colour::Dim:
        return "\x1b[2m";
    case Colour::Bold:
        return "\x1b[1m";
    }
    return "";
}

bool wants_colour() {
    // One thread, and nobody changes the environment.
    const char* no_colour = std::getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe)
    const char* term = std::getenv("TERM");          // NOLINT(concurrency-mt-unsafe)
    if (no_colour != nullptr && *no_colour != '\0') return false;
    return term != nullptr && std::string_view(term) != "dumb";
}

void write(std::FILE* to, std::string_view text) {
    if (text.empty()) return; // It may have no address, which fwrite must be given.
    // A lost byte shows in the stream's error flag, which flush() reports.
    (void)std::fwrite(text.data(), 1, text.size(), to);
}

/// Columns on a terminal, near enough: one per character.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char letter) {
        return (static_cast<unsigned char>(letter) & 0xc0U) != 0x80;
    }));
}

/// How many letters must be replaced, added, left out or swapped with their neighbour.
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> above(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::vector<std::size_t> row(b.size() + 1);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = std::move(above);
        above = std::move(row);
    }
    return above[b.size()];
}

} // namespace

Console::Console(std::FILE* out, std::FILE* err)
    : out_(out)
    , err_(err)
    , out_terminal_(::isatty(::fileno(out)) == 1)
    , err_terminal_(::isatty(::fileno(err)) == 1)
    , colour_(out_terminal_ && wants_colour()) {}

void Console::out(std::string_view text) {
    write(out_, text);
}

void Console::line(std::string_view text) {
    write(out_, text);
    write(out_, "\n");
}

void Console::error(std::string_view text) {
    // Results first, so that a terminal shows both in the order they came about.
    (void)std::fflush(out_);
    write(err_, speaker_);
    write(err_, text);
    write(err_, "\n");
}

void Console::hint(std::string_view text) {
    write(err_, "  ");
    write(err_, text);
    write(err_, "\n");
}

void Console::remark(std::string_view text) {
    if (!err_terminal_) return;
    (void)std::fflush(out_);
    write(err_, text);
    write(err_, "\n");
}

void Console::json(const nlohmann::json& value) {
    // Bytes that are no UTF-8 become U+FFFD instead of an exception.
    line(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string Console::paint(Colour colour, std::string_view text) const {
    if (!colour_ || colour == Colour::None) return std::string(text);
    return std::string(escape_of(colour)).append(text).append("\x1b[0m");
}

bool Console::flush() {
    const bool out_well = std::fflush(out_) == 0 && std::ferror(out_) == 0;
    (void)std::fflush(err_);
    return out_well;
}

std::string safe(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = printable_length(text);
        if (length > 0) {
            result.append(text.substr(0, length));
            text.remove_prefix(length);
            continue;
        }
        const auto byte = static_cast<unsigned char>(text.front());
        result.append("\\x");
        result.push_back(kHexDigits[byte >> 4U]);
        result.push_back(kHexDigits[byte & 0x0fU]);
        text.remove_prefix(1);
    }
    return result;
}

Table::Table(std::vector<Cell> heading) {
    rows_.push_back(std::move(heading));
}

void Table::row(std::vector<Cell> cells) {
    cells.resize(rows_.front().size());
    rows_.push_back(std::move(cells));
}

std::string Table::render() const {
    return render(nullptr);
}

void Table::print(Console& console) const {
    console.out(render(&console));
}

std::string Table::render(const Console* console) const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& cells : rows_) {
        for (std::size_t column = 0; column < cells.size(); ++column)
            widths[column] = std::max(widths[column], width(cells[column].text));
    }
    std::string text;
    for (const auto& cells : rows_) {
        std::string line;
        std::size_t blanks = 0;
        for (std::size_t column = 0; column < cells.size(); ++column) {
            const Cell& cell = cells[column];
            // Blanks wait for the next text, so that no line ends with one.
            if (!cell.text.empty()) {
                line.append(blanks, ' ');
                blanks = 0;
                line.append(console != nullptr ? console->paint(cell.colour, cell.text)
                                               : cell.text);
            }
            blanks += widths[column] - width(cell.text) + 2;
        }
        text.append(line).append("\n");
    }
    return text;
}

std::vector<std::string> nearest(std::string_view wanted, const std::vector<std::string>& known) {
    std::vector<std::pair<std::size_t, std::string>> found;
    for (const std::string& name : known) {
        const std::size_t distance = edits(wanted, name);
        const bool begins = wanted.size() >= 2 && name.starts_with(wanted);
        if (begins || distance <= std::max<std::size_t>(1, (wanted.size() + 2) / 3))
            found.emplace_back(begins ? 0 : distance, name);
    }
    std::sort(found.begin(), found.end());
    if (found.size() > 3) found.resize(3);
    std::vector<std::string> names;
    names.reserve(found.size());
    for (auto& [distance, name] : found)
        names.push_back(std::move(name));
    return names;
}

} // namespace stead::cli
