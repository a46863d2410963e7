#include <cstring>
#include <string>
#include <type_traits>

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
    EXPECT_EQ(error.subject(), std::string_view(path).substr(0, 96));
    EXPECT_TRUE(describe(error).view().ends_with("x: File name too long"));
}

TEST(Error, KeepsItsSubjectWhileOthersAreMade) {
    const Error first = make_error("mount", "/first", EPERM);
    const Error copy = first;
    for (int i = 0; i < 1000; ++i) {
        const Error other = make_error("umount", "/other" + std::to_string(i), EBUSY);
        ASSERT_EQ(other.subject(), "/other" + std::to_string(i));
    }
    EXPECT_EQ(copy.subject(), "/first");
}

TEST(Error, ReadsAsDotsWhenItsSubjectIsForgotten) {
    const Error first = make_error("mount", "/first", EPERM);
    for (int i = 0; i < 5000; ++i)
        (void)make_error("umount", "/other", EBUSY);
    EXPECT_EQ(describe(first).view(), "mount ...: Operation not permitted");
}

TEST(Error, FitsTwoRegisters) {
    EXPECT_EQ(sizeof(Error), 16U);
    EXPECT_TRUE(std::is_trivially_copyable_v<Error>);
}

TEST(Error, KnowsErrnoValuesByName) {
    EXPECT_EQ(errno_name(ENOENT), "ENOENT");
    EXPECT_EQ(errno_name(ESTALE), "ESTALE");
    EXPECT_EQ(errno_name(EPERM), "EPERM");
    EXPECT_EQ(errno_name(ENOKEY), "ENOKEY");
    EXPECT_EQ(errno_name(0), "");
    EXPECT_EQ(errno_name(123456), "");
}

TEST(Error, SpellsEachCodeAsTheHostDoes) {
    for (int code = 1; code < 140; ++code) {
        EXPECT_EQ(describe(make_error("", {}, code)).view(),
                  std::string(": ") + std::strerror(code));
    }
}

} // namespace
} // namespace stead
