#include <string>

#include <gtest/gtest.h>

#include "compile/users.h"

namespace stead::compile {
namespace {

UserDatabase passwd(const std::string& bytes) {
    UserDatabase database;
    parse_passwd(bytes, database);
    return database;
}

UserDatabase group(const std::string& bytes) {
    UserDatabase database;
    parse_group(bytes, database);
    return database;
}

TEST(Passwd, ReadsAccounts) {
    const UserDatabase database = passwd(
        "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:34:www:/var/www:/usr/sbin/nologin\n");
    ASSERT_EQ(database.users.size(), 2U);
    const User* user = database.find_user("www-data");
    ASSERT_NE(user, nullptr);
    EXPECT_EQ(user->uid, 33U);
    EXPECT_EQ(user->gid, 34U);
    EXPECT_EQ(user->home, "/var/www");
    EXPECT_EQ(user->shell, "/usr/sbin/nologin");
    EXPECT_EQ(database.find_uid(0)->name, "root");
    EXPECT_EQ(database.find_user("nobody"), nullptr);
    EXPECT_TRUE(database.problems.empty());
}

TEST(Passwd, LetsTheFirstEntryWin) {
    const UserDatabase database = passwd("app:x:10:10:::\napp:x:11:11:::\n");
    EXPECT_EQ(database.find_user("app")->uid, 10U);
}

TEST(Passwd, ReadsALastLineWithoutNewline) {
    EXPECT_EQ(passwd("app:x:10:10:::").users.size(), 1U);
}

TEST(Passwd, PassesOverNisAndComments) {
    const UserDatabase database = passwd("+::::::\n+app::::::\n-bad::::::\n# words\n\n");
    EXPECT_TRUE(database.users.empty());
    EXPECT_TRUE(database.problems.empty());
}

TEST(Passwd, LeavesOutWhatIsNoAccount) {
    for (const char* line :
         {"app:x:-1:0:::", "app:x:4294967295:0:::", "app:x:4294967296:0:::",
          "app:x:99999999999999999999:0:::", "app:x: 5:0:::", "app:x:5 :0:::", "app:x:0x10:0:::",
          "app:x::0:::", "app:x:5::::", ":x:5:5:::", "app:x:5:5::", "app:x:5:5::::", "app"}) {
        const UserDatabase database = passwd(line);
        EXPECT_TRUE(database.users.empty()) << line;
        ASSERT_EQ(database.problems.size(), 1U) << line;
        EXPECT_TRUE(database.problems[0].starts_with("passwd:1: ")) << database.problems[0];
    }
}

TEST(Passwd, LeavesOutLinesWithNulBytes) {
    const UserDatabase database = passwd(std::string("ro\0ot:x:0:0:::\napp:x:5:5:::\n", 28));
    ASSERT_EQ(database.users.size(), 1U);
    EXPECT_EQ(database.users[0].name, "app");
    EXPECT_EQ(database.problems, std::vector<std::string>{"passwd:1: the line holds a NUL byte"});
}

TEST(Passwd, LeavesOutEndlessLines) {
    const std::string line = "a:x:5:5:" + std::string(kMaxAccountLine, 'x') + "::\n";
    const UserDatabase database = passwd(line + "app:x:5:5:::\n");
    ASSERT_EQ(database.users.size(), 1U);
    EXPECT_EQ(database.problems, std::vector<std::string>{"passwd:1: the line is too long"});
}

TEST(Passwd, StopsAtTheLimits) {
    std::string many;
    for (std::size_t i = 0; i < kMaxAccounts + 5; ++i)
        many += "u" + std::to_string(i) + ":x:5:5:::\n";
    EXPECT_EQ(passwd(many).users.size(), kMaxAccounts);
    EXPECT_EQ(passwd(many).problems.size(), 1U);

    const std::string large(kMaxAccountFile + 100, 'x');
    EXPECT_TRUE(passwd(large).users.empty());
    EXPECT_LE(passwd(std::string(kMaxAccountFile, '\n') + large).problems.size(), 10U);
}

TEST(Passwd, NotesAFewProblemsOnly) {
    std::string bad;
    for (int i = 0; i < 1000; ++i)
        bad += "nonsense\n";
    EXPECT_EQ(passwd(bad).problems.size(), 10U);
}

TEST(GroupFile, FindsTheGroupsOfAUser) {
    const UserDatabase database =
        group("root:x:0:\nssl:x:120:app,web\nvideo:x:44:web,app,\nother:x:7:webapp\n");
    EXPECT_EQ(database.groups_of("app"), (std::vector<std::uint32_t>{44, 120}));
    EXPECT_EQ(database.groups_of("nobody"), std::vector<std::uint32_t>{});
    EXPECT_EQ(database.find_group("ssl")->gid, 120U);
    EXPECT_EQ(database.find_gid(44)->name, "video");
}

TEST(GroupFile, LeavesOutWhatIsNoGroup) {
    for (const char* line : {"a:x:-1:", "a:x:4294967295:", "a:x:1", "a:x:1::", ":x:1:", "a:x:one:"})
        EXPECT_TRUE(group(line).groups.empty()) << line;
}

TEST(GroupFile, NamesEachGroupOfAUserOnce) {
    EXPECT_EQ(group("a:x:5:app\nb:x:5:app\n").groups_of("app").size(), 1U);
}

TEST(GroupFile, BoundsTheGroupsOfAUser) {
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "g" + std::to_string(i) + ":x:" + std::to_string(i) + ":app\n";
    EXPECT_EQ(group(many).groups_of("app").size(), kMaxSupplementaryGroups);
}

} // namespace
} // namespace stead::compile
