#include "cli/stream_pump.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "sys/stream.h"

namespace stead::cli {

namespace {

/// A pipe that polls as writable takes this much without waiting (pipe(7), PIPE_BUF).
constexpr std::size_t kPiece = 4096;
constexpr int kPiecesPerTurn = 32;

} // namespace

void StreamPump::open(sys::UniqueFd from, sys::UniqueFd to) {
    from_ = std::move(from);
    to_ = std::move(to);
    ended_ = false;
    waiting_.clear();
}

void StreamPump::close() {
    from_.reset();
    to_.reset();
    waiting_.clear();
}

pollfd StreamPump::wants() const {
    if (!active()) return {-1, 0, 0};
    return waiting_.empty() ? pollfd{from_.get(), POLLIN, 0} : pollfd{to_.get(), POLLOUT, 0};
}

bool StreamPump::fill() {
    if (ended_ || !sys::is_readable(from_.get(), 0)) return false;
    std::array<char, kPiece> piece;
    const auto got = sys::read_some(from_.get(), piece);
    if (!got && got.error().code == EAGAIN) return false;
    // A pty's master answers EIO once nobody holds its other side.
    if (!got || *got == 0) {
        ended_ = true;
        return false;
    }
    waiting_.assign(piece.data(), *got);
    return true;
}

bool StreamPump::drain() {
    if (!sys::is_writable(to_.get())) return false;
    const auto taken = sys::write_some(to_.get(), waiting_);
    if (!taken && taken.error().code == EAGAIN) return false;
    if (!taken) {
        close();
        return false;
    }
    waiting_.erase(0, *taken);
    return true;
}

void StreamPump::pump() {
    for (int piece = 0; piece < kPiecesPerTurn && active(); ++piece) {
        if (!(waiting_.empty() ? fill() : drain())) break;
    }
    if (active() && ended_ && waiting_.empty()) close();
}

} // namespace stead::cli
