#include "keep/helpers.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <utility>

#include "base/fixed_string.h"
#include "model/names.h"
#include "sys/descriptors.h"
#include "sys/execute.h"
#include "sys/file.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"
#include "wire/boot.h"
#include "wire/message.h"

namespace stead::keep {

namespace {

/// What `stead log-reader` finds where.
constexpr int kReaderLogs = 3;
constexpr int kReaderAlive = 4;

/// argv wants pointers to mutable text; execveat only reads.
char* word(const char* text) {
    return const_cast<char*>(text);
}

} // namespace

LogReaders::LogReaders(int program, int logs, Memory& memory)
    : program_(program)
    , logs_(logs)
    , readers_(memory) {}

void LogReaders::make_room() {
    reap();
    while (running_ >= kMaxReaders) {
        Reader* oldest = nullptr;
        std::size_t place = 0;
        for (std::size_t index = 0; index < readers_.high(); ++index) {
            Reader* reader = readers_.find(index);
            if (reader == nullptr || (oldest != nullptr && oldest->number < reader->number))
                continue;
            oldest = reader;
            place = index;
        }
        if (oldest == nullptr) return;
        // It may have ended already, which is as good. SIGKILL makes the wait a short one.
        (void)sys::send_signal(oldest->process, SIGKILL);
        (void)sys::is_readable(oldest->process.pidfd.get(), 1000);
        (void)sys::try_reap(oldest->process);
        readers_.remove(place);
        --running_;
    }
}

Result<void> LogReaders::start(const LogRequest& request, sys::UniqueFd output) {
    if (program_ < 0 || logs_ < 0) return make_error("logs", "there are no log files", ENOENT);
    make_room();
    if (!alive_write_) {
        sys::Pipe alive = TRY(sys::make_pipe());
        alive_read_ = std::move(alive.read);
        alive_write_ = std::move(alive.write);
    }
    FixedString<40> lines{"--lines="};
    lines.append_number(request.lines);
    FixedString<40> since{"--since-ns="};
    since.append_number(request.since);
    FixedString<kMaxUnitName + 8> unit{"--unit="};
    unit.append(request.unit);

    std::array<char*, 8> arguments{};
    std::size_t count = 0;
    arguments[count++] = word("stead");
    arguments[count++] = word("log-reader");
    arguments[count++] = word(lines.c_str());
    arguments[count++] = word(since.c_str());
    if (!request.unit.empty()) arguments[count++] = word(unit.c_str());
    if (request.follow) arguments[count++] = word("--follow");

    const std::array given = {sys::Given{output.get(), STDOUT_FILENO},
                              sys::Given{logs_, kReaderLogs},
                              sys::Given{alive_read_.get(), kReaderAlive}};
    sys::Process process = TRY(sys::start_program({.program = program_,
                                                   .arguments = arguments.data(),
                                                   .environment = environ,
                                                   .given = given}));
    (void)readers_.add({std::move(process), started_++}); // make_room has made room
    ++running_;
    return {};
}

void LogReaders::reap() {
    for (std::size_t index = 0; index < readers_.high(); ++index) {
        Reader* reader = readers_.find(index);
        if (reader == nullptr) continue;
        const auto status = sys::try_reap(reader->process);
        if (status && !*status) continue;
        readers_.remove(index);
        --running_;
    }
}

void LogReaders::finish() {
    alive_write_.reset();
}

bool remove_remains(int configuration) {
    constexpr std::size_t kMaxRemains = 8192;
    std::array<char, kMaxRemains> buffer;
    const auto size = sys::read_at(configuration, buffer, wire::kKeeperRemains);
    if (!size) return false;
    auto list = wire::Reader::open(std::as_bytes(std::span(buffer).first(*size)));
    if (!list || list->kind() != wire::Kind::KeeperConfig) return false;
    while (const auto field = list->next()) {
        FixedString<512> path(field->text());
        // The folder that all guests share goes with the last of them.
        const bool is_shared = field->tag == wire::Tag::Name;
        const bool is_folder = field->tag == wire::Tag::Directory || is_shared;
        if (path.truncated() || (!is_folder && field->tag != wire::Tag::Path)) return false;
        const auto removed = sys::remove_at(AT_FDCWD, path.c_str(), is_folder);
        if (!removed && !is_shared && removed.error().code != ENOENT) return false;
    }
    return true;
}

Result<void> clean_up(int program, int lock, std::string_view name, Duration limit) {
    FixedString<kMaxGuestName> guest(name);
    std::array<char*, 4> arguments{word("stead"), word("cleanup"), word(guest.c_str()), nullptr};
    const std::array given = {sys::Given{lock, wire::kKeeperLock}};
    const std::size_t count = lock >= 0 ? 1 : 0;
    sys::Process child = TRY(sys::start_program({.program = program,
                                                 .arguments = arguments.data(),
                                                 .environment = environ,
                                                 .given = std::span(given).first(count)}));
    if (!sys::is_readable(child.pidfd.get(), static_cast<int>(limit.ms()))) {
        (void)sys::send_signal(child, SIGKILL); // it is ours and not reaped yet
        return make_error("cleanup", name, ETIMEDOUT);
    }
    const auto status = TRY(sys::try_reap(child));
    // Its own words have said why.
    if (!status || !status->success()) return make_error("cleanup", name, 0);
    return {};
}

Error become_epilogue(int program, std::string_view name, int code, bool reboot) {
    FixedString<kMaxGuestName> guest(name);
    FixedString<8> number;
    number.append_number(code);
    std::array<char*, 6> arguments{word("stead"), word("ended"), word(guest.c_str()),
                                   word(number.c_str()), reboot ? word("reboot") : nullptr};
    return sys::execute(program, arguments.data(), environ);
}

} // namespace stead::keep
