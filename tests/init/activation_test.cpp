#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "init/guest.h"

// What is open before a unit runs, what starts it, and what PID 1 keeps for it.
namespace stead::test {
namespace {

using wire::Kind;

std::vector<std::byte> unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* bytes = reinterpret_cast<const std::byte*>(&address);
    return {bytes, bytes + offsetof(sockaddr_un, sun_path) + path.size() + 1};
}

plan::SocketInput
unix_socket(const std::string& path, std::uint8_t flags = 0, SocketKind kind = SocketKind::Stream) {
    return {.name = "local",
            .kind = kind,
            .flags = flags,
            .mode = 0620,
            .uid = ::geteuid(),
            .gid = ::getegid(),
            .address = unix_address(path)};
}

sys::UniqueFd connect_to(const std::string& path) {
    sys::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = unix_address(path);
    const auto* name = reinterpret_cast<const sockaddr*>(address.data());
    if (::connect(fd.get(), name, static_cast<socklen_t>(address.size())) != 0) return {};
    return fd;
}

/// What the other side says until it closes.
std::string heard(const sys::UniqueFd& fd) {
    std::string text;
    std::array<char, 256> buffer{};
    pollfd ready{fd.get(), POLLIN, 0};
    while (::poll(&ready, 1, 10'000) == 1) {
        const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
        if (size <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
}

UnitRecord status_of(Control& control, const std::string& unit) {
    const Answer answer = control.ask(Kind::Status, unit);
    return answer.units.empty() ? UnitRecord{} : answer.units.front();
}

bool is(Control& control, const std::string& unit, UnitState state) {
    return eventually([&] { return status_of(control, unit).state == static_cast<int>(state); });
}

Answer upgrade(Control& control) {
    const sys::UniqueFd program(::open(kInit, O_PATH | O_CLOEXEC));
    std::vector<std::byte> buffer(512);
    wire::Writer message(buffer, Kind::Upgrade);
    const int fd = program.get();
    (void)control.send(message, std::span(&fd, 1));
    return control.receive();
}

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::size_t lines_of(const fs::path& path) {
    const std::string text = text_of(path);
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Runs `script` with $0 naming the folder of the test.
plan::Argv shell(const TemporaryFolder& folder, const std::string& script) {
    return {"sh", "-c", script, folder.path().string()};
}

TEST(Sockets, AreHandedToTheProgramWithTheirNames) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service(
        "app", shell(folder, "echo $LISTEN_FDS $LISTEN_FDNAMES $LISTEN_PID $$ > $0/said.new; "
                             "ls -l /proc/$$/fd/3 /proc/$$/fd/4 | wc -l >> $0/said.new; "
                             "mv $0/said.new $0/said; exec sleep 1000"));
    const std::string path = folder.path() / "made/on/the/way/app.sock";
    unit.sockets = {unix_socket(path), unix_socket(folder.path() / "pipe", 0, SocketKind::Fifo)};
    unit.sockets[1].name = "pipe";
    Guest guest({write_plan(folder.path(), {unit})});
    ASSERT_TRUE(eventually([&] { return fs::exists(folder.path() / "said"); })) << guest.said();
    std::istringstream said(text_of(folder.path() / "said"));
    std::string count;
    std::string names;
    std::string listener;
    std::string own;
    std::string open;
    said >> count >> names >> listener >> own >> open;
    EXPECT_EQ(count, "2");
    EXPECT_EQ(names, "local:pipe");
    EXPECT_EQ(listener, own);
    EXPECT_EQ(open, "2");

    struct stat about {};

    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0620U);
    ASSERT_EQ(::stat((folder.path() / "pipe").c_str(), &about), 0);
    EXPECT_TRUE(S_ISFIFO(about.st_mode));
}

TEST(Sockets, StayOpenOverRestartsAndOverThePid1OfAnotherVersion) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {"sleep", "1000"});
    const std::string path = folder.path() / "app.sock";
    unit.sockets = {unix_socket(path)};
    Guest guest({write_plan(folder.path(), {unit})}, {.namespaced = true});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Up));
    // Nobody accepts, so it waits in the backlog for as long as the listener lives.
    const sys::UniqueFd waiting = connect_to(path);
    ASSERT_TRUE(waiting);
    const auto still_waits = [&] {
        pollfd closed{waiting.get(), POLLIN, 0};
        return ::poll(&closed, 1, 0) == 0;
    };
    ASSERT_EQ(control.ask(Kind::Restart, "app").code, 0);
    EXPECT_TRUE(still_waits());
    ASSERT_EQ(upgrade(control).code, 0) << guest.said();
    Control again = guest.control();
    EXPECT_TRUE(still_waits());
    ASSERT_EQ(again.ask(Kind::Restart, "app").code, 0);
    EXPECT_TRUE(still_waits());
    ASSERT_EQ(again.ask(Kind::Stop, "app").code, 0);
    EXPECT_TRUE(eventually([&] { return !still_waits(); })) << "a stopped unit listens no more";
}

TEST(Sockets, ALazyUnitStartsWithTheFirstConnectionAndWaitsForTheNextOne) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "accept-one"});
    const std::string path = folder.path() / "app.sock";
    unit.sockets = {unix_socket(path, kSocketLazy)};
    unit.policy.traits = kOnDemand;
    unit.policy.restart = RestartPolicy::OnFailure;
    unit.policy.restart_delay_ms = 10;
    Guest guest({write_plan(folder.path(), {unit, service("other", {"sleep", "1000"})})},
                {.namespaced = true});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "other", UnitState::Up));
    EXPECT_EQ(status_of(control, "app").state, static_cast<int>(UnitState::Down));
    for (int i = 0; i < 3; ++i) {
        const sys::UniqueFd connection = connect_to(path);
        ASSERT_TRUE(connection) << "round " << i;
        EXPECT_EQ(heard(connection), "hello\n") << guest.said();
        EXPECT_TRUE(is(control, "app", UnitState::Down));
        if (i != 1) continue;
        EXPECT_EQ(upgrade(control).code, 0) << guest.said();
        control = guest.control();
    }
}

TEST(Sockets, ALazyUnitThatFailsAgainAndAgainListensNoMore) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", shell(folder, "echo run >> $0/runs; exit 3"));
    const std::string path = folder.path() / "app.sock";
    unit.sockets = {unix_socket(path, kSocketLazy)};
    unit.policy.traits = kOnDemand;
    unit.policy.restart = RestartPolicy::OnFailure;
    unit.policy.restart_burst = 3;
    Guest guest({write_plan(folder.path(), {unit, service("other", {"sleep", "1000"})})});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "other", UnitState::Up));
    const sys::UniqueFd connection = connect_to(path);
    ASSERT_TRUE(connection);
    EXPECT_TRUE(is(control, "app", UnitState::Failed));
    EXPECT_EQ(heard(connection), "") << "the listener is closed";
    EXPECT_FALSE(connect_to(path));
    EXPECT_EQ(lines_of(folder.path() / "runs"), 4U);
}

TEST(Sockets, EachConnectionGetsAProcessOfItsOwn) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {"sh", "-c", "read word; echo \"<$word> $LISTEN_FDS\""});
    const std::string path = folder.path() / "app.sock";
    unit.sockets = {unix_socket(path, kSocketPerConnection)};
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Up));
    std::vector<sys::UniqueFd> connections;
    for (int i = 0; i < 60; ++i) {
        connections.push_back(connect_to(path));
        ASSERT_TRUE(connections.back());
    }
    // More than are served at a time: the rest waits until some have ended.
    for (int i = 0; i < 60; ++i) {
        const std::string word = std::to_string(i);
        ASSERT_GT(::write(connections[static_cast<std::size_t>(i)].get(), (word + "\n").data(),
                          word.size() + 1),
                  0);
    }
    for (int i = 0; i < 60; ++i)
        EXPECT_EQ(heard(connections[static_cast<std::size_t>(i)]),
                  "<" + std::to_string(i) + "> \n");
    const sys::UniqueFd last = connect_to(path);
    ASSERT_TRUE(last);
    ASSERT_EQ(control.ask(Kind::Stop, "app").code, 0);
    EXPECT_EQ(heard(last), "") << "connections end with the unit";
}

TEST(Sockets, AnAddressInUseFailsTheUnitAndSaysSo) {
    const sys::UniqueFd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(taken.get(), 1), 0);
    ASSERT_EQ(::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const auto* bytes = reinterpret_cast<const std::byte*>(&address);

    for (const bool lazy : {false, true}) {
        const TemporaryFolder folder;
        plan::UnitInput unit = service("app", {"sleep", "1000"});
        unit.policy.restart = RestartPolicy::OnFailure;
        unit.sockets = {{.name = "web",
                         .flags = lazy ? kSocketLazy : std::uint8_t{0},
                         .address = {bytes, bytes + size}}};
        if (lazy) unit.policy.traits = kOnDemand;
        Guest guest({write_plan(folder.path(), {unit, service("other", {"sleep", "1000"})})});
        Control control = guest.control();
        ASSERT_TRUE(is(control, "app", UnitState::Failed)) << guest.said();
        EXPECT_EQ(status_of(control, "app").stage, static_cast<int>(SpawnStage::Sockets));
        EXPECT_EQ(status_of(control, "app").error, EADDRINUSE);
    }
}

TEST(Sockets, GoWithTheirUnitsThroughAReload) {
    const TemporaryFolder folder;
    const std::string stays = folder.path() / "stays.sock";
    const std::string before = folder.path() / "before.sock";
    const std::string later = folder.path() / "later.sock";
    const auto lazy = [&](const std::string& name, const std::string& path) {
        plan::UnitInput unit = service(name, {kMisbehave, "accept-one"});
        unit.sockets = {unix_socket(path, kSocketLazy)};
        unit.policy.traits = kOnDemand;
        unit.policy.restart = RestartPolicy::OnFailure;
        unit.policy.restart_delay_ms = 10;
        return unit;
    };
    plan::UnitInput runs = service("runs", {"sleep", "1000"});
    runs.sockets = {unix_socket(folder.path() / "runs.sock")};
    plan::UnitInput ticks = service("ticks", shell(folder, "echo x >> $0/ticks"));
    ticks.policy.type = UnitType::Oneshot;
    ticks.policy.restart = RestartPolicy::No;
    ticks.policy.remain_after_exit = false;
    ticks.policy.traits = kOnDemand;
    Guest guest({write_plan(folder.path(), {runs, lazy("gone", folder.path() / "gone.sock"),
                                            lazy("stays", stays), lazy("moves", before), ticks})},
                {.namespaced = true});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "runs", UnitState::Up));
    const sys::UniqueFd waiting = connect_to(folder.path() / "runs.sock");
    ASSERT_TRUE(waiting);

    // Other numbers for all, one unit gone, one with another address, one with a timer by now.
    ticks.timer.emplace();
    ticks.timer->flags = kTimerOnBoot;
    ticks.timer->every_ms = 50;
    ASSERT_EQ(reload(control, {ticks, lazy("moves", later), lazy("stays", stays), runs}).code, 0)
        << guest.said();
    Control again = guest.control();
    for (const std::string& path : {stays, later}) {
        const sys::UniqueFd connection = connect_to(path);
        ASSERT_TRUE(connection) << path;
        EXPECT_EQ(heard(connection), "hello\n") << path;
    }
    EXPECT_FALSE(connect_to(before));
    EXPECT_FALSE(connect_to(folder.path() / "gone.sock"));
    pollfd closed{waiting.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&closed, 1, 0), 0) << "what runs keeps its listener";
    EXPECT_TRUE(eventually([&] { return lines_of(folder.path() / "ticks") >= 3; }));

    ticks.policy.enabled = false;
    ASSERT_EQ(reload(again, {ticks, runs}).code, 0) << guest.said();
    Control last = guest.control();
    EXPECT_TRUE(is(last, "runs", UnitState::Up));
    // What was on its way still writes; then nothing does, for as long as six ticks would take.
    EXPECT_TRUE(eventually([&] {
        const std::size_t count = lines_of(folder.path() / "ticks");
        std::this_thread::sleep_for(300ms);
        return lines_of(folder.path() / "ticks") == count;
    }));
    EXPECT_EQ(::poll(&closed, 1, 0), 0);
}

TEST(Timers, StartAUnitAgainAndAgainButNeverTwiceAtATime) {
    const TemporaryFolder folder;
    plan::UnitInput quick = service("quick", shell(folder, "echo x >> $0/quick"));
    quick.policy.type = UnitType::Oneshot;
    quick.policy.restart = RestartPolicy::No;
    quick.policy.remain_after_exit = false;
    quick.policy.traits = kOnDemand;
    quick.timer.emplace();
    quick.timer->flags = kTimerOnBoot;
    quick.timer->every_ms = 100;
    plan::UnitInput slow = quick;
    slow.name = "slow";
    slow.commands_of(CommandRole::Main) = {
        shell(folder, "mkdir $0/busy || echo twice >> $0/twice; sleep 0.3; rmdir $0/busy; "
                      "echo x >> $0/slow")};
    plan::UnitInput fails = quick;
    fails.name = "fails";
    fails.commands_of(CommandRole::Main) = {shell(folder, "echo x >> $0/fails; exit 1")};
    Guest guest({write_plan(folder.path(), {quick, slow, fails})}, {.namespaced = true});
    Control control = guest.control();
    for (const char* name : {"quick", "slow", "fails"})
        EXPECT_TRUE(eventually([&] { return lines_of(folder.path() / name) >= 4; })) << name;
    EXPECT_FALSE(fs::exists(folder.path() / "twice"));
    ASSERT_EQ(upgrade(control).code, 0) << guest.said();
    const std::size_t before = lines_of(folder.path() / "quick");
    EXPECT_TRUE(eventually([&] { return lines_of(folder.path() / "quick") >= before + 3; }));
}

TEST(Timers, ACalendarStartsAUnitEverySecond) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", shell(folder, "date +%s.%N >> $0/times"));
    unit.policy.type = UnitType::Oneshot;
    unit.policy.restart = RestartPolicy::No;
    unit.policy.remain_after_exit = false;
    unit.policy.traits = kOnDemand;
    unit.timer.emplace();
    unit.timer->flags = kTimerCalendar;
    unit.timer->calendar.seconds = (std::uint64_t{1} << 60U) - 1;
    unit.timer->calendar.minutes = (std::uint64_t{1} << 60U) - 1;
    unit.timer->calendar.hours = 0xffffff;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(eventually([&] { return lines_of(folder.path() / "times") >= 3; }));
    std::ifstream times(folder.path() / "times");
    double last = 0;
    for (double time = 0; times >> time; last = time) {
        EXPECT_LT(time - static_cast<double>(static_cast<std::int64_t>(time)), 0.9);
        if (last != 0) {
            EXPECT_NEAR(time - last, 1.0, 0.9);
        }
    }
}

TEST(Timers, AStartThatWasMissedIsMadeUpForAtBoot) {
    const fs::path stamps = "/var/lib/stead/timers";
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to write " << stamps;
    const std::string name = "missed-" + std::to_string(::getpid());
    const TemporaryFolder folder;
    plan::UnitInput unit = service(name, shell(folder, "echo x >> $0/runs"));
    unit.policy.type = UnitType::Oneshot;
    unit.policy.restart = RestartPolicy::No;
    unit.policy.remain_after_exit = false;
    unit.policy.traits = kOnDemand;
    // Once a year: nothing is due while the test runs.
    unit.timer.emplace();
    unit.timer->flags = kTimerCalendar | kTimerPersistent;
    const std::time_t now = std::time(nullptr);
    std::tm today{};
    ::gmtime_r(&now, &today);
    unit.timer->calendar.months = static_cast<std::uint16_t>(1U << (today.tm_mon == 0 ? 12U : 1U));
    unit.timer->calendar.days = 1U << 1U;
    const std::string plan = write_plan(folder.path(), {unit, service("other", {"sleep", "1000"})});
    {
        Guest first({plan});
        Control control = first.control();
        ASSERT_TRUE(is(control, "other", UnitState::Up));
        EXPECT_TRUE(fs::exists(stamps / name));
        EXPECT_FALSE(fs::exists(folder.path() / "runs")) << "nothing was missed yet";
    }
    const std::array<timespec, 2> long_ago{timespec{1'000'000'000, 0}, timespec{1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (stamps / name).c_str(), long_ago.data(), 0), 0);
    for (int boot = 0; boot < 2; ++boot) {
        Guest guest({plan});
        Control control = guest.control();
        ASSERT_TRUE(is(control, "other", UnitState::Up));
        EXPECT_TRUE(eventually([&] { return lines_of(folder.path() / "runs") == 1; }));
    }
    fs::remove(stamps / name);
}

TEST(DescriptorStore, KeepsWhatAUnitLeavesOverRestartsAndPid1OfAnotherVersion) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "store", folder.path().string(), "5"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.descriptor_store = 3;
    Guest guest({write_plan(folder.path(), {unit})}, {.namespaced = true});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Up)) << guest.said();
    EXPECT_EQ(text_of(folder.path() / "found"), "\n");
    ASSERT_EQ(control.ask(Kind::Restart, "app").code, 0);
    ASSERT_TRUE(is(control, "app", UnitState::Up));
    // Five were sent, one was sent twice, three fit; each is what it was.
    EXPECT_EQ(text_of(folder.path() / "found"), "kept:kept:kept text0 text1 text2\n");
    ASSERT_EQ(upgrade(control).code, 0) << guest.said();
    Control again = guest.control();
    ASSERT_EQ(again.ask(Kind::Restart, "app").code, 0);
    ASSERT_TRUE(is(again, "app", UnitState::Up));
    EXPECT_EQ(text_of(folder.path() / "found"), "kept:kept:kept text0 text1 text2\n");
    ASSERT_EQ(again.ask(Kind::Stop, "app").code, 0);
    ASSERT_EQ(again.ask(Kind::Start, "app").code, 0);
    ASSERT_TRUE(is(again, "app", UnitState::Up));
    EXPECT_EQ(text_of(folder.path() / "found"), "\n") << "a stop drops them";
}

TEST(DescriptorStore, KeepsNothingUnlessTheUnitSaysSo) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "store", folder.path().string(), "2"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Up)) << guest.said();
    ASSERT_EQ(control.ask(Kind::Restart, "app").code, 0);
    ASSERT_TRUE(is(control, "app", UnitState::Up));
    EXPECT_EQ(text_of(folder.path() / "found"), "\n");
    EXPECT_TRUE(guest.says("file-descriptor-store-max"));
}

TEST(Reload, LastsUntilTheProgramHasReloaded) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "reloads"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.policy.reload_signal = SIGHUP;
    unit.policy.traits = kReloadNotifies;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Up)) << guest.said();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(control.ask(Kind::Reload, "app").code, 0);
    // It says an old READY=1 and an old RELOADING=1 at once, and the right ones 300 ms later.
    EXPECT_GE(std::chrono::steady_clock::now() - start, 250ms);
    EXPECT_EQ(status_of(control, "app").status, "reloaded");
}

TEST(Reload, OfAProgramThatDoesNotAnswerFailsInTime) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "ignores-reload"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.policy.reload_signal = SIGHUP;
    unit.policy.traits = kReloadNotifies;
    unit.policy.start_timeout_ms = 1000;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Up)) << guest.said();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(control.ask(Kind::Reload, "app").code, 1);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 900ms);
    EXPECT_EQ(status_of(control, "app").state, static_cast<int>(UnitState::Up));
}

TEST(Files, GiveAUnitAViewOfItsOwn) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    const TemporaryFolder folder;
    for (const char* name : {"ro", "ro/rw", "secret", "open", "own"})
        fs::create_directory(folder.path() / name);
    std::ofstream(folder.path() / "secret" / "key") << "secret\n";
    std::ofstream(folder.path() / "file") << "secret\n";
    std::ofstream(folder.path() / "own" / "theirs") << "x\n";
    plan::UnitInput unit = service(
        "app", shell(folder, "cd $0; { touch ro/x 2> open/error || echo read-only; "
                             "touch ro/rw/x && echo writable; ls secret | wc -l; wc -c < file; "
                             "touch own/x; ls own; } > open/said.new; "
                             "mv open/said.new open/said; exec sleep 1000"));
    const std::string at = folder.path().string();
    unit.exec.require = true;
    unit.exec.view = {"h" + at + "/file",  "t" + at + "/own",    "r" + at + "/ro",
                      "w" + at + "/ro/rw", "h" + at + "/secret", "r-" + at + "/missing"};
    Guest guest({write_plan(folder.path(), {unit})}, {.namespaced = true});
    ASSERT_TRUE(eventually([&] { return fs::exists(folder.path() / "open" / "said"); }))
        << guest.said();
    EXPECT_EQ(text_of(folder.path() / "open" / "said"), "read-only\nwritable\n0\n0\nx\n");
    EXPECT_NE(text_of(folder.path() / "open" / "error").find("Read-only"), std::string::npos);
    // Nobody else sees any of it.
    EXPECT_EQ(text_of(folder.path() / "file"), "secret\n");
    EXPECT_TRUE(fs::exists(folder.path() / "own" / "theirs"));
    EXPECT_TRUE(std::ofstream(folder.path() / "ro" / "by-us").good());
}

TEST(Files, AMissingPlaceFailsTheUnitThatRequiresIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {"sleep", "1000"});
    unit.policy.restart = RestartPolicy::No;
    unit.exec.require = true;
    unit.exec.view = {"r" + folder.path().string() + "/missing"};
    Guest guest({write_plan(folder.path(), {unit})}, {.namespaced = true});
    Control control = guest.control();
    ASSERT_TRUE(is(control, "app", UnitState::Failed)) << guest.said();
    EXPECT_EQ(status_of(control, "app").stage, static_cast<int>(SpawnStage::Files));
    EXPECT_EQ(status_of(control, "app").error, ENOENT);
}

} // namespace
} // namespace stead::test
