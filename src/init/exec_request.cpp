#include "init/exec_request.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "init/children.h"
#include "init/environment.h"

namespace stead::init {

namespace {

using wire::Tag;

constexpr std::int64_t kHighestId = 0xfffffffe;

/// Whose identity and limits the command takes.
const char* choose_identity(Supervisor& self, const wire::Reader& message, ExecView& exec) {
    const auto& guest = self.table.guest();
    if (message.find(Tag::Name)) {
        const auto unit = self.table.find(message.text(Tag::Name));
        if (!unit) return "no unit has this name";
        exec = self.table.exec(*unit);
        return nullptr;
    }
    if (guest && guest->has_units && self.table.size() != 0) {
        exec = self.table.exec(0);
        return nullptr;
    }
    if (guest) {
        exec.capabilities = guest->capabilities;
        exec.no_new_privileges = guest->no_new_privileges;
        exec.no_root = guest->no_root;
        exec.working_directory = "/";
        return nullptr;
    }
    exec.uid = ::geteuid();
    exec.gid = ::getegid();
    exec.inherit_all = true;
    return nullptr;
}

const char* read_ids(Supervisor& self, const wire::Reader& message, ExecView& exec) {
    const std::int64_t uid = message.number(Tag::Uid, exec.uid);
    const std::int64_t gid = message.number(Tag::Gid, exec.gid);
    if (uid < 0 || uid > kHighestId || gid < 0 || gid > kHighestId) return "no such user or group";
    if (uid != 0 && uid != exec.uid) exec.ambient = 0;
    exec.uid = static_cast<std::uint32_t>(uid);
    exec.gid = static_cast<std::uint32_t>(gid);
    if (!message.find(Tag::Uid) && !message.find(Tag::Group)) return nullptr;

    auto& groups = self.scratch->groups;
    std::size_t count = 0;
    wire::Reader fields = message;
    while (const auto field = fields.next()) {
        if (field->tag != Tag::Group) continue;
        const auto group = field->number();
        if (!group || *group < 0 || *group > kHighestId) return "no such group";
        if (count == groups.size()) return "too many groups";
        groups[count++] = static_cast<std::uint32_t>(*group);
    }
    exec.groups = {groups.data(), count};
    return nullptr;
}

bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

const char* add_all(ChildStrings& strings, const wire::Reader& message, Tag tag) {
    wire::Reader fields = message;
    while (const auto field = fields.next()) {
        if (field->tag != tag) continue;
        if (has_nul(field->text())) return "a string has a NUL byte in it";
        (void)strings.add_joined({}, field->text());
    }
    return nullptr;
}

const char* read_strings(Supervisor& self, const wire::Reader& message, spawn::Child& prepared) {
    if (!message.find(Tag::Argv)) return "no command";
    ChildStrings strings(*self.scratch);
    if (const char* mistake = add_all(strings, message, Tag::Argv)) return mistake;
    prepared.argv = strings.end_list();
    // The client's come first: getenv finds the first of two equal names.
    if (const char* mistake = add_all(strings, message, Tag::Environment)) return mistake;
    add_environment(strings, prepared.exec, self.environment);
    prepared.environment = strings.end_list();
    prepared.search_path = find_path(prepared.environment);
    if (const auto directory = message.find(Tag::Directory)) {
        if (has_nul(directory->text())) return "a string has a NUL byte in it";
        const char* kept = strings.keep(directory->text());
        if (kept != nullptr) prepared.exec.working_directory = kept;
    }
    return strings.overflowed() ? "command and environment are too long" : nullptr;
}

/// A pseudo terminal of the guest's own devpts. The other end is opened through the master, never
/// by a name that the guest may have put something else behind.
const char* open_terminal(const wire::Reader& message, ExecRequest& request) {
    constexpr const char* kNone = "the guest has no working /dev/ptmx";
    request.master.reset(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    // A jail has no such name, so that only we make terminals there.
    if (!request.master)
        request.master.reset(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));

    struct stat about {};

    if (!request.master || ::fstat(request.master.get(), &about) < 0) return kNone;
    if (!S_ISCHR(about.st_mode) || about.st_rdev != makedev(5, 2)) return kNone;
    const int unlocked = 0;
    if (::ioctl(request.master.get(), TIOCSPTLCK, &unlocked) < 0) return kNone;
    request.terminal.reset(
        ::ioctl(request.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!request.terminal) return kNone;

    winsize size{};
    size.ws_row = static_cast<unsigned short>(message.number(Tag::Rows, 24));
    size.ws_col = static_cast<unsigned short>(message.number(Tag::Columns, 80));
    (void)::ioctl(request.master.get(), TIOCSWINSZ, &size);
    const ExecView& exec = request.prepared.exec;
    // Group and mode are the mount's; the user has to be able to open its own terminal by name.
    (void)::fchown(request.terminal.get(), exec.uid, static_cast<gid_t>(-1));
    return nullptr;
}

const char* read_streams(const wire::Reader& message, sys::Record& record, ExecRequest& request) {
    auto& streams = request.prepared.streams;
    if ((message.number(Tag::Flags) & wire::kTerminal) != 0) {
        if (const char* mistake = open_terminal(message, request)) return mistake;
        for (spawn::Stream& stream : streams)
            stream = {.kind = spawn::Stream::Kind::Descriptor, .fd = request.terminal.get()};
        request.prepared.controlling_terminal = true;
        return nullptr;
    }
    if (record.descriptor_count != streams.size()) return "a command needs three descriptors";
    for (std::size_t i = 0; i < streams.size(); ++i) {
        streams[i] = {.kind = spawn::Stream::Kind::Descriptor, .fd = record.descriptors[i].get()};
    }
    return nullptr;
}

} // namespace

const char* read_exec_request(Supervisor& self,
                              const wire::Reader& message,
                              sys::Record& record,
                              ExecRequest& request) {
    ExecView exec;
    if (const char* mistake = choose_identity(self, message, exec)) return mistake;
    if (const char* mistake = read_ids(self, message, exec)) return mistake;
    fill_common(self, request.prepared, exec);
    if (const char* mistake = read_strings(self, message, request.prepared)) return mistake;
    return read_streams(message, record, request);
}

} // namespace stead::init
