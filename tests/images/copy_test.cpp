#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "images/contents.h"
#include "images/tree.h"
#include "sys/descriptors.h"
#include "sys/file.h"

namespace stead::images {
namespace {

namespace fs = std::filesystem;

/// A file system in memory of one megabyte, mounted nowhere.
sys::UniqueFd small_file_system() {
    const sys::UniqueFd making(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
    (void)::syscall(SYS_fsconfig, making.get(), FSCONFIG_SET_STRING, "size", "1m", 0);
    (void)::syscall(SYS_fsconfig, making.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
    return sys::UniqueFd(
        static_cast<int>(::syscall(SYS_fsmount, making.get(), FSMOUNT_CLOEXEC, 0)));
}

std::string text_of(int number) {
    return std::string(static_cast<std::size_t>(number) * 37 % 5000,
                       static_cast<char>('a' + number % 26));
}

std::string content_at(int folder, const std::string& name) {
    const auto file = sys::open_at(folder, name.c_str(), O_RDONLY);
    if (!file) return "(none)";
    std::string text(1 << 20, '\0');
    const ssize_t got = ::read(file->get(), text.data(), text.size());
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
}

class CopyTree : public ::testing::Test {
protected:
    CopyTree() {
        std::string pattern = "/tmp/stead-copy.XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        fs::create_directory(folder_ + "/from");
        fs::create_directory(folder_ + "/to");
        from_ = open(folder_ + "/from");
        to_ = open(folder_ + "/to");
    }

    ~CopyTree() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    static sys::UniqueFd open(const std::string& path) {
        return std::move(*sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
    }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ + "/from/" + name) << text;
    }

    std::string folder_;
    sys::UniqueFd from_;
    sys::UniqueFd to_;
};

TEST_F(CopyTree, CopiesThousandsOfFilesWithTheirTimesModesAndFolders) {
    constexpr int kFolders = 20;
    constexpr int kFiles = 100;
    std::uint64_t bytes = 0;
    for (int folder = 0; folder < kFolders; ++folder) {
        const std::string name = "d" + std::to_string(folder);
        fs::create_directory(folder_ + "/from/" + name);
        for (int file = 0; file < kFiles; ++file) {
            const std::string path = name + "/f" + std::to_string(file);
            write(path, text_of(folder * kFiles + file));
            bytes += text_of(folder * kFiles + file).size();
            ::chmod((folder_ + "/from/" + path).c_str(), file % 2 == 0 ? 0640 : 0755);
            const timespec times[2] = {{1000 + file, 5}, {2000 + file, 7}};
            ::utimensat(AT_FDCWD, (folder_ + "/from/" + path).c_str(), times, 0);
        }
        const timespec times[2] = {{10, 0}, {20 + folder, 0}};
        ::utimensat(AT_FDCWD, (folder_ + "/from/" + name).c_str(), times, 0);
    }
    std::uint64_t told = 0;
    bool backwards = false;
    const auto copied = copy_tree(from_.get(), to_.get(), {}, [&](std::uint64_t now) {
        backwards = backwards || now < told;
        told = now;
    });
    ASSERT_TRUE(copied) << describe(copied.error()).view();
    EXPECT_EQ(copied->files, kFolders * (kFiles + 1));
    EXPECT_EQ(copied->bytes, bytes);
    EXPECT_EQ(told, bytes);
    EXPECT_FALSE(backwards);
    int wrong = 0;
    for (int folder = 0; folder < kFolders; ++folder) {
        const std::string name = "d" + std::to_string(folder);

        struct stat status {};

        ASSERT_EQ(::fstatat(to_.get(), name.c_str(), &status, 0), 0);
        EXPECT_EQ(status.st_mtim.tv_sec, 20 + folder) << "what is copied into it comes first";
        for (int file = 0; file < kFiles; ++file) {
            const std::string path = name + "/f" + std::to_string(file);
            ASSERT_EQ(::fstatat(to_.get(), path.c_str(), &status, 0), 0) << path;
            const bool same = content_at(to_.get(), path) == text_of(folder * kFiles + file) &&
                              (status.st_mode & 07777U) == (file % 2 == 0 ? 0640U : 0755U) &&
                              status.st_mtim.tv_sec == 2000 + file && status.st_mtim.tv_nsec == 7;
            if (!same) ++wrong;
        }
    }
    EXPECT_EQ(wrong, 0);
}

TEST_F(CopyTree, CopiesFromAnotherFileSystem) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const sys::UniqueFd other = small_file_system();
    ASSERT_GE(other.get(), 0);
    const std::string text(300000, 'x');
    const auto file = sys::open_at(other.get(), "large", O_WRONLY | O_CREAT, 0600);
    ASSERT_TRUE(file);
    ASSERT_TRUE(sys::write_full(file->get(), text));
    // A hole, and two bytes behind it.
    ASSERT_EQ(::pwrite(file->get(), "yz", 2, 900000), 2);
    const auto copied = copy_tree(other.get(), to_.get(), {}, [](std::uint64_t) {});
    ASSERT_TRUE(copied) << describe(copied.error()).view();
    const std::string got = content_at(to_.get(), "large");
    EXPECT_EQ(got.size(), 900002U);
    EXPECT_EQ(got.substr(0, text.size()), text);
    EXPECT_EQ(got.substr(got.size() - 2), "yz");
    EXPECT_EQ(std::count(got.begin(), got.end(), '\0'), 600000);
}

TEST_F(CopyTree, NamesTheFileThatFoundNoRoom) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const sys::UniqueFd small = small_file_system();
    ASSERT_GE(small.get(), 0);
    // Those around it need no room: whichever asked while it fills the disk would fail, too.
    for (int number = 0; number < 100; ++number)
        write("a" + std::to_string(number), "");
    write("huge", std::string(3 << 20, 'h'));
    for (int number = 0; number < 100; ++number)
        write("z" + std::to_string(number), "");
    const auto copied = copy_tree(from_.get(), small.get(), {}, [](std::uint64_t) {});
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, ENOSPC);
    EXPECT_EQ(copied.error().subject(), "huge") << describe(copied.error()).view();
}

TEST_F(CopyTree, GoesOnWhereNoThreadCanBeMade) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    for (int number = 0; number < 300; ++number)
        write("f" + std::to_string(number), text_of(number));
    constexpr uid_t kNobody = 65534;
    ASSERT_EQ(::fchown(to_.get(), kNobody, kNobody), 0);
    ASSERT_EQ(::fchown(from_.get(), kNobody, kNobody), 0);
    for (const auto& file : fs::directory_iterator(folder_ + "/from"))
        ASSERT_EQ(::chown(file.path().c_str(), kNobody, kNobody), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit none{1, 1};
        if (::setresgid(kNobody, kNobody, kNobody) < 0 || ::setrlimit(RLIMIT_NPROC, &none) < 0 ||
            ::setresuid(kNobody, kNobody, kNobody) < 0)
            ::_exit(2);
        const auto copied = copy_tree(from_.get(), to_.get(), {}, [](std::uint64_t) {});
        ::_exit(copied && copied->files == 300 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    int wrong = 0;
    for (int number = 0; number < 300; ++number) {
        if (content_at(to_.get(), "f" + std::to_string(number)) != text_of(number)) ++wrong;
    }
    EXPECT_EQ(wrong, 0);
}

TEST_F(CopyTree, EveryNumberOfThreadsFillsEveryFile) {
    for (int number = 0; number < 500; ++number)
        write("f" + std::to_string(number), text_of(number));
    for (const std::size_t threads : {std::size_t{1}, std::size_t{3}, std::size_t{8}}) {
        std::uint64_t bytes = 0;
        const auto finish = [](const Content& content) -> Result<void> {
            return ::fchmod(content.target.get(), 0400) == 0 ? Result<void>()
                                                             : last_error("fchmod");
        };
        const auto progress = [](std::uint64_t) {};
        Contents contents(finish, progress, threads);
        for (int number = 0; number < 500; ++number) {
            const std::string name = "f" + std::to_string(number);
            (void)::unlinkat(to_.get(), name.c_str(), 0);
            auto source = sys::open_at(from_.get(), name.c_str(), O_RDONLY);
            auto target = sys::open_at(to_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
            ASSERT_TRUE(source && target);
            bytes += text_of(number).size();
            ASSERT_TRUE(contents.add({.source = std::move(*source),
                                      .target = std::move(*target),
                                      .size = text_of(number).size(),
                                      .path = name}));
        }
        const auto done = contents.wait();
        ASSERT_TRUE(done);
        EXPECT_EQ(*done, bytes);
        int wrong = 0;
        for (int number = 0; number < 500; ++number) {
            const std::string name = "f" + std::to_string(number);

            struct stat status {};

            (void)::fstatat(to_.get(), name.c_str(), &status, 0);
            if (content_at(to_.get(), name) != text_of(number) ||
                (status.st_mode & 07777U) != 0400U)
                ++wrong;
        }
        EXPECT_EQ(wrong, 0) << threads << " threads";
    }
}

} // namespace
} // namespace stead::images
