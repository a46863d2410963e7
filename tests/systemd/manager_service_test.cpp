#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "systemd/manager_service.h"

namespace stead::systemd {
namespace {

/// The service at the other end of a socket pair, with one guest that has a file.
class ManagerServices : public ::testing::Test {
protected:
    ManagerServices() {
        std::string folder = ::testing::TempDir() + "stead-manager-XXXXXX";
        base_ = ::mkdtemp(folder.data());
        std::filesystem::create_directories(base_ + "/etc/guests");
        std::ofstream(base_ + "/etc/guests/web.toml") << "root = \"/srv\"\n";
        std::array<int, 2> pair{-1, -1};
        (void)::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data());
        thread_ = std::thread([this, other = pair[1]] {
            auto served = open_peer(sys::UniqueFd(other), true);
            if (!served) return;
            ManagerOptions options;
            options.paths = {base_ + "/run", base_ + "/var", base_ + "/etc"};
            options.stead = "/bin/false";
            options.peer = true;
            code_ = serve_manager(served->get(), options);
        });
        auto opened = open_peer(sys::UniqueFd(pair[0]), false);
        if (opened) bus_ = *std::move(opened);
    }

    ~ManagerServices() override {
        bus_.reset();
        thread_.join();
        std::error_code ignored;
        std::filesystem::remove_all(base_, ignored);
    }

    Message request(const char* member) {
        return new_call(bus_.get(), nullptr, kManagerPath, kManagerInterface, member);
    }

    std::string base_;
    Bus bus_;
    std::thread thread_;
    int code_ = -1;
};

TEST_F(ManagerServices, ListGuestsThatHaveAFile) {
    const Answer answer = call(bus_.get(), request("ListGuests"), 5_s);
    ASSERT_TRUE(answer) << answer.problem;
    ASSERT_GT(sd_bus_message_enter_container(answer.message.get(), 'a', "(ssu)"), 0);
    const char* name = nullptr;
    const char* state = nullptr;
    std::uint32_t leader = 1;
    ASSERT_GT(sd_bus_message_read(answer.message.get(), "(ssu)", &name, &state, &leader), 0);
    EXPECT_STREQ(name, "web");
    EXPECT_STREQ(state, "down");
    EXPECT_EQ(leader, 0U);
}

TEST_F(ManagerServices, NameTheGuestThatIsNot) {
    for (const char* hostile : {"nobody", "../web", "", "web/x"}) {
        Message question = request("StartGuest");
        sd_bus_message_append(question.get(), "s", hostile);
        const Answer answer = call(bus_.get(), std::move(question), 5_s);
        EXPECT_FALSE(answer);
        EXPECT_EQ(answer.problem_name, "org.stead.Manager1.NoSuchGuest") << hostile;
    }
}

TEST_F(ManagerServices, SignalAUnitThatHasFailed) {
    std::string heard;
    sd_bus_slot* slot = nullptr;
    const auto hear = [](sd_bus_message* message, void* data, sd_bus_error*) {
        const char* guest = nullptr;
        const char* unit = nullptr;
        if (sd_bus_message_read(message, "ss", &guest, &unit) >= 0)
            *static_cast<std::string*>(data) = std::string(guest) + "/" + unit;
        return 0;
    };
    ASSERT_GE(sd_bus_match_signal(bus_.get(), &slot, nullptr, kManagerPath, kManagerInterface,
                                  "UnitFailed", hear, &heard),
              0);
    const Slot held(slot);
    const Answer answer = announce_failed_unit(bus_.get(), "web", "nginx");
    EXPECT_TRUE(answer) << answer.problem;
    while (sd_bus_process(bus_.get(), nullptr) > 0) {
    }
    EXPECT_EQ(heard, "web/nginx");
    EXPECT_FALSE(announce_failed_unit(bus_.get(), "web", "../x"));
}

TEST_F(ManagerServices, TakeNoOptionForALevel) {
    for (const char* hostile : {"--help", "-x=1", "memory-max"}) {
        Message question = request("Set");
        sd_bus_message_append(question.get(), "sasb", "web", 1, hostile, 0);
        const Answer answer = call(bus_.get(), std::move(question), 5_s);
        EXPECT_EQ(answer.problem_name, SD_BUS_ERROR_INVALID_ARGS) << hostile;
    }
}

TEST_F(ManagerServices, TellThatSetFailed) {
    Message question = request("Set");
    sd_bus_message_append(question.get(), "sasb", "web", 1, "memory-max=1G", 0);
    const Answer answer = call(bus_.get(), std::move(question), 5_s);
    EXPECT_EQ(answer.problem_name, "org.stead.Manager1.Failed");
}

TEST_F(ManagerServices, DescribeThemselves) {
    const Answer answer = call(bus_.get(),
                               new_call(bus_.get(), nullptr, kManagerPath,
                                        "org.freedesktop.DBus.Introspectable", "Introspect"),
                               5_s);
    ASSERT_TRUE(answer) << answer.problem;
    const char* text = nullptr;
    ASSERT_GT(sd_bus_message_read(answer.message.get(), "s", &text), 0);
    for (const char* part : {"StartGuest", "GuestStopped", "RunningGuests", "Version"})
        EXPECT_NE(std::string_view(text).find(part), std::string_view::npos) << part;
}

} // namespace
} // namespace stead::systemd
