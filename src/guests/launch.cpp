#include "guests/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <utility>

#include "context/context.h"
#include "guests/binaries.h"
#include "guests/cgroups.h"
#include "guests/cleanup.h"
#include "guests/disk.h"
#include "guests/facts.h"
#include "guests/ids.h"
#include "guests/keeper.h"
#include "guests/network.h"
#include "guests/projects.h"
#include "guests/rootless.h"
#include "guests/service.h"
#include "resources/subject.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/pty.h"
#include "sys/setup.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"
#include "wire/boot.h"
#include "wire/message.h"

namespace stead::guests {

namespace {

constexpr int kControlBacklog = 32;

/// PID 1's ends of its standard streams; with a terminal all three are one.
struct Streams {
    sys::UniqueFd input;
    sys::UniqueFd output;
    sys::UniqueFd error;
};

/// Controllers whose accounts every guest has, and those named by its levels ("memory" of
/// "memory.max"), as far as the host has them; one that is missing was refused or noted by compile.
std::vector<std::string> controllers_for(const recipe::Context& context,
                                         const std::vector<std::string>& present) {
    std::vector<std::string> wanted;
    const auto add = [&](const std::string& name) {
        const bool known = std::find(present.begin(), present.end(), name) != present.end();
        if (known && std::find(wanted.begin(), wanted.end(), name) == wanted.end())
            wanted.push_back(name);
    };
    for (const char* accounted : {"cpu", "io", "memory", "pids"})
        add(accounted);
    for (const recipe::Level& level : context.levels)
        add(level.file.substr(0, level.file.find('.')));
    return wanted;
}

/// The guest's levels, before anybody is inside. A default that this machine refuses is left out:
/// compile has said so where it could know.
Result<void> set_levels(const recipe::Context& context, const Cgroup& cgroup) {
    for (const recipe::Level& level : context.levels) {
        for (std::string_view rest = level.value; !rest.empty();) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(line.size() + 1, rest.size()));
            const auto set = set_level(cgroup, level.file.c_str(), line);
            if (set || level.origin.empty()) continue;
            return make_error("level", level.origin + ": " + level.file, set.error().code);
        }
    }
    return {};
}

/// With its mounts, its disk or its first process.
bool is_set_already(resources::Kernel kernel) {
    using enum resources::Kernel;
    return kernel == TmpfsSize || kernel == PtyCount || kernel == DiskQuota ||
           kernel == MemoryMerge || kernel == Devices;
}

/// The levels of the guest's namespaces, and its sizes again as the kernel has them.
Result<void> set_inside(const recipe::Context& context, const std::string& cgroup, pid_t init) {
    resources::Subject subject;
    subject.name = context.name;
    subject.cgroup = cgroup;
    subject.init = init;
    for (const recipe::Level& level : context.inside) {
        const resources::Level& row = *resources::find_level(level.key);
        if (is_set_already(row.kernel)) continue;
        const std::string problem = resources::impossible(subject, row);
        if (!problem.empty()) return make_error("level", level.origin + ": " + problem, 0);
        const auto set = resources::write_level(subject, row, level.value);
        if (!set) return make_error("level", level.origin + ": " + level.key, set.error().code);
    }
    return {};
}

/// What `set` and `limits` compare with.
std::vector<RecordedLevel> recorded(const recipe::Context& context) {
    std::vector<RecordedLevel> levels;
    for (const auto* list : {&context.levels, &context.inside}) {
        for (const recipe::Level& level : *list)
            levels.push_back({level.key, level.value, level.origin});
    }
    for (const recipe::Limit& limit : context.limits) {
        if (!limit.origin.empty())
            levels.push_back(
                {limit.name,
                 std::to_string(limit.limit.soft) + ":" + std::to_string(limit.limit.hard),
                 limit.origin});
    }
    return levels;
}

/// What the file and the launch say of it.
Record new_record(const recipe::Context& context, const LaunchOptions& options) {
    Record record;
    record.file = options.file;
    record.detached = options.detached;
    record.epilogue = options.epilogue;
    record.own_init = options.own_init;
    record.service = options.service;
    if (record.service) record.service->ties = context.host;
    record.log_max = context.log_max;
    record.jail = !options.loader;
    record.created = static_cast<std::int64_t>(std::time(nullptr));
    record.levels = recorded(context);
    record_disk(context, record);
    return record;
}

/// The guest will not: whoever waits for it waits for its PID 1, which is there.
Result<void> tell_ready(const std::optional<Service>& service) {
    if (service) return tell_service_manager(*service, "READY=1\n");
    // Somebody's own unit around `stead run`; its address may be a stale one.
    if (const auto manager = service_from_environment())
        (void)tell_service_manager(*manager, "READY=1\n");
    return {};
}

Result<sys::UniqueFd> sealed_plan(std::span<const std::byte> image) {
    sys::UniqueFd memfd = TRY(sys::make_memfd("stead-plan"));
    TRY(sys::write_full(memfd.get(), {reinterpret_cast<const char*>(image.data()), image.size()}));
    TRY(sys::seal(memfd.get()));
    return memfd;
}

Result<sys::UniqueFd> listen_at(const Claim& claim) {
    const std::string path = claim.path + "/control";
    auto listener = sys::bind_unix(path, SOCK_SEQPACKET, 0600);
    if (!listener && listener.error().code == EADDRINUSE) {
        // Nobody listens on it: the lock is ours and nothing runs.
        TRY(sys::remove_at(claim.folder.get(), "control", false));
        listener = sys::bind_unix(path, SOCK_SEQPACKET, 0600);
    }
    if (!listener) return listener.error();
    TRY(sys::listen_on(listener->get(), kControlBacklog));
    return listener;
}

/// The guest's devpts, before there is a guest: its first terminal is PID 1's from the beginning.
Result<sys::UniqueFd> make_devpts(const recipe::Context& context) {
    for (const recipe::Mount& mount : context.mounts) {
        if (mount.kind != recipe::MountKind::Devpts) continue;
        std::string options;
        for (const std::string& option : mount.options)
            options += (options.empty() ? "" : ",") + option;
        return sys::make_mount("devpts", options.c_str(), mount.attributes);
    }
    return make_error("the guest has no folder for terminals:", "/dev/pts", ENOENT);
}

/// A terminal for the program with the size of ours. The other side is the keeper's.
Result<Streams> make_terminal(KeeperDescriptors& keeper, int devpts, uid_t owner) {
    sys::Pty pty = TRY(sys::make_pty(devpts));
    TRY(sys::change_owner(pty.terminal.get(), "", owner, static_cast<gid_t>(-1)));
    // A wrong size is no reason not to start.
    (void)sys::copy_terminal(STDIN_FILENO, pty.terminal.get());
    Streams streams;
    streams.output = TRY(sys::duplicate_above(pty.terminal.get(), wire::kKeeperDescriptors));
    streams.error = TRY(sys::duplicate_above(pty.terminal.get(), wire::kKeeperDescriptors));
    streams.input = std::move(pty.terminal);
    keeper[wire::kKeeperTerminal] = std::move(pty.master);
    return streams;
}

Result<Streams> make_pipes(KeeperDescriptors& keeper, bool with_input) {
    Streams streams;
    if (with_input) {
        sys::Pipe input = TRY(sys::make_pipe());
        streams.input = std::move(input.read);
        keeper[wire::kKeeperInput] = std::move(input.write);
    } else {
        streams.input = TRY(sys::open_at(AT_FDCWD, "/dev/null", O_RDONLY | O_NOCTTY));
    }
    sys::Pipe output = TRY(sys::make_pipe());
    sys::Pipe error = TRY(sys::make_pipe());
    streams.output = std::move(output.write);
    keeper[wire::kKeeperOutput] = std::move(output.read);
    streams.error = std::move(error.write);
    keeper[wire::kKeeperError] = std::move(error.read);
    return streams;
}

/// From here on the guest can be found, and PID 1 need not end with us.
void tell_committed(const sys::UniqueFd& channel) {
    std::array<std::byte, 64> buffer;
    wire::Writer message(buffer, wire::Kind::Committed);
    // A PID 1 that has ended already is its keeper's to report.
    (void)sys::send(channel.get(), message.bytes());
}

/// The keeper has nothing to do before PID 1 or the program says something, and its start would
/// only compete with the guest's for a processor. Pipes and the channel hold what comes meanwhile.
void await_first_word(const KeeperDescriptors& keeper) {
    constexpr int kPatienceMilliseconds = 100;
    constexpr std::array kSpeakers = {wire::kKeeperChannel, wire::kKeeperPidfd, wire::kKeeperOutput,
                                      wire::kKeeperError, wire::kKeeperTerminal};
    std::array<pollfd, kSpeakers.size()> awaited{};
    for (std::size_t at = 0; at < kSpeakers.size(); ++at)
        awaited[at] = {keeper[static_cast<std::size_t>(kSpeakers[at])].get(), POLLIN,
                       0}; // none: -1, passed over
    ::poll(awaited.data(), awaited.size(), kPatienceMilliseconds);
}

} // namespace

struct Start::Endpoints {
    sys::UniqueFd init_program;
    sys::UniqueFd stead;
    sys::UniqueFd plan;
    sys::UniqueFd control;
    sys::UniqueFd channel;
    sys::UniqueFd devpts;
    Streams streams;
    Cgroup cgroup;
    KeeperDescriptors keeper;
};

Start::Start(Paths paths, std::string name, Claim claim)
    : paths_(std::move(paths))
    , name_(std::move(name))
    , claim_(std::move(claim))
    , cgroup2_(find_cgroup2()) {
    if (cgroup2_) cgroup_parent_ = CgroupParent::of_all(paths_, *cgroup2_);
}

Start::~Start() {
    // Moved from: somebody else's now.
    if (claim_.lock) (void)clear(paths_, name_, claim_); // The failure that led here is told.
}

Result<Start> Start::begin(const Paths& paths, std::string_view name, bool cleared) {
    if (!cleared) (void)clear_ended_guests(paths); // A start makes the common folder of all again.
    Claim claimed = TRY(claim(paths, name));
    if (!claimed.is_new) {
        // It runs, and only its keeper is gone.
        if (is_alive(paths, name, claimed)) return make_error("lock", name, EBUSY);
        TRY(clear_remains(paths, name, claimed));
    }
    Start start(paths, std::string(name), std::move(claimed));
    if (start.cgroup2_ && rootless_ids()) TRY(start.join_service());
    return start;
}

Result<void> Start::join_service() {
    if (!cgroup2_) return make_error("a guest of a service needs", "cgroup2", ENOENT);
    cgroup_parent_ = TRY(CgroupParent::of_service(*cgroup2_));
    delegated_ = true;
    return {};
}

compile::HostFacts Start::facts() {
    compile::HostFacts facts = host_facts(paths_, true, cgroup2_);
    facts.explained = false;
    if (delegated_) facts.controllers = controllers_of(cgroup_parent_->path);
    controllers_ = facts.controllers;
    facts.dynamic_uid = [this](const std::string& guest,
                               const std::string& unit) -> std::optional<std::uint32_t> {
        const auto uid = claim_dynamic(paths_, guest, unit);
        if (!uid) return std::nullopt;
        dynamic_ids_.push_back(*uid);
        return *uid;
    };
    return facts;
}

Result<Start::Endpoints> Start::make_endpoints(std::span<const std::byte> image,
                                               const recipe::Context& context,
                                               const LaunchOptions& options) const {
    Endpoints made;
    made.init_program = TRY(init_program(paths_));
    made.plan = TRY(sealed_plan(image));
    made.control = TRY(listen_at(claim_));
    sys::SocketPair channel = TRY(sys::make_socket_pair());
    made.channel = std::move(channel.first);
    made.keeper[wire::kKeeperChannel] = std::move(channel.second);
    made.keeper[wire::kKeeperStead] = TRY(own_program());
    if (options.stdio == Stdio::Terminal) {
        made.devpts = TRY(make_devpts(context));
        made.streams = TRY(make_terminal(made.keeper, made.devpts.get(), options.terminal_owner));
    } else {
        made.streams = TRY(make_pipes(made.keeper, options.stdio == Stdio::Pipes));
    }
    if (options.loader) made.stead = TRY(stead_program(paths_));
    if (options.logs) {
        const std::string logs = paths_.logs(name_);
        TRY(make_folders(logs));
        made.keeper[wire::kKeeperLogs] =
            TRY(sys::open_at(AT_FDCWD, logs.c_str(), O_RDONLY | O_DIRECTORY));
    }
    if (cgroup2_) {
        const auto present = controllers_ ? *controllers_ : controllers_of(*cgroup2_);
        made.cgroup = TRY(make_cgroup(*cgroup_parent_, name_, controllers_for(context, present)));
        TRY(set_levels(context, made.cgroup));
        made.keeper[wire::kKeeperCgroup] = TRY(sys::duplicate(made.cgroup.folder.get()));
    }
    Remains remains{made.cgroup.path, claim_.path, {}, context.network.link != recipe::Link::None};
    for (const std::uint32_t uid : dynamic_ids_)
        remains.claims.push_back(claim_path(paths_, uid));
    const bool background = options.detached || options.service;
    const unsigned flags = (background ? 0 : wire::kKeeperForeground) |
                           (options.prefix ? wire::kKeeperPrefix : 0) |
                           (options.epilogue ? wire::kKeeperEpilogue : 0) |
                           (context.host.notify ? 0 : wire::kKeeperMute);
    made.keeper[wire::kKeeperConfig] =
        TRY(keeper_configuration(name_, flags, options.service, remains));
    if (options.service && context.host.journal) {
        // No journal is no reason not to start: the files get every line.
        if (auto journal = connect_journal())
            made.keeper[wire::kKeeperJournal] = std::move(*journal);
    }
    return made;
}

Result<void> Start::try_launch(const recipe::Context& wished,
                               std::span<const std::byte> image,
                               const LaunchOptions& options) {
    recipe::Context context = wished;
    TRY(prepare_disk(paths_, context));
    TRY(prepare_network(paths_, claim_, context));
    const auto connect_guest = [&](int network_namespace) {
        return connect_network(paths_, context, network_namespace);
    };
    const context::ConnectNetwork connect(connect_guest);
    Endpoints endpoints = TRY(make_endpoints(image, context, options));
    context::Descriptors lent;
    lent.input = endpoints.streams.input.get();
    lent.output = endpoints.streams.output.get();
    lent.error = endpoints.streams.error.get();
    lent.plan = endpoints.plan.get();
    lent.host_control = endpoints.control.get();
    lent.keeper = endpoints.channel.get();
    lent.stead_init = endpoints.init_program.get();
    lent.stead = endpoints.stead.get();
    lent.devpts = endpoints.devpts.get();
    lent.cgroup = endpoints.cgroup.folder.get();
    lent.for_parent = options.service.has_value();
    std::vector<int> sockets;
    for (const sys::UniqueFd& socket : options.handed.sockets)
        sockets.push_back(socket.get());
    lent.sockets = sockets;
    if (!sockets.empty()) context.environment.push_back("LISTEN_FDNAMES=" + options.handed.names);
    context.credentials = options.handed.credentials;
    context::Running running = TRY(context::start(
        context, lent, context.network.link == recipe::Link::None ? nullptr : &connect));
    notices_ = std::move(running.notices);

    Record record = new_record(context, options);
    record.name = name_;
    record.cgroup = endpoints.cgroup.path;
    record.dynamic_uids = dynamic_ids_;
    Result<void> done = identify(running.init.pid, record);
    if (done) done = set_inside(context, record.cgroup, running.init.pid);
    if (done) done = write_record(claim_, record);
    if (done && options.service)
        done = tell_service_manager(*options.service,
                                    "MAINPID=" + std::to_string(running.init.pid) + "\n");
    if (done && !context.host.notify) done = tell_ready(options.service);
    if (done) tell_committed(endpoints.keeper[wire::kKeeperChannel]);
    if (!done) {
        end_process(running.init);
        return done;
    }
    endpoints.keeper[wire::kKeeperPidfd] = std::move(running.init.pidfd);
    await_first_word(endpoints.keeper);
    return keep(endpoints, running.init.pid, options.detached);
}

Error Start::keep(Endpoints& endpoints, pid_t init, bool detached) {
    endpoints.keeper[wire::kKeeperLock] = std::move(claim_.lock);
    const Result<void> silent = detached ? silence() : Result<void>{};
    const Error failure =
        silent ? become_keeper(endpoints.init_program.get(), endpoints.keeper, name_, false)
               : silent.error();
    // Still here, and our descriptors may have been moved: what is left of the start is found by
    // number and by name. The guest must not outlive a start that failed.
    (void)sys::send_signal(init, SIGKILL);
    (void)sys::next_ended(false); // If it hangs in the kernel, the cgroup's removal waits for it.
    (void)clean_up(paths_, name_);
    (void)claim_.lock.release();
    return failure;
}

Error Start::launch(const recipe::Context& context,
                    std::span<const std::byte> image,
                    const LaunchOptions& options) {
    // An interrupt waits for the keeper, which stops the guest in order: signals that are pending
    // stay so over execve(2), and the keeper reads those that it cares for.
    sigset_t every;
    sigset_t before;
    ::sigfillset(&every);
    ::pthread_sigmask(SIG_BLOCK, &every, &before);
    const Error failure = try_launch(context, image, options).error();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return failure;
}

} // namespace stead::guests
