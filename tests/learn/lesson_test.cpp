#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include <gtest/gtest.h>

#include "compile/calls.h"
#include "learn/lesson.h"

namespace stead::learn {
namespace {

using Words = std::vector<std::string>;

Words texts(const std::vector<Reasoned>& list) {
    Words words;
    for (const Reasoned& item : list)
        words.push_back(item.text);
    return words;
}

/// A run on a host that has just these paths.
class Watched {
public:
    explicit Watched(std::set<std::string> on_host, const std::string& root = {}, Words bound = {})
        : host_(std::move(on_host))
        , lesson_({{},
                   compile::jail_policy(0),
                   root,
                   std::move(bound),
                   [this, root](const std::string& path) { return host_.contains(root + path); },
                   [](const std::string& path) { return path.find(':') == std::string::npos; }}) {}

    Watched& file(Want want,
                  const std::string& path,
                  bool existed = true,
                  mode_t mode = S_IFREG | 0644,
                  const std::string& written = {}) {
        Seen seen;
        seen.call = "openat";
        seen.program = "web";
        seen.want = want;
        seen.who.capabilities = 1ULL << CAP_DAC_OVERRIDE;
        seen.who.file_uid = 1000;
        Place place;
        place.path = path;
        place.written = written.empty() ? path : written;
        if (existed) place.object = Object{mode, 0, 0};
        for (const char c : path)
            if (c == '/') place.way.push_back({S_IFDIR | 0755, 0, 0});
        seen.places.push_back(place);
        lesson_.seen(seen);
        return *this;
    }

    Watched& read(const std::string& path, const std::string& written = {}) {
        return file(Want::Read, path, true, S_IFREG | 0644, written);
    }

    Watched& make(const std::string& path) { return file(Want::Write, path, false); }

    Watched& list(const std::string& path) { return file(Want::Read, path, true, S_IFDIR | 0755); }

    Watched& address(std::string_view call,
                     const std::string& text,
                     std::uint16_t port,
                     int type = SOCK_STREAM) {
        Seen seen;
        seen.call = call;
        seen.program = "web";
        seen.socket_type = type;
        seen.address = Address{AF_INET, text, port, text.starts_with("127."), text == "0.0.0.0"};
        lesson_.seen(seen);
        return *this;
    }

    Watched& called(std::string_view name, std::int64_t result) {
        lesson_.called(*compile::find_call(name), result, "web");
        return *this;
    }

    [[nodiscard]] Learned learned() const { return lesson_.finish(); }

    [[nodiscard]] Words binds() const { return texts(learned().binds); }

private:
    std::set<std::string> host_;
    Lesson lesson_;
};

TEST(Lesson, LeavesOutWhatABindCannotName) {
    Watched watched({"/srv", "/srv/a:b", "/srv/a:b/f", "/srv/plain", "/srv/plain/f"});
    watched.read("/srv/a:b/f").read("/srv/plain/f");
    const Learned learned = watched.learned();
    EXPECT_EQ(texts(learned.binds), (Words{"/srv/plain/f:/srv/plain/f:ro"}));
    ASSERT_EQ(learned.notes.size(), 1U);
    EXPECT_NE(learned.notes.front().find("cannot stand in a bind"), std::string::npos);
}

TEST(Lesson, BindsNothingThatAJailShowsAnyway) {
    Watched run({"/etc/hostname", "/usr/bin/id", "/tmp/x", "/dev/null"});
    run.read("/etc/hostname").read("/usr/bin/id").read("/proc/cpuinfo").read("/dev/null");
    run.make("/tmp/x").make("/dev/shm/x");
    EXPECT_EQ(run.binds(), Words{});
}

TEST(Lesson, BindsAFileThatWasReadAndItsFolderOnceSeveralWere) {
    Watched run({"/srv/www/index.html", "/srv/www/style.css"});
    EXPECT_EQ(run.read("/srv/www/index.html").binds(),
              Words{"/srv/www/index.html:/srv/www/index.html:ro"});
    EXPECT_EQ(run.read("/srv/www/style.css").binds(), Words{"/srv/www:/srv/www:ro"});
    EXPECT_EQ(run.learned().binds.front().why, "openat by web");
}

TEST(Lesson, NeverBindsAHiddenFolderBecauseOfItsFiles) {
    std::set<std::string> files;
    for (const char name : std::string("abcdefgh"))
        files.insert(std::string("/root/.ssh/") + name);
    Watched run(files);
    for (const std::string& file : files)
        run.read(file);
    const Words binds = run.binds();
    EXPECT_EQ(binds.size(), files.size());
    EXPECT_EQ(binds.front(), "/root/.ssh/a:/root/.ssh/a:ro");
}

TEST(Lesson, BindsAFileAloneWhereMuchElseLives) {
    Watched run({"/home/ann/.netrc", "/opt/tool"});
    run.read("/home/ann/.netrc").read("/opt/tool");
    EXPECT_EQ(run.binds(),
              (Words{"/home/ann/.netrc:/home/ann/.netrc:ro", "/opt/tool:/opt/tool:ro"}));
}

TEST(Lesson, NeverBindsARootOrHomeThatWasListed) {
    Watched run({"/", "/home", "/home/ann"});
    run.list("/").list("/home").list("/home/ann");
    EXPECT_EQ(run.binds(), Words{});
    EXPECT_EQ(run.learned().notes.size(), 3U);
}

TEST(Lesson, BindsAFolderThatWasLookedAtUnlessItIsThereAnyway) {
    const mode_t folder = S_IFDIR | 0755;
    Watched only({"/srv/www"});
    EXPECT_EQ(only.file(Want::Look, "/srv/www", true, folder).binds(),
              Words{"/srv/www:/srv/www:ro"});
    Watched also({"/srv/www", "/srv/www/a/x"});
    also.file(Want::Look, "/srv/www", true, folder).read("/srv/www/a/x");
    EXPECT_EQ(also.binds(), Words{"/srv/www/a/x:/srv/www/a/x:ro"});
}

TEST(Lesson, GivesTheUnitItsOwnFolderWhereItWrites) {
    Watched run({"/var/lib/app"});
    run.make("/var/lib/app/deep/state").make("/var/log/app/log").make("/var/cache/app/x");
    run.make("/run/app/pid");
    Learned learned = run.learned();
    EXPECT_EQ(texts(learned.directories["state"]), Words{"app"});
    EXPECT_EQ(texts(learned.directories["logs"]), Words{"app"});
    EXPECT_EQ(texts(learned.directories["cache"]), Words{"app"});
    EXPECT_EQ(texts(learned.directories["runtime"]), Words{"app"});
    EXPECT_EQ(learned.binds.size(), 0U);
}

TEST(Lesson, NeedsNoRightOverAFolderThatIsMadeForTheUnit) {
    Watched fresh({});
    EXPECT_EQ(texts(fresh.make("/var/lib/app/state").learned().capabilities), Words{});
    // That one has another owner, and keeps it.
    Watched old({"/var/lib/app"});
    EXPECT_EQ(texts(old.make("/var/lib/app/state").learned().capabilities), Words{"DAC_OVERRIDE"});
}

TEST(Lesson, BindsTheFolderOfWhatWasMadeWritable) {
    Watched run({"/srv/out"});
    run.make("/srv/out/result").read("/srv/out/result");
    EXPECT_EQ(run.binds(), Words{"/srv/out:/srv/out"});
    EXPECT_EQ(texts(run.learned().capabilities), Words{"DAC_OVERRIDE"});
}

TEST(Lesson, BindsAnExistingFileThatWasWrittenAlone) {
    Watched run({"/etc/app/app.conf"});
    EXPECT_EQ(run.file(Want::ReadWrite, "/etc/app/app.conf").binds(),
              Words{"/etc/app/app.conf:/etc/app/app.conf"});
}

TEST(Lesson, BindsTheNearestFolderThatWasThereBeforeTheRun) {
    Watched run({"/srv/out"});
    EXPECT_EQ(run.make("/srv/out/new/newer/file").binds(), Words{"/srv/out:/srv/out"});
}

TEST(Lesson, SaysThatTheRootTakesNoFiles) {
    Watched run({"/"});
    EXPECT_EQ(run.make("/core").binds(), Words{});
    ASSERT_EQ(run.learned().notes.size(), 1U);
}

TEST(Lesson, SaysThatMuchElseBecomesWritableWithAFileRightInAFolderOfMany) {
    Watched run({"/srv", "/srv/out"});
    EXPECT_EQ(run.make("/srv/first").make("/srv/second").make("/srv/out/third").binds(),
              Words{"/srv:/srv"});
    ASSERT_EQ(run.learned().notes.size(), 1U);
    EXPECT_NE(run.learned().notes.front().find("all of /srv is writable"), std::string::npos);
}

TEST(Lesson, BindsTheWayOverALinkAsWell) {
    Watched run({"/srv/releases/5/x"});
    run.read("/srv/releases/5/x", "/srv/current/x");
    EXPECT_EQ(run.binds(), (Words{"/srv/releases/5/x:/srv/current/x:ro",
                                  "/srv/releases/5/x:/srv/releases/5/x:ro"}));
}

TEST(Lesson, JoinsManyFoldersSideBySide) {
    std::set<std::string> host;
    for (char c = 'a'; c < 'h'; ++c)
        host.insert(std::string("/srv/app/") + c + "/x");
    host.insert("/srv/app");
    Watched run(host);
    for (char c = 'a'; c < 'h'; ++c)
        run.read(std::string("/srv/app/") + c + "/x");
    EXPECT_EQ(run.binds(), Words{"/srv/app:/srv/app:ro"});
}

TEST(Lesson, LeavesTheCallersOwnBindsAlone) {
    Watched run({"/srv/www/x"}, {}, {"/srv"});
    EXPECT_EQ(run.read("/srv/www/x").make("/srv/www/y").binds(), Words{});
}

TEST(Lesson, NamesFoldersOfAnotherRootByTheirPlaceOnTheHost) {
    Watched run({"/images/web/srv/out"}, "/images/web");
    EXPECT_EQ(run.make("/srv/out/x").read("/opt/whatever/x").binds(),
              Words{"/images/web/srv/out:/srv/out"});
}

TEST(Lesson, ListsWhatWasBound) {
    Watched run({});
    run.address("bind", "127.0.0.1", 80).address("bind", "0.0.0.0", 53, SOCK_DGRAM);
    const Learned learned = run.learned();
    EXPECT_TRUE(learned.network);
    EXPECT_FALSE(learned.any_port);
    EXPECT_EQ(texts(learned.listen), (Words{"tcp:127.0.0.1:80", "udp:53"}));
}

TEST(Lesson, SaysThatAPortTheKernelChoseCannotBeNamed) {
    EXPECT_TRUE(Watched({}).address("bind", "127.0.0.1", 0).learned().any_port);
}

TEST(Lesson, GivesTheNetworkToWhoConnectsToOthersOnly) {
    EXPECT_TRUE(Watched({}).address("connect", "192.0.2.1", 443).learned().network);
    EXPECT_TRUE(Watched({}).address("connect", "127.0.0.1", 5432).learned().network);
    EXPECT_FALSE(Watched({}).learned().network);
}

TEST(Lesson, CountsCallsThatFailedAsUsedUnlessTheFilterRefusedThem) {
    Watched run({});
    run.called("openat", -ENOENT).called("mount", -EPERM).called("io_uring_setup", -ENOSYS);
    const Learned learned = run.learned();
    EXPECT_EQ(texts(learned.calls), Words{"openat"});
    EXPECT_EQ(learned.notes.size(), 2U);
}

TEST(Lesson, BoundsWhatItRemembersAndLosesNoCapability) {
    Lesson lesson({{},
                   compile::jail_policy(0),
                   {},
                   {},
                   [](const std::string&) { return true; },
                   [](const std::string&) { return true; }});
    Seen seen;
    seen.call = "bind";
    seen.program = "web";
    for (int at = 0; at < 20'000; ++at) {
        seen.address = Address{AF_INET, "127.0." + std::to_string(at), 4000, true, false};
        lesson.seen(seen);
    }
    const Learned learned = lesson.finish();
    EXPECT_LE(learned.listen.size(), 10'000U);
    ASSERT_FALSE(learned.notes.empty());
    EXPECT_NE(learned.notes.back().find("not whole"), std::string::npos);
}

TEST(Lesson, LearnsNothingFromNothing) {
    const Learned learned = Watched({}).learned();
    EXPECT_TRUE(learned.calls.empty() && learned.capabilities.empty() && learned.binds.empty());
}

} // namespace
} // namespace stead::learn
