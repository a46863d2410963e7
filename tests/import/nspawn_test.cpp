#include "import/support.h"

namespace stead::importing::test {

namespace {

TEST(Nspawn, BootsAWholeSystemUnlessTheFileSaysNo) {
    const ImportedUnit guest = nspawn("[Exec]\nHostname=web.example\n");
    EXPECT_EQ(guest.kind, unitfile::Kind::Guest);
    EXPECT_EQ(value(guest, "root"), R"("/var/lib/machines/web")");
    EXPECT_EQ(value(guest, "hostname"), R"("web.example")");
    EXPECT_EQ(value(guest, "network.mode"), R"("private")");
    EXPECT_EQ(value(guest, "profile"), "");
    EXPECT_NE(guest.text.find("PID 1 is stead-init"), std::string::npos);
    EXPECT_EQ(mistakes(guest), "");
    EXPECT_EQ(mapping(nspawn("[Exec]\nBoot=yes\n"), "Boot"), Mapping::Approximated);
}

TEST(Nspawn, MakesAJailOfAProgram) {
    const ImportedUnit guest =
        nspawn("[Exec]\nBoot=no\nParameters=/bin/web -c 'a b' 5% ${X}\nEnvironment=A=1\n"
               "Environment=\"B=x y\"\nUser=1000\nWorkingDirectory=/srv\nKillSignal=SIGQUIT\n"
               "ProcessTwo=yes\nNoNewPrivileges=yes\n[Files]\nInaccessible=/etc/shadow\n",
               "web.one");
    EXPECT_EQ(value(guest, "profile"), R"("jail")");
    EXPECT_EQ(value(guest, "unit.web-one.command"), R"(["/bin/web", "-c", "a b", "5%%", "$${X}"])");
    EXPECT_EQ(value(guest, "unit.web-one.environment"), R"({ A = "1", B = "x y" })");
    EXPECT_EQ(value(guest, "unit.web-one.user"), R"("1000")");
    EXPECT_EQ(value(guest, "unit.web-one.stop.signal"), R"("QUIT")");
    EXPECT_EQ(value(guest, "unit.web-one.files.hidden"), R"(["-/etc/shadow"])");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 0U);
    EXPECT_EQ(mistakes(guest), "");
    const ImportedUnit shell = nspawn("[Exec]\nBoot=no\nUser=root\n");
    EXPECT_EQ(value(shell, "unit.web.command"), R"(["/bin/sh"])");
    EXPECT_EQ(mapping(shell, "User"), Mapping::NotMapped);
}

TEST(Nspawn, KeepsRightsAndLevels) {
    const ImportedUnit guest = nspawn(
        "[Exec]\nCapability=CAP_NET_ADMIN,CAP_SYS_PTRACE CAP_FLY\nDropCapability=CAP_CHOWN\n"
        "SystemCallFilter=@keyring bpf\nSystemCallFilter=~mount\nLimitNOFILE=1024:4096\n"
        "LimitCORE=infinity\nOOMScoreAdjust=-500\nCPUAffinity=0-1 3\nPrivateUsers=200000:65536\n");
    EXPECT_EQ(value(guest, "capabilities"), R"(["...", "NET_ADMIN", "SYS_PTRACE", "!CHOWN"])");
    EXPECT_EQ(value(guest, "system-calls"), R"(["...", "@keyring", "bpf", "!mount"])");
    EXPECT_EQ(value(guest, "limits.nofile"), R"("1024:4096")");
    EXPECT_EQ(value(guest, "limits.core"), R"("infinity")");
    EXPECT_EQ(value(guest, "limits.oom-score-adjust"), "-500");
    EXPECT_EQ(value(guest, "limits.cpuset-cpus"), R"("0-1,3")");
    EXPECT_EQ(value(guest, "users"), R"("200000:65536")");
    EXPECT_EQ(note(guest, "Capability"), "there is no capability 'CAP_FLY'");
    EXPECT_NE(note(guest, "PrivateUsers").find("shift back"), std::string::npos);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(Nspawn, NeverGivesSysAdminOverTheHostsIds) {
    const ImportedUnit guest = nspawn("[Exec]\nCapability=all\nPrivateUsers=no\n");
    EXPECT_EQ(value(guest, "users"), R"("host")");
    EXPECT_EQ(value(guest, "capabilities").find("SYS_ADMIN"), std::string::npos);
    EXPECT_EQ(mapping(guest, "Capability"), Mapping::Approximated);
    const ImportedUnit own = nspawn("[Exec]\nCapability=all\n");
    EXPECT_NE(value(own, "capabilities").find("SYS_ADMIN"), std::string::npos);
}

TEST(Nspawn, LeavesOutCallsThatNobodyHas) {
    Options options;
    options.is_call = [](std::string_view name) { return name == "mount"; };
    const Import import = import_nspawn(
        {"web", {"web.nspawn", "[Exec]\nSystemCallFilter=mount fly_away\n"}, false}, options);
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(value(import.units[0], "system-calls"), R"(["...", "mount"])");
    EXPECT_EQ(mapping(import.units[0], "SystemCallFilter"), Mapping::Approximated);
}

TEST(Nspawn, ShowsPathsOfTheHost) {
    const ImportedUnit guest =
        nspawn("[Files]\nBind=/srv/a\nBind=/srv/b:/b/:idmap\nBindReadOnly=/srv/c:/c\n"
               "Bind=/srv/d:/b\nBind=/dev/fuse\nBind=/srv/e:/proc/e\nBind=:/gone\nBind=+/x:/y\n"
               "Bind=/a\\:b:/c2\nBind=/srv/../f\nBind=/srv/g:/g:fast\nReadOnly=yes\n"
               "TemporaryFileSystem=/tmp:size=64m\nTemporaryFileSystem=/var/x\nOverlay=/a:/b:/c\n");
    EXPECT_EQ(value(guest, "bind"), R"(["/srv/a:/srv/a", "/srv/b:/b:idmap", "/srv/c:/c:ro"])");
    EXPECT_EQ(value(guest, "read-only"), "true");
    EXPECT_EQ(value(guest, "limits.tmp-size"), R"("64M")");
    EXPECT_EQ(value(guest, "limits.devices"), R"(["/dev/fuse"])");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 9U);
    EXPECT_EQ(mistakes(guest), "");
}

TEST(Nspawn, ForgetsWhatStandsAboveAnEmptyLine) {
    const ImportedUnit guest = nspawn("[Files]\nBind=/a\nBind=\nBind=/b\n[Exec]\nHostname=x\n"
                                      "Hostname=y\n");
    EXPECT_EQ(value(guest, "bind"), R"(["/b:/b"])");
    EXPECT_EQ(value(guest, "hostname"), R"("y")");
    EXPECT_EQ(guest.count(Mapping::Exact), 5U);
}

TEST(Nspawn, PutsMemoryOverAVolatileRoot) {
    EXPECT_EQ(value(nspawn("[Exec]\nEphemeral=yes\n"), "ephemeral"), "true");
    EXPECT_EQ(mapping(nspawn("[Files]\nVolatile=state\n"), "Volatile"), Mapping::Approximated);
    const ImportedUnit both = nspawn("[Files]\nReadOnly=yes\nVolatile=overlay\n");
    EXPECT_EQ(mistakes(both), "");
    EXPECT_EQ(mapping(both, "ReadOnly"), Mapping::NotMapped);
}

TEST(NspawnNetwork, IsTheTemplatesUnlessTheFileSpeaksOfIt) {
    const auto mode = [](const std::string& lines) {
        return value(nspawn("[Network]\n" + lines), "network.mode");
    };
    EXPECT_EQ(mode(""), R"("private")");
    EXPECT_EQ(mode("VirtualEthernet=no\n"), R"("host")");
    EXPECT_EQ(mode("Private=no\n"), R"("host")");
    EXPECT_EQ(mode("Private=yes\n"), R"("none")");
    EXPECT_EQ(mode("Interface=eth1\n"), R"("none")");
    EXPECT_EQ(mode("Bridge=br0\n"), R"("private")");
    EXPECT_EQ(mode("Private=no\nZone=shop\n"), R"("private")");
    EXPECT_EQ(mode("MACVLAN=eno1\n"), R"("private")");
    EXPECT_EQ(mode("Port=80\n"), R"("private")");
}

TEST(NspawnNetwork, HasPortsWhereItIsPrivate) {
    const ImportedUnit guest = nspawn("[Network]\nVirtualEthernet=yes\nPort=tcp:8080:80\n"
                                      "Port=udp:53\nPort=8080\nPort=0\nPort=80:x\n");
    EXPECT_EQ(value(guest, "network.ports"), R"(["8080:80", "udp:53:53"])");
    EXPECT_EQ(guest.count(Mapping::NotMapped), 3U);
    EXPECT_EQ(mistakes(guest), "");
    const ImportedUnit host = nspawn("[Network]\nPrivate=no\nPort=80\n[Exec]\nResolvConf=off\n");
    EXPECT_EQ(value(host, "network.ports"), "");
    EXPECT_EQ(host.count(Mapping::NotMapped), 2U);
    EXPECT_EQ(mistakes(host), "");
}

TEST(NspawnFile, MachineIdsAreWrittenWithoutDashes) {
    const auto id = [](const std::string& text) {
        return value(nspawn("[Exec]\nMachineID=" + text + "\n"), "machine-id");
    };
    EXPECT_EQ(id("8D1C2AB0-a3c9-4c5b-a2e1-c7a3b0c1d2e3"), R"("8d1c2ab0a3c94c5ba2e1c7a3b0c1d2e3")");
    EXPECT_EQ(id("8d1c"), "");
}

TEST(NspawnFile, BesideAnImageHasNoPrivileges) {
    const Import import = import_nspawn(
        {"web",
         {"/var/lib/machines/web.nspawn",
          "[Exec]\nCapability=CAP_SYS_ADMIN\nHostname=a\n[Files]\nBind=/etc\n[Network]\n"
          "Private=yes\nPort=22\n"},
         true},
        {});
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(value(import.units[0], "capabilities"), "");
    EXPECT_EQ(value(import.units[0], "bind"), "");
    EXPECT_EQ(value(import.units[0], "hostname"), R"("a")");
    EXPECT_EQ(import.units[0].count(Mapping::NotMapped), 3U);
}

TEST(NspawnFile, WithNonsenseSaysSo) {
    const ImportedUnit guest =
        nspawn("[Exec]\nBoot=perhaps\nFrob=1\nno line\nLimitFLY=1\nOOMScoreAdjust=5000\n"
               "CPUAffinity=x\nPrivateUsers=a:b\nHostname=-bad-\nKillSignal=SIGNONE\n"
               "[Nothing]\nA=b\n[Files]\nReadOnly=maybe\nVolatile=x\n[Network]\nPrivate=?\n");
    for (const char* name :
         {"Boot", "Frob", "LimitFLY", "OOMScoreAdjust", "CPUAffinity", "PrivateUsers", "Hostname",
          "KillSignal", "A", "ReadOnly", "Volatile", "Private"})
        EXPECT_EQ(mapping(guest, name), Mapping::NotMapped) << name;
    EXPECT_EQ(mistakes(guest), "");
    EXPECT_EQ(import_nspawn({"a b", {"a b.nspawn", ""}, false}, {}).skipped.size(), 1U);
}

} // namespace

} // namespace stead::importing::test
