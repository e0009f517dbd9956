// A launched program waits for its viewer, but not for ever.
#include "runtime/entry/first_viewer.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace cprime::detail {
namespace {

constexpr std::uint32_t kForeverMs = 60'000;

TEST(FirstViewer, one_who_came_first_is_not_waited_for) {
    FirstViewer viewer;
    FirstViewer::changed(&viewer, 1, 0);
    EXPECT_TRUE(viewer.wait_ms(kForeverMs));
}

TEST(FirstViewer, coming_ends_the_wait) {
    FirstViewer viewer;
    std::thread agent([&viewer] {
        FirstViewer::changed(&viewer, 0, 0);
        FirstViewer::changed(&viewer, 1, 0);
    });
    EXPECT_TRUE(viewer.wait_ms(kForeverMs));
    agent.join();
}

TEST(FirstViewer, nobody_coming_ends_the_wait_as_well) {
    FirstViewer viewer;
    EXPECT_FALSE(viewer.wait_ms(1));
    EXPECT_FALSE(viewer.wait_ms(0));
}

TEST(FirstViewer, one_is_expected_as_long_as_the_launcher_listens) {
    const int launcher = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_EQ(bind(launcher, reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)), 0);
    socklen_t bytes = sizeof address;
    ASSERT_EQ(getsockname(launcher, reinterpret_cast<sockaddr*>(&address), &bytes), 0);
    const std::string name(address.sun_path + 1, bytes - sizeof(sa_family_t) - 1);
    EXPECT_FALSE(FirstViewer::expected(name));
    ASSERT_EQ(listen(launcher, 1), 0);
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(FirstViewer::expected(name)) << i;
    close(launcher);
    EXPECT_FALSE(FirstViewer::expected(name));
}

TEST(FirstViewer, without_a_name_nobody_is_asked_and_one_that_is_too_long_is_nobodys) {
    EXPECT_TRUE(FirstViewer::expected(""));
    EXPECT_FALSE(FirstViewer::expected(std::string(200, 'x')));
}

}  // namespace
}  // namespace cprime::detail
