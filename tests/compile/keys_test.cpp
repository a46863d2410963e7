#include <string>

#include "compile/fixture.h"
#include "model/condition.h"

/// Keys of unit files that become numbers, lists and edges of a plan.
namespace stead::compile {
namespace {

using test::units;

const std::string kTrue = "command = \"true\"\n";

TEST(UnitKeys, OfOutcomesNameOtherUnits) {
    const auto outcome =
        units({{"web", kTrue + "on.failure = \"unit:rescue\"\non.success = \"exit\"\n"
                               "on.limit = \"reboot\"\nessential-stop = \"exit\"\n"
                               "exit-type = \"cgroup\"\noom-policy = \"kill\"\n"
                               "exit-map = { 143 = 0, 7 = 8 }\nsignal-map = { TERM = \"QUIT\", INT "
                               "= \"none\" }\npart-of = [\"rescue\"]\n"},
               {"rescue", kTrue}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const plan::UnitInput& web = *outcome.unit("web");
    EXPECT_EQ(web.policy.on_failure, OutcomeAction::StartUnit);
    EXPECT_EQ(outcome.plan.units.at(web.policy.outcome_units[1]).name, "rescue");
    EXPECT_EQ(web.policy.on_success, OutcomeAction::Exit);
    EXPECT_EQ(web.policy.on_limit, OutcomeAction::Reboot);
    EXPECT_EQ(web.policy.essential_stop, EssentialStop::Exit);
    EXPECT_EQ(web.policy.exit_type, ExitType::Cgroup);
    EXPECT_EQ(web.policy.oom_policy, OomPolicy::Kill);
    EXPECT_EQ(web.policy.code_changes, 2);
    EXPECT_EQ(web.signal_map.size(), 4U);
    ASSERT_EQ(web.dependencies.size(), 1U);
    EXPECT_EQ(web.dependencies[0].kind, DependencyKind::PartOf);
}

TEST(UnitKeys, OfOutcomesWithoutTheirUnitAreRefused) {
    const auto outcome = units({{"web", kTrue + "on.failure = \"unit:rescu\"\n"},
                                {"api", kTrue + "on.limit = \"unit:broken\"\n"},
                                {"broken", kTrue + "user = \"nobody-knows\"\n"},
                                {"rescue", kTrue}});
    EXPECT_EQ(outcome.unit("web"), nullptr);
    EXPECT_EQ(outcome.unit("api"), nullptr);
    EXPECT_NE(outcome.unit("rescue"), nullptr);
    EXPECT_NE(outcome.messages.find("did you mean 'rescue'?"), std::string::npos)
        << outcome.messages;
}

TEST(UnitKeys, OfLivenessBecomeProbesAndTimes) {
    const auto outcome = units(
        {{"web", kTrue + "watchdog = \"30s\"\nhealth = { tcp = \"127.0.0.1:80\", threshold = 5, "
                         "action = \"stop\" }\nready.http = \"http://localhost:8080/ready\"\n"},
         {"daemon", kTrue + "type = \"forking\"\nready.pid-file = \"/run/x.pid\"\n"},
         {"once", kTrue + "type = \"oneshot\"\n"},
         {"timed", kTrue + "type = \"oneshot\"\nready.timeout = \"7s\"\n"}});
    ASSERT_EQ(outcome.messages, "");
    const plan::UnitInput& web = *outcome.unit("web");
    EXPECT_EQ(web.policy.watchdog_ms, 30'000U);
    EXPECT_EQ(web.policy.health, ReadyKind::Tcp);
    EXPECT_EQ(web.policy.health_threshold, 5);
    EXPECT_EQ(web.policy.health_action, HealthAction::Stop);
    EXPECT_FALSE(web.health_address.empty());
    EXPECT_EQ(web.commands_of(CommandRole::ReadyProbe),
              (std::vector<plan::Argv>{
                  {"/run/stead/bin/stead", "probe", "http://localhost:8080/ready"}}));
    EXPECT_EQ(outcome.unit("daemon")->policy.ready, ReadyKind::PidFile);
    EXPECT_EQ(outcome.unit("daemon")->ready_path, "/run/x.pid");
    EXPECT_EQ(outcome.unit("once")->policy.start_timeout_ms, kForever);
    EXPECT_EQ(outcome.unit("timed")->policy.start_timeout_ms, 7'000U);
    EXPECT_TRUE(plan::write(outcome.plan));
}

TEST(UnitKeys, OfSurroundingsBecomeListsOfThePlan) {
    const auto outcome = units(
        {{"web", kTrue + "credentials.key = \"file:/etc/key\"\n"
                         "credentials.mail = \"host:mail.password\"\ntty.path = \"console\"\n"
                         "scheduling = { io = \"idle\", cpu-policy = \"batch\", cpu-affinity = "
                         "\"0,9\" }\n[conditions]\npath-exists = [\"/a\", \"!/b\"]\n"
                         "environment = [\"X=1\"]\ncapability = [\"NET_RAW\"]\n"
                         "virtualization = [\"!machine\"]\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const plan::ExecInput& exec = outcome.unit("web")->exec;
    EXPECT_EQ(exec.credentials, (std::vector<std::string>{
                                    "key=/etc/key", "mail=/run/stead/credentials/mail.password"}));
    EXPECT_EQ(exec.terminal, "/dev/console");
    EXPECT_EQ(exec.io_priority, 3U << 13U);
    EXPECT_EQ(exec.cpu_policy, 3);
    EXPECT_EQ(exec.cpu_affinity.size(), 8U);
    EXPECT_EQ(exec.cpu_affinity[1], std::byte{2});
    EXPECT_EQ(exec.conditions,
              (std::vector<std::string>{"p=/a", "p!/b", "e=X=1", "c=13", "v!machine"}));
    EXPECT_TRUE(plan::write(outcome.plan));
}

} // namespace
} // namespace stead::compile
