#include "keep/screen.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fixed_string.h"
#include "keep/lines.h"
#include "sys/file.h"
#include "sys/stream.h"
#include "sys/terminal.h"

namespace stead::keep {

namespace {

/// A pipe that polls as writable takes this much without waiting (pipe(7), PIPE_BUF).
constexpr std::size_t kSafeWrite = 4096;

} // namespace

void Screen::open(int fd) {
    fd_ = fd;
    const auto status = sys::status_at(fd, "", AT_EMPTY_PATH);
    regular_ = status && S_ISREG(status->st_mode);
    if (!sys::is_terminal(fd)) return;
    // A stopped terminal (Ctrl-S) would hold us in write(2).
    FixedString<32> path{"/proc/self/fd/"};
    path.append_number(fd);
    auto own = sys::open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK);
    if (!own) return; // poll(2) before each write is nearly as good
    own_ = std::move(*own);
    fd_ = own_.get();
}

bool Screen::put(std::string_view prefix, std::string_view text) {
    const std::size_t most = prefix.size() + 4 * text.size() + 1;
    if (end_ + most > kCapacity && start_ > 0) {
        std::memmove(waiting_.data(), waiting_.data() + start_, end_ - start_);
        end_ -= start_;
        start_ = 0;
    }
    if (end_ + most > kCapacity) return false;
    if (!prefix.empty()) std::memcpy(waiting_.data() + end_, prefix.data(), prefix.size());
    end_ += prefix.size();
    end_ += escape_into(std::span(waiting_).subspan(end_), text);
    waiting_[end_++] = '\n';
    return true;
}

void Screen::line(std::string_view prefix, std::string_view text) {
    if (gone_ || fd_ < 0) return;
    if (lost_ > 0) {
        FixedString<64> mark{"["};
        mark.append_number(static_cast<long long>(lost_)).append(" lines not shown]");
        if (!put({}, mark.view())) {
            ++lost_;
            return;
        }
        lost_ = 0;
    }
    if (!put(prefix, text.substr(0, kMaxLine))) ++lost_;
}

bool Screen::flush() {
    while (start_ < end_ && !gone_) {
        if (!regular_ && !sys::is_writable(fd_)) return false;
        const std::size_t size = std::min(end_ - start_, kSafeWrite);
        const auto taken = sys::write_some(fd_, {waiting_.data() + start_, size});
        if (!taken && taken.error().code == EAGAIN) return false;
        if (!taken && taken.error().code != EINTR) gone_ = true;
        if (taken) start_ += *taken;
    }
    start_ = 0;
    end_ = 0;
    return true;
}

} // namespace stead::keep
