#include <string>

#include "compile/fixture.h"

namespace stead::compile {
namespace {

/// "TOPIC: TEXT [ORIGIN]" lines.
std::string story(const std::string& text) {
    const auto outcome = test::guest(text);
    if (!outcome.guest) return outcome.messages;
    std::string lines;
    for (const Explanation& line : explain(*outcome.guest))
        lines += line.topic + ": " + line.text + " [" + line.origin + "]\n";
    return lines;
}

TEST(Explain, NamesEveryPartOfAJailWithItsOrigin) {
    const std::string lines = story("profile = \"jail\"\n"
                                    "capabilities = [\"NET_BIND_SERVICE\"]\n"
                                    "network = { mode = \"host\", listen = [\"tcp:80\"] }\n"
                                    "bind = [\"/srv/shop:/srv/shop:ro\"]\n"
                                    "[limits]\n"
                                    "pids-max = 50\n"
                                    "[unit.redis]\n"
                                    "command = \"redis-server\"\n"
                                    "user = \"redis\"\n"
                                    "directories.state = [\"redis\"]\n");
    for (const char* line :
         {"root: the host's program folders and nothing else of the host, read-only [default of "
          "profile jail]\n",
          "users: the host's ids, never uid 0 [default of profile jail]\n",
          "capabilities: NET_BIND_SERVICE [web.toml:2]\n",
          "privileges: no program gains any by set-uid or file capabilities",
          "network: the host's [web.toml:3]\n", "network: may bind only tcp:80 [web.toml:3]\n",
          "mount: /usr: the host's /usr (ro,nosuid,nodev,recursive) [default of profile jail]\n",
          "mount: /etc/shadow: masked [the host's secrets]\n",
          "mount: /srv/shop: the host's /srv/shop (ro,nosuid,nodev) [web.toml:4]\n",
          "mount: /var/lib/redis: the host's /var/lib/redis (nosuid,nodev,noexec) [web.toml:10]\n",
          "level: pids.max = 50 [web.toml:6]\n", "limit: core = 0:0 [default of profile jail]\n",
          "unit: redis: uid 104, gid 107, capabilities NET_BIND_SERVICE [web.toml]\n",
          "unit: redis: writes the host's /var/lib/redis [web.toml:10]\n"})
        EXPECT_NE(lines.find(line), std::string::npos) << line << "in\n" << lines;
}

TEST(Explain, SaysWhatOfTheHostAGuestIsLeftOutOf) {
    const std::string usual = story("root = \"/srv/root\"\nhost.journal = true\n");
    EXPECT_EQ(usual.find("\nhost: "), std::string::npos) << usual;
    const std::string lines = story("root = \"/srv/root\"\n[host]\njournal = false\n"
                                    "machine = false\nnotify = false\nsockets = false\n");
    for (const char* line :
         {"host: its log goes to its files only, not to the host's journal [web.toml:3]\n",
          "host: machined does not know it [web.toml:4]\n",
          "host: its service is ready once PID 1 runs, and hears no more than that it lives "
          "[web.toml:5]\n",
          "host: it gets no sockets of its service [web.toml:6]\n"})
        EXPECT_NE(lines.find(line), std::string::npos) << line << "in\n" << lines;
}

TEST(Explain, SaysWhatTheGuestsCallsDifferIn) {
    const std::string lines =
        story("root = \"/srv/root\"\nsystem-calls = [\"...\", \"bpf\", \"!ptrace\"]\n");
    EXPECT_NE(lines.find("beyond the profile: bpf; less than the profile: ptrace [web.toml:2]"),
              std::string::npos)
        << lines;
    EXPECT_NE(lines.find("users: private: ids 0 to 65535 are 1000000 to 1065535 on the host"),
              std::string::npos)
        << lines;
    EXPECT_NE(lines.find("PID 1 alone also holds SETPCAP, SYS_ADMIN of the guest's own user "
                         "namespace"),
              std::string::npos)
        << lines;
}

} // namespace
} // namespace stead::compile
