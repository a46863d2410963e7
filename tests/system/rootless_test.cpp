#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>

#include "system/harness.h"

/// Guests of an ordinary user: nobody here is root, and no program is set-uid but newuidmap(1).
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

/// Debian's `daemon`, an account that every system has and that owns nothing.
constexpr uid_t kUser = 1;

class Rootless : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        // Root has made a place that the user can reach, with the program and a home.
        ::chmod(host_.folder().c_str(), 0755);
        program_ = host_.folder() + "/stead";
        fs::copy_file(host_.command({}).front(), program_);
        ::chmod(program_.c_str(), 0755);
        home_ = host_.folder() + "/home";
        fs::create_directory(home_);
        ASSERT_EQ(::chown(home_.c_str(), kUser, kUser), 0);
        const Outcome probe = as_user({"unshare", "--user", "--map-root-user", "true"});
        if (probe.code != 0)
            GTEST_SKIP() << "needs user namespaces of ordinary users: " << probe.err;
    }

    [[nodiscard]] Words words_of(const Words& words) const {
        Words all{"env",     "-i",        "HOME=" + home_, "PATH=/usr/bin:/bin",
                  "setpriv", "--reuid=1", "--regid=1",     "--clear-groups"};
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }

    [[nodiscard]] Outcome as_user(const Words& words) const { return run_program(words_of(words)); }

    [[nodiscard]] Words command(Words words) const {
        words.insert(words.begin(), program_);
        return words_of(words);
    }

    [[nodiscard]] Outcome stead(const Words& words) const { return run_program(command(words)); }

    /// With 65536 ids from 700000 on. The host's own files stay what they are: this command sees
    /// others in their place. Exit code 77: there are none.
    [[nodiscard]] Outcome with_range(const Words& words) const {
        const std::string ranges = host_.write("ranges", "daemon:700000:65536\n");
        ::chmod(ranges.c_str(), 0644);
        Words all{"unshare",
                  "--mount",
                  "sh",
                  "-c",
                  "for f in /etc/subuid /etc/subgid; do [ -e $f ] || exit 77; mount --bind '" +
                      ranges + "' $f || exit 78; done; exec \"$@\"",
                  "sh"};
        all.insert(all.end(), words.begin(), words.end());
        return run_program(all);
    }

    /// A root folder with busybox, which belongs to the user as a whole.
    [[nodiscard]] std::string make_root(const std::string& unit) const {
        const std::string root = home_ + "/root";
        for (const char* folder :
             {"bin", "proc", "dev", "sys", "run", "tmp", "root", "var", "etc/stead/units"})
            fs::create_directories(root + "/" + folder);
        fs::copy_file("/bin/busybox", root + "/bin/busybox");
        for (const char* name : {"sh", "id", "sleep", "cat", "touch", "stat", "chown"})
            fs::create_symlink("busybox", root + "/bin/" + name);
        write_text(root + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n");
        write_text(root + "/etc/group", "root:x:0:\ntty:x:5:\nwww:x:33:\n");
        write_text(root + "/etc/stead/units/app.toml", unit);
        for (const auto& entry : fs::recursive_directory_iterator(root))
            EXPECT_EQ(::lchown(entry.path().c_str(), kUser, kUser), 0);
        EXPECT_EQ(::chown(root.c_str(), kUser, kUser), 0);
        return root;
    }

    [[nodiscard]] std::string guest_file(const std::string& text,
                                         const std::string& name = "web") const {
        const std::string path = home_ + "/" + name + ".toml";
        write_text(path, text);
        return path;
    }

    /// What the user's guests have left; empty if nothing.
    [[nodiscard]] std::string remains() const {
        std::string left;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            struct stat status {};

            if (::stat(entry.path().c_str(), &status) != 0 || status.st_uid != kUser) continue;
            // What has ended and waits for the machine's init is nobody's.
            if (!read_text(entry.path() / "cmdline").empty())
                left += entry.path().string() + " " + read_text(entry.path() / "comm");
        }
        std::error_code none;
        for (const auto& entry :
             fs::directory_iterator(home_ + "/.local/state/stead/run/guests", none))
            left += entry.path().string() + " ";
        return left + host_.remains();
    }

    Host host_;
    std::string program_;
    std::string home_;
};

/// A cgroup that root has delegated to the user; gone with the object.
class Delegated {
public:
    Delegated() {
        for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
            if (::access((std::string(mount) + "/cgroup.procs").c_str(), F_OK) != 0) continue;
            path_ = mount + std::string("/stead-test-") + std::to_string(::getpid());
            made_ = ::mkdir(path_.c_str(), 0755) == 0;
            break;
        }
        if (!made_) return;
        for (const char* file : {"", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"})
            made_ = made_ && ::chown((path_ + file).c_str(), kUser, kUser) == 0;
        // As systemd does; where it does not run nobody asks.
        (void)::setxattr(path_.c_str(), "user.delegate", "1", 1, 0);
    }

    Delegated(const Delegated&) = delete;
    Delegated& operator=(const Delegated&) = delete;
    Delegated(Delegated&&) = delete;
    Delegated& operator=(Delegated&&) = delete;

    ~Delegated() {
        (void)::rmdir((path_ + "/keeper").c_str());
        (void)::rmdir(path_.c_str());
    }

    [[nodiscard]] bool made() const { return made_; }

    /// `words`, moved there first; with `company` a process that stays sits there, too.
    [[nodiscard]] Words in_it(const Words& words, bool company) const {
        Words all{"sh", "-c",
                  "echo $$ >" + path_ + "/cgroup.procs; " +
                      (company ? "\"$@\"; exit $?" : "exec \"$@\""),
                  "sh"};
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }

    /// The cgroups below it, but the leaf of keepers.
    [[nodiscard]] std::string below() const {
        std::string names;
        for (const auto& entry : fs::directory_iterator(path_))
            if (entry.is_directory() && entry.path().filename() != "keeper")
                names += entry.path().filename().string() + " ";
        return names;
    }

private:
    std::string path_;
    bool made_ = false;
};

TEST_F(Rootless, InADelegatedCgroupHasOneOfItsOwn) {
    const Delegated cgroup;
    if (!cgroup.made()) GTEST_SKIP() << "needs a writable cgroup2 mount";
    const Words jail = command({"jail", "--", "sh", "-c", "grep ^0: /proc/self/cgroup"});
    const Outcome outcome = run_program(cgroup.in_it(jail, false));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "0::/units/main\n");
    EXPECT_EQ(cgroup.below(), "");
    EXPECT_EQ(remains(), "");
}

// cgroups(7): processes may sit in leaves only, and another's process is not moved.
TEST_F(Rootless, InADelegatedCgroupWithCompanyHasNoneAndSaysSo) {
    const Delegated cgroup;
    if (!cgroup.made()) GTEST_SKIP() << "needs a writable cgroup2 mount";
    const Words jail = command({"jail", "--", "true"});
    EXPECT_EQ(run_program(cgroup.in_it(jail, true)).code, 0);
    const Words limited = command({"jail", "-o", "limits.pids-max=20", "--", "true"});
    const Outcome outcome = run_program(cgroup.in_it(limited, true));
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find("systemd-run --user --scope"), std::string::npos) << outcome.err;
    EXPECT_EQ(cgroup.below(), "");
}

TEST_F(Rootless, JailRunsAsItsUserWithoutAnyCapability) {
    const Outcome outcome =
        stead({"jail", "--", "sh", "-c", "id -u; cat /proc/self/uid_map; cat /proc/self/status"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out.substr(0, 2), "0\n");
    EXPECT_NE(outcome.out.find("         0          1          1\n"), std::string::npos)
        << outcome.out;
    for (const char* line : {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
                             "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
        EXPECT_NE(outcome.out.find(line), std::string::npos) << outcome.out;
    EXPECT_EQ(remains(), "");
}

TEST_F(Rootless, JailReturnsTheProgramsExitCodeAndItsOutput) {
    EXPECT_EQ(stead({"jail", "--", "sh", "-c", "exit 41"}).code, 41);
    EXPECT_EQ(stead({"jail", "--", "sh", "-c", "kill -9 $$"}).code, 128 + 9);
    EXPECT_EQ(stead({"jail", "--", "/no/such/program"}).code, 127);
    EXPECT_EQ(stead({"jail", "--", "sh", "-c",
                     "echo x >/dev/null && echo $(head -c 3 /dev/zero | wc -c)"})
                  .out,
              "3\n");
    EXPECT_EQ(remains(), "");
}

TEST_F(Rootless, JailSeesTheUsersFilesThatAreBoundAndNoOtherUsers) {
    write_text(home_ + "/mine", "mine");
    ASSERT_EQ(::chown((home_ + "/mine").c_str(), kUser, kUser), 0);
    ASSERT_EQ(::chmod((home_ + "/mine").c_str(), 0600), 0);
    const std::string secret = host_.write("secret", "secret");
    ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
    const Outcome mine = stead({"jail", "--bind", home_ + "/mine:/srv/mine:ro", "--", "sh", "-c",
                                "cat /srv/mine; echo more >>/srv/mine; ls /home"});
    EXPECT_EQ(mine.out, "mine") << mine.err;
    EXPECT_EQ(read_text(home_ + "/mine"), "mine");
    const Outcome theirs =
        stead({"jail", "--bind", secret + ":/srv/secret", "--", "cat", "/srv/secret"});
    EXPECT_NE(theirs.code, 0);
    EXPECT_EQ(theirs.out, "");
    EXPECT_EQ(read_text(secret), "secret");
    EXPECT_EQ(remains(), "");
}

TEST_F(Rootless, JailCannotUndoWhatHoldsIt) {
    const Outcome outcome =
        stead({"jail", "--", "sh", "-c",
               "umount /proc/sys && echo umounted; mount -o remount,rw /usr && echo remounted; "
               "unshare -Ur true && echo unshared; touch /usr/x && echo wrote; cat /etc/shadow; "
               "hostname other && echo renamed; exit 0"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    for (const char* word : {"umounted", "remounted", "unshared", "wrote", "renamed"})
        EXPECT_EQ(outcome.out.find(word), std::string::npos) << outcome.out << outcome.err;
}

TEST_F(Rootless, RefusesWhatOnlyRootCanGive) {
    const std::pair<Words, const char*> wrong[] = {
        {{"jail", "--memory-max", "10M", "--", "true"}, "memory-max"},
        {{"jail", "--user", "www-data", "--", "true"}, "only root gives a jail another user"},
        {{"jail", "--network", "host", "--listen", "tcp:127.0.0.1:80", "--", "true"},
         "only root can make"},
        {{"run", guest_file("root = \"host\"\nephemeral = true\n")}, "lets only root"},
        {{"run", guest_file("root = \"/usr\"\nusers = \"host\"\n", "other")},
         "only root gives a guest"}};
    for (const auto& [words, message] : wrong) {
        const Outcome outcome = stead(words);
        EXPECT_EQ(outcome.code, 2) << outcome.err;
        EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
    }
    EXPECT_EQ(remains(), "");
}

TEST_F(Rootless, GuestOnAFolderOfTheUsersIsSupervisedLikeRoots) {
    const std::string root =
        make_root("command = [\"/bin/sh\", \"-c\", \"echo started; exec sleep 1000\"]\n");
    const std::string file = guest_file("root = \"" + root + "\"\n");
    Background run(command({"run", file}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] {
        return stead({"wait", "--up", "web"}).code == 0 ||
               stead({"status", "--ready", "web"}).code == 0;
    })) << run.output();
    EXPECT_NE(stead({"list"}).out.find("web"), std::string::npos);
    EXPECT_EQ(stead({"exec", "web", "--", "id", "-u"}).out, "0\n");
    // What is made inside is the user's outside.
    EXPECT_EQ(stead({"exec", "web", "--", "touch", "/etc/made"}).code, 0);

    struct stat made {};

    ASSERT_EQ(::stat((root + "/etc/made").c_str(), &made), 0);
    EXPECT_EQ(made.st_uid, kUser);
    EXPECT_NE(stead({"logs", "web"}).out.find("started"), std::string::npos);
    EXPECT_EQ(stead({"stop", "web"}).code, 0);
    EXPECT_EQ(run.wait(), 0) << run.output();
    EXPECT_TRUE(eventually([&] { return remains().empty(); })) << remains();
}

TEST_F(Rootless, CommandOfTheSameUserClearsNothingThatRuns) {
    const std::string root = make_root("command = [\"/bin/sleep\", \"1000\"]\n");
    Background run(command({"run", guest_file("root = \"" + root + "\"\n")}),
                   host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] {
        return stead({"status", "--ready", "web"}).code == 0;
    })) << run.output();
    // Without its keeper nobody holds the guest's lock: only the kernel knows that it runs.
    run.signal(SIGKILL);
    run.wait();
    // Another launcher lives in another user namespace.
    EXPECT_EQ(stead({"jail", "--", "true"}).code, 0);
    EXPECT_EQ(stead({"status", "--ready", "web"}).code, 0);
    EXPECT_EQ(stead({"exec", "web", "--", "id", "-u"}).out, "0\n");
    EXPECT_EQ(stead({"stop", "web"}).code, 0);
    EXPECT_EQ(stead({"jail", "--", "true"}).code, 0);
    EXPECT_TRUE(eventually([&] { return remains().empty(); })) << remains();
}

TEST_F(Rootless, UnitOfAnotherUserNeedsAnIdForIt) {
    const std::string root = make_root("command = [\"/bin/sleep\", \"1000\"]\nuser = \"www\"\n");
    const Outcome outcome = stead({"run", guest_file("root = \"" + root + "\"\n")});
    EXPECT_NE(outcome.code, 0);
    EXPECT_NE(outcome.err.find("outside the guest's range of 1 ids"), std::string::npos)
        << outcome.err;
    EXPECT_EQ(remains(), "");
}

TEST_F(Rootless, MemoryAboveAFolderOfTheUsersTakesTheChanges) {
    const std::string root = make_root("command = [\"/bin/sh\", \"-c\", \"touch /etc/made; rm -rf "
                                       "/var; mkdir /var; stat /etc/made\"]\n"
                                       "type = \"oneshot\"\nessential = true\n");
    fs::create_symlink("busybox", root + "/bin/rm");
    fs::create_symlink("busybox", root + "/bin/mkdir");
    const Outcome outcome =
        stead({"run", guest_file("root = \"" + root + "\"\nephemeral = true\n")});
    if (outcome.err.find("before Linux 6.6") != std::string::npos)
        GTEST_SKIP() << "needs tmpfs with user attributes (Linux 6.6)";
    EXPECT_EQ(outcome.code, 0) << outcome.err << outcome.out;
    EXPECT_FALSE(fs::exists(root + "/etc/made"));
    EXPECT_TRUE(fs::exists(root + "/var"));
}

TEST_F(Rootless, SubordinateIdsMakeTheOtherUsersOfAGuest) {
    if (::access("/usr/bin/newuidmap", X_OK) != 0) GTEST_SKIP() << "needs newuidmap (uidmap)";
    const std::string root = make_root("command = [\"/bin/sh\", \"-c\", \"id -u; touch /tmp/mine; "
                                       "stat -c %%u /tmp/mine; cat /proc/self/uid_map\"]\n"
                                       "user = \"www\"\ntype = \"oneshot\"\nessential = true\n");
    const Outcome outcome = with_range(command({"run", guest_file("root = \"" + root + "\"\n")}));
    if (outcome.code == 77) GTEST_SKIP() << "needs /etc/subuid and /etc/subgid";
    EXPECT_EQ(outcome.code, 0) << outcome.err << outcome.out;
    EXPECT_NE(outcome.out.find("33\n"), std::string::npos) << outcome.out << outcome.err;
    EXPECT_NE(outcome.out.find("700000      65536"), std::string::npos) << outcome.out;
}

TEST_F(Rootless, GuestsOnImagesKeepWhatTheyChange) {
    if (::access("/usr/bin/newuidmap", X_OK) != 0) GTEST_SKIP() << "needs newuidmap (uidmap)";
    const std::string root = make_root("command = [\"sleep\", \"1000\"]\n");
    fs::create_directories(root + "/srv/data");
    write_text(root + "/srv/data/seed", "seed\n");
    // One of a subordinate id, which is 33 inside.
    ASSERT_EQ(::chown((root + "/srv/data").c_str(), 700032, 700032), 0);
    ASSERT_EQ(::chown((root + "/srv/data/seed").c_str(), kUser, kUser), 0);
    const std::string script = R"(
        set -e
        look() { $S start $1 >&2; $S exec $1 -- sh -c \
            'cat /srv/data/*; [ ! -e /root/mine ] || cat /root/mine; stat -c %u /root'; $S stop $1 >&2; }
        $S image import $R --name base >&2
        $S image check base
        $S image export base - | tar -tv --numeric-owner | grep srv/data | tr -s ' ' | cut -d' ' -f 2,6
        $S create v image=base 'volumes=["/srv/data"]' >&2
        $S start v >&2
        $S exec v -- sh -c 'echo new > /srv/data/new; echo mine > /root/mine; chown 33 /root'
        $S diff v
        $S stop v >&2
        $S snapshot v one
        $S reset v --yes
        echo reset; look v
        $S restore v one
        echo restored; look v
        $S clone v w >&2
        echo cloned; look w
        $S image delete base && exit 1
        $S delete v w --yes >&2
        $S image delete base
        ls -A $HOME/.local/state/stead/guests $HOME/.local/state/stead/images
    )";
    const Outcome outcome =
        with_range(words_of({"env", "S=" + program_, "R=" + root, "sh", "-c", script}));
    if (outcome.code == 77) GTEST_SKIP() << "needs /etc/subuid and /etc/subgid";
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const std::string state = home_ + "/.local/state/stead/";
    EXPECT_EQ(outcome.out, "base: 26 files, all whole\n33/33 ./srv/data/\n0/0 ./srv/data/seed\n"
                           "changed /root\nadded   /root/mine\n"
                           "reset\nnew\nseed\n0\n"
                           "restored\nnew\nseed\nmine\n33\n"
                           "cloned\nnew\nseed\nmine\n33\n" +
                               state + "guests:\n\n" + state + "images:\n.lock\n")
        << outcome.err;
    EXPECT_EQ(remains(), "");
}

} // namespace
} // namespace stead::system_test
