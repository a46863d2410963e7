#include <csignal>

#include "init/guest.h"

namespace stead::test {
namespace {

constexpr int kUp = static_cast<int>(UnitState::Up);
constexpr int kFailed = static_cast<int>(UnitState::Failed);

std::size_t open_descriptors(pid_t pid) {
    const fs::path folder = "/proc/" + std::to_string(pid) + "/fd";
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

UnitRecord status_of(Control& control, const std::string& unit) {
    Answer answer = control.ask(wire::Kind::Status, unit);
    EXPECT_EQ(answer.code, 0) << answer.text;
    return answer.units.empty() ? UnitRecord{} : answer.units.front();
}

bool becomes(Control& control, const std::string& unit, int state) {
    return eventually([&] { return status_of(control, unit).state == state; });
}

TEST(Units, OfAPlanComeUpAndAreStoppedTogether) {
    const TemporaryFolder folder;
    const std::string plan = write_plan(
        folder.path(), {service("one", {"sleep", "1000"}), service("two", {"sleep", "1000"})});
    Guest guest({plan});
    Control control = guest.control();
    EXPECT_TRUE(becomes(control, "one", kUp)) << guest.said();
    EXPECT_TRUE(becomes(control, "two", kUp));
    EXPECT_EQ(control.ask(wire::Kind::Status).units.size(), 2U);
    guest.signal(SIGTERM);
    EXPECT_EQ(guest.wait(), 0) << guest.said();
}

TEST(Units, KilledAThousandTimesThereIsAlwaysOneAndNothingGrows) {
    const TemporaryFolder folder;
    const std::string plan = write_plan(folder.path(), {service("web", {"sleep", "1000"})});
    Guest guest({plan});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "web", kUp)) << guest.said();
    std::int64_t pid = status_of(control, "web").pid;
    std::size_t descriptors = 0;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGKILL), 0);
        std::int64_t next = pid;
        ASSERT_TRUE(eventually([&] {
            const UnitRecord now = status_of(control, "web");
            next = now.pid;
            return now.state == kUp && next != 0 && next != pid;
        })) << "after "
            << i << " kills: " << guest.said();
        pid = next;
        if (i == 10) descriptors = open_descriptors(guest.pid());
    }
    EXPECT_EQ(open_descriptors(guest.pid()), descriptors);
    EXPECT_GE(status_of(control, "web").restarts, 999);
}

struct BadExec {
    const char* name;
    SpawnStage stage;
    int error;
    void (*spoil)(plan::UnitInput&);
};

class ExecFailure : public ::testing::TestWithParam<BadExec> {};

INSTANTIATE_TEST_SUITE_P(
    ,
    ExecFailure,
    ::testing::Values(
        BadExec{"missing program", SpawnStage::Exec, ENOENT,
                [](plan::UnitInput& unit) {
                    unit.commands_of(CommandRole::Main) = {{"/no/such/program"}};
                }},
        BadExec{
            "no executable", SpawnStage::Exec, EACCES,
            [](plan::UnitInput& unit) { unit.commands_of(CommandRole::Main) = {{"/etc/passwd"}}; }},
        BadExec{"missing folder", SpawnStage::WorkingDirectory, ENOENT,
                [](plan::UnitInput& unit) { unit.exec.working_directory = "/no/such/folder"; }},
        BadExec{"folder that is none", SpawnStage::Directories, ENOTDIR,
                [](plan::UnitInput& unit) {
                    unit.exec.directories = {
                        {.kind = DirectoryKind::State, .mode = 0750, .path = "/etc/passwd/x"}};
                }},
        BadExec{"limit above the hard one", SpawnStage::Limits, EPERM,
                [](plan::UnitInput& unit) {
                    unit.exec.require = true;
                    unit.exec.limits = {
                        {.resource = 7, .reserved = 0, .soft = ~0ULL >> 1, .hard = ~0ULL >> 1}};
                }},
        BadExec{"output file in no folder", SpawnStage::Descriptors, ENOENT,
                [](plan::UnitInput& unit) {
                    unit.exec.output = OutputKind::File;
                    unit.exec.output_path = "/no/such/folder/log";
                }}),
    [](const auto& instance) {
        std::string name = instance.param.name;
        for (char& c : name)
            if (c == ' ') c = '_';
        return name;
    });

TEST_P(ExecFailure, NamesItsStageAndError) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to change its identity";
    const TemporaryFolder folder;
    plan::UnitInput unit = service("bad", {"sleep", "1000"});
    unit.policy.restart = RestartPolicy::No;
    GetParam().spoil(unit);
    Guest guest({write_plan(folder.path(), {service("good", {"sleep", "1000"}), unit})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "bad", kFailed)) << guest.said();
    const UnitRecord record = status_of(control, "bad");
    EXPECT_EQ(record.stage, static_cast<int>(GetParam().stage));
    EXPECT_EQ(record.error, GetParam().error);
    EXPECT_TRUE(becomes(control, "good", kUp)) << "one bad unit stops no other";
}

TEST(Units, AreMadeTheirFoldersAndThoseAreTheirs) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    const TemporaryFolder folder;
    const fs::path state = folder.path() / "lib" / "app";
    plan::UnitInput unit = service("app", {"sleep", "1000"});
    unit.exec.uid = 12345;
    unit.exec.gid = 12346;
    unit.exec.directories = {{.kind = DirectoryKind::State, .mode = 0700, .path = state.string()}};
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "app", kUp)) << guest.said();

    struct stat about {};

    ASSERT_EQ(::stat(state.c_str(), &about), 0);
    EXPECT_EQ(about.st_uid, 12345U);
    EXPECT_EQ(about.st_gid, 12346U);
    EXPECT_EQ(about.st_mode & 07777U, 0700U);
}

TEST(Units, DoNotGetAFolderThroughASymbolicLink) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give folders away";
    const TemporaryFolder folder;
    fs::create_directory(folder.path() / "precious");
    fs::create_directory_symlink(folder.path() / "precious", folder.path() / "link");
    plan::UnitInput unit = service("app", {"sleep", "1000"});
    unit.policy.restart = RestartPolicy::No;
    unit.exec.uid = 12345;
    unit.exec.directories = {
        {.kind = DirectoryKind::State, .mode = 0777, .path = (folder.path() / "link").string()}};
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "app", kFailed));
    EXPECT_EQ(status_of(control, "app").stage, static_cast<int>(SpawnStage::Directories));

    struct stat about {};

    ASSERT_EQ(::stat((folder.path() / "precious").c_str(), &about), 0);
    EXPECT_EQ(about.st_uid, 0U);
}

TEST(Units, AreGoneWithEverythingTheyLeftBehind) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {service("app", {kMisbehave, "leave-behind"})})});
    Control control = guest.control();
    ASSERT_TRUE(guest.says("left"));
    for (const std::string& notice : control.ask(wire::Kind::Status).notices) {
        if (notice.find("no cgroup") != std::string::npos)
            GTEST_SKIP() << "needs a cgroup2 tree to tell whose a process in its own session is";
    }
    const Answer stopped = control.ask(wire::Kind::Stop, "app");
    EXPECT_EQ(stopped.code, 0);
    EXPECT_FALSE(is_running("misbehave leave-behind"));
}

TEST(Units, ThatCloseTheirOutputCostNothing) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {service("app", {kMisbehave, "close-output"})})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "app", kUp));
    const auto ticks = [&] {
        std::ifstream stat("/proc/" + std::to_string(guest.pid()) + "/schedstat");
        std::int64_t ns = 0;
        stat >> ns;
        return ns;
    };
    const auto before = ticks();
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(ticks() - before, 10'000'000);
}

TEST(Units, AnEssentialOnesEndIsTheEndOfAll) {
    const TemporaryFolder folder;
    plan::UnitInput job = service("job", {"/bin/sh", "-c", "sleep 0.2; exit 3"});
    job.policy.restart = RestartPolicy::No;
    job.policy.essential = true;
    Guest guest({write_plan(folder.path(), {service("other", {"sleep", "1000"}), job})});
    EXPECT_EQ(guest.wait(), 3) << guest.said();
}

TEST(Units, ABrokenPlanIsRefusedWithAReason) {
    const TemporaryFolder folder;
    const std::string plan = write_plan(folder.path(), {service("one", {"true"})});
    fs::resize_file(plan, fs::file_size(plan) - 8);
    Guest guest({plan});
    EXPECT_EQ(guest.wait(), 1);
    EXPECT_NE(guest.said().find("plan"), std::string::npos) << guest.said();
}

TEST(Units, AFolderOfUnitsNeedsTheLoader) {
    const TemporaryFolder folder;
    if (fs::exists("/usr/bin/stead")) GTEST_SKIP() << "needs a machine without /usr/bin/stead";
    StartOptions alone;
    alone.program = (folder.path() / "stead-init").string();
    fs::copy_file(kInit, alone.program);
    fs::create_directory(folder.path() / "units");
    Guest guest({(folder.path() / "units").string()}, alone);
    EXPECT_EQ(guest.wait(), 1);
    EXPECT_NE(guest.said().find("stead compile DIR -o PLAN"), std::string::npos) << guest.said();
}

} // namespace
} // namespace stead::test
