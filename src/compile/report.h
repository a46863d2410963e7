#pragma once

#include <string>
#include <utility>
#include <vector>

#include "unitfile/diagnostic.h"

namespace stead::compile {

/// Passes the mistakes of one unit or guest on, and remembers the first as the one line that
/// `status` shows.
class Report {
public:
    explicit Report(unitfile::Diagnostics& diagnostics)
        : diagnostics_(diagnostics) {}

    void error(const unitfile::Place& place,
               std::string message,
               std::vector<unitfile::Note> notes = {}) {
        if (first_.empty()) {
            first_ = unitfile::render(place);
            first_ += (first_.empty() ? "" : ": ") + message;
        }
        diagnostics_.error(place, std::move(message), std::move(notes));
    }

    void warning(const unitfile::Place& place, std::string message) {
        diagnostics_.warning(place, std::move(message));
    }

    [[nodiscard]] bool failed() const { return !first_.empty(); }

    /// The first mistake with its place; empty if there was none.
    [[nodiscard]] const std::string& first() const { return first_; }

private:
    unitfile::Diagnostics& diagnostics_;
    std::string first_;
};

/// `place`, or where there is none (a default), `otherwise`.
inline const unitfile::Place& or_place(const unitfile::Place& place,
                                       const unitfile::Place& otherwise) {
    return place.file.empty() ? otherwise : place;
}

} // namespace stead::compile
