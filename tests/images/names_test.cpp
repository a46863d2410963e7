#include <gtest/gtest.h>

#include "images/names.h"

namespace stead::images {
namespace {

TEST(ImageNames, AreCleanedOrRefused) {
    EXPECT_EQ(clean_name("./usr//bin/./env").path, "usr/bin/env");
    EXPECT_EQ(clean_name("usr/").path, "usr");
    EXPECT_EQ(clean_name("./").path, "");
    EXPECT_EQ(clean_name("./").problem, "");
    for (const char* bad : {"", "/etc/passwd", "../etc", "usr/../../etc", "usr/.."})
        EXPECT_FALSE(clean_name(bad).problem.empty()) << bad;
    EXPECT_FALSE(clean_name(std::string(256, 'x')).problem.empty());
    std::string deep;
    for (std::size_t level = 0; level <= kMaxDepth; ++level)
        deep += "d/";
    EXPECT_FALSE(clean_name(deep).problem.empty());
    EXPECT_EQ(clean_name("..x/.../x..").path, "..x/.../x..");
}

TEST(ImageNames, KnowWhiteouts) {
    EXPECT_FALSE(whiteout_of("etc/passwd"));
    EXPECT_FALSE(whiteout_of("etc/x.wh.y"));
    EXPECT_EQ(whiteout_of("etc/.wh.passwd")->path, "etc/passwd");
    EXPECT_EQ(whiteout_of(".wh.etc")->path, "etc");
    EXPECT_TRUE(whiteout_of("var/.wh..wh..opq")->opaque);
    EXPECT_EQ(whiteout_of("var/.wh..wh..opq")->path, "var");
    EXPECT_TRUE(whiteout_of("var/.wh..wh.plnk")->broken);
    EXPECT_TRUE(whiteout_of("var/.wh.")->broken);
    EXPECT_TRUE(whiteout_of("var/.wh...")->broken) << "..";
}

TEST(ImageNames, AreOneWordInAList) {
    const std::string odd("a b\n\\\x01\xc3\xbc", 8);
    EXPECT_EQ(escape_word(odd).find_first_of(" \n"), std::string::npos);
    EXPECT_EQ(unescape_word(escape_word(odd)), odd);
    for (const char* bad : {"a b", "\\x4", "\\y41", "\\xzz"})
        EXPECT_FALSE(unescape_word(bad)) << bad;
}

TEST(ImageNames, OfImagesAreFileNames) {
    for (const char* good : {"debian-12", "nginx:1.25", "a"})
        EXPECT_TRUE(valid_image_name(good)) << good;
    for (const char* bad : {"", ".new-x", "../x", "a/b", "-x", "a b"})
        EXPECT_FALSE(valid_image_name(bad)) << bad;
}

} // namespace
} // namespace stead::images
