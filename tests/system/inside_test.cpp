#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "sys/unix_socket.h"
#include "system/harness.h"
#include "wire/message.h"

namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

/// The guest's own listener: what its root may do with the same verbs, and what anybody else may.
class Inside : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        NEED_GUESTS();
        host_.write("units/one.toml", "command = \"sleep infinity\"\nrestart.delay = \"0s\"\n");
        host_.write("units/two.toml", "command = \"sleep infinity\"\nenabled = false\n"
                                      "restart = \"no\"\n");
        const std::string file = host_.write(
            "web.toml", std::string("root = \"host\"\nephemeral = true\nusers = \"") + GetParam() +
                            "\"\nunits = [\"" + host_.folder() + "/units\"]\n");
        running_ =
            std::make_unique<Background>(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running_->output();
    }

    void TearDown() override {
        if (!running_) return;
        running_->signal(SIGTERM);
        EXPECT_EQ(running_->wait(), 0) << running_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    /// `stead WORDS...` inside, as `user`.
    [[nodiscard]] Outcome inside(const std::string& user, const Words& words) const {
        Words all{"exec", "--user", user, "web", "-T", "--", "/run/stead/bin/stead"};
        all.insert(all.end(), words.begin(), words.end());
        return host_.stead(all);
    }

    [[nodiscard]] int pid_1() const {
        const std::string state = read_text(host_.folder() + "/run/guests/web/state.json");
        const auto at = state.find("\"pid\":");
        return at == std::string::npos ? 0 : std::stoi(state.substr(at + 6));
    }

    /// A connection to the guest's own listener by somebody who is not its root.
    [[nodiscard]] sys::UniqueFd connect() const {
        auto fd = sys::connect_unix("/proc/" + std::to_string(pid_1()) + "/root/run/stead/control",
                                    SOCK_SEQPACKET);
        return fd ? std::move(*fd) : sys::UniqueFd();
    }

    [[nodiscard]] std::size_t descriptors() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& fd :
             fs::directory_iterator("/proc/" + std::to_string(pid_1()) + "/fd"))
            ++count;
        return count;
    }

    /// PID 1 answers the host and the guest's root, and its services are healed.
    void expect_alive() const {
        const auto start = std::chrono::steady_clock::now();
        EXPECT_EQ(host_.stead({"status", "web"}).code, 0);
        EXPECT_EQ(inside("root", {"status"}).code, 0);
        const int before = host_.pid_of("web/one");
        EXPECT_EQ(host_.stead({"kill", "web/one", "-s", "KILL"}).code, 0);
        EXPECT_TRUE(eventually([&] {
            const int now = host_.pid_of("web/one");
            return now > 0 && now != before;
        }));
        EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    }

    Host host_;
    std::unique_ptr<Background> running_;
};

TEST_P(Inside, RootCommandsItsUnits) {
    EXPECT_NE(inside("root", {"list"}).out.find("one"), std::string::npos);
    EXPECT_EQ(inside("root", {"start", "two"}).code, 0);
    EXPECT_EQ(inside("root", {"status", "two"}).code, 0);
    const int first = host_.pid_of("web/two");
    EXPECT_EQ(inside("root", {"restart", "two"}).code, 0);
    EXPECT_NE(host_.pid_of("web/two"), first);
    EXPECT_EQ(inside("root", {"kill", "two", "-s", "KILL"}).code, 0);
    EXPECT_EQ(inside("root", {"wait", "two", "--timeout", "5"}).code, 1);
    EXPECT_EQ(inside("root", {"status", "two"}).code, 3);
    EXPECT_EQ(inside("root", {"start", "two"}).code, 0);
    EXPECT_EQ(inside("root", {"stop", "two"}).code, 0);
    EXPECT_EQ(inside("root", {"logs", "one"}).code, 0);
    EXPECT_EQ(inside("root", {"exec", "--", "id", "-u"}).out, "0\n");
    EXPECT_EQ(inside("root", {"exec", "--", "sh", "-c", "exit 7"}).code, 7);
    EXPECT_EQ(inside("root", {"status", "three"}).code, 5);
}

TEST_P(Inside, OthersMayOnlyLook) {
    for (const std::string user : {"65534", "nobody", "1234"}) {
        for (const Words& words : {Words{"status"}, Words{"list"}, Words{"show", "one"},
                                   Words{"status", "one"}, Words{"logs", "one"}})
            EXPECT_EQ(inside(user, words).code, 0) << words[0];
        const int before = host_.pid_of("web/one");
        for (const Words& words :
             {Words{"start", "two"}, Words{"stop", "one"}, Words{"restart", "one"},
              Words{"kill", "one"}, Words{"reload", "one"}, Words{"poweroff"}}) {
            const Outcome outcome = inside(user, words);
            EXPECT_EQ(outcome.code, 1) << words[0];
            EXPECT_NE(outcome.err.find("only root"), std::string::npos) << outcome.err;
        }
        EXPECT_EQ(inside(user, {"exec", "--", "id"}).code, 125);
        EXPECT_EQ(host_.pid_of("web/one"), before);
    }
}

TEST_P(Inside, WhatIsTheHostsIsRefused) {
    for (const Words& words : {Words{"jail", "--", "true"}, Words{"run", "/etc/x.toml"}}) {
        const Outcome outcome = inside("root", words);
        EXPECT_NE(outcome.code, 0) << words[0];
        EXPECT_NE(outcome.err, "") << words[0];
    }
    // Its own listener makes nobody the keeper, whoever asks.
    const sys::UniqueFd fd = connect();
    ASSERT_TRUE(fd);
    std::array<std::byte, 64> buffer;
    wire::Writer attach(buffer, wire::Kind::AttachKeeper);
    ASSERT_TRUE(sys::send(fd.get(), attach.bytes(), {}));
    std::array<std::byte, 1024> received;
    pollfd ready{fd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 5000), 1);
    const ssize_t size = ::recv(fd.get(), received.data(), received.size(), 0);
    const auto answer = wire::Reader::open(
        std::span(received).first(static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
    if (answer) {
        EXPECT_EQ(answer->kind(), wire::Kind::End);
        EXPECT_NE(answer->number(wire::Tag::Code), 0);
    }
    expect_alive();
}

TEST_P(Inside, HundredsOfConnectionsHoldNobody) {
    const std::size_t before = descriptors();
    {
        std::vector<sys::UniqueFd> held;
        held.reserve(400);
        for (int count = 0; count < 400; ++count)
            held.push_back(connect());
        expect_alive();
    }
    EXPECT_TRUE(eventually([&] { return descriptors() <= before; })) << descriptors();
}

TEST_P(Inside, RubbishAndHalfMessagesHoldNobody) {
    const std::size_t before = descriptors();
    std::array<std::byte, 256> buffer;
    wire::Writer whole(buffer, wire::Kind::Status);
    const auto bytes = whole.bytes();
    unsigned seed = 1;
    for (int count = 0; count < 300; ++count) {
        const sys::UniqueFd fd = connect();
        if (!fd) continue;
        std::vector<std::byte> rubbish(static_cast<std::size_t>(count) * 37 % 5000 + 1);
        for (std::byte& byte : rubbish)
            byte = static_cast<std::byte>((seed = seed * 1103515245 + 12345) >> 16);
        const auto half = bytes.first(bytes.size() / 2);
        (void)!::send(fd.get(), count % 2 == 0 ? rubbish.data() : half.data(),
                      count % 2 == 0 ? rubbish.size() : half.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count % 3 == 0) (void)!::send(fd.get(), "", 0, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    expect_alive();
    EXPECT_TRUE(eventually([&] { return descriptors() <= before; })) << descriptors();
}

TEST_P(Inside, AFloodOfQuestionsWithoutReadingHoldsNobody) {
    std::vector<sys::UniqueFd> held;
    std::array<std::byte, 256> buffer;
    wire::Writer question(buffer, wire::Kind::Status);
    const auto bytes = question.bytes();
    for (int count = 0; count < 40; ++count) {
        held.push_back(connect());
        for (int again = 0; held.back() && again < 200; ++again)
            (void)!::send(held.back().get(), bytes.data(), bytes.size(),
                          MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    expect_alive();
}

TEST_P(Inside, DescriptorsThatNobodyAskedForAreClosed) {
    const std::size_t before = descriptors();
    std::array<std::byte, 256> buffer;
    wire::Writer question(buffer, wire::Kind::Ping);
    const auto bytes = question.bytes();
    const sys::UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::vector<sys::UniqueFd> held;
    for (int count = 0; count < 20; ++count) {
        held.push_back(connect());
        if (!held.back()) continue;
        // SCM_MAX_FD at once.
        std::vector<int> many(253, folder.get());
        iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
        std::vector<std::byte> control(CMSG_SPACE(many.size() * sizeof(int)));
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(many.size() * sizeof(int));
        std::memcpy(CMSG_DATA(header), many.data(), many.size() * sizeof(int));
        (void)!::sendmsg(held.back().get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    expect_alive();
    held.clear();
    EXPECT_TRUE(eventually([&] { return descriptors() <= before; })) << descriptors();
}

INSTANTIATE_TEST_SUITE_P(Users, Inside, ::testing::Values("private", "host"), [](const auto& name) {
    return std::string(name.param);
});

} // namespace
} // namespace stead::system_test
