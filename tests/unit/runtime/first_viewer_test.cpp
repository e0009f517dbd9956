// A launched program waits for its viewer, but not for ever.
#include "runtime/entry/first_viewer.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace cprime::detail
