#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace stead::images {

/// What became of a piece of work, for the person who asked: the first thing that went wrong with a
/// way out, and what was left out on purpose. Texts may hold bytes of an archive: who prints them
/// makes them safe.
class Report {
public:
    /// Keeps the first failure; always false, so that it can be returned.
    bool fail(std::string text, std::string hint = {}) {
        if (!failed_) {
            text_ = std::move(text);
            hint_ = std::move(hint);
        }
        failed_ = true;
        return false;
    }

    /// "usr/bin/env: write: No space left on device".
    bool fail(std::string_view what, const Error& error, std::string hint = {}) {
        std::string text(what);
        if (!text.empty()) text += ": ";
        text += describe(error).view();
        if (hint.empty() && error.code == ENOSPC) hint = "nothing is kept of it; make room first";
        return fail(std::move(text), std::move(hint));
    }

    void note(std::string text) { notes_.push_back(std::move(text)); }

    [[nodiscard]] bool failed() const { return failed_; }

    [[nodiscard]] const std::string& text() const { return text_; }

    [[nodiscard]] const std::string& hint() const { return hint_; }

    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

private:
    bool failed_ = false;
    std::string text_;
    std::string hint_;
    std::vector<std::string> notes_;
};

} // namespace stead::images
