#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace stead {
namespace {

TEST(Error, ReadsAsOperationSubjectAndReason) {
    EXPECT_EQ(describe(make_error("mount", "/srv/web", EACCES)).view(),
              "mount /srv/web: Permission denied");
}

TEST(Error, LeavesOutWhatItDoesNotHave) {
    EXPECT_EQ(describe(make_error("waitid", "", ECHILD)).view(), "waitid: No child processes");
    EXPECT_EQ(describe(make_error("plan", "is no plan", 0)).view(), "plan is no plan");
    EXPECT_EQ(describe(make_error("", "nothing else", 0)).view(), "nothing else");
    EXPECT_EQ(describe(Error{}).view(), "");
}

TEST(Error, TakesTheReasonOfTheCallThatJustFailed) {
    errno = ENOENT;
    const Error error = last_error("open", "/x");
    errno = 0;
    EXPECT_EQ(error.code, ENOENT);
    EXPECT_STREQ(error.operation, "open");
}

TEST(Error, CutsALongSubjectAndKeepsTheReason) {
    const std::string path = "/" + std::string(300, 'x');
    const Error error = make_error("open", path, ENAMETOOLONG);
    EXPECT_TRUE(error.subject.truncated());
    EXPECT_TRUE(describe(error).view().ends_with("x: File name too long"));
}

TEST(Error, KnowsErrnoValuesByName) {
    EXPECT_EQ(errno_name(ENOENT), "ENOENT");
    EXPECT_EQ(errno_name(ESTALE), "ESTALE");
    EXPECT_EQ(errno_name(0), "");
    EXPECT_EQ(errno_name(123456), "");
}

} // namespace
} // namespace stead
