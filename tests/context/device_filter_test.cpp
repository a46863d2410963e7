#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "context/guest.h"
#include "sys/device_program.h"

namespace stead::testing {

namespace {

constexpr std::uint64_t kMayMakeNodes = 1ULL << 27U; // CAP_MKNOD

DeviceRule memory(std::uint32_t minor, bool write = true) {
    return {.block = false, .major = 1, .minor = minor, .read = true, .write = write};
}

class DeviceFilter : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        if (!guest_.use_cgroup()) GTEST_SKIP() << "needs a writable cgroup2 mount";
        guest_.recipe.capabilities |= kMayMakeNodes;
    }

    Told ask() {
        return guest_.run({"sh : </dev/null", "sh : >/dev/null", "sh : </dev/zero",
                           "sh : >/dev/zero", "sh : </dev/full", "mknod /tmp/made"});
    }

    Guest guest_ = Guest::jail();
};

} // namespace

TEST_F(DeviceFilter, AllowsWhatIsListedAndMakesNothing) {
    guest_.recipe.limits_devices = true;
    guest_.recipe.devices = {memory(3), memory(5, /*write=*/false)};
    const Told told = ask();
    ASSERT_FALSE(told.error) << told.why();
    ASSERT_TRUE(told.notices.empty()) << told.notices.front();
    EXPECT_TRUE(told.has("sh : </dev/null: exit 0")) << told.output;
    EXPECT_TRUE(told.has("sh : >/dev/null: exit 0")) << told.output;
    EXPECT_TRUE(told.has("sh : </dev/zero: exit 0")) << told.output;
    EXPECT_TRUE(told.has("sh : >/dev/zero: exit 2")) << told.output;
    EXPECT_TRUE(told.has("sh : </dev/full: exit 2")) << told.output;
    EXPECT_TRUE(told.has("mknod /tmp/made: EPERM")) << told.output;
}

// What the same guest may do without: the test above would see it.
TEST_F(DeviceFilter, IsWhatForbidsIt) {
    const Told told = ask();
    ASSERT_FALSE(told.error) << told.why();
    for (const char* line : {"sh : </dev/null", "sh : >/dev/zero", "sh : </dev/full"})
        EXPECT_TRUE(told.has(std::string(line) + ": exit 0")) << line << '\n' << told.output;
    EXPECT_TRUE(told.has("mknod /tmp/made: OK")) << told.output;
}

TEST_F(DeviceFilter, IsReplacedInOneStepAndReadBack) {
    const sys::UniqueFd cgroup(::open(guest_.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto read = sys::read_devices(cgroup.get());
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->has_value());
    for (const auto& rules : {std::vector{memory(3)}, std::vector{memory(3), memory(5, false)},
                              std::vector<DeviceRule>{}}) {
        ASSERT_TRUE(sys::limit_devices(cgroup.get(), rules));
        read = sys::read_devices(cgroup.get());
        ASSERT_TRUE(read && read->has_value());
        EXPECT_EQ(**read, rules);
        const auto programs = sys::bpf_programs_of(cgroup.get(), BPF_CGROUP_DEVICE);
        ASSERT_TRUE(programs);
        EXPECT_EQ(programs->size(), 1U);
    }
}

} // namespace stead::testing
