#include "plan/plan.h"

#include <cstring>

#include "plan/check.h"
#include "plan/format.h"

namespace stead::plan {

namespace {

const Header& header_of(std::span<const std::byte> image) {
    return *reinterpret_cast<const Header*>(image.data());
}

template <typename Record>
std::span<const Record> table(std::span<const std::byte> image, TableId id) {
    const Slice place = header_of(image).tables[static_cast<std::size_t>(id)];
    return {reinterpret_cast<const Record*>(image.data() + place.first), place.count};
}

template <typename Record>
std::span<const Record> part(std::span<const std::byte> image, TableId id, Slice slice) {
    return table<Record>(image, id).subspan(slice.first, slice.count);
}

const UnitRecord& record(std::span<const std::byte> image, UnitId unit) {
    return table<UnitRecord>(image, TableId::Units)[unit];
}

const UnitBody& body(std::span<const std::byte> image, UnitId unit) {
    return table<UnitBody>(image, TableId::Bodies)[record(image, unit).body];
}

std::string_view text(std::span<const std::byte> image, StringRef at) {
    return table<char>(image, TableId::Strings).data() + at;
}

StringList list(std::span<const std::byte> image, Slice slice) {
    return {part<StringRef>(image, TableId::Lists, slice),
            table<char>(image, TableId::Strings).data()};
}

} // namespace

Result<Plan> Plan::open(std::span<const std::byte> image) {
    TRY(check(image));
    Plan plan;
    plan.image_ = image;
    plan.graph_ = {table<UnitPolicy>(image, TableId::Policies),
                   table<Dependency>(image, TableId::Dependencies)};
    return plan;
}

std::size_t Plan::unit_count() const {
    return graph_.units.size();
}

const UnitGraph& Plan::graph() const {
    return graph_;
}

std::optional<UnitId> Plan::find_unit(std::string_view wanted) const {
    if (image_.empty()) return std::nullopt;
    const auto sorted = table<UnitId>(image_, TableId::Names);
    std::size_t low = 0;
    std::size_t high = sorted.size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const int order = name(sorted[middle]).compare(wanted);
        if (order == 0) return sorted[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return std::nullopt;
}

StringList Plan::aliases() const {
    if (image_.empty()) return {};
    return list(image_, header_of(image_).aliases);
}

std::string_view Plan::name(UnitId unit) const {
    return text(image_, record(image_, unit).name);
}

std::string_view Plan::description(UnitId unit) const {
    return text(image_, record(image_, unit).description);
}

std::string_view Plan::source(UnitId unit) const {
    return text(image_, record(image_, unit).source);
}

std::uint32_t Plan::digest(UnitId unit) const {
    return record(image_, unit).digest;
}

ExecView Plan::exec(UnitId unit) const {
    const UnitBody& from = body(image_, unit);
    const auto is = [&from](UnitFlag flag) { return (from.flags & flag) != 0; };
    // In one piece: views are made where they belong, not copied there.
    return {
        .uid = from.uid,
        .gid = from.gid,
        .groups = part<std::uint32_t>(image_, TableId::Groups, from.groups),
        .environment = list(image_, from.environment),
        .environment_inherit = list(image_, from.environment_inherit),
        .inherit_all = is(kInheritAll),
        .working_directory = text(image_, from.working_directory),
        .umask = from.umask,

        .capabilities = from.capabilities,
        .ambient = from.ambient,
        .own_capabilities = is(kOwnCapabilities),
        .no_new_privileges = is(kNoNewPrivileges),
        .no_root = is(kNoRoot),
        .require = is(kRequire),
        .filter = {part<std::uint64_t>(image_, TableId::Filters, from.filter)},
        .ceiling_filter = {},
        .limits = part<ResourceLimit>(image_, TableId::Limits, from.limits),
        .directory_count = from.directories.count,
        .cgroup_setting_count = from.settings.count,

        .nice = from.nice,
        .has_nice = is(kHasNice),
        .has_oom_score = is(kHasOomScore),
        .oom_score_adjust = from.oom_score_adjust,
        .io_priority = from.io_priority,
        .cpu_policy = from.cpu_policy,
        .cpu_priority = from.cpu_priority,
        .has_cpu_policy = is(kHasCpuPolicy),
        .cpu_affinity = part<std::byte>(image_, TableId::Addresses, from.affinity),
        .credentials = list(image_, from.credentials),
        .conditions = list(image_, from.conditions),
        .view = list(image_, from.view),
        .landlock = part<std::uint64_t>(image_, TableId::Filters, from.landlock),
        .namespaces = from.namespaces,
        .terminal = text(image_, from.terminal),

        .inherit_input = is(kInheritInput),
        .reads_units = is(kReadsUnits),
        .controlling_terminal = is(kControllingTerminal),
        .output = from.output,
        .error = from.error,
        .error_follows_output = is(kErrorFollowsOutput),
        .output_path = text(image_, from.output_path),
        .error_path = text(image_, from.error_path),

        .ready_fd = from.ready_fd,
        .notify_access = from.notify_access,
    };
}

StringList Plan::command(UnitId unit, CommandRole role, std::size_t index) const {
    const UnitPolicy& policy = graph_.units[unit];
    std::size_t at = record(image_, unit).first_command + index;
    for (std::size_t before = 0; before < static_cast<std::size_t>(role); ++before) {
        at += policy.command_counts[before];
    }
    return list(image_, table<Slice>(image_, TableId::Commands)[at]);
}

std::span<const std::byte> Plan::ready_address(UnitId unit) const {
    return part<std::byte>(image_, TableId::Addresses, body(image_, unit).address);
}

std::string_view Plan::ready_path(UnitId unit) const {
    return text(image_, body(image_, unit).ready_path);
}

std::span<const std::byte> Plan::health_address(UnitId unit) const {
    return part<std::byte>(image_, TableId::Addresses, body(image_, unit).health_address);
}

std::string_view Plan::health_path(UnitId unit) const {
    return text(image_, body(image_, unit).health_path);
}

std::span<const std::byte> Plan::signal_map(UnitId unit) const {
    return part<std::byte>(image_, TableId::Addresses, body(image_, unit).signal_map);
}

DirectoryView Plan::directory(UnitId unit, std::size_t index) const {
    const Slice slice = body(image_, unit).directories;
    const auto& from = part<DirectoryRecord>(image_, TableId::Directories, slice)[index];
    return {from.kind, from.mode, text(image_, from.path)};
}

CgroupSetting Plan::cgroup_setting(UnitId unit, std::size_t index) const {
    const Slice slice = body(image_, unit).settings;
    const auto& from = part<SettingRecord>(image_, TableId::Settings, slice)[index];
    return {text(image_, from.file), text(image_, from.value)};
}

std::size_t Plan::socket_count(UnitId unit) const {
    return record(image_, unit).sockets.count;
}

SocketView Plan::socket(UnitId unit, std::size_t index) const {
    const Slice slice = record(image_, unit).sockets;
    const auto& from = part<SocketRecord>(image_, TableId::Sockets, slice)[index];
    return {text(image_, from.name),
            from.kind,
            from.flags,
            from.mode,
            from.uid,
            from.gid,
            part<std::byte>(image_, TableId::Addresses, from.address)};
}

std::optional<TimerView> Plan::timer(UnitId unit) const {
    const auto timers = part<TimerRecord>(image_, TableId::Timers, record(image_, unit).timer);
    if (timers.empty()) return std::nullopt;
    const TimerRecord& from = timers.front();
    return TimerView{from.flags,      from.every_ms,
                     from.on_boot_ms, from.jitter_ms,
                     from.calendar,   part<ZoneChange>(image_, TableId::Zones, from.zone)};
}

std::uint32_t Plan::descriptor_store(UnitId unit) const {
    return body(image_, unit).descriptor_store;
}

std::uint64_t Plan::log_size(UnitId unit) const {
    return body(image_, unit).log_size;
}

std::uint32_t Plan::log_keep(UnitId unit) const {
    return body(image_, unit).log_keep;
}

bool Plan::log_timestamp(UnitId unit) const {
    return (body(image_, unit).flags & kLogTimestamp) != 0;
}

std::optional<GuestView> Plan::guest() const {
    if (image_.empty()) return std::nullopt;
    const auto guests = table<GuestRecord>(image_, TableId::Guest);
    if (guests.empty()) return std::nullopt;
    const GuestRecord& from = guests.front();
    const auto is = [&from](GuestFlag flag) { return (from.flags & flag) != 0; };
    GuestView view;
    view.name = text(image_, from.name);
    view.capabilities = from.capabilities;
    view.filter = {part<std::uint64_t>(image_, TableId::Filters, from.filter)};
    view.private_users = is(kPrivateUsers);
    view.no_new_privileges = is(kGuestNoNewPrivileges);
    view.no_root = is(kGuestNoRoot);
    view.has_units = is(kHasUnits);
    view.launched = is(kLaunched);
    view.propagate_stop_exit = is(kPropagateStopExit);
    view.stop_timeout_ms = from.stop_timeout_ms;
    view.max_units = from.max_units;
    view.target = text(image_, from.target);
    return view;
}

StringList Plan::notices() const {
    if (image_.empty()) return {};
    return list(image_, header_of(image_).notices);
}

StringList Plan::rejected() const {
    if (image_.empty()) return {};
    return list(image_, header_of(image_).rejected);
}

} // namespace stead::plan
