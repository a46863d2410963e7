#include <gtest/gtest.h>

#include "unitfile/values.h"

namespace stead::unitfile {

TEST(ParseDuration, ReadsNumbersWithUnits) {
    EXPECT_EQ(parse_duration("30s").value, 30_s);
    EXPECT_EQ(parse_duration("1m30s").value, 90_s);
    EXPECT_EQ(parse_duration("500ms").value, 500_ms);
    EXPECT_EQ(parse_duration("1.5s").value, 1500_ms);
    EXPECT_EQ(parse_duration("0.001s").value, 1_ms);
    EXPECT_EQ(parse_duration("2000us").value, 2_ms);
    EXPECT_EQ(parse_duration("1d2h3m4s5ms").value, 93'784'005_ms);
    EXPECT_EQ(parse_duration("0s").value, 0_s);
    EXPECT_EQ(parse_duration("infinity").value, Duration::infinity());
    EXPECT_EQ(parse_duration("49d").value, 49_min * 60 * 24);
}

TEST(ParseDuration, RefusesEverythingElse) {
    for (const std::string_view text : {"",
                                        "s",
                                        "30",
                                        "0",
                                        "-5s",
                                        "+5s",
                                        "5 s",
                                        " 5s",
                                        "5s ",
                                        "5sec",
                                        "5S",
                                        "1s1m",
                                        "1s2s",
                                        "1.s",
                                        ".5s",
                                        "1..5s",
                                        "1e3s",
                                        "0x5s",
                                        "5us",
                                        "0.0001s",
                                        "50d",
                                        "infinite",
                                        "Infinity",
                                        "1.0000000001s",
                                        "18446744073709551616s",
                                        "18446744073709551615d",
                                        "\xc2\xa0"
                                        "5s"}) {
        const auto parsed = parse_duration(text);
        EXPECT_FALSE(parsed.value.has_value()) << text;
        EXPECT_FALSE(parsed.problem.empty()) << text;
    }
}

TEST(ParseDuration, OffersTheUnitsToABareNumber) {
    EXPECT_EQ(parse_duration("30").problem, "a duration needs a unit: \"30s\" or \"30ms\"");
}

TEST(ParseSize, ReadsPowersOf1024) {
    EXPECT_EQ(parse_size("0B").value, 0U);
    EXPECT_EQ(parse_size("4096B").value, 4096U);
    EXPECT_EQ(parse_size("1K").value, 1024U);
    EXPECT_EQ(parse_size("512M").value, 512U << 20U);
    EXPECT_EQ(parse_size("1.5G").value, 3ULL << 29U);
    EXPECT_EQ(parse_size("2T").value, 2ULL << 40U);
    EXPECT_EQ(parse_size("infinity").value, UINT64_MAX);
}

TEST(ParseSize, RefusesEverythingElse) {
    for (const std::string_view text :
         {"", "512", "0", "M", "-1M", "1 M", "1MB", "1MiB", "1m", "1P", "1.M", ".5M", "0.3B",
          "16777216T", "99999999999999999999B", "max", "50%", "1G1M"}) {
        const auto parsed = parse_size(text);
        EXPECT_FALSE(parsed.value.has_value()) << text;
        EXPECT_FALSE(parsed.problem.empty()) << text;
    }
}

TEST(ParseSignal, KnowsNamesNumbersAndRealTimeSignals) {
    EXPECT_EQ(parse_signal("TERM").value, 15);
    EXPECT_EQ(parse_signal("SIGTERM").value, 15);
    EXPECT_EQ(parse_signal("HUP").value, 1);
    EXPECT_EQ(parse_signal("WINCH").value, 28);
    EXPECT_EQ(parse_signal("9").value, 9);
    EXPECT_EQ(parse_signal("POLL").value, parse_signal("IO").value);
    // The kernel's numbers: a C library would call its own first one RTMIN.
    EXPECT_EQ(parse_signal("RTMIN").value, 34);
    EXPECT_EQ(parse_signal("SIGRTMIN+3").value, 37);
    EXPECT_EQ(parse_signal("RTMAX").value, 64);
    EXPECT_EQ(parse_signal("RTMAX-1").value, 63);
    EXPECT_EQ(parse_signal("RTMIN+30").value, 64);
}

TEST(ParseSignal, RefusesEverythingElse) {
    for (const std::string_view text :
         {"", "term", "SIG", "SIGSIGTERM", "0", "65", "-1", "32", "33", "RTMIN+", "RTMIN+31",
          "RTMIN-1", "RTMAX+1", "RTMAX-31", "TERM ", "EXIT", "9999999999999999999999"}) {
        const auto parsed = parse_signal(text);
        EXPECT_FALSE(parsed.value.has_value()) << text;
        EXPECT_FALSE(parsed.problem.empty()) << text;
    }
}

TEST(SignalName, IsReadBackAsTheSameSignal) {
    for (int number = 1; number <= 64; ++number) {
        if (number == 32 || number == 33) continue;
        const auto signal = static_cast<std::uint8_t>(number);
        EXPECT_EQ(parse_signal(signal_name(signal)).value, signal) << signal_name(signal);
    }
}

TEST(ParseMode, TakesThreeOrFourOctalDigits) {
    EXPECT_EQ(parse_mode("750").value, 0750U);
    EXPECT_EQ(parse_mode("0022").value, 022U);
    EXPECT_EQ(parse_mode("1777").value, 01777U);
    for (const std::string_view text : {"", "0", "75", "07500", "0x1f", "0o750", "888", "-750"})
        EXPECT_FALSE(parse_mode(text).value.has_value()) << text;
}

TEST(ParseEndpoint, TakesNumericAddressesOnly) {
    const auto v4 = parse_endpoint("127.0.0.1:80");
    ASSERT_TRUE(v4.value.has_value());
    EXPECT_EQ(v4.value->address, "127.0.0.1");
    EXPECT_EQ(v4.value->port, 80);
    EXPECT_FALSE(v4.value->v6);

    const auto v6 = parse_endpoint("[::1]:65535");
    ASSERT_TRUE(v6.value.has_value());
    EXPECT_EQ(v6.value->address, "::1");
    EXPECT_EQ(v6.value->port, 65535);
    EXPECT_TRUE(v6.value->v6);

    for (const std::string_view text : {"",
                                        ":",
                                        "80",
                                        ":80",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:0",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:-1",
                                        "127.0.0.1:+80",
                                        "127.0.0.1:8 0",
                                        "::1:80",
                                        "[::1]",
                                        "[::1",
                                        "[127.0.0.1]:80",
                                        "localhost:80",
                                        "example.org:80",
                                        "127.1:80",
                                        "1.2.3.4.5:80",
                                        "[fe80::1%eth0]:80"}) {
        const auto parsed = parse_endpoint(text);
        EXPECT_FALSE(parsed.value.has_value()) << text;
        EXPECT_FALSE(parsed.problem.empty()) << text;
    }
}

TEST(ParseListen, TakesAProtocolAndAnEndpointOrAPort) {
    const auto redis = parse_listen("tcp:127.0.0.1:6379");
    ASSERT_TRUE(redis.value.has_value());
    EXPECT_FALSE(redis.value->udp);
    EXPECT_EQ(redis.value->endpoint.address, "127.0.0.1");

    const auto dns = parse_listen("udp:[::]:53");
    ASSERT_TRUE(dns.value.has_value());
    EXPECT_TRUE(dns.value->udp);
    EXPECT_TRUE(dns.value->endpoint.v6);

    const auto any = parse_listen("tcp:80");
    ASSERT_TRUE(any.value.has_value());
    EXPECT_EQ(any.value->endpoint.address, "");
    EXPECT_EQ(any.value->endpoint.port, 80);

    for (const std::string_view text : {"", "80", "tcp", "tcp:", "TCP:80", "sctp:80", "tcp:0",
                                        "tcp:65536", "tcp:redis:80", "udp:127.0.0.1"})
        EXPECT_FALSE(parse_listen(text).value.has_value()) << text;
}

} // namespace stead::unitfile
