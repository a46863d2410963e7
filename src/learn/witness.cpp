#include "learn/witness.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "sys/file.h"
#include "sys/path.h"

namespace stead::learn {

namespace {

constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kMostFolders = 4096;

std::string proc(pid_t tid, std::string_view what) {
    return "/proc/" + std::to_string(tid) + "/" + std::string(what);
}

std::string link_text(const std::string& path) {
    std::array<char, kLongestPath> text{};
    const auto size = sys::read_link(AT_FDCWD, path.c_str(), text);
    return size ? std::string(text.data(), *size) : std::string();
}

std::string real_path(int fd) {
    std::string text = link_text("/proc/self/fd/" + std::to_string(fd));
    return text.starts_with('/') && !text.ends_with(" (deleted)") ? text : std::string();
}

std::string status_text(pid_t tid) {
    const auto file = sys::open_at(AT_FDCWD, proc(tid, "status").c_str(), O_RDONLY);
    if (!file) return {};
    std::array<std::byte, 8192> text{};
    const auto size = sys::read_full(file->get(), text);
    if (!size) return {};
    return {reinterpret_cast<const char*>(text.data()), *size};
}

/// What stands behind "NAME:" in a status file.
std::string_view field(std::string_view status, std::string_view name) {
    std::size_t at = 0;
    while (at < status.size()) {
        const auto end = std::min(status.find('\n', at), status.size());
        const std::string_view line = status.substr(at, end - at);
        if (line.starts_with(name) && line.substr(name.size()).starts_with(':'))
            return line.substr(std::min(name.size() + 2, line.size()));
        at = end + 1;
    }
    return {};
}

std::vector<std::uint32_t> numbers(std::string_view text) {
    std::vector<std::uint32_t> list;
    while (true) {
        const auto begin = text.find_first_of("0123456789");
        if (begin == std::string_view::npos) return list;
        text.remove_prefix(begin);
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{}) return list;
        list.push_back(number);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
}

Identity parse_identity(std::string_view status) {
    Identity who;
    const auto uids = numbers(field(status, "Uid"));
    const auto gids = numbers(field(status, "Gid"));
    if (uids.size() == 4) {
        who.uid = uids[0];
        who.effective_uid = uids[1];
        who.saved_uid = uids[2];
        who.file_uid = uids[3];
    }
    if (gids.size() == 4) {
        who.gid = gids[0];
        who.effective_gid = gids[1];
        who.saved_gid = gids[2];
        who.file_gid = gids[3];
    }
    who.groups = numbers(field(status, "Groups"));
    const std::string_view held = field(status, "CapEff");
    (void)std::from_chars(held.data(), held.data() + held.size(), who.capabilities, 16);
    return who;
}

/// The process of a thread.
pid_t process_of(std::string_view status) {
    const auto number = numbers(field(status, "Tgid"));
    return number.empty() ? 0 : static_cast<pid_t>(number.front());
}

template <typename T>
std::optional<T> read_value(pid_t tid, std::uint64_t address) {
    T value{};
    const std::size_t got =
        sys::read_memory(tid, address, std::as_writable_bytes(std::span(&value, 1)));
    if (got != sizeof value) return std::nullopt;
    return value;
}

std::optional<std::string> read_text(pid_t tid, std::uint64_t address) {
    if (address == 0) return std::nullopt;
    std::string text(kLongestPath, '\0');
    std::size_t got = 0;
    // Most are short, and lie in one page.
    for (const std::size_t size : {std::size_t{256}, kLongestPath}) {
        got = sys::read_memory(tid, address, std::as_writable_bytes(std::span(text)).first(size));
        const auto end = text.find('\0');
        if (end < got) return text.substr(0, end);
        if (got < size) return std::nullopt;
    }
    return std::nullopt;
}

Object object_of(const struct stat& status) {
    return {status.st_mode, status.st_uid, status.st_gid};
}

bool has_parent_steps(std::string_view path) {
    return path == ".." || path.starts_with("../") || path.ends_with("/..") ||
           path.find("/../") != std::string_view::npos;
}

/// Without empty and "." components.
std::string tidy(std::string_view path) {
    std::string result;
    while (!path.empty()) {
        const auto slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (!part.empty() && part != ".") result.append("/").append(part);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    return result.empty() ? "/" : result;
}

int as_descriptor(std::uint64_t argument) {
    return static_cast<int>(static_cast<std::uint32_t>(argument));
}

/// A niceness without its sign.
std::uint64_t raised(int niceness) {
    constexpr int kShift = 20;
    return static_cast<unsigned>(niceness + kShift);
}

} // namespace

/// What "/" is to a thread.
struct Witness::View {
    sys::UniqueFd root;
    /// Where that is among the mounts it sees; empty: at their top.
    std::string prefix;
};

std::string Witness::program_of(pid_t tid) {
    const std::string status = status_text(tid);
    return std::string(field(status, "Name"));
}

bool Witness::is_init(pid_t tid) {
    const std::string status = status_text(tid);
    const auto own = numbers(field(status_text(::getpid()), "NSpid"));
    const auto its = numbers(field(status, "NSpid"));
    return its.size() > own.size() && its.back() == 1;
}

std::optional<Identity> Witness::identity_of(pid_t tid) {
    const std::string status = status_text(tid);
    if (status.empty()) return std::nullopt;
    return parse_identity(status);
}

void Witness::born(pid_t tid) {
    const std::string status = status_text(tid);
    const auto inner = numbers(field(status, "NSpid"));
    if (!inner.empty()) processes_[static_cast<pid_t>(inner.back())] = tid;
}

void Witness::gone(pid_t tid) {
    std::erase_if(processes_, [&](const auto& one) { return one.second == tid; });
}

void Witness::add_way(const View& view, Place& place) {
    std::string_view below = place.path;
    if (!below.starts_with(view.prefix)) return;
    below.remove_prefix(view.prefix.size());
    for (std::size_t end = 0; end != std::string_view::npos && end + 1 < below.size();
         end = below.find('/', end + 1)) {
        const std::string folder = end == 0 ? "/" : std::string(below.substr(0, end));
        const std::string key = view.prefix + folder;
        auto known = folders_.find(key);
        if (known == folders_.end()) {
            const auto fd = sys::resolve_in_root(view.root.get(), folder.c_str(), O_PATH);
            if (!fd) break;
            const auto status = sys::status_at(fd->get(), "", AT_EMPTY_PATH);
            if (!status) break;
            if (folders_.size() >= kMostFolders) folders_.clear();
            known = folders_.emplace(key, object_of(*status)).first;
        }
        place.way.push_back(known->second);
    }
}

std::optional<Place> Witness::place(pid_t tid, int folder, const std::string& text, bool at_link) {
    auto root = sys::open_at(AT_FDCWD, proc(tid, "root").c_str(), O_PATH | O_DIRECTORY);
    if (!root || text.empty()) return std::nullopt;
    View view{*std::move(root), {}};
    view.prefix = real_path(view.root.get());
    if (view.prefix == "/") view.prefix.clear();

    std::string whole = text;
    if (!text.starts_with('/')) {
        std::string base = link_text(
            folder == AT_FDCWD ? proc(tid, "cwd") : proc(tid, "fd/" + std::to_string(folder)));
        if (!base.starts_with('/') || !base.starts_with(view.prefix)) return std::nullopt;
        base.erase(0, view.prefix.size());
        whole = base + "/" + text;
    }
    Place place;
    const int flags = O_PATH | (at_link ? O_NOFOLLOW : 0);
    auto found = sys::resolve_in_root(view.root.get(), whole.c_str(), flags);
    if (found) {
        const auto status = sys::status_at(found->get(), "", AT_EMPTY_PATH);
        place.path = real_path(found->get());
        if (status) place.object = object_of(*status);
    } else {
        // It is made by this call, or is not there: its folder counts.
        std::string tidied = whole;
        while (tidied.size() > 1 && tidied.ends_with('/'))
            tidied.pop_back();
        const auto slash = tidied.rfind('/');
        const std::string above = slash == 0 ? "/" : tidied.substr(0, slash);
        found = sys::resolve_in_root(view.root.get(), above.c_str(), O_PATH);
        if (!found) return std::nullopt;
        place.path = real_path(found->get());
        if (place.path == "/") place.path.clear();
        place.path += tidied.substr(slash);
    }
    if (!place.path.starts_with('/')) return std::nullopt;
    place.written = has_parent_steps(whole) ? place.path : view.prefix + tidy(whole);
    add_way(view, place);
    return place;
}

void Witness::paths(pid_t tid, const sys::CallStop& call, const CallRow& row, Seen& seen) {
    const auto at = [&](int index) { return call.arguments[static_cast<std::size_t>(index)]; };
    const std::uint64_t flags = row.flags == kNone ? 0 : at(row.flags);
    const bool at_link = row.at_link || (flags & AT_SYMLINK_NOFOLLOW) != 0;
    const auto one = [&](int folder, int path) {
        if (path == kNone) return;
        const int below = folder == kNone ? AT_FDCWD : as_descriptor(at(folder));
        const auto text = read_text(tid, at(path));
        if (!text || text->empty()) {
            // The descriptor itself: futimens(3), AT_EMPTY_PATH.
            if (below != AT_FDCWD && seen.want != Want::Look) descriptor(tid, below, seen);
            return;
        }
        if (auto found = place(tid, below, *text, at_link))
            seen.places.push_back(*std::move(found));
    };
    one(row.folder, row.path);
    one(row.second_folder, row.second_path);
    if (row.name.find("setxattr") != std::string_view::npos)
        seen.attribute = read_text(tid, call.arguments[1]).value_or("");
}

void Witness::opened(pid_t tid, const sys::CallStop& call, const CallRow& row, Seen& seen) {
    std::uint64_t flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (row.flags != kNone) flags = call.arguments[static_cast<std::size_t>(row.flags)];
    if (row.name == "openat2")
        flags = read_value<std::uint64_t>(tid, call.arguments[2]).value_or(0);
    CallRow opening = row;
    opening.flags = kNone;
    opening.at_link = (flags & O_NOFOLLOW) != 0;
    const bool truncates = (flags & O_TRUNC) != 0;
    switch (flags & O_ACCMODE) {
    case O_WRONLY:
        seen.want = Want::Write;
        break;
    case O_RDWR:
        seen.want = Want::ReadWrite;
        break;
    default:
        seen.want = truncates ? Want::ReadWrite : Want::Read;
    }
    if ((flags & O_PATH) != 0) seen.want = Want::Look;
    paths(tid, call, opening, seen);
    if ((flags & O_TMPFILE) != O_TMPFILE) return;
    // A file without a name in this folder.
    for (Place& place : seen.places) {
        if (place.object) place.way.push_back(*place.object);
        place.object.reset();
        place.path += "/(temporary)";
        place.written = place.path;
    }
}

void Witness::descriptor(pid_t tid, int fd, Seen& seen) {
    const std::string link = proc(tid, "fd/" + std::to_string(fd));
    Place place;
    place.path = link_text(link);
    if (!place.path.starts_with('/') || place.path.ends_with(" (deleted)")) return;
    place.written = place.path;
    const auto status = sys::status_at(AT_FDCWD, link.c_str(), 0);
    if (!status) return;
    place.object = object_of(*status);
    seen.places.push_back(std::move(place));
}

void Witness::unix_path(pid_t tid, std::string_view path, Seen& seen) {
    seen.want = seen.call == "bind" ? Want::Change : Want::Connect;
    if (auto found = place(tid, AT_FDCWD, std::string(path), false))
        seen.places.push_back(*std::move(found));
}

void Witness::address(pid_t tid, const sys::CallStop& call, Seen& seen) {
    std::uint64_t from = call.arguments[1];
    std::uint64_t size = call.arguments[2];
    if (seen.call == "sendto") {
        from = call.arguments[4];
        size = call.arguments[5];
    } else if (seen.call == "sendmsg") {
        const auto message = read_value<msghdr>(tid, call.arguments[1]);
        if (!message) return;
        from = reinterpret_cast<std::uint64_t>(message->msg_name);
        size = message->msg_namelen;
    }
    sockaddr_storage storage{};
    size = std::min<std::uint64_t>(size, sizeof storage);
    const auto bytes = std::as_writable_bytes(std::span(&storage, 1)).first(size);
    if (from == 0 || size < sizeof(sa_family_t) || sys::read_memory(tid, from, bytes) != size)
        return;
    Address address;
    address.family = storage.ss_family;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &storage, sizeof in);
        address.port = ntohs(in.sin_port);
        address.any = in.sin_addr.s_addr == INADDR_ANY;
        address.loopback = ntohl(in.sin_addr.s_addr) >> 24 == 127;
        (void)::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
        address.text = text.data();
    } else if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &storage, sizeof in);
        address.port = ntohs(in.sin6_port);
        address.any = IN6_IS_ADDR_UNSPECIFIED(&in.sin6_addr);
        address.loopback = IN6_IS_ADDR_LOOPBACK(&in.sin6_addr);
        (void)::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
        address.text = text.data();
    } else if (storage.ss_family == AF_UNIX) {
        sockaddr_un un{};
        std::memcpy(&un, &storage, std::min(sizeof un, sizeof storage));
        const std::size_t length = size - offsetof(sockaddr_un, sun_path);
        const std::string_view path(un.sun_path, std::min(length, sizeof un.sun_path));
        if (path.empty() || path.front() == '\0') return;
        address.text = path.substr(0, path.find('\0'));
        unix_path(tid, address.text, seen);
    }
    seen.address = std::move(address);
    const auto socket = sys::copy_descriptor(seen.process, as_descriptor(call.arguments[0]));
    socklen_t length = sizeof seen.socket_type;
    if (socket) (void)::getsockopt(socket->get(), SOL_SOCKET, SO_TYPE, &seen.socket_type, &length);
}

void Witness::limit(pid_t tid, const sys::CallStop& call, Seen& seen) {
    const bool by_pid = seen.call == "prlimit64";
    const auto wanted = read_value<rlimit>(tid, call.arguments[by_pid ? 2 : 1]);
    if (!wanted) return;
    rlimit now{};
    const auto resource = static_cast<int>(call.arguments[by_pid ? 1 : 0]);
    if (::prlimit(tid, static_cast<__rlimit_resource>(resource), nullptr, &now) < 0) return;
    seen.before = now.rlim_max;
    seen.after = wanted->rlim_max;
}

void Witness::target(const sys::CallStop& call, Seen& seen) {
    const std::size_t index = seen.call == "tgkill" ? 1 : 0;
    const auto found = processes_.find(as_descriptor(call.arguments[index]));
    if (found != processes_.end()) seen.target = identity_of(found->second);
}

std::optional<Seen> Witness::entering(pid_t tid, const sys::CallStop& call) {
    const CallRow& row = row_of(static_cast<int>(call.number));
    if (row.kind == Kind::Plain) return std::nullopt;
    const std::string status = status_text(tid);
    if (status.empty()) return std::nullopt;
    Seen seen;
    seen.number = static_cast<int>(call.number);
    seen.call = row.name;
    seen.arguments = call.arguments;
    seen.program = field(status, "Name");
    seen.process = process_of(status);
    seen.who = parse_identity(status);
    seen.want = row.want;
    switch (row.kind) {
    case Kind::Path:
    case Kind::Execute:
        paths(tid, call, row, seen);
        break;
    case Kind::Open:
        opened(tid, call, row, seen);
        break;
    case Kind::Descriptor:
        seen.want = Want::Attribute;
        descriptor(tid, as_descriptor(call.arguments[0]), seen);
        if (seen.call == "fsetxattr")
            seen.attribute = read_text(tid, call.arguments[1]).value_or("");
        break;
    case Kind::Address:
        address(tid, call, seen);
        break;
    case Kind::Target:
        target(call, seen);
        break;
    case Kind::Limit:
        limit(tid, call, seen);
        break;
    case Kind::Niceness:
        seen.before = raised(::getpriority(PRIO_PROCESS, static_cast<id_t>(tid)));
        seen.after = raised(as_descriptor(call.arguments[2]));
        break;
    case Kind::Plain:
    case Kind::Socket:
    case Kind::Identity:
    case Kind::Lock:
        break;
    }
    return seen;
}

void Witness::left(pid_t tid, std::int64_t result, Seen& seen) {
    seen.result = result;
    if (seen.want == Want::Change || seen.want == Want::Attribute) folders_.clear();
    if (row_of(seen.number).kind != Kind::Lock) return;
    const std::string status = status_text(tid);
    const auto locked = numbers(field(status, "VmLck"));
    rlimit limit{};
    if (locked.empty() || ::prlimit(tid, RLIMIT_MEMLOCK, nullptr, &limit) < 0) return;
    seen.before = std::uint64_t{locked.front()} * 1024;
    seen.after = limit.rlim_cur;
}

Seen Witness::executed(pid_t tid) {
    Seen seen;
    seen.call = "execve";
    seen.want = Want::Execute;
    const std::string status = status_text(tid);
    seen.program = field(status, "Name");
    seen.process = process_of(status);
    if (auto found = place(tid, AT_FDCWD, link_text(proc(tid, "exe")), false))
        seen.places.push_back(*std::move(found));
    return seen;
}

} // namespace stead::learn
