#include <sys/stat.h>

#include "import/support.h"

namespace stead::importing::test {

namespace {

constexpr const char* kService = "[Service]\nExecStart=/bin/a\n";

Import import_path(const std::string& path, const std::string& root = {}) {
    Options options;
    options.root = root;
    return import_arguments({path}, options);
}

TEST(Arguments, NameAFileWithItsDropIns) {
    const Folder folder;
    const std::string path = folder.write("a.service", kService);
    folder.write("a.service.d/20-b.conf", "[Service]\nUser=b\n");
    folder.write("a.service.d/10-a.conf", "[Service]\nUser=a\nGroup=a\n");
    folder.write("a.service.d/ignored.txt", "[Service]\nGroup=c\n");
    const Import import = import_path(path);
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(value(import.units[0], "user"), R"("b")");
    EXPECT_EQ(value(import.units[0], "group"), R"("a")");
    EXPECT_NE(import.units[0].text.find("# 20-b.conf:2: User=b"), std::string::npos);
}

TEST(Arguments, NameAUnitThatIsLookedForBelowTheRoot) {
    const Folder folder;
    folder.write("usr/lib/systemd/system/a@.service", "[Service]\nExecStart=/bin/a %i\n");
    folder.write("etc/systemd/system/a@.service.d/x.conf", "[Service]\nUser=etc\n");
    folder.write("usr/lib/systemd/system/a@.service.d/x.conf", "[Service]\nUser=usr\n");
    folder.write("run/systemd/system/a@1.service.d/y.conf", "[Service]\nGroup=one\n");
    const Import import = import_path("a@1", folder.path());
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(import.units[0].name, "a@");
    EXPECT_EQ(value(import.units[0], "instances"), R"(["1"])");
    EXPECT_EQ(value(import.units[0], "user"), R"("etc")");
    EXPECT_EQ(value(import.units[0], "group"), R"("one")");
    EXPECT_EQ(import_path("nothing", folder.path()).skipped.size(), 1U);
}

TEST(Arguments, FollowLinksWithinTheRootOnly) {
    const Folder folder;
    folder.write("usr/lib/systemd/system/real.service", kService);
    std::filesystem::create_directories(folder.path() + "/etc/systemd/system");
    std::filesystem::create_symlink("/usr/lib/systemd/system/real.service",
                                    folder.path() + "/etc/systemd/system/alias.service");
    std::filesystem::create_symlink("/dev/null", folder.path() + "/etc/systemd/system/off.service");
    const Import import = import_path("alias", folder.path());
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(import.units[0].name, "real");
    EXPECT_NE(import_path("off", folder.path()).skipped.at(0).reason.find("masked"),
              std::string::npos);
}

TEST(Arguments, NameAFolderWhoseLinksAreAliases) {
    const Folder folder;
    folder.write("a.service", kService);
    folder.write("b.path", "[Path]\nPathExists=/x\n");
    folder.write("notes.txt", "no unit");
    folder.write("sup.conf", "[program:p]\ncommand=/bin/p\n");
    folder.write("other.conf", "[nothing]\nof=ours\n");
    std::filesystem::create_symlink("a.service", folder.path() + "/c.service");
    const Import import = import_path(folder.path());
    ASSERT_EQ(import.units.size(), 2U);
    EXPECT_EQ(value(import.units[0], "alias"), R"(["c"])");
    EXPECT_EQ(import.units[1].name, "p");
    ASSERT_EQ(import.skipped.size(), 1U);
    EXPECT_TRUE(import.skipped[0].harmless);
}

TEST(Arguments, ReadWhatSupervisordIncludes) {
    const Folder folder;
    const std::string path =
        folder.write("supervisord.conf", "[supervisord]\n[include]\nfiles = conf.d/*.conf\n");
    folder.write("conf.d/a.conf", "[program:a]\ncommand=/bin/a\n");
    folder.write("conf.d/b.ini", "[program:b]\ncommand=/bin/b\n");
    const Import import = import_path(path);
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(import.units[0].name, "a");
}

TEST(Arguments, ThatAreNoFilesAreRefusedWithoutWaiting) {
    const Folder folder;
    ASSERT_EQ(::mkfifo((folder.path() + "/a.service").c_str(), 0600), 0);
    EXPECT_EQ(import_path(folder.path() + "/a.service").skipped.at(0).reason,
              "it is no regular file");
    const std::string large = folder.write("b.service", std::string(kMaxSourceSize + 1, '#'));
    EXPECT_EQ(import_path(large).skipped.at(0).reason, "it is larger than 1 MiB");
    EXPECT_NE(import_path(folder.write("c.service", "[Service]\nUser=\xff\n")).skipped.at(0).reason,
              "");
    EXPECT_NE(import_path(folder.path() + "/nothing/here").skipped.at(0).reason, "");
    std::filesystem::create_symlink("loop.service", folder.path() + "/loop.service");
    EXPECT_TRUE(import_path(folder.path() + "/loop.service").units.empty());
}

} // namespace

} // namespace stead::importing::test
