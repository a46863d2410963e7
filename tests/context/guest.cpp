#include "context/guest.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <dirent.h>

#include "sys/mounts.h"
#include "sys/unix_socket.h"

namespace stead::testing {

namespace {

using recipe::MountKind;

constexpr std::uint64_t kLocked = sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDevice;
constexpr std::uint64_t kTight = sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
constexpr std::uint64_t kDefaultCapabilities = 0x405fb & ~(1ULL << 2U); // SECURITY's eleven, nearly

std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t size = ::read(fd, buffer, sizeof buffer);
        if (size <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(size));
    }
}

std::string file_text(const char* path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// A cgroup2 mount that may be written to.
std::string find_cgroup2() {
    std::ifstream mounts("/proc/self/mounts");
    std::string source;
    std::string target;
    std::string type;
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        fields >> source >> target >> type;
        if (type == "cgroup2" && ::access(target.c_str(), W_OK) == 0) return target;
    }
    return {};
}

} // namespace

bool Told::has(std::string_view wanted) const {
    return ("\n" + output).find("\n" + std::string(wanted) + "\n") != std::string::npos;
}

std::string Told::line(std::string_view start) const {
    std::istringstream lines(output);
    for (std::string one; std::getline(lines, one);) {
        if (one.starts_with(start)) return one;
    }
    return {};
}

std::string Told::why() const {
    return error ? std::string(describe(*error).view()) : "no error; it told:\n" + output;
}

Guest::Guest() {
    std::string pattern = "/tmp/stead-context.XXXXXX";
    base = ::mkdtemp(pattern.data());
    ::chmod(base.c_str(), 0755);
    recipe.name = "probe";
    recipe.hostname = "probe";
    recipe.namespaces =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
    recipe.capabilities = kDefaultCapabilities;
}

Guest::~Guest() {
    if (!cgroup.empty()) {
        // The kernel takes a moment to forget the members of a cgroup.
        for (int tries = 0; tries < 1000 && ::rmdir((cgroup + "/init").c_str()) < 0; ++tries) {
            ::usleep(1000);
        }
        ::rmdir(cgroup.c_str());
    }
    std::error_code ignored;
    if (!base.empty()) std::filesystem::remove_all(base, ignored);
}

void Guest::add(MountKind kind, std::string target, std::string source, std::uint64_t attributes) {
    recipe::Mount mount;
    mount.kind = kind;
    mount.target = std::move(target);
    mount.source = std::move(source);
    mount.attributes = attributes;
    mount.recursive = kind == MountKind::Bind;
    mount.origin = "the test";
    recipe.mounts.push_back(std::move(mount));
}

Guest Guest::jail() {
    Guest guest;
    guest.recipe.users = recipe::Users::Host;
    guest.recipe.root = {recipe::RootKind::HostPrograms, "", true};
    guest.add(MountKind::Bind, "/usr", "/usr", kLocked);
    guest.add(MountKind::Bind, "/etc", "/etc", kLocked);
    for (const char* name : {"bin", "lib", "lib64", "sbin"}) {
        guest.add(MountKind::Link, "/" + std::string(name), "usr/" + std::string(name));
    }
    guest.add(MountKind::Tmpfs, "/dev", "", sys::kMountNoSuid | sys::kMountNoExecute);
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
        guest.add(MountKind::Device, "/dev/" + std::string(name), name);
    }
    guest.add(MountKind::Link, "/dev/fd", "/proc/self/fd");
    guest.add(MountKind::Tmpfs, "/run", "", sys::kMountNoSuid | sys::kMountNoDevice);
    guest.add(MountKind::Tmpfs, "/tmp", "", sys::kMountNoSuid | sys::kMountNoDevice);
    guest.recipe.mounts.back().options = {"size=1m", "nr_inodes=100", "mode=1777"};
    guest.add(MountKind::Proc, "/proc", "", kTight);
    guest.add(MountKind::Devpts, "/dev/pts", "", sys::kMountNoSuid | sys::kMountNoExecute);
    guest.recipe.mounts.back().options = {"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"};
    guest.add(MountKind::Mask, "/proc/kcore");
    guest.add(MountKind::Mask, "/proc/acpi");
    guest.add(MountKind::Mask, "/proc/scsi");
    guest.add(MountKind::Mask, "/etc/shadow");
    guest.add(MountKind::ReadOnly, "/proc/sys");
    return guest;
}

Guest Guest::folder(recipe::Users users) {
    Guest guest;
    const std::string root = guest.base + "/root";
    for (const char* name : {"", "/proc", "/sys", "/dev", "/run", "/tmp", "/etc", "/usr", "/var"}) {
        ::mkdir((root + name).c_str(), 0755);
    }
    for (const char* name : {"bin", "lib", "lib64", "sbin"}) {
        const std::string text = "usr/" + std::string(name);
        if (::symlink(text.c_str(), (root + "/" + name).c_str()) < 0) std::abort();
    }
    std::ofstream(root + "/etc/mine") << "guest\n";
    guest.recipe.users = users;
    guest.recipe.ids = {kFirstId, 65536};
    guest.recipe.root = {recipe::RootKind::Directory, root, false};
    guest.add(MountKind::Bind, "/usr", "/usr", kLocked);
    guest.add(MountKind::Tmpfs, "/dev", "", sys::kMountNoSuid | sys::kMountNoExecute);
    guest.recipe.mounts.back().options = {"mode=755"};
    guest.add(MountKind::Device, "/dev/null", "null");
    guest.add(MountKind::Folder, "/dev/mqueue");
    guest.add(MountKind::Tmpfs, "/run", "", sys::kMountNoSuid | sys::kMountNoDevice);
    guest.recipe.mounts.back().options = {"mode=755"};
    guest.add(MountKind::Proc, "/proc", "", kTight);
    guest.add(MountKind::Sysfs, "/sys", "", kTight | sys::kMountReadOnly);
    guest.add(MountKind::Mqueue, "/dev/mqueue", "", kTight);
    guest.add(MountKind::Devpts, "/dev/pts", "", sys::kMountNoSuid | sys::kMountNoExecute);
    guest.recipe.mounts.back().options = {"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"};
    guest.add(MountKind::Mask, "/proc/kcore");
    guest.add(MountKind::Mask, "/sys/firmware");
    guest.add(MountKind::ReadOnly, "/proc/sys");
    if (users == recipe::Users::Private) {
        guest.recipe.init_capabilities = 1ULL << 21U; // CAP_SYS_ADMIN
    }
    return guest;
}

bool Guest::use_cgroup() {
    const std::string top = find_cgroup2();
    if (top.empty()) return false;
    cgroup = top + "/stead-test-" + std::filesystem::path(base).extension().string().substr(1);
    return ::mkdir(cgroup.c_str(), 0755) == 0 && ::mkdir((cgroup + "/init").c_str(), 0755) == 0;
}

Told Guest::run(const std::vector<std::string>& lines) {
    std::string script = "PROBE=";
    for (const std::string& line : lines)
        script += line + "\n";
    recipe.environment = {script, "PATH=/usr/bin:/bin"};

    Told told;
    auto output = sys::make_pipe();
    if (!output) std::abort();
    const sys::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const sys::UniqueFd probe(::open(STEAD_PROBE, O_PATH | O_CLOEXEC));
    const sys::UniqueFd folder(
        cgroup.empty() ? -1 : ::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    context::Descriptors lent;
    lent.input = null.get();
    lent.output = output->write.get();
    lent.error = output->write.get();
    lent.stead_init = probe.get();
    lent.stead = probe.get();
    lent.cgroup = folder.get();

    auto running = context::start(recipe, lent);
    output->write.reset();
    if (!running) {
        told.error = running.error();
        return told;
    }
    told.notices = running->notices;
    told.output = read_all(output->read.get());
    int status = 0;
    ::waitpid(running->init.pid, &status, 0);
    told.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return told;
}

Traces Traces::take() {
    Traces traces;
    traces.mounts = file_text("/proc/self/mountinfo");
    DIR* folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr)
        ++traces.descriptors;
    ::closedir(folder);
    traces.has_children = ::waitpid(-1, nullptr, WNOHANG) >= 0;
    return traces;
}

} // namespace stead::testing
