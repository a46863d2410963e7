#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "sys/unique_fd.h"

namespace stead::sys {
namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

int some_fd() {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST(UniqueFd, ClosesItsDescriptorOnce) {
    const int raw = some_fd();
    {
        const UniqueFd fd(raw);
        EXPECT_TRUE(is_open(raw));
        EXPECT_EQ(fd.get(), raw);
    }
    EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, HasOneOwnerAfterAMove) {
    const int raw = some_fd();
    UniqueFd from(raw);
    UniqueFd to(std::move(from));
    EXPECT_FALSE(from); // NOLINT(bugprone-use-after-move): the empty source is what is tested.
    EXPECT_EQ(to.get(), raw);

    const int other = some_fd();
    to = UniqueFd(other);
    EXPECT_FALSE(is_open(raw));
    EXPECT_TRUE(is_open(other));
}

TEST(UniqueFd, SurvivesAMoveToItself) {
    UniqueFd fd(some_fd());
    UniqueFd& same = fd;
    fd = std::move(same);
    EXPECT_TRUE(is_open(fd.get()));
}

TEST(UniqueFd, GivesItsDescriptorAway) {
    const int raw = some_fd();
    UniqueFd fd(raw);
    EXPECT_EQ(fd.release(), raw);
    EXPECT_FALSE(fd);
    fd.reset();
    EXPECT_TRUE(is_open(raw));
    ::close(raw);
}

TEST(UniqueFd, TakesDescriptorZeroForOne) {
    EXPECT_TRUE(UniqueFd(::fcntl(0, F_DUPFD_CLOEXEC, 0)));
    UniqueFd none;
    EXPECT_FALSE(none);
    UniqueFd zero(0);
    EXPECT_TRUE(zero);
    EXPECT_EQ(zero.release(), 0);
}

} // namespace
} // namespace stead::sys
