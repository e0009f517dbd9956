// Owned descriptors.
#include "instrumentation/base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace coroscope::base {
namespace {

bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

TEST(file_descriptor, it_closes_what_it_owns_once_and_gives_away_what_it_released) {
    const int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        FileDescriptor owner(first);
        FileDescriptor moved(std::move(owner));
        EXPECT_FALSE(owner.valid());  // NOLINT(bugprone-use-after-move): that it is empty is the point
        EXPECT_EQ(moved.get(), first);
        EXPECT_TRUE(is_open(first));
    }
    EXPECT_FALSE(is_open(first));

    FileDescriptor owner(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int kept = owner.release();
    owner.reset();
    EXPECT_TRUE(is_open(kept));
    close(kept);
}

TEST(file_descriptor, an_errno_has_a_text) {
    EXPECT_EQ(errno_text(ENOENT), "No such file or directory");
}

}  // namespace
}  // namespace coroscope::base
