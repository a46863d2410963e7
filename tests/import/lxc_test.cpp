#include "import/support.h"

namespace stead::importing::test {

namespace {

TEST(Lxc, ContainersBecomeGuests) {
    const ImportedUnit guest = lxc("lxc.uts.name = web.example\nlxc.start.auto = 1\n"
                                   "lxc.environment = A=\"b\"\nlxc.pty.max = 64\n"
                                   "lxc.arch = linux64\nlxc.signal.halt = SIGPWR\n");
    EXPECT_EQ(guest.kind, unitfile::Kind::Guest);
    EXPECT_EQ(value(guest, "root"), R"("/srv/web")");
    EXPECT_EQ(value(guest, "hostname"), R"("web.example")");
    EXPECT_EQ(value(guest, "enabled"), "true");
    EXPECT_EQ(value(guest, "limits.pty-max"), "64");
    EXPECT_EQ(value(guest, "users"), "");
    EXPECT_EQ(guest.count(Mapping::Exact), 7U);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(Lxc, RootsThatAreNoFoldersMustBeMountedFirst) {
    for (const char* path : {"/dev/vg/web", "loop:/srv/web.img", "overlay:/lower:/upper",
                             "nbd:web.qcow2", "/srv/web.raw"}) {
        Import import = import_lxc({lxc_config(std::string("lxc.rootfs.path = ") + path)}, {});
        ASSERT_EQ(import.units.size(), 1U) << path;
        EXPECT_EQ(value(import.units[0], "root"), R"("/var/lib/lxc/web/rootfs")");
        EXPECT_EQ(mapping(import.units[0], "lxc.rootfs.path"), Mapping::Approximated);
    }
    Import none = import_lxc({lxc_config("lxc.uts.name = a\n")}, {});
    ASSERT_EQ(none.units.size(), 1U);
    EXPECT_EQ(value(none.units[0], "root"), R"("host")");
    EXPECT_EQ(mistakes(none.units[0]), "");
}

TEST(Lxc, IdsAreOneRange) {
    const ImportedUnit guest = lxc("lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n");
    EXPECT_EQ(value(guest, "users"), R"("100000:65536")");
    EXPECT_EQ(mapping(guest, "lxc.idmap"), Mapping::Exact);
    EXPECT_NE(guest.text.find("shift them back"), std::string::npos);
    const ImportedUnit holes = lxc("lxc.idmap = u 0 100000 1000\nlxc.idmap = u 1000 1000 1\n"
                                   "lxc.idmap = g 0 100000 65536\nlxc.idmap = x 1\n");
    EXPECT_EQ(value(holes, "users"), R"("100000:1000")");
    EXPECT_EQ(holes.count(Mapping::Approximated), 2U);
    EXPECT_EQ(holes.count(Mapping::NotMapped), 1U);
    const ImportedUnit host = lxc("lxc.idmap = u 0 0 65536\n");
    EXPECT_EQ(value(host, "users"), "");
    EXPECT_EQ(mapping(host, "lxc.idmap"), Mapping::NotMapped);
}

TEST(Lxc, CapabilitiesAreTakenOrKept) {
    EXPECT_EQ(value(lxc("lxc.cap.drop = sys_time mac_admin\nlxc.cap.drop = fly\n"), "capabilities"),
              R"(["...", "!SYS_TIME", "!MAC_ADMIN"])");
    EXPECT_EQ(value(lxc("lxc.cap.drop = sys_time\nlxc.cap.drop =\n"), "capabilities"), "");
    EXPECT_EQ(value(lxc("lxc.cap.keep = chown kill\n"), "capabilities"), R"(["CHOWN", "KILL"])");
    EXPECT_EQ(value(lxc("lxc.cap.keep = none\n"), "capabilities"), "[]");
}

TEST(Lxc, EntriesOfTheMountTableBecomeBinds) {
    const ImportedUnit guest =
        lxc("lxc.mount.entry = /srv/a a none bind,create=dir 0 0\n"
            "lxc.mount.entry = /srv/my\\040b /srv/web/b none rbind,ro,noexec 0 0\n"
            "lxc.mount.entry = tmpfs tmp tmpfs size=10% 0 0\n"
            "lxc.mount.entry = proc proc proc defaults 0 0\n"
            "lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0\n"
            "lxc.mount.entry = /dev/fuse dev/fuse none bind,optional,create=file 0 0\n"
            "lxc.mount.entry = /no/such/place x none bind,optional 0 0\n"
            "lxc.mount.entry = /dev/sdb1 mnt ext4 defaults 0 0\n"
            "lxc.mount.entry = rel y none bind 0 0\nlxc.mount.entry = short\n"
            "lxc.mount.auto = proc:mixed sys:ro cgroup:mixed:force\n");
    EXPECT_EQ(value(guest, "bind"), R"(["/srv/a:/a:idmap", "/srv/my b:/b:ro,noexec,idmap"])");
    EXPECT_EQ(value(guest, "limits.tmp-size"), R"("10%")");
    EXPECT_EQ(value(guest, "limits.devices"), R"(["/dev/fuse"])");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 5U);
    EXPECT_EQ(mapping(guest, "lxc.mount.auto"), Mapping::Exact);
    EXPECT_EQ(mapping(lxc("lxc.mount.auto = proc:rw"), "lxc.mount.auto"), Mapping::Approximated);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(Lxc, LevelsGetTheNotationOfGuestFiles) {
    const ImportedUnit guest =
        lxc("lxc.cgroup2.memory.max = 536870912\nlxc.cgroup2.memory.high = 400M\n"
            "lxc.cgroup2.memory.swap.max = 0\nlxc.cgroup2.memory.oom.group = 1\n"
            "lxc.cgroup2.cpu.max = 50000 100000\nlxc.cgroup2.cpu.weight = 200\n"
            "lxc.cgroup2.cpuset.cpus = 0-1,3\nlxc.cgroup2.pids.max = max\n"
            "lxc.cgroup2.io.max = 8:0 rbps=1048576 wiops=100\nlxc.cgroup2.io.max = 8:16 wbps=max\n"
            "lxc.cgroup2.io.weight = default 50\nlxc.cgroup2.io.latency = 8:0 target=10000\n"
            "lxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup.cpuset.mems = 0\n"
            "lxc.cgroup2.memory.max = 1G\nlxc.cgroup2.pids.max = many\n"
            "lxc.cgroup2.fly.max = 1\nlxc.cgroup.blkio.weight = 500\n");
    EXPECT_EQ(value(guest, "limits.memory-max"), R"("1G")");
    EXPECT_EQ(value(guest, "limits.memory-high"), R"("400M")");
    EXPECT_EQ(value(guest, "limits.memory-swap-max"), R"("0")");
    EXPECT_EQ(value(guest, "limits.memory-oom-group"), "true");
    EXPECT_EQ(value(guest, "limits.cpu-max"), R"("50%")");
    EXPECT_EQ(value(guest, "limits.cpu-weight"), "200");
    EXPECT_EQ(value(guest, "limits.cpuset-cpus"), R"("0-1,3")");
    EXPECT_EQ(value(guest, "limits.pids-max"), R"("max")");
    EXPECT_EQ(value(guest, "limits.io-max"), R"(["8:0 rbps=1M wiops=100", "8:16 wbps=max"])");
    EXPECT_EQ(value(guest, "limits.io-weight"), "50");
    EXPECT_EQ(value(guest, "limits.io-latency"), R"(["8:0 10000us"])");
    EXPECT_EQ(value(guest, "limits.cpuset-mems"), R"("0")");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 3U);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(Lxc, LimitsOfProcessesAndOfTheKernel) {
    const ImportedUnit guest =
        lxc("lxc.prlimit.nofile = 1024:unlimited\nlxc.prlimit.core = 0\nlxc.prlimit.fly = 1\n"
            "lxc.prlimit.nproc = 9:5\nlxc.sysctl.kernel.shmmni = 100\n"
            "lxc.sysctl.net.ipv4.ip_forward = 1\nlxc.proc.oom_score_adj = 10\n"
            "lxc.proc.coredump_filter = 1\n");
    EXPECT_EQ(value(guest, "limits.nofile"), R"("1024:infinity")");
    EXPECT_EQ(value(guest, "limits.shmmni"), "100");
    EXPECT_EQ(value(guest, "limits.oom-score-adjust"), "10");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 4U);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(Lxc, DevicesAreThoseThatEveryGuestHasAndThoseNamed) {
    const ImportedUnit guest = lxc("lxc.cgroup2.devices.deny = a\n"
                                   "lxc.cgroup2.devices.allow = c 1:3 rwm\n"
                                   "lxc.cgroup2.devices.allow = c *:* m\n"
                                   "lxc.cgroup2.devices.allow = c 10:229 rwm\n"
                                   "lxc.cgroup2.devices.allow = c 10:200 r\n"
                                   "lxc.cgroup2.devices.allow = c 99:1 rwm\n"
                                   "lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file\n");
    EXPECT_EQ(value(guest, "limits.devices"), R"(["/dev/fuse", "/dev/net/tun r"])");
    EXPECT_EQ(guest.count(Mapping::Exact), 6U);
    EXPECT_EQ(guest.count(Mapping::Approximated), 1U);
    EXPECT_EQ(guest.count(Mapping::NotMapped), 1U);
}

TEST(Lxc, ProgramsBecomeJails) {
    const ImportedUnit guest =
        lxc("lxc.init.cmd = /usr/bin/web --port 80\nlxc.init.uid = 1000\nlxc.init.gid = 0\n"
            "lxc.init.cwd = /srv\nlxc.environment = A=1\nlxc.signal.halt = SIGTERM\n"
            "lxc.no_new_privs = 1\nlxc.idmap = u 0 100000 65536\n");
    EXPECT_EQ(value(guest, "profile"), R"("jail")");
    EXPECT_EQ(value(guest, "unit.web.command"), R"(["/usr/bin/web", "--port", "80"])");
    EXPECT_EQ(value(guest, "unit.web.user"), R"("1000")");
    EXPECT_EQ(value(guest, "unit.web.group"), "");
    EXPECT_EQ(value(guest, "unit.web.working-directory"), R"("/srv")");
    EXPECT_EQ(value(guest, "unit.web.stop.signal"), R"("TERM")");
    EXPECT_EQ(value(guest, "users"), "");
    EXPECT_EQ(mistakes(guest), "");
    EXPECT_EQ(value(lxc("lxc.init.cmd = /lib/systemd/systemd --x\n"), "profile"), "");
    // What cannot be started is no jail.
    const Import bad = import_lxc({lxc_config("lxc.init.cmd = ./web\n")}, {});
    EXPECT_TRUE(bad.units.empty());
    EXPECT_EQ(bad.skipped.size(), 1U);
}

TEST(LxcNetwork, OfABridgeNeedsAddresses) {
    const std::string veth = "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.flags = up\n";
    const ImportedUnit open = lxc(veth);
    EXPECT_EQ(value(open, "network.mode"), R"("private")");
    EXPECT_EQ(value(open, "network.link"), "");
    EXPECT_EQ(mapping(open, "lxc.net.0.link"), Mapping::Approximated);
    const ImportedUnit fixed = lxc(veth + "lxc.net.0.ipv4.address = 10.0.3.5/24 10.0.3.255\n"
                                          "lxc.net.0.ipv4.gateway = 10.0.3.1\n"
                                          "lxc.net.0.ipv6.address = fd00::5/64\n"
                                          "lxc.net.0.ipv6.gateway = fd01::1\n"
                                          "lxc.net.0.name = wan\nlxc.net.0.hwaddr = 00:16:3e\n"
                                          "lxc.net.1.type = veth\n");
    EXPECT_EQ(value(fixed, "network.link"), R"("bridge:br0")");
    EXPECT_EQ(value(fixed, "network.addresses"), R"(["10.0.3.5/24", "fd00::5/64"])");
    EXPECT_EQ(value(fixed, "network.gateway"), R"(["10.0.3.1"])");
    EXPECT_EQ(mapping(fixed, "lxc.net.0.ipv6.gateway"), Mapping::NotMapped);
    EXPECT_EQ(mapping(fixed, "lxc.net.0.name"), Mapping::Approximated);
    EXPECT_EQ(mapping(fixed, "lxc.net.1.type"), Mapping::NotMapped);
    EXPECT_EQ(mistakes(fixed), "");
}

TEST(LxcNetwork, HasTheKindsThatGuestsHave) {
    EXPECT_EQ(value(lxc(""), "network.mode"), "");
    EXPECT_EQ(value(lxc("lxc.net.0.type = none\n"), "network.mode"), R"("host")");
    EXPECT_EQ(value(lxc("lxc.net.0.type = empty\n"), "network.mode"), R"("none")");
    EXPECT_EQ(value(lxc("lxc.net.0.type = phys\nlxc.net.0.link = a\n"), "network.mode"), "");
    EXPECT_EQ(value(lxc("lxc.net.0.type = phys\nlxc.net.1.type = veth\n"), "network.mode"),
              R"("private")");
    const ImportedUnit wire =
        lxc("lxc.net.3.type = macvlan\nlxc.net.3.link = eno1\nlxc.net.3.macvlan.mode = bridge\n"
            "lxc.net.3.ipv4.address = 192.168.7.5/24\nlxc.net.3.ipv4.gateway = auto\n");
    EXPECT_EQ(value(wire, "network.link"), R"("macvlan:eno1")");
    EXPECT_EQ(value(wire, "network.peers"), R"(["*"])");
    EXPECT_EQ(mapping(wire, "lxc.net.3.ipv4.gateway"), Mapping::NotMapped);
    const ImportedUnit bad = lxc("lxc.net.0.type = veth\nlxc.net.0.link = br/0\n"
                                 "lxc.net.0.ipv4.address = 300.1.1.1/24\n"
                                 "lxc.net.0.ipv4.address = 10.0.0.0/24\nlxc.net.x.type = veth\n"
                                 "lxc.net.0.ipv4.gateway = nonsense\n");
    EXPECT_EQ(bad.count(Mapping::NotMapped), 5U);
    EXPECT_EQ(mistakes(bad), "");
}

TEST(Lxc, WhatHasNoCounterpartIsListed) {
    const ImportedUnit guest =
        lxc("lxc.apparmor.profile = generated\nlxc.selinux.context = a:b:c\n"
            "lxc.seccomp.profile = /etc/my.seccomp\nlxc.hook.mount = /bin/x\n"
            "lxc.namespace.keep = ipc\nlxc.time.offset.boot = 1h\nlxc.fly = 1\n"
            "lxc.utsname = old\nlxc.network.type = veth\nlxc.sched.core = 1\nno line\n");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 11U);
    for (const Item& item : guest.items)
        EXPECT_TRUE(item.mapping == Mapping::Exact || !item.note.empty()) << item.name;
    EXPECT_NE(note(guest, "lxc.utsname").find("lxc-update-config"), std::string::npos);
    EXPECT_EQ(mapping(lxc("lxc.apparmor.profile = unconfined\n"), "lxc.apparmor.profile"),
              Mapping::Exact);
}

TEST(Lxc, HooksOfTheHostAreKept) {
    const ImportedUnit guest =
        lxc("lxc.hook.pre-start = /bin/a 'b c'\nlxc.hook.pre-start = /bin/d\n"
            "lxc.hook.post-stop = /bin/e\nlxc.hook.start-host = rel\n");
    EXPECT_EQ(value(guest, "hooks.pre-start"), R"([["/bin/a", "b c"], ["/bin/d"]])");
    EXPECT_EQ(value(guest, "hooks.post-stop"), R"([["/bin/e"]])");
    EXPECT_EQ(mapping(guest, "lxc.hook.start-host"), Mapping::NotMapped);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(LxcSet, StartsInTheOrderOfItsNumbers) {
    const auto config = [](const char* name, const char* order) {
        return lxc_config(std::string("lxc.rootfs.path = /srv\nlxc.start.order = ") + order, name);
    };
    const Import import = import_lxc({config("c", "30"), config("a", "10"), config("b", "20")}, {});
    ASSERT_EQ(import.units.size(), 3U);
    EXPECT_EQ(value(import.units[0], "after"), R"(["a", "b"])");
    EXPECT_EQ(value(import.units[1], "after"), "");
    EXPECT_EQ(value(import.units[2], "after"), R"(["a"])");
}

TEST(LxcIncludes, AreReadBesideTheFile) {
    const Folder folder;
    const std::string path = folder.write(
        "lxc/web/config", "lxc.include = common.conf\nlxc.include = more\nlxc.include = gone\n"
                          "lxc.rootfs.path = /srv/web\nlxc.mount.fstab = fstab\n");
    folder.write("lxc/web/common.conf", "lxc.cap.drop = sys_time\nlxc.uts.name = common\n");
    folder.write("lxc/web/more/b.conf", "lxc.uts.name = b\n");
    folder.write("lxc/web/more/a.conf", "lxc.uts.name = a\nlxc.include = config\n");
    folder.write("lxc/web/more/ignored", "lxc.uts.name = ignored\n");
    folder.write("lxc/web/fstab", "# none\n/srv/a a none bind 0 0\n");
    const Import import = import_arguments({folder.path() + "/lxc"}, {});
    ASSERT_EQ(import.units.size(), 1U);
    const ImportedUnit& guest = import.units[0];
    EXPECT_EQ(guest.name, "web");
    EXPECT_EQ(value(guest, "hostname"), R"("b")");
    EXPECT_EQ(value(guest, "capabilities"), R"(["...", "!SYS_TIME"])");
    EXPECT_EQ(value(guest, "bind"), R"(["/srv/a:/a:idmap"])");
    EXPECT_GE(guest.count(Mapping::NotMapped), 1U);
    EXPECT_NE(guest.text.find("config:3: lxc.include=gone"), std::string::npos) << guest.text;
    EXPECT_EQ(mistakes(guest), "");
}

TEST(LxcIncludes, ShowNothingOfFilesThatAreNoConfigurations) {
    const Folder folder;
    const std::string path =
        folder.write("web/config", "lxc.rootfs.path = /srv/web\nlxc.include = secret\n"
                                   "lxc.mount.fstab = secret2\nlxc.include = empty\n");
    folder.write("web/secret", "root:$6$hash:1:2\n");
    folder.write("web/secret2", "root:$6$hash:1:2\n");
    folder.write("web/empty", "# nothing\n");
    const Import import = import_arguments({path}, {});
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(import.units[0].text.find("hash"), std::string::npos);
    EXPECT_EQ(import.units[0].count(Mapping::NotMapped), 2U);
}

TEST(LxcIncludes, ThatGoInCirclesEnd) {
    LxcConfig config = lxc_config("lxc.rootfs.path = /srv\nlxc.include = a\n");
    config.included["a"] = {{"a", "lxc.include = b\nlxc.include = b\nlxc.uts.name = x\n"}};
    config.included["b"] = {{"b", "lxc.include = a\n"}};
    Import import = import_lxc({config}, {});
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(import.units[0].count(Mapping::NotMapped), 2U);
    EXPECT_EQ(value(import.units[0], "hostname"), R"("x")");
    // Each file names the next one many times: the work stays bounded all the same.
    LxcConfig wide = lxc_config("lxc.rootfs.path = /srv\nlxc.include = f0\n");
    for (int i = 0; i < 14; ++i) {
        std::string text;
        for (int j = 0; j < 50; ++j)
            text += "lxc.include = f" + std::to_string(i + 1) + "\n";
        wide.included["f" + std::to_string(i)] = {{"f", text}};
    }
    wide.included["f14"] = {{"f14", "lxc.uts.name = deep\n"}};
    import = import_lxc({wide}, {});
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_LE(import.units[0].items.size(), kMaxDirectives + 1);
}

TEST(LxcFiles, OfProxmoxHaveColonsAndSnapshots) {
    Import import = import_lxc({lxc_config("lxc.rootfs.path: /srv/web\nlxc.uts.name: web\n"
                                           "lxc.net.0.type: veth\nmemory: 512\n"
                                           "[before]\nlxc.uts.name: old\n")},
                               {});
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(value(import.units[0], "hostname"), R"("web")");
    EXPECT_EQ(value(import.units[0], "network.mode"), R"("private")");
    EXPECT_EQ(mapping(import.units[0], "memory"), Mapping::NotMapped);
}

TEST(ContainerNames, AreLookedForWhereContainersAre) {
    const Folder folder;
    folder.write("etc/systemd/nspawn/web.nspawn", "[Exec]\nHostname=one\n");
    folder.write("var/lib/machines/db.nspawn", "[Exec]\nHostname=two\nCapability=all\n");
    folder.write("var/lib/lxc/mail/config", "lxc.rootfs.path = /srv/mail\n");
    Options options;
    options.root = folder.path();
    const Import import = import_arguments({"web", "db.nspawn", "mail"}, options);
    ASSERT_EQ(import.units.size(), 3U);
    EXPECT_EQ(value(import.units[0], "hostname"), R"("one")");
    EXPECT_EQ(value(import.units[1], "capabilities"), "");
    EXPECT_EQ(import.units[2].name, "mail");
    EXPECT_EQ(import_arguments({"nobody"}, options).skipped.size(), 1U);
}

TEST(ContainerFiles, WithOtherBytesAreRefused) {
    const Folder folder;
    const std::string binary = folder.write("a.nspawn", std::string("[Exec]\nHostname=\xff\xfe\n"));
    EXPECT_NE(import_arguments({binary}, {}).skipped.at(0).reason.find("UTF-8"), std::string::npos);
    const std::string nul = folder.write("b/config", std::string("lxc.uts.name = a\0b\n", 19));
    EXPECT_NE(import_arguments({nul}, {}).skipped.at(0).reason.find("NUL"), std::string::npos);
    const std::string large = folder.write("c.nspawn", std::string(kMaxSourceSize + 1, '#'));
    EXPECT_EQ(import_arguments({large}, {}).skipped.at(0).reason, "it is larger than 1 MiB");
    std::string binds = "lxc.rootfs.path = /srv\n";
    for (int i = 0; i < 4000; ++i)
        binds += "lxc.mount.entry = /srv/" + std::to_string(i) + " " + std::to_string(i) +
                 " none bind 0 0\n";
    EXPECT_EQ(import_lxc({lxc_config(binds)}, {}).units.size(), 1U);
    std::string many = "lxc.rootfs.path = /srv\n";
    for (int i = 0; i < 6000; ++i)
        many += "lxc.fly." + std::to_string(i) + " = " + std::string(100, 'x') + "\n";
    const Import import = import_lxc({lxc_config(many)}, {});
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_LE(import.units[0].items.size(), kMaxDirectives + 1);
    EXPECT_NE(import.units[0].text.find("the rest is left out"), std::string::npos);
}

} // namespace

} // namespace stead::importing::test
