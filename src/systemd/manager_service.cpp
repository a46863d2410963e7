#include "systemd/manager_service.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include <spawn.h>

#include "guests/service.h"
#include "guests/store.h"
#include "model/names.h"
#include "sys/clock.h"
#include "sys/descriptors.h"
#include "sys/setup.h"
#include "sys/stream.h"
#include "systemd/service_manager.h"

namespace stead::systemd {

namespace {

constexpr const char* kNoSuchGuest = "org.stead.Manager1.NoSuchGuest";
constexpr const char* kFailed = "org.stead.Manager1.Failed";
constexpr std::size_t kMaxWaiting = 1024;
constexpr std::size_t kMaxLevels = 256;

/// A call whose answer is a job's end.
struct Waiting {
    Message call;
    std::string job;
    std::string guest;
};

class Manager {
public:
    Manager(sd_bus* bus, const ManagerOptions& options)
        : bus_(bus)
        , options_(options)
        , units_(bus) {}

    int serve();

    int list(sd_bus_message* call);
    int change(sd_bus_message* call, Change what);
    int set(sd_bus_message* call);
    int tell(sd_bus_message* call);
    int tell_failed(sd_bus_message* call);
    int running(sd_bus_message* reply);

private:
    using Deed = std::function<int(Manager&, sd_bus_message*)>;

    struct Asked {
        Manager* self = nullptr;
        Message call;
        Deed deed;
        Slot slot;
        bool answered = false;
    };

    /// Calls `deed` if the caller may: root at once, others when polkit has said so.
    int if_allowed(sd_bus_message* call, Deed deed);
    static int on_polkit(sd_bus_message* reply, void* asked, sd_bus_error* error);

    int begin_job(sd_bus_message* call, Change what, const std::string& guest);
    int run_set(sd_bus_message* call,
                const std::string& guest,
                const std::vector<std::string>& levels,
                bool save);
    void answer_jobs();

    bool idle() const { return waiting_.empty() && asked_.empty(); }

    sd_bus* bus_;
    const ManagerOptions& options_;
    ServiceManager units_;
    std::vector<Waiting> waiting_;
    std::deque<Asked> asked_;
};

int no_such_guest(sd_bus_message* call, const std::string& name) {
    return sd_bus_reply_method_errorf(call, kNoSuchGuest, "there is no guest '%s'", name.c_str());
}

/// The guest a call names, or nothing, and the call has been answered.
std::optional<std::string>
read_guest(sd_bus_message* call, const guests::Paths& paths, int& answered) {
    const char* name = nullptr;
    answered = sd_bus_message_read(call, "s", &name);
    if (answered < 0) return std::nullopt;
    if (guests::valid_name(name) && guests::is_configured(paths, name)) return std::string(name);
    answered = no_such_guest(call, guests::valid_name(name) ? name : "?");
    return std::nullopt;
}

int Manager::if_allowed(sd_bus_message* call, Deed deed) {
    uid_t uid = static_cast<uid_t>(-1);
    sd_bus_creds* credentials = nullptr;
    if (options_.peer) {
        uid = 0;
    } else if (sd_bus_query_sender_creds(call, SD_BUS_CREDS_EUID, &credentials) >= 0) {
        (void)sd_bus_creds_get_euid(credentials, &uid);
        sd_bus_creds_unref(credentials);
    }
    if (uid == 0) return deed(*this, call);
    std::erase_if(asked_, [](const Asked& one) { return one.answered; });
    if (asked_.size() >= kMaxWaiting)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "too many calls wait for polkit");
    Message question =
        new_call(bus_, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                 "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    if (!question) return -ENOMEM;
    const std::uint32_t interactive =
        sd_bus_message_get_allow_interactive_authorization(call) > 0 ? 1 : 0;
    const int made =
        sd_bus_message_append(question.get(), "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                              sd_bus_message_get_sender(call), kManageAction, 0, interactive, "");
    if (made < 0) return made;
    asked_.push_back({this, Message(sd_bus_message_ref(call)), std::move(deed), nullptr});
    constexpr std::uint64_t kPersonLimit = 120'000'000; // microseconds
    sd_bus_slot* slot = nullptr;
    const int sent =
        sd_bus_call_async(bus_, &slot, question.get(), on_polkit, &asked_.back(), kPersonLimit);
    if (sent < 0) {
        asked_.pop_back();
        return sent;
    }
    asked_.back().slot.reset(slot);
    return 1;
}

int Manager::on_polkit(sd_bus_message* reply, void* data, sd_bus_error*) {
    Asked& asked = *static_cast<Asked*>(data);
    asked.answered = true;
    int authorized = 0;
    const bool said = sd_bus_message_is_method_error(reply, nullptr) == 0 &&
                      sd_bus_message_enter_container(reply, 'r', "bba{ss}") > 0 &&
                      sd_bus_message_read(reply, "b", &authorized) > 0;
    const int done = said && authorized != 0
                         ? asked.deed(*asked.self, asked.call.get())
                         : sd_bus_reply_method_errorf(
                               asked.call.get(), SD_BUS_ERROR_ACCESS_DENIED,
                               "only root, and whom polkit allows %s, may do this", kManageAction);
    if (done < 0) (void)sd_bus_reply_method_errno(asked.call.get(), done, nullptr);
    return 0;
}

int Manager::list(sd_bus_message* call) {
    sd_bus_message* made = nullptr;
    if (const int failed = sd_bus_message_new_method_return(call, &made); failed < 0) return failed;
    const Message reply(made);
    (void)sd_bus_message_open_container(made, 'a', "(ssu)");
    std::vector<std::string> names = guests::configured(options_.paths);
    const auto found = guests::list(options_.paths);
    if (found) {
        for (const guests::Guest& guest : *found) {
            if (std::find(names.begin(), names.end(), guest.record.name) == names.end())
                names.push_back(guest.record.name);
        }
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        std::uint32_t leader = 0;
        if (found) {
            for (const guests::Guest& guest : *found) {
                if (guest.record.name == name && guest.running())
                    leader = static_cast<std::uint32_t>(guest.record.pid);
            }
        }
        (void)sd_bus_message_append(made, "(ssu)", name.c_str(), leader != 0 ? "running" : "down",
                                    leader);
    }
    (void)sd_bus_message_close_container(made);
    return sd_bus_send(bus_, made, nullptr);
}

int Manager::running(sd_bus_message* reply) {
    std::uint32_t count = 0;
    if (const auto found = guests::list(options_.paths)) {
        count = static_cast<std::uint32_t>(
            std::count_if(found->begin(), found->end(),
                          [](const guests::Guest& guest) { return guest.running(); }));
    }
    return sd_bus_message_append(reply, "u", count);
}

int Manager::change(sd_bus_message* call, Change what) {
    int answered = 0;
    const auto name = read_guest(call, options_.paths, answered);
    if (!name) return answered;
    return if_allowed(call, [what, guest = *name](Manager& self, sd_bus_message* allowed) {
        return self.begin_job(allowed, what, guest);
    });
}

int Manager::begin_job(sd_bus_message* call, Change what, const std::string& guest) {
    if (waiting_.size() >= kMaxWaiting)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "too many jobs are waited for");
    std::string problem;
    std::string job = units_.enqueue(what, guests::service_unit(guest), problem);
    if (job.empty())
        return sd_bus_reply_method_errorf(call, kFailed, "guest '%s': %s", guest.c_str(),
                                          problem.c_str());
    waiting_.push_back({Message(sd_bus_message_ref(call)), std::move(job), guest});
    return 1;
}

void Manager::answer_jobs() {
    std::erase_if(waiting_, [&](const Waiting& one) {
        JobEnd end;
        end.result = units_.take_result(one.job);
        if (end.result.empty()) return false;
        if (end.done()) {
            (void)sd_bus_reply_method_return(one.call.get(), nullptr);
        } else {
            const UnitLook look = units_.look(guests::service_unit(one.guest));
            (void)sd_bus_reply_method_errorf(one.call.get(), kFailed, "guest '%s': %s",
                                             one.guest.c_str(), reason_of(end, look).c_str());
        }
        return true;
    });
}

int Manager::set(sd_bus_message* call) {
    int answered = 0;
    const auto name = read_guest(call, options_.paths, answered);
    if (!name) return answered;
    std::vector<std::string> levels;
    if (const int entered = sd_bus_message_enter_container(call, 'a', "s"); entered < 0)
        return entered;
    const char* level = nullptr;
    while (sd_bus_message_read(call, "s", &level) > 0 && levels.size() < kMaxLevels) {
        // An option would be obeyed.
        if (*level == '-' || std::string_view(level).find('=') == std::string_view::npos)
            return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS,
                                              "'%s' is no KEY=VALUE", level);
        levels.emplace_back(level);
    }
    if (const int left = sd_bus_message_exit_container(call); left < 0) return left;
    int save = 0;
    if (const int read = sd_bus_message_read(call, "b", &save); read < 0) return read;
    return if_allowed(call, [guest = *name, levels = std::move(levels),
                             save](Manager& self, sd_bus_message* allowed) {
        return self.run_set(allowed, guest, levels, save != 0);
    });
}

int Manager::run_set(sd_bus_message* call,
                     const std::string& guest,
                     const std::vector<std::string>& levels,
                     bool save) {
    auto said = sys::make_memfd("stead-said");
    if (!said) return -said.error().code;
    std::vector<std::string> words{options_.stead, "set"};
    if (save) words.emplace_back("--save");
    words.push_back(guest);
    words.insert(words.end(), levels.begin(), levels.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    (void)::posix_spawn_file_actions_init(&actions);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
        (void)::posix_spawn_file_actions_adddup2(&actions, said->get(), stream);
    pid_t child = -1;
    const int failed = ::posix_spawn(&child, argv.front(), &actions, nullptr, argv.data(), environ);
    (void)::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return -failed;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return sd_bus_reply_method_return(call, nullptr);
    std::string text(4096, '\0');
    const auto size = sys::read_at(said->get(), text, 0);
    text.resize(size ? *size : 0);
    return sd_bus_reply_method_errorf(call, kFailed, "%s", text.c_str());
}

int Manager::tell(sd_bus_message* call) {
    const char* name = nullptr;
    int started = 0;
    if (const int read = sd_bus_message_read(call, "sb", &name, &started); read < 0) return read;
    if (!guests::valid_name(name)) return no_such_guest(call, "?");
    // The bus lets only root send this (org.stead.Manager1.conf), and whoever has may have left: it
    // waits for no answer, so nobody can be asked who it was.
    (void)sd_bus_emit_signal(bus_, kManagerPath, kManagerInterface,
                             started != 0 ? "GuestStarted" : "GuestStopped", "s", name);
    (void)sd_bus_emit_properties_changed(bus_, kManagerPath, kManagerInterface, "RunningGuests",
                                         nullptr);
    return sd_bus_reply_method_return(call, nullptr);
}

int Manager::tell_failed(sd_bus_message* call) {
    const char* name = nullptr;
    const char* unit = nullptr;
    if (const int read = sd_bus_message_read(call, "ss", &name, &unit); read < 0) return read;
    if (!guests::valid_name(name) || !is_unit_name(unit)) return no_such_guest(call, "?");
    return if_allowed(call, [guest = std::string(name),
                             unit = std::string(unit)](Manager& self, sd_bus_message* allowed) {
        (void)sd_bus_emit_signal(self.bus_, kManagerPath, kManagerInterface, "UnitFailed", "ss",
                                 guest.c_str(), unit.c_str());
        return sd_bus_reply_method_return(allowed, nullptr);
    });
}

Manager& manager_of(void* data) {
    return *static_cast<Manager*>(data);
}

int on_list(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).list(call);
}

int on_start(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).change(call, Change::Start);
}

int on_stop(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).change(call, Change::Stop);
}

int on_restart(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).change(call, Change::Restart);
}

int on_set(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).set(call);
}

int on_tell(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).tell(call);
}

int on_tell_failed(sd_bus_message* call, void* data, sd_bus_error*) {
    return manager_of(data).tell_failed(call);
}

int get_version(
    sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*, sd_bus_error*) {
    return sd_bus_message_append(reply, "s", STEAD_VERSION);
}

int get_running(sd_bus*,
                const char*,
                const char*,
                const char*,
                sd_bus_message* reply,
                void* data,
                sd_bus_error*) {
    return manager_of(data).running(reply);
}

// The macros are C's: designated initializers out of order of a union, and casts.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

const sd_bus_vtable kTable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY(
        "RunningGuests", "u", get_running, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
    SD_BUS_METHOD_WITH_ARGS("ListGuests",
                            SD_BUS_NO_ARGS,
                            SD_BUS_RESULT("a(ssu)", guests),
                            on_list,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("StartGuest",
                            SD_BUS_ARGS("s", name),
                            SD_BUS_NO_RESULT,
                            on_start,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS(
        "StopGuest", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_stop, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("RestartGuest",
                            SD_BUS_ARGS("s", name),
                            SD_BUS_NO_RESULT,
                            on_restart,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Set",
                            SD_BUS_ARGS("s", name, "as", levels, "b", save),
                            SD_BUS_NO_RESULT,
                            on_set,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Announce",
                            SD_BUS_ARGS("s", name, "b", started),
                            SD_BUS_NO_RESULT,
                            on_tell,
                            SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_HIDDEN),
    SD_BUS_METHOD_WITH_ARGS("AnnounceFailure",
                            SD_BUS_ARGS("s", name, "s", unit),
                            SD_BUS_NO_RESULT,
                            on_tell_failed,
                            SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_HIDDEN),
    SD_BUS_SIGNAL_WITH_ARGS("UnitFailed", SD_BUS_ARGS("s", guest, "s", unit), 0),
    SD_BUS_SIGNAL_WITH_ARGS("GuestStarted", SD_BUS_ARGS("s", name), 0),
    SD_BUS_SIGNAL_WITH_ARGS("GuestStopped", SD_BUS_ARGS("s", name), 0),
    SD_BUS_VTABLE_END,
};

#pragma GCC diagnostic pop

int Manager::serve() {
    sd_bus_slot* slot = nullptr;
    if (sd_bus_add_object_vtable(bus_, &slot, kManagerPath, kManagerInterface, kTable, this) < 0)
        return 1;
    const Slot object(slot);
    // The other one of two is no service manager.
    if (!options_.peer && !units_.subscribe()) return 1;
    if (!options_.peer && sd_bus_request_name(bus_, kManagerName, 0) < 0) return 1;
    Instant last = sys::now();
    while (true) {
        const int processed = sd_bus_process(bus_, nullptr);
        if (processed < 0) return processed == -ECONNRESET || processed == -ENOTCONN ? 0 : 1;
        answer_jobs();
        std::erase_if(asked_, [](const Asked& one) { return one.answered; });
        if (processed > 0) {
            last = sys::now();
            continue;
        }
        const Duration left = last + options_.idle - sys::now();
        if (left.ns <= 0 && idle()) break;
        const auto pause = left.ns <= 0 ? options_.idle : left;
        (void)sd_bus_wait(bus_, static_cast<std::uint64_t>(pause.ns / 1000) + 1);
    }
    // From here on the bus starts a new one; what has arrived meanwhile is still answered.
    if (!options_.peer) (void)sd_bus_release_name(bus_, kManagerName);
    while (sd_bus_process(bus_, nullptr) > 0 || !idle()) {
        answer_jobs();
        std::erase_if(asked_, [](const Asked& one) { return one.answered; });
        if (!idle()) (void)sd_bus_wait(bus_, 1'000'000);
    }
    return 0;
}

} // namespace

int serve_manager(sd_bus* bus, const ManagerOptions& options) {
    return Manager(bus, options).serve();
}

Answer announce_failed_unit(sd_bus* bus, const std::string& name, const std::string& unit) {
    Message request =
        new_call(bus, kManagerName, kManagerPath, kManagerInterface, "AnnounceFailure");
    if (request) (void)sd_bus_message_append(request.get(), "ss", name.c_str(), unit.c_str());
    return call(bus, std::move(request), 10_s);
}

Result<void> announce(sd_bus* bus, const std::string& name, bool started) {
    Message request = new_call(bus, kManagerName, kManagerPath, kManagerInterface, "Announce");
    if (request) (void)sd_bus_message_append(request.get(), "sb", name.c_str(), started ? 1 : 0);
    // A start would wait for the service's own otherwise.
    return tell(bus, std::move(request));
}

} // namespace stead::systemd
