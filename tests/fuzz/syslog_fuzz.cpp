#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "keep/lines.h"
#include "keep/syslog.h"

/// Whatever comes to /dev/log: its text lies inside it, its priority is one, and what is written of
/// it is one line that holds nothing a terminal would obey. The same bytes as a cgroup's path name
/// no unit with a slash.
namespace {

using namespace stead::keep;

void promise(bool kept, const char* what) {
    if (kept) return;
    std::cerr << "broken promise: " << what << '\n';
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > kMaxSyslog) return -1;
    const std::string_view datagram(reinterpret_cast<const char*>(data), size);
    const SyslogMessage message = parse_syslog(datagram);
    promise(message.priority >= 0 && message.priority <= 7, "a priority is 0 to 7");
    promise(message.text.empty() ||
                (message.text.data() >= datagram.data() &&
                 message.text.data() + message.text.size() <= datagram.data() + datagram.size()),
            "the text lies inside the datagram");

    static std::array<char, 4 * kMaxSyslog> line;
    const std::size_t length = escape_into(line, message.text);
    promise(length <= 4 * message.text.size(), "no byte takes more than four");
    for (const char letter : std::string_view(line.data(), length)) {
        const auto byte = static_cast<unsigned char>(letter);
        promise(letter == '\t' || (byte >= 0x20 && byte != 0x7f),
                "a line holds no control character");
    }

    const std::string_view unit = unit_in_cgroup(datagram, "web");
    promise(unit.find('/') == std::string_view::npos, "a unit's name has no slash");
    return 0;
}
