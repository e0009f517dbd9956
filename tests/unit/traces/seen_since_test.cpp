// Since when a coroutine is in its state, as far as looking at it again and again can tell.
#include "traces/seen_since.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

inspect::StateImage look(std::uint64_t ticks, std::vector<std::array<std::uint64_t, 3>> rows) {
    inspect::StateImage image;
    image.read_begin_ticks = ticks;
    for (const auto& [index, identity, sequence] : rows) {
        inspect::CoroutineImage coroutine;
        coroutine.index = static_cast<std::uint32_t>(index);
        coroutine.identity = identity;
        coroutine.sequence = static_cast<std::uint32_t>(sequence);
        image.coroutines.push_back(coroutine);
    }
    return image;
}

std::uint64_t since(SeenSince& seen, inspect::StateImage image, std::size_t row = 0) {
    seen.complete(image);
    return image.coroutines[row].since_ticks;
}

TEST(SeenSince, what_was_so_at_the_first_look_stays_unknown) {
    SeenSince seen;
    EXPECT_EQ(since(seen, look(100, {{3, 7, 4}})), 0U);
    EXPECT_EQ(since(seen, look(200, {{3, 7, 4}})), 0U);
}

TEST(SeenSince, a_change_is_dated_by_the_look_that_saw_it) {
    SeenSince seen;
    since(seen, look(100, {{3, 7, 4}}));
    EXPECT_EQ(since(seen, look(200, {{3, 7, 6}})), 200U);
    EXPECT_EQ(since(seen, look(300, {{3, 7, 6}})), 200U);
    EXPECT_EQ(since(seen, look(400, {{3, 7, 8}})), 400U);
}

TEST(SeenSince, who_comes_later_and_who_takes_an_index_over_is_new) {
    SeenSince seen;
    since(seen, look(100, {{3, 7, 4}}));
    EXPECT_EQ(since(seen, look(200, {{3, 7, 4}, {5, 9, 2}}), 1), 200U);
    EXPECT_EQ(since(seen, look(300, {{3, 11, 4}, {5, 9, 2}}), 0), 300U);
}

TEST(SeenSince, an_event_knows_better) {
    SeenSince seen;
    since(seen, look(100, {{3, 7, 4}}));
    inspect::StateImage image = look(200, {{3, 7, 6}});
    image.coroutines[0].since_ticks = 150;
    EXPECT_EQ(since(seen, image), 150U);
}

TEST(SeenSince, an_index_out_of_range_is_left_alone) {
    SeenSince seen;
    EXPECT_EQ(since(seen, look(100, {{0xfffffff0U, 7, 4}})), 0U);
}

}  // namespace
}  // namespace coroscope::traces
