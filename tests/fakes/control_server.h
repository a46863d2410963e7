#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sys/unique_fd.h"
#include "sys/unix_socket.h"
#include "wire/message.h"

namespace stead::fakes {

/// One client of the fake server. Sends block until the client takes them or is gone.
class Connection {
public:
    explicit Connection(int fd)
        : fd_(fd) {}

    void send(wire::Writer& message, std::span<const int> descriptors = {}) const {
        send_raw(message.bytes(), descriptors);
    }

    void send_raw(std::span<const std::byte> bytes, std::span<const int> descriptors = {}) const {
        for (int attempt = 0; attempt < 1000; ++attempt) {
            const auto sent = sys::send(fd_, bytes, descriptors);
            if (sent || sent.error().code != EAGAIN) return;
            pollfd entry{fd_, POLLOUT, 0};
            (void)::poll(&entry, 1, 10);
        }
    }

    void end(int code, std::string_view text = {}) const {
        std::vector<std::byte> buffer(1024);
        wire::Writer message(buffer, wire::Kind::End);
        message.number(wire::Tag::Code, code);
        if (!text.empty()) message.text(wire::Tag::Text, text);
        send(message);
    }

    /// Nothing when the client has closed, or the server stops.
    std::optional<std::vector<std::byte>> receive(const std::atomic<bool>& stopping,
                                                  std::vector<sys::UniqueFd>& passed) const {
        std::vector<std::byte> buffer(wire::kMaxMessage);
        while (!stopping) {
            auto record = sys::receive(fd_, buffer);
            if (record) {
                if (record->size == 0) return std::nullopt;
                for (std::size_t index = 0; index < record->descriptor_count; ++index)
                    passed.push_back(std::move(record->descriptors[index]));
                buffer.resize(record->size);
                return buffer;
            }
            if (record.error().code != EAGAIN) return std::nullopt;
            pollfd entry{fd_, POLLIN, 0};
            (void)::poll(&entry, 1, 20);
        }
        return std::nullopt;
    }

    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
};

struct Request {
    wire::Reader message;
    std::vector<sys::UniqueFd>& descriptors;
};

/// A control socket that answers as the test says. One client at a time, in a thread of its own;
/// `answer` returns false to close the connection.
class ControlServer {
public:
    using Answer = std::function<bool(const Request&, const Connection&)>;

    ControlServer(const std::string& path, Answer answer)
        : answer_(std::move(answer)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        ready_ =
            ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
            ::listen(listener_.get(), 8) == 0;
        thread_ = std::thread([this] { serve(); });
    }

    ~ControlServer() {
        stopping_ = true;
        thread_.join();
    }

    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ControlServer(ControlServer&&) = delete;
    ControlServer& operator=(ControlServer&&) = delete;

    [[nodiscard]] bool ready() const { return ready_; }

private:
    void serve() {
        while (!stopping_) {
            pollfd entry{listener_.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) <= 0) continue;
            const sys::UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (client) talk(Connection(client.get()));
        }
    }

    void talk(const Connection& connection) {
        while (!stopping_) {
            std::vector<sys::UniqueFd> passed;
            const auto bytes = connection.receive(stopping_, passed);
            if (!bytes) return;
            const auto message = wire::Reader::open(*bytes);
            if (!message || !answer_({*message, passed}, connection)) return;
        }
    }

    Answer answer_;
    sys::UniqueFd listener_;
    bool ready_ = false;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

} // namespace stead::fakes
