#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <regex>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "system/harness.h"

/// Every default profile against every probe of the program `attack`: nothing forbidden is open,
/// everything needed works.
namespace stead::system_test {
namespace {

/// Things of the host that a guest must not reach: sockets, shared memory, a file, a process.
class Bait {
public:
    explicit Bait(const Host& host)
        : file_(host.write("secret", "of the host\n")) {
        ::chmod(file_.c_str(), 0644);
        port_socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(port_socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(port_socket_, 8), 0);
        EXPECT_EQ(::getsockname(port_socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
        port_ = ntohs(address.sin_port);

        abstract_name_ = "stead-bait-" + std::to_string(::getpid());
        abstract_socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un place{};
        place.sun_family = AF_UNIX;
        std::memcpy(place.sun_path + 1, abstract_name_.data(), abstract_name_.size());
        const auto size =
            static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract_name_.size());
        EXPECT_EQ(::bind(abstract_socket_, reinterpret_cast<sockaddr*>(&place), size), 0);
        EXPECT_EQ(::listen(abstract_socket_, 8), 0);

        memory_ = ::shmget(key(), 4096, IPC_CREAT | IPC_EXCL | 0666);
        EXPECT_GE(memory_, 0);
    }

    Bait(const Bait&) = delete;
    Bait& operator=(const Bait&) = delete;
    Bait(Bait&&) = delete;
    Bait& operator=(Bait&&) = delete;

    ~Bait() {
        ::close(port_socket_);
        ::close(abstract_socket_);
        (void)::shmctl(memory_, IPC_RMID, nullptr);
    }

    /// NAME=VALUE for each, as the program looks for them.
    [[nodiscard]] Words environment() const {
        return {"ATTACK_FILE=" + file_, "ATTACK_PORT=" + std::to_string(port_),
                "ATTACK_ABSTRACT=" + abstract_name_, "ATTACK_SHM=" + std::to_string(key()),
                "ATTACK_PID=" + std::to_string(::getpid())};
    }

private:
    static key_t key() { return 0x5ead'0000 | (::getpid() & 0xffff); }

    std::string file_;
    int port_socket_ = -1;
    int port_ = 0;
    int abstract_socket_ = -1;
    std::string abstract_name_;
    int memory_ = -1;
};

struct Verdict {
    int forbidden = 0;
    int needed = 0;
    std::string bad;
};

/// Reads the program's report, whatever stands before its lines. What is `granted` may be allowed.
Verdict judge(const std::string& output, const std::regex& granted = std::regex("nothing")) {
    Verdict verdict;
    const std::regex line(R"((forbidden|needed) (\S+) (ALLOWED|refused|BROKEN|works|absent)(.*))");
    for (std::sregex_iterator at(output.begin(), output.end(), line), end; at != end; ++at) {
        const std::string word = (*at)[3];
        if (word == "refused") ++verdict.forbidden;
        if (word == "works") ++verdict.needed;
        if (word == "ALLOWED" && std::regex_match((*at)[2].str(), granted)) continue;
        if (word == "ALLOWED" || word == "BROKEN") verdict.bad += at->str() + "\n";
    }
    return verdict;
}

class Attack : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        // Only what a guest is shown may lie in the folder that it is shown.
        std::filesystem::create_directory(host_.folder() + "/program");
        std::filesystem::copy_file(std::string(STEAD_BIN) + "/attack",
                                   host_.folder() + "/program/attack");
        ::chmod((host_.folder() + "/program").c_str(), 0755);
    }

    [[nodiscard]] std::string bind() const { return host_.folder() + "/program:/mnt:ro"; }

    /// The same as the first program of an init of the guest's own, which gets no environment of
    /// ours.
    [[nodiscard]] std::string in_own_init() const {
        const Bait bait(host_);
        std::string list = "\"/usr/bin/env\"";
        for (const std::string& word : bait.environment()) {
            if (!word.starts_with("ATTACK_FILE=")) list += ", \"" + word + "\"";
        }
        const std::string file =
            host_.write("target.toml", "root = \"host\"\nephemeral = true\nbind = [\"" + bind() +
                                           "\"]\ninit = [" + list + ", \"/mnt/attack\"]\n");
        const Outcome outcome = host_.stead({"run", file}, {}, 240s);
        return outcome.out + outcome.err;
    }

    /// The output of the program as the only unit of a guest on the host's own files.
    [[nodiscard]] std::string in_guest(const std::string& settings) const {
        const Bait bait(host_);
        std::string environment;
        for (const std::string& word : bait.environment()) {
            const std::size_t equals = word.find('=');
            // A guest on the host's own root sees the host's files on purpose.
            if (word.starts_with("ATTACK_FILE=")) continue;
            environment += word.substr(0, equals) + " = \"" + word.substr(equals + 1) + "\", ";
        }
        (void)host_.write("units/attack.toml",
                          "type = \"oneshot\"\ncommand = [\"/mnt/attack\"]\nessential = true\n"
                          "restart = \"no\"\nenvironment = { " +
                              environment + "X = \"\" }\n");
        const std::string file = host_.write(
            "target.toml", "root = \"host\"\nephemeral = true\nbind = [\"" + bind() +
                               "\"]\nunits = [\"" + host_.folder() + "/units\"]\n" + settings);
        const Outcome outcome = host_.stead({"run", file}, {}, 240s);
        return outcome.out + outcome.err;
    }

    Host host_;
};

TEST_F(Attack, FindsNothingOpenInAGuestWithUsersOfItsOwn) {
    const std::string output = in_guest("users = \"private\"\n");
    const Verdict verdict = judge(output);
    EXPECT_EQ(verdict.bad, "");
    EXPECT_GE(verdict.forbidden, 240) << output;
    EXPECT_GE(verdict.needed, 75) << output;
}

TEST_F(Attack, FindsNothingOpenInAGuestWithTheHostsUsers) {
    const std::string output = in_guest("users = \"host\"\n");
    const Verdict verdict = judge(output);
    EXPECT_EQ(verdict.bad, "");
    EXPECT_GE(verdict.forbidden, 240) << output;
    EXPECT_GE(verdict.needed, 75) << output;
}

// Such an init gets a user namespace's powers over what is the guest's alone: its mounts, its part
// of the cgroup tree, namespaces below its own, its names, and its processes, of which it is the
// first. Nothing of that reaches the host, and everything else stays as closed as elsewhere.
TEST_F(Attack, FindsNothingOfTheHostOpenInAGuestWithItsOwnInit) {
    const std::regex granted(
        R"(mask\.(unmount|remount-writable|fresh-proc|proc-sys-through-bind))"
        R"(|cgroup\.(move|limit|kill|freeze|subgroup|mount-v2))"
        R"(|namespace\.(unshare|clone)-(mount|pid|network|ipc|uts|cgroup|time))"
        R"(|namespace\.join-(mount-of-1|own-network|own-uts))"
        R"(|mount\.(tmpfs|devpts|mqueue|ramfs|bind-root|shared-propagation|umount|pivot-root))"
        R"(|mount\.(move-mount|fsopen|fsmount|fspick|setattr))"
        R"(|kernel\.reboot|capability\.gain-sys-(admin|ptrace)|name\.(host|domain))"
        R"(|init\..*|other-user\.(attach|process-vm|memory))");
    const std::string output = in_own_init();
    const Verdict verdict = judge(output, granted);
    EXPECT_EQ(verdict.bad, "");
    EXPECT_GE(verdict.forbidden, 185) << output;
    EXPECT_GE(verdict.needed, 75) << output;
}

TEST_F(Attack, FindsNothingOpenInAJail) {
    const Bait bait(host_);
    Words words{"jail", "--bind", bind()};
    for (const std::string& word : bait.environment()) {
        words.emplace_back("--env");
        words.push_back(word);
    }
    words.insert(words.end(), {"--", "/mnt/attack", "--jail"});
    const Outcome outcome = host_.stead(words, {}, 240s);
    const Verdict verdict = judge(outcome.out);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(verdict.bad, "");
    EXPECT_GE(verdict.forbidden, 240) << outcome.out;
    EXPECT_GE(verdict.needed, 45) << outcome.out;
}

} // namespace
} // namespace stead::system_test
