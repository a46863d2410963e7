#include "init/runtime_folder.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "init/notify.h"
#include "init/say.h"
#include "init/setup.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

constexpr int kBacklog = 64;

std::string_view variable(const Supervisor& self, std::string_view name) {
    for (char** entry = self.environment; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (text.starts_with(name) && text.size() > name.size() && text[name.size()] == '=')
            return text.substr(name.size() + 1);
    }
    return {};
}

/// /dev/shm is everybody's: a folder that somebody else has put there is not used.
bool is_ours(const char* folder) {
    struct stat about {};

    return ::lstat(folder, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == ::geteuid() &&
           (about.st_mode & 022) == 0;
}

/// A socket file whose owner lives is left alone; one that nobody answers is removed.
bool is_free(const char* path) {
    const auto connected = sys::connect_unix(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
    if (connected || connected.error().code == EAGAIN) return false;
    if (connected.error().code == ECONNREFUSED) (void)::unlink(path);
    return true;
}

bool open_in(Supervisor& self, std::string_view folder) {
    FixedString<107> path(folder);
    if (folder.empty() || folder.front() != '/') return false;
    (void)sys::make_folder(AT_FDCWD, path.c_str(), 0755);
    if (!is_ours(path.c_str())) return false;

    FixedString<107> notify = path;
    notify.append("/notify");
    path.append("/control");
    if (path.truncated() || !is_free(path.c_str())) return false;
    auto listener = sys::bind_unix(path.view(), SOCK_SEQPACKET, 0666);
    if (!listener || !sys::listen_on(listener->get(), kBacklog)) return false;
    listen_for_clients(self, std::move(*listener), false);
    self.control_path = path;
    open_notify(self, notify.view(), {});
    return true;
}

} // namespace

void open_runtime_folder(Supervisor& self) {
    const std::string_view chosen = variable(self, "STEAD_RUNTIME_DIR");
    if (open_in(self, chosen.empty() ? "/run/stead" : chosen)) return;
    const std::string_view session = variable(self, "XDG_RUNTIME_DIR");
    if (!session.empty()) {
        FixedString<107> folder(session);
        if (open_in(self, folder.append("/stead").view())) return;
    }
    if (open_in(self, "/dev/shm/stead")) return;
    note(self,
         "no control socket: none of /run/stead, $XDG_RUNTIME_DIR and /dev/shm can be written");
}

} // namespace stead::init
