#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <string>

#include "cli/options.h"
#include "cli/verbs.h"
#include "compile/probe.h"
#include "sys/unique_fd.h"
#include "unitfile/values.h"

namespace stead::cli {

namespace {

/// PID 1 gives up sooner; this only keeps a forgotten probe from staying.
constexpr timeval kPatience{30, 0};
/// "HTTP/1.1 200"
constexpr std::size_t kStatusLine = 12;

/// The status of the answer to a GET; 0: none came.
int ask(const std::vector<std::byte>& address, const std::string& request) {
    const auto* name = reinterpret_cast<const sockaddr*>(address.data());
    const sys::UniqueFd fd(::socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return 0;
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    if (::connect(fd.get(), name, static_cast<socklen_t>(address.size())) < 0) return 0;
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        return 0;
    std::array<char, kStatusLine> line{};
    std::size_t filled = 0;
    while (filled < line.size()) {
        const ssize_t size = ::recv(fd.get(), line.data() + filled, line.size() - filled, 0);
        if (size <= 0) return 0;
        filled += static_cast<std::size_t>(size);
    }
    const std::string_view text(line.data(), line.size());
    if (!text.starts_with("HTTP/1.") || text[8] != ' ') return 0;
    const auto status = unitfile::parse_digits(text.substr(9), 999);
    return status ? static_cast<int>(*status) : 0;
}

} // namespace

int verb_probe(Context& context, Arguments arguments) {
    std::string text;
    Options options(context, "probe");
    options.positional("URL", text, "what is asked");
    if (const auto code = options.parse(arguments)) return *code;
    const auto url = unitfile::parse_url(text);
    if (!url.value) {
        context.console.error("'" + safe(text) + "': " + url.problem);
        return kAskedWrongly;
    }
    const unitfile::Endpoint& endpoint = url.value->endpoint;
    const std::string place = (endpoint.v6 ? "[" + endpoint.address + "]" : endpoint.address) +
                              ":" + std::to_string(endpoint.port);
    const auto address = compile::tcp_address(place);
    if (!address) return kAskedWrongly;
    const int status =
        ask(*address, "GET " + url.value->path + " HTTP/1.1\r\nHost: " + url.value->host +
                          "\r\nUser-Agent: stead\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    // Redirections are an answer of a server that works.
    if (status >= 200 && status < 400) return kDone;
    context.console.error(status == 0 ? place + " gives no answer in HTTP"
                                      : place + " answers " + std::to_string(status));
    return kCouldNot;
}

} // namespace stead::cli
