#include <iostream>
#include <random>

#include "import/support.h"

/// Every file of tests/import/data, written in the style of what distributions ship, and thousands
/// of broken ones made of them.
namespace stead::importing::test {

namespace {

const std::string kData = STEAD_SOURCE "/tests/import/data";

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(Samples, BecomeUnitsWithoutMistakesOrSayWhatWasLeftOut) {
    const Import import = import_arguments({kData}, {});
    EXPECT_GE(import.units.size(), 12U);
    std::size_t counts[3] = {};
    for (const ImportedUnit& unit : import.units) {
        EXPECT_EQ(mistakes(unit), "") << unit.text;
        for (const Item& item : unit.items) {
            ++counts[static_cast<std::size_t>(item.mapping)];
            if (item.mapping == Mapping::Exact) continue;
            EXPECT_NE(item.note, "") << unit.source << ": " << item.name;
            // What a person has to know stands in the file too.
            EXPECT_NE(unit.text.find(item.name + "="), std::string::npos) << item.name;
        }
    }
    for (const Skipped& skip : import.skipped)
        EXPECT_TRUE(skip.harmless) << skip.source << ": " << skip.reason;
    const std::size_t all = counts[0] + counts[1] + counts[2];
    std::cout << import.units.size() << " units, " << all << " directives: " << counts[0]
              << " exact, " << counts[1] << " approximated, " << counts[2] << " not mapped\n";
    EXPECT_GE(100 * (counts[0] + counts[1]), 85 * all);
}

TEST(Samples, ComeOutTheSameEachTime) {
    const Import first = import_arguments({kData}, {});
    const Import second = import_arguments({kData}, {});
    ASSERT_EQ(first.units.size(), second.units.size());
    for (std::size_t i = 0; i < first.units.size(); ++i)
        EXPECT_EQ(first.units[i].text, second.units[i].text);
}

/// A change that a bad editor, a bad disk or a bad person makes.
std::string broken(std::string text, std::mt19937& random) {
    const std::vector<std::string> pieces{
        "%",        "$",  "\\",    "\"",   "'",    "=",  "\n",
        "[",        "]",  "%(",    ")s",   "${A}", "\t", ";",
        "\x7f",     "%i", "%n",    "!",    "~",    ":",  "99999999999999999999",
        "\xc3\xa9", "-",  "\\x00", "\\xff"};
    const int changes = 1 + static_cast<int>(random() % 6);
    for (int i = 0; i < changes && !text.empty(); ++i) {
        const std::size_t at = random() % text.size();
        if (random() % 3 == 0) {
            text.erase(at, random() % 20);
        } else {
            text.insert(at, pieces[random() % pieces.size()]);
        }
    }
    return text;
}

/// By the kind of the sample, however broken it is.
Import import_of(const Source& source, const std::string& name) {
    if (name.ends_with(".nspawn")) return import_nspawn({"web", source, false}, {});
    if (name == "workers.conf") return import_supervisord({source}, {});
    if (name == "config" || name.ends_with(".conf") || name == "fstab") {
        LxcConfig config = {"web", source, {}, {}};
        if (name == "fstab") {
            config.source.text = "lxc.rootfs.path = /srv/web\nlxc.mount.fstab = fstab\n";
            config.included["fstab"] = {source};
        }
        return import_lxc({config}, {});
    }
    return import_systemd({{name, {source}, {}, {}}}, {});
}

TEST(BrokenSamples, NeverBecomeFilesThatTheReaderRefuses) {
    std::mt19937 random(8);
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kData))
        if (entry.is_regular_file()) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
        const std::string text = bytes_of(path);
        for (int round = 0; round < 20; ++round) {
            const std::string bad = broken(text, random);
            if (unitfile::find_invalid_utf8(bad)) continue;
            const Source source{path.string(), bad};
            const std::string name = path.filename().string();
            const Import import = import_of(source, name);
            for (const ImportedUnit& unit : import.units) {
                const std::string left = mistakes(unit);
                // A broken unit may lose its program; nothing else may be wrong.
                if (left.find("command is missing") != std::string::npos) continue;
                ASSERT_EQ(left, "") << bad << "\n----\n" << unit.text;
            }
        }
    }
}

TEST(LargeInput, IsBoundedInTimeAndOutput) {
    std::string text = "[Service]\nExecStart=/bin/a\n";
    for (int i = 0; i < 4000; ++i)
        text += "Frobnicate" + std::to_string(i) + "=" + std::string(200, 'x') + "\n";
    const ImportedUnit unit = unit_of(text);
    EXPECT_EQ(unit.count(Mapping::NotMapped), 4000U);
    EXPECT_LT(unit.text.size(), 2U << 20U);
    EXPECT_EQ(unit_of("[Service]\nExecStart=/bin/a " + std::string(900'000, '"') + "x\n").name,
              "web");
}

} // namespace

} // namespace stead::importing::test
