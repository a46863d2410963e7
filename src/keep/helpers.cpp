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

/// `stead VERB GUEST` with `fd`, if any, as its descriptor `number`.
Result<sys::Process>
start_stead(int program, const char* verb, std::string_view guest, int fd, int number) {
    FixedString<kMaxGuestName> name(guest);
    std::array<char*, 4> arguments{word("stead"), word(verb), word(name.c_str()), nullptr};
    const sys::Given given{fd, number};
    return sys::start_program({.program = program,
                               .arguments = arguments.data(),
                               .environment = environ,
                               .given = std::span(&given, fd >= 0 ? 1U : 0U)});
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
    // In one text: "--lines=10", NUL, and so on.
    FixedString<kMaxUnitName + 96> text{"stead"};
    std::array<std::uint16_t, 6> starts{};
    std::size_t count = 1;
    const auto option = [&](std::string_view name) -> auto& {
        text.append({"", 1});
        starts[count++] = static_cast<std::uint16_t>(text.view().size());
        return text.append(name);
    };
    option("log-reader");
    option("--lines=").append_number(request.lines);
    option("--since-ns=").append_number(request.since);
    if (!request.unit.empty()) option("--unit=").append(request.unit);
    if (request.follow) option("--follow");
    std::array<char*, 7> arguments{};
    for (std::size_t at = 0; at < count; ++at)
        arguments[at] = word(text.c_str() + starts[at]);

    const std::array given = {sys::Given{output.get(), STDOUT_FILENO},
                              sys::Given{logs_, kReaderLogs},
                              sys::Given{alive_read_.get(), kReaderAlive}};
    return run(arguments, given);
}

Result<void> LogReaders::run(std::span<char*> arguments, std::span<const sys::Given> given) {
    sys::Process process = TRY(sys::start_program({.program = program_,
                                                   .arguments = arguments.data(),
                                                   .environment = environ,
                                                   .given = given}));
    (void)readers_.add({std::move(process), started_++}); // make_room has made room
    ++running_;
    return {};
}

Result<void> LogReaders::announce_failure(std::string_view guest, std::string_view unit) {
    make_room();
    FixedString<kMaxGuestName + kMaxUnitName + 1> both(guest);
    both.append("/").append(unit);
    std::array<char*, 5> arguments{word("stead"), word("service"), word("failed"),
                                   word(both.c_str()), nullptr};
    return run(arguments, {});
}

bool LogReaders::tidy(std::string_view guest) {
    if (program_ < 0) return true; // Nobody can.
    if (tidy_.pidfd) return false;
    auto started = start_stead(program_, "log-tidy", guest, logs_, kReaderLogs);
    if (started) tidy_ = std::move(*started);
    return started.has_value();
}

void LogReaders::reap() {
    const auto tidied = sys::try_reap(tidy_);
    if (tidied && *tidied) {
        if ((*tidied)->kind == ExitStatus::Kind::Exited && (*tidied)->value > wire::kTidied)
            removed_ += (*tidied)->value - wire::kTidied;
        tidy_ = {};
    }
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
    const sys::Process child = TRY(start_stead(program, "cleanup", name, lock, wire::kKeeperLock));
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
