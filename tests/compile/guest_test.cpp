#include <linux/capability.h>
#include <sched.h>

#include <string>

#include "compile/capabilities.h"
#include "compile/compile.h"
#include "compile/default_filters.h"
#include "compile/fixture.h"
#include "compile/mounts.h"

namespace stead::compile {
namespace {

using recipe::MountKind;
using test::guest;
using test::Host;

const std::string kRedisJail = R"(profile = "jail"
network = { mode = "host", listen = ["tcp:127.0.0.1:6379"] }

[unit.redis]
command = "redis-server --bind 127.0.0.1 --dir /var/lib/redis"
user = "redis"
directories.state = ["redis"]
ready.tcp = "127.0.0.1:6379"
)";

TEST(Jail, OfTheManualCompiles) {
    const auto outcome = guest(kRedisJail);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const recipe::Context& context = outcome.context();
    EXPECT_EQ(context.name, "web");
    EXPECT_EQ(context.users, recipe::Users::Host);
    EXPECT_EQ(context.root.kind, recipe::RootKind::HostPrograms);
    EXPECT_TRUE(context.root.read_only);
    EXPECT_EQ(context.capabilities, 0U);
    EXPECT_TRUE(context.no_new_privileges);
    EXPECT_TRUE(context.no_root);
    EXPECT_EQ(context.filter, default_jail_filter());
    EXPECT_EQ(context.init_filter, default_jail_init_filter());
    EXPECT_EQ(context.namespaces & CLONE_NEWNET, 0U);
    EXPECT_TRUE(context.network.restrict_bind);
    ASSERT_EQ(context.network.listen.size(), 1U);
    EXPECT_EQ(context.network.listen[0].port, 6379);
    EXPECT_EQ(context.network.listen[0].address[0], 127);
}

TEST(Jail, CarriesItsUnitInThePlan) {
    const auto outcome = guest(kRedisJail);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const auto plan = plan::Plan::open(outcome.guest->image);
    ASSERT_TRUE(plan) << describe(plan.error()).c_str();
    ASSERT_EQ(plan->unit_count(), 1U);
    EXPECT_EQ(plan->name(0), "redis");
    EXPECT_EQ(plan->exec(0).uid, 104U);
    EXPECT_EQ(plan->exec(0).gid, 107U);
    EXPECT_TRUE(plan->exec(0).no_root);
    EXPECT_TRUE(plan->exec(0).no_new_privileges);
    EXPECT_TRUE(plan->graph().units[0].essential);
    ASSERT_TRUE(plan->guest());
    EXPECT_TRUE(plan->guest()->has_units);
    EXPECT_TRUE(plan->guest()->launched);
    EXPECT_FALSE(plan->guest()->private_users);
    EXPECT_EQ(plan->guest()->filter.instructions.size(), default_jail_filter().size());
}

TEST(Jail, BindsTheStateFolderOfTheHostAndMakesIt) {
    const auto outcome = guest(kRedisJail);
    ASSERT_TRUE(outcome.guest);
    ASSERT_EQ(outcome.context().host_folders.size(), 1U);
    const recipe::HostFolder& folder = outcome.context().host_folders[0];
    EXPECT_EQ(folder.path, "/var/lib/redis");
    EXPECT_EQ(folder.uid, 104U);
    EXPECT_EQ(folder.gid, 107U);
    EXPECT_EQ(folder.mode, 0750U);
    EXPECT_EQ(folder.origin, "web.toml:7");
    const auto* mount = outcome.mount("/var/lib/redis");
    ASSERT_NE(mount, nullptr);
    EXPECT_EQ(mount->kind, MountKind::Bind);
    EXPECT_EQ(mount->attributes, kNoSuid | kNoDevice | kNoExec);
    EXPECT_TRUE(outcome.guest->plan.units[0].exec.directories.empty());
}

TEST(Jail, SeesTheHostsProgramsReadOnlyAndNoSecrets) {
    const auto outcome = guest(kRedisJail);
    ASSERT_TRUE(outcome.guest);
    for (const char* path : {"/usr", "/etc"}) {
        const auto* mount = outcome.mount(path);
        ASSERT_NE(mount, nullptr) << path;
        EXPECT_EQ(mount->kind, MountKind::Bind);
        EXPECT_EQ(mount->attributes, kReadOnly | kNoSuid | kNoDevice);
        EXPECT_TRUE(mount->recursive);
    }
    const auto* bin = outcome.mount("/bin");
    ASSERT_NE(bin, nullptr);
    EXPECT_EQ(bin->kind, MountKind::Link);
    EXPECT_EQ(bin->source, "usr/bin");
    for (const char* path : {"/etc/shadow", "/etc/gshadow", "/etc/ssh/ssh_host_ed25519_key",
                             "/etc/ssl/private", "/etc/stead", "/proc/kcore", "/proc/keys"}) {
        const auto* mount = outcome.mount(path);
        ASSERT_NE(mount, nullptr) << path;
        EXPECT_EQ(mount->kind, MountKind::Mask) << path;
    }
    for (const char* path :
         {"/home", "/root", "/srv", "/sys", "/dev/ptmx", "/sys/fs/cgroup", "/var/lib"})
        EXPECT_EQ(outcome.mount(path), nullptr) << path;
}

TEST(Jail, LetsOnlyPid1MakeTerminals) {
    const auto outcome = guest(kRedisJail);
    ASSERT_NE(outcome.mount("/dev/pts"), nullptr);
    const auto& options = outcome.mount("/dev/pts")->options;
    EXPECT_NE(std::find(options.begin(), options.end(), "ptmxmode=0600"), options.end());
    EXPECT_NE(outcome.mount("/dev/tty"), nullptr);
    EXPECT_EQ(outcome.mount("/dev/ptmx"), nullptr);
}

TEST(Jail, HidesOtherProcessesUnlessToldOtherwise) {
    EXPECT_EQ(guest(kRedisJail).mount("/proc")->options,
              std::vector<std::string>{"hidepid=invisible"});
    EXPECT_TRUE(guest("hidepid = false\n" + kRedisJail).mount("/proc")->options.empty());
}

TEST(Jail, GivesAUnitWithoutAUserAnIdOfItsOwn) {
    const auto outcome = guest("profile = \"jail\"\n[unit.a]\ncommand = \"true\"\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const plan::ExecInput& exec = outcome.guest->plan.units[0].exec;
    EXPECT_EQ(exec.uid, 61200U);
    EXPECT_EQ(exec.gid, 61200U);
    EXPECT_TRUE(exec.groups.empty());
}

TEST(Jail, NeverRunsAsRoot) {
    for (const char* user : {"root", "0"}) {
        const auto outcome = guest("profile = \"jail\"\n[unit.a]\ncommand = \"true\"\nuser = \"" +
                                   std::string(user) + "\"\n");
        EXPECT_FALSE(outcome.guest);
        EXPECT_NE(outcome.messages.find("web.toml:4:8: error: a jail's units never run as uid 0"),
                  std::string::npos)
            << outcome.messages;
    }
    const auto group =
        guest("profile = \"jail\"\n[unit.a]\ncommand = \"true\"\nuser = \"admin\"\n");
    EXPECT_FALSE(group.guest);
    EXPECT_NE(group.messages.find("never run with gid 0"), std::string::npos) << group.messages;
}

TEST(Jail, SaysWhenNoIdIsLeft) {
    Host host;
    host.facts.dynamic_uid = [](const std::string&, const std::string&) { return std::nullopt; };
    const auto outcome = guest("profile = \"jail\"\n[unit.a]\ncommand = \"true\"\n", host);
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("no free user id is left"), std::string::npos);
}

TEST(Jail, MakesItsCapabilitiesAmbient) {
    const auto outcome = guest("profile = \"jail\"\ncapabilities = [\"NET_BIND_SERVICE\"]\n"
                               "[unit.a]\ncommand = \"true\"\nuser = \"app\"\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const std::uint64_t bind = capability_mask({CAP_NET_BIND_SERVICE});
    EXPECT_EQ(outcome.context().capabilities, bind);
    EXPECT_EQ(outcome.guest->plan.units[0].exec.capabilities, bind);
    EXPECT_EQ(outcome.guest->plan.units[0].exec.ambient, bind);
    EXPECT_EQ(outcome.context().filter, default_jail_filter());
}

TEST(Jail, NamesAMissingProgramBeforeTheStart) {
    const auto missing = guest("profile = \"jail\"\n[unit.a]\ncommand = \"redis-srever -v\"\n");
    EXPECT_FALSE(missing.guest);
    EXPECT_NE(missing.messages.find("web.toml:3:11: error: there is no program 'redis-srever' in "
                                    "/usr/local/sbin:"),
              std::string::npos)
        << missing.messages;
    const auto outside = guest("profile = \"jail\"\n[unit.a]\ncommand = \"/opt/app/worker\"\n");
    EXPECT_FALSE(outside.guest);
    EXPECT_NE(outside.messages.find("is not in the jail"), std::string::npos) << outside.messages;

    Host host;
    host.add("/opt/app", "folder");
    EXPECT_TRUE(guest("profile = \"jail\"\nbind = [\"/opt/app:/opt/app:ro\"]\n[unit.a]\n"
                      "command = \"/opt/app/worker\"\n",
                      host)
                    .guest);
}

const std::string kSystemGuest = "root = \"/srv/root\"\n";

TEST(SystemGuest, HasUsersOfItsOwnByDefault) {
    const auto outcome = guest(kSystemGuest);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const recipe::Context& context = outcome.context();
    EXPECT_EQ(context.users, recipe::Users::Private);
    EXPECT_EQ(context.ids.first, 1'000'000U);
    EXPECT_EQ(context.root.kind, recipe::RootKind::Directory);
    EXPECT_FALSE(context.root.read_only);
    EXPECT_EQ(context.filter, default_service_filter());
    EXPECT_EQ(context.init_filter, default_init_filter());
    EXPECT_EQ(context.namespaces,
              static_cast<std::uint64_t>(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                                         CLONE_NEWCGROUP | CLONE_NEWNET));
    EXPECT_FALSE(context.no_new_privileges);
    const auto plan = plan::Plan::open(outcome.guest->image);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->unit_count(), 0U);
    EXPECT_FALSE(plan->guest()->has_units);
    EXPECT_TRUE(plan->guest()->private_users);
}

TEST(SystemGuest, HoldsElevenCapabilitiesAndRawSocketsOnItsOwnNetwork) {
    const std::uint64_t eleven = capability_mask(
        {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
         CAP_SETPCAP, CAP_SETFCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT});
    EXPECT_EQ(guest(kSystemGuest).context().capabilities, eleven | capability_mask({CAP_NET_RAW}));
    EXPECT_EQ(guest(kSystemGuest + "network = \"host\"\n").context().capabilities, eleven);
    EXPECT_EQ(guest(kSystemGuest + "capabilities = [\"...\", \"!SETFCAP\", \"SYS_NICE\"]\n")
                  .context()
                  .capabilities,
              (eleven & ~capability_mask({CAP_SETFCAP})) |
                  capability_mask({CAP_NET_RAW, CAP_SYS_NICE}));
}

TEST(SystemGuest, WithTheHostsUsersRunsPid1UnderTheGuestsFilter) {
    const auto outcome = guest(kSystemGuest + "users = \"host\"\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_EQ(outcome.context().users, recipe::Users::Host);
    EXPECT_EQ(outcome.context().filter, default_service_filter());
    EXPECT_TRUE(outcome.context().init_filter.empty());
    EXPECT_EQ(outcome.context().init_capabilities, 0U);
}

TEST(SystemGuest, NeverHoldsSysAdminOverTheHost) {
    const auto outcome =
        guest(kSystemGuest + "users = \"host\"\ncapabilities = [\"...\", \"SYS_ADMIN\"]\n");
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("web.toml:3:24: error: SYS_ADMIN with the host's users"),
              std::string::npos)
        << outcome.messages;
    EXPECT_TRUE(guest(kSystemGuest + "capabilities = [\"...\", \"SYS_ADMIN\"]\n").guest);
}

TEST(SystemGuest, NamesACapabilityThatDoesNotExist) {
    const auto outcome = guest(kSystemGuest + "capabilities = [\"...\", \"NET_RWA\"]\n");
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("there is no capability 'NET_RWA'; did you mean 'NET_RAW'?"),
              std::string::npos)
        << outcome.messages;
    EXPECT_FALSE(guest(kSystemGuest + "capabilities = [\"7\"]\n").guest);
}

TEST(SystemGuest, KeepsTheMountRules) {
    const auto outcome = guest(kSystemGuest);
    ASSERT_TRUE(outcome.guest);
    EXPECT_EQ(outcome.mount("/proc")->kind, MountKind::Proc);
    EXPECT_TRUE(outcome.mount("/proc")->options.empty());
    EXPECT_EQ(outcome.mount("/sys")->kind, MountKind::Sysfs);
    EXPECT_EQ(outcome.mount("/sys/fs/cgroup")->attributes,
              kReadOnly | kNoSuid | kNoDevice | kNoExec);
    EXPECT_EQ(outcome.mount("/proc/sys")->kind, MountKind::ReadOnly);
    EXPECT_EQ(outcome.mount("/sys/firmware")->kind, MountKind::Mask);
    EXPECT_EQ(outcome.mount("/dev")->kind, MountKind::Tmpfs);
    EXPECT_EQ(outcome.mount("/dev/ptmx")->source, "pts/ptmx");
    EXPECT_EQ(outcome.mount("/etc/shadow"), nullptr);
    for (const recipe::Mount& mount : outcome.context().mounts) {
        EXPECT_FALSE(mount.origin.empty()) << mount.target;
        if (mount.kind != MountKind::Tmpfs) continue;
        EXPECT_TRUE(mount.options[0].starts_with("size=")) << mount.target;
        EXPECT_TRUE(mount.options[1].starts_with("nr_inodes=")) << mount.target;
        EXPECT_NE(mount.attributes & kNoSuid, 0U) << mount.target;
    }
}

TEST(SystemGuest, OnASharedNetworkSeesNoDevicesOfTheHost) {
    const auto outcome = guest(kSystemGuest + "network = \"host\"\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_EQ(outcome.mount("/sys")->kind, MountKind::Tmpfs);
    EXPECT_EQ(outcome.mount("/sys/devices/system/cpu")->kind, MountKind::Bind);
    EXPECT_TRUE(outcome.context().scope_abstract_sockets);
    EXPECT_FALSE(outcome.context().network.restrict_bind);
}

TEST(SystemGuest, RefusesRootsThatAreNone) {
    const auto expect = [](const std::string& root, const std::string& message) {
        Host host;
        host.add("/srv/link", "->root");
        host.add("/srv/file", "file");
        host.add("/srv/trap", "folder");
        host.add("/srv/trap/proc", "->/");
        host.add("/srv/trap/run", "folder");
        host.add("/srv/trap/tmp", "folder");
        const auto outcome = guest("root = \"" + root + "\"\n", host);
        EXPECT_FALSE(outcome.guest) << root;
        EXPECT_NE(outcome.messages.find(message), std::string::npos) << outcome.messages;
    };
    expect("/srv/missing", "web.toml:1:8: error: root '/srv/missing' does not exist");
    expect("/srv/link", "is a symbolic link");
    expect("/srv/file", "is no folder");
    expect("/srv/trap", "is no root: /proc is no real folder in it");
    expect("/srv/trap", "is no root: /dev is missing in it");
}

TEST(SystemGuest, OverTheHostsOwnTreeIsASnapshotWithoutSecrets) {
    const auto outcome = guest("root = \"host\"\nephemeral = true\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_EQ(outcome.context().root.kind, recipe::RootKind::EphemeralOverlay);
    EXPECT_EQ(outcome.context().root.path, "/");
    EXPECT_EQ(outcome.mount("/etc/shadow")->kind, MountKind::Mask);
    EXPECT_EQ(outcome.mount("/usr"), nullptr);
    ASSERT_FALSE(outcome.context().notices.empty());
    EXPECT_NE(outcome.context().notices[0].find("snapshot"), std::string::npos);
}

TEST(Binds, AreNosuidAndNodevAndNeverOverOurOwn) {
    const auto outcome = guest(kSystemGuest + "bind = [\"/srv/shop:/var/www:ro\"]\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const auto* mount = outcome.mount("/var/www");
    ASSERT_NE(mount, nullptr);
    EXPECT_EQ(mount->source, "/srv/shop");
    EXPECT_EQ(mount->attributes, kReadOnly | kNoSuid | kNoDevice);
    EXPECT_EQ(mount->origin, "web.toml:2");
    EXPECT_FALSE(mount->recursive);
    for (const char* target : {"/proc/sys", "/sys", "/dev/null", "/run/stead/control", "/run"})
        EXPECT_FALSE(guest(kSystemGuest + "bind = [\"/srv/shop:" + target + "\"]\n").guest)
            << target;
    const auto missing = guest(kSystemGuest + "bind = [\"/srv/nothing:/x\"]\n");
    EXPECT_NE(missing.messages.find("'/srv/nothing' does not exist on the host"),
              std::string::npos);
}

TEST(Levels, ThatAreNamedNeedTheirController) {
    Host host;
    host.facts.controllers = {"cpu"};
    const auto outcome =
        guest(kSystemGuest + "[limits]\nmemory-max = \"512M\"\ncpu-max = \"150%\"\n", host);
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("memory-max needs the cgroup v2 controller 'memory'"),
              std::string::npos)
        << outcome.messages;
    EXPECT_NE(outcome.messages.find("cgroup_no_v1=all"), std::string::npos);
    EXPECT_EQ(outcome.messages.find("cpu-max"), std::string::npos) << outcome.messages;
}

TEST(Levels, AreWrittenAsTheKernelReadsThem) {
    const auto outcome =
        guest(kSystemGuest + "[limits]\nmemory-max = \"512M\"\ncpu-max = \"150%\"\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const auto& levels = outcome.context().levels;
    ASSERT_EQ(levels.size(), 3U);
    const auto value = [&](const std::string& file) {
        for (const recipe::Level& level : levels)
            if (level.file == file) return level.value;
        return std::string();
    };
    EXPECT_EQ(value("memory.max"), "536870912");
    EXPECT_EQ(value("cpu.max"), "150000 100000");
    EXPECT_EQ(value("pids.max"), "4096");
}

TEST(Levels, OfADefaultAreOnlyANoticeWhereTheMachineHasNone) {
    Host host;
    host.facts.controllers = {};
    const auto outcome = guest(kSystemGuest, host);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_TRUE(outcome.context().levels.empty());
    ASSERT_EQ(outcome.context().notices.size(), 1U);
    EXPECT_NE(outcome.context().notices[0].find("pids.max = 4096 (default of profile system)"),
              std::string::npos);
    const auto plan = plan::Plan::open(outcome.guest->image);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->notices().size(), 1U);
}

TEST(Limits, ComeFromTheProfileAndTheFile) {
    const auto outcome = guest(kSystemGuest + "[limits]\nnofile = 8192\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    for (const recipe::Limit& limit : outcome.context().limits) {
        if (limit.name == "nofile") {
            EXPECT_EQ(limit.limit.hard, 8192U);
            EXPECT_EQ(limit.origin, "web.toml:3");
        }
        if (limit.name == "core") {
            EXPECT_EQ(limit.limit.hard, 0U);
            EXPECT_TRUE(limit.origin.empty());
        }
    }
}

TEST(Limits, ThatCannotBeRaisedAreAnErrorWhenNamedAndANoticeWhenDefault) {
    Host host;
    host.facts.may_raise_limits = false;
    host.facts.hard_limit = [](std::uint32_t) -> std::uint64_t { return 20'000; };
    const auto named = guest(kSystemGuest + "[limits]\nnofile = 30000\n", host);
    EXPECT_FALSE(named.guest);
    EXPECT_NE(named.messages.find("web.toml:3:10: error: nofile is above the hard limit of 20000"),
              std::string::npos)
        << named.messages;
    const auto quiet = guest(kSystemGuest, host);
    ASSERT_TRUE(quiet.guest) << quiet.messages;
    for (const recipe::Limit& limit : quiet.context().limits)
        EXPECT_LE(limit.limit.hard, 20'000U) << limit.name;
    EXPECT_FALSE(quiet.context().notices.empty());
}

TEST(Network, ListensOnBothFamiliesWithoutAnAddress) {
    const auto outcome = guest(
        kSystemGuest + "network = { mode = \"host\", listen = [\"tcp:80\", \"udp:[::1]:53\"] }\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const auto& listen = outcome.context().network.listen;
    ASSERT_EQ(listen.size(), 3U);
    EXPECT_FALSE(listen[0].v6);
    EXPECT_TRUE(listen[1].v6);
    EXPECT_EQ(listen[1].port, 80);
    EXPECT_EQ(listen[2].protocol, recipe::Listen::Protocol::Udp);
    EXPECT_EQ(listen[2].address[15], 1);
}

TEST(Network, ListenNeedsCgroup2) {
    Host bare;
    bare.facts.cgroup2 = false;
    const auto outcome =
        guest(kSystemGuest + "network = { mode = \"host\", listen = [\"tcp:80\"] }\n", bare);
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("needs a cgroup2 file system"), std::string::npos);
}

TEST(GuestCalls, AddedToTheListAreAllowedToPid1AsWell) {
    const auto outcome = guest(kSystemGuest + "system-calls = [\"...\", \"bpf\", \"!ptrace\"]\n");
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_NE(outcome.context().filter, default_service_filter());
    EXPECT_NE(outcome.context().init_filter, default_init_filter());
    const auto unknown = guest(kSystemGuest + "system-calls = [\"...\", \"moutn\"]\n");
    EXPECT_FALSE(unknown.guest);
    EXPECT_NE(unknown.messages.find("there is no system call or group 'moutn'; did you mean "
                                    "'mount'?"),
              std::string::npos)
        << unknown.messages;
}

TEST(GuestCalls, OfAGuestWithTheHostsUsersMustCarryPid1) {
    const auto outcome = guest(
        kSystemGuest + "users = \"host\"\nsystem-calls = [\"@basic-io\", \"@file-system\"]\n");
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("PID 1 of a guest with users = \"host\""), std::string::npos)
        << outcome.messages;
}

TEST(SystemGuest, SaysWhenNoIdRangeIsLeft) {
    Host host;
    host.facts.id_range = [](const std::string&) { return std::nullopt; };
    const auto outcome = guest(kSystemGuest, host);
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("no range of unused ids is left"), std::string::npos);
}

} // namespace
} // namespace stead::compile
