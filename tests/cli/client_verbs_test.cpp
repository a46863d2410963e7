#include <csignal>
#include <mutex>
#include <random>

#include <gtest/gtest.h>

#include "cli/command.h"
#include "fakes/control_server.h"
#include "model/state.h"
#include "model/unit.h"

namespace stead::cli {
namespace {

using fakes::Connection;
using fakes::ControlServer;
using fakes::Request;
using wire::Kind;
using wire::Tag;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1000 * kSecond;

struct FakeUnit {
    std::string name;
    UnitState state = UnitState::Up;
    ReasonKind reason = ReasonKind::Boot;
    std::int64_t pid = 0;
    std::int64_t restarts = 0;
};

void send_unit(const Connection& client, const FakeUnit& unit) {
    std::vector<std::byte> buffer(4096);
    wire::Writer message(buffer, Kind::Unit);
    message.text(Tag::Name, unit.name)
        .number(Tag::State, static_cast<int>(unit.state))
        .number(Tag::ReasonKind, static_cast<int>(unit.reason))
        .number(Tag::ExitKind, static_cast<int>(ExitStatus::Kind::Exited))
        .number(Tag::ExitValue, 3)
        .number(Tag::Since, kNow - 65 * kSecond)
        .number(Tag::Now, kNow)
        .number(Tag::Restarts, unit.restarts)
        .number(Tag::Flags, wire::kEnabled)
        .text(Tag::Description, "the " + unit.name + " server")
        .text(Tag::Source, "/etc/stead/units/" + unit.name + ".toml");
    if (unit.pid > 0) message.number(Tag::Pid, unit.pid);
    client.send(message);
}

void send_guest(const Connection& client, wire::GuestState state) {
    std::vector<std::byte> buffer(4096);
    wire::Writer message(buffer, Kind::Guest);
    message.text(Tag::Name, "web")
        .number(Tag::State, static_cast<int>(state))
        .number(Tag::Now, kNow)
        .number(Tag::BootTime, kNow - 180 * kSecond)
        .number(Tag::Count, 2)
        .text(Tag::Notice, "no cgroup: levels are \x1b[31mnot\x1b[0m applied");
    client.send(message);
}

/// A guest of two units, nginx up and db failed, that carries out what it is told.
class WebGuest {
public:
    bool answer(const Request& request, const Connection& client) {
        const std::string name(request.message.text(Tag::Name));
        const bool known = name.empty() || name == "nginx" || name == "db";
        {
            const std::lock_guard lock(mutex_);
            seen_.push_back(request.message.kind());
        }
        if (!known) {
            client.end(kNoSuch, "no unit is named '" + name + "'");
            return true;
        }
        if (request.message.kind() == Kind::Status) send_guest(client, state);
        for (const FakeUnit& unit : units) {
            if (name.empty() || name == unit.name) send_unit(client, unit);
        }
        client.end(name == "db" && request.message.kind() == Kind::Start ? kCouldNot : kDone);
        return request.message.kind() != Kind::Shutdown;
    }

    std::vector<Kind> seen() {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

    wire::GuestState state = wire::GuestState::Up;
    std::vector<FakeUnit> units{
        {.name = "nginx", .pid = 42, .restarts = 2},
        {.name = "db", .state = UnitState::Failed, .reason = ReasonKind::Exited}};

private:
    std::mutex mutex_;
    std::vector<Kind> seen_;
};

class Client : public ::testing::Test {
protected:
    void serve(ControlServer::Answer answer) {
        server = std::make_unique<ControlServer>(machine.control("web"), std::move(answer));
        ASSERT_TRUE(server->ready());
    }

    void serve_web() {
        serve([this](const Request& request, const Connection& client) {
            return web.answer(request, client);
        });
    }

    Machine machine;
    WebGuest web;
    std::unique_ptr<ControlServer> server;
};

TEST_F(Client, ListsGuests) {
    serve_web();
    const Outcome outcome = machine.run({"list"});
    EXPECT_EQ(outcome.code, kDone) << outcome.err;
    EXPECT_EQ(outcome.out, "GUEST  STATE  SINCE  UNITS  FAILED  MEMORY  TASKS  CPU  ENABLED  NOTE\n"
                           "web    up     3 min  1/2    1\n");
}

TEST_F(Client, ListsUnits) {
    serve_web();
    const Outcome outcome = machine.run({"list", "web"});
    EXPECT_EQ(outcome.out,
              "UNIT   STATE   SINCE      PID  RESTARTS  WHY\n"
              "nginx  up      1 min 5 s  42   2         started with the guest\n"
              "db     failed  1 min 5 s                 its main process ended with code 3\n");
}

TEST_F(Client, ShowsTheStatusOfAGuestWithoutItsEscapes) {
    serve_web();
    const Outcome outcome = machine.run({"status", "web"});
    EXPECT_EQ(outcome.code, kDone);
    EXPECT_EQ(outcome.out,
              "web: up, booted 3 min ago, 1 of 2 units up\n"
              "  note: no cgroup: levels are \\x1b[31mnot\\x1b[0m applied\n"
              "\n"
              "UNIT   STATE   SINCE      PID  RESTARTS  WHY\n"
              "nginx  up      1 min 5 s  42   2         started with the guest\n"
              "db     failed  1 min 5 s                 its main process ended with code 3\n");
}

TEST_F(Client, ShowsTheStatusOfAUnitWithItsLastLines) {
    serve_web();
    machine.write("state/logs/web/db/current",
                  "2026-11-21T10:00:00.000000Z out starting\n"
                  "2026-11-21T10:00:01.000000Z err cannot \\x1b[1m open\n");
    const Outcome outcome = machine.run({"status", "web/db"});
    EXPECT_EQ(outcome.code, kNotRunning);
    EXPECT_EQ(outcome.out, "web/db: failed for 1 min 5 s\n"
                           "  what      the db server\n"
                           "  why       its main process ended with code 3\n"
                           "  file      /etc/stead/units/db.toml\n"
                           "  next      'stead logs web/db -n 100' shows what it wrote; the code "
                           "is the program's own\n"
                           "  last lines\n"
                           "    2026-11-21T10:00:00.000000Z starting\n"
                           "    2026-11-21T10:00:01.000000Z cannot \\x1b[1m open\n");
}

TEST_F(Client, AnswersReadinessByExitCodeAlone) {
    serve_web();
    EXPECT_EQ(machine.run({"status", "--ready", "web"}).code, kDone);
    EXPECT_EQ(machine.run({"status", "--ready", "web/nginx"}).code, kDone);
    const Outcome failed = machine.run({"status", "--ready", "web/db"});
    EXPECT_EQ(failed.code, kNotRunning);
    EXPECT_EQ(failed.out + failed.err, "");
}

TEST_F(Client, SpeaksJson) {
    serve_web();
    const Outcome outcome = machine.run({"status", "--json", "web/db"});
    EXPECT_NE(outcome.out.find("\"state\": \"failed\""), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("\"exit-code\": 3"), std::string::npos);
    EXPECT_NE(outcome.out.find("\"ready\": false"), std::string::npos);
}

TEST_F(Client, NamesTheNearestUnitWhenThereIsNoSuch) {
    serve_web();
    const Outcome outcome = machine.run({"status", "web/ngnix"});
    EXPECT_EQ(outcome.code, kNoSuch);
    EXPECT_EQ(outcome.err, "stead: there is no unit of web 'ngnix'\n"
                           "  did you mean nginx?\n");
}

TEST_F(Client, NamesTheNearestGuestWhenThereIsNoSuch) {
    machine.write("etc/guests/website.toml", "");
    const Outcome outcome = machine.run({"status", "webste"});
    EXPECT_EQ(outcome.code, kNoSuch);
    EXPECT_NE(outcome.err.find("did you mean website?"), std::string::npos) << outcome.err;
}

TEST_F(Client, TellsAGuestThatDoesNotRunFromOneThatDoesNotExist) {
    machine.write("etc/guests/web.toml", "");
    const Outcome outcome = machine.run({"status", "web"});
    EXPECT_EQ(outcome.code, kNotRunning);
    EXPECT_NE(outcome.out.find("web: down, never started\n"), std::string::npos) << outcome.out;
    const Outcome listed = machine.run({"list", "web"});
    EXPECT_EQ(listed.code, kNotRunning);
    EXPECT_EQ(listed.err, "stead: guest 'web' is not running\n"
                          "  'stead start web' starts it\n");
}

TEST_F(Client, RefusesANameThatCanBeNone) {
    for (const char* bad : {"../etc", "web/../x", "web/", "a b", "web/a/b"})
        EXPECT_EQ(machine.run({"status", bad}).code, kAskedWrongly) << bad;
}

TEST_F(Client, StartsAUnitAndSaysWhyItFailed) {
    serve_web();
    EXPECT_EQ(machine.run({"start", "web/nginx"}).code, kDone);
    const Outcome outcome = machine.run({"start", "web/db"});
    EXPECT_EQ(outcome.code, kCouldNot);
    EXPECT_EQ(outcome.err,
              "stead: web/db: failed for 1 min 5 s: its main process ended with code 3\n"
              "  'stead status web/db' shows its last lines\n");
}

TEST_F(Client, CarriesOutEveryNameAndReturnsTheFirstFailure) {
    serve_web();
    const Outcome outcome = machine.run({"restart", "web/nothing", "web/nginx"});
    EXPECT_EQ(outcome.code, kNoSuch);
    const auto seen = web.seen();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), Kind::Restart), 2);
}

TEST_F(Client, GivesUpWaitingAfterItsTimeout) {
    serve([](const Request&, const Connection&) { return true; });
    const Outcome outcome = machine.run({"start", "--timeout", "100ms", "web/nginx"});
    EXPECT_EQ(outcome.code, kTimedOut);
    EXPECT_EQ(outcome.err, "stead: timed out waiting for web/nginx to be up\n");
}

TEST_F(Client, RefusesATimeoutThatIsNone) {
    EXPECT_EQ(machine.run({"start", "--timeout", "soon", "web/nginx"}).code, kAskedWrongly);
}

TEST_F(Client, SendsTheSignalThatWasAskedFor) {
    std::int64_t signal = 0;
    std::int64_t whom = -1;
    serve([&](const Request& request, const Connection& client) {
        signal = request.message.number(Tag::Signal);
        whom = request.message.number(Tag::Whom);
        client.end(kDone);
        return true;
    });
    EXPECT_EQ(machine.run({"kill", "-s", "USR1", "--whom", "main", "web/nginx"}).code, kDone);
    EXPECT_EQ(signal, SIGUSR1);
    EXPECT_EQ(whom, 1);
    EXPECT_EQ(machine.run({"kill", "-s", "RTMIN+3", "web/nginx"}).code, kDone);
    EXPECT_EQ(signal, 37);
    EXPECT_EQ(machine.run({"kill", "-s", "NONSENSE", "web/nginx"}).code, kAskedWrongly);
}

TEST_F(Client, WaitsForTheEndOfAUnit) {
    serve([](const Request& request, const Connection& client) {
        if (request.message.kind() != Kind::Wait) return true;
        send_unit(client, {.name = "nginx"});
        send_unit(client, {.name = "nginx", .state = UnitState::Stopping});
        send_unit(client, {.name = "nginx", .state = UnitState::Down});
        return true;
    });
    EXPECT_EQ(machine.run({"wait", "--down", "--timeout", "5s", "web/nginx"}).code, kDone);
}

TEST_F(Client, StopsAGuestAndWaitsUntilItIsGone) {
    serve_web();
    EXPECT_EQ(machine.run({"stop", "--timeout", "5s", "web"}).code, kDone);
    EXPECT_EQ(web.seen(), std::vector<Kind>{Kind::Shutdown});
    server.reset();
    // What does not run need not be stopped.
    machine.write("etc/guests/web.toml", "");
    EXPECT_EQ(machine.run({"stop", "web"}).code, kDone);
}

TEST_F(Client, SurvivesAnAnswerWithoutEnd) {
    serve([](const Request& request, const Connection& client) {
        for (int count = 0; count < 20'000 && request.message.kind() == Kind::Status; ++count)
            send_unit(client, {.name = "nginx"});
        return false;
    });
    EXPECT_EQ(machine.run({"list", "web"}).code, kCouldNot);
}

TEST_F(Client, SurvivesRandomAnswersOfEveryKind) {
    std::mt19937 random(11);
    serve([&](const Request&, const Connection& client) {
        std::vector<std::byte> bytes(4096);
        const auto kind = static_cast<Kind>(0x100 + random() % 5);
        wire::Writer message(bytes, kind);
        for (int field = 0; field < 40; ++field) {
            const auto tag = static_cast<Tag>(1 + random() % 45);
            if (random() % 2 == 0) {
                message.number(tag, static_cast<std::int64_t>(random()) << (random() % 33));
            } else {
                std::string text(random() % 60, '\0');
                for (char& letter : text)
                    letter = static_cast<char>(random());
                message.text(tag, text);
            }
        }
        if (random() % 4 == 0) {
            std::vector<std::byte> noise(random() % 300 + 1);
            for (std::byte& byte : noise)
                byte = static_cast<std::byte>(random());
            client.send_raw(noise);
        }
        client.send(message);
        client.end(static_cast<int>(random() % 7));
        return random() % 3 != 0;
    });
    const std::vector<std::vector<std::string>> commands = {{"status", "web"},
                                                            {"status", "--json", "web/nginx"},
                                                            {"show", "web/nginx"},
                                                            {"list"},
                                                            {"list", "--json", "web"},
                                                            {"start", "--timeout=1s", "web/nginx"},
                                                            {"wait", "--timeout=1s", "web/nginx"},
                                                            {"kill", "web/nginx"}};
    for (int round = 0; round < 80; ++round) {
        const auto& command = commands[static_cast<std::size_t>(round) % commands.size()];
        const Outcome outcome = machine.run(command);
        EXPECT_GE(outcome.code, 0) << "a signal ended round " << round;
        EXPECT_NE(outcome.code, kSteadFailed);
        EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
    }
}

TEST_F(Client, KnowsItsUnitsByTheirNameAloneInsideAGuest) {
    std::filesystem::remove_all(machine.root + "/run/guests");
    server = std::make_unique<ControlServer>(
        machine.root + "/run/control", [this](const Request& request, const Connection& client) {
            return web.answer(request, client);
        });
    const Outcome outcome = machine.run({"status", "--json", "nginx"});
    EXPECT_EQ(outcome.code, kDone) << outcome.err;
    EXPECT_EQ(machine.run({"list"}).out.substr(0, 4), "UNIT");
    EXPECT_EQ(machine.run({"status", "/db"}).code, kNotRunning);
    const Outcome none = machine.run({"status", "dv"});
    EXPECT_EQ(none.err, "stead: there is no unit 'dv'\n  did you mean db?\n");
}

TEST(Command, ExplainsItselfAndRefusesWhatItDoesNotKnow) {
    const Machine machine;
    const Outcome help = machine.run({"--help"});
    EXPECT_EQ(help.code, kDone);
    for (const char* verb : {"list", "status", "logs", "exec", "enter", "start", "wait"})
        EXPECT_NE(help.out.find(std::string("\n  ") + verb + " "), std::string::npos) << verb;
    EXPECT_EQ(help.out.find("log-reader"), std::string::npos);
    EXPECT_EQ(machine.run({"--version"}).out, "stead " STEAD_VERSION "\n");
    EXPECT_EQ(machine.run({}).code, kAskedWrongly);
    const Outcome unknown = machine.run({"stauts"});
    EXPECT_EQ(unknown.code, kAskedWrongly);
    EXPECT_EQ(unknown.err, "stead: there is no verb 'stauts'\n  did you mean 'status'?\n");
    EXPECT_EQ(machine.run({"status", "--nonsense"}).code, kAskedWrongly);
    for (const Verb& verb : all_verbs()) {
        const Outcome one = machine.run({std::string(verb.name), "--help"});
        EXPECT_EQ(one.code, kDone) << verb.name;
        EXPECT_TRUE(one.out.starts_with("Usage: stead ") ||
                    one.out.find("Usage: stead ") != std::string::npos)
            << one.out;
    }
}

} // namespace
} // namespace stead::cli
