#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "guests/state.h"
#include "guests/temporary.h"
#include "sys/file.h"

namespace stead::guests {
namespace {

Record record_of_this_process() {
    Record record;
    record.name = "web";
    record.file = "/etc/stead/guests/web.toml";
    EXPECT_TRUE(identify(::getpid(), record));
    return record;
}

TEST(Record, ComesBackAsItWasWritten) {
    const TemporaryHost host;
    const auto claimed = claim(host.paths(), "web");
    ASSERT_TRUE(claimed);
    Record written = record_of_this_process();
    written.cgroup = "/sys/fs/cgroup/stead/web";
    written.created = 1'700'000'000;
    written.dynamic_uids = {61184, 65519};
    written.file = "/tmp/a \"b\"\n\xff.toml";
    ASSERT_TRUE(write_record(*claimed, written));
    const auto read = read_record(claimed->folder.get());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->name, written.name);
    EXPECT_EQ(read->pid, written.pid);
    EXPECT_EQ(read->start_time, written.start_time);
    EXPECT_EQ(read->pid_namespace, written.pid_namespace);
    EXPECT_EQ(read->cgroup, written.cgroup);
    EXPECT_EQ(read->created, written.created);
    EXPECT_EQ(read->dynamic_uids, written.dynamic_uids);
}

TEST(Record, KeepsWhatOfItsServiceTheGuestTakesPartIn) {
    const TemporaryHost host;
    const auto claimed = claim(host.paths(), "web");
    ASSERT_TRUE(claimed);
    Record written = record_of_this_process();
    written.service = Service{"/run/notify", "0123", 5000, {false, true, false, true}};
    ASSERT_TRUE(write_record(*claimed, written));
    const auto read = read_record(claimed->folder.get());
    ASSERT_TRUE(read && read->service);
    EXPECT_EQ(read->service->notify, "/run/notify");
    EXPECT_EQ(read->service->watchdog_ms, 5000);
    EXPECT_FALSE(read->service->ties.journal || read->service->ties.notify);
    EXPECT_TRUE(read->service->ties.machine && read->service->ties.sockets);
    // One of a version that knew nothing of this.
    std::ofstream(claimed->path + "/state.json") << R"({"service": {"notify": "/run/notify"}})";
    const auto older = read_record(claimed->folder.get());
    ASSERT_TRUE(older && older->service);
    EXPECT_TRUE(older->service->ties.journal && older->service->ties.notify);
}

TEST(Record, ThatIsNoJsonIsNone) {
    const TemporaryHost host;
    const auto claimed = claim(host.paths(), "web");
    ASSERT_TRUE(claimed);
    for (const char* text : {"", "{", "[]", "null", "\"x\"", "{\"pid\":"}) {
        std::ofstream(claimed->path + "/state.json") << text;
        EXPECT_FALSE(read_record(claimed->folder.get())) << text;
    }
    std::ofstream(claimed->path + "/state.json") << R"({"pid": "12", "name": 5})";
    const auto wrong_types = read_record(claimed->folder.get());
    ASSERT_TRUE(wrong_types);
    EXPECT_EQ(wrong_types->pid, 0);
}

TEST(Record, ThatIsAFifoDoesNotHang) {
    const TemporaryHost host;
    const auto claimed = claim(host.paths(), "web");
    ASSERT_TRUE(claimed);
    ASSERT_EQ(::mkfifo((claimed->path + "/state.json").c_str(), 0600), 0);
    EXPECT_FALSE(read_record(claimed->folder.get()));
}

TEST(Verify, KnowsTheRecordedProcess) {
    EXPECT_TRUE(verify(record_of_this_process()));
}

TEST(Verify, IsNotFooledByAnotherProcessWithThatNumber) {
    Record record = record_of_this_process();
    record.start_time += 1;
    EXPECT_FALSE(verify(record));
    record = record_of_this_process();
    record.pid_namespace += 1;
    EXPECT_FALSE(verify(record));
    record = record_of_this_process();
    record.pid = 0;
    EXPECT_FALSE(verify(record));
    record.pid = -1;
    EXPECT_FALSE(verify(record));
}

TEST(Identify, TakesAProcessThatHasEndedAlready) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
    Record record;
    record.name = "web";
    const auto identified = identify(pid, record);
    EXPECT_TRUE(identified) << describe(identified.error()).c_str();
    EXPECT_EQ(record.pid, pid);
    EXPECT_NE(record.start_time, 0U);
    EXPECT_FALSE(verify(record));
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_FALSE(identify(pid, record));
}

TEST(Claim, IsHeldByOneAtATime) {
    const TemporaryHost host;
    auto first = claim(host.paths(), "web");
    ASSERT_TRUE(first);
    const auto second = claim_existing(host.paths(), "web");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EBUSY);
    first->lock.reset();
    EXPECT_TRUE(claim_existing(host.paths(), "web"));
}

TEST(Claim, MakesAFolderThatOnlyRootEnters) {
    const TemporaryHost host;
    const auto claimed = claim(host.paths(), "web");
    ASSERT_TRUE(claimed);

    struct stat status {};

    ASSERT_EQ(::stat(claimed->path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST(Find, TellsKeptFromLeftOver) {
    const TemporaryHost host;
    auto claimed = claim(host.paths(), "web");
    ASSERT_TRUE(claimed);
    ASSERT_TRUE(write_record(*claimed, record_of_this_process()));
    auto found = find(host.paths(), "web");
    ASSERT_TRUE(found && *found);
    EXPECT_TRUE((*found)->running());
    EXPECT_TRUE((*found)->kept);

    claimed->lock.reset();
    found = find(host.paths(), "web");
    ASSERT_TRUE(found && *found);
    EXPECT_FALSE((*found)->kept);
}

TEST(Find, HasNothingForAGuestThatIsNotThere) {
    const TemporaryHost host;
    const auto found = find(host.paths(), "web");
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
    const auto listed = list(host.paths());
    ASSERT_TRUE(listed);
    EXPECT_TRUE(listed->empty());
}

TEST(ReplaceFile, LeavesTheOldContentWhenTheNewOneCannotBeWritten) {
    const TemporaryHost host;
    const std::string path = host.folder() + "/file";
    ASSERT_TRUE(replace_file(AT_FDCWD, path.c_str(), "old", 0600));
    ASSERT_EQ(::mkdir((path + ".new").c_str(), 0700), 0);
    EXPECT_FALSE(replace_file(AT_FDCWD, path.c_str(), "new", 0600));
    EXPECT_EQ(*read_file(AT_FDCWD, path.c_str(), 100), "old");
}

TEST(ReadFile, RefusesWhatIsLargerThanItsLimit) {
    const TemporaryHost host;
    const std::string path = host.folder() + "/file";
    ASSERT_TRUE(replace_file(AT_FDCWD, path.c_str(), "12345", 0600));
    EXPECT_EQ(*read_file(AT_FDCWD, path.c_str(), 5), "12345");
    const auto too_large = read_file(AT_FDCWD, path.c_str(), 4);
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().code, EFBIG);
}

} // namespace
} // namespace stead::guests
