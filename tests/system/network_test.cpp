#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "system/harness.h"

/// Private networks with real traffic. The "host" of each test is a network namespace of its own,
/// and so is the "world" beside it: nothing of the machine's own network is touched.
namespace stead::system_test {
namespace {

bool can_run(const Words& words) {
    return run_program(words).code == 0;
}

std::string missing_for_networks() {
    if (std::string missing = missing_here(); !missing.empty()) return missing;
    for (const char* program : {"/usr/sbin/nft", "/usr/bin/busybox", "/usr/bin/curl"}) {
        if (::access(program, X_OK) != 0) return program;
    }
    const std::string probe = "ip link add a0 type veth peer name b0 && "
                              "nft 'table inet t { chain c { type nat hook postrouting priority "
                              "srcnat; masquerade; }; chain d { fib daddr type local accept; }; }'";
    if (!can_run({"unshare", "-n", "sh", "-c", probe}))
        return "a kernel with veth and nf_tables (nat, fib)";
    return {};
}

#define NEED_NETWORKS()                                                                            \
    if (const std::string missing = missing_for_networks(); !missing.empty())                      \
    GTEST_SKIP() << "needs " << missing

std::string output_of(const std::string& script) {
    const Outcome outcome = run_program({"sh", "-c", script});
    return outcome.out + outcome.err;
}

/// This process in a new network namespace until it goes out of scope.
class OwnNetwork {
public:
    OwnNetwork()
        : machine_(output_of("readlink /proc/self/ns/net"))
        , before_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
        if (::unshare(CLONE_NEWNET) != 0) ADD_FAILURE() << "unshare";
        run_program({"ip", "link", "set", "lo", "up"});
    }

    OwnNetwork(const OwnNetwork&) = delete;
    OwnNetwork& operator=(const OwnNetwork&) = delete;
    OwnNetwork(OwnNetwork&&) = delete;
    OwnNetwork& operator=(OwnNetwork&&) = delete;

    ~OwnNetwork() {
        if (::setns(before_, CLONE_NEWNET) != 0) ADD_FAILURE() << "setns";
        ::close(before_);
    }

    /// The machine's own, as readlink(1) shows it.
    [[nodiscard]] const std::string& machine() const { return machine_; }

private:
    std::string machine_;
    int before_;
};

/// A machine beyond the host: 192.0.2.2 and 2001:db8:2::2, the host has ...1. It knows no way to
/// guests.
class World {
public:
    explicit World(const Host& host)
        : shell_({"unshare", "-n", "sleep", "600"}, host.folder() + "/world.log")
        , at_({"nsenter", "-t", std::to_string(shell_.pid()), "-n"}) {
        const std::string pid = std::to_string(shell_.pid());
        const std::string mine = output_of("readlink /proc/self/ns/net");
        eventually([&] { return output_of("readlink /proc/" + pid + "/ns/net") != mine; });
        const std::string made =
            output_of("ip link add up0 type veth peer name w0 netns " + pid +
                      " && ip addr add 192.0.2.1/24 dev up0 && ip addr add 2001:db8:2::1/64 dev "
                      "up0 nodad && ip link set up0 up");
        EXPECT_EQ(made, "");
        EXPECT_EQ(run("ip link set lo up && ip addr add 192.0.2.2/24 dev w0 && ip addr add "
                      "2001:db8:2::2/64 dev w0 nodad && ip link set w0 up")
                      .err,
                  "");
    }

    [[nodiscard]] Outcome run(const std::string& script) const {
        Words words = at_;
        words.insert(words.end(), {"sh", "-c", script});
        return run_program(words);
    }

    [[nodiscard]] Words words(const Words& command) const {
        Words all = at_;
        all.insert(all.end(), command.begin(), command.end());
        return all;
    }

private:
    Background shell_;
    Words at_;
};

std::string curl(const std::string& where) {
    return "curl -sS -g -m 4 http://" + where + "/hello";
}

class Networks : public testing::Test {
protected:
    void SetUp() override {
        NEED_NETWORKS();
        folder = host.folder() + "/www";
        std::filesystem::create_directory(folder);
        write_text(folder + "/hello", "hello from inside\n");
    }

    void TearDown() override {
        if (IsSkipped()) return;
        for (const std::string& name : started)
            (void)host.stead({"stop", name});
        EXPECT_EQ(host.remains(), "");
        EXPECT_EQ(leftovers(), "");
    }

    /// What private networks leave on the host; empty if nothing.
    static std::string leftovers() {
        return output_of("nft list ruleset; ip -o link | grep -o 'st-[^@:]*'; ip route | grep st-");
    }

    /// A web server with a file on port 8080 of its own network.
    [[nodiscard]] std::string text_of(const std::string& network) const {
        return "profile = \"jail\"\nbind = [\"" + folder +
               ":/srv/www:ro\"]\n"
               "[network]\nmode = \"private\"\n" +
               network +
               "\n[unit.httpd]\n"
               "command = \"busybox httpd -f -p 8080 -h /srv/www\"\n"
               "ready.tcp = \"127.0.0.1:8080\"\n";
    }

    void define(const std::string& name, const std::string& network) const {
        host.write("etc/guests/" + name + ".toml", text_of(network));
    }

    void start(const std::string& name, const std::string& network) {
        define(name, network);
        const Outcome outcome = host.stead({"start", name});
        ASSERT_EQ(outcome.code, 0) << outcome.out << outcome.err;
        started.push_back(name);
    }

    [[nodiscard]] Outcome inside(const std::string& name, const std::string& script) const {
        return host.stead({"exec", name, "--", "sh", "-c", script});
    }

    /// PID 1 of a guest as the host sees it; 0 if it does not run.
    [[nodiscard]] int init_of(const std::string& name) const {
        const auto record = nlohmann::json::parse(
            read_text(host.folder() + "/run/guests/" + name + "/state.json"), nullptr, false);
        return record.is_object() ? record.value("pid", 0) : 0;
    }

    /// What begins a command of the host's root in the guest's network. It is never another one:
    /// what is done there would be done to the machine.
    [[nodiscard]] std::string enter(const std::string& name) const {
        const std::string pid = std::to_string(init_of(name));
        const std::string theirs = output_of("readlink /proc/" + pid + "/ns/net");
        const bool own = theirs.starts_with("net:") &&
                         theirs != output_of("readlink /proc/self/ns/net") &&
                         theirs != own_network.machine();
        EXPECT_TRUE(own) << name << " has no network of its own: " << theirs;
        return own ? "nsenter -t " + pid + " -n " : std::string("false ");
    }

    /// Whether an echo comes back to the guest's `from`.
    [[nodiscard]] bool
    echoes(const std::string& name, const std::string& from, const std::string& to) const {
        const Outcome outcome = run_program(
            {"sh", "-c", enter(name) + "busybox ping -q -c 1 -W 2 -I " + from + " " + to});
        EXPECT_NE(outcome.code, 127) << outcome.err;
        return outcome.code == 0;
    }

    [[nodiscard]] std::string fetch_from(const std::string& name, const std::string& where) const {
        const Outcome outcome = inside(name, curl(where) + " 2>/dev/null");
        return outcome.code == 0 ? outcome.out : "no (" + std::to_string(outcome.code) + ")";
    }

    OwnNetwork own_network;
    Host host;
    std::string folder;
    Words started;
};

const std::string kHello = "hello from inside\n";

} // namespace

TEST_F(Networks, ARoutedGuestAnswersTheHostAtItsAddressesOfBothFamilies) {
    start("web", "addresses = [\"10.7.0.10/24\", \"fd00:7::10/64\"]");
    EXPECT_EQ(output_of(curl("10.7.0.10:8080")), kHello);
    EXPECT_EQ(output_of(curl("[fd00:7::10]:8080")), kHello);
    const std::string shown =
        output_of(enter("web") + "sh -c 'ip -o addr show eth0; ip route; ip -6 route'");
    EXPECT_NE(shown.find("10.7.0.10/24"), std::string::npos) << shown;
    EXPECT_NE(shown.find("default via 169.254.0.1"), std::string::npos) << shown;
    EXPECT_NE(shown.find("default via fe80::1"), std::string::npos) << shown;
}

TEST_F(Networks, AnAddressThatNobodyWroteIsChosenAndKept) {
    start("web", "");
    const auto address = [&] { return output_of(enter("web") + "ip -o -4 addr show eth0"); };
    const std::string first = address();
    EXPECT_NE(first.find("10.209."), std::string::npos) << first;
    ASSERT_EQ(host.stead({"restart", "web"}).code, 0);
    EXPECT_EQ(address(), first);
}

TEST_F(Networks, PortsLeadFromTheHostAndTheWorldIntoTheGuest) {
    const World world(host);
    start("web", "addresses = [\"10.7.0.10\", \"fd00:7::10\"]\n"
                 "ports = [\"80:8080\", \"127.0.0.1:81:8080\"]");
    EXPECT_EQ(world.run(curl("192.0.2.1:80")).out, kHello);
    EXPECT_EQ(world.run(curl("[2001:db8:2::1]:80")).out, kHello);
    EXPECT_NE(world.run(curl("192.0.2.1:81")).code, 0);
    EXPECT_EQ(output_of(curl("127.0.0.1:80")), kHello);
    EXPECT_EQ(output_of(curl("127.0.0.1:81")), kHello);
    EXPECT_EQ(output_of(curl("192.0.2.1:80")), kHello);
}

TEST_F(Networks, APrivateAddressIsOutOfReachFromOutsideAndLeavesUnderTheHosts) {
    const World world(host);
    start("web", "addresses = [\"10.7.0.10\", \"fd00:7::10\"]");
    // Even to a neighbour who knows the way.
    EXPECT_EQ(world
                  .run("ip route add 10.7.0.10 via 192.0.2.1; ip route add fd00:7::10 via "
                       "2001:db8:2::1")
                  .code,
              0);
    EXPECT_NE(world.run(curl("10.7.0.10:8080")).code, 0);
    EXPECT_NE(world.run(curl("[fd00:7::10]:8080")).code, 0);
    const Background server(
        world.words({"busybox", "httpd", "-f", "-v", "-p", "7777", "-h", folder}),
        host.folder() + "/seen.log");
    EXPECT_TRUE(eventually([&] { return fetch_from("web", "192.0.2.2:7777") == kHello; }));
    EXPECT_TRUE(eventually([&] { return fetch_from("web", "[2001:db8:2::2]:7777") == kHello; }));
    const std::string seen = server.output();
    EXPECT_NE(seen.find("192.0.2.1]:"), std::string::npos) << seen;
    EXPECT_NE(seen.find("2001:db8:2::1]:"), std::string::npos) << seen;
    EXPECT_EQ(seen.find("10.7.0.10"), std::string::npos) << seen;
    EXPECT_EQ(seen.find("fd00:7"), std::string::npos) << seen;
}

TEST_F(Networks, AnAddressThatIsNotMasqueradedIsRoutedBothWays) {
    const World world(host);
    start("web", "addresses = [\"10.7.0.10\"]\nmasquerade = \"never\"");
    EXPECT_EQ(world.run("ip route add 10.7.0.10 via 192.0.2.1").code, 0);
    EXPECT_EQ(world.run(curl("10.7.0.10:8080")).out, kHello);
}

TEST_F(Networks, GuestsReachEachOtherOnlyWhereTheyAreLetIn) {
    start("web", "addresses = [\"10.7.0.10\", \"fd00:7::10\"]\nports = [\"80:8080\"]");
    start("db", "addresses = [\"10.7.0.11\", \"fd00:7::11\"]\npeers = [\"web\"]");
    start("open", "addresses = [\"10.7.0.12\"]\npeers = [\"*\"]");
    EXPECT_EQ(fetch_from("web", "10.7.0.11:8080"), kHello);
    EXPECT_EQ(fetch_from("web", "[fd00:7::11]:8080"), kHello);
    EXPECT_NE(fetch_from("db", "10.7.0.10:8080"), kHello);
    EXPECT_NE(fetch_from("db", "[fd00:7::10]:8080"), kHello);
    EXPECT_NE(fetch_from("open", "10.7.0.11:8080"), kHello);
    EXPECT_EQ(fetch_from("web", "10.7.0.12:8080"), kHello);
    EXPECT_EQ(fetch_from("db", "10.7.0.12:8080"), kHello);
    // Nor around the corner.
    EXPECT_NE(fetch_from("db", "169.254.0.1:80"), kHello);
}

TEST_F(Networks, TheHostsLoopbackIsOutOfReach) {
    const Background server({"busybox", "httpd", "-f", "-p", "127.0.0.1:7777", "-h", folder},
                            host.folder() + "/httpd.log");
    EXPECT_TRUE(eventually([&] { return output_of(curl("127.0.0.1:7777")) == kHello; }));
    start("web", "addresses = [\"10.7.0.10\"]\nports = [\"80:8080\"]");
    EXPECT_NE(fetch_from("web", "127.0.0.1:7777"), kHello);
    // As the host's root would send it from that interface.
    const std::string in_web = enter("web");
    EXPECT_EQ(output_of(in_web + "sysctl -qw net.ipv4.conf.all.route_localnet=1; " + in_web +
                        "ip route replace 127.0.0.1 dev eth0 via 169.254.0.1 onlink table 7; " +
                        in_web + "ip rule add to 127.0.0.1 table 7 pref 0; " + in_web +
                        "ip rule add table local pref 1; " + in_web +
                        "ip rule del pref 0 table local"),
              "");
    EXPECT_NE(output_of(in_web + curl("127.0.0.1:7777")), kHello);
}

TEST_F(Networks, PacketsFromAddressesOfOthersAreDropped) {
    start("web", "addresses = [\"10.7.0.10\", \"fd00:7::10\"]");
    const std::string in_web = enter("web");
    const std::string name = output_of("ip -o link | grep -o 'st-[^@:]*' | tr -d '\\n'");
    EXPECT_EQ(output_of(in_web + "ip addr add 10.7.0.99 dev eth0; " + in_web +
                        "ip addr add fd00:7::99 dev eth0 nodad; ip "
                        "route add 10.7.0.99 dev " +
                        name + "; ip route add fd00:7::99 dev " + name),
              "");
    EXPECT_TRUE(echoes("web", "10.7.0.10", "169.254.0.1"));
    EXPECT_FALSE(echoes("web", "10.7.0.99", "169.254.0.1"));
    EXPECT_EQ(output_of(curl("10.7.0.10:8080")), kHello);
    EXPECT_NE(output_of(curl("10.7.0.99:8080")), kHello);
    EXPECT_NE(output_of(curl("[fd00:7::99]:8080")), kHello);
}

TEST_F(Networks, NameServersAreTheHostsButThoseOnLoopback) {
    start("web", "dns = [\"9.9.9.9\", \"2620:fe::fe\"]");
    EXPECT_EQ(inside("web", "cat /etc/resolv.conf").out,
              "nameserver 9.9.9.9\nnameserver 2620:fe::fe\n");
}

TEST_F(Networks, NameServersFollowTheHosts) {
    const std::string file = host.folder() + "/resolv.conf";
    // The file of the host as this command sees it, and nobody else.
    const auto seeing = [&](const Words& words) {
        Words all{"unshare",
                  "-m",
                  "sh",
                  "-c",
                  "mount --bind " + file + " /etc/resolv.conf && exec \"$@\"",
                  "sh"};
        const Words command = host.command(words);
        all.insert(all.end(), command.begin(), command.end());
        return all;
    };
    const auto with = [&](const std::string& servers, const Words& words) {
        write_text(file, servers);
        return run_program(seeing(words));
    };
    const auto given = [&](const std::string& name) {
        return read_text(host.folder() + "/run/guests/" + name + "/resolv.conf");
    };
    define("web", "addresses = [\"10.7.0.10\"]\ndns = \"host\"");
    define("db", "addresses = [\"10.7.0.11\"]\ndns = \"host\"");
    started = {"web", "db"};
    const std::string first = "nameserver 192.0.2.53\n";
    const std::string second = "nameserver 192.0.2.54\n";
    // Any command without them would give the guests what this machine has.
    ASSERT_EQ(with(first, {"start", "web"}).code, 0);
    EXPECT_EQ(given("web"), first);
    EXPECT_EQ(with(second, {"exec", "web", "--", "cat", "/etc/resolv.conf"}).out, second);
    EXPECT_EQ(given("web"), second);
    // One that nobody can reach from a guest takes nobody's away.
    EXPECT_EQ(with("nameserver 127.0.0.53\n", {"list"}).code, 0);
    EXPECT_EQ(given("web"), second);
    // What one guest gets at its start is not what all have, even if the host is back at that.
    write_text(file, first);
    const Background db(seeing({"run", "db"}), host.folder() + "/db.log");
    ASSERT_TRUE(eventually([&] { return init_of("db") > 1; }));
    EXPECT_EQ(given("web") + given("db"), second + first);
    EXPECT_EQ(with(second, {"list"}).code, 0);
    EXPECT_EQ(given("web") + given("db"), second + second);
}

TEST_F(Networks, KilledWithoutWarningLeavesNothingToTheNextCommand) {
    for (const char* victim : {"keeper", "init"}) {
        SCOPED_TRACE(victim);
        start("web", "addresses = [\"10.7.0.10\"]\nports = [\"80:8080\"]");
        const int init = init_of("web");
        ASSERT_GT(init, 1);
        const int keeper = std::stoi(
            "0" + output_of("ps -o ppid= -p " + std::to_string(init) + " | tr -d ' \\n'"));
        ASSERT_GT(keeper, 1);
        const std::string comm = output_of("cat /proc/" + std::to_string(keeper) + "/comm");
        ASSERT_TRUE(comm.starts_with("stead-init")) << comm;
        ::kill(keeper, SIGKILL);
        if (std::string(victim) == "init") ::kill(init, SIGKILL);
        (void)host.stead({"list"});
        if (std::string(victim) == "init") {
            EXPECT_TRUE(eventually([&] {
                (void)host.stead({"list"});
                return leftovers().empty();
            })) << leftovers();
            start("web", "addresses = [\"10.7.0.10\"]\nports = [\"80:8080\"]");
        }
        EXPECT_EQ(output_of(curl("10.7.0.10:8080")), kHello);
        ASSERT_EQ(host.stead({"stop", "web"}).code, 0);
        EXPECT_TRUE(eventually([&] {
            (void)host.stead({"list"});
            return leftovers().empty();
        })) << leftovers();
    }
}

TEST_F(Networks, AStartThatIsKilledAtAnyMomentIsPutRightByTheNextCommand) {
    const std::string file =
        host.write("it.toml", "profile = \"jail\"\n[network]\nmode = \"private\"\nports = "
                              "[\"80:8080\"]\n[unit.it]\ncommand = [\"sh\", \"-c\", \"exit "
                              "7\"]\nrestart.policy = \"no\"\n");
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(host.stead({"run", file}).code, 7);
    const auto longest = std::chrono::steady_clock::now() - begin;
    const int starts = emulated() ? 6 : 16;
    for (int i = 0; i < starts; ++i) {
        Background starting(host.command({"run", file}), host.folder() + "/out");
        std::this_thread::sleep_for(longest * i / starts);
        starting.signal(SIGKILL);
        (void)starting.wait();
        EXPECT_TRUE(eventually([&] {
            (void)host.stead({"list"});
            return leftovers().empty() && host.remains().empty();
        })) << i
            << leftovers() << host.remains();
    }
    EXPECT_EQ(host.stead({"run", file}).code, 7);
}

TEST_F(Networks, RulesThatAreStillBeingMadeForAKilledStartDoNotStay) {
    const std::string file = host.write("it.toml", text_of("ports = [\"80:8080\"]"));
    const std::string slow =
        host.write("slow-nft", "#!/bin/sh\n: > " + folder + "/begun\nsleep 2\n" + folder +
                                   "/nft \"$@\"\n: > " + folder + "/done\n");
    ASSERT_EQ(output_of("chmod 755 " + slow + " && cp /usr/sbin/nft " + folder + "/nft"), "");
    Words words{
        "unshare", "-m", "sh", "-c", "mount --bind " + slow + " /usr/sbin/nft && exec \"$@\"",
        "sh"};
    const Words command = host.command({"run", file});
    words.insert(words.end(), command.begin(), command.end());
    Background starting(words, host.folder() + "/out");
    const auto is_there = [&](const char* name) {
        return std::filesystem::exists(folder + "/" + name);
    };
    ASSERT_TRUE(eventually([&] { return is_there("begun"); }));
    starting.signal(SIGKILL);
    (void)starting.wait();
    (void)host.stead({"list"});
    ASSERT_TRUE(eventually([&] { return is_there("done"); }));
    (void)host.stead({"list"});
    EXPECT_EQ(leftovers(), "");
}

TEST_F(Networks, RulesChangedBitByBitAreThoseMadeAsAWhole) {
    const std::string web = "addresses = [\"10.7.0.10\", \"fd00:7::10\"]\n"
                            "ports = [\"80:8080\", \"127.0.0.1:81:8080\", \"udp:53:53\"]";
    const auto rules = [] {
        return output_of("nft list ruleset | grep -o '[a-z0-9][^,{}]*' | sed 's/ *$//' | sort");
    };
    const auto forget = [&] {
        EXPECT_TRUE(std::filesystem::remove(host.folder() + "/run/network.elements"));
    };
    const std::string list = host.folder() + "/run/network.guests";
    start("web", web);
    start("db", "addresses = [\"10.7.0.11\", \"fd00:7::11\"]\npeers = [\"web\"]");
    const std::string both = rules();
    ASSERT_EQ(host.stead({"stop", "web"}).code, 0);
    const std::string one = rules();
    EXPECT_EQ(one.find("10.7.0.10"), std::string::npos) << one;
    forget();
    ASSERT_EQ(host.stead({"start", "web"}).code, 0);
    EXPECT_EQ(rules(), both);
    forget();
    ASSERT_EQ(host.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(rules(), one);

    // The list of all records is gone, was written by half, and knows a guest that nobody has.
    const std::string listed = read_text(list);
    EXPECT_NE(listed.find("10.7.0.11"), std::string::npos) << listed;
    EXPECT_TRUE(std::filesystem::remove(list));
    ASSERT_EQ(host.stead({"start", "web"}).code, 0);
    EXPECT_EQ(rules(), both);
    write_text(list, listed.substr(0, listed.size() / 2));
    ASSERT_EQ(host.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(rules(), one);
    EXPECT_EQ(read_text(list), listed);
    ASSERT_TRUE(listed.starts_with("networks 1 1\n")) << listed;
    write_text(list, "networks 1 2\n" + listed.substr(listed.find('\n') + 1) +
                         "gone\tst-gone\t\t1\t0\t1\t10.7.0.10/32\t\t\t\t\n");
    ASSERT_EQ(host.stead({"start", "web"}).code, 0);
    EXPECT_EQ(rules(), both);
    ASSERT_EQ(host.stead({"stop", "web"}).code, 0);
    // A version that does not know the list has changed rules after it was written.
    write_text(list, "networks 1 0\n");
    std::filesystem::last_write_time(list, std::filesystem::last_write_time(list) -
                                               std::chrono::hours(1));
    ASSERT_EQ(host.stead({"start", "web"}).code, 0);
    EXPECT_EQ(rules(), both);
    ASSERT_EQ(host.stead({"stop", "web"}).code, 0);

    // Somebody else has loaded rules of his own, which began with a flush.
    ASSERT_EQ(output_of("nft flush ruleset 2>&1"), "");
    ASSERT_EQ(host.stead({"start", "web"}).code, 0);
    EXPECT_EQ(rules(), both);
    EXPECT_EQ(fetch_from("web", "10.7.0.11:8080"), kHello);
}

TEST_F(Networks, WhatCannotBeIsRefusedBeforeAnythingIsMade) {
    const auto refused = [&](const std::string& network) {
        define("web", network);
        const Outcome outcome = host.stead({"start", "web"});
        EXPECT_NE(outcome.code, 0) << network;
        EXPECT_EQ(leftovers(), "") << network;
        return outcome.err;
    };
    const auto says = [&](const std::string& network, const std::string& words) {
        const std::string text = refused(network);
        EXPECT_NE(text.find(words), std::string::npos) << text;
    };
    says("link = \"bridge:nobr\"\naddresses = [\"10.7.0.10/24\"]", "there is no such bridge");
    says("link = \"bridge:lo\"\naddresses = [\"10.7.0.10/24\"]", "this is no bridge");
    says("link = \"macvlan:nothere\"\naddresses = [\"10.7.0.10/24\"]", "no such interface");
    says("link = \"tunnel\"", "use routed, bridge:NAME");
    says("addresses = [\"10.7.0.300\"]", "write an address");
    says("addresses = [\"10.7.0.10\", \"10.7.0.10/24\"]", "twice");
    says("ports = [\"80:8080\", \"tcp:127.0.0.1:80:81\"]", "given twice");
    says("ports = [\"99999:80\"]", "write the host's port and the guest's");
    output_of("ip addr add 10.7.0.1/24 dev lo");
    says("addresses = [\"10.7.0.1\"]", "the host itself has this address");
    const Background server({"busybox", "httpd", "-f", "-p", "8088", "-h", folder},
                            host.folder() + "/httpd.log");
    EXPECT_TRUE(eventually([&] { return output_of(curl("127.0.0.1:8088")) == kHello; }));
    says("ports = [\"8088:80\"]", "a program of the host uses this port");
}

TEST_F(Networks, WithoutNftOrTheCapabilityTheGuestIsNotStarted) {
    define("web", "");
    const auto start_by = [&](const Words& prefix) {
        Words words = prefix;
        const Words command = host.command({"start", "web"});
        words.insert(words.end(), command.begin(), command.end());
        return run_program(words);
    };
    const Outcome without = start_by(
        {"unshare", "-m", "sh", "-c", "mount --bind /dev/null /usr/sbin/nft && exec \"$@\"", "sh"});
    EXPECT_NE(without.code, 0);
    EXPECT_NE(without.err.find("install nftables"), std::string::npos) << without.err;
    const Outcome weak =
        start_by({"setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"});
    EXPECT_NE(weak.code, 0);
    EXPECT_NE(weak.err.find("needs CAP_NET_ADMIN"), std::string::npos) << weak.err;
    EXPECT_EQ(leftovers(), "");
}

TEST_F(Networks, ASystemWithUsersOfItsOwnHasItsNetwork) {
    host.write("etc/guests/sys.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                          host.folder() +
                                          "/u\"]\n[network]\nmode = \"private\"\n"
                                          "addresses = [\"10.7.0.20/24\", \"fd00:7::20/64\"]\n"
                                          "dns = \"9.9.9.9\"\n");
    host.write("u/httpd.toml", "command = \"busybox httpd -f -p 80 -h /etc\"\n"
                               "ready.tcp = \"127.0.0.1:80\"\n");
    const Outcome outcome = host.stead({"start", "sys"});
    ASSERT_EQ(outcome.code, 0) << outcome.out << outcome.err;
    started.emplace_back("sys");
    EXPECT_EQ(output_of("curl -sS -m 4 http://10.7.0.20/debian_version"),
              read_text("/etc/debian_version"));
    EXPECT_EQ(output_of("curl -sS -g -m 4 http://[fd00:7::20]/debian_version"),
              read_text("/etc/debian_version"));
    EXPECT_EQ(inside("sys", "cat /etc/resolv.conf; ls /sys/class/net | tr '\\n' ' '").out,
              "nameserver 9.9.9.9\neth0 lo ");
    // The guest's root is none of the network's administrator.
    EXPECT_NE(inside("sys", "ip addr add 10.7.0.21 dev eth0").code, 0);
}

TEST_F(Networks, OfTwoGuestsWithOneAddressOrPortTheSecondIsRefused) {
    start("web", "addresses = [\"10.7.0.10\"]\nports = [\"80:8080\"]");
    define("db", "addresses = [\"10.7.0.10\"]");
    const Outcome address = host.stead({"start", "db"});
    EXPECT_NE(address.code, 0);
    EXPECT_NE(address.err.find("another guest has this address"), std::string::npos) << address.err;
    EXPECT_NE(address.err.find("'web'"), std::string::npos) << address.err;
    define("db", "ports = [\"80:8080\"]");
    const Outcome port = host.stead({"start", "db"});
    EXPECT_NE(port.code, 0);
    EXPECT_NE(port.err.find("leads into another guest"), std::string::npos) << port.err;
    EXPECT_EQ(output_of(curl("10.7.0.10:8080")), kHello);
}

TEST_F(Networks, ABridgedGuestIsOnTheBridgesWire) {
    if (!can_run({"ip", "link", "add", "br0", "type", "bridge"})) GTEST_SKIP() << "needs bridges";
    EXPECT_EQ(output_of("ip addr add 10.8.0.1/24 dev br0; ip link set br0 up"), "");
    start("web", "link = \"bridge:br0\"\naddresses = [\"10.8.0.10/24\", \"fd00:8::10/64\"]\n"
                 "gateway = \"10.8.0.1\"");
    start("db", "link = \"bridge:br0\"\naddresses = [\"10.8.0.11/24\"]\npeers = [\"web\"]");
    EXPECT_EQ(output_of(curl("10.8.0.10:8080")), kHello);
    EXPECT_EQ(fetch_from("web", "10.8.0.11:8080"), kHello);
    EXPECT_NE(fetch_from("db", "10.8.0.10:8080"), kHello);
    const std::string in_web = enter("web");
    EXPECT_EQ(output_of(in_web + "ip addr add 10.8.0.99/24 dev eth0"), "");
    EXPECT_TRUE(echoes("web", "10.8.0.10", "10.8.0.1"));
    EXPECT_FALSE(echoes("web", "10.8.0.99", "10.8.0.1"));
}

TEST_F(Networks, AMacvlanGuestIsOnTheInterfacesWire) {
    const World world(host);
    if (!can_run({"ip", "link", "add", "probe0", "link", "up0", "type", "macvlan"}))
        GTEST_SKIP() << "needs macvlan";
    output_of("ip link del probe0");
    start("web",
          "link = \"macvlan:up0\"\naddresses = [\"192.0.2.10/24\"]\ngateway = \"192.0.2.2\"");
    start("db", "link = \"macvlan:up0\"\naddresses = [\"192.0.2.11/24\"]");
    EXPECT_EQ(world.run(curl("192.0.2.10:8080")).out, kHello);
    EXPECT_NE(fetch_from("db", "192.0.2.10:8080"), kHello);
    const std::string in_web = enter("web");
    EXPECT_EQ(output_of(in_web + "ip addr add 192.0.2.99/24 dev eth0"), "");
    EXPECT_TRUE(echoes("web", "192.0.2.10", "192.0.2.2"));
    EXPECT_FALSE(echoes("web", "192.0.2.99", "192.0.2.2"));
}

} // namespace stead::system_test
