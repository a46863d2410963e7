#include "plan/samples.h"

#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

namespace stead::plan {

namespace {

class Dice {
public:
    explicit Dice(std::mt19937_64& random)
        : random_(random) {}

    std::uint64_t number() { return random_(); }

    /// 0 to `most`, both included.
    std::size_t upto(std::size_t most) { return random_() % (most + 1); }

    bool flip() { return (random_() & 1U) != 0; }

    template <typename Enum>
    Enum word(Enum last) {
        return static_cast<Enum>(upto(static_cast<std::size_t>(last)));
    }

    std::string text(std::size_t longest) {
        std::string result(upto(longest), ' ');
        for (char& c : result)
            c = static_cast<char>(1 + upto(254));
        return result;
    }

    std::string path() {
        std::string result;
        for (std::size_t parts = upto(3); parts > 0; --parts)
            result += "/p" + std::to_string(upto(99));
        return result.empty() ? "/" : result;
    }

    std::vector<std::string> texts(std::size_t most) {
        std::vector<std::string> result(upto(most));
        for (std::string& one : result)
            one = text(12);
        return result;
    }

    Argv argv() {
        Argv result = texts(4);
        result.insert(result.begin(), "/bin/" + std::to_string(upto(20)));
        return result;
    }

    std::vector<std::uint64_t> filter() {
        std::vector<std::uint64_t> result(upto(1) * upto(20));
        for (std::uint64_t& instruction : result)
            instruction = number();
        return result;
    }

private:
    std::mt19937_64& random_;
};

void roll_policy(Dice& dice, UnitPolicy& policy) {
    policy.type = dice.word(UnitType::Target);
    policy.restart = dice.word(RestartPolicy::Always);
    policy.restart_mode = dice.word(RestartMode::Normal);
    policy.kill_mode = dice.word(KillMode::Process);
    policy.exit_type = dice.word(ExitType::Cgroup);
    policy.essential_stop = dice.word(EssentialStop::Exit);
    policy.health_action = dice.word(HealthAction::None);
    policy.oom_policy = dice.word(OomPolicy::Kill);
    policy.health_interval_ms = 1 + static_cast<std::uint32_t>(dice.upto(100'000));
    policy.health_timeout_ms = 1 + static_cast<std::uint32_t>(dice.upto(100'000));
    policy.health_threshold = static_cast<std::uint8_t>(1 + dice.upto(254));
    policy.code_changes = static_cast<std::uint16_t>(dice.upto(kMaxCodeChanges));
    for (CodeChange& change : policy.exit_map)
        change = {static_cast<std::uint8_t>(dice.upto(255)), 3};
    policy.enabled = dice.flip();
    policy.essential = dice.flip();
    policy.remain_after_exit = dice.flip();
    policy.send_hup = dice.flip();
    policy.reload_signal = static_cast<std::uint8_t>(dice.upto(64));
    policy.watchdog_signal = static_cast<std::uint8_t>(1 + dice.upto(63));
    policy.stop_steps = static_cast<std::uint8_t>(dice.upto(kMaxStopSteps));
    for (std::size_t step = 0; step < policy.stop_steps; ++step) {
        policy.stop[step] = {static_cast<std::uint32_t>(dice.number()),
                             static_cast<std::uint8_t>(1 + dice.upto(63))};
    }
    for (std::uint32_t* time :
         {&policy.start_timeout_ms, &policy.hook_timeout_ms, &policy.stop_command_timeout_ms,
          &policy.watchdog_ms, &policy.restart_delay_ms, &policy.restart_max_delay_ms,
          &policy.restart_reset_after_ms, &policy.restart_burst, &policy.restart_interval_ms}) {
        *time = static_cast<std::uint32_t>(dice.number());
    }
    policy.ready_interval_ms = 1 + static_cast<std::uint32_t>(dice.upto(100'000));
    policy.restart_factor_permille = 1000 + static_cast<std::uint32_t>(dice.upto(999'000));
    policy.restart_jitter_permille = static_cast<std::uint32_t>(dice.upto(1000));
    for (std::uint64_t& word : policy.success.codes)
        word = dice.number();
    policy.prevent.signals = dice.number();
}

void roll_activation(Dice& dice, UnitInput& unit) {
    constexpr std::string_view kPath = "/run/app.sock";
    std::vector<std::byte> address{std::byte{1}, std::byte{0}};
    for (const char c : kPath)
        address.push_back(static_cast<std::byte>(c));
    address.push_back(std::byte{0});
    for (std::size_t more = dice.upto(2); more > 0; --more)
        unit.sockets.push_back({"s" + std::to_string(more), dice.word(SocketKind::Fifo),
                                static_cast<std::uint8_t>(dice.upto(3)), 0660, 7, 8, address});
    unit.descriptor_store = static_cast<std::uint32_t>(dice.upto(kMaxStored));
    if (dice.flip()) unit.exec.view = {"r/", "r-/p" + std::to_string(dice.upto(99)), "h/x/y"};
    if (dice.flip()) {
        unit.exec.landlock.assign(kLandlockHead + 2 * dice.upto(4), dice.number());
        unit.exec.view.emplace_back("A-/usr");
    }
    if (dice.flip()) unit.exec.namespaces = CLONE_NEWNET | CLONE_NEWUTS;
    if (dice.flip()) return;
    TimerInput timer;
    timer.flags = static_cast<std::uint32_t>(dice.upto(kTimerFlags));
    timer.every_ms = static_cast<std::uint32_t>(dice.number());
    timer.calendar.hours = static_cast<std::uint32_t>(dice.number());
    for (std::size_t more = dice.upto(3); more > 0; --more)
        timer.zone.push_back({static_cast<std::int64_t>(dice.upto(9)), 3600, 0});
    unit.timer = timer;
}

void roll_outcomes(Dice& dice, UnitPolicy& policy, std::size_t units) {
    const std::array actions{&policy.on_success, &policy.on_failure, &policy.on_limit};
    for (std::size_t i = 0; i < actions.size(); ++i) {
        *actions[i] = dice.word(OutcomeAction::StartUnit);
        if (*actions[i] == OutcomeAction::StartUnit)
            policy.outcome_units[i] = static_cast<UnitId>(dice.upto(units - 1));
    }
}

void roll_commands(Dice& dice, UnitInput& unit) {
    for (std::size_t i = 0; i < kCommandRoles; ++i) {
        switch (static_cast<CommandRole>(i)) {
        case CommandRole::Main:
            if (unit.policy.type != UnitType::Target) unit.commands[i] = {dice.argv()};
            break;
        case CommandRole::PreStart:
        case CommandRole::PostStart:
        case CommandRole::PreStop:
        case CommandRole::PostStop:
            for (std::size_t more = dice.upto(2); more > 0; --more)
                unit.commands[i].push_back(dice.argv());
            break;
        case CommandRole::Reload:
        case CommandRole::Stop:
            if (dice.flip()) unit.commands[i] = {dice.argv()};
            break;
        case CommandRole::HealthProbe:
        case CommandRole::ReadyProbe:
            break;
        }
    }
    unit.policy.ready = dice.word(ReadyKind::Http);
    switch (unit.policy.ready) {
    case ReadyKind::Tcp:
    case ReadyKind::Unix:
        unit.ready_address.assign(2 + dice.upto(kMaxAddress - 2), std::byte{7});
        break;
    case ReadyKind::Path:
    case ReadyKind::PidFile:
        unit.ready_path = dice.path();
        break;
    case ReadyKind::Exec:
    case ReadyKind::Http:
        unit.commands_of(CommandRole::ReadyProbe) = {dice.argv()};
        break;
    case ReadyKind::None:
    case ReadyKind::Notify:
    case ReadyKind::Fd:
        break;
    }
}

void roll_health(Dice& dice, UnitInput& unit) {
    constexpr std::array kChecks{ReadyKind::None, ReadyKind::Tcp,  ReadyKind::Unix,
                                 ReadyKind::Path, ReadyKind::Exec, ReadyKind::Http};
    const ReadyKind kind = kChecks[dice.upto(kChecks.size() - 1)];
    unit.policy.health = kind;
    if (kind == ReadyKind::Path) unit.health_path = dice.path();
    if (kind == ReadyKind::Tcp || kind == ReadyKind::Unix)
        unit.health_address.assign(2 + dice.upto(kMaxAddress - 2), std::byte{9});
    if (kind == ReadyKind::Exec || kind == ReadyKind::Http)
        unit.commands_of(CommandRole::HealthProbe) = {dice.argv()};
    for (std::size_t more = 2 * dice.upto(2); more > 0; --more)
        unit.signal_map.push_back(static_cast<std::byte>(dice.upto(64)));
}

void roll_output(Dice& dice, OutputKind& kind, std::string& path) {
    kind = dice.word(OutputKind::Inherit);
    if (kind == OutputKind::File) path = dice.path();
    if (kind == OutputKind::Unit) path = "unit-" + std::to_string(dice.upto(9));
}

void roll_exec(Dice& dice, ExecInput& exec) {
    exec.uid = static_cast<std::uint32_t>(dice.number()) & 0xfffff;
    exec.gid = static_cast<std::uint32_t>(dice.number()) & 0xfffff;
    exec.groups.assign(dice.upto(3), static_cast<std::uint32_t>(dice.upto(99)));
    exec.environment = dice.texts(4);
    exec.environment_inherit = dice.texts(2);
    exec.working_directory = dice.path();
    exec.umask = static_cast<std::uint32_t>(dice.upto(0777));
    exec.capabilities = dice.number();
    exec.ambient = dice.number();
    for (bool* flag : {&exec.inherit_all, &exec.own_capabilities, &exec.no_new_privileges,
                       &exec.no_root, &exec.require, &exec.inherit_input,
                       &exec.controlling_terminal, &exec.error_follows_output, &exec.reads_units}) {
        *flag = dice.flip();
    }
    exec.filter = dice.filter();
    for (std::uint32_t resource = 0; resource < 16; ++resource) {
        if (dice.upto(7) != 0) continue;
        const std::uint64_t hard = dice.number();
        exec.limits.push_back({.resource = resource, .soft = hard / 2, .hard = hard});
    }
    for (std::size_t more = dice.upto(2); more > 0; --more) {
        exec.directories.push_back({dice.word(DirectoryKind::Logs),
                                    static_cast<std::uint32_t>(dice.upto(07777)), dice.path()});
        exec.cgroup_settings.push_back({"memory.max", "x" + dice.text(5)});
    }
    if (dice.flip()) exec.nice = static_cast<std::int8_t>(static_cast<int>(dice.upto(39)) - 20);
    if (dice.flip())
        exec.oom_score_adjust = static_cast<std::int16_t>(static_cast<int>(dice.upto(2000)) - 1000);
    exec.io_priority = static_cast<std::uint16_t>(dice.upto(3) << 13U | dice.upto(7));
    if (dice.flip()) exec.cpu_policy = static_cast<std::uint8_t>(dice.upto(3));
    if (exec.cpu_policy == 1 || exec.cpu_policy == 2)
        exec.cpu_priority = static_cast<std::uint8_t>(1 + dice.upto(98));
    exec.cpu_affinity.assign(dice.upto(4), std::byte{5});
    if (dice.flip()) exec.conditions = {"p=" + dice.path(), "e!" + dice.text(4) + "x"};
    if (dice.flip()) exec.credentials = {"key=" + dice.path()};
    if (dice.flip()) exec.terminal = dice.path();
    roll_output(dice, exec.output, exec.output_path);
    roll_output(dice, exec.error, exec.error_path);
    exec.ready_fd = 3 + static_cast<std::uint32_t>(dice.upto(1020));
    exec.notify_access = dice.word(NotifyAccess::All);
}

GuestInput roll_guest(Dice& dice, bool has_units) {
    GuestInput guest;
    guest.name = "guest-" + std::to_string(dice.upto(99));
    guest.capabilities = dice.number();
    guest.filter = dice.filter();
    guest.private_users = dice.flip();
    guest.no_new_privileges = dice.flip();
    guest.no_root = dice.flip();
    guest.has_units = has_units;
    guest.launched = dice.flip();
    guest.propagate_stop_exit = dice.flip();
    guest.stop_timeout_ms = static_cast<std::uint32_t>(dice.number());
    guest.max_units = static_cast<std::uint32_t>(dice.upto(kMaxUnits));
    guest.target = dice.flip() ? "default" : "";
    return guest;
}

std::vector<std::string> copy(StringList list) {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < list.size(); ++i)
        result.emplace_back(list[i]);
    return result;
}

template <typename T>
std::vector<T> copy(std::span<const T> values) {
    return {values.begin(), values.end()};
}

ExecInput read_exec(const Plan& plan, UnitId unit) {
    const ExecView view = plan.exec(unit);
    ExecInput exec;
    exec.uid = view.uid;
    exec.gid = view.gid;
    exec.groups = copy(view.groups);
    exec.environment = copy(view.environment);
    exec.environment_inherit = copy(view.environment_inherit);
    exec.inherit_all = view.inherit_all;
    exec.working_directory = std::string(view.working_directory);
    exec.umask = view.umask;
    exec.capabilities = view.capabilities;
    exec.ambient = view.ambient;
    exec.own_capabilities = view.own_capabilities;
    exec.no_new_privileges = view.no_new_privileges;
    exec.no_root = view.no_root;
    exec.require = view.require;
    exec.filter = copy(view.filter.instructions);
    exec.limits = copy(view.limits);
    exec.inherit_input = view.inherit_input;
    exec.reads_units = view.reads_units;
    exec.controlling_terminal = view.controlling_terminal;
    exec.output = view.output;
    exec.error = view.error;
    exec.error_follows_output = view.error_follows_output;
    exec.output_path = std::string(view.output_path);
    exec.error_path = std::string(view.error_path);
    exec.ready_fd = view.ready_fd;
    exec.notify_access = view.notify_access;
    for (std::size_t i = 0; i < view.directory_count; ++i) {
        const DirectoryView directory = plan.directory(unit, i);
        exec.directories.push_back({directory.kind, directory.mode, std::string(directory.path)});
    }
    for (std::size_t i = 0; i < view.cgroup_setting_count; ++i) {
        const CgroupSetting setting = plan.cgroup_setting(unit, i);
        exec.cgroup_settings.push_back({std::string(setting.file), std::string(setting.value)});
    }
    exec.io_priority = view.io_priority;
    if (view.has_cpu_policy) exec.cpu_policy = view.cpu_policy;
    exec.cpu_priority = view.cpu_priority;
    exec.cpu_affinity = copy(view.cpu_affinity);
    exec.conditions = copy(view.conditions);
    exec.credentials = copy(view.credentials);
    exec.view = copy(view.view);
    exec.landlock = copy(view.landlock);
    exec.namespaces = view.namespaces;
    exec.terminal = std::string(view.terminal);
    if (view.has_nice) exec.nice = view.nice;
    if (view.has_oom_score) exec.oom_score_adjust = view.oom_score_adjust;
    return exec;
}

} // namespace

Image::Image(std::span<const std::byte> bytes)
    : words_(bytes.size() / 8 + 1)
    , size_(bytes.size()) {
    if (!bytes.empty()) std::memcpy(words_.data(), bytes.data(), bytes.size());
}

Image image_of(const PlanInput& input) {
    const auto image = write(input);
    if (!image) {
        std::cerr << describe(image.error()).c_str() << '\n';
        std::abort();
    }
    return Image(*image);
}

UnitInput simple_unit(const std::string& name, const std::string& program) {
    UnitInput unit;
    unit.name = name;
    unit.policy.stop_steps = 1;
    unit.policy.stop[0] = {.wait_ms = 10'000, .signal = 15};
    unit.commands_of(CommandRole::Main) = {{program}};
    return unit;
}

PlanInput rich_plan() {
    PlanInput input;
    input.units = {simple_unit("nginx"), simple_unit("postgres"), simple_unit("worker@1")};
    input.aliases = {{"httpd", "nginx"}, {"db", "postgres"}};
    input.units[0].dependencies = {{1, DependencyKind::Requires}, {2, DependencyKind::Conflicts}};
    input.units[2].dependencies = {{1, DependencyKind::After}, {0, DependencyKind::PartOf}};

    UnitInput& web = input.units[0];
    web.description = "Web front";
    web.source = "/etc/stead/units/nginx.toml";
    web.policy.ready = ReadyKind::Tcp;
    web.policy.essential = true;
    web.policy.on_failure = OutcomeAction::StartUnit;
    web.policy.outcome_units[1] = 2;
    web.policy.success.add_code(0);
    web.ready_address.assign(16, std::byte{2});
    web.commands_of(CommandRole::Main) = {{"/usr/sbin/nginx", "-g", "daemon off;"}};
    web.commands_of(CommandRole::PreStart) = {{"/usr/sbin/nginx", "-t"}, {"/bin/mkdir", "/run/x"}};
    web.commands_of(CommandRole::PostStop) = {{"/bin/rm", "/run/x"}};
    web.exec.environment = {"LANG=C.UTF-8", "EMPTY="};
    web.exec.environment_inherit = {"TZ"};
    web.exec.groups = {4, 33};
    web.exec.limits = {{.resource = 7, .soft = 1024, .hard = 65536}};
    web.exec.directories = {{DirectoryKind::Logs, 0750, "/var/log/nginx"}};
    web.exec.cgroup_settings = {{"memory.max", "512M"}, {"hugetlb.2MB.max", "0"}};
    web.exec.filter = {0x0000000000000020, 0x7fff000000000006};
    web.exec.nice = -5;
    web.exec.cpu_policy = 3;
    web.exec.cpu_affinity = {std::byte{3}};
    web.exec.io_priority = 2U << 13U | 4U;
    web.exec.conditions = {"p=/etc/nginx", "v=guest"};
    web.exec.credentials = {"key=/etc/ssl/key"};
    web.exec.view = {"r/usr", "w-/usr/local", "h/srv/keys", "t/tmp", "c/sys/fs/cgroup"};
    web.policy.health = ReadyKind::Tcp;
    web.health_address.assign(16, std::byte{2});
    web.signal_map = {std::byte{15}, std::byte{3}, std::byte{2}, std::byte{0}};
    web.exec.output = OutputKind::File;
    web.exec.output_path = "/var/log/nginx/out";
    input.units[1].policy.ready = ReadyKind::Path;
    input.units[1].ready_path = "/run/postgresql/.s.PGSQL.5432";
    input.units[1].exec.oom_score_adjust = -500;

    GuestInput guest;
    guest.name = "web";
    guest.capabilities = 0x4ff;
    guest.filter = {0x7fff000000000006};
    guest.private_users = true;
    guest.has_units = true;
    guest.launched = true;
    guest.target = "default";
    input.guest = guest;
    input.notices = {"no memory controller: memory-max of nginx is not applied"};
    input.rejected = {{"broken", "broken.toml:2:11: error: restart is 'sometimes'"}};
    return input;
}

PlanInput random_plan(std::mt19937_64& random) {
    Dice dice(random);
    PlanInput input;
    const std::size_t units = dice.upto(12);
    for (std::size_t id = 0; id < units; ++id) {
        UnitInput unit;
        unit.name = "unit-" + std::to_string((id * 7 + 3) % 13) + (dice.flip() ? "@x" : "");
        unit.description = dice.text(30);
        unit.source = dice.text(30);
        roll_policy(dice, unit.policy);
        roll_outcomes(dice, unit.policy, units);
        roll_commands(dice, unit);
        roll_activation(dice, unit);
        roll_health(dice, unit);
        roll_exec(dice, unit.exec);
        for (std::size_t more = id == 0 ? 0 : dice.upto(3); more > 0; --more) {
            unit.dependencies.push_back(
                {static_cast<UnitId>(dice.upto(id - 1)), dice.word(DependencyKind::PartOf)});
        }
        if (id + 1 < units && dice.flip())
            unit.dependencies.push_back({static_cast<UnitId>(id + 1), DependencyKind::Conflicts});
        unit.log_size = dice.number();
        unit.log_keep = static_cast<std::uint32_t>(dice.number());
        unit.log_timestamp = dice.flip();
        input.units.push_back(unit);
    }
    if (dice.flip()) input.guest = roll_guest(dice, units > 0);
    input.notices = dice.texts(3);
    for (std::size_t more = dice.upto(2); more > 0; --more)
        input.rejected.push_back({dice.text(9), dice.text(40)});
    return input;
}

PlanInput read_back(const Plan& plan) {
    PlanInput input;
    for (std::size_t id = 0; id < plan.unit_count(); ++id) {
        const auto unit = static_cast<UnitId>(id);
        UnitInput back;
        back.name = plan.name(unit);
        back.description = plan.description(unit);
        back.source = plan.source(unit);
        back.policy = plan.graph().units[unit];
        back.dependencies = copy(plan.graph().dependencies_of(unit));
        for (std::size_t role = 0; role < kCommandRoles; ++role) {
            for (std::size_t i = 0; i < back.policy.command_counts[role]; ++i) {
                back.commands[role].push_back(
                    copy(plan.command(unit, static_cast<CommandRole>(role), i)));
            }
        }
        back.exec = read_exec(plan, unit);
        back.ready_address = copy(plan.ready_address(unit));
        back.ready_path = plan.ready_path(unit);
        back.health_address = copy(plan.health_address(unit));
        back.health_path = plan.health_path(unit);
        back.signal_map = copy(plan.signal_map(unit));
        back.descriptor_store = plan.descriptor_store(unit);
        for (std::size_t i = 0; i < plan.socket_count(unit); ++i) {
            const SocketView socket = plan.socket(unit, i);
            back.sockets.push_back({std::string(socket.name), socket.kind, socket.flags,
                                    socket.mode, socket.uid, socket.gid, copy(socket.address)});
        }
        if (const auto timer = plan.timer(unit))
            back.timer = TimerInput{timer->flags,     timer->every_ms, timer->on_boot_ms,
                                    timer->jitter_ms, timer->calendar, copy(timer->zone)};
        back.log_size = plan.log_size(unit);
        back.log_keep = plan.log_keep(unit);
        back.log_timestamp = plan.log_timestamp(unit);
        input.units.push_back(back);
    }
    if (const auto guest = plan.guest()) {
        input.guest = GuestInput{
            .name = std::string(guest->name),
            .capabilities = guest->capabilities,
            .filter = copy(guest->filter.instructions),
            .private_users = guest->private_users,
            .no_new_privileges = guest->no_new_privileges,
            .no_root = guest->no_root,
            .has_units = guest->has_units,
            .launched = guest->launched,
            .propagate_stop_exit = guest->propagate_stop_exit,
            .stop_timeout_ms = guest->stop_timeout_ms,
            .max_units = guest->max_units,
            .target = std::string(guest->target),
        };
    }
    input.notices = copy(plan.notices());
    for (std::size_t i = 0; i + 1 < plan.rejected().size(); i += 2) {
        input.rejected.push_back(
            {std::string(plan.rejected()[i]), std::string(plan.rejected()[i + 1])});
    }
    const auto aliases = copy(plan.aliases());
    for (std::size_t i = 0; i + 1 < aliases.size(); i += 2)
        input.aliases.emplace_back(aliases[i], aliases[i + 1]);
    return input;
}

} // namespace stead::plan
