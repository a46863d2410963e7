#include <gtest/gtest.h>

#include "images/images.h"

namespace stead::images {
namespace {

TEST(ImageSources, NameASuiteAsAWordOfTheirOwn) {
    const char* const lines = "deb http://deb.debian.org/debian sid main # not bullseye\n";
    EXPECT_TRUE(names_suite(lines, "sid"));
    EXPECT_FALSE(names_suite(lines, "bullseye")) << "a remark";
    EXPECT_FALSE(names_suite("deb http://inside.example/side residual main\n", "sid"));
    EXPECT_FALSE(names_suite("deb https://example.org/apt cloud-sdk-bookworm main", "bookworm"));
    EXPECT_FALSE(names_suite("", "sid"));
}

TEST(ImageSources, NameWhatGoesWithASuite) {
    const char* const fields = "Types: deb\nSuites: trixie\tbookworm-security\n";
    EXPECT_TRUE(names_suite(fields, "trixie"));
    EXPECT_TRUE(names_suite(fields, "bookworm"));
    EXPECT_TRUE(names_suite("deb http://security.debian.org buster/updates main", "buster"));
    EXPECT_FALSE(names_suite(fields, "security"));
}

} // namespace
} // namespace stead::images
