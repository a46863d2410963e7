#include "keep/relay.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "sys/stream.h"

namespace stead::keep {

namespace {

/// Then the loop looks at its other descriptors.
constexpr int kPiecesPerTurn = 32;

} // namespace

void Relay::open(sys::UniqueFd from, sys::UniqueFd to) {
    from_ = std::move(from);
    to_ = std::move(to);
    ended_ = false;
    start_ = 0;
    end_ = 0;
}

void Relay::close() {
    from_.reset();
    to_.reset();
    start_ = 0;
    end_ = 0;
}

bool Relay::fill() {
    if (ended_ || !sys::is_readable(from_.get(), 0)) return false;
    const auto got = sys::read_some(from_.get(), buffer_);
    if (!got && got.error().code == EAGAIN) return false;
    // A pty's master answers EIO once nobody holds its other side.
    if (!got || *got == 0) {
        ended_ = true;
        return false;
    }
    start_ = 0;
    end_ = *got;
    return true;
}

bool Relay::drain() {
    if (!sys::is_writable(to_.get())) return false;
    const auto taken = sys::write_some(to_.get(), {buffer_.data() + start_, end_ - start_});
    if (!taken && taken.error().code == EAGAIN) return false;
    if (!taken) {
        close();
        return false;
    }
    start_ += *taken;
    return true;
}

void Relay::pump() {
    for (int piece = 0; piece < kPiecesPerTurn && active(); ++piece) {
        const bool moved = start_ < end_ ? drain() : fill();
        if (!moved) break;
    }
    if (active() && ended_ && start_ == end_) close();
}

Relay::Wants Relay::wants() const {
    if (!active()) return Wants::Nothing;
    return start_ < end_ ? Wants::Output : Wants::Input;
}

} // namespace stead::keep
