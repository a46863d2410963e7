#include "init/control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "init/keeper.h"
#include "init/mailbox.h"
#include "init/requests.h"
#include "init/status.h"
#include "init/transient.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

constexpr int kAcceptedPerTurn = 8;
constexpr Duration kPatience = 10_s;

std::size_t index_of(const Supervisor& self, const Client& client) {
    return static_cast<std::size_t>(&client - self.clients.data());
}

/// Who may be sent away for a newcomer: idle ones first, then those that only look.
int worth(const Client& client) {
    if (client.blocked) return 0;
    if (client.pending == Pending::None) return 1;
    return client.commands ? 3 : 2;
}

bool has_left(const Client& client) {
    pollfd state{.fd = client.fd.get(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&state, 1, 0) == 1;
}

std::size_t count_clients(const Supervisor& self, bool host) {
    return static_cast<std::size_t>(
        std::count_if(self.clients.begin(), self.clients.end(),
                      [&](const Client& client) { return client.fd && client.host == host; }));
}

/// Who has left holds no place that somebody else could have. What it asked for is still done.
void let_go_who_left(Supervisor& self, bool host) {
    for (Client& client : self.clients) {
        if (!client.fd || client.host != host || !has_left(client)) continue;
        serve_client(self, client, EPOLLIN);
        drop_client(self, client);
    }
}

/// A place for a new client of this kind; null if everybody else is worth more.
Client* find_place(Supervisor& self, bool host) {
    const std::size_t limit = host ? kMaxClients - kMaxGuestClients : kMaxGuestClients;
    if (count_clients(self, host) >= limit) let_go_who_left(self, host);
    std::size_t of_kind = 0;
    Client* free = nullptr;
    Client* least = nullptr;
    for (Client& client : self.clients) {
        if (!client.fd) {
            if (free == nullptr) free = &client;
            continue;
        }
        if (client.host != host) continue;
        ++of_kind;
        const bool less = least == nullptr || worth(client) < worth(*least) ||
                          (worth(client) == worth(*least) && client.heard < least->heard);
        if (less) least = &client;
    }
    if (free != nullptr && of_kind < limit) return free;
    if (least == nullptr || worth(*least) >= 3) return nullptr;
    drop_client(self, *least);
    return least;
}

void welcome(Supervisor& self, sys::UniqueFd fd, bool host) {
    const auto peer = sys::peer_credentials(fd.get());
    if (!peer) return;
    Client* client = find_place(self, host);
    if (client == nullptr) return; // Closing the connection says so.
    *client = {};
    client->fd.take(std::move(fd));
    client->host = host;
    // Host root is a stranger's uid inside a guest's user namespace, so the host's own listener is
    // the credential there; the guest's listener asks for the guest's root.
    client->commands = host || peer->uid == 0 || (!self.launched && peer->uid == ::geteuid());
    client->heard = sys::now();
    const auto watched = sys::watch(self.epoll.get(), client->fd.get(), EPOLLIN | EPOLLRDHUP,
                                    event_data(Source::Client, index_of(self, *client)));
    if (!watched) client->fd.close();
}

/// Without a free descriptor a connection can be neither taken nor left: it would wake the loop for
/// ever. The least worthy client makes room, else a descriptor kept for this serves to refuse it.
void make_room(Supervisor& self, int listener) {
    Client* least = nullptr;
    for (Client& client : self.clients) {
        if (client.fd && (least == nullptr || worth(client) < worth(*least))) least = &client;
    }
    if (least != nullptr) return drop_client(self, *least);
    self.reserve.close();
    { const auto refused = sys::accept_from(listener); }
    self.reserve.take(sys::UniqueFd(::fcntl(self.epoll.get(), F_DUPFD_CLOEXEC, 3)));
}

/// Takes a request in.
void hear_client(Supervisor& self, Client& client) {
    const auto buffer = self.received;
    begin_mail(self, Source::Client, index_of(self, client));
    auto record = sys::receive(client.fd.get(), buffer, self.mailbox.control);
    const std::size_t size = record ? record->size : 0;
    if (record) {
        // An empty or broken record is no client of ours.
        const auto message = wire::Reader::open(std::span(buffer).first(size));
        client.heard = sys::now();
        if (record->truncated || !message) {
            drop_client(self, client);
        } else {
            obey_request(self, client, *message, *record);
        }
    } else if (record.error().code != EAGAIN && record.error().code != EINTR) {
        drop_client(self, client);
    }
    end_mail(self, size);
}

} // namespace

wire::Writer begin_message(Supervisor& self, wire::Kind kind) {
    return {self.scratch->sent, kind};
}

bool send_to(Supervisor& self,
             Client& client,
             wire::Writer& message,
             std::span<const int> descriptors) {
    if (!client.fd) return false;
    const auto sent = sys::send(client.fd.get(), message.bytes(), descriptors);
    if (sent) return true;
    if (sent.error().code != EAGAIN && sent.error().code != ENOBUFS) drop_client(self, client);
    return false;
}

namespace {

void end_request(Supervisor& self,
                 Client& client,
                 int code,
                 const char* text,
                 std::span<const int> descriptors) {
    std::array<std::byte, 768> buffer;
    wire::Writer end(buffer, wire::Kind::End);
    end.number(wire::Tag::Code, code);
    // Texts are PID 1's own and short.
    if (*text != '\0') end.text(wire::Tag::Text, text);
    client.pending = Pending::None;
    client.blocked = false;
    if (!send_to(self, client, end, descriptors)) return drop_client(self, client);
    watch_client(self, client);
}

} // namespace

void answer(Supervisor& self, Client& client, int code, const char* text) {
    end_request(self, client, code, text, {});
}

void answer(Supervisor& self, Client& client, const Error& error) {
    answer(self, client, kCouldNot, describe(error).c_str());
}

void answer_with(Supervisor& self, Client& client, int descriptor) {
    end_request(self, client, kDone, "", std::span(&descriptor, 1));
}

void drop_client(Supervisor& self, Client& client) {
    if (!client.fd) return;
    if (client.pending == Pending::Exec) transient_abandoned(self, client.transient);
    client.fd.close();
    client = {};
}

void watch_client(Supervisor& self, Client& client) {
    if (!client.fd) return;
    std::uint32_t events = EPOLLRDHUP;
    if (client.pending == Pending::None || client.pending == Pending::Exec) events |= EPOLLIN;
    if (client.blocked) events |= EPOLLOUT;
    (void)sys::change_watch(self.epoll.get(), client.fd.get(), events,
                            event_data(Source::Client, index_of(self, client)));
}

namespace {

/// The request in the mailbox was read, and may have been obeyed or not.
void resume_request(Supervisor& self) {
    const Mailbox& mail = self.mailbox;
    if (mail.source != Source::Client || mail.index >= self.clients.size()) return;
    Client& client = self.clients[mail.index];
    const auto buffer = self.received;
    const std::size_t size = wire::message_size(buffer);
    const auto message = wire::Reader::open(buffer.first(std::min(size, buffer.size())));
    if (client.fd && message) {
        auto record = sys::open_control(self.mailbox.control);
        record.size = size;
        const bool told = self.mail_told;
        const bool waits = client.pending == Pending::Settle;
        // What the engine was told it has taken in; only the answer may be missing.
        if (!told && (waits || client.pending == Pending::None)) {
            client.pending = Pending::None;
            obey_request(self, client, *message, record);
        } else if (told && client.pending == Pending::None) {
            answer(self, client, kDone);
        }
    }
    clear_mail(self);
}

} // namespace

void resume_clients(Supervisor& self) {
    for (Client& client : self.clients) {
        if (!client.fd) continue;
        (void)sys::watch(self.epoll.get(), client.fd.get(), EPOLLRDHUP,
                         event_data(Source::Client, index_of(self, client)));
    }
    resume_request(self);
    for (Client& client : self.clients) {
        if (client.fd && client.pending == Pending::Status && !client.blocked)
            continue_status(self, client);
        watch_client(self, client);
    }
    self.changed = true;
}

void accept_clients(Supervisor& self, bool host) {
    const SlotFd& listener = host ? self.host_listener : self.guest_listener;
    for (int count = 0; count < kAcceptedPerTurn; ++count) {
        auto fd = sys::accept_from(listener.get());
        if (fd) {
            welcome(self, std::move(*fd), host);
            continue;
        }
        const int code = fd.error().code;
        if (code == EMFILE || code == ENFILE) make_room(self, listener.get());
        if (code != ECONNABORTED) return;
    }
}

void serve_client(Supervisor& self, Client& client, std::uint32_t events) {
    if (!client.fd) return;
    if ((events & EPOLLOUT) != 0 && client.blocked) {
        client.blocked = false;
        continue_status(self, client);
    }
    if (!client.fd) return;
    const bool listens = client.pending == Pending::None || client.pending == Pending::Exec;
    if ((events & EPOLLIN) != 0 && listens) {
        return hear_client(self, client);
    }
    // The event may be about somebody who had this place earlier in the same turn.
    const bool gone = (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
    if (gone && has_left(client)) drop_client(self, client);
}

namespace {

/// A process that was killed may need a while to end; until then its unit only seems to be up.
bool is_dying(const Supervisor& self, UnitId unit) {
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.killed && (unit == kNoUnit || child.unit == unit)) return true;
    }
    return false;
}

} // namespace

void settle_clients(Supervisor& self) {
    self.changed = false;
    for (Client& client : self.clients) {
        if (!client.fd || client.pending != Pending::Settle) continue;
        const bool settled = client.unit == kNoUnit ? self.engine->boot_settled()
                                                    : self.engine->settled(client.unit);
        if (settled && !is_dying(self, client.unit)) finish_request(self, client);
    }
}

void announce_change(Supervisor& self, UnitId unit) {
    if (self.engine->view(unit).state == UnitState::Failed) tell_failed(self, unit);
    for (Client& client : self.clients) {
        if (!client.fd || client.pending != Pending::Watch) continue;
        if (client.unit != kNoUnit && client.unit != unit) continue;
        // Who cannot keep up would miss changes: a closed connection says so, silence would not.
        if (!send_unit(self, client, unit)) drop_client(self, client);
    }
}

Instant client_deadline(const Supervisor& self) {
    Instant next = Instant::never();
    for (const Client& client : self.clients) {
        if (client.fd && client.blocked) next = earlier(next, client.heard + kPatience);
    }
    return next;
}

void drop_stalled_clients(Supervisor& self) {
    const Instant now = sys::now();
    for (Client& client : self.clients) {
        if (client.fd && client.blocked && client.heard + kPatience <= now)
            drop_client(self, client);
    }
}

} // namespace stead::init
