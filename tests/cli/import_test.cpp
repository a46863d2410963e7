#include <gtest/gtest.h>

#include "cli/command.h"

namespace stead::cli {

namespace {

constexpr const char* kService = "[Service]\nExecStart=/bin/a\nFrobnicate=1\n";

/// Names of the files in a folder, hidden ones too.
std::string files_in(const std::string& folder) {
    std::string names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names += entry.path().filename().string() + " ";
    return names;
}

TEST(ImportVerb, WritesFilesAndTellsWhatBecameOfThem) {
    const Machine machine;
    machine.write("in/a.service", kService);
    const std::string out = machine.root + "/out";
    const Outcome done = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(files_in(out), "a.toml ");
    EXPECT_NE(done.out.find("a.service: 1 exact, 0 approximated, 1 not mapped"), std::string::npos)
        << done.out;
    EXPECT_NE(done.out.find("not mapped   a.service:3: Frobnicate=1"), std::string::npos);
    EXPECT_NE(machine.read("out/a.toml").find("command = [\"/bin/a\"]"), std::string::npos);
}

TEST(ImportVerb, ReplacesNothingUnlessItIsForced) {
    const Machine machine;
    machine.write("in/a.service", kService);
    machine.write("in/b.service", kService);
    machine.write("out/b.toml", "mine");
    const std::string out = machine.root + "/out";
    const Outcome refused = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_EQ(refused.code, 2);
    EXPECT_EQ(files_in(out), "b.toml ");
    EXPECT_EQ(machine.read("out/b.toml"), "mine");
    EXPECT_NE(refused.err.find("--force"), std::string::npos);
    EXPECT_EQ(machine.run({"import", machine.root + "/in", "-o", out, "--force"}).code, 0);
    EXPECT_NE(machine.read("out/b.toml"), "mine");
}

TEST(ImportVerb, LeavesNothingBehindWhenAFileCannotBeWritten) {
    const Machine machine;
    machine.write("in/a.service", kService);
    machine.write("in/b.service", kService);
    // A folder in the place of the second file.
    std::filesystem::create_directories(machine.root + "/out/b.toml/x");
    const std::string out = machine.root + "/out";
    const Outcome failed = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_NE(failed.code, 0);
    EXPECT_EQ(files_in(out), "b.toml ");
    EXPECT_EQ(machine.run({"import", machine.root + "/in", "-o", out, "--force"}).code, 1);
    EXPECT_EQ(files_in(out), "b.toml ");
    EXPECT_NE(machine.run({"import", machine.root + "/in", "-o", "/dev/null/x"}).code, 0);
}

TEST(ImportVerb, PrintsTheFileWhereNoFolderIsNamed) {
    const Machine machine;
    machine.write("in/a.service", kService);
    const Outcome done = machine.run({"import", machine.root + "/in/a.service"});
    EXPECT_EQ(done.code, 0);
    EXPECT_EQ(done.out.find("# Imported from a.service."), 0U) << done.out;
    EXPECT_NE(done.err.find("1 not mapped"), std::string::npos);
}

TEST(ImportVerb, IsWrongWithoutAnythingToImport) {
    const Machine machine;
    EXPECT_EQ(machine.run({"import"}).code, 2);
    EXPECT_EQ(machine.run({"import", machine.root + "/nothing"}).code, 2);
    EXPECT_EQ(machine.run({"import", machine.root}).code, 2);
}

TEST(ImportVerb, SpeaksToProgramsToo) {
    const Machine machine;
    machine.write("in/a.service", kService);
    const Outcome done = machine.run({"import", "--json", machine.root + "/in/a.service"});
    EXPECT_EQ(done.code, 0);
    EXPECT_NE(done.out.find("\"not-mapped\""), std::string::npos);
    EXPECT_EQ(done.err, "");
}

/// Containers with something of everything that `stead check` judges by more than its notation.
constexpr const char* kNspawn =
    "[Exec]\nCapability=all\nDropCapability=CAP_MKNOD\nSystemCallFilter=@keyring fly_away bpf\n"
    "SystemCallFilter=~perf_event_open @nothing\nPrivateUsers=pick\nEnvironment=A=1\n"
    "LimitNOFILE=64:128\nOOMScoreAdjust=100\nHostname=web.example\n[Files]\nBind=/etc:/srv/etc\n"
    "TemporaryFileSystem=/tmp:size=16m\n[Network]\nZone=shop\nPort=tcp:8080:80\nPort=8080\n";
constexpr const char* kContainer =
    "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\nlxc.cap.drop = sys_time\n"
    "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.ipv4.address = 10.0.3.5/24\n"
    "lxc.net.0.ipv4.gateway = 10.0.3.1\nlxc.net.0.ipv6.gateway = auto\n"
    "lxc.mount.entry = /etc srv/etc none bind,ro 0 0\nlxc.mount.auto = proc sys cgroup\n"
    "lxc.prlimit.nofile = 64:128\nlxc.start.auto = 1\nlxc.hook.pre-start = /bin/true\n";

TEST(ImportVerb, MakesGuestFilesOfContainersThatPassTheCheck) {
    const Machine machine;
    for (const char* folder : {"proc", "dev", "run", "tmp", "etc", "srv/etc"})
        std::filesystem::create_directories(machine.root + "/root/" + folder);
    machine.write("root/etc/resolv.conf", "");
    const std::string root = machine.root + "/root";
    machine.write("in/boots.nspawn", kNspawn);
    machine.write("in/runs.nspawn", std::string("[Exec]\nBoot=no\nParameters=/bin/a b\n"
                                                "AmbientCapability=CAP_NET_BIND_SERVICE\n") +
                                        kNspawn);
    machine.write("in/system/config", "lxc.rootfs.path = dir:" + root + "\n" + kContainer);
    machine.write("in/program/config", "lxc.rootfs.path = " + root +
                                           "\nlxc.init.cmd = /bin/a b\nlxc.init.uid = 1000\n"
                                           "lxc.init.gid = 1000\n" +
                                           kContainer);
    const std::string out = machine.root + "/out";
    const Outcome done = machine.run({"import", machine.root + "/in", "-o", out});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_NE(done.out.find("there is no system call 'fly_away' here"), std::string::npos)
        << done.out;
    // systemd-nspawn's roots have one place, which this machine may not have.
    for (const char* name : {"boots", "runs"}) {
        const std::string file = std::string("out/") + name + ".toml";
        std::string text = machine.read(file);
        const std::string place = std::string("\"/var/lib/machines/") + name + "\"";
        ASSERT_NE(text.find(place), std::string::npos) << text;
        machine.write(file, text.replace(text.find(place), place.size(), "\"" + root + "\""));
    }
    const Outcome checked = machine.run({"check", out});
    EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
    EXPECT_NE(checked.out.find("4 files: no mistakes"), std::string::npos) << checked.out;
}

} // namespace

} // namespace stead::cli
