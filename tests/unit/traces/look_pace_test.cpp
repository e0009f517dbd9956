// A live session looks often while something is done, rarely while nothing is, and again as soon as it is.
#include "traces/look_pace.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

using namespace std::chrono_literals;

TEST(LookPace, looks_that_find_nothing_done_come_ever_more_rarely) {
    LookPace pace(100ms);
    const Activity still{10, 20, 1'000'000};
    EXPECT_EQ(pace.after_look(still, 100ms), 100ms) << "the first tells of something";
    EXPECT_EQ(pace.after_look(still, 100ms), 200ms);
    EXPECT_EQ(pace.after_look(still, 200ms), 400ms);
    for (int i = 0; i < 10; ++i)
        pace.after_look(still, 1s);
    EXPECT_EQ(pace.after_look(still, 5s), LookPace::kQuietMs);
}

TEST(LookPace, a_switch_an_event_or_processor_time_brings_it_back) {
    for (const Activity& more : {Activity{11, 20, 1'000'000}, Activity{10, 21, 1'000'000}, Activity{10, 20, 90'000'000}}) {
        LookPace pace(100ms);
        Activity now{10, 20, 1'000'000};
        for (int i = 0; i < 10; ++i)
            pace.after_look(now, 1s);
        EXPECT_FALSE(pace.stirred(now, 1s));
        EXPECT_TRUE(pace.stirred(more, 1s));
        EXPECT_EQ(pace.after_look(more, 1s), 100ms);
    }
}

TEST(LookPace, what_idle_threads_take_is_nothing_done) {
    LookPace pace(100ms);
    pace.after_look({10, 20, 1'000'000}, 100ms);
    EXPECT_FALSE(pace.stirred({10, 20, 1'900'000}, 100ms)) << "0.9 % of the time";
    EXPECT_TRUE(pace.stirred({10, 20, 2'100'000}, 100ms));
    EXPECT_FALSE(pace.stirred({10, 20, 0}, 100ms)) << "a program that has gone has no processor time to tell";
}

}  // namespace
}  // namespace coroscope::traces
