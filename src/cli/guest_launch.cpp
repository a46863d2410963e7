#include "cli/guest_launch.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <utility>

#include "cli/asking.h"
#include "cli/guest_look.h"
#include "cli/guest_service.h"
#include "cli/guest_source.h"
#include "cli/words.h"
#include "guests/detach.h"
#include "guests/ending.h"
#include "guests/hooks.h"
#include "guests/launch.h"
#include "guests/service.h"
#include "model/names.h"
#include "sys/clock.h"
#include "sys/stream.h"

namespace stead::cli {

namespace {

/// A keeper that is clearing its guest away has this long before somebody asks again.
constexpr int kLookAgainMs = 10;
constexpr Duration kSpeakAfter = 1_s;

bool run_pre_start(Context& context, const guests::Paths& paths, const guests::HookSet& hooks) {
    if (!guests::has_hooks(paths, hooks, guests::Stage::PreStart)) return true;
    (void)context.console.flush();
    const auto failures = guests::run_hooks(paths, hooks, guests::Stage::PreStart);
    for (const std::string& failure : failures)
        context.console.error(hooks.guest + ": " + safe(failure) + "; the guest is not started");
    return failures.empty();
}

/// A background start, as seen by the command that waits for it.
class Waiting {
public:
    Waiting(Context& context, std::string name, const StartWishes& wishes)
        : asking_(context, Place::look())
        , name_(std::move(name))
        , target_{.guest = name_, .unit = {}}
        , limit_(wishes.limit)
        , speak_(sys::now() + kSpeakAfter) {}

    Asking& asking() { return asking_; }

    /// Until the launcher has become the keeper.
    int for_launch(const guests::Launcher& launcher) {
        while (true) {
            const auto outcome = guests::await_launch(launcher, pause_ms());
            if (outcome && !*outcome) return kDone;
            if (outcome) {
                if (**outcome >= 0) return **outcome;
                return asking_.fail(kCouldNot, "starting " + name_ + ": the launcher was killed");
            }
            if (outcome.error().code != ETIMEDOUT)
                return asking_.fail(kCouldNot, describe(outcome.error()).view());
            if (!go_on("the guest " + name_ + " to be built")) return asking_.code();
        }
    }

    /// Until the guest is up: all its units have settled. `since`: when it was started; an end that
    /// is older is none of it.
    int for_readiness(std::int64_t since) {
        auto client = Client::connect(asking_.place().control(target_));
        if (!client) return report_end(since);
        std::array<std::byte, 64> buffer;
        wire::Writer request(buffer, wire::Kind::Wait);
        request.number(wire::Tag::Flags, wire::kUntilSettled);
        if (!client->send(request)) return report_end(since);
        while (true) {
            const auto answer = client->receive(std::min(speak_, limit_));
            if (!answer) return report_end(since);
            if (!*answer) {
                if (!go_on(what_is_missing())) return asking_.code();
                continue;
            }
            const wire::Reader& message = *(*answer)->reader;
            if (message.kind() == wire::Kind::End) break;
        }
        return report_units(since);
    }

private:
    int pause_ms() const {
        const Duration left = std::min(speak_, limit_) - sys::now();
        return left.ns <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left.ms() + 1, 60'000));
    }

    /// False when time is up, which has been said.
    bool go_on(const std::string& waiting_for) {
        const Instant now = sys::now();
        if (now >= limit_) {
            asking_.fail(kTimedOut, "timed out waiting for " + waiting_for,
                         "the start goes on; 'stead status " + name_ + "' shows it");
            return false;
        }
        if (now >= speak_) {
            asking_.console().remark("waiting for " + waiting_for + " ...");
            speak_ = now + 10_s;
        }
        return true;
    }

    GuestLook look() const { return look_at(asking_.place(), target_, 2_s); }

    /// "web to be up: nginx, redis"
    std::string what_is_missing() {
        std::string text = name_ + " to be up";
        const GuestLook seen = look();
        std::string names;
        std::size_t count = 0;
        for (const UnitRecord& unit : seen.units) {
            if (unit.state != UnitState::Starting && unit.state != UnitState::Backoff) continue;
            constexpr std::size_t kShown = 4;
            if (++count <= kShown) names += (names.empty() ? "" : ", ") + safe(unit.name);
        }
        return names.empty() ? text : text + ": " + names;
    }

    /// The guest is up; units that are not are named.
    int report_units(std::int64_t since) {
        const GuestLook seen = look();
        // Its units have come to rest because it ends.
        if (!seen.guest || seen.guest->state == wire::GuestState::Stopping)
            return report_end(since);
        std::string failed;
        std::size_t count = 0;
        for (const UnitRecord& unit : seen.units) {
            if (unit.state != UnitState::Failed) continue;
            ++count;
            failed += (failed.empty() ? "" : ", ") + safe(unit.name);
        }
        if (count != 0) {
            asking_.console().error("guest '" + name_ + "' is up, but " + std::to_string(count) +
                                    " of " + std::to_string(seen.units.size()) +
                                    " units failed: " + failed);
            asking_.console().hint("'stead why " + name_ + "' tells why");
        } else {
            asking_.console().remark("guest '" + name_ + "' is up");
        }
        return kDone;
    }

    /// It is gone: its keeper has written how, or is about to.
    int report_end(std::int64_t since) {
        constexpr Duration kKeeperLimit = 30_s;
        const Instant limit = std::min(limit_, sys::now() + kKeeperLimit);
        while (sys::now() < limit) {
            const auto guest = guests::find(asking_.place().paths(), name_);
            if (!guest || !*guest || (!(*guest)->running() && !(*guest)->kept)) break;
            (void)sys::is_readable(-1, kLookAgainMs);
        }
        const auto ending = guests::read_ending(asking_.place().paths(), name_);
        const std::string logs = "'stead logs " + name_ + "' shows what it said";
        if (!ending || ending->ended < since)
            return asking_.fail(kCouldNot, "guest '" + name_ + "' ended while it was starting",
                                logs);
        if (ending->reboot) {
            asking_.console().remark("guest '" + name_ + "' asked for a reboot");
            return kDone;
        }
        if (ending->code == 0) {
            asking_.console().remark("guest '" + name_ + "' has done its work and ended");
            return kDone;
        }
        return asking_.fail(kCouldNot,
                            "guest '" + name_ + "' ended with code " +
                                std::to_string(ending->code) + " while it was starting",
                            logs);
    }

    Asking asking_;
    std::string name_;
    Target target_;
    Instant limit_;
    Instant speak_;
};

/// The rest of a start that nobody waits for: a process of its own runs the hooks.
void follow_up(Context& context,
               const guests::Paths& paths,
               const guests::HookSet& hooks,
               Waiting& waiting,
               std::int64_t since) {
    const auto child = guests::split_off();
    if (!child || !child->is_child) return;
    const int code = waiting.for_readiness(since);
    if (code == kDone) run_post_start(context, paths, hooks);
    (void)context.console.flush();
    ::_exit(0);
}

bool runs_already(const guests::Paths& paths, const std::string& name) {
    const auto guest = guests::find(paths, name);
    return guest && *guest && (*guest)->running();
}

} // namespace

namespace {

/// Runs the hooks before the start, and sees whether there are some after the end; false if one
/// failed, which has been said.
bool prepare_hooks(Context& context,
                   const guests::Paths& paths,
                   const unitfile::GuestSpec& guest,
                   guests::LaunchOptions& options) {
    guests::HookSet hooks = guests::hooks_of(guest);
    hooks.file = std::filesystem::absolute(guest.file).string();
    options.file = hooks.file;
    options.epilogue = options.detached || options.service ||
                       guests::has_hooks(paths, hooks, guests::Stage::PostStop);
    return run_pre_start(context, paths, hooks);
}

/// The service that `launch` asks for; false, and a word, if this is none.
bool find_service(Context& context, const Launch& launch, std::optional<guests::Service>& service) {
    if (!launch.service) return true;
    service = guests::service_from_environment();
    if (service) return true;
    context.console.error("--service: there is no NOTIFY_SOCKET");
    context.console.hint("only a service manager calls it: see stead@.service");
    return false;
}

} // namespace

bool comes_back(const guests::Paths& paths, const std::string& name) {
    const auto ending = guests::read_ending(paths, name);
    return ending && ending->reboot;
}

int launch_guest(Context& context, const guests::Paths& paths, const Launch& launch) {
    std::optional<guests::Service> service;
    if (!find_service(context, launch, service)) return kAskedWrongly;
    auto handed = guests::take_handed(launch.service);
    if (!handed) {
        context.console.error(describe(handed.error()).c_str());
        return kCouldNot;
    }
    unitfile::Diagnostics diagnostics;
    int code = kAskedWrongly;
    auto guest = find_guest(context, paths, launch.word, diagnostics, code);
    if (!guest) return code;
    if (!launch.name.empty()) guest->name = launch.name;
    if (!guests::valid_name(guest->name)) {
        context.console.error("'" + safe(guest->name) + "' is no guest's name");
        context.console.hint("letters, digits, '.', '_' and '-', 63 at most; --name gives another");
        return kAskedWrongly;
    }
    const int failed = launch.detached ? kCouldNot : kSteadFailed;
    if (!launch.service && !needs_no_service_manager(context, *guest)) return failed;
    if (!may_start_guests(context, guest->profile.value == unitfile::ProfileKind::Jail))
        return kCouldNot;

    auto start = guests::Start::begin(paths, guest->name, context.cleared);
    if (!start) {
        explain_failure(context, guest->name, start.error());
        return start.error().code == EBUSY ? kCouldNot : failed;
    }
    // Who stops it from now on finds that it is kept.
    if (launch.after_reboot && !comes_back(paths, guest->name)) return kDone;
    // In the cgroup of a session it would end with that, and be accounted to it.
    const bool scope =
        !service && launch.scope && guests::in_scope() && guests_are_services(paths) &&
        run_systemd_helper(context, "scope", guest->name, {.limit = Instant::never()}) == kDone;
    if (service || scope) {
        const auto joined = start->join_service();
        if (!joined) {
            explain_failure(context, guest->name, joined.error());
            return failed;
        }
    }
    guests::LaunchOptions options;
    options.detached = launch.detached;
    options.service = std::move(service);
    options.handed = *std::move(handed);
    const auto compiled = compile_for(context, *guest, start->facts(), diagnostics);
    if (!compiled) return kAskedWrongly;
    if (!compiled->context.host.sockets) options.handed.sockets.clear();
    options.own_init = !guest->init.empty();
    // `stead` brings such an init to life.
    options.loader = options.own_init || !compiled->plan.guest || !compiled->plan.guest->has_units;
    if (!prepare_hooks(context, paths, *guest, options)) return failed;
    (void)context.console.flush(); // From here on the keeper speaks.
    explain_failure(context, guest->name,
                    start->launch(compiled->context, compiled->image, options));
    return failed;
}

int start_guest(Context& context, const std::string& name, const StartWishes& wishes) {
    const auto paths = guests::Paths::from_environment();
    Waiting waiting(context, name, wishes);
    if (runs_already(paths, name)) {
        context.console.remark("guest '" + name + "' is running already");
        return wishes.no_wait ? kDone : waiting.for_readiness(0);
    }
    const auto since = static_cast<std::int64_t>(std::time(nullptr));
    // Every mistake is told here, and what is told again by the launcher would be told twice.
    unitfile::Diagnostics diagnostics;
    int code = kAskedWrongly;
    const auto guest = find_guest(context, paths, name, diagnostics, code);
    if (!guest) return code;
    if (!wishes.direct && guests_are_services(paths)) {
        code =
            run_systemd_helper(context, "start", name,
                               {.no_wait = wishes.no_wait, .force = false, .limit = wishes.limit});
        // Its service has run the hooks, and become active when the guest was up.
        return code == kDone && !wishes.no_wait ? waiting.for_readiness(since) : code;
    }
    const guests::HookSet hooks = guests::hooks_of(*guest);
    (void)context.console.flush();
    auto launcher = guests::split_off();
    if (!launcher) return waiting.asking().fail(kCouldNot, describe(launcher.error()).view());
    if (launcher->is_child) {
        code = launch_guest(
            context, paths,
            {.word = name, .name = {}, .detached = true, .after_reboot = wishes.after_reboot});
        (void)context.console.flush();
        guests::report_failure(*launcher, code);
        ::_exit(code);
    }
    code = waiting.for_launch(*launcher);
    // Somebody else was faster: what counts is that it runs.
    if (code != kDone) return code;
    const bool hooked = guests::has_hooks(paths, hooks, guests::Stage::PostStart);
    if (wishes.no_wait) {
        if (hooked) follow_up(context, paths, hooks, waiting, since);
        return kDone;
    }
    code = waiting.for_readiness(since);
    if (code == kDone && hooked) run_post_start(context, paths, hooks);
    return code;
}

void run_post_start(Context& context, const guests::Paths& paths, const guests::HookSet& hooks) {
    for (const std::string& failure : guests::run_hooks(paths, hooks, guests::Stage::PostStart)) {
        context.console.error(hooks.guest + ": " + safe(failure) + " (ignored)");
        guests::append_to_log(paths, hooks.guest, failure);
    }
}

} // namespace stead::cli
