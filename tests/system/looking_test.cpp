#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "system/harness.h"

namespace stead::system_test {
namespace {

using nlohmann::json;

bool has(const std::string& program) {
    return run_program({"sh", "-c", "command -v " + program}).code == 0;
}

/// A guest whose app waits for a slow database, and whose metrics fail.
class Looking : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        unit("data",
             R"(command = ["sh", "-c", "sleep 0.4; echo serving; : > /tmp/d; exec sleep infinity"]
description = "The <slow> & \"quoted\" one"
ready.path = "/tmp/d"
ready.interval = "10ms"
)");
        unit("app", "command = \"sleep infinity\"\nrequires = [\"data\"]\nwants = [\"metrics\"]\n");
        unit("metrics", R"(command = ["sh", "-c", "echo cannot open port; exit 3"]
restart = "no"
ready.path = "/tmp/never"
)");
        unit("alerts", "command = \"sleep infinity\"\nrequires = [\"metrics\"]\n");
        unit("tool", "command = \"sleep infinity\"\nenabled = false\nconflicts = [\"app\"]\n");
        const std::string file =
            host_.write("shop.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                         host_.folder() + "/shop\"]\n");
        guest_.emplace(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("shop"); })) << guest_->output();
    }

    void TearDown() override {
        if (!guest_) return;
        guest_->signal(SIGTERM);
        EXPECT_EQ(guest_->wait(), 0) << guest_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    void unit(const std::string& name, const std::string& text) const {
        (void)host_.write("shop/" + name + ".toml", text);
    }

    [[nodiscard]] json as_json(const Words& words) const {
        const Outcome outcome = host_.stead(words);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return json::parse(outcome.out, nullptr, false);
    }

    Host host_;
    std::optional<Background> guest_;
};

TEST_F(Looking, WhyTellsTheCauseWhatItWroteAndWhatToDo) {
    const Outcome unit = host_.stead({"why", "shop/alerts"});
    EXPECT_EQ(unit.code, 0) << unit.err;
    for (const char* words :
         {"'metrics', which it needs, is not up", "The cause: shop/metrics", "ended with code 3",
          "cannot open port", "next: ", "stead start shop/metrics"})
        EXPECT_NE(unit.out.find(words), std::string::npos) << words << "\n" << unit.out;

    const Outcome guest = host_.stead({"why", "shop"});
    EXPECT_NE(guest.out.find("2 of 5 units up, 1 down on purpose, and 1 thing is wrong"),
              std::string::npos)
        << guest.out;
    EXPECT_NE(guest.out.find("It keeps down alerts."), std::string::npos) << guest.out;

    const json answer = as_json({"why", "shop/alerts", "--json"});
    EXPECT_EQ(answer.value("cause", ""), "metrics");
    EXPECT_EQ(answer["chain"].size(), 2U);
    EXPECT_FALSE(answer.value("well", true));
    EXPECT_NE(host_.stead({"status", "shop/metrics"}).out.find("next"), std::string::npos);
}

TEST_F(Looking, WrongNamesAreAnsweredWithTheNearest) {
    for (const char* verb : {"why", "critical-chain"}) {
        const Outcome outcome = host_.stead({verb, "shop/dat"});
        EXPECT_EQ(outcome.code, 5) << verb;
        EXPECT_NE(outcome.err.find("did you mean data"), std::string::npos) << outcome.err;
    }
    for (const char* verb : {"why", "blame", "plot", "graph", "critical-chain", "top"}) {
        const Outcome outcome = host_.stead({verb, "shpo"});
        EXPECT_EQ(outcome.code, 5) << verb;
        EXPECT_NE(outcome.err.find("shop"), std::string::npos) << outcome.err;
    }
}

TEST_F(Looking, BlameAndCriticalChainNameWhoHeldTheBootUp) {
    const json blame = as_json({"blame", "shop", "--json"});
    ASSERT_FALSE(blame.empty());
    EXPECT_EQ(blame[0].value("unit", ""), "data");
    EXPECT_GT(blame[0].value("seconds", 0.0), 0.39);
    const json chain = as_json({"critical-chain", "shop", "app", "--json"});
    EXPECT_EQ(chain.value("unit", ""), "app");
    ASSERT_EQ(chain["after"].size(), 1U);
    EXPECT_EQ(chain["after"][0].value("unit", ""), "data");
    // Sums of decimal fractions, to the microsecond.
    const double settled =
        chain["after"][0].value("began", 0.0) + chain["after"][0].value("seconds", 9.0);
    EXPECT_GE(chain.value("began", 0.0), settled - 1e-6);
    const Outcome text = host_.stead({"critical-chain", "shop/app"});
    EXPECT_NE(text.out.find("└─data @"), std::string::npos) << text.out;
    EXPECT_EQ(host_.stead({"critical-chain", "shop", "tool"}).code, 1) << "was not started";
}

TEST_F(Looking, PlotDrawsTheBoot) {
    const std::string file = host_.folder() + "/boot.svg";
    ASSERT_EQ(host_.stead({"plot", "shop", "-o", file}).code, 0);
    const std::string chart = read_text(file);
    for (const char* words : {"<svg", "Boot of shop", "Linux", "&lt;slow&gt;", "class=\"starting\"",
                              "class=\"failed\""})
        EXPECT_NE(chart.find(words), std::string::npos) << words;
    EXPECT_EQ(as_json({"plot", "shop", "--json"})["units"].size(), 3U);
}

TEST_F(Looking, GraphDrawsTheGuestAndAFolder) {
    const Outcome dot = host_.stead({"graph", "shop"});
    ASSERT_EQ(dot.code, 0) << dot.err;
    EXPECT_NE(dot.out.find("label=\"metrics\\nfailed\""), std::string::npos) << dot.out;
    EXPECT_NE(dot.out.find("label=\"conflicts\""), std::string::npos) << dot.out;
    const json folder = as_json({"graph", host_.folder() + "/shop", "--json"});
    EXPECT_EQ(folder["units"].size(), 5U);
    EXPECT_EQ(folder["dependencies"], as_json({"graph", "shop", "--json"})["dependencies"]);
    EXPECT_EQ(host_.stead({"graph", "./nothing/there"}).code, 1);
}

TEST_F(Looking, GraphHasGraphvizDrawIt) {
    Words words{"env", "PATH=/nonexistent"};
    for (const std::string& word : host_.command({"graph", "shop", "--svg"}))
        words.push_back(word);
    const Outcome without = run_program(words);
    EXPECT_EQ(without.code, 1);
    EXPECT_NE(without.err.find("install graphviz"), std::string::npos) << without.err;
    if (!has("dot")) GTEST_SKIP() << "needs graphviz";
    const Outcome drawn = host_.stead({"graph", "shop", "--svg"});
    EXPECT_EQ(drawn.code, 0) << drawn.err;
    EXPECT_NE(drawn.out.find("</svg>"), std::string::npos);
}

TEST_F(Looking, TopWantsATerminalAndSaysWhatElseThereIs) {
    const Outcome outcome = host_.stead({"top"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("--json"), std::string::npos) << outcome.err;
    const json rows = as_json({"top", "--json"});
    ASSERT_EQ(rows.size(), 6U) << "the guest and its units";
    for (const json& row : rows) {
        if (row.value("unit", "") != "app") continue;
        EXPECT_GT(row.value("memory", 0), 0);
        EXPECT_EQ(row.value("tasks", 0), 1);
    }
}

/// `stead top` in a terminal of its own.
class TopTerminal : public Looking {
protected:
    void SetUp() override {
        if (!has("tmux")) GTEST_SKIP() << "needs tmux";
        Looking::SetUp();
        std::string command = "TERM=xterm";
        for (const std::string& word : host_.command({"top", "shop", "-i", "200ms"}))
            command += " '" + word + "'";
        (void)tmux({"new-session", "-d", "-x", "110", "-y", "24", command + "; echo left $?; cat"});
    }

    void TearDown() override {
        if (guest_) (void)tmux({"kill-server"});
        Looking::TearDown();
    }

    [[nodiscard]] Outcome tmux(Words words) const {
        words.insert(words.begin(), {"tmux", "-S", host_.folder() + "/tmux", "-f", "/dev/null"});
        return run_program(words);
    }

    void press(const std::string& key) const { (void)tmux({"send-keys", key}); }

    [[nodiscard]] bool shows(const std::string& text) const {
        return eventually([&] {
            return tmux({"capture-pane", "-p"}).out.find(text) != std::string::npos;
        });
    }

    [[nodiscard]] std::string screen() const { return tmux({"capture-pane", "-p"}).out; }
};

TEST_F(TopTerminal, StopsAndStartsTheSelectedUnit) {
    ASSERT_TRUE(shows("  app ")) << screen();
    ASSERT_TRUE(shows("its main process ended")) << screen();
    press("j"); // alerts
    press("j"); // app
    press("t");
    ASSERT_TRUE(shows("stop shop/app? y: yes")) << screen();
    press("n");
    ASSERT_TRUE(shows("stop shop/app: no")) << screen();
    EXPECT_GT(host_.pid_of("shop/app"), 0);
    press("t");
    press("y");
    EXPECT_TRUE(eventually([&] { return host_.pid_of("shop/app") == 0; })) << screen();
    EXPECT_TRUE(shows("stopped by hand")) << screen();
    press("s");
    EXPECT_TRUE(eventually([&] { return host_.pid_of("shop/app") > 0; })) << screen();
    const int before = host_.pid_of("shop/app");
    press("r");
    press("y");
    EXPECT_TRUE(eventually([&] {
        const int now = host_.pid_of("shop/app");
        return now > 0 && now != before;
    })) << screen();
    press("q");
    EXPECT_TRUE(shows("left 0")) << screen();
}

TEST_F(TopTerminal, ShowsTheLogAndFitsAnySize) {
    ASSERT_TRUE(shows("  data ")) << screen();
    for (int i = 0; i < 3; ++i)
        press("j"); // alerts, app, data
    EXPECT_TRUE(shows("log of shop/data")) << screen();
    EXPECT_TRUE(shows("serving")) << screen();
    (void)tmux({"resize-window", "-x", "40", "-y", "8"});
    EXPECT_TRUE(shows("log of shop/data")) << screen();
    (void)tmux({"resize-window", "-x", "5", "-y", "2"});
    (void)tmux({"resize-window", "-x", "130", "-y", "40"});
    EXPECT_TRUE(shows("which it needs, is not up")) << screen();
    press("h");
    EXPECT_TRUE(shows("Any key goes back.")) << screen();
    press("x");
    press("C-c");
    EXPECT_TRUE(shows("left 0")) << screen();
}

TEST(LookingWithoutGuest, WhyShowsTheLastWordsOfAGuestThatEnded) {
    NEED_GUESTS();
    const Host host;
    (void)host.write("job/main.toml", "command = \"true\"\ntype = \"oneshot\"\nessential = true\n");
    const std::string file =
        host.write("etc/guests/job.toml",
                   "root = \"host\"\nephemeral = true\nunits = [\"" + host.folder() + "/job\"]\n");
    (void)host.write("job/bad.toml", "comand = \"true\"\n");
    (void)host.stead({"run", file});
    const Outcome outcome = host.stead({"why", "job"});
    EXPECT_EQ(outcome.code, 3) << outcome.err;
    EXPECT_NE(outcome.err.find("is not running"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.out.find("bad.toml:1:1"), std::string::npos) << outcome.out;
}

TEST_F(Looking, GivesFiguresThatAScraperUnderstands) {
    const Outcome outcome = host_.stead({"metrics"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    for (const char* line :
         {"# TYPE stead_unit_up gauge\n", "stead_guest_answers{guest=\"shop\"} 1\n",
          "stead_unit_up{guest=\"shop\",unit=\"data\"} 1\n",
          "stead_unit_up{guest=\"shop\",unit=\"metrics\"} 0\n",
          "stead_unit_restarts_total{guest=\"shop\",unit=\"app\"} 0\n",
          "stead_guest_units{guest=\"shop\",state=\"failed\"} 2\n"})
        EXPECT_NE(outcome.out.find(line), std::string::npos) << line << "in\n" << outcome.out;
    EXPECT_TRUE(outcome.out.ends_with("# EOF\n"));

    const std::string parse = "import sys; from prometheus_client.openmetrics.parser import "
                              "text_string_to_metric_families as read; "
                              "print(len(list(read(sys.stdin.read()))))";
    if (run_program({"/usr/bin/python3", "-c", "import prometheus_client"}).code != 0)
        GTEST_SKIP() << "needs python3-prometheus-client for the rest";
    const Outcome parsed = run_program({"/usr/bin/python3", "-c", parse}, outcome.out);
    EXPECT_EQ(parsed.code, 0) << parsed.err << outcome.out;
    EXPECT_GE(std::stoi("0" + parsed.out), 10) << parsed.out;
}

TEST_F(Looking, AnswersAScrapeByHttp) {
    const auto ask = [&](const std::string& request) {
        return run_program(host_.command({"metrics", "--http"}), request).out;
    };
    const std::string answer = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(answer.find("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text"), 0U)
        << answer;
    EXPECT_TRUE(answer.ends_with("# EOF\n")) << answer;
    const std::string head = ask("HEAD /metrics HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
    EXPECT_EQ(ask("GET /other HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 "), 0U);
    for (const char* bad : {"", "GET", "POST / HTTP/1.1\r\n\r\n", "\r\n\r\n", "GET /metrics"})
        EXPECT_EQ(ask(bad).find("HTTP/1.1 4"), 0U) << bad;
}

} // namespace
} // namespace stead::system_test
