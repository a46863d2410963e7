#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "unitfile/document.h"

namespace stead::unitfile {

/// The complaints about one file: adds its name to positions, and knows whether there were any.
class Reporter {
public:
    Reporter(const std::string& file, Diagnostics& diagnostics)
        : file_(file)
        , diagnostics_(diagnostics) {}

    [[nodiscard]] Place at(Position position) const {
        return {file_, position.line, position.column};
    }

    void error(Position position, std::string message, std::vector<Note> notes = {});

    /// The position of byte `offset` of a string's content, where the file spells it as it is;
    /// else of the string.
    [[nodiscard]] Position inside(const Node& text, std::size_t offset) const;

    [[nodiscard]] bool failed() const { return errors_ != 0; }

    /// So many mistakes that no more are shown: hints are not worth their time.
    [[nodiscard]] bool crowded() const { return errors_ > Diagnostics::kMaxPerFile; }

    [[nodiscard]] const std::string& file() const { return file_; }

private:
    const std::string& file_;
    Diagnostics& diagnostics_;
    std::size_t errors_ = 0;
};

/// A value as messages show it: 'text', 30, true, a list.
std::string shown(const Node& node);

/// "a, b or c"
std::string either(const std::vector<std::string>& words, std::string_view last_separator = " or ");

} // namespace stead::unitfile
