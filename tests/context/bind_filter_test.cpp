#include <sched.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "context/guest.h"

namespace stead::testing {

namespace {

recipe::Listen listen(const char* protocol, const char* address, std::uint16_t port) {
    recipe::Listen one;
    one.protocol = std::string(protocol) == "tcp" ? recipe::Listen::Protocol::Tcp
                                                  : recipe::Listen::Protocol::Udp;
    one.v6 = std::string(address).find(':') != std::string::npos;
    ::inet_pton(one.v6 ? AF_INET6 : AF_INET, address, one.address);
    one.port = port;
    return one;
}

} // namespace

class BindFilter : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        // A network of the test's own stands in for the host's.
        if (::unshare(CLONE_NEWNET) < 0) GTEST_SKIP() << "needs a network namespace";
        (void)std::system("ip link set lo up");
        guest_.recipe.namespaces &= ~static_cast<std::uint64_t>(CLONE_NEWNET);
        guest_.recipe.network.mode = recipe::NetworkMode::Host;
        guest_.recipe.network.restrict_bind = true;
    }

    Guest guest_ = Guest::jail();
};

TEST_F(BindFilter, AllowsExactlyWhatIsListed) {
    if (!guest_.use_cgroup()) GTEST_SKIP() << "needs a writable cgroup2 mount";
    guest_.recipe.network.listen = {listen("tcp", "127.0.0.1", 6379),
                                    listen("udp", "0.0.0.0", 5300), listen("tcp", "::1", 8080)};
    const Told told =
        guest_.run({"bind tcp 127.0.0.1 6379", "bind tcp 127.0.0.1 6380", "bind tcp 127.0.0.2 6379",
                    "bind tcp 0.0.0.0 6379", "bind udp 127.0.0.1 6379", "bind udp 127.0.0.3 5300",
                    "bind udp 0.0.0.0 5300", "bind tcp 127.0.0.1 0", "bind tcp6 ::1 8080",
                    "bind tcp6 :: 8080", "bind tcp6 ::1 8081", "bind tcp6 ::ffff:127.0.0.1 6379",
                    "bind tcp6 ::ffff:127.0.0.2 6379"});
    ASSERT_FALSE(told.error) << told.why();
    for (const char* good : {"tcp 127.0.0.1 6379", "udp 127.0.0.3 5300", "udp 0.0.0.0 5300",
                             "tcp6 ::1 8080", "tcp6 ::ffff:127.0.0.1 6379"}) {
        EXPECT_TRUE(told.has("bind " + std::string(good) + ": OK")) << good << '\n' << told.output;
    }
    for (const char* bad :
         {"tcp 127.0.0.1 6380", "tcp 127.0.0.2 6379", "tcp 0.0.0.0 6379", "udp 127.0.0.1 6379",
          "tcp 127.0.0.1 0", "tcp6 :: 8080", "tcp6 ::1 8081", "tcp6 ::ffff:127.0.0.2 6379"}) {
        EXPECT_TRUE(told.has("bind " + std::string(bad) + ": EPERM")) << bad << '\n' << told.output;
    }
}

TEST_F(BindFilter, LetsClientsConnectWhereNothingIsListed) {
    if (!guest_.use_cgroup()) GTEST_SKIP() << "needs a writable cgroup2 mount";
    const Told told =
        guest_.run({"connect udp 127.0.0.1 9", "connect tcp 127.0.0.1 9", "bind tcp 127.0.0.1 0"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("connect udp 127.0.0.1 9: OK")) << told.output;
    EXPECT_TRUE(told.has("connect tcp 127.0.0.1 9: ECONNREFUSED")) << told.output;
    EXPECT_TRUE(told.has("bind tcp 127.0.0.1 0: EPERM")) << told.output;
}

TEST_F(BindFilter, RefusesToStartWhereItCannotBeEnforced) {
    const Told told = guest_.run({"pid"});
    ASSERT_TRUE(told.error);
    EXPECT_NE(told.why().find("network.listen cannot be enforced"), std::string::npos)
        << told.why();
}

} // namespace stead::testing
