#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/engine.h"
#include "engine/service.h"

/// The inside of the engine: the layout of its memory, and the transitions. Only engine.cpp and
/// tests of the inside include this.
namespace stead::engine {

/// An hour and eleven minutes: what starts later was not started by the boot.
inline constexpr std::int64_t kLatestMoment = 0xffffffff;

/// How far an orderly shutdown has come.
enum class Stage : std::uint8_t {
    Running,
    /// Units stop in order.
    Orderly,
    /// All at once.
    Hurried,
    /// Everything is killed, no hook runs any more.
    Killing,
    /// End has been said; nothing matters now.
    Ended
};

/// What the engine knows of the guest as a whole; lies at the start of its memory.
struct GuestRuntime {
    std::uint32_t magic = 0;
    std::uint32_t version = 0;
    std::uint32_t unit_count = 0;
    std::uint32_t edge_count = 0;
    std::uint32_t stamp_count = 0;
    /// Bytes of this record and of one UnitRuntime, for a later version that made them longer.
    std::uint16_t guest_bytes = 0;
    std::uint16_t unit_bytes = 0;
    /// Units not at rest; units on their way up, down or again.
    std::uint32_t active = 0;
    std::uint32_t unsettled = 0;
    std::uint32_t heap_size = 0;

    std::uint64_t random = 0;
    /// Edges looked at so far: what the engine costs.
    std::uint64_t work = 0;
    Instant now;
    Instant booted_at;
    Duration stop_budget;
    Instant kill_at = Instant::never();
    Instant end_at = Instant::never();

    UnitId queue_head = kNoUnit;
    UnitId queue_tail = kNoUnit;
    /// Units admitted in this event whose needs are not admitted yet; last one first.
    UnitId pulling = kNoUnit;
    UnitId list_head = kNoUnit;
    UnitId list_tail = kNoUnit;

    std::int32_t exit_code = 0;
    EndKind end = EndKind::Exit;
    Stage stage = Stage::Running;
    bool booted = false;
    bool end_pending = false;
    bool propagate_stop_exit = false;
    /// The exit code is still to come from an essential unit.
    bool code_open = false;
    /// `intent` was handed out and is not known to have been carried out.
    bool has_intent = false;
    Action intent;
    /// The last event that was taken in whole (Journal::told).
    std::uint32_t handled = 0;
};

static_assert(std::is_trivially_copyable_v<GuestRuntime>);

/// What makes an event a transaction: whoever is stopped at any instruction goes on as if the event
/// had been taken in whole, or not at all. It is an undo log instead of a second copy of the state,
/// because most events touch one unit of a thousand: what a record was is written down before it is
/// changed for the first time, and one store both closes the log and chooses the checksum that
/// holds. Lies behind the tables; `used` bytes of saved records follow it, each with a SavedRange
/// behind it.
struct Journal {
    /// Bit 0: open; bit 1: which of `sums` holds while it is closed (or held before it was opened).
    std::uint32_t phase = 0;
    std::uint32_t used = 0;
    /// Over the guest's and every unit's record.
    std::uint64_t sums[2] = {};
    /// The event told last, written before it is counted.
    Event event;
    Instant at;
    std::uint32_t told = 0;
    std::uint32_t reserved = 0;
};

static_assert(std::is_trivially_copyable_v<Journal>);

struct SavedRange {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

inline constexpr std::uint32_t kJournalOpen = 1;
inline constexpr std::uint32_t kJournalIndex = 2;

/// A dependency seen from its target.
struct ReverseEdge {
    UnitId owner = kNoUnit;
    DependencyKind kind = DependencyKind::After;
    std::uint8_t reserved = 0;
};

/// How long a killed unit may take to become empty before it is killed again.
inline constexpr Duration kKillRetry = 1_s;
/// How long units may take after the second request to shut down.
inline constexpr Duration kHurry = 2_s;
/// The end of the stop budget that is kept for killing.
inline constexpr Duration kKillGrace = 2_s;
/// More stamps than this are not kept; larger bursts are counted in groups of equal size.
inline constexpr std::uint32_t kMaxStamps = 64;

/// Whether a unit that waits may start, as far as one edge is concerned.
enum class Gate : std::uint8_t { Open, Blocked, Dead };

inline Reason because(ReasonKind kind, UnitId unit = kNoUnit) {
    Reason reason;
    reason.kind = kind;
    reason.unit = unit;
    return reason;
}

inline Reason because(ReasonKind kind, ExitStatus status) {
    Reason reason;
    reason.kind = kind;
    reason.status = status;
    return reason;
}

std::size_t required_bytes(const UnitGraph& graph);
/// Makes `memory` the state of a guest whose units are all down.
void prepare(const UnitGraph& graph, std::byte* memory, const Settings& settings);
/// Whether `memory` holds such a state, made for a graph of this shape by this version.
bool recognizes(const UnitGraph& graph, std::span<const std::byte> memory);
/// Makes `memory` the state that another version, whose records may be shorter or longer, left in
/// `old` between two events; false if it is not such a state.
bool migrate(const UnitGraph& graph, std::byte* memory, std::span<const std::byte> old);
/// See Engine::transfer.
bool transfer(const UnitGraph& graph,
              std::byte* memory,
              const UnitGraph& old_graph,
              std::byte* old,
              std::span<const UnitId> to);

/// A view of the engine's memory with every transition. Grouped by the file that holds them.
class Core {
public:
    Core(const UnitGraph& graph, std::byte* memory);

    // memory.cpp
    void create();
    std::uint64_t random();

    // journal.cpp
    void begin();
    void commit();
    /// Undoes an event that was not taken in whole; false if the records are not those that the
    /// last one left.
    bool repair();
    /// Checksums the state as it is.
    void seal();
    /// Becomes what `old` is, with the units renumbered.
    void take_over(const Core& old, std::span<const UnitId> to);
    void save(const void* range, std::size_t size);
    void tell(const Event& event, Instant at);

    [[nodiscard]] Journal& journal() { return *journal_; }

    [[nodiscard]] const Journal& journal() const { return *journal_; }

    /// Where saved records lie.
    [[nodiscard]] std::byte* saved() { return reinterpret_cast<std::byte*>(journal_ + 1); }

    /// The record of `id`, to be changed.
    [[nodiscard]] UnitRuntime& unit(UnitId id);

    // agenda.cpp: deadlines, the work queue, actions
    void set_deadline(UnitId id, Instant at);
    void set_alarm(UnitId id, Instant at);
    void set_health(UnitId id, Instant at);
    void enqueue(UnitId id);
    UnitId dequeue();
    void settle();
    void want(UnitId id, std::uint16_t actions);
    bool next_action(Action& action);
    [[nodiscard]] UnitId find_due() const;
    void set_phase(UnitId id, Phase phase);
    void note_moment(UnitRuntime& unit, UnitState state) const;
    void set_reason(UnitId id, const Reason& reason);
    void set_reason(UnitId id, ReasonKind kind, UnitId other = kNoUnit);
    void set_reason(UnitId id, ReasonKind kind, ExitStatus status);

    // graph.cpp: what units mean to each other
    [[nodiscard]] std::span<const Dependency> needs(UnitId id) const;
    [[nodiscard]] std::span<const ReverseEdge> owners(UnitId id) const;
    void notify_watchers(UnitId id);
    [[nodiscard]] Gate gate(DependencyKind kind, UnitId target) const;
    Gate find_obstacle(UnitId id, Dependency& obstacle);
    bool find_dead_need(UnitId id, Dependency& dead);
    bool waits_for_dependents(UnitId id);
    void hold_needs(UnitId id);
    void release_needs(UnitId id);
    void stop_conflicting(UnitId id);
    void stop_dependents(UnitId id);
    void lose_dependents(UnitId id);
    void return_dependents(UnitId id);
    void count_holders();
    void reloaded(UnitId chosen, bool starts_new);

    // start.cpp: from waiting to up
    void admit(UnitId id);
    void start_by_hand(UnitId id);
    void restart_by_hand(UnitId id);
    void review(UnitId id);
    void try_start(UnitId id);
    void launch(UnitId id);
    void program_runs(UnitId id);
    void became_ready(UnitId id);
    void come_up(UnitId id);
    void probe(UnitId id);
    /// The next one, after as long as the unit has been starting for, and the interval at most:
    /// most programs are ready within moments.
    void probe_again(UnitId id);
    void become_healthy(UnitId id, bool holds);
    void health_passed(UnitId id);
    void became_ill(UnitId id);
    void run_hook(UnitId id, CommandRole role);
    void spawn(UnitId id, CommandRole role, std::uint8_t index);
    void reload(UnitId id);
    void end_reload(UnitId id, const Reason& reason);

    // stop.cpp: from up to empty
    void ask_stop(UnitId id, const Reason& reason, bool again);
    void ask_stop(UnitId id, bool again, ReasonKind kind, UnitId other = kNoUnit);
    void begin_stop(UnitId id);
    void enter_stop(UnitId id);
    void enter_stop_command(UnitId id);
    void enter_signal(UnitId id, std::uint8_t step);
    void apply_step(UnitId id);
    void kill(UnitId id);
    void kill_command(UnitId id);
    void withdraw(UnitId id);
    void after_stop(UnitId id);
    void sweep(UnitId id);
    void run_ended(UnitId id, Result result, const Reason& reason);
    [[nodiscard]] bool has_processes(UnitId id) const;

    // finish.cpp: what follows when a unit is empty
    void record_status(UnitId id, ExitStatus status);
    [[nodiscard]] Result classify(UnitId id, ExitStatus status) const;
    void come_to_rest(UnitId id);
    void conclude(UnitId id, bool came_up);
    void finish(UnitId id, bool limit);
    void fail_dependency(UnitId id, const Dependency& dead);
    [[nodiscard]] bool wants_restart(UnitId id) const;
    [[nodiscard]] std::int32_t guest_code(UnitId id, std::int32_t code) const;
    bool count_restart(UnitId id);
    Duration next_delay(UnitId id);
    void forget_failures(UnitId id);
    void act_on_outcome(UnitId id, bool limit);
    void start_for_outcome(UnitId id, UnitId next);

    // guest.cpp: boot and shutdown
    [[nodiscard]] UnitId find_excluder(UnitId id) const;
    void boot(UnitId target);
    void request_shutdown(EndKind end, std::int32_t code);
    void begin_shutdown(EndKind end, std::int32_t code);
    [[nodiscard]] Duration kill_grace() const;
    void hurry();
    void kill_everything();
    void check_shutdown_time();
    void check_end();

    // events.cpp
    void handle(const Event& event, Instant now);
    void dispatch(const Event& event);
    void process_event(const Event& event);
    void pinged(UnitId id);
    Slot* find_slot(const Event& event);
    void notified_ready(UnitId id);
    void notified_reloading(UnitId id, std::uint32_t age_ms);
    void process_failed(const Event& event, Slot& slot);
    void process_exited(const Event& event, Slot& slot);
    void main_exited(UnitId id, ExitStatus status);
    void main_exited_on_the_way_up(UnitId id, ExitStatus status);
    void next_hook(UnitId id, const Reason& failure);
    void command_ended(UnitId id, const Reason& failure);
    void process_gone(UnitId id);
    void probe_ended(UnitId id, bool holds);
    void emptied(UnitId id);
    void extend(UnitId id, std::uint32_t milliseconds);
    void notified_stopping(UnitId id);
    void watchdog(UnitId id);
    void oom_killed(UnitId id);
    void skipped(const Event& event, Slot& slot);
    void tick();
    void deadline_passed(UnitId id);
    void start_deadline_passed(UnitId id);
    void alarm_passed(UnitId id);

    [[nodiscard]] const UnitRuntime& unit(UnitId id) const { return units_[id]; }

    [[nodiscard]] const UnitPolicy& policy(UnitId id) const {
        return unit(id).has(flag::kPrevious) ? *graph_.previous[id] : graph_.units[id];
    }

    [[nodiscard]] GuestRuntime& guest() { return *guest_; }

    [[nodiscard]] const GuestRuntime& guest() const { return *guest_; }

    [[nodiscard]] UnitId size() const { return static_cast<UnitId>(graph_.units.size()); }

    [[nodiscard]] Instant now() const { return guest_->now; }

    [[nodiscard]] Instant after(std::uint32_t milliseconds) const;
    [[nodiscard]] bool has_commands(UnitId id, CommandRole role) const;
    [[nodiscard]] Instant heap_top() const;

private:
    [[nodiscard]] Instant due(UnitId id) const;
    void place(std::size_t index, UnitId id);
    void sift_up(std::size_t index);
    void sift_down(std::size_t index);
    void update_heap(UnitId id);
    bool take_action(UnitId id, Action& action);
    void fill_signal(UnitId id, std::uint16_t bit, Action& action);
    [[nodiscard]] std::uint64_t sum_all() const;
    void rebuild_heap();

    UnitGraph graph_;
    GuestRuntime* guest_;
    UnitRuntime* units_ = nullptr;
    std::uint32_t* first_owner_ = nullptr;
    UnitId* heap_ = nullptr;
    ReverseEdge* reverse_ = nullptr;
    std::uint32_t* stamps_ = nullptr;
    /// One bit for each unit whose record is in the journal.
    std::uint32_t* touched_ = nullptr;
    Journal* journal_ = nullptr;
};

} // namespace stead::engine
