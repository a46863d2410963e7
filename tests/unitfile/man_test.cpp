#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support.h"
#include "unitfile/keys.h"
#include "unitfile/suggest.h"

/// The manual pages of the two formats: the reference of keys in them is the table's, and their
/// examples are the files of units/. With STEAD_UPDATE_MAN in the environment both are written into
/// the pages instead of compared.
namespace stead::unitfile {

namespace {

using test::bytes_of;

constexpr std::string_view kBegin = "; keys begin\n";
constexpr std::string_view kEnd = "; keys end\n";
constexpr std::string_view kExample = "; example ";
constexpr std::string_view kFence = "```\n";

struct Page {
    Kind kind;
    std::string_view file;
};

constexpr Page kPages[] = {{Kind::Unit, "unit.5.scd"}, {Kind::Guest, "guest.5.scd"}};

std::string path_of(const Page& page) {
    return STEAD_SOURCE "/contrib/man/" + std::string(page.file);
}

bool updating() {
    // One thread, and nobody changes the environment.
    return std::getenv("STEAD_UPDATE_MAN") != nullptr; // NOLINT(concurrency-mt-unsafe)
}

/// The part of a page between two marks.
struct Part {
    std::size_t begin = std::string::npos;
    std::size_t size = 0;

    [[nodiscard]] bool found() const { return begin != std::string::npos; }
};

Part part_between(const std::string& text, std::string_view first, std::string_view last) {
    Part part;
    const std::size_t at = text.find(first);
    if (at == std::string::npos) return part;
    const std::size_t end = text.find(last, at + first.size());
    if (end == std::string::npos) return part;
    part.begin = at + first.size();
    part.size = end - part.begin;
    return part;
}

/// A file without its whole-line comments and the blank lines at its beginning.
std::string without_comments(const std::string& text) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
        const std::string_view line = std::string_view(text).substr(at, end + 1 - at);
        at = end + 1;
        if (line.starts_with('#')) continue;
        if (line == "\n" && (out.empty() || out.ends_with("\n\n"))) continue;
        out += line;
    }
    return out;
}

/// Literal text as scdoc(5) wants it: of a lone backslash it would make nothing.
std::string literal(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') out += '\\';
        out += c;
    }
    return out;
}

/// The files whose examples `page` shows.
std::vector<std::string> examples_of(const std::string& page) {
    std::vector<std::string> files;
    std::size_t at = 0;
    while ((at = page.find(kExample, at)) != std::string::npos) {
        at += kExample.size();
        files.push_back(page.substr(at, page.find('\n', at) - at));
    }
    return files;
}

/// Compares `text` with what stands in `part` of the page, or puts it there.
void settle(std::string& page, const Part& part, const std::string& text, std::string_view what) {
    ASSERT_TRUE(part.found()) << "no place for " << what;
    if (updating()) {
        page.replace(part.begin, part.size, text);
    } else {
        EXPECT_EQ(page.substr(part.begin, part.size), text)
            << what << " is out of date; run this test once with STEAD_UPDATE_MAN=1";
    }
}

class ManualPage : public testing::TestWithParam<Page> {};

} // namespace

TEST_P(ManualPage, HoldsTheReferenceOfTheTableOfKeys) {
    std::string page = bytes_of(path_of(GetParam()));
    settle(page, part_between(page, kBegin, kEnd), render_keys_scdoc(GetParam().kind), "KEYS");
    if (updating()) std::ofstream(path_of(GetParam()), std::ios::binary) << page;
}

TEST_P(ManualPage, NamesEveryKeyOfEveryTable) {
    const std::string page = bytes_of(path_of(GetParam()));
    const Part part = part_between(page, kBegin, kEnd);
    ASSERT_TRUE(part.found());
    const std::string keys = page.substr(part.begin, part.size);
    const Schema schema = GetParam().kind == Kind::Unit ? unit_schema() : guest_schema();
    for (const Key& key : schema.keys) {
        std::size_t from = 0;
        std::size_t to = keys.find("\n# [");
        if (!key.table.empty()) {
            std::string name(key.table);
            if (name.ends_with('*')) name.replace(name.size() - 1, 1, "NAME");
            from = keys.find("\n# [" + name + "]\n");
            ASSERT_NE(from, std::string::npos) << key.table;
            to = keys.find("\n# [", from + 1);
        }
        const std::string section = keys.substr(from, to - from);
        const std::string name = key.name == "*" ? "NAME" : std::string(key.name);
        EXPECT_NE(section.find("\n*" + name + "*"), std::string::npos) << full_name(key);
    }
}

TEST_P(ManualPage, ShowsFilesThatAreRealAndWithoutMistakes) {
    std::string page = bytes_of(path_of(GetParam()));
    const std::vector<std::string> files = examples_of(page);
    EXPECT_GE(files.size(), 2U);
    for (const std::string& file : files) {
        const std::string text = without_comments(bytes_of(STEAD_SOURCE "/" + file));
        ASSERT_NE(text, "") << file << " is not there";
        settle(page, part_between(page, std::string(kExample) + file + "\n```\n", kFence),
               literal(text), file);
        if (GetParam().kind == Kind::Unit) {
            test::good_unit(text, file.ends_with("@.toml") ? "web@" : "web");
        } else {
            test::good_guest(text);
        }
    }
    if (updating()) std::ofstream(path_of(GetParam()), std::ios::binary) << page;
}

INSTANTIATE_TEST_SUITE_P(Pages, ManualPage, testing::ValuesIn(kPages), [](const auto& page) {
    return page.param.kind == Kind::Unit ? "unit" : "guest";
});

} // namespace stead::unitfile
