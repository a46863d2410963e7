#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include <netinet/in.h>

#include "compile/bpf.h"
#include "compile/calls.h"
#include "compile/capabilities.h"
#include "compile/fixture.h"

namespace stead::compile {
namespace {

using test::Host;
using test::system_options;
using test::units;

const std::string kTrue = "command = \"true\"\n";

TEST(Units, ResolveUsersFromTheGuestsFiles) {
    const auto outcome =
        units({{"web", kTrue + "user = \"app\"\nsupplementary-groups = [\"7\"]\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const plan::ExecInput& exec = outcome.unit("web")->exec;
    EXPECT_EQ(exec.uid, 1000U);
    EXPECT_EQ(exec.gid, 1000U);
    EXPECT_EQ(exec.groups, (std::vector<std::uint32_t>{7, 44, 120}));
    EXPECT_EQ(exec.environment, (std::vector<std::string>{"HOME=/home/app", "LOGNAME=app",
                                                          "SHELL=/bin/sh", "USER=app"}));
    EXPECT_EQ(exec.environment_inherit, (std::vector<std::string>{"PATH", "TZ", "LANG"}));
}

TEST(Units, LetTheFileOverrideTheAccountsEnvironment) {
    const auto outcome = units({{"web", kTrue + "environment = { HOME = \"/data\", MODE = \"x\" }\n"
                                                "environment-inherit = [\"TZ\"]\n"}});
    const auto& environment = outcome.unit("web")->exec.environment;
    const auto has = [&](const std::string& entry) {
        return std::find(environment.begin(), environment.end(), entry) != environment.end();
    };
    EXPECT_TRUE(has("HOME=/data"));
    EXPECT_TRUE(has("MODE=x"));
    EXPECT_TRUE(has("USER=root"));
    // Nothing inherited says where programs are.
    EXPECT_TRUE(has("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
}

TEST(Units, TakeNumbersWithoutAnAccount) {
    const auto outcome = units({{"web", kTrue + "user = \"4242\"\n"},
                                {"api", kTrue + "user = \"4242\"\ngroup = \"app\"\n"}});
    EXPECT_EQ(outcome.unit("web")->exec.uid, 4242U);
    EXPECT_EQ(outcome.unit("web")->exec.gid, 4242U);
    EXPECT_EQ(outcome.unit("api")->exec.gid, 1000U);
}

TEST(Units, NameTheNearestUserAndLeaveTheOthersAlone) {
    const auto outcome = units({{"web", kTrue + "user = \"rediss\"\n"},
                                {"api", kTrue + "group = \"ssll\"\n"},
                                {"db", kTrue}});
    EXPECT_EQ(outcome.unit("web"), nullptr);
    EXPECT_EQ(outcome.rejection("web"),
              "web.toml:2:8: there is no user 'rediss' in the guest; did you mean 'redis'?");
    EXPECT_EQ(outcome.rejection("api"),
              "api.toml:2:9: there is no group 'ssll' in the guest; did you mean 'ssl'?");
    EXPECT_NE(outcome.unit("db"), nullptr);
}

TEST(Units, StayWithinTheGuestsIds) {
    auto options = system_options();
    options.id_count = 65536;
    const auto outcome = units({{"web", kTrue + "user = \"70000\"\n"}}, options);
    EXPECT_EQ(outcome.rejection("web"),
              "web.toml:2:8: user 70000 is outside the guest's range of 65536 ids");
}

TEST(Units, CannotHaveCapabilitiesBeyondTheGuests) {
    const auto outcome =
        units({{"web", kTrue + "capabilities = [\"CHOWN\", \"SYS_ADMIN\"]\n"},
               {"api", kTrue + "capabilities = [\"...\", \"!CHOWN\"]\n"},
               {"db", kTrue + "capabilities = [\"CHOWN\"]\nambient-capabilities = [\"KILL\"]\n"}});
    EXPECT_EQ(outcome.rejection("web"),
              "web.toml:2:26: capability SYS_ADMIN is not on the guest's allow-list (web.toml:4); "
              "add it to `capabilities` there, or take it out here");
    ASSERT_NE(outcome.unit("api"), nullptr) << outcome.messages;
    EXPECT_EQ(outcome.unit("api")->exec.capabilities,
              system_options().ceiling & ~capability_mask({CAP_CHOWN}));
    EXPECT_TRUE(outcome.unit("api")->exec.own_capabilities);
    EXPECT_EQ(outcome.rejection("db"),
              "db.toml:3:25: ambient capability KILL is not among the unit's capabilities (CHOWN)");
}

TEST(Capabilities, AreKnownByTheirNamesOnly) {
    EXPECT_EQ(find_capability("NET_RAW"), static_cast<unsigned>(CAP_NET_RAW));
    EXPECT_EQ(find_capability("CAP_NET_RAW"), static_cast<unsigned>(CAP_NET_RAW));
    EXPECT_EQ(find_capability("cap_net_raw"), static_cast<unsigned>(CAP_NET_RAW));
    EXPECT_FALSE(find_capability("13"));
    EXPECT_FALSE(find_capability("CAP_13"));
    EXPECT_FALSE(find_capability(""));
    EXPECT_FALSE(find_capability("NET_RAW2"));
    EXPECT_EQ(capability_names(capability_mask({CAP_CHOWN, CAP_KILL})), "CHOWN, KILL");
    EXPECT_EQ(capability_names(0), "none");
}

std::uint32_t verdict(const std::vector<std::uint64_t>& filter, const char* call) {
    seccomp_data data{};
    data.nr = find_call(call).value_or(-1);
#if defined(__x86_64__)
    data.arch = 0xc000003e;
#elif defined(__aarch64__)
    data.arch = 0xc00000b7;
#endif
    return test::Machine(filter).run(data).value_or(0xdead);
}

TEST(UnitCalls, BecomeAFilterOfTheUnit) {
    const auto outcome =
        units({{"web", kTrue + "system-calls = [\"...\", \"!@debug\", \"!ptrace\"]\n"
                               "system-call-error = \"EACCES\"\n"},
               {"api", kTrue + "system-calls = [\"@default\", \"read\"]\n"
                               "system-call-error = \"kill\"\n"},
               {"db", kTrue}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const auto& web = outcome.unit("web")->exec.filter;
    EXPECT_EQ(verdict(web, "ptrace"), SECCOMP_RET_ERRNO | 13U);
    EXPECT_EQ(verdict(web, "process_vm_readv"), SECCOMP_RET_ERRNO | 13U);
    EXPECT_EQ(verdict(web, "openat"), SECCOMP_RET_ALLOW);
    const auto& api = outcome.unit("api")->exec.filter;
    EXPECT_EQ(verdict(api, "openat"), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(verdict(api, "clone3"), SECCOMP_RET_ERRNO | 38U);
    for (const char* call : {"read", "execve", "write", "exit_group", "seccomp"})
        EXPECT_EQ(verdict(api, call), SECCOMP_RET_ALLOW) << call;
    EXPECT_TRUE(outcome.unit("db")->exec.filter.empty());
}

TEST(UnitCalls, OpenClone3ByItsOwnNameOnly) {
    const auto outcome =
        units({{"group", kTrue + "system-calls = [\"...\", \"@process\"]\n"},
               {"refused", kTrue + "system-calls = [\"...\", \"!@process\", \"@default\"]\n"}});
    for (const char* name : {"group", "refused"}) {
        ASSERT_NE(outcome.unit(name), nullptr) << outcome.messages;
        // Its flags lie behind a pointer, and C libraries fall back on ENOSYS alone.
        EXPECT_EQ(verdict(outcome.unit(name)->exec.filter, "clone3"), SECCOMP_RET_ERRNO | 38U);
    }
    EXPECT_EQ(verdict(outcome.unit("group")->exec.filter, "fork"), SECCOMP_RET_ALLOW);
}

TEST(UnitCalls, NameWhatDoesNotExist) {
    const auto outcome =
        units({{"web", kTrue + "system-calls = [\"...\", \"@mout\"]\n"},
               {"api", kTrue + "system-calls = [\"...\", \"vm86old\", \"statmount\"]\n"}});
    EXPECT_EQ(outcome.rejection("web"), "web.toml:2:24: there is no system call or group '@mout'; "
                                        "did you mean '@mount'?");
    EXPECT_NE(outcome.unit("api"), nullptr) << outcome.messages;
}

TEST(UnitCalls, KeepTheArgumentChecksOfWhatTheyName) {
    const auto outcome =
        units({{"web", kTrue + "system-calls = [\"...\", \"socket\", \"ioctl\"]\n"}});
    seccomp_data data{};
    data.nr = *find_call("ioctl");
#if defined(__x86_64__)
    data.arch = 0xc000003e;
#elif defined(__aarch64__)
    data.arch = 0xc00000b7;
#endif
    data.args[1] = 0x5412; // TIOCSTI
    EXPECT_EQ(test::Machine(outcome.unit("web")->exec.filter).run(data), SECCOMP_RET_ERRNO | 1U);
}

TEST(UnitFamilies, BecomePartOfTheUnitsFilter) {
    const auto outcome =
        units({{"web", kTrue + "address-families = [\"...\", \"!netlink\"]\n"},
               {"none", kTrue + "address-families = []\nsystem-calls = [\"...\", \"!ptrace\"]\n"},
               {"memory", kTrue + "write-execute = false\n"},
               {"plain", kTrue + "address-families = [\"...\"]\nwrite-execute = true\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    EXPECT_EQ(outcome.unit("web")->remarks,
              std::vector<std::string>{"makes sockets of the families: unix, inet, inet6"});
    const auto& none = outcome.unit("none")->exec.filter;
    EXPECT_EQ(verdict(none, "socket"), SECCOMP_RET_ERRNO | 97U);
    EXPECT_EQ(verdict(none, "ptrace"), SECCOMP_RET_ERRNO | 1U);
    EXPECT_FALSE(outcome.unit("memory")->exec.filter.empty());
    EXPECT_EQ(verdict(outcome.unit("memory")->exec.filter, "ptrace"), SECCOMP_RET_ALLOW);
}

TEST(UnitFamilies, NameWhatIsNotThere) {
    const auto outcome = units({{"web", kTrue + "address-families = [\"innet\"]\n"},
                                {"api", kTrue + "address-families = [\"AF_XYZZY\"]\n"},
                                {"wire", kTrue + "address-families = [\"unix\", \"packet\"]\n"}});
    EXPECT_EQ(outcome.rejection("web"),
              "web.toml:2:21: there is no address family 'innet'; did you mean 'inet'?");
    EXPECT_EQ(outcome.rejection("api"), "api.toml:2:21: there is no address family 'AF_XYZZY'; "
                                        "address_families(7) lists them");
    EXPECT_EQ(outcome.rejection("wire"),
              "wire.toml:2:29: sockets of the family packet are allowed to no unit of this guest "
              "(unix, inet, inet6, netlink are); take it out");
    auto options = system_options();
    options.foreign = true;
    EXPECT_NE(units({{"wire", kTrue + "address-families = [\"packet\"]\n"}}, options).unit("wire"),
              nullptr);
}

TEST(HostUsers, RefuseWhatPid1CannotGive) {
    auto options = system_options();
    options.users = recipe::Users::Host;
    const auto outcome =
        units({{"calls", kTrue + "system-calls = [\"...\", \"!ptrace\"]\n"},
               {"families", kTrue + "address-families = [\"unix\"]\n"},
               {"memory", kTrue + "write-execute = false\n"},
               {"nice", kTrue + "[scheduling]\nnice = -5\n"},
               {"oom", kTrue + "[scheduling]\noom-score-adjust = -500\n"},
               {"nnp", kTrue + "no-new-privileges = true\nsystem-calls = [\"...\", \"!ptrace\"]\n"},
               {"fine", kTrue + "[scheduling]\nnice = 5\noom-score-adjust = 500\n"}},
              options);
    for (const char* name : {"calls", "families", "memory", "nice", "oom"})
        EXPECT_NE(outcome.rejection(name).find("users = \"private\""), std::string::npos)
            << name << ": " << outcome.rejection(name);
    EXPECT_NE(outcome.unit("nnp"), nullptr) << outcome.messages;
    EXPECT_NE(outcome.unit("fine"), nullptr) << outcome.messages;
    options.users = recipe::Users::Private;
    EXPECT_NE(units({{"nice", kTrue + "[scheduling]\nnice = -5\n"}}, options).unit("nice"),
              nullptr);
}

TEST(UnitLandlock, IsRefusedByNameAndVersionWhereTheKernelLacksIt) {
    const test::Files files{{"paths", kTrue + "files.landlock.read = [\"/usr\"]\n"},
                            {"ports", kTrue + "files.landlock.bind-tcp = [80]\n"},
                            {"scopes", kTrue + "files.landlock.scope = [\"signal\"]\n"}};
    auto options = system_options();
    options.landlock = 0;
    auto outcome = units(files, options);
    EXPECT_EQ(outcome.rejection("paths"),
              "paths.toml:2:7: files.landlock.read needs Landlock's rules for paths (Linux 5.19, "
              "version 2), and this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, lsm=); take "
              "it out, or start a newer kernel");
    EXPECT_NE(outcome.rejection("ports").find("no Landlock"), std::string::npos);
    options.landlock = 2;
    outcome = units(files, options);
    EXPECT_NE(outcome.unit("paths"), nullptr) << outcome.messages;
    EXPECT_NE(outcome.rejection("ports").find("bind-tcp needs Landlock's rules for TCP ports "
                                              "(Linux 6.7, version 4), and this kernel has "
                                              "Landlock version 2"),
              std::string::npos)
        << outcome.messages;
    EXPECT_NE(outcome.rejection("scopes").find("Linux 6.12"), std::string::npos);
    // What cannot be known is PID 1's to say.
    options.landlock.reset();
    EXPECT_EQ(units(files, options).plan.units.size(), 3U);
}

TEST(UnitLandlock, NeedsTheRightToRestrictItself) {
    auto options = system_options();
    options.users = recipe::Users::Host;
    const std::string rule = "files.landlock.read = [\"/usr\"]\n";
    const auto outcome = units(
        {{"none", kTrue + rule}, {"nnp", kTrue + "no-new-privileges = true\n" + rule}}, options);
    EXPECT_NE(outcome.rejection("none").find("no-new-privileges = true"), std::string::npos);
    EXPECT_NE(outcome.unit("nnp"), nullptr) << outcome.messages;
}

TEST(UnitLandlock, RestrictsOnlyWhatIsListed) {
    const auto rules = [](const std::string& text) {
        const auto outcome = units({{"web", kTrue + "files.landlock = " + text + "\n"}});
        EXPECT_NE(outcome.unit("web"), nullptr) << outcome.messages;
        return outcome.unit("web")->exec;
    };
    using Numbers = std::vector<std::uint64_t>;
    EXPECT_EQ(rules("{ scope = [\"abstract\"] }").landlock, (Numbers{0, 0, 1, 0, 0x7ff2, 0x2000}));
    const auto ports = rules("{ bind-tcp = [80], connect-tcp = [] }");
    EXPECT_EQ(ports.landlock, (Numbers{0, 3, 0, 0, 0x7ff2, 0x2000, 1, 80}));
    EXPECT_TRUE(ports.view.empty());
    const auto both = rules("{ read = [\"/usr\", \"-/opt\"], write = [\"/srv\"] }");
    EXPECT_EQ(both.landlock, (Numbers{0x7fff, 0, 0, 0xd, 0x7fff, 0x2000}));
    EXPECT_EQ(both.view, (std::vector<std::string>{"A/usr", "A-/opt", "B/srv"}));
    // Moving files between folders is no reading.
    EXPECT_EQ(rules("{ read = [\"/usr\"] }").view, (std::vector<std::string>{"A/usr", "C/"}));
}

TEST(Probes, BecomeSocketAddresses) {
    const auto outcome = units({{"four", kTrue + "ready.tcp = \"127.0.0.1:80\"\n"},
                                {"six", kTrue + "ready.tcp = \"[::1]:8080\"\n"},
                                {"path", kTrue + "ready.path = \"/run/app.ready\"\n"},
                                {"unix", kTrue + "ready.unix = \"/run/app.sock\"\n"}});
    ASSERT_EQ(outcome.plan.units.size(), 4U) << outcome.messages;
    sockaddr_in four{};
    ASSERT_EQ(outcome.unit("four")->ready_address.size(), sizeof four);
    std::memcpy(&four, outcome.unit("four")->ready_address.data(), sizeof four);
    EXPECT_EQ(four.sin_family, AF_INET);
    EXPECT_EQ(ntohs(four.sin_port), 80);
    EXPECT_EQ(ntohl(four.sin_addr.s_addr), 0x7f000001U);
    EXPECT_EQ(outcome.unit("four")->policy.ready, ReadyKind::Tcp);
    EXPECT_EQ(outcome.unit("six")->ready_address.size(), sizeof(sockaddr_in6));
    EXPECT_EQ(outcome.unit("path")->ready_path, "/run/app.ready");
    sockaddr_un path{};
    std::memcpy(&path, outcome.unit("unix")->ready_address.data(),
                outcome.unit("unix")->ready_address.size());
    EXPECT_STREQ(path.sun_path, "/run/app.sock");
}

TEST(Levels, OfAUnitGoIntoItsCgroup) {
    const auto outcome = units({{"web", kTrue + "[limits]\nmemory-max = \"512M\"\n"
                                                "cpu-max = \"150%\"\nnofile = \"1024:65536\"\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const plan::ExecInput& exec = outcome.unit("web")->exec;
    ASSERT_EQ(exec.cgroup_settings.size(), 2U);
    EXPECT_EQ(exec.cgroup_settings[0].value.empty(), false);
    ASSERT_EQ(exec.limits.size(), 1U);
    EXPECT_EQ(exec.limits[0].soft, 1024U);
    EXPECT_EQ(exec.limits[0].hard, 65536U);
}

TEST(Levels, OfAUnitNeedTheirController) {
    Host host;
    host.facts.controllers = {};
    auto options = system_options();
    options.facts = &host.facts;
    const auto outcome = units({{"web", kTrue + "[limits]\nmemory-max = \"512M\"\n"}}, options);
    EXPECT_NE(outcome.rejection("web").find("web.toml:3:14: memory-max needs the cgroup v2 "
                                            "controller 'memory'"),
              std::string::npos)
        << outcome.rejection("web");
}

TEST(ForeignContainer, InheritsItsEnvironmentAndKeepsStreamsApart) {
    auto options = system_options();
    options.foreign = true;
    const auto outcome = units(
        {{"web", kTrue}, {"api", kTrue + "user = \"app\"\nlog.output = \"null\"\n"}}, options);
    const plan::ExecInput& web = outcome.unit("web")->exec;
    EXPECT_TRUE(web.inherit_all);
    EXPECT_TRUE(web.environment.empty());
    EXPECT_EQ(web.output, OutputKind::Log);
    EXPECT_FALSE(web.error_follows_output);
    EXPECT_EQ(outcome.unit("api")->exec.output, OutputKind::Null);
    EXPECT_FALSE(outcome.unit("api")->exec.environment.empty());
}

TEST(Directories, LieInTheirPlaces) {
    const auto outcome = units({{"web", kTrue + "[directories]\nstate = [\"app\"]\n"
                                                "runtime = [\"app\"]\ncache = [\"app/x\"]\n"
                                                "logs = [\"app\"]\nmode = \"0700\"\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    std::vector<std::string> paths;
    for (const auto& directory : outcome.unit("web")->exec.directories) {
        EXPECT_EQ(directory.mode, 0700U);
        paths.push_back(directory.path);
    }
    std::sort(paths.begin(), paths.end());
    EXPECT_EQ(paths, (std::vector<std::string>{"/run/app", "/var/cache/app/x", "/var/lib/app",
                                               "/var/log/app"}));
}

TEST(Policies, CarryWhatTheFileSays) {
    const auto outcome =
        units({{"web", kTrue + "type = \"notify\"\nessential = true\nenabled = false\n"
                               "[restart]\npolicy = \"always\"\ndelay = \"0s\"\nfactor = 1.5\n"
                               "jitter = 0.25\nburst = 3\n[stop]\nschedule = [\"TERM 10s\", "
                               "\"INT 5s\", \"KILL\"]\n[ready]\ntimeout = \"infinity\"\n"
                               "[reload]\nsignal = \"HUP\"\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const UnitPolicy& policy = outcome.unit("web")->policy;
    EXPECT_EQ(policy.ready, ReadyKind::Notify);
    EXPECT_TRUE(policy.essential);
    EXPECT_FALSE(policy.enabled);
    EXPECT_EQ(policy.restart, RestartPolicy::Always);
    EXPECT_EQ(policy.restart_delay_ms, 0U);
    EXPECT_EQ(policy.restart_factor_permille, 1500U);
    EXPECT_EQ(policy.restart_jitter_permille, 250U);
    EXPECT_EQ(policy.restart_burst, 3U);
    EXPECT_EQ(policy.start_timeout_ms, kForever);
    EXPECT_EQ(policy.reload_signal, 1U);
    ASSERT_EQ(policy.stop_steps, 3U);
    EXPECT_EQ(policy.stop[1].signal, 2U);
    EXPECT_EQ(policy.stop[1].wait_ms, 5000U);
}

TEST(Units, TellOfLinesOfTheAccountFilesThatWereLeftOut) {
    unitfile::Diagnostics diagnostics;
    UserDatabase users;
    parse_passwd("broken\n", users);
    const auto plan = compile_units(test::read_units({{"web", kTrue}}, diagnostics), users,
                                    system_options(), diagnostics);
    EXPECT_EQ(plan.units.size(), 1U) << "root needs no account";
    ASSERT_EQ(plan.notices.size(), 1U);
    EXPECT_EQ(plan.notices[0], "passwd:1: the line has not the seven fields of passwd(5); the line "
                               "is ignored");
}

} // namespace
} // namespace stead::compile
