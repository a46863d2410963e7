#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

/// A folder that is gone after the test.
class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "unitfile-XXXXXX").string();
        if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    }

    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string path(const std::string& name = "") const {
        return name.empty() ? path_ : path_ + "/" + name;
    }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name), std::ios::binary) << text;
    }

private:
    std::string path_;
};

std::string problem_of(const std::string& path) {
    Diagnostics diagnostics;
    EXPECT_FALSE(load_text(path, diagnostics).has_value());
    EXPECT_EQ(diagnostics.all().size(), 1U);
    return diagnostics.empty() ? "" : diagnostics.all().front().message;
}

} // namespace

TEST(LoadText, ReadsARegularFile) {
    const Folder folder;
    folder.write("a.toml", "command = \"/bin/true\"\n");
    Diagnostics diagnostics;
    EXPECT_EQ(load_text(folder.path("a.toml"), diagnostics), "command = \"/bin/true\"\n");
    EXPECT_TRUE(diagnostics.empty());
}

TEST(LoadText, NeverWaitsForWhatIsNoFile) {
    const Folder folder;
    ASSERT_EQ(::mkfifo(folder.path("fifo").c_str(), 0600), 0);
    EXPECT_EQ(problem_of(folder.path("fifo")), "a FIFO, not a file");
    EXPECT_EQ(problem_of(folder.path()), "a folder, not a file");
    EXPECT_EQ(problem_of("/dev/zero"), "a device, not a file");

    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(fd, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    folder.path("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(problem_of(folder.path("socket")), "a socket, not a file");
    (void)::close(fd);
}

TEST(LoadText, SaysWhyAFileCannotBeOpened) {
    const Folder folder;
    EXPECT_EQ(problem_of(folder.path("none")), "cannot be opened: No such file or directory");
    ASSERT_EQ(::symlink("loop", folder.path("loop").c_str()), 0);
    EXPECT_EQ(problem_of(folder.path("loop")),
              "cannot be opened: Too many levels of symbolic links");
    EXPECT_EQ(problem_of(folder.path(std::string(300, 'x'))),
              "cannot be opened: File name too long");
}

TEST(LoadText, RefusesLargeFilesAndOtherEncodings) {
    const Folder folder;
    folder.write("large", std::string(10U << 20U, '#'));
    EXPECT_EQ(problem_of(folder.path("large")),
              "larger than 1 MiB, which no unit or guest file is");
    folder.write("limit", std::string(kMaxFileSize + 1, '#'));
    EXPECT_EQ(problem_of(folder.path("limit")),
              "larger than 1 MiB, which no unit or guest file is");
    folder.write("latin", "# gr\xfc\xdf\x65\n");
    EXPECT_EQ(problem_of(folder.path("latin")),
              "not UTF-8 text; unit and guest files are TOML in UTF-8");
    // Says it is empty, and is not: only reading shows how long it is.
    EXPECT_NE(problem_of("/proc/kallsyms"), "");
}

TEST(LoadText, TakesAFileOfExactlyTheLimit) {
    const Folder folder;
    folder.write("a.toml", std::string(kMaxFileSize, '#'));
    Diagnostics diagnostics;
    EXPECT_TRUE(load_text(folder.path("a.toml"), diagnostics).has_value());
}

TEST(LoadUnitFolders, TakesEachNameFromTheFirstFolder) {
    const Folder first;
    const Folder second;
    first.write("b.toml", "command = \"/bin/first\"\n");
    second.write("b.toml", "command = \"/bin/second\"\n");
    second.write("a.toml", "command = \"/bin/a\"\n");
    second.write("README", "not a unit");
    second.write(".hidden.toml", "not a unit");

    Diagnostics diagnostics;
    const auto loaded =
        load_unit_folders({first.path(), "/nonexistent/units", second.path()}, diagnostics);
    EXPECT_EQ(render(diagnostics), "");
    ASSERT_EQ(loaded.units.size(), 2U);
    EXPECT_EQ(loaded.units[0].name, "a");
    EXPECT_EQ(loaded.units[1].name, "b");
    EXPECT_EQ(loaded.units[1].command, Argv{"/bin/first"});
    EXPECT_EQ(loaded.units[1].file, first.path("b.toml"));
    EXPECT_EQ(loaded.searched, (std::vector<std::string>{first.path(), second.path()}));
}

TEST(LoadUnitFolders, LeavesWrongFilesOutAndLoadsTheRest) {
    const Folder first;
    const Folder second;
    first.write("bad.toml", "usr = \"app\"\ncommand = \"/bin/true\"\n");
    first.write("empty.toml", "");
    first.write("good.toml", "command = \"/bin/true\"\n");
    ASSERT_EQ(::mkfifo(first.path("fifo.toml").c_str(), 0600), 0);
    // A good file of a later folder does not stand in for a wrong one.
    second.write("bad.toml", "command = \"/bin/true\"\n");

    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({first.path(), second.path()}, diagnostics);
    ASSERT_EQ(loaded.units.size(), 1U);
    EXPECT_EQ(loaded.units[0].name, "good");
    ASSERT_EQ(loaded.rejected.size(), 3U);
    EXPECT_EQ(loaded.rejected[0].name, "bad");
    EXPECT_EQ(loaded.rejected[0].message, first.path("bad.toml") + ":1:1: unknown key 'usr'");
    EXPECT_EQ(loaded.rejected[1].name, "empty");
    EXPECT_EQ(loaded.rejected[2].name, "fifo");
    EXPECT_EQ(diagnostics.errors(), 3U);
}

TEST(LoadUnitFolders, LaysDropInsOfAllFoldersOverUnitsInTheOrderOfTheirNames) {
    const Folder first;
    const Folder second;
    second.write("a.toml", "command = \"/bin/true\"\nuser = \"x\"\n");
    for (const Folder* folder : {&first, &second})
        ASSERT_EQ(::mkdir(folder->path("a.toml.d").c_str(), 0700), 0);
    second.write("a.toml.d/10-one.toml", "user = \"y\"\nwants = [\"b\"]\n");
    first.write("a.toml.d/20-two.toml", "user = \"z\"\nwants = [\"...\", \"c\"]\n");
    first.write("a.toml.d/30-three.toml", "umask = \"0077\"\n");
    second.write("a.toml.d/30-three.toml", "umask = \"0000\"\n");
    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({first.path(), second.path()}, diagnostics);
    EXPECT_EQ(render(diagnostics), "");
    ASSERT_EQ(loaded.units.size(), 1U);
    EXPECT_EQ(loaded.units[0].user.value, "z");
    EXPECT_EQ(loaded.units[0].wants.size(), 2U);
    EXPECT_EQ(loaded.units[0].umask, 0077U);
}

TEST(LoadUnitFolders, RefusesAUnitWhoseDropInIsWrongAndWarnsOfOneForNobody) {
    const Folder folder;
    folder.write("a.toml", "command = \"/bin/true\"\n");
    ASSERT_EQ(::mkdir(folder.path("a.toml.d").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir(folder.path("b.toml.d").c_str(), 0700), 0);
    folder.write("a.toml.d/x.toml", "usr = \"y\"\n");
    folder.write("b.toml.d/x.toml", "user = \"y\"\n");
    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({folder.path()}, diagnostics);
    EXPECT_TRUE(loaded.units.empty());
    ASSERT_EQ(loaded.rejected.size(), 1U);
    EXPECT_EQ(loaded.rejected[0].message,
              folder.path("a.toml.d/x.toml") + ":1:1: unknown key 'usr'");
    EXPECT_EQ(diagnostics.warnings(), 1U);
}

TEST(LoadUnitFolders, MakesInstancesOfTemplates) {
    const Folder folder;
    folder.write("w@.toml", "instances = [\"1\", \"two\"]\n"
                            "command = [\"/bin/echo\", \"%i of %n\"]\nwants = [\"v@%i\"]\n");
    folder.write("v@.toml", "command = \"/bin/true %i\"\n");
    folder.write("n@.toml", "instances = 3\ncommand = \"/bin/true\"\n");
    folder.write("n@2.toml", "command = \"/bin/false\"\n");
    for (const char* name : {"w@.toml.d", "w@two.toml.d"})
        ASSERT_EQ(::mkdir(folder.path(name).c_str(), 0700), 0);
    folder.write("w@.toml.d/x.toml", "user = \"all\"\n");
    folder.write("w@two.toml.d/x.toml", "user = \"one\"\n");
    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({folder.path()}, diagnostics);
    EXPECT_EQ(render(diagnostics), "");
    std::map<std::string, UnitSpec> units;
    for (const UnitSpec& unit : loaded.units)
        units[unit.name] = unit;
    ASSERT_EQ(units.size(), 7U);
    EXPECT_EQ(units["w@two"].command, (Argv{"/bin/echo", "two of w@two"}));
    EXPECT_EQ(units["w@1"].user.value, "all");
    EXPECT_EQ(units["w@two"].user.value, "one");
    EXPECT_EQ(units["n@1"].command, Argv{"/bin/true"});
    EXPECT_EQ(units["n@2"].command, Argv{"/bin/false"});
    // Only wanted by others, so it does not start by itself.
    EXPECT_FALSE(units["v@1"].enabled);
    EXPECT_TRUE(units["w@1"].enabled);
}

TEST(LoadUnitFolders, SaysOnceWhatIsWrongWithATemplate) {
    const Folder folder;
    folder.write("w@.toml", "instances = 5\nusr = \"x\"\ncommand = \"/bin/true\"\n");
    folder.write("v@.toml", "command = \"/bin/true %x\"\n");
    folder.write("i@.toml", "command = \"/bin/true\"\ninstances = [\"a/b\"]\n");
    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({folder.path()}, diagnostics);
    EXPECT_TRUE(loaded.units.empty());
    EXPECT_EQ(loaded.rejected.size(), 3U);
    EXPECT_EQ(diagnostics.errors(), 3U);
}

TEST(LoadUnitFolders, ReadsEnvironmentFilesBeforeCommands) {
    const Folder folder;
    folder.write("a.toml", "command = \"/bin/echo $OPTS ${ONE} $NONE end\"\n"
                           "environment = { ONE = \"1\", TWO = \"2\" }\n"
                           "environment-files = [\"/default/a\", \"-/default/%n-more\"]\n");
    folder.write("b.toml", "command = \"/bin/true\"\nenvironment-files = [\"/default/b\"]\n");
    folder.write("c.toml", "command = \"/bin/true\"\nenvironment-files = [\"/default/c\"]\n");
    const FileReader files = [](const std::string& path) {
        if (path == "/default/a") return FileText{"OPTS=\"-x 'y z'\"\nTWO=two\n", {}};
        if (path == "/default/c") return FileText{"no variable\n", {}};
        return FileText{};
    };
    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({folder.path()}, diagnostics, files);
    ASSERT_EQ(loaded.units.size(), 1U) << render(diagnostics);
    EXPECT_EQ(loaded.units[0].command, (Argv{"/bin/echo", "-x", "y z", "1", "end"}));
    EXPECT_EQ(loaded.units[0].environment.at("TWO"), "two");
    ASSERT_EQ(loaded.rejected.size(), 2U);
    EXPECT_NE(loaded.rejected[0].message.find("'/default/b' is missing"), std::string::npos);
    EXPECT_EQ(loaded.rejected[1].message, "/default/c:1: a line without '='; write NAME=VALUE");
}

TEST(LoadUnitFolders, ReportsAFolderThatIsNone) {
    const Folder folder;
    folder.write("units", "x");
    Diagnostics diagnostics;
    const auto loaded = load_unit_folders({folder.path("units")}, diagnostics);
    EXPECT_TRUE(loaded.units.empty());
    EXPECT_TRUE(loaded.searched.empty());
    EXPECT_EQ(render(diagnostics), folder.path("units") + ": error: Not a directory\n");
}

TEST(LoadUnitFolders, LoadsAThousandUnits) {
    const Folder folder;
    for (int i = 0; i < 1000; ++i)
        folder.write("u" + std::to_string(i) + ".toml", "command = \"/bin/true\"\n");
    Diagnostics diagnostics;
    EXPECT_EQ(load_unit_folders({folder.path()}, diagnostics).units.size(), 1000U);
    EXPECT_TRUE(diagnostics.empty());
}

TEST(MaySet, TellsByTheTextAlone) {
    const Folder folder;
    const auto may = [&](const std::string& text) {
        folder.write("g.toml", text);
        return may_set(folder.path("g.toml"), "requires");
    };
    EXPECT_TRUE(may("requires = [\"db\"]\n"));
    EXPECT_TRUE(may("root = \"/\" # first\n  \"requires\" = [\"db\"]"));
    EXPECT_TRUE(may("\"requ\\u0069res\" = [\"db\"]\n")) << "an escape can spell it";
    EXPECT_TRUE(may("requires = [")) << "broken: whoever reads it says so";
    EXPECT_FALSE(may("# requires = [\"db\"]\n \t# requires\nroot = \"/\"\n"));
    EXPECT_FALSE(may(""));
    std::filesystem::create_directory(folder.path("g.toml.d"));
    folder.write("g.toml.d/a.toml", "after = [\"db\"]\n");
    EXPECT_FALSE(may("root = \"/\"\n"));
    folder.write("g.toml.d/b.toml", "requires = [\"db\"]\n");
    EXPECT_TRUE(may("root = \"/\"\n"));
    EXPECT_TRUE(may_set(folder.path("none.toml"), "requires")) << "what cannot be read may";
}

TEST(InvalidUtf8, IsFoundBehindLettersOfEveryLength) {
    const auto place = [](std::string_view text) {
        const auto at = find_invalid_utf8(text);
        return at ? std::to_string(at->line) + ":" + std::to_string(at->column) : "none";
    };
    EXPECT_EQ(place("plain\n\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n"), "none");
    EXPECT_EQ(place("\xff"), "1:1");
    EXPECT_EQ(place("ab\xff"), "1:3");
    EXPECT_EQ(place("one\n\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80.\x80"), "2:5");
    EXPECT_EQ(place("\n\n\xc0\xaf"), "3:1") << "overlong";
    EXPECT_EQ(place("\n\xed\xa0\x80"), "2:1") << "a surrogate";
    EXPECT_EQ(place("x\xe2\x82"), "1:2") << "cut";
}

} // namespace stead::unitfile
