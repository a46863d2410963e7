#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "images/tar_text.h"
#include "system/harness.h"
#include "system/image_root.h"

/// The store of images: import, list, check, export, delete.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;
using images::TarText;

class ImageStore : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    [[nodiscard]] std::string images() const { return host_.folder() + "/lib/images"; }

    /// Everything below the store but its lock, by name.
    [[nodiscard]] Words stored() const {
        Words names;
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(images(), none)) {
            if (entry.path().filename() != ".lock") names.push_back(entry.path().filename());
        }
        return names;
    }

    void expect_refused(const Words& words, const std::string& why) const {
        const Outcome outcome = host_.stead(words);
        EXPECT_EQ(outcome.code, 1) << why;
        EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
        EXPECT_GE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 2) << "no way out";
        EXPECT_TRUE(stored().empty()) << why << ": " << stored().front();
    }

    /// A file named by the digest of its content; its descriptor.
    [[nodiscard]] nlohmann::json blob(const std::string& text, const std::string& type) const {
        const std::string draft = host_.write("oci/draft", text);
        const std::string digest = run_program({"sha256sum", draft}).out.substr(0, 64);
        fs::create_directories(host_.folder() + "/oci/blobs/sha256");
        fs::rename(draft, host_.folder() + "/oci/blobs/sha256/" + digest);
        return {{"mediaType", type}, {"digest", "sha256:" + digest}, {"size", text.size()}};
    }

    /// An OCI layout of these layers; its folder.
    std::string layout(const Words& layers) const {
        nlohmann::json manifest;
        manifest["schemaVersion"] = 2;
        for (const std::string& layer : layers)
            manifest["layers"].push_back(blob(layer, "application/vnd.oci.image.layer.v1.tar"));
        manifest["config"] =
            blob(R"({"os": "linux", "config": {"Cmd": ["/bin/sh"], "Env": ["A=1"]}})",
                 "application/vnd.oci.image.config.v1+json");
        nlohmann::json index;
        index["schemaVersion"] = 2;
        index["manifests"] = {blob(manifest.dump(), "application/vnd.oci.image.manifest.v1+json")};
        host_.write("oci/index.json", index.dump());
        host_.write("oci/oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
        return host_.folder() + "/oci";
    }

    Host host_;
};

TEST_F(ImageStore, ImportsChecksExportsAndDeletes) {
    const std::string tar = make_busybox_root(host_);
    std::size_t packings = 0;
    for (const char* how : {"gzip", "xz", "zstd", "bzip2"}) {
        if (run_program({"sh", "-c", std::string("command -v ") + how}).code != 0) {
            std::cout << "SKIPPED: an archive by " << how << ", which this machine lacks\n";
            continue;
        }
        const std::string packed = host_.folder() + "/" + how + ".tar";
        ASSERT_EQ(run_program({"sh", "-c", std::string(how) + " -c " + tar + " >" + packed}).code,
                  0);
        const Outcome imported = host_.stead({"image", "import", packed});
        EXPECT_EQ(imported.code, 0) << imported.err;
        EXPECT_NE(imported.out.find(std::string(how) + ": "), std::string::npos) << imported.out;
        ++packings;
    }
    ASSERT_GE(packings, 1U);
    EXPECT_EQ(host_.stead({"image", "import", tar, "--name", "plain"}).code, 0);
    EXPECT_EQ(host_.stead({"image", "import", tar, "--name", "plain"}).code, 1) << "taken";
    EXPECT_EQ(host_.stead({"image", "import", tar, "--name", "../x"}).code, 1);
    const auto list = nlohmann::json::parse(host_.stead({"image", "list", "--json"}).out);
    ASSERT_EQ(list.size(), packings + 1);
    for (const auto& one : list)
        EXPECT_EQ(one["digest"], list[0]["digest"]) << "the same content, however packed";

    EXPECT_EQ(host_.stead({"image", "check"}).code, 0);
    write_text(images() + "/plain/root/etc/passwd", "changed");
    const Outcome checked = host_.stead({"image", "check", "plain"});
    EXPECT_EQ(checked.code, 1);
    EXPECT_NE(checked.out.find("etc/passwd: size, content changed"), std::string::npos)
        << checked.out;

    const std::string again = host_.folder() + "/again.tar.zst";
    EXPECT_EQ(host_.stead({"image", "export", "gzip", again}).code, 0);
    EXPECT_EQ(host_.stead({"image", "export", "gzip", again}).code, 1) << "there already";
    EXPECT_EQ(host_.stead({"image", "import", again}).code, 0);
    const auto after = nlohmann::json::parse(host_.stead({"image", "list", "--json"}).out);
    EXPECT_EQ(after[0]["name"], "again");
    EXPECT_EQ(after[0]["digest"], list[0]["digest"]) << "export and import change nothing";

    EXPECT_EQ(host_.stead({"image", "delete", "plain", "gzip"}).code, 0);
    EXPECT_FALSE(fs::exists(images() + "/plain"));
    EXPECT_EQ(host_.stead({"image", "delete", "plain"}).code, 5);
    EXPECT_EQ(fs::status(images()).permissions(), fs::perms::owner_all) << "set-uid files inside";
}

TEST_F(ImageStore, ImportsAFolderButNotTheOneItLiesIn) {
    make_busybox_root(host_);
    EXPECT_EQ(host_.stead({"image", "import", host_.folder() + "/root", "--name", "dir"}).code, 0);
    EXPECT_EQ(host_.stead({"image", "check", "dir"}).code, 0);
    const Outcome inside = host_.stead({"image", "import", host_.folder(), "--name", "all"});
    EXPECT_EQ(inside.code, 1);
    EXPECT_NE(inside.err.find("lies in"), std::string::npos) << inside.err;
}

TEST_F(ImageStore, TakesLayersOfAnOciImageFromAFolderOrAnArchive) {
    const std::string lower = TarText().file("etc/a", "1").file("etc/b", "1").text();
    const std::string upper = TarText().file("etc/.wh.b").file("etc/c", "2").text();
    const std::string folder = layout({lower, upper});
    const Outcome imported = host_.stead({"image", "import", folder, "--name", "oci"});
    ASSERT_EQ(imported.code, 0) << imported.err;
    EXPECT_TRUE(fs::exists(images() + "/oci/root/etc/c"));
    EXPECT_FALSE(fs::exists(images() + "/oci/root/etc/b"));
    EXPECT_NE(read_text(images() + "/oci/image.json").find("/bin/sh"), std::string::npos);
    ASSERT_EQ(run_program({"tar", "-C", folder, "-czf", host_.folder() + "/o.tgz", "."}).code, 0);
    const Outcome archive = host_.stead({"image", "import", host_.folder() + "/o.tgz"});
    ASSERT_EQ(archive.code, 0) << archive.err;
    EXPECT_EQ(read_text(images() + "/oci/manifest"), read_text(images() + "/o/manifest"));
    EXPECT_FALSE(fs::exists(images() + "/o/layout"));
}

TEST_F(ImageStore, RefusesBlobsThatAreNotWhatWasAnnounced) {
    const std::string folder = layout({TarText().file("a", "1").text()});
    const std::string blobs = folder + "/blobs/sha256";
    const auto manifest = nlohmann::json::parse(
        read_text(blobs + "/" +
                  nlohmann::json::parse(read_text(folder + "/index.json"))["manifests"][0]["digest"]
                      .get<std::string>()
                      .substr(7)));
    const std::string layer =
        blobs + "/" + manifest["layers"][0]["digest"].get<std::string>().substr(7);
    const std::string whole = read_text(layer);

    std::string other = whole;
    other[0] = 'b';
    write_text(layer, other);
    expect_refused({"image", "import", folder, "--name", "x"}, "wrong");
    write_text(layer, whole.substr(0, 600));
    expect_refused({"image", "import", folder, "--name", "x"}, "were announced");
    fs::remove(layer);
    fs::create_symlink("/etc/passwd", layer);
    expect_refused({"image", "import", folder, "--name", "x"}, "symbolic links");
    fs::remove(layer);
    expect_refused({"image", "import", folder, "--name", "x"}, "No such file");
    write_text(folder + "/index.json", "{\"manifests\": [");
    expect_refused({"image", "import", folder, "--name", "x"}, "no JSON");
}

TEST_F(ImageStore, HostileArchivesLeaveNothingAnywhere) {
    const std::string precious = host_.write("precious", "precious");
    const auto archive = [&](const TarText& tar) { return host_.write("hostile.tar", tar.text()); };
    const auto import = [](const std::string& path) {
        return Words{"image", "import", path, "--max-size", "8M"};
    };
    expect_refused(import(archive(TarText().file(precious, "x"))), "is absolute");
    expect_refused(import(archive(TarText().file("../../../../precious", "x"))), "leads out");
    expect_refused(import(archive(TarText().link("way", host_.folder()).file("way/precious", "x"))),
                   "lies below 'way'");
    expect_refused(import(archive(TarText().hard_link("h", precious))), "is a hard link to");
    expect_refused(import(archive(TarText().file("a\x1b[31mb/../x", "x"))), "a\\x1b[31mb/../x");
    expect_refused(import(host_.write("cut.tar", TarText().file("a", "text").unended())),
                   "cut short");
    expect_refused(import(host_.write("none.tar", "no archive")), "no archive");
    expect_refused(import(host_.write("empty.tar", "")), "no archive");
    expect_refused(import(host_.folder() + "/missing"), "No such file");

    const std::string bomb = host_.folder() + "/bomb.tar.gz";
    ASSERT_EQ(run_program({"sh", "-c",
                           "cd " + host_.folder() + " && truncate -s 32M zeros && tar -czf " +
                               bomb + " zeros"})
                  .code,
              0);
    expect_refused(import(bomb), "--max-size allows more");
    const std::string sparse = host_.folder() + "/sparse.tar.gz";
    ASSERT_EQ(run_program({"tar", "-C", host_.folder(), "-czSf", sparse, "zeros"}).code, 0);
    expect_refused(import(sparse), "--max-size allows more");
    const std::string gz = read_text(bomb);
    expect_refused({"image", "import", host_.write("cut.tar.gz", gz.substr(0, gz.size() / 2))},
                   "cut short");
    EXPECT_EQ(read_text(precious), "precious");
}

TEST_F(ImageStore, AnImportMayBeKilledAnywhere) {
    const std::string tar = make_busybox_root(host_);
    bool finished = false;
    for (int round = 0; round < 40; ++round) {
        {
            Background command(host_.command({"image", "import", tar, "--name", "bb"}),
                               host_.folder() + "/out");
            std::this_thread::sleep_for(std::chrono::microseconds(round * round * 60));
            command.signal(SIGKILL);
            (void)command.wait();
        }
        const auto list = nlohmann::json::parse(host_.stead({"image", "list", "--json"}).out);
        // The reader of archives ends with the command, but not in the same instant.
        EXPECT_TRUE(eventually([&] {
            (void)host_.stead({"image", "list"});
            return stored().size() == list.size();
        })) << round;
        if (list.empty()) continue;
        finished = true;
        EXPECT_EQ(host_.stead({"image", "check", "bb"}).code, 0) << round;
        EXPECT_EQ(host_.stead({"image", "delete", "bb"}).code, 0) << round;
    }
    EXPECT_TRUE(finished || host_.stead({"image", "import", tar, "--name", "bb"}).code == 0);
}

TEST_F(ImageStore, ADeleteMayBeKilledAnywhere) {
    const std::string tar = make_busybox_root(host_);
    for (int round = 0; round < 12; ++round) {
        ASSERT_EQ(host_.stead({"image", "import", tar, "--name", "bb"}).code, 0);
        {
            Background command(host_.command({"image", "delete", "bb"}), host_.folder() + "/out");
            std::this_thread::sleep_for(std::chrono::microseconds(round * 900));
            command.signal(SIGKILL);
            (void)command.wait();
        }
        const Outcome again = host_.stead({"image", "delete", "bb"});
        EXPECT_TRUE(again.code == 0 || again.code == 5) << again.err;
        EXPECT_TRUE(stored().empty()) << round << ": " << stored().front();
    }
}

} // namespace
} // namespace stead::system_test
