#include "plan/writer.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <string_view>

#include "base/checked.h"
#include "plan/format.h"
#include "plan/plan.h"

namespace stead::plan {

namespace {

/// A table under construction whose equal slices are stored once.
template <typename T>
struct SharedTable {
    std::vector<T> records;
    std::map<std::vector<T>, Slice> known;

    Slice add(const std::vector<T>& values) {
        if (values.empty()) return {};
        const Slice slice{static_cast<std::uint32_t>(records.size()),
                          static_cast<std::uint32_t>(values.size())};
        const auto [at, is_new] = known.emplace(values, slice);
        if (is_new) records.insert(records.end(), values.begin(), values.end());
        return at->second;
    }
};

Error mistake(std::string_view unit, std::string_view what) {
    FixedString<96> text;
    if (!unit.empty()) text.append("unit ").append(unit.substr(0, 40)).append(": ");
    return make_error("plan", text.append(what).view(), 0);
}

/// Appends and says which slice it became.
template <typename T>
Slice append(std::vector<T>& table, const std::vector<T>& values) {
    const Slice slice{static_cast<std::uint32_t>(table.size()),
                      static_cast<std::uint32_t>(values.size())};
    table.insert(table.end(), values.begin(), values.end());
    return slice;
}

/// For each unit a number greater than those of the units it is ordered after; nothing if the order
/// has a cycle. `cyclic` then names a unit that cannot be reached.
std::optional<std::vector<std::uint16_t>> rank_units(const std::vector<UnitInput>& units,
                                                     std::string& cyclic) {
    std::vector<std::uint32_t> missing(units.size(), 0);
    std::vector<std::vector<UnitId>> followers(units.size());
    for (std::size_t id = 0; id < units.size(); ++id) {
        for (const Dependency& edge : units[id].dependencies) {
            if (!orders(edge.kind) || edge.target >= units.size()) continue;
            missing[id] += 1;
            followers[edge.target].push_back(static_cast<UnitId>(id));
        }
    }
    std::vector<UnitId> ready;
    for (std::size_t id = 0; id < units.size(); ++id) {
        if (missing[id] == 0) ready.push_back(static_cast<UnitId>(id));
    }
    std::vector<std::uint16_t> ranks(units.size(), 0);
    for (std::size_t at = 0; at < ready.size(); ++at) {
        ranks[ready[at]] = static_cast<std::uint16_t>(at);
        for (const UnitId follower : followers[ready[at]]) {
            if (--missing[follower] == 0) ready.push_back(follower);
        }
    }
    if (ready.size() == units.size()) return ranks;
    const auto stuck = std::ranges::find_if(missing, [](std::uint32_t n) { return n > 0; });
    cyclic = units[static_cast<std::size_t>(stuck - missing.begin())].name;
    return std::nullopt;
}

/// Zones, of which most units of a plan have the same.
struct SharedZones {
    std::vector<ZoneChange> records;

    Slice add(const std::vector<ZoneChange>& zone) {
        auto at = std::search(records.begin(), records.end(), zone.begin(), zone.end());
        const auto first = static_cast<std::uint32_t>(at - records.begin());
        if (at == records.end()) records.insert(at, zone.begin(), zone.end());
        return {zone.empty() ? 0 : first, static_cast<std::uint32_t>(zone.size())};
    }
};

class Builder {
public:
    Result<std::vector<std::byte>> build(const PlanInput& input);
    /// A number over everything that `unit` says of itself.
    static std::uint32_t digest(UnitInput unit);

private:
    StringRef string(const std::string& value);
    Slice list(const std::vector<std::string>& values);
    UnitPolicy policy(const UnitInput& unit);
    UnitRecord record(const UnitInput& unit, std::uint16_t rank);
    UnitBody body(const UnitInput& unit);
    std::uint16_t shared_body(const UnitInput& unit);
    void add_activation(const UnitInput& unit, UnitRecord& record);
    GuestRecord guest(const GuestInput& guest);
    void index_names(const std::vector<UnitInput>& units);
    [[nodiscard]] std::vector<std::byte> image() const;

    std::vector<UnitPolicy> policies_;
    std::vector<Dependency> dependencies_;
    std::vector<UnitRecord> units_;
    std::vector<UnitBody> bodies_;
    /// What each of them was made of, by its digest.
    std::multimap<std::uint32_t, std::pair<UnitInput, std::uint16_t>> known_bodies_;
    std::vector<UnitId> names_;
    std::vector<Slice> commands_;
    SharedTable<StringRef> lists_;
    SharedTable<std::uint32_t> groups_;
    std::vector<ResourceLimit> limits_;
    std::vector<DirectoryRecord> directories_;
    std::vector<SettingRecord> settings_;
    SharedTable<std::uint64_t> filters_;
    SharedTable<std::byte> addresses_;
    std::vector<GuestRecord> guest_;
    std::vector<SocketRecord> sockets_;
    std::vector<TimerRecord> timers_;
    SharedZones zones_;
    std::vector<char> strings_ = {'\0'};
    std::map<std::string, StringRef, std::less<>> known_strings_ = {{"", 0}};
    Slice notices_;
    Slice rejected_;
    Slice aliases_;
    bool has_nul_ = false;
};

StringRef Builder::string(const std::string& value) {
    has_nul_ = has_nul_ || value.find('\0') != std::string::npos;
    const auto [at, is_new] =
        known_strings_.emplace(value, static_cast<StringRef>(strings_.size()));
    if (is_new) strings_.insert(strings_.end(), value.c_str(), value.c_str() + value.size() + 1);
    return at->second;
}

Slice Builder::list(const std::vector<std::string>& values) {
    std::vector<StringRef> refs;
    refs.reserve(values.size());
    for (const std::string& value : values)
        refs.push_back(string(value));
    return lists_.add(refs);
}

UnitPolicy Builder::policy(const UnitInput& unit) {
    UnitPolicy policy = unit.policy;
    policy.first_dependency = append(dependencies_, unit.dependencies).first;
    policy.dependency_count = static_cast<std::uint32_t>(unit.dependencies.size());
    policy.commands = 0;
    for (std::size_t role = 0; role < kCommandRoles; ++role) {
        const std::size_t count = unit.commands[role].size();
        policy.command_counts[role] = static_cast<std::uint8_t>(count);
        if (count > 0) policy.commands = static_cast<std::uint16_t>(policy.commands | 1U << role);
    }
    return policy;
}

std::uint32_t flags_of(const UnitInput& unit) {
    const ExecInput& exec = unit.exec;
    const auto bit = [](bool holds, UnitFlag flag) { return holds ? std::uint32_t{flag} : 0U; };
    return bit(exec.inherit_all, kInheritAll) | bit(exec.own_capabilities, kOwnCapabilities) |
           bit(exec.no_new_privileges, kNoNewPrivileges) | bit(exec.no_root, kNoRoot) |
           bit(exec.require, kRequire) | bit(exec.nice.has_value(), kHasNice) |
           bit(exec.oom_score_adjust.has_value(), kHasOomScore) |
           bit(exec.inherit_input, kInheritInput) | bit(exec.reads_units, kReadsUnits) |
           bit(exec.controlling_terminal, kControllingTerminal) |
           bit(exec.error_follows_output, kErrorFollowsOutput) |
           bit(exec.cpu_policy.has_value(), kHasCpuPolicy) | bit(unit.log_timestamp, kLogTimestamp);
}

/// What is a number in both.
void fill_numbers(const ExecInput& exec, UnitBody& body) {
    body.io_priority = exec.io_priority;
    body.cpu_policy = exec.cpu_policy.value_or(0);
    body.cpu_priority = exec.cpu_priority;
    body.capabilities = exec.capabilities;
    body.ambient = exec.ambient;
    body.uid = exec.uid;
    body.gid = exec.gid;
    // A mask that does not fit is none that open accepts.
    body.umask = narrow<std::uint16_t>(exec.umask).value_or(0xffff);
    body.oom_score_adjust = exec.oom_score_adjust.value_or(0);
    body.nice = exec.nice.value_or(0);
    body.output = exec.output;
    body.error = exec.error;
}

UnitRecord Builder::record(const UnitInput& unit, std::uint16_t rank) {
    UnitRecord record;
    record.name = string(unit.name);
    record.description = string(unit.description);
    record.source = string(unit.source);
    record.rank = rank;
    record.first_command = static_cast<std::uint32_t>(commands_.size());
    for (const auto& role : unit.commands) {
        for (const Argv& argv : role)
            commands_.push_back(list(argv));
    }
    add_activation(unit, record);
    return record;
}

std::uint16_t Builder::shared_body(const UnitInput& unit) {
    UnitInput common;
    common.exec = unit.exec;
    common.ready_address = unit.ready_address;
    common.ready_path = unit.ready_path;
    common.health_address = unit.health_address;
    common.health_path = unit.health_path;
    common.signal_map = unit.signal_map;
    common.descriptor_store = unit.descriptor_store;
    common.log_size = unit.log_size;
    common.log_keep = unit.log_keep;
    common.log_timestamp = unit.log_timestamp;
    const std::uint32_t key = digest(common);
    for (auto [at, end] = known_bodies_.equal_range(key); at != end; ++at) {
        if (at->second.first == common) return at->second.second;
    }
    const auto index = static_cast<std::uint16_t>(bodies_.size());
    bodies_.push_back(body(common));
    known_bodies_.emplace(key, std::pair{std::move(common), index});
    return index;
}

UnitBody Builder::body(const UnitInput& unit) {
    const ExecInput& exec = unit.exec;
    UnitBody body;
    body.working_directory = string(exec.working_directory);
    body.output_path = string(exec.output_path);
    body.error_path = string(exec.error_path);
    body.ready_path = string(unit.ready_path);
    body.flags = flags_of(unit);

    body.log_keep = unit.log_keep;
    body.environment = list(exec.environment);
    body.environment_inherit = list(exec.environment_inherit);
    body.groups = groups_.add(exec.groups);
    body.limits = append(limits_, exec.limits);
    std::vector<DirectoryRecord> directories;
    for (const DirectoryInput& directory : exec.directories) {
        // A mode that does not fit is one that no folder may have: 0xffff, which open refuses.
        const auto mode = narrow<std::uint16_t>(directory.mode).value_or(0xffff);
        directories.push_back({string(directory.path), mode, directory.kind});
    }
    body.directories = append(directories_, directories);
    std::vector<SettingRecord> settings;
    for (const CgroupSettingInput& setting : exec.cgroup_settings) {
        settings.push_back({string(setting.file), string(setting.value)});
    }
    body.settings = append(settings_, settings);
    body.filter = filters_.add(exec.filter);
    body.address = addresses_.add(unit.ready_address);
    body.health_address = addresses_.add(unit.health_address);
    body.signal_map = addresses_.add(unit.signal_map);
    body.affinity = addresses_.add(exec.cpu_affinity);
    body.conditions = list(exec.conditions);
    body.credentials = list(exec.credentials);
    body.view = list(exec.view);
    body.landlock = filters_.add(exec.landlock);
    body.namespaces = exec.namespaces;
    body.health_path = string(unit.health_path);
    body.terminal = string(exec.terminal);
    body.log_size = unit.log_size;
    fill_numbers(exec, body);
    body.ready_fd = exec.ready_fd;
    body.notify_access = exec.notify_access;
    body.descriptor_store = unit.descriptor_store;
    return body;
}

void Builder::add_activation(const UnitInput& unit, UnitRecord& record) {
    std::vector<SocketRecord> sockets;
    for (const SocketInput& socket : unit.sockets) {
        sockets.push_back({string(socket.name), addresses_.add(socket.address), socket.uid,
                           socket.gid, socket.mode, socket.kind, socket.flags});
    }
    record.sockets = append(sockets_, sockets);
    std::vector<TimerRecord> timers;
    if (const auto& timer = unit.timer) {
        timers.push_back({timer->calendar, timer->flags, timer->every_ms, timer->on_boot_ms,
                          timer->jitter_ms, zones_.add(timer->zone)});
    }
    record.timer = append(timers_, timers);
}

GuestRecord Builder::guest(const GuestInput& guest) {
    const auto bit = [](bool holds, GuestFlag flag) { return holds ? std::uint32_t{flag} : 0U; };
    GuestRecord record;
    record.name = string(guest.name);
    record.target = string(guest.target);
    record.capabilities = guest.capabilities;
    record.filter = filters_.add(guest.filter);
    record.stop_timeout_ms = guest.stop_timeout_ms;
    record.max_units = guest.max_units;
    record.flags = bit(guest.private_users, kPrivateUsers) |
                   bit(guest.no_new_privileges, kGuestNoNewPrivileges) |
                   bit(guest.no_root, kGuestNoRoot) | bit(guest.has_units, kHasUnits) |
                   bit(guest.launched, kLaunched) |
                   bit(guest.propagate_stop_exit, kPropagateStopExit);
    return record;
}

std::uint32_t Builder::digest(UnitInput unit) {
    // Other units count in their own numbers.
    unit.dependencies.clear();
    unit.policy.outcome_units = UnitPolicy{}.outcome_units;
    unit.source.clear();
    // The guest's own, whatever whoever compiles can see of them.
    if (!unit.exec.own_capabilities) unit.exec.capabilities = 0;
    Builder alone;
    alone.policies_.push_back(alone.policy(unit));
    alone.units_.push_back(alone.record(unit, 0));
    alone.bodies_.push_back(alone.body(unit));
    // FNV-1a.
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const std::byte byte : alone.image())
        hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
    const auto folded = static_cast<std::uint32_t>(hash ^ hash >> 32U);
    return folded == 0 ? 1 : folded;
}

void Builder::index_names(const std::vector<UnitInput>& units) {
    for (std::size_t id = 0; id < units.size(); ++id)
        names_.push_back(static_cast<UnitId>(id));
    std::ranges::sort(names_, {},
                      [&units](UnitId id) -> const std::string& { return units[id].name; });
}

std::vector<std::byte> Builder::image() const {
    // In the order of TableId.
    const std::array<std::span<const std::byte>, kTables> tables = {
        std::as_bytes(std::span(policies_)),
        std::as_bytes(std::span(dependencies_)),
        std::as_bytes(std::span(units_)),
        std::as_bytes(std::span(bodies_)),
        std::as_bytes(std::span(names_)),
        std::as_bytes(std::span(commands_)),
        std::as_bytes(std::span(lists_.records)),
        std::as_bytes(std::span(groups_.records)),
        std::as_bytes(std::span(limits_)),
        std::as_bytes(std::span(directories_)),
        std::as_bytes(std::span(settings_)),
        std::as_bytes(std::span(filters_.records)),
        std::as_bytes(std::span(addresses_.records)),
        std::as_bytes(std::span(guest_)),
        std::as_bytes(std::span(sockets_)),
        std::as_bytes(std::span(timers_)),
        std::as_bytes(std::span(zones_.records)),
        std::as_bytes(std::span(strings_)),
    };
    Header header{.magic = kMagic,
                  .version = kVersion,
                  .notices = notices_,
                  .rejected = rejected_,
                  .aliases = aliases_};
    std::vector<std::byte> image(sizeof header);
    for (std::size_t id = 0; id < kTables; ++id) {
        header.tables[id] = {static_cast<std::uint32_t>(image.size()),
                             static_cast<std::uint32_t>(tables[id].size() / kRecordSize[id])};
        image.insert(image.end(), tables[id].begin(), tables[id].end());
        image.resize(aligned(image.size()));
    }
    header.size = static_cast<std::uint32_t>(image.size());
    std::memcpy(image.data(), &header, sizeof header);
    return image;
}

Result<std::vector<std::byte>> Builder::build(const PlanInput& input) {
    if (input.units.size() > kMaxUnits) return mistake({}, "more than 4096 units");
    for (const UnitInput& unit : input.units) {
        for (const auto& role : unit.commands) {
            // What the count of a policy can hold; open knows how many there may be.
            if (role.size() > 0xff) return mistake(unit.name, "too many commands of one kind");
        }
    }
    std::string cyclic;
    const auto ranks = rank_units(input.units, cyclic);
    if (!ranks) return mistake(cyclic, "its order has a cycle");

    for (std::size_t id = 0; id < input.units.size(); ++id) {
        const UnitInput& unit = input.units[id];
        policies_.push_back(policy(unit));
        units_.push_back(record(unit, (*ranks)[id]));
        units_.back().body = shared_body(unit);
        units_.back().digest = digest(unit);
        if (has_nul_) return mistake(unit.name, "a NUL byte in one of its strings");
        if (strings_.size() > kMaxImage)
            return mistake(unit.name, "the plan becomes larger than 16 MB");
    }
    index_names(input.units);
    if (input.guest) guest_.push_back(guest(*input.guest));
    notices_ = list(input.notices);
    std::vector<std::string> rejected;
    for (const RejectedInput& unit : input.rejected) {
        rejected.push_back(unit.name);
        rejected.push_back(unit.message);
    }
    rejected_ = list(rejected);
    std::vector<std::string> aliases;
    for (const auto& [alias, name] : input.aliases) {
        aliases.push_back(alias);
        aliases.push_back(name);
    }
    aliases_ = list(aliases);
    if (has_nul_)
        return mistake({}, "a NUL byte in a string of the guest, its notices or rejected units");
    return image();
}

} // namespace

Result<std::vector<std::byte>> write(const PlanInput& input) {
    auto image = TRY(Builder().build(input));
    // One set of rules: what the reader refuses is not written either.
    TRY(Plan::open(image));
    return image;
}

} // namespace stead::plan
