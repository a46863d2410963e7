#include <sys/epoll.h>

#include <cerrno>
#include <utility>

#include "keep/keeper.h"
#include "keep/syslog.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

constexpr std::string_view kUnknownSender = "syslog";
constexpr std::uint64_t kSecond = 1'000'000'000;

} // namespace

void Keeper::take_syslog(sys::UniqueFd socket) {
    syslog_ = std::move(socket);
    (void)sys::watch(epoll_.get(), syslog_.get(), EPOLLIN, token_of(Source::Syslog));
}

void Keeper::read_syslog(int count) {
    // One byte more than a message may have tells one that was cut off.
    const auto room =
        std::as_writable_bytes(std::span(chunk_)).subspan(kSyslogRoom, kMaxSyslog + 1);
    for (; syslog_ && count > 0; --count) {
        const auto record = sys::receive(syslog_.get(), room);
        if (!record) break;
        on_syslog(*record);
    }
    log_files_.flush();
}

void Keeper::on_syslog(const sys::Record& record) {
    SyslogMessage message = parse_syslog({chunk_.data() + kSyslogRoom, record.size});
    // Nobody who means it well sends descriptors here; they are closed with the record.
    if (record.truncated || record.descriptor_count > 0 || record.size > kMaxSyslog ||
        message.text.empty()) {
        ++counts_.refused;
        return;
    }
    std::array<char, 1024> memory; // filled by the kernel
    const int cgroup = settings_.given.has(wire::kKeeperCgroup) ? wire::kKeeperCgroup : -1;
    std::size_t index = file_of(find_sender_unit(record, cgroup, settings_.name.view(), memory));
    if (index == kNoFile) index = file_of(kUnknownSender);
    LogFile* file = files_.find(index);
    if (file == nullptr) return;

    line_time_ = sys::realtime_now();
    if (static_cast<std::uint64_t>(line_time_ - file->second) >= kSecond) {
        file->second = line_time_;
        file->burst = 0;
    }
    if (++file->burst > kSyslogRate) {
        ++counts_.flooded;
        return LogFiles::drop(*file, ENOBUFS);
    }
    // "<N>" takes the place of what was in front.
    char* const begin = chunk_.data() + (message.text.data() - chunk_.data()) - 3;
    begin[0] = '<';
    begin[1] = static_cast<char>('0' + message.priority);
    begin[2] = '>';
    std::string_view text(begin, message.text.size() + 3);
    while (!text.empty()) {
        const std::string_view piece = text.substr(0, piece_length(text, kMaxLine));
        text.remove_prefix(piece.size());
        write_line(index, LogStream::Syslog, piece, !text.empty());
    }
}

} // namespace stead::keep
