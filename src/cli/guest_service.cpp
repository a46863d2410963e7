#include "cli/guest_service.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <spawn.h>

#include "guests/service.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "unitfile/names.h"

namespace stead::cli {

namespace {

constexpr std::string_view kHelper = "stead-systemd";
constexpr std::array kTemplates = {
    "/etc/systemd/system/stead@.service", "/run/systemd/system/stead@.service",
    "/usr/local/lib/systemd/system/stead@.service", "/usr/lib/systemd/system/stead@.service",
    "/lib/systemd/system/stead@.service"};

/// The folder of the running program; empty if the kernel does not say.
std::string own_folder() {
    std::array<char, 4096> path{};
    const auto size = sys::read_link(AT_FDCWD, "/proc/self/exe", path);
    if (!size) return {};
    const std::string_view text(path.data(), *size);
    return std::string(text.substr(0, text.rfind('/')));
}

} // namespace

std::string find_systemd_helper() {
    const std::string folder = own_folder();
    if (folder.empty()) return {};
    for (const char* place : {"/", "/../libexec/stead/"}) {
        std::string path = folder + place + std::string(kHelper);
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return {};
}

bool guests_are_services(const guests::Paths& paths) {
    const guests::Paths usual;
    if (::geteuid() != 0 || paths.runtime != usual.runtime || paths.state != usual.state ||
        paths.config != usual.config || !guests::booted_by_systemd())
        return false;
    for (const char* file : kTemplates) {
        if (::access(file, R_OK) == 0) return !find_systemd_helper().empty();
    }
    return false;
}

bool is_service(const guests::Paths& paths, std::string_view name) {
    const auto guest = guests::find(paths, name);
    return guest && *guest && (*guest)->record.service.has_value();
}

int run_systemd_helper(Context& context,
                       const std::string& verb,
                       const std::string& name,
                       const ServiceWishes& wishes) {
    (void)context.console.flush();
    std::vector<std::string> words{find_systemd_helper(), verb};
    if (wishes.no_wait) words.emplace_back("--no-wait");
    if (wishes.force) words.emplace_back("--force");
    if (!wishes.limit.is_never()) {
        const Duration left = std::max(wishes.limit - sys::now(), Duration{});
        words.push_back("--timeout-ms=" + std::to_string(left.ms()));
    }
    if (!name.empty()) words.push_back(name);
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = -1;
    const int failed = ::posix_spawn(&child, argv.front(), nullptr, nullptr, argv.data(), environ);
    if (failed != 0) {
        const Error error = make_error("execute", kHelper, failed);
        context.console.error(std::string(describe(error).view()));
        return kCouldNot;
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    context.console.error("stead-systemd was killed by signal " + std::to_string(WTERMSIG(status)));
    return kCouldNot;
}

void tell_of_enabled(Context& context, const guests::Paths& paths) {
    if (guests_are_services(paths))
        (void)run_systemd_helper(context, "reload", {}, {.limit = Instant::never()});
}

bool needs_no_service_manager(Context& context, const unitfile::GuestSpec& guest) {
    for (const auto& need : guest.needs) {
        if (!unitfile::is_host_unit(need.value)) continue;
        context.console.error("guest '" + guest.name + "' requires '" + need.value +
                              "' of the host's service manager, which does not start it");
        context.console.hint("start it as a service of systemd, without --direct, or take it out "
                             "of 'requires'");
        return false;
    }
    return true;
}

} // namespace stead::cli
