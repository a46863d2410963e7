#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sys/unique_fd.h"
#include "wire/message.h"

namespace stead::cli {

/// One message of PID 1's. Owns its bytes; `reader` looks into them.
struct Answer {
    std::vector<std::byte> bytes;
    std::optional<wire::Reader> reader;
    std::vector<sys::UniqueFd> descriptors;

    [[nodiscard]] wire::Kind kind() const { return reader->kind(); }
};

/// A connection to PID 1's control socket. The other side may be hostile (a guest's root can put
/// anything behind its own socket): every record is checked, every wait has a limit.
class Client {
public:
    static Result<Client> connect(const std::string& path);

    explicit Client(sys::UniqueFd socket)
        : socket_(std::move(socket)) {}

    Result<void> send(wire::Writer& message, std::span<const int> descriptors = {});

    /// The next message; nothing if none comes until `limit`. ECONNRESET when PID 1 has closed the
    /// connection, EBADMSG when what came is no message.
    Result<std::optional<Answer>> receive(Instant limit);

    [[nodiscard]] int fd() const { return socket_.get(); }

private:
    sys::UniqueFd socket_;
};

} // namespace stead::cli
