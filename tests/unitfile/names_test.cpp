#include <gtest/gtest.h>

#include "unitfile/names.h"

namespace stead::unitfile {

TEST(UnitName, MayHaveWhatACgroupFolderMay) {
    for (const std::string_view name : {"web", "postgres-15", "worker@1", "a.b_c:d", "0", "X"})
        EXPECT_EQ(unit_name_problem(name), "") << name;
    EXPECT_EQ(unit_name_problem(std::string(120, 'x')), "");
}

TEST(UnitName, IsRefusedBeforeItDoesHarm) {
    for (const std::string_view name :
         {"", ".", "..", ".hidden", "-f", "a/b", "/a", "a b", "a\nb", "a\x1b[31m", "b\xc3\xa4r",
          "@1", "a@b@c", "memory.max", "cgroup.procs", "cpuset.cpus"})
        EXPECT_NE(unit_name_problem(name), "") << name;
    EXPECT_NE(unit_name_problem(std::string(121, 'x')), "");
    EXPECT_NE(unit_name_problem(std::string(256, 'x')), "");
    EXPECT_NE(unit_name_problem(std::string_view("a\0b", 3)), "");
}

TEST(GuestName, IsAHostNameToo) {
    EXPECT_EQ(guest_name_problem("web-1"), "");
    EXPECT_EQ(guest_name_problem(std::string(63, 'x')), "");
    for (const std::string_view name :
         {"", ".", "..", "-web", "web-", "a/b", "a@b", "a:b", "a b", "memory.max"})
        EXPECT_NE(guest_name_problem(name), "") << name;
    EXPECT_NE(guest_name_problem(std::string(64, 'x')), "");
}

TEST(InstanceName, FollowsTheAt) {
    EXPECT_EQ(instance_of("worker@1"), "1");
    EXPECT_EQ(instance_of("worker"), "");
    EXPECT_EQ(instance_of("worker@"), "");
    EXPECT_TRUE(is_template("worker@"));
    EXPECT_FALSE(is_template("worker@1"));
}

TEST(UserName, IsANameOrAnId) {
    for (const std::string_view name :
         {"root", "www-data", "_apt", "0", "65534", "4294967294", "a.b"})
        EXPECT_EQ(user_name_problem(name), "") << name;
    for (const std::string_view name :
         {"", "a b", "a:b", "a/b", "a,b", "a\n", "4294967295", "99999999999", "1a", "-1", "-f"})
        EXPECT_NE(user_name_problem(name), "") << name;
}

TEST(PathForm, IsAbsoluteAndStaysBelow) {
    for (const std::string_view path : {"/", "/a", "/a/b/", "//a", "/a/./b", "/a..b", "/..."})
        EXPECT_EQ(path_problem(path), "") << path;
    for (const std::string_view path : {"", "a", "./a", "~", "/..", "/a/..", "/a/../b"})
        EXPECT_NE(path_problem(path), "") << path;
    EXPECT_NE(path_problem("/" + std::string(256, 'x')), "");
    EXPECT_NE(path_problem(std::string(4096, '/')), "");
}

TEST(SubPathForm, IsRelativeAndStaysBelow) {
    for (const std::string_view path : {"app", "app/data", "a.b", "...", ".hidden"})
        EXPECT_EQ(subpath_problem(path), "") << path;
    for (const std::string_view path :
         {"", ".", "..", "/a", "a/", "a//b", "a/../b", "../a", "a/..", "./a", "a/./b", "a/."})
        EXPECT_NE(subpath_problem(path), "") << path;
}

} // namespace stead::unitfile
