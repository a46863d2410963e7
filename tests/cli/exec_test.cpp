#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "cli/command.h"
#include "fakes/control_server.h"
#include "model/state.h"

namespace stead::cli {
namespace {

using fakes::Connection;
using fakes::ControlServer;
using fakes::Request;
using wire::Kind;
using wire::Tag;

std::vector<std::string> texts(const wire::Reader& message, Tag tag) {
    std::vector<std::string> found;
    wire::Reader fields = message;
    while (const auto field = fields.next()) {
        if (field->tag == tag) found.emplace_back(field->text());
    }
    return found;
}

void send_number(const Connection& client,
                 Kind kind,
                 std::initializer_list<std::pair<Tag, std::int64_t>> numbers,
                 std::span<const int> descriptors = {}) {
    std::vector<std::byte> buffer(256);
    wire::Writer message(buffer, kind);
    for (const auto& [tag, value] : numbers)
        message.number(tag, value);
    client.send(message, descriptors);
}

class Exec : public ::testing::Test {
protected:
    void serve(ControlServer::Answer answer) {
        server = std::make_unique<ControlServer>(machine.control("web"), std::move(answer));
        ASSERT_TRUE(server->ready());
    }

    Machine machine;
    std::unique_ptr<ControlServer> server;
};

TEST_F(Exec, RelaysInputOutputErrorAndTheExitCode) {
    std::vector<std::string> argv;
    serve([&](const Request& request, const Connection& client) {
        if (request.message.kind() != Kind::Exec) return true;
        argv = texts(request.message, Tag::Argv);
        EXPECT_EQ(request.descriptors.size(), 3U);
        send_number(client, Kind::Started, {{Tag::Pid, 7}});
        std::string input(100, '\0');
        std::string all;
        ssize_t got = 0;
        while ((got = ::read(request.descriptors[0].get(), input.data(), input.size())) > 0)
            all.append(input, 0, static_cast<std::size_t>(got));
        (void)!::write(request.descriptors[1].get(), all.data(), all.size());
        (void)!::write(request.descriptors[2].get(), "oops\n", 5);
        request.descriptors.clear();
        send_number(client, Kind::Ended, {{Tag::ExitKind, 0}, {Tag::Code, 42}});
        return true;
    });
    const Outcome outcome = machine.run({"exec", "web", "--", "cat", "-n", "a b"}, "in\n");
    EXPECT_EQ(outcome.code, 42);
    EXPECT_EQ(outcome.out, "in\n");
    EXPECT_EQ(outcome.err, "oops\n");
    EXPECT_EQ(argv, (std::vector<std::string>{"cat", "-n", "a b"}));
}

TEST_F(Exec, ReturnsASignalAsAShellDoes) {
    serve([&](const Request&, const Connection& client) {
        send_number(client, Kind::Started, {{Tag::Pid, 7}});
        send_number(client, Kind::Ended, {{Tag::ExitKind, 1}, {Tag::Code, SIGKILL}});
        return true;
    });
    EXPECT_EQ(machine.run({"exec", "web", "true"}).code, 128 + SIGKILL);
}

TEST_F(Exec, NamesTheStageAndErrorOfAProgramThatDoesNotRun) {
    serve([&](const Request&, const Connection& client) {
        send_number(client, Kind::End,
                    {{Tag::Code, 127},
                     {Tag::ReasonStage, static_cast<int>(SpawnStage::Exec)},
                     {Tag::ReasonError, ENOENT}});
        return true;
    });
    const Outcome outcome = machine.run({"exec", "web", "nonsense"});
    EXPECT_EQ(outcome.code, kNotFound);
    EXPECT_EQ(outcome.err, "stead: nonsense: exec: No such file or directory (ENOENT)\n");
}

TEST_F(Exec, FailsAsItselfWhenPid1Refuses) {
    serve([&](const Request&, const Connection& client) {
        client.end(kCouldNot, "the guest is shutting down");
        return true;
    });
    const Outcome outcome = machine.run({"exec", "web", "true"});
    EXPECT_EQ(outcome.code, kSteadFailed);
    EXPECT_EQ(outcome.err, "stead: true: the guest is shutting down\n");
    EXPECT_EQ(machine.run({"exec", "nothing", "true"}).code, kSteadFailed);
}

TEST_F(Exec, FailsAsItselfWhenPid1Dies) {
    serve([&](const Request&, const Connection& client) {
        send_number(client, Kind::Started, {{Tag::Pid, 7}});
        return false;
    });
    EXPECT_EQ(machine.run({"exec", "web", "true"}).code, kSteadFailed);
}

TEST_F(Exec, TakesNoOtherDescriptorForATerminal) {
    serve([&](const Request&, const Connection& client) {
        const sys::UniqueFd file(::open("/dev/zero", O_RDWR | O_CLOEXEC));
        const int fd = file.get();
        send_number(client, Kind::Started, {{Tag::Pid, 7}}, std::span(&fd, 1));
        return true;
    });
    const Outcome outcome = machine.run({"exec", "-t", "web", "sh"});
    EXPECT_EQ(outcome.code, kSteadFailed);
    EXPECT_EQ(outcome.err, "stead: sh: the guest gave no terminal\n");
}

TEST_F(Exec, PassesEnvironmentDirectoryAndNumericUser) {
    std::vector<std::string> environment;
    std::string directory;
    std::int64_t uid = -1;
    serve([&](const Request& request, const Connection& client) {
        environment = texts(request.message, Tag::Environment);
        directory = std::string(request.message.text(Tag::Directory));
        uid = request.message.number(Tag::Uid, -1);
        client.end(kCouldNot, "enough");
        return true;
    });
    (void)machine.run({"exec", "--env", "A=1", "--env=B=x y", "--cwd", "/srv", "web", "true"});
    EXPECT_EQ(environment, (std::vector<std::string>{"A=1", "B=x y"}));
    EXPECT_EQ(directory, "/srv");
    EXPECT_EQ(uid, -1);
    EXPECT_EQ(machine.run({"exec", "--env", "nonsense", "web", "true"}).code, kAskedWrongly);
    EXPECT_EQ(machine.run({"exec", "--cwd", "relative", "web", "true"}).code, kAskedWrongly);
    EXPECT_EQ(machine.run({"exec", "-t", "-T", "web", "true"}).code, kAskedWrongly);
    EXPECT_EQ(machine.run({"exec", "web"}).code, kAskedWrongly);
    EXPECT_EQ(machine.run({"exec", "--nonsense", "web", "true"}).code, kAskedWrongly);
}

} // namespace
} // namespace stead::cli
