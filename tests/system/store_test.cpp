#include <csignal>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "system/harness.h"

/// The store of guests: their files, and the commands that change and show them.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

class Store : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void TearDown() override {
        if (IsSkipped()) return;
        EXPECT_EQ(host_.stead({"stop", "--all", "--force"}).code, 0);
        EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
    }

    void create(const std::string& name, const Words& settings = {}) const {
        Words words{"create", name, "profile=jail"};
        words.insert(words.end(), settings.begin(), settings.end());
        for (const char* word : {"--", "sleep", "1000"})
            words.emplace_back(word);
        const Outcome created = host_.stead(words);
        ASSERT_EQ(created.code, 0) << created.err;
    }

    [[nodiscard]] std::string file(const std::string& name) const {
        return host_.folder() + "/etc/guests/" + name + ".toml";
    }

    /// The row of `name` in `stead list --json`.
    [[nodiscard]] nlohmann::json row(const std::string& name) const {
        const auto list = nlohmann::json::parse(host_.stead({"list", "--json"}).out);
        for (const auto& one : list) {
            if (one.value("name", "") == name) return one;
        }
        return {};
    }

    /// `stead edit NAME` with `script` for sed(1) as the editor.
    [[nodiscard]] Outcome edit(const std::string& name, const std::string& script) const {
        Words words{"env", "-u", "VISUAL", "EDITOR=sed -i " + script};
        for (const std::string& word : host_.command({"edit", name}))
            words.push_back(word);
        return run_program(words);
    }

    Host host_;
};

TEST_F(Store, CreateWritesACommentedFileThatWorks) {
    create("web", {"description=A shop"});
    const std::string text = read_text(file("web"));
    EXPECT_NE(text.find("description = \"A shop\"\n"), std::string::npos) << text;
    EXPECT_NE(text.find("# Whether the guest starts with the host.\n#enabled = false\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(host_.stead({"check", file("web")}).code, 0);
    EXPECT_EQ(host_.stead({"start", "web"}).code, 0);
}

TEST_F(Store, ALevelOfTheFirstProcessIsKeptForTheNextStartOrRefusedByName) {
    create("web");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    const bool kernel_tells =
        read_text("/proc/self/ksm_stat").find("ksm_merge_any:") != std::string::npos;
    const auto merges = [&] {
        return host_.stead({"exec", "web", "-T", "--", "cat", "/proc/self/ksm_stat"}).out;
    };
    const Outcome now = host_.stead({"set", "web", "memory-merge=true"});
    EXPECT_EQ(now.code, 2);
    const Outcome kept = host_.stead({"set", "web", "memory-merge=true", "--save"});
    if (kept.code != 0) {
        EXPECT_FALSE(kernel_tells) << kept.err;
        EXPECT_NE(kept.err.find("memory-merge needs Linux 6.7 with CONFIG_KSM"), std::string::npos)
            << kept.err;
        EXPECT_NE(now.err.find("memory-merge needs Linux 6.7 with CONFIG_KSM"), std::string::npos)
            << now.err;
        return;
    }
    EXPECT_NE(now.err.find("add --save, then 'stead restart web'"), std::string::npos) << now.err;
    EXPECT_NE(kept.out.find("holds from the next start on"), std::string::npos) << kept.out;
    if (kernel_tells) {
        EXPECT_NE(merges().find("ksm_merge_any: no"), std::string::npos) << merges();
    }
    ASSERT_EQ(host_.stead({"restart", "web"}).code, 0);
    if (kernel_tells) {
        EXPECT_NE(merges().find("ksm_merge_any: yes"), std::string::npos) << merges();
        EXPECT_EQ(host_.stead({"limits", "web"}).out.find("drift"), std::string::npos);
    }
}

TEST_F(Store, CreateWritesNothingThatIsWrong) {
    const Outcome rootless = host_.stead({"create", "web"});
    EXPECT_EQ(rootless.code, 2);
    EXPECT_NE(rootless.err.find("root is missing"), std::string::npos) << rootless.err;
    EXPECT_EQ(host_.stead({"create", "../web", "root=/usr"}).code, 2);
    EXPECT_EQ(host_.stead({"create", "web", "root"}).code, 2);
    EXPECT_FALSE(fs::exists(host_.folder() + "/etc"));

    create("web");
    const std::string before = read_text(file("web"));
    EXPECT_EQ(host_.stead({"create", "web", "profile=jail", "--", "true"}).code, 1) << "taken";
    EXPECT_EQ(read_text(file("web")), before);
}

TEST_F(Store, EditSavesWhatIsRightAndKeepsWhatIsNot) {
    create("web");
    EXPECT_EQ(edit("web", "s/1000/999/").code, 0);
    const std::string saved = read_text(file("web"));
    EXPECT_NE(saved.find("\"999\""), std::string::npos) << saved;

    const Outcome wrong = edit("web", "s/profile/proflie/");
    EXPECT_EQ(wrong.code, 2);
    EXPECT_NE(wrong.err.find("web.toml:4:1: error: unknown key 'proflie'"), std::string::npos)
        << wrong.err;
    EXPECT_EQ(read_text(file("web")), saved);
    const std::size_t kept = wrong.err.find("kept as ");
    ASSERT_NE(kept, std::string::npos) << wrong.err;
    const std::string draft = wrong.err.substr(kept + 8, wrong.err.find('\n', kept) - kept - 8);
    EXPECT_NE(read_text(draft).find("proflie"), std::string::npos) << draft;

    EXPECT_EQ(edit("web", "s/nothing/else/").code, 0);
    EXPECT_EQ(edit("wbe", "s/nothing/else/").code, 5);
}

TEST_F(Store, EditDoesNotOverwriteWhatSomebodyElseSaved) {
    create("web");
    const Outcome late = edit("web", "s/1000/999/ " + file("web"));
    EXPECT_EQ(late.code, 1);
    EXPECT_NE(late.err.find("has changed meanwhile"), std::string::npos) << late.err;
}

TEST_F(Store, EnableAndDisableChangeWhatStartsWithTheHost) {
    create("a");
    create("b", {"enabled=true"});
    EXPECT_EQ(host_.stead({"enable", "a"}).code, 0);
    EXPECT_EQ(host_.stead({"disable", "b"}).code, 0);
    EXPECT_TRUE(row("a").value("enabled", false));
    EXPECT_FALSE(row("b").value("enabled", true));

    EXPECT_EQ(host_.stead({"start", "--enabled"}).code, 0);
    EXPECT_EQ(row("a").value("state", ""), "up");
    EXPECT_EQ(row("b").value("state", ""), "down");

    // Back to what the files say themselves, without a trace.
    EXPECT_EQ(host_.stead({"disable", "a", "--now"}).code, 0);
    EXPECT_EQ(host_.stead({"enable", "b"}).code, 0);
    EXPECT_EQ(row("a").value("state", ""), "down");
    EXPECT_FALSE(fs::exists(file("a") + ".d"));
    EXPECT_FALSE(fs::exists(file("b") + ".d"));

    host_.write("etc/guests/a.toml.d/zz.toml", "enabled = false\n");
    const Outcome over = host_.stead({"enable", "a"});
    EXPECT_EQ(over.code, 1);
    EXPECT_NE(over.err.find("zz.toml:1:11 says otherwise"), std::string::npos) << over.err;
}

TEST_F(Store, ABrokenFileIsToldAndTheOthersStart) {
    create("good", {"enabled=true"});
    host_.write("etc/guests/broken.toml", "profile = \"jail\"\nenabled = tru\n");
    const Outcome started = host_.stead({"start", "--enabled"});
    EXPECT_EQ(started.code, 2);
    EXPECT_NE(started.err.find("broken.toml:2"), std::string::npos) << started.err;
    EXPECT_EQ(row("good").value("state", ""), "up");
    EXPECT_EQ(row("broken").value("note", ""), "its file has mistakes");
}

TEST_F(Store, ListAndStatusShowWhatDoesNotRun) {
    create("web");
    EXPECT_EQ(row("web").value("state", ""), "down");
    EXPECT_NE(host_.stead({"status", "web"}).out.find("web: down, never started"),
              std::string::npos);
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_EQ(row("web").value("state", ""), "up");
    ASSERT_EQ(host_.stead({"stop", "web"}).code, 0);
    const Outcome status = host_.stead({"status", "web"});
    EXPECT_EQ(status.code, 3);
    EXPECT_NE(status.out.find("web: down, ended in order, "), std::string::npos) << status.out;
    EXPECT_EQ(row("web")["last-end"].value("code", -1), 0);
}

TEST_F(Store, ShowTellsEachValueOfAFileWithItsPlace) {
    create("web");
    host_.write("etc/guests/web.toml.d/10.toml", "hostname = \"shop\"\n[limits]\ncore = 0\n");
    const Outcome shown = host_.stead({"show", "web", "--file"});
    EXPECT_EQ(shown.code, 0) << shown.err;
    EXPECT_NE(shown.out.find("hostname = \"shop\"   # " + file("web") + ".d/10.toml:1\n"),
              std::string::npos)
        << shown.out;
    EXPECT_NE(shown.out.find("profile = \"jail\"   # " + file("web") + ":4\n"), std::string::npos)
        << shown.out;
    const Outcome explained = host_.stead({"explain", "web"});
    EXPECT_NE(explained.out.find(".d/10.toml:1"), std::string::npos) << explained.out;
}

TEST_F(Store, RenameTakesEverythingAlong) {
    create("web");
    create("other");
    host_.write("etc/guests/web.toml.d/10.toml", "hostname = \"shop\"\n");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_EQ(host_.stead({"rename", "web", "shop"}).code, 1) << "it runs";
    ASSERT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(host_.stead({"rename", "web", "other"}).code, 1) << "taken";
    EXPECT_EQ(host_.stead({"rename", "web", "-"}).code, 2);
    ASSERT_EQ(host_.stead({"rename", "web", "shop"}).code, 0);
    EXPECT_EQ(host_.stead({"status", "web"}).code, 5);
    EXPECT_TRUE(fs::exists(file("shop") + ".d/10.toml"));
    EXPECT_TRUE(fs::exists(host_.folder() + "/lib/logs/shop"));
    EXPECT_TRUE(row("shop").contains("last-end"));
    EXPECT_EQ(host_.stead({"start", "shop"}).code, 0);
}

TEST_F(Store, DeleteLeavesNothingButTheRoot) {
    create("web");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_EQ(host_.stead({"delete", "web", "--yes"}).code, 1) << "it runs";
    ASSERT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(host_.stead({"delete", "web"}).code, 2) << "nobody can be asked";
    EXPECT_TRUE(fs::exists(file("web")));
    EXPECT_EQ(host_.stead({"delete", "web", "--yes"}).code, 0);
    for (const auto& left : fs::recursive_directory_iterator(host_.folder() + "/lib"))
        EXPECT_EQ(left.path().string().find("web"), std::string::npos) << left.path();
    EXPECT_FALSE(fs::exists(file("web")));
    EXPECT_EQ(host_.stead({"delete", "web", "--yes"}).code, 5);
}

TEST_F(Store, RenameAndDeleteMayBeKilledAnywhere) {
    for (int round = 0; round < static_cast<int>(times(30)); ++round) {
        create("a");
        host_.write("etc/guests/a.toml.d/10.toml", "hostname = \"shop\"\n");
        host_.write("lib/logs/a/main/current", "");
        for (const Words& words : {Words{"rename", "a", "b"}, Words{"delete", "b", "--yes"}}) {
            {
                Background command(host_.command(words), host_.folder() + "/out");
                std::this_thread::sleep_for(
                    std::chrono::microseconds(round * (emulated() ? 8000 : 400)));
                command.signal(SIGKILL);
                (void)command.wait();
            }
            const int code = host_.stead(words).code;
            EXPECT_TRUE(code == 0 || code == 5) << words.front() << " " << round << ": " << code;
        }
        EXPECT_FALSE(fs::exists(file("a")) || fs::exists(file("b")));
        EXPECT_FALSE(fs::exists(host_.folder() + "/lib/logs/b"));
    }
}

TEST_F(Store, CopiesFilesInAndOut) {
    host_.write("units/it.toml", "command = \"sleep 1000\"\n");
    host_.write("etc/guests/sys.toml",
                "root = \"host\"\nephemeral = true\nunits = [\"" + host_.folder() + "/units\"]\n");
    ASSERT_EQ(host_.stead({"start", "sys"}).code, 0);
    const std::string note = host_.write("note", "hello\n");
    fs::permissions(note, static_cast<fs::perms>(04755));
    EXPECT_EQ(host_.stead({"copy-to", "sys", note, "/root"}).code, 0);
    EXPECT_EQ(host_.stead({"exec", "sys", "--", "stat", "-c", "%u %a", "/root/note"}).out,
              "0 755\n");
    EXPECT_EQ(host_.stead({"copy-to", "sys", note, "/root/other"}).code, 0);
    EXPECT_EQ(host_.stead({"copy-from", "sys", "/root/other", host_.folder() + "/back"}).code, 0);
    EXPECT_EQ(read_text(host_.folder() + "/back"), "hello\n");

    // Links lead where they lead in the guest, and nothing but a file is read.
    host_.write("secret", "the host's");
    const std::string hostile = "ln -s / /root/up; mkfifo /root/fifo; ln -s ../../../../" +
                                host_.folder() + "/secret /root/out; mkdir -p " + host_.folder() +
                                "; echo guest > " + host_.folder() + "/secret";
    ASSERT_EQ(host_.stead({"exec", "sys", "--", "sh", "-c", hostile}).code, 0);
    EXPECT_EQ(host_.stead({"copy-from", "sys", "/root/out", host_.folder() + "/got"}).code, 0);
    EXPECT_EQ(read_text(host_.folder() + "/got"), "guest\n");
    EXPECT_EQ(host_.stead({"copy-to", "sys", note, "/root/up" + host_.folder() + "/secret"}).code,
              0);
    EXPECT_EQ(read_text(host_.folder() + "/secret"), "the host's");
    for (const char* bad : {"/root/fifo", "/dev/zero", "/root", "/root/missing"})
        EXPECT_EQ(host_.stead({"copy-from", "sys", bad, host_.folder()}).code, 1) << bad;
    EXPECT_EQ(host_.stead({"copy-to", "syss", note, "/root"}).code, 5);
}

TEST_F(Store, BindsAPathOfTheHostIntoARunningGuest) {
    host_.write("units/it.toml", "command = \"sleep 1000\"\n");
    for (const char* users : {"private", "host"}) {
        const std::string name = std::string("sys-") + users;
        host_.write("etc/guests/" + name + ".toml",
                    "root = \"host\"\nephemeral = true\nusers = \"" + std::string(users) +
                        "\"\nunits = [\"" + host_.folder() + "/units\"]\n");
        ASSERT_EQ(host_.stead({"start", name}).code, 0);
        host_.write("shared/note", "from the host\n");
        const std::string shared = host_.folder() + "/shared";
        const Outcome bound = host_.stead({"bind", name, shared, "/mnt:ro"});
        ASSERT_EQ(bound.code, 0) << bound.err;
        EXPECT_EQ(host_.stead({"exec", name, "--", "cat", "/mnt/note"}).out, "from the host\n");
        EXPECT_NE(host_.stead({"exec", name, "--", "touch", "/mnt/new"}).code, 0);
        EXPECT_FALSE(fs::exists(shared + "/new"));
        EXPECT_FALSE(fs::exists("/mnt/note")) << "the host sees nothing of it";
        EXPECT_EQ(host_.stead({"bind", name, shared, "/mnt:rw"}).code, 2);
        EXPECT_EQ(host_.stead({"bind", name, shared, "/missing"}).code, 1);
        EXPECT_EQ(host_.stead({"bind", name, shared, "/etc/passwd"}).code, 1);
        EXPECT_EQ(host_.stead({"bind", name, host_.folder() + "/missing", "/mnt"}).code, 1);
        EXPECT_EQ(host_.stead({"stop", name}).code, 0);
    }
}

TEST_F(Store, CompletionKnowsGuestsAndUnits) {
    create("web");
    EXPECT_EQ(host_.stead({"complete", "start", "w"}).out, "web\n");
    EXPECT_EQ(host_.stead({"complete", "stop", "web/"}).out, "");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_EQ(host_.stead({"complete", "stop", "web"}).out, "web\nweb/\n");
    EXPECT_EQ(host_.stead({"complete", "stop", "web/"}).out, "web/web\n");
    EXPECT_EQ(host_.stead({"complete", "check", "web"}).out, "web\n");
    EXPECT_EQ(host_.stead({"complete", "schema", "web"}).out, "");
    Words words{"env", "PATH=" STEAD_BIN ":/usr/bin:/bin", "bash", "-c"};
    words.emplace_back("source " STEAD_SOURCE "/contrib/completions/stead.bash; "
                       "COMP_WORDS=(stead stop web/); COMP_CWORD=2; _stead; echo ${COMPREPLY[@]}");
    EXPECT_EQ(run_program(words).out, "web/web\n");
    host_.write("web.toml", "");
    words.back() = "cd " + host_.folder() +
                   "; source " STEAD_SOURCE "/contrib/completions/stead.bash; "
                   "COMP_WORDS=(stead check web); COMP_CWORD=2; _stead; echo ${COMPREPLY[@]}";
    EXPECT_EQ(run_program(words).out, "web web.toml\n") << "guests and files";
}

TEST_F(Store, ListsFiveHundredGuestsAtOnce) {
    create("one");
    for (int i = 0; i < 500; ++i)
        fs::copy_file(file("one"), file("g" + std::to_string(i)));
    const Outcome listed = host_.stead({"list", "--json"});
    EXPECT_EQ(nlohmann::json::parse(listed.out).size(), 501U);
}

} // namespace
} // namespace stead::system_test
