#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "keep/relay.h"
#include "keep/screen.h"
#include "sys/stream.h"
#include "sys/unix_socket.h"

namespace stead::keep {
namespace {

class Relaying : public ::testing::Test {
protected:
    Relaying() {
        auto first = sys::make_pipe();
        auto second = sys::make_pipe();
        sender = std::move(first->write);
        receiver = std::move(second->read);
        relay->open(std::move(first->read), std::move(second->write));
    }

    std::string received() {
        std::string text(100'000, '\0');
        if (!sys::is_readable(receiver.get(), 0)) return {};
        const auto got = sys::read_some(receiver.get(), text);
        text.resize(got ? *got : 0);
        return text;
    }

    sys::UniqueFd sender;
    sys::UniqueFd receiver;
    Relay::Memory memory{};
    std::unique_ptr<Relay> relay = std::make_unique<Relay>(memory);
};

TEST_F(Relaying, PassesBytesUnchanged) {
    const std::string bytes("a\0\x1b\xff\n", 5);
    ASSERT_TRUE(sys::write_some(sender.get(), bytes));
    relay->pump();
    EXPECT_EQ(received(), bytes);
    EXPECT_EQ(relay->wants(), Relay::Wants::Input);
}

TEST_F(Relaying, ReadsNothingWhileTheReceiverTakesNothing) {
    ASSERT_TRUE(sys::set_nonblocking(sender.get(), true));
    std::size_t sent = 0;
    const std::string block(4096, 'x');
    for (int round = 0; round < 100; ++round) {
        while (const auto taken = sys::write_some(sender.get(), block))
            sent += *taken;
        relay->pump();
    }
    EXPECT_EQ(relay->wants(), Relay::Wants::Output);
    EXPECT_LT(sent, 200'000U);

    std::size_t got = 0;
    for (int round = 0; round < 200; ++round) {
        got += received().size();
        relay->pump();
    }
    EXPECT_EQ(got, sent);
}

TEST_F(Relaying, TellsTheReceiverOfTheEndAfterTheLastByte) {
    ASSERT_TRUE(sys::write_some(sender.get(), "last"));
    sender.reset();
    relay->pump();
    EXPECT_EQ(received(), "last");
    EXPECT_FALSE(relay->active());
    char byte = 0;
    EXPECT_EQ(*sys::read_some(receiver.get(), std::span(&byte, 1)), 0U);
}

TEST_F(Relaying, TellsTheSenderThatNobodyReads) {
    receiver.reset();
    ASSERT_EQ(::signal(SIGPIPE, SIG_IGN) == SIG_ERR, false);
    ASSERT_TRUE(sys::write_some(sender.get(), "into the void"));
    relay->pump();
    EXPECT_FALSE(relay->active());
    const auto again = sys::write_some(sender.get(), "x");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, EPIPE);
}

TEST(OnScreen, ASlowReaderLosesWholeLinesAndIsToldHowMany) {
    auto pipe = sys::make_pipe();
    const auto memory = std::make_unique<Screen::Memory>();
    auto screen = std::make_unique<Screen>(*memory);
    screen->open(pipe->write.get());
    for (int count = 0; count < 3000; ++count) {
        screen->line("web: ", std::string(200, 'x'));
        screen->flush();
    }
    std::string all;
    std::string part(65536, '\0');
    for (int round = 0; round < 10; ++round) {
        while (sys::is_readable(pipe->read.get(), 0))
            all.append(part, 0, *sys::read_some(pipe->read.get(), part));
        screen->line("web: ", "end");
        screen->flush();
    }
    EXPECT_NE(all.find(" lines not shown]\nweb: end\n"), std::string::npos);
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = all.find('\n', at);
        ASSERT_NE(end, std::string::npos);
        const std::string line = all.substr(at, end - at);
        EXPECT_TRUE(line == "web: " + std::string(200, 'x') || line == "web: end" ||
                    line.starts_with("["))
            << line;
        at = end + 1;
    }
}

TEST(OnScreen, AReaderThatIsGoneIsNoFault) {
    (void)::signal(SIGPIPE, SIG_IGN);
    auto pipe = sys::make_pipe();
    const auto memory = std::make_unique<Screen::Memory>();
    auto screen = std::make_unique<Screen>(*memory);
    screen->open(pipe->write.get());
    pipe->read.reset();
    for (int count = 0; count < 1000; ++count) {
        screen->line("", "nobody listens");
        EXPECT_TRUE(screen->flush());
    }
}

} // namespace
} // namespace stead::keep
