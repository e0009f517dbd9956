// When keyframes are due: by the interval, more seldom where they are dear, always often enough for what a flight recorder keeps.
#include "traces/keyframe_pace.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kInterval = 500 * kMs;
constexpr std::uint64_t kMB = 1'000'000;

KeyframePace::Look look(std::int64_t cpu_ns, std::uint64_t bytes, std::uint64_t trace_bytes) {
    return {.begin_ns = 1000 * kMs, .cpu_ns = cpu_ns, .bytes = bytes, .trace_bytes = trace_bytes};
}

TEST(KeyframePace, the_first_one_is_due_at_once) {
    EXPECT_TRUE(KeyframePace(kInterval, {}).due(0, 0, 0));
}

TEST(KeyframePace, cheap_ones_come_at_the_interval_that_was_asked_for) {
    KeyframePace pace(kInterval, {});
    pace.taken(look(3 * kMs, kMB, kMB));
    EXPECT_FALSE(pace.due(1499 * kMs, 900 * kMB, 0));
    EXPECT_TRUE(pace.due(1500 * kMs, kMB, 0));
}

TEST(KeyframePace, many_events_bring_the_next_one_earlier_but_not_its_stacks) {
    KeyframePace pace(kInterval, {});
    EXPECT_TRUE(pace.stacks_due(1000 * kMs));
    KeyframePace::Look first = look(3 * kMs, kMB, kMB);
    first.slots = 1000;
    first.stacks = true;
    pace.taken(first);
    EXPECT_FALSE(pace.due(1020 * kMs, kMB, 1000 + KeyframePace::kSlotsMax - 1));
    EXPECT_TRUE(pace.due(1020 * kMs, kMB, 1000 + KeyframePace::kSlotsMax));
    EXPECT_FALSE(pace.due(1014 * kMs, kMB, 1000 + KeyframePace::kSlotsMax)) << "a fifth of a core, still";
    EXPECT_FALSE(pace.stacks_due(1020 * kMs));
    KeyframePace::Look second = look(kMs, kMB, kMB);
    second.begin_ns = 1020 * kMs;
    pace.taken(second);
    EXPECT_FALSE(pace.stacks_due(1499 * kMs));
    EXPECT_TRUE(pace.stacks_due(1500 * kMs)) << "half a second after the last ones, looks without them apart";
}

TEST(KeyframePace, dear_ones_take_a_fifth_of_a_core) {
    KeyframePace pace(kInterval, {});
    pace.taken(look(400 * kMs, kMB, kMB));
    EXPECT_FALSE(pace.due(2999 * kMs, 900 * kMB, 0));
    EXPECT_TRUE(pace.due(3000 * kMs, 900 * kMB, 0));
}

TEST(KeyframePace, where_bytes_are_kept_events_get_three_times_the_room_of_keyframes) {
    KeyframePace pace(kInterval, {.bytes = 64 * kMB});
    pace.taken(look(kMs, 2 * kMB, 10 * kMB));
    EXPECT_FALSE(pace.due(1600 * kMs, 15 * kMB, 0));
    EXPECT_TRUE(pace.due(1600 * kMs, 16 * kMB, 0));
    EXPECT_FALSE(pace.due(10'999 * kMs, 10 * kMB, 0));
    EXPECT_TRUE(pace.due(11'000 * kMs, 10 * kMB, 0)) << "a program that does little is looked at, too";
}

TEST(KeyframePace, one_is_taken_before_the_window_has_moved_past_the_last_whatever_it_costs) {
    KeyframePace bytes(kInterval, {.bytes = 8 * kMB});
    bytes.taken(look(5000 * kMs, 3 * kMB, 10 * kMB));
    EXPECT_FALSE(bytes.due(1010 * kMs, 12 * kMB - 1, 0));
    EXPECT_TRUE(bytes.due(1010 * kMs, 12 * kMB, 0));
    KeyframePace time(kInterval, {.ns = 2000 * kMs});
    time.taken(look(5000 * kMs, 3 * kMB, 10 * kMB));
    EXPECT_FALSE(time.due(1499 * kMs, 10 * kMB, 0));
    EXPECT_TRUE(time.due(1500 * kMs, 10 * kMB, 0));
}

}  // namespace
}  // namespace coroscope::traces
