#include "cli/image_words.h"

#include <cstdio>

namespace stead::cli {

ProgressLine::ProgressLine(const Console& console, std::string name)
    : console_(console)
    , name_(std::move(name)) {}

void ProgressLine::show(std::string_view line) {
    if (!console_.err_is_terminal()) return;
    shown_ = true;
    const std::string text = "\r" + safe(name_) + ": " + safe(line) + "\x1b[K";
    (void)std::fwrite(text.data(), 1, text.size(), console_.err_file());
    (void)std::fflush(console_.err_file());
}

void ProgressLine::clear() {
    if (!shown_) return;
    shown_ = false;
    (void)std::fputs("\r\x1b[K", console_.err_file());
    (void)std::fflush(console_.err_file());
}

} // namespace stead::cli
