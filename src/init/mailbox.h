#pragma once

#include <algorithm>

#include "init/supervisor.h"
#include "sys/memory.h"

namespace stead::init {

/// What is read next is of `source`, and counts as not obeyed until `end_mail`.
inline void begin_mail(Supervisor& self, Source source, std::size_t index = 0) {
    Mailbox& mail = self.mailbox;
    mail.index = static_cast<std::uint32_t>(index);
    mail.events = self.engine ? self.engine->events() : 0;
    order_stores();
    mail.source = source;
    order_stores();
}

/// It has been obeyed. `size` bytes of the received text and all control data become zeros again,
/// which tells a read that never happened from one whose size was lost.
inline void end_mail(Supervisor& self, std::size_t size = 0) {
    Mailbox& mail = self.mailbox;
    mail.source = Source::Timer;
    order_stores();
    const auto text = self.received;
    std::fill_n(text.begin(), std::min(size, text.size()), std::byte{0});
    mail.control.fill(std::byte{0});
    mail.text.fill(std::byte{0});
}

/// The same when it is not known how much was received.
inline void clear_mail(Supervisor& self) {
    self.mailbox.source = Source::Timer;
    order_stores();
    end_mail(self, sys::give_back(self.received) ? 0 : self.received.size());
}

} // namespace stead::init
