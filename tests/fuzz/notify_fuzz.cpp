#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "init/children.h"
#include "init/loop.h"
#include "init/memory.h"
#include "init/notify.h"
#include "plan/writer.h"
#include "sys/unix_socket.h"

namespace {

using namespace stead;

constexpr pid_t kSender = 2'000'000'000; // No process has it.

void demand(bool holds) {
    if (!holds) __builtin_trap();
}

/// PID 1 with one unit that keeps descriptors, whose main process sends what the fuzzer makes up.
init::Supervisor& supervisor() {
    static init::Supervisor* self = [] {
        static std::vector<std::byte> image;
        plan::PlanInput input;
        plan::UnitInput unit;
        unit.name = "app";
        unit.source = "fuzz";
        unit.policy.type = UnitType::Notify;
        unit.policy.ready = ReadyKind::Notify;
        unit.policy.watchdog_ms = 1000;
        unit.descriptor_store = 2;
        unit.commands_of(CommandRole::Main) = {{"/bin/true"}};
        input.units = {unit};
        auto written = plan::write(input);
        demand(written.has_value());
        image = std::move(*written);
        const auto opened = plan::Plan::open(image);
        static char* argv[] = {nullptr};
        const auto made = init::make_supervisor(argv, environ);
        demand(opened.has_value() && made.has_value());
        demand((*made)->table.use_plan(*opened).has_value());
        demand(init::prepare_tables(**made).has_value());
        init::Supervisor* made_self = *made;
        // What PID 1 says of its own goes nowhere, and nothing it is told is carried out.
        return made_self;
    }();
    return *self;
}

/// The engine as it is while the unit's process runs.
void begin_anew(init::Supervisor& self) {
    init::tell_engine(self, {.kind = engine::EventKind::Boot, .unit = kNoUnit});
    engine::Action action;
    while (self.engine->next(action)) {
        if (action.kind != engine::ActionKind::Spawn) continue;
        self.children[0].ticket = action.ticket;
        self.children[0].pid = kSender;
        self.children[0].unit = 0;
        self.children[0].role = CommandRole::Main;
        self.children[0].executed = true;
        self.children_end = std::max(self.children_end, 1U);
        init::tell_engine(
            self, {.kind = engine::EventKind::Executed, .unit = 0, .ticket = action.ticket});
    }
}

} // namespace

/// A notify message of any bytes, the first of which says how many descriptors come along.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    init::Supervisor& self = supervisor();
    begin_anew(self);
    sys::Record record;
    record.sender = kSender;
    const std::size_t descriptors = data[0] % 4U;
    for (std::size_t i = 0; i < descriptors && i < record.descriptors.size(); ++i) {
        record.descriptors[i] = sys::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        record.descriptor_count = i + 1;
    }
    record.size = std::min<std::size_t>(size - 1, 4096);
    if (record.size > 0) std::memcpy(self.received.data(), data + 1, record.size);
    init::obey_message(self, record);

    // Only its own main process counts, and what is shown to people is harmless.
    demand(self.children[0].pid == kSender);
    for (const char c : self.units[0].status_text.view())
        demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    demand(self.units[0].status_text.size() <= init::kMaxStatusText);
    std::size_t held = 0;
    for (const auto& one : self.held)
        held += one.fd ? 1U : 0U;
    demand(held <= 2);
    return 0;
}
