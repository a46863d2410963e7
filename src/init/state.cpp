#include "init/state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "init/memory.h"
#include "init/say.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/memory.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

constexpr std::size_t kSpareChildren = 64;
constexpr std::size_t kRingAt = kStateSize - kRingSize;
constexpr std::size_t kReceivedAt = kRingAt - wire::kMaxMessage;

constexpr std::size_t aligned(std::size_t size) {
    return (size + 15) & ~std::size_t{15};
}

void see(void (*function)(int fd), const SlotFd& slot) {
    if (slot) function(slot.get());
}

constexpr auto kUnitsAt = static_cast<std::uint32_t>(aligned(sizeof(Supervisor)));

/// The memfd, with its size fixed: who holds it can neither cut it short nor make it longer.
Result<sys::UniqueFd> make_state_file() {
    auto file = TRY(sys::make_memory_file("stead-state"));
    if (::ftruncate(file.get(), static_cast<off_t>(kStateSize)) < 0)
        return last_error("ftruncate", "state");
    TRY(sys::add_seals(file.get(), sys::kSealSeal | sys::kSealShrink | sys::kSealGrow));
    return file;
}

// Both compilers give them, although the types have members of more than one class.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
constexpr std::uint16_t kStateSlots[] = {
    offsetof(State, notify),       offsetof(State, host_listener), offsetof(State, guest_listener),
    offsetof(State, keeper),       offsetof(State, memory),        offsetof(State, program),
    offsetof(State, fallback),     offsetof(State, launcher_plan), offsetof(State, unit_plan),
    offsetof(State, cgroups.root), offsetof(State, cgroups.units), offsetof(State, syslog),
};
constexpr std::uint16_t kUnitSlots[] = {
    offsetof(Unit, output_read), offsetof(Unit, output_write), offsetof(Unit, error_read),
    offsetof(Unit, error_write), offsetof(Unit, ready),        offsetof(Unit, cgroup_events),
    offsetof(Unit, input_read),  offsetof(Unit, input_write),
};

#pragma GCC diagnostic pop

void each_slot(void (*function)(int fd), const void* owner, std::span<const std::uint16_t> slots) {
    for (const std::uint16_t at : slots)
        see(function, *reinterpret_cast<const SlotFd*>(static_cast<const std::byte*>(owner) + at));
}

/// A state in `memory`, which is all zeros. No constructor runs over it: most of its tables are
/// never used, and a page that nobody touches is none.
State* begin_state(std::span<std::byte> memory) {
    auto* state = reinterpret_cast<State*>(memory.data());
    state->target = state->begun = kNoUnit;
    state->stop_budget = 9_s;
    state->mailbox.source = Source::Timer;
    return state;
}

/// The same state in other memory, which is all zeros; of its tables what is in use, but no timers.
State* copy_state(const State& from, std::span<std::byte> memory) {
    auto* state = reinterpret_cast<State*>(memory.data());
    const auto copy = [&](const void* first, const void* last) {
        const auto* begin = static_cast<const std::byte*>(first);
        const auto at = begin - reinterpret_cast<const std::byte*>(&from);
        std::memcpy(memory.data() + at, begin,
                    static_cast<std::size_t>(static_cast<const std::byte*>(last) - begin));
    };
    copy(&from, from.timers.begin());
    copy(from.held.begin(), from.held.begin() + std::min<std::size_t>(from.held_end, kMaxHeld));
    copy(from.held.end(), &from + 1);
    state->timer_end = 0;
    return state;
}

} // namespace

void each_descriptor(const State& state,
                     std::span<const Unit> units,
                     std::span<const Child> children,
                     void (*function)(int fd)) {
    each_slot(function, &state, kStateSlots);
    for (const Unit& unit : units)
        each_slot(function, &unit, kUnitSlots);
    for (const Child& child : children) {
        see(function, child.pidfd);
        see(function, child.report);
    }
    for (const SlotFd& plan : state.older_plans)
        see(function, plan);
    for (const Client& client : state.clients)
        see(function, client.fd);
    for (const Transient& transient : state.transients)
        see(function, transient.master);
    for (std::size_t i = 0; i < std::min<std::size_t>(state.held_end, kMaxHeld); ++i)
        see(function, state.held[i].fd);
    // What came with a message that has not been obeyed yet: descriptors stand in its control
    // data as plain numbers behind a header.
    sys::each_passed(state.mailbox.control, function);
}

Result<std::span<std::byte>> map_state(int file) {
    auto memory = TRY(sys::map_shared(file, kStateSize));
    // A child that loses its way between clone and execve must not reach its parent's state.
    sys::keep_from_children(memory.first(kReceivedAt));
    return memory;
}

Result<Supervisor*> open_memory(std::span<std::byte> memory, char** argv, char** environment) {
    auto* self = reinterpret_cast<Supervisor*>(memory.data());
    ::new (static_cast<Locals*>(self)) Locals;
    const auto scratch = TRY(sys::map_memory(sizeof(Scratch)));
    self->scratch = reinterpret_cast<Scratch*>(scratch.data());
    self->received = memory.subspan(kReceivedAt, wire::kMaxMessage);
    self->ring.memory = memory.subspan(kRingAt, self->launched ? kRingSize : kForeignRing);
    self->argv = argv;
    self->environment = environment;
    return self;
}

Result<std::span<std::byte>> draft_state(Supervisor& self, std::size_t units) {
    auto file = TRY(make_state_file());
    const auto memory = TRY(map_state(file.get()));
    State* state = copy_state(self, memory);
    Supervisor* next = TRY(open_memory(memory, self.argv, self.environment));
    state->ring.head = state->ring.used = 0;
    state->mailbox = {};
    state->older_plans = {};
    state->layout.units = static_cast<std::uint32_t>(units);
    state->layout.units_at = kUnitsAt;
    (void)find_tables(*next);
    state->memory.value = file.release();
    return memory;
}

Result<Supervisor*> make_supervisor(char** argv, char** environment) {
    auto file = make_state_file();
    auto memory = file ? map_state(file->get()) : sys::map_memory(kStateSize);
    if (!memory && file) memory = sys::map_memory(kStateSize);
    State* state = begin_state(TRY(memory));
    Supervisor* self = TRY(open_memory(*memory, argv, environment));
    self->init_of_namespace = ::getpid() == 1;
    self->boot_time = sys::now();
    auto program = sys::open_at(AT_FDCWD, "/proc/self/exe", O_PATH);
    if (program) state->program.take(std::move(*program));
    if (file) state->memory.take(std::move(*file));
    return self;
}

Result<void> lay_out_tables(Supervisor& self) {
    const UnitGraph& graph = self.table.graph();
    const std::size_t count = graph.units.size();
    const std::size_t places = 2 * count + kSpareChildren;
    const std::size_t engine_at = aligned(kUnitsAt + count * sizeof(Unit));
    const std::size_t engine_bytes = engine::Engine::required_memory(graph);
    // A page that tables share is one page; the engine's own journal, of which little is ever
    // used, and the places for children, of which only the first are, end in a hole.
    const std::size_t children_at = aligned(engine_at + engine_bytes);
    if (children_at + places * sizeof(Child) > kReceivedAt)
        return make_error("too many units", {}, E2BIG);
    self.layout = {.magic = kStateMagic,
                   .version = kStateVersion,
                   .state_bytes = sizeof(State),
                   .unit_bytes = sizeof(Unit),
                   .child_bytes = sizeof(Child),
                   .units = static_cast<std::uint32_t>(count),
                   .children = static_cast<std::uint32_t>(places),
                   .engine_at = static_cast<std::uint32_t>(engine_at),
                   .engine_bytes = static_cast<std::uint32_t>(engine_bytes),
                   .units_at = kUnitsAt,
                   .children_at = static_cast<std::uint32_t>(children_at)};
    return {};
}

std::span<std::byte> find_tables(Supervisor& self) {
    auto* base = reinterpret_cast<std::byte*>(static_cast<State*>(&self));
    self.units = {reinterpret_cast<Unit*>(base + self.layout.units_at), self.layout.units};
    self.children = {reinterpret_cast<Child*>(base + self.layout.children_at),
                     self.layout.children};
    return {base + self.layout.engine_at, self.layout.engine_bytes};
}

Result<void> prepare_tables(Supervisor& self) {
    TRY(lay_out_tables(self));
    const auto memory = find_tables(self);
    const auto& guest = self.table.guest();
    const engine::Settings settings{
        .seed = static_cast<std::uint64_t>(sys::now().ns),
        .stop_budget = self.stop_budget,
        .propagate_stop_exit = guest && guest->propagate_stop_exit,
    };
    self.engine.emplace(self.table.graph(), memory, settings);
    self.prepared = true;
    if (!self.memory || !self.program)
        note(self, "no memfd or no /proc: a crash of PID 1 ends the guest");
    return {};
}

} // namespace stead::init
