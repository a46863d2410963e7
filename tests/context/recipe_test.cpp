#include <sched.h>

#include <string>

#include <gtest/gtest.h>

#include "context/bind_filter.h"
#include "context/paths.h"
#include "context/verify.h"
#include "recipe/recipe.h"

/// What can be judged without a kernel.
namespace stead::context {

namespace {

using recipe::MountKind;

recipe::Context with_mounts(recipe::RootKind root,
                            const std::vector<std::pair<MountKind, std::string>>& mounts) {
    recipe::Context context;
    context.root.kind = root;
    for (const auto& [kind, target] : mounts) {
        recipe::Mount mount;
        mount.kind = kind;
        mount.target = target;
        context.mounts.push_back(mount);
    }
    return context;
}

constexpr const char* kGood = "10 9 0:40 / / rw,nodev,relatime - tmpfs stead rw\n"
                              "11 10 0:41 / /run rw,nosuid,nodev - tmpfs stead rw\n"
                              "12 11 0:42 / /run/stead ro,nosuid,nodev,noexec - tmpfs stead rw\n"
                              "13 10 0:43 / /proc rw,nosuid,nodev,noexec - proc proc rw\n";

recipe::Context small() {
    auto context = with_mounts(recipe::RootKind::Directory,
                               {{MountKind::Tmpfs, "/run"}, {MountKind::Proc, "/proc"}});
    context.mounts[1].attributes = 14;
    return context;
}

std::string status_of(const char* bounding, const char* filter) {
    return std::string("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \n") +
           "CapInh:\t0000000800000000\nCapPrm:\t0000000800000021\nCapEff:\t0000000800000021\n"
           "CapBnd:\t" +
           bounding + "\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t" + filter + "\n";
}

} // namespace

TEST(Paths, AreCleanOnlyIfTheySayWhereTheyLead) {
    for (const char* good : {"/", "/a", "/a/b.c/..d", "/.hidden"})
        EXPECT_TRUE(is_clean_path(good)) << good;
    for (const char* bad : {"", "a", "/a/", "//a", "/a//b", "/.", "/a/..", "/../a", "/a/./b"}) {
        EXPECT_FALSE(is_clean_path(bad)) << bad;
    }
    EXPECT_FALSE(is_clean_path("/" + std::string(256, 'x')));
    EXPECT_FALSE(is_clean_path(std::string_view("/a\0b", 4)));
}

TEST(Paths, AreOursOnlyOnFileSystemsThatWeMade) {
    const auto folder = with_mounts(
        recipe::RootKind::Directory,
        {{MountKind::Tmpfs, "/run"}, {MountKind::Bind, "/run/shared"}, {MountKind::Tmpfs, "/dev"}});
    EXPECT_FALSE(is_ours(folder, "/run"));
    EXPECT_FALSE(is_ours(folder, "/etc/x"));
    EXPECT_FALSE(is_ours(folder, "/running/x"));
    EXPECT_FALSE(is_ours(folder, "/run/shared/x"));
    EXPECT_TRUE(is_ours(folder, "/run/stead"));
    EXPECT_TRUE(is_ours(folder, "/dev/pts"));
    const auto overlay = with_mounts(recipe::RootKind::EphemeralOverlay, {});
    EXPECT_TRUE(is_ours(overlay, "/dev"));
}

TEST(Paths, AreTrustedByNameOnlyBelowNothingButOurOwnTmpfs) {
    const auto jail = with_mounts(recipe::RootKind::HostPrograms,
                                  {{MountKind::Tmpfs, "/dev"}, {MountKind::Bind, "/etc"}});
    EXPECT_TRUE(has_only_our_names(jail, "/proc"));
    EXPECT_TRUE(has_only_our_names(jail, "/dev/shm"));
    EXPECT_FALSE(has_only_our_names(jail, "/etc/x"));
    // An image below an overlay may hold a link of any name.
    const auto overlay =
        with_mounts(recipe::RootKind::EphemeralOverlay, {{MountKind::Tmpfs, "/dev"}});
    EXPECT_FALSE(has_only_our_names(overlay, "/proc"));
    EXPECT_FALSE(has_only_our_names(overlay, "/dev/shm"));
}

TEST(Paths, BelowAnInstanceAreLeftToTheChild) {
    const auto context =
        with_mounts(recipe::RootKind::Directory, {{MountKind::Proc, "/proc"},
                                                  {MountKind::Mask, "/proc/kcore"},
                                                  {MountKind::Sysfs, "/sys"},
                                                  {MountKind::Cgroup, "/sys/fs/cgroup"},
                                                  {MountKind::Mask, "/etc/shadow"}});
    const bool expected[] = {true, true, true, true, false};
    for (std::size_t at = 0; at < std::size(expected); ++at) {
        EXPECT_EQ(is_late(context, context.mounts[at]), expected[at]) << context.mounts[at].target;
    }
}

TEST(Verify, AcceptsATreeAsAsked) {
    EXPECT_TRUE(verify_mounts(small(), {}, kGood));
}

TEST(Verify, RefusesATreeThatIsNotAsAsked) {
    const auto refused = [](std::string text, const char* from, const char* to) {
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        text.replace(at, std::string_view(from).size(), to);
        return !verify_mounts(small(), {}, text).has_value();
    };
    EXPECT_TRUE(refused(kGood, "/ / rw,nodev", "/ / ro,nodev")) << "a silently read-only root";
    EXPECT_TRUE(refused(kGood, "tmpfs stead rw", "overlay x ro")) << "a read-only file system";
    EXPECT_TRUE(refused(kGood, "/ / rw,nodev", "/ / rw")) << "device nodes";
    EXPECT_TRUE(refused(kGood, "/proc rw,nosuid,nodev,noexec", "/proc rw,nosuid,nodev"));
    EXPECT_TRUE(refused(kGood, "- proc proc", "- tmpfs proc")) << "somebody else's proc";
    EXPECT_TRUE(refused(kGood, "/run/stead ro", "/run/stead rw"));
    EXPECT_TRUE(refused(kGood, "relatime - tmpfs", "relatime shared:3 - tmpfs")) << "propagation";
    EXPECT_TRUE(refused(kGood, "13 10 0:43 / /proc", "13 10 0:43 / /else")) << "a missing mount";
    const std::string more = std::string(kGood) + "14 10 8:1 / /home rw,nodev - ext4 /dev/sda rw\n";
    EXPECT_FALSE(verify_mounts(small(), {}, more)) << "a mount nobody asked for";
    EXPECT_TRUE(verify_mounts(small(), {"/home"}, more));
    const std::string twice = std::string(kGood) + "15 10 8:1 / / rw,nodev - ext4 /dev/sda rw\n";
    EXPECT_FALSE(verify_mounts(small(), {}, twice)) << "the old root on top";
    EXPECT_FALSE(verify_mounts(small(), {}, ""));
}

TEST(Verify, ReadsEverySetOfTheStatus) {
    recipe::Context context;
    context.filter = {1};
    const Sets sets{0x21, 1ULL << 35U};
    const std::string good = status_of("0000000000000021", "2");
    EXPECT_TRUE(verify_status(context, sets, good));
    EXPECT_FALSE(verify_status(context, sets, status_of("0000000000200021", "2")));
    EXPECT_FALSE(verify_status(context, sets, status_of("0000000000000021", "0")));
    EXPECT_FALSE(verify_status(context, sets, ""));
    std::string groups = good;
    groups.replace(groups.find("Groups:\t "), 9, "Groups:\t4 ");
    EXPECT_FALSE(verify_status(context, sets, groups));
}

TEST(BindProgram, EndsInARefusalWhateverTheList) {
    recipe::Network network;
    for (std::size_t count = 0; count < 40; ++count) {
        for (const bool v6 : {false, true}) {
            const auto program = bind_program(network, v6);
            ASSERT_GE(program.size(), 2U);
            // "mov r0, 0; exit" as the kernel's instruction set writes it.
            EXPECT_EQ(program[program.size() - 2], 0xb7U);
            EXPECT_EQ(program.back(), 0x95U);
        }
        recipe::Listen listen;
        listen.v6 = count % 2 == 1;
        listen.port = static_cast<std::uint16_t>(count);
        listen.address[0] = static_cast<std::uint8_t>(count % 3);
        network.listen.push_back(listen);
    }
}

} // namespace stead::context
