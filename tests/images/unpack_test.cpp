#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <span>

#include <gtest/gtest.h>

#include "images/manifest.h"
#include "images/tar_text.h"
#include "images/tree.h"
#include "images/unpack.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {
namespace {

namespace fs = std::filesystem;

/// A folder for layers, with something of value beside it.
class Unpack : public ::testing::Test {
protected:
    Unpack() {
        // Without root a test may give files to itself alone.
        owner_ = ::geteuid();
        std::string pattern = "/tmp/stead-unpack.XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        fs::create_directory(folder_ + "/root");
        fs::create_directory(folder_ + "/outside");
        std::ofstream(folder_ + "/outside/precious") << "precious";
        root_ = *sys::open_at(AT_FDCWD, (folder_ + "/root").c_str(), O_RDONLY | O_DIRECTORY);
    }

    ~Unpack() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    bool apply(Unpacker& unpacker, const std::string& tar) {
        const sys::UniqueFd memory = *sys::make_memfd("tar");
        EXPECT_TRUE(sys::write_full(memory.get(), tar));
        ::lseek(memory.get(), 0, SEEK_SET);
        ArchiveReader archive(memory.get(), "test.tar", limits_, report_);
        archive.allow_empty();
        return unpacker.unpack(archive);
    }

    bool unpack(const std::vector<std::string>& layers) {
        Unpacker unpacker(root_.get(), options_, report_, [](const std::string&) {});
        for (const std::string& layer : layers) {
            if (!apply(unpacker, layer)) return false;
        }
        unpacker.note_left_out();
        return true;
    }

    [[nodiscard]] std::string text(const std::string& path) const {
        std::ifstream file(folder_ + "/root/" + path);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

    [[nodiscard]] bool has(const std::string& path) const {
        return fs::symlink_status(folder_ + "/root/" + path).type() != fs::file_type::not_found;
    }

    void expect_refused(const TarText& tar, const std::string& why) {
        report_ = {};
        EXPECT_FALSE(unpack({tar.text()})) << why;
        EXPECT_NE(report_.text().find(why), std::string::npos) << report_.text();
        EXPECT_EQ(fs::file_size(folder_ + "/outside/precious"), 8U);
        EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/outside"), {}), 1);
    }

    uid_t owner_ = 0;
    std::string folder_;
    sys::UniqueFd root_;
    Report report_;
    Limits limits_;
    Unpacker::Options options_{true, false};
};

#define NEED_ROOT()                                                                                \
    if (owner_ != 0) GTEST_SKIP() << "needs root"

TEST_F(Unpack, MakesWhatTheArchiveHas) {
    NEED_ROOT();
    TarText tar;
    tar.folder("./").file("./etc/deep/er/file", "text").link("./bin", "usr/bin");
    tar.hard_link("./etc/same", "./etc/deep/er/file");
    tar.add({"./su", '0', "x", {}, 04755, 0, 0}).add({"./pipe", '6', {}, {}, 0600, 33, 0});
    ASSERT_TRUE(unpack({tar.text()})) << report_.text();
    EXPECT_EQ(text("etc/same"), "text");
    EXPECT_EQ(fs::hard_link_count(folder_ + "/root/etc/same"), 2U);
    EXPECT_EQ(fs::read_symlink(folder_ + "/root/bin"), "usr/bin");

    struct stat status {};

    ::stat((folder_ + "/root/su").c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777U, 04755U);
    EXPECT_EQ(status.st_mtime, 1'600'000'000);
    ::stat((folder_ + "/root/pipe").c_str(), &status);
    EXPECT_TRUE(S_ISFIFO(status.st_mode));
    EXPECT_EQ(status.st_uid, 33U);
}

TEST_F(Unpack, RefusesWhatLeadsOut) {
    NEED_ROOT();
    expect_refused(TarText().file("/etc/passwd", "x"), "is absolute");
    expect_refused(TarText().file("../outside/precious", "x"), "leads out");
    expect_refused(TarText().file("a/../../outside/precious", "x"), "leads out");
    expect_refused(TarText().link("way", folder_ + "/outside").file("way/precious", "x"),
                   "lies below 'way'");
    expect_refused(TarText().link("up", "../outside").file("up/new", "x"), "lies below 'up'");
    expect_refused(TarText().link("up", "../outside").folder("up/new"), "lies below 'up'");
    expect_refused(TarText().hard_link("h", folder_ + "/outside/precious"), "is a hard link to");
    expect_refused(TarText().hard_link("h", "../outside/precious"), "is a hard link to");
    expect_refused(TarText().link("up", "../outside").hard_link("h", "up/precious"),
                   "lies below 'up'");
    expect_refused(TarText().hard_link("h", "nothing"), "has not brought");
    expect_refused(TarText().file(".wh..wh.plnk"), "OCI whiteout");
    expect_refused(TarText().add({"x", '0', {}, {}, 0644, 070'0000, 0}), "65535");
}

TEST_F(Unpack, ReplacesALinkInsteadOfWritingThroughIt) {
    NEED_ROOT();
    TarText tar;
    tar.link("file", folder_ + "/outside/precious").file("file", "new");
    tar.link("dir", folder_ + "/outside").folder("dir").file("dir/precious", "new");
    ASSERT_TRUE(unpack({tar.text()})) << report_.text();
    EXPECT_EQ(text("file"), "new");
    EXPECT_EQ(text("dir/precious"), "new");
    EXPECT_EQ(fs::file_size(folder_ + "/outside/precious"), 8U);
}

TEST_F(Unpack, LeavesDevicesAndKernelAttributesOut) {
    NEED_ROOT();
    TarText tar;
    tar.add({"dev/null", '3', {}, {}, 0666, 0, 0});
    tar.extended("SCHILY.xattr.trusted.overlay.redirect", "/etc").folder("trap");
    ASSERT_TRUE(unpack({tar.text()})) << report_.text();
    EXPECT_FALSE(has("dev/null"));
    ASSERT_EQ(report_.notes().size(), 2U);
    EXPECT_EQ(report_.notes().front().substr(0, 16), "1 device nodes l");
    const auto trap =
        sys::open_at(AT_FDCWD, (folder_ + "/root/trap").c_str(), O_RDONLY | O_DIRECTORY);
    std::array<char, 256> names{};
    EXPECT_EQ(*sys::list_attributes(trap->get(), names), 0U);
}

TEST_F(Unpack, StopsAtItsLimits) {
    NEED_ROOT();
    limits_.files = 3;
    TarText many;
    for (int at = 0; at < 5; ++at)
        many.file("f" + std::to_string(at));
    expect_refused(many, "more than 3 files");
    limits_ = {};
    limits_.bytes = 1 << 20;
    expect_refused(TarText().file("big", std::string(2 << 20, '\0')), "MB unpacked");
    // A size that is only announced.
    expect_refused(TarText().add({"huge", '0', "x", {}, 0644, 0, 07777777777}), "MB unpacked");
}

TEST_F(Unpack, SeesWhatIsCutShort) {
    NEED_ROOT();
    const std::string whole = TarText().file("a", "text").file("b", "text").text();
    for (const std::size_t size : {100U, 512U, 700U, 1024U, 1200U, 1536U, 2047U}) {
        report_ = {};
        EXPECT_FALSE(unpack({whole.substr(0, size)})) << size;
        EXPECT_FALSE(report_.text().empty() || report_.hint().empty()) << size;
    }
    report_ = {};
    EXPECT_FALSE(unpack({TarText().file("a", "text").unended()}));
    report_ = {};
    EXPECT_FALSE(unpack({"this is no archive at all, just words that go on and on"}));
    EXPECT_NE(report_.text().find("no archive"), std::string::npos) << report_.text();
}

TEST_F(Unpack, AppliesLayers) {
    NEED_ROOT();
    const std::string lower = TarText()
                                  .file("etc/keep", "1")
                                  .file("etc/gone", "1")
                                  .file("var/old/a", "1")
                                  .file("var/b", "1")
                                  .file("srv/x", "1")
                                  .folder("usr/lib")
                                  .link("lib", "usr/lib")
                                  .text();
    const std::string upper = TarText()
                                  .file("etc/.wh.gone")
                                  .file("etc/keep", "2")
                                  .file("var/new", "2")
                                  .file("var/.wh..wh..opq")
                                  .file("var/old/c", "2")
                                  .file(".wh.srv")
                                  .file("lib/module", "2")
                                  .text();
    ASSERT_TRUE(unpack({lower, upper})) << report_.text();
    EXPECT_EQ(text("etc/keep"), "2");
    EXPECT_FALSE(has("etc/gone") || has("etc/.wh.gone") || has("var/b") || has("srv"));
    EXPECT_EQ(text("var/new"), "2") << "of the same layer, before the mark";
    EXPECT_EQ(text("var/old/c"), "2");
    EXPECT_FALSE(has("var/old/a"));
    EXPECT_EQ(text("usr/lib/module"), "2") << "a lower layer's link is followed";
    EXPECT_TRUE(fs::is_symlink(folder_ + "/root/lib"));
}

TEST_F(Unpack, ALayerGoesOutOnNobodysLink) {
    NEED_ROOT();
    const std::string lower = TarText().link("way", folder_ + "/outside").text();
    EXPECT_FALSE(unpack({lower, TarText().file("way/precious", "x").text()}))
        << "inside the root there is no such folder";
    report_ = {};
    EXPECT_TRUE(unpack({lower, TarText().file("way/.wh.precious").text()})) << report_.text();
    EXPECT_EQ(fs::file_size(folder_ + "/outside/precious"), 8U);
    report_ = {};
    EXPECT_FALSE(
        unpack({lower, TarText().link("new", "../outside").file("new/precious", "x").text()}));
    EXPECT_EQ(fs::file_size(folder_ + "/outside/precious"), 8U);
}

TEST_F(Unpack, AManifestTellsEachDifference) {
    NEED_ROOT();
    TarText tar;
    tar.folder("./").file("a b", "text").file("c", "text").hard_link("d", "c").link("l", "c");
    ASSERT_TRUE(unpack({tar.text()})) << report_.text();
    const sys::UniqueFd out = *sys::make_memfd("manifest");
    const auto totals = write_manifest(root_.get(), out.get());
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->files, 5U);
    EXPECT_EQ(totals->bytes, 8U) << "a file with two names counts once";
    std::string manifest(4096, '\0');
    ::lseek(out.get(), 0, SEEK_SET);
    manifest.resize(*sys::read_full(out.get(), std::as_writable_bytes(std::span(manifest))));

    const auto compare = [&] {
        Differences found;
        EXPECT_TRUE(compare_manifest(root_.get(), manifest, 10, found, report_));
        EXPECT_EQ(found.count, found.lines.size());
        return found.lines;
    };
    EXPECT_TRUE(compare().empty());
    std::ofstream(folder_ + "/root/a b") << "TEXT";
    std::ofstream(folder_ + "/root/new") << "";
    fs::permissions(folder_ + "/root/c", fs::perms::owner_all);
    fs::remove(folder_ + "/root/l");
    const std::vector<std::string> expected{"a b: content changed", "c: mode changed",
                                            "d: mode changed", "new: is new", "l: is missing"};
    EXPECT_EQ(compare(), expected);
    Differences ignored;
    EXPECT_FALSE(compare_manifest(root_.get(), "rubbish", 10, ignored, report_));
}

TEST_F(Unpack, TreesAreRemovedHoweverDeepTheyAre) {
    int folder = ::open((folder_ + "/root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int level = 0; level < 1500; ++level) {
        ASSERT_EQ(::mkdirat(folder, "d", 0755), 0);
        const int next = ::openat(folder, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ::close(folder);
        folder = next;
    }
    ::close(folder);
    const auto removed = remove_tree(AT_FDCWD, (folder_ + "/root").c_str());
    EXPECT_TRUE(removed) << describe(removed.error()).view();
    EXPECT_FALSE(fs::exists(folder_ + "/root"));
}

TEST_F(Unpack, CopiesKeepAllThatAFileIs) {
    NEED_ROOT();
    TarText tar;
    tar.folder("./").file("c", "text").hard_link("d", "c").link("l", "c");
    tar.add({"su", '0', "x", {}, 04755, 33, 0}).extended("SCHILY.xattr.user.note", "hello");
    tar.folder("dir").add({"dir/pipe", '6', {}, {}, 0600, 0, 0});
    ASSERT_TRUE(unpack({tar.text()})) << report_.text();
    ASSERT_EQ(::mknod((folder_ + "/root/gone").c_str(), S_IFCHR, 0), 0) << "overlayfs' whiteout";
    fs::resize_file(folder_ + "/root/c", 1 << 20);
    fs::create_directory(folder_ + "/copy");
    const auto to = sys::open_at(AT_FDCWD, (folder_ + "/copy").c_str(), O_RDONLY | O_DIRECTORY);
    const auto copied = copy_tree(root_.get(), to->get(), {}, [](std::uint64_t) {});
    ASSERT_TRUE(copied) << describe(copied.error()).view();

    const auto manifest = [](int root) {
        const sys::UniqueFd out = *sys::make_memfd("manifest");
        EXPECT_TRUE(write_manifest(root, out.get()));
        std::string text(4096, '\0');
        ::lseek(out.get(), 0, SEEK_SET);
        text.resize(*sys::read_full(out.get(), std::as_writable_bytes(std::span(text))));
        return text;
    };
    EXPECT_EQ(manifest(root_.get()), manifest(to->get()));

    struct stat status {};

    ::stat((folder_ + "/copy/c").c_str(), &status);
    EXPECT_EQ(status.st_nlink, 2U);
    EXPECT_LT(status.st_blocks, 64) << "holes stay holes";
    ::stat((folder_ + "/copy/gone").c_str(), &status);
    EXPECT_TRUE(S_ISCHR(status.st_mode));
}

} // namespace
} // namespace stead::images
