#include "keep/syslog.h"

#include <fcntl.h>

#include <algorithm>

#include "base/fixed_string.h"
#include "base/words.h"
#include "model/names.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/stream.h"

namespace stead::keep {

namespace {

/// "Jan 31 12:30:00 "
constexpr std::size_t kTimeSize = 16;

bool begins_with_time(std::string_view text) {
    return text.size() >= kTimeSize && text[6] == ' ' && text[9] == ':' && text[12] == ':' &&
           text[15] == ' ';
}

/// Takes "<N>" off `text`; -1 if it does not begin so.
int take_number(std::string_view& text) {
    constexpr int kHighest = 191;
    constexpr std::size_t kDigits = 3;
    if (!text.starts_with('<')) return -1;
    int value = 0;
    for (std::size_t at = 1; at < std::min(text.size(), kDigits + 2); ++at) {
        const char letter = text[at];
        if (letter == '>' && at > 1 && value <= kHighest) {
            text.remove_prefix(at + 1);
            return value;
        }
        if (letter < '0' || letter > '9') break;
        value = value * 10 + (letter - '0');
    }
    return -1;
}

} // namespace

SyslogMessage parse_syslog(std::string_view datagram) {
    SyslogMessage message;
    while (!datagram.empty() && (datagram.back() == '\n' || datagram.back() == '\0'))
        datagram.remove_suffix(1);
    const int number = take_number(datagram);
    if (number >= 0) message.priority = number & 7;
    if (begins_with_time(datagram)) datagram.remove_prefix(kTimeSize);
    message.text = datagram;
    return message;
}

std::string_view unit_in_cgroup(std::string_view path, std::string_view guest) {
    // What is in front of the guest's own folder is the host's: the first match is no invention of
    // the guest.
    FixedString<kMaxGuestName + 8> folder{"/"};
    folder.append(guest).append("/units/");
    const std::size_t at = path.find(folder.view());
    if (at == std::string_view::npos) return {};
    path.remove_prefix(at + folder.size());
    path = part_before(path, '/');
    // What `stead exec` started belongs to no unit.
    return path.starts_with("exec-") ? std::string_view{} : path;
}

std::string_view find_sender_unit(const sys::Record& record,
                                  int cgroup,
                                  std::string_view guest,
                                  std::span<char> memory) {
    Result<std::size_t> size = 0;
    FixedString<40> path{"/proc/"};
    // The kernel remembers the cgroup of a process that is gone.
    const sys::ProcessFacts facts = sys::facts_of(record.pidfd.get());
    const bool known = facts.cgroup != 0 && cgroup >= 0;
    if (!known && (record.sender <= 0 || facts.ended)) return {};
    const auto file =
        known ? sys::open_cgroup(cgroup, facts.cgroup)
              : sys::open_at(AT_FDCWD, path.append_number(record.sender).append("/cgroup").c_str(),
                             O_RDONLY);
    if (!file) return {};
    if (known) {
        size = sys::read_link(AT_FDCWD, path.append("self/fd/").append_number(file->get()).c_str(),
                              memory);
    } else {
        size = sys::read_some(file->get(), memory);
    }
    std::string_view text(memory.data(), size ? *size : 0);
    // The line of cgroup2, where there are several.
    if (!known) text.remove_prefix(std::min(text.find("0::"), text.size()));
    return unit_in_cgroup(part_before(text, '\n'), guest);
}

} // namespace stead::keep
