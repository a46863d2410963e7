#pragma once

#include <cstddef>
#include <map>
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

    /// The files that positions of layer 1 and above are in.
    void set_layers(const std::vector<std::string>& files) { layers_ = &files; }

    [[nodiscard]] Place at(Position position) const {
        const bool own = position.layer == 0 || layers_ == nullptr;
        return {own ? file_ : (*layers_)[position.layer - 1], position.line, position.column};
    }

    void error(Position position, std::string message, std::vector<Note> notes = {});
    void error_at(const Place& place, std::string message, std::vector<Note> notes = {});

    /// The position of byte `offset` of a string's content, where the file spells it as it is;
    /// else of the string.
    [[nodiscard]] Position inside(const Node& text, std::size_t offset) const;

    /// The variables of an environment file; see environment_file.h.
    bool read_variables(std::string_view text,
                        const std::string& file,
                        std::map<std::string, std::string>& variables);

    [[nodiscard]] bool failed() const { return errors_ != 0; }

    /// So many mistakes that no more are shown: hints are not worth their time.
    [[nodiscard]] bool crowded() const { return errors_ > Diagnostics::kMaxPerFile; }

    [[nodiscard]] const std::string& file() const { return file_; }

private:
    const std::string& file_;
    Diagnostics& diagnostics_;
    const std::vector<std::string>* layers_ = nullptr;
    std::size_t errors_ = 0;
};

/// A value as messages show it: 'text', 30, true, a list.
std::string shown(const Node& node);

/// "a, b or c"
std::string either(const std::vector<std::string>& words, std::string_view last_separator = " or ");

} // namespace stead::unitfile
