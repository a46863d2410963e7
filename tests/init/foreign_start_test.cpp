#include <sys/socket.h>
#include <sys/un.h>

#include "init/guest.h"

namespace stead::test {
namespace {

void write_unit(const fs::path& folder, const std::string& name, const std::string& text) {
    fs::create_directories(folder);
    std::ofstream(folder / (name + ".toml")) << text;
}

/// stead-init beside a `stead` that never comes back.
std::string init_with_hanging_loader(const fs::path& folder) {
    fs::copy_file(kInit, folder / "stead-init");
    fs::copy_file(kMisbehave, folder / "stead");
    return folder / "stead-init";
}

class ForeignLoader : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(,
                         ForeignLoader,
                         ::testing::Values(SIGTERM, SIGINT, SIGPWR, 34 + 3, 34 + 5));

TEST_P(ForeignLoader, ThatHangsDoesNotKeepASignalWaiting) {
    const TemporaryFolder folder;
    write_unit(folder.path() / "units", "app", "command = \"sleep 1000\"\n");
    StartOptions options;
    options.program = init_with_hanging_loader(folder.path());
    Guest guest({folder.path() / "units"}, options);
    ASSERT_TRUE(eventually([&] { return is_running(folder.path() / "units"); }));
    std::this_thread::sleep_for(100ms);
    const auto start = std::chrono::steady_clock::now();
    guest.signal(GetParam());
    EXPECT_EQ(guest.wait(), GetParam() == 34 + 5 ? 133 : 0) << guest.said();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    EXPECT_TRUE(eventually([&] { return !is_running(folder.path() / "units"); }, 2s));
}

TEST(ForeignFolder, GivesItsUnitsTheContainersEnvironment) {
    const TemporaryFolder folder;
    write_unit(folder.path(), "app",
               "command = [\"sh\", \"-c\", \"echo colour is $COLOUR; exec sleep 1000\"]\n");
    StartOptions options;
    options.environment = {"COLOUR=green"};
    Guest guest({folder.path()}, options);
    EXPECT_TRUE(guest.says("colour is green\n")) << guest.said();
}

TEST(ForeignFolder, LeavesOutAWrongUnitAndRunsTheOthers) {
    const TemporaryFolder folder;
    write_unit(folder.path(), "good", "command = [\"sh\", \"-c\", \"echo here; sleep 1000\"]\n");
    write_unit(folder.path(), "bad", "comand = \"sleep 1000\"\n");
    Guest guest({folder.path()});
    EXPECT_TRUE(guest.says("here\n")) << guest.said();
    EXPECT_TRUE(guest.says("bad.toml:1:1")) << guest.said();
}

/// Somebody else's service manager.
class OuterManager {
public:
    OuterManager()
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }

    [[nodiscard]] std::string path() const { return folder_.path() / "manager"; }

    std::string hear() {
        std::array<char, 512> text{};
        pollfd ready{socket_.get(), POLLIN, 0};
        if (::poll(&ready, 1, 5000) != 1) return "nothing";
        const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), 0);
        return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
    }

private:
    TemporaryFolder folder_;
    sys::UniqueFd socket_;
};

TEST(ForeignStart, GoesThroughWhatAnEarlierLifeHasLeft) {
    const TemporaryFolder folder;
    const std::string place = "STEAD_RUNTIME_DIR=" + (folder.path() / "run").string();
    fs::create_directory(folder.path() / "run");
    for (int life = 0; life < 3; ++life) {
        StartOptions options;
        // The later entry counts.
        options.environment = {place};
        Guest guest({"--", "/bin/sh", "-c", "exec sleep 1000"}, options);
        std::optional<Control> control;
        ASSERT_TRUE(eventually([&] {
            control = Control::open(folder.path() / "run/control");
            return control && control->ask(wire::Kind::Ping).code == 0;
        })) << life
            << guest.said();
        EXPECT_EQ(guest.said(), "") << "nothing to complain of";
        // It cannot clear up: its sockets stay.
        guest.signal(SIGKILL);
        EXPECT_EQ(guest.wait(), 137);
        EXPECT_TRUE(fs::exists(folder.path() / "run/control"));
        // The next one is also faced with files of the wrong kind.
        if (life == 1) {
            fs::remove(folder.path() / "run/notify");
            std::ofstream(folder.path() / "run/notify") << "no socket";
        }
    }
}

TEST(ForeignReadiness, IsToldToTheOuterManager) {
    OuterManager manager;
    StartOptions options;
    options.environment = {"NOTIFY_SOCKET=" + manager.path()};
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {service("app", {"sleep", "1000"})})}, options);
    EXPECT_EQ(manager.hear(), "READY=1\n");
    EXPECT_EQ(manager.hear(), "STATUS=units up: 1\n");
    guest.signal(SIGTERM);
    EXPECT_EQ(manager.hear(), "STOPPING=1\n");
    EXPECT_EQ(guest.wait(), 0) << guest.said();
}

TEST(ForeignReadiness, GoesOnWithoutAManagerThatIsGone) {
    StartOptions options;
    options.environment = {"NOTIFY_SOCKET=/nowhere/at/all"};
    Guest guest({"--", "/bin/sh", "-c", "exit 5"}, options);
    EXPECT_EQ(guest.wait(), 5) << guest.said();
}

TEST(ForeignSharedNamespace, TouchesOnlyItsOwnChildren) {
    const pid_t neighbour = ::fork();
    if (neighbour == 0) {
        ::execlp("sleep", "sleep", "1000", nullptr);
        ::_exit(99);
    }
    Guest guest({"--", "/bin/sh", "-c", "sleep 1000 & exit 3"});
    EXPECT_EQ(guest.wait(), 3) << guest.said();
    EXPECT_EQ(::waitpid(neighbour, nullptr, WNOHANG), 0) << "it lives";
    ::kill(neighbour, SIGKILL);
    ::waitpid(neighbour, nullptr, 0);
}

} // namespace
} // namespace stead::test
