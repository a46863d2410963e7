#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/core.h"

namespace stead::engine {

namespace {

constexpr std::uint32_t kMagic = 0x45445453; // "STDE"
/// Fields are only ever added at the end of GuestRuntime and UnitRuntime; whoever moves or drops
/// one counts this up, and then the state of an older version is not taken over (`migrate`).
constexpr std::uint32_t kVersion = 4;
/// The shortest records of this version.
constexpr std::size_t kOldestGuest = sizeof(GuestRuntime);
constexpr std::size_t kOldestUnit = sizeof(UnitRuntime);

std::uint8_t stamps_of(const UnitPolicy& policy) {
    if (policy.restart_burst == 0 || policy.restart_burst == kForever) return 0;
    return static_cast<std::uint8_t>(std::min(policy.restart_burst, kMaxStamps));
}

/// As many as either of its descriptions may need.
std::uint8_t stamps_of(const UnitGraph& graph, std::size_t id) {
    const std::uint8_t own = stamps_of(graph.units[id]);
    if (graph.previous.empty() || graph.previous[id] == nullptr) return own;
    return std::max(own, stamps_of(*graph.previous[id]));
}

std::uint32_t count_stamps(const UnitGraph& graph) {
    std::uint32_t count = 0;
    for (std::size_t id = 0; id < graph.units.size(); ++id)
        count += stamps_of(graph, id);
    return count;
}

/// Counted over the units, not taken from the table's size: nothing says that slices are disjoint.
std::uint32_t count_edges(const UnitGraph& graph) {
    std::uint32_t count = 0;
    for (const UnitPolicy& policy : graph.units)
        count += policy.dependency_count;
    return count;
}

constexpr std::size_t round_up(std::size_t bytes, std::size_t alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

/// Byte offsets of the tables, one behind the other, each aligned for its records.
struct Layout {
    explicit Layout(std::size_t units_count,
                    std::uint32_t edges,
                    std::uint32_t stamp_count,
                    std::size_t guest_bytes = sizeof(GuestRuntime),
                    std::size_t unit_bytes = sizeof(UnitRuntime))
        : units(guest_bytes)
        , first_owner(units + units_count * unit_bytes)
        , heap(first_owner + (units_count + 1) * sizeof(std::uint32_t))
        , reverse(round_up(heap + units_count * sizeof(UnitId), alignof(std::uint32_t)))
        , stamps(reverse + edges * sizeof(ReverseEdge))
        , touched(stamps + stamp_count * sizeof(std::uint32_t))
        , journal(
              round_up(touched + (units_count + 31) / 32 * sizeof(std::uint32_t), alignof(Journal)))
        // In one event every record is saved once, and the stamps of a unit at most once.
        , end(journal + sizeof(Journal) + (2 * units_count + 1) * sizeof(SavedRange) + touched) {}

    std::size_t units;
    std::size_t first_owner;
    std::size_t heap;
    std::size_t reverse;
    std::size_t stamps;
    std::size_t touched;
    std::size_t journal;
    std::size_t end;
};

static_assert(sizeof(GuestRuntime) % alignof(UnitRuntime) == 0);
static_assert(sizeof(ReverseEdge) == 4);

} // namespace

std::size_t required_bytes(const UnitGraph& graph) {
    return Layout(graph.units.size(), count_edges(graph), count_stamps(graph)).end;
}

Core::Core(const UnitGraph& graph, std::byte* memory)
    : graph_(graph)
    , guest_(reinterpret_cast<GuestRuntime*>(memory)) {
    const Layout layout(graph.units.size(), guest_->edge_count, guest_->stamp_count);
    units_ = reinterpret_cast<UnitRuntime*>(memory + layout.units);
    first_owner_ = reinterpret_cast<std::uint32_t*>(memory + layout.first_owner);
    heap_ = reinterpret_cast<UnitId*>(memory + layout.heap);
    reverse_ = reinterpret_cast<ReverseEdge*>(memory + layout.reverse);
    stamps_ = reinterpret_cast<std::uint32_t*>(memory + layout.stamps);
    touched_ = reinterpret_cast<std::uint32_t*>(memory + layout.touched);
    journal_ = reinterpret_cast<Journal*>(memory + layout.journal);
}

void prepare(const UnitGraph& graph, std::byte* memory, const Settings& settings) {
    GuestRuntime guest;
    guest.magic = kMagic;
    guest.version = kVersion;
    guest.unit_count = static_cast<std::uint32_t>(graph.units.size());
    guest.edge_count = count_edges(graph);
    guest.stamp_count = count_stamps(graph);
    guest.guest_bytes = sizeof(GuestRuntime);
    guest.unit_bytes = sizeof(UnitRuntime);
    guest.random = settings.seed;
    guest.stop_budget = settings.stop_budget;
    guest.propagate_stop_exit = settings.propagate_stop_exit;
    *reinterpret_cast<GuestRuntime*>(memory) = guest;
    Core core(graph, memory);
    core.create();
    core.seal();
}

bool recognizes(const UnitGraph& graph, std::span<const std::byte> memory) {
    if (memory.size() < required_bytes(graph)) return false;
    const auto& guest = *reinterpret_cast<const GuestRuntime*>(memory.data());
    return guest.magic == kMagic && guest.version == kVersion &&
           guest.guest_bytes == sizeof(GuestRuntime) && guest.unit_bytes == sizeof(UnitRuntime) &&
           guest.unit_count == graph.units.size() && guest.edge_count == count_edges(graph) &&
           guest.stamp_count == count_stamps(graph);
}

bool migrate(const UnitGraph& graph, std::byte* memory, std::span<const std::byte> old) {
    if (old.size() < sizeof(GuestRuntime)) return false;
    GuestRuntime before;
    std::memcpy(&before, old.data(), sizeof before);
    const std::size_t units = graph.units.size();
    if (before.magic != kMagic || before.version != kVersion || before.unit_count != units ||
        before.edge_count != count_edges(graph) || before.stamp_count != count_stamps(graph))
        return false;
    if (before.guest_bytes < kOldestGuest || before.unit_bytes < kOldestUnit ||
        before.guest_bytes % 8 != 0 || before.unit_bytes % 8 != 0)
        return false;
    const Layout from(units, before.edge_count, before.stamp_count, before.guest_bytes,
                      before.unit_bytes);
    if (old.size() < from.end) return false;

    // What was there is taken over, what is new keeps its first value, what is unknown goes.
    prepare(graph, memory, Settings{});
    const Layout to(units, before.edge_count, before.stamp_count);
    std::memcpy(memory, old.data(), std::min<std::size_t>(before.guest_bytes, sizeof before));
    auto& guest = *reinterpret_cast<GuestRuntime*>(memory);
    guest.guest_bytes = sizeof(GuestRuntime);
    guest.unit_bytes = sizeof(UnitRuntime);
    for (std::size_t id = 0; id < units; ++id) {
        std::memcpy(memory + to.units + id * sizeof(UnitRuntime),
                    old.data() + from.units + id * before.unit_bytes,
                    std::min<std::size_t>(before.unit_bytes, sizeof(UnitRuntime)));
    }
    std::memcpy(memory + to.stamps, old.data() + from.stamps, to.touched - to.stamps);
    Journal journal;
    std::memcpy(&journal, old.data() + from.journal, sizeof journal);
    if ((journal.phase & kJournalOpen) != 0) return false;
    Core core(graph, memory);
    core.journal().event = journal.event;
    core.journal().at = journal.at;
    core.journal().told = journal.told;
    core.seal();
    return core.repair();
}

void Core::create() {
    std::uint32_t first_stamp = 0;
    for (UnitId id = 0; id < size(); ++id) {
        UnitRuntime fresh;
        fresh.reason.kind =
            graph_.units[id].enabled ? ReasonKind::NotStarted : ReasonKind::NotEnabled;
        fresh.first_stamp = first_stamp;
        fresh.stamp_capacity = stamps_of(graph_, id);
        first_stamp += fresh.stamp_capacity;
        units_[id] = fresh;
    }
    std::fill_n(touched_, (size() + 31) / 32, 0U);
    *journal_ = Journal{};

    // The reverse index, by counting: how many owners each unit has, where its slice ends, and then
    // every edge put in front of the ones already there.
    std::fill_n(first_owner_, size() + 1, 0U);
    for (UnitId id = 0; id < size(); ++id)
        for (const Dependency& need : needs(id))
            ++first_owner_[need.target];
    std::uint32_t total = 0;
    for (std::size_t i = 0; i <= size(); ++i) {
        total += first_owner_[i];
        first_owner_[i] = total;
    }
    for (std::size_t i = size(); i-- > 0;) {
        const auto owner = static_cast<UnitId>(i);
        for (const Dependency& need : needs(owner))
            reverse_[--first_owner_[need.target]] = {owner, need.kind, 0};
    }
}

bool transfer(const UnitGraph& graph,
              std::byte* memory,
              const UnitGraph& old_graph,
              std::byte* old,
              std::span<const UnitId> to) {
    if (to.size() != old_graph.units.size() ||
        !recognizes(old_graph, {old, required_bytes(old_graph)}))
        return false;
    prepare(graph, memory, Settings{});
    Core core(graph, memory);
    core.take_over(Core(old_graph, old), to);
    core.seal();
    return core.repair();
}

void Core::take_over(const Core& old, std::span<const UnitId> to) {
    const auto renumbered = [&](UnitId id) { return id < to.size() ? to[id] : kNoUnit; };
    const GuestRuntime mine = *guest_;
    *guest_ = *old.guest_;
    guest_->unit_count = mine.unit_count;
    guest_->edge_count = mine.edge_count;
    guest_->stamp_count = mine.stamp_count;
    journal_->event = Event{};
    journal_->at = old.journal_->at;
    journal_->told = guest_->handled = old.journal_->told;

    for (UnitId id = 0; id < size(); ++id)
        units_[id].flags = flag::kReloaded;
    for (std::size_t id = 0; id < to.size(); ++id) {
        if (to[id] == kNoUnit) continue;
        const UnitRuntime& was = old.units_[id];
        UnitRuntime& unit = units_[to[id]];
        const UnitRuntime fresh = unit;
        unit = was;
        unit.first_stamp = fresh.first_stamp;
        unit.stamp_capacity = fresh.stamp_capacity;
        // The latest restarts are what counts.
        unit.stamps = std::min(was.stamps, fresh.stamp_capacity);
        std::copy_n(old.stamps_ + was.first_stamp + was.stamps - unit.stamps, unit.stamps,
                    stamps_ + unit.first_stamp);
        const bool never = unit.reason.kind == ReasonKind::NotStarted ||
                           unit.reason.kind == ReasonKind::NotEnabled;
        if (never) unit.reason = fresh.reason;
        unit.reason.unit = renumbered(was.reason.unit);
        unit.waits_for = renumbered(was.waits_for);
        unit.trigger = renumbered(was.trigger);
        unit.cursor = 0;
        unit.holders = 0;
        unit.flags &= ~flag::kPrevious;
        if (!graph_.previous.empty() && graph_.previous[to[id]] != nullptr)
            unit.flags |= flag::kPrevious;
    }
    count_holders();
    for (std::size_t id = 0; id < to.size(); ++id) {
        const bool lost = to[id] != kNoUnit && old.units_[id].holders != 0;
        if (lost && units_[to[id]].holders == 0) units_[to[id]].flags |= flag::kReloaded;
    }
}

std::uint64_t Core::random() {
    // splitmix64: every seed is a good one, zero included.
    std::uint64_t z = guest_->random += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
    return z ^ z >> 31U;
}

} // namespace stead::engine
