#include "init/upgrade.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "init/control.h"
#include "init/crash.h"
#include "init/mailbox.h"
#include "init/say.h"
#include "sys/clock.h"
#include "sys/execute.h"
#include "sys/process.h"
#include "sys/stream.h"

namespace stead::init {

namespace {

/// The only time that PID 1 waits for anybody: a program that does not answer is killed.
constexpr Duration kTestTime = 2_s;

std::string_view reason_for(ExitStatus status) {
    if (status.kind != ExitStatus::Kind::Exited) return "crashes in its self-test";
    switch (status.value) {
    case kTestOtherState:
        return "keeps PID 1's state in another form";
    case kTestOtherPlan:
        return "cannot read the plan";
    case 127:
        return "cannot be executed here";
    default:
        return "knows no self-test of this kind";
    }
}

Result<void> wait_for_test(const sys::Process& test) {
    const Instant limit = sys::now() + kTestTime;
    const auto left = static_cast<int>((limit - sys::now()).ms());
    pollfd ready{test.pidfd.get(), POLLIN, 0};
    const bool ended = ::poll(&ready, 1, left) == 1;
    if (!ended) (void)sys::send_signal(test, SIGKILL);
    while (true) {
        const auto status = TRY(sys::try_reap(test));
        if (!status) {
            (void)::poll(&ready, 1, -1); // It was killed.
            continue;
        }
        const bool passed =
            status->kind == ExitStatus::Kind::Exited && status->value == kTestPassed;
        if (ended && passed) return {};
        return make_error("the new program", ended ? reason_for(*status) : "does not answer", 0);
    }
}

/// Lets `program` look at our state and plans.
Result<void> test_program(Supervisor& self, int program) {
    char name[] = "stead-init";
    char mode[] = "--self-test";
    char* const arguments[] = {name, mode, nullptr};
    std::array<sys::Given, 3 + kMaxPlans> given;
    std::size_t count = 0;
    given[count++] = {self.memory.get(), kTestState};
    if (self.launcher_plan) given[count++] = {self.launcher_plan.get(), kTestLauncherPlan};
    if (self.unit_plan) given[count++] = {self.unit_plan.get(), kTestUnitPlan};
    for (std::size_t i = 0; i < kMaxPlans && self.older_plans[i]; ++i)
        given[count++] = {self.older_plans[i].get(), kTestUnitPlan + 1 + static_cast<int>(i)};
    const auto test = TRY(sys::start_program({.program = program,
                                              .arguments = arguments,
                                              .environment = self.environment,
                                              .given = std::span(given).first(count)}));
    return wait_for_test(test);
}

} // namespace

void start_upgrade(Supervisor& self, Client& client, sys::Record& record) {
    if (!client.host && self.launched)
        return answer(self, client, kCouldNot, "only the host upgrades a guest");
    if (record.descriptor_count != 1)
        return answer(self, client, kAskedWrongly, "no program came along");
    if (!self.memory || !self.program)
        return answer(self, client, kCouldNot, "without /proc PID 1 cannot be executed again");
    const auto tested = test_program(self, record.descriptors[0].get());
    if (!tested) return answer(self, client, tested.error());

    client.pending = Pending::Upgrade;
    end_mail(self);
    self.fallback.take(self.program.release());
    self.program.take(std::move(record.descriptors[0]));
    self.crashes.on_trial = true;
    self.crashes.recent = 0;
    remember_roots(self);
    execute_again(self, self.program.get());
    // It could not even be executed.
    self.crashes.on_trial = false;
    self.program.take(self.fallback.release());
    remember_roots(self);
    answer(self, client, kCouldNot, "the new program cannot be executed");
}

void end_upgrade(Supervisor& self) {
    const bool holds = self.crashes.on_trial;
    self.crashes.on_trial = false;
    for (Client& client : self.clients) {
        if (client.fd && client.pending == Pending::Reload) answer(self, client, kDone);
        if (!client.fd || client.pending != Pending::Upgrade) continue;
        if (holds) {
            answer(self, client, kDone, "PID 1 runs version " STEAD_VERSION);
        } else {
            answer(self, client, kCouldNot, "the new program failed; the old one goes on");
        }
    }
}

} // namespace stead::init
