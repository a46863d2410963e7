#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "import/distribution.h"

namespace stead::importing {
namespace {

/// A root that exists only here: files by path; a link is a text that begins with "->".
class FakeRoot {
public:
    FakeRoot& file(const std::string& path, const std::string& text) {
        files_[path] = text;
        return *this;
    }

    FakeRoot& service(const std::string& name, const std::string& more = "") {
        return file("/usr/lib/systemd/system/" + name, "[Unit]\nDescription=x\n" + more +
                                                           "\n[Service]\nExecStart=/bin/" + name +
                                                           "\n");
    }

    FakeRoot& wanted(const std::string& name, const std::string& target = "multi-user.target") {
        return file("/etc/systemd/system/" + target + ".wants/" + name,
                    "->/usr/lib/systemd/system/" + name);
    }

    [[nodiscard]] Distribution distribution() const { return import_distribution(view(), {}); }

private:
    [[nodiscard]] std::string real(std::string path) const {
        for (int step = 0; step < 8; ++step) {
            const auto found = files_.find(path);
            if (found == files_.end() || !found->second.starts_with("->")) return path;
            path = found->second.substr(2);
        }
        return path;
    }

    [[nodiscard]] RootView view() const {
        return {
            [this](const std::string& folder) {
                std::vector<std::string> names;
                for (const auto& [path, text] : files_) {
                    if (!path.starts_with(folder + "/")) continue;
                    const std::string rest = path.substr(folder.size() + 1);
                    const std::string name = rest.substr(0, rest.find('/'));
                    if (std::find(names.begin(), names.end(), name) == names.end())
                        names.push_back(name);
                }
                return names;
            },
            [this](const std::string& path) -> std::optional<std::string> {
                const auto found = files_.find(path);
                if (found == files_.end() || !found->second.starts_with("->")) return std::nullopt;
                return found->second.substr(2);
            },
            [this](const std::string& path) -> RootText {
                const auto found = files_.find(real(path));
                if (found == files_.end()) return {};
                return {found->second, {}};
            },
            [this](const std::string& path) {
                return std::any_of(files_.begin(), files_.end(), [&](const auto& one) {
                    return one.first == path || one.first.starts_with(path + "/");
                });
            },
        };
    }

    std::map<std::string, std::string> files_;
};

const Distribution::Unit* find(const Distribution& distribution, const std::string& name) {
    for (const auto& unit : distribution.units)
        if (unit.name == name) return &unit;
    return nullptr;
}

bool is_enabled(const Distribution& distribution, const std::string& name) {
    const auto* const unit = find(distribution, name);
    return unit != nullptr && unit->enabled;
}

TEST(Distribution, EnablesWhatTheDefaultTargetPullsInAndNothingElse) {
    const auto found = FakeRoot()
                           .service("web.service", "Wants=helper.service")
                           .service("helper.service")
                           .service("idle.service")
                           .wanted("web.service")
                           .distribution();
    EXPECT_TRUE(is_enabled(found, "web"));
    EXPECT_TRUE(is_enabled(found, "helper"));
    ASSERT_NE(find(found, "idle"), nullptr);
    EXPECT_FALSE(is_enabled(found, "idle"));
}

TEST(Distribution, AnInstallSectionAloneEnablesNothing) {
    const auto found =
        FakeRoot()
            .file("/usr/lib/systemd/system/web.service",
                  "[Service]\nExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n")
            .distribution();
    EXPECT_FALSE(is_enabled(found, "web"));
}

TEST(Distribution, EtcGoesBeforeLibAndDropInsLieOverBoth) {
    const auto found =
        FakeRoot()
            .service("web.service")
            .file("/etc/systemd/system/web.service", "[Service]\nExecStart=/bin/mine\nUser=one\n")
            .file("/usr/lib/systemd/system/web.service.d/a.conf", "[Service]\nUser=two\n")
            .wanted("web.service")
            .distribution();
    const auto* const web = find(found, "web");
    ASSERT_NE(web, nullptr);
    EXPECT_NE(web->text.find("/bin/mine"), std::string::npos) << web->text;
    EXPECT_NE(web->text.find("user = \"two\""), std::string::npos) << web->text;
    EXPECT_EQ(web->source, "/etc/systemd/system/web.service");
}

TEST(Distribution, AMaskedUnitIsGone) {
    const auto found = FakeRoot()
                           .service("web.service")
                           .wanted("web.service")
                           .file("/etc/systemd/system/web.service", "->/dev/null")
                           .file("/etc/init.d/web", "#!/bin/sh\n")
                           .file("/etc/rc2.d/S01web", "->../init.d/web")
                           .distribution();
    EXPECT_EQ(find(found, "web"), nullptr);
    EXPECT_TRUE(found.left_out.empty());
}

TEST(Distribution, ALinkBetweenNamesIsAnAlias) {
    const auto found =
        FakeRoot()
            .service("ssh.service")
            .file("/etc/systemd/system/sshd.service", "->/usr/lib/systemd/system/ssh.service")
            .wanted("ssh.service")
            .distribution();
    const auto* const ssh = find(found, "ssh");
    ASSERT_NE(ssh, nullptr);
    EXPECT_NE(ssh->text.find("alias = [\"sshd\"]"), std::string::npos) << ssh->text;
    EXPECT_EQ(find(found, "sshd"), nullptr);
}

TEST(Distribution, AnInstanceIsAUnitOfItsOwn) {
    const auto found = FakeRoot()
                           .service("tunnel@.service", "Documentation=man:%i")
                           .file("/etc/systemd/system/multi-user.target.wants/tunnel@home.service",
                                 "->/usr/lib/systemd/system/tunnel@.service")
                           .distribution();
    EXPECT_TRUE(is_enabled(found, "tunnel@home"));
    EXPECT_EQ(find(found, "tunnel@"), nullptr);
}

TEST(Distribution, ASocketOrTimerCountsOnlyWhereItIsPulledIn) {
    const std::string socket = "[Socket]\nListenStream=/run/web.sock\n";
    FakeRoot root;
    root.service("web.service").file("/usr/lib/systemd/system/web.socket", socket);
    EXPECT_EQ(find(root.distribution(), "web")->text.find("[socket."), std::string::npos);
    root.wanted("web.socket", "sockets.target");
    EXPECT_NE(find(root.distribution(), "web")->text.find("[socket."), std::string::npos);
}

TEST(Distribution, LeavesOutWhatBelongsToTheHostAndSaysWhy) {
    const auto found = FakeRoot()
                           .service("getty@.service")
                           .service("systemd-timesyncd.service")
                           .wanted("systemd-timesyncd.service", "sysinit.target")
                           .file("/etc/systemd/system/getty.target.wants/getty@tty1.service",
                                 "->/usr/lib/systemd/system/getty@.service")
                           .distribution();
    EXPECT_EQ(found.left_out.at("systemd-timesyncd.service"), "the clock is the host's");
    EXPECT_TRUE(found.units.empty());
    ASSERT_FALSE(notes_of(found, false).empty());
    EXPECT_EQ(notes_of(found, false).front().what, "systemd-timesyncd.service");
}

TEST(Distribution, AScriptRunsWhereNoUnitStandsForIt) {
    const std::string script = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: old\n"
                               "# Required-Start: $network other\n# Short-Description: Old 100%\n"
                               "### END INIT INFO\n";
    const auto found = FakeRoot()
                           .service("new.service")
                           .file("/etc/init.d/old", script)
                           .file("/etc/init.d/other", script)
                           .file("/etc/init.d/new", script)
                           .file("/etc/rc2.d/S01old", "->../init.d/old")
                           .file("/etc/rc2.d/S01new", "->../init.d/new")
                           .distribution();
    const auto* const old = find(found, "old");
    ASSERT_NE(old, nullptr);
    EXPECT_TRUE(old->enabled);
    EXPECT_NE(old->text.find("[\"/etc/init.d/old\", \"start\"]"), std::string::npos) << old->text;
    EXPECT_NE(old->text.find("after = [\"other\"]"), std::string::npos) << old->text;
    EXPECT_NE(old->text.find("Old 100%"), std::string::npos) << old->text;
    EXPECT_FALSE(is_enabled(found, "other"));
    EXPECT_FALSE(is_enabled(found, "new"));
}

TEST(Distribution, ADaemonOfAScriptIsStartedAgainAndASetUpIsNot) {
    const auto found = FakeRoot()
                           .file("/etc/init.d/daemon", "#!/bin/sh\nstart-stop-daemon --start\n")
                           .file("/etc/init.d/setup", "#!/bin/sh\nsetup-once\n")
                           .distribution();
    EXPECT_NE(find(found, "daemon")->text.find("policy = \"always\""), std::string::npos);
    EXPECT_NE(find(found, "setup")->text.find("policy = \"no\""), std::string::npos);
}

TEST(Distribution, TheRunlevelIsThatOfInittab) {
    const auto found = FakeRoot()
                           .file("/etc/inittab", "# id:2:initdefault:\nid:3:initdefault:\n")
                           .file("/etc/init.d/old", "#!/bin/sh\n")
                           .file("/etc/rc3.d/S01old", "->../init.d/old")
                           .distribution();
    EXPECT_TRUE(is_enabled(found, "old"));
}

TEST(Distribution, ClustersOfPostgresqlAreInstances) {
    const auto found =
        FakeRoot()
            .file("/usr/lib/systemd/system-generators/postgresql-generator", "#!/bin/sh\n")
            .file("/usr/lib/postgresql/15/bin/postgres", "x")
            .file("/etc/postgresql/15/main/postgresql.conf", "")
            .file("/etc/postgresql/15/main/start.conf", "# how\n auto\n")
            .file("/etc/postgresql/15/other/postgresql.conf", "")
            .file("/etc/postgresql/15/other/start.conf", "manual\n")
            .service("postgresql@.service")
            .service("postgresql.service")
            .wanted("postgresql.service")
            .distribution();
    EXPECT_TRUE(is_enabled(found, "postgresql@15-main"));
    EXPECT_EQ(find(found, "postgresql@15-other"), nullptr);
}

TEST(Distribution, AFolderRootMakesTheLinksThatItLacksBeforeAllElse) {
    FakeRoot root;
    root.file("/run/stead/distribution", "folder\n").file("/sbin/init", "x");
    root.service("web.service").wanted("web.service");
    const auto found = root.distribution();
    const auto* const commands = find(found, "commands");
    ASSERT_NE(commands, nullptr);
    EXPECT_NE(commands->text.find(" /usr/bin/systemctl "), std::string::npos) << commands->text;
    EXPECT_EQ(commands->text.find("/sbin/init"), std::string::npos) << commands->text;
    EXPECT_NE(find(found, "web")->text.find("after = [\"commands\"]"), std::string::npos)
        << find(found, "web")->text;
}

TEST(Distribution, AnImageOrAReadOnlyFolderGetsNoLinks) {
    EXPECT_EQ(find(FakeRoot().file("/run/stead/distribution", "").distribution(), "commands"),
              nullptr);
    EXPECT_EQ(find(FakeRoot().distribution(), "commands"), nullptr);
}

TEST(Distribution, DpkgIsToldOfCommandsThatStandForItsOwn) {
    const auto diversions = [](FakeRoot root) {
        return find(root.file("/usr/bin/dpkg-divert", "x").distribution(), "diversions") != nullptr;
    };
    const std::string known = "/usr/bin/systemctl\n/usr/bin/systemctl.distribution\n:\n";
    EXPECT_TRUE(diversions(FakeRoot().file("/usr/bin/systemctl", "->/run/stead/bin/stead")));
    EXPECT_TRUE(diversions(FakeRoot().file("/run/stead/distribution", "folder\n")));
    EXPECT_FALSE(diversions(FakeRoot().file("/usr/bin/systemctl", "x")));
    EXPECT_FALSE(diversions(FakeRoot()
                                .file("/run/stead/distribution", "folder\n")
                                .file("/var/lib/dpkg/diversions", known)));
}

/// A root with accounts of its own, and `lines` of sysusers.d.
std::string sysusers_unit(const std::string& lines) {
    FakeRoot root;
    root.file("/usr/bin/systemd-sysusers", "")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/false\n")
        .file("/etc/group", "root:x:0:\nweb:x:33:\ntty:x:5:web,root\n")
        .file("/usr/lib/sysusers.d/a.conf", lines);
    for (const auto& unit : root.distribution().units)
        if (unit.name == "sysusers") return unit.text;
    return "(none)";
}

TEST(Distribution, MakesAccountsOnlyWhereSomeAreMissing) {
    for (const char* there :
         {"", "# u none -\n\n", "u root 0 - /root /bin/bash\n", "g tty 5\nu! web -\n",
          "  m web tty \n", "m root root\n", "r - 500-900\n", "u\tweb\t33:5"})
        EXPECT_EQ(sysusers_unit(there).find("command"), std::string::npos) << there;
    for (const char* missing :
         {"u db -\n", "g db -\n", "u root -\nu db -", "m web root\n", "m db tty\n", "u %i -\n",
          "u \"root\" -\n", "x root -\n", "m web %g\n"})
        EXPECT_NE(sysusers_unit(missing).find("command = \"systemd-sysusers\""), std::string::npos)
            << missing;
}

TEST(Distribution, ReadsWhoHidesWhomOfSysusers) {
    FakeRoot root;
    root.file("/usr/bin/systemd-sysusers", "").file("/etc/group", "root:x:0:\n");
    root.file("/usr/lib/sysusers.d/a.conf", "u db -\n").file("/etc/sysusers.d/a.conf", "");
    const auto asks = [&] {
        for (const auto& unit : root.distribution().units)
            if (unit.name == "sysusers") return unit.text.find("command") != std::string::npos;
        return false;
    };
    EXPECT_TRUE(asks()) << "without an /etc/passwd nothing is known";
    root.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    EXPECT_FALSE(asks()) << "hidden by a file of /etc";
    root.file("/usr/lib/sysusers.d/README", "u db -\n");
    EXPECT_FALSE(asks()) << "no .conf";
    root.file("/run/sysusers.d/b.conf", "u db -\n");
    EXPECT_TRUE(asks());
}

TEST(Distribution, LinksThatLeadInCirclesEnd) {
    const auto found = FakeRoot()
                           .file("/etc/systemd/system/a.service", "->b.service")
                           .file("/etc/systemd/system/b.service", "->a.service")
                           .wanted("a.service")
                           .distribution();
    EXPECT_TRUE(found.units.empty());
}

TEST(Distribution, WhatPackagesSayNothingAboutIsStartedAgain) {
    const auto found = FakeRoot().service("web.service").wanted("web.service").distribution();
    EXPECT_EQ(find(found, "web")->text.find("policy"), std::string::npos);
}

} // namespace
} // namespace stead::importing
