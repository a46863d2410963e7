#include "cli/client.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "sys/clock.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

namespace stead::cli {

namespace {

/// A request that PID 1 does not take within this time is not taken at all.
constexpr Duration kSendLimit = 10_s;

int milliseconds_until(Instant limit) {
    if (limit.is_never()) return -1;
    const Duration left = limit - sys::now();
    if (left.ns <= 0) return 0;
    constexpr std::int64_t kLongest = 1'000'000'000;
    return static_cast<int>(std::min(left.ms() + 1, kLongest));
}

} // namespace

Result<Client> Client::connect(const std::string& path) {
    return Client(TRY(sys::connect_unix(path, SOCK_SEQPACKET)));
}

Result<void> Client::send(wire::Writer& message, std::span<const int> descriptors) {
    if (message.overflowed()) return make_error("the request is too long", {}, E2BIG);
    const Instant limit = sys::now() + kSendLimit;
    while (true) {
        auto sent = sys::send(socket_.get(), message.bytes(), descriptors);
        if (sent || sent.error().code != EAGAIN) return sent;
        if (!sys::is_writable(socket_.get(), milliseconds_until(limit)))
            return make_error("the guest's PID 1 takes no request", {}, ETIMEDOUT);
    }
}

Result<std::optional<Answer>> Client::receive(Instant limit) {
    Answer answer;
    answer.bytes.resize(wire::kMaxMessage);
    while (true) {
        auto record = sys::receive(socket_.get(), answer.bytes);
        if (record) {
            if (record->size == 0)
                return make_error("the guest's PID 1 closed the connection", {}, ECONNRESET);
            answer.bytes.resize(record->size);
            answer.reader = wire::Reader::open(answer.bytes);
            if (record->truncated || !answer.reader)
                return make_error("the answer is no message of this version", {}, EBADMSG);
            for (std::size_t index = 0; index < record->descriptor_count; ++index)
                answer.descriptors.push_back(std::move(record->descriptors[index]));
            return std::optional<Answer>(std::move(answer));
        }
        const int code = record.error().code;
        if (code != EAGAIN && code != EINTR) return record.error();
        if (!sys::is_readable(socket_.get(), milliseconds_until(limit)))
            return std::optional<Answer>{};
    }
}

} // namespace stead::cli
