// What `stat` and the window say of mutexes and their kin.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "traces/analysis.h"

namespace coroscope::traces {
namespace {

using wire::WaitableKind;

inspect::WaitableImage waitable(std::uint32_t index, WaitableKind kind, std::uint32_t value = 0,
                                std::uint32_t limit = 0) {
    inspect::WaitableImage image;
    image.index = index;
    image.identity = 10 + index;
    image.kind = kind;
    image.value = value;
    image.limit = limit;
    return image;
}

inspect::CoroutineImage coroutine(std::uint32_t index) {
    inspect::CoroutineImage image;
    image.index = index;
    image.identity = 100 + index;
    image.state = wire::CoroutineState::kReady;
    return image;
}

TEST(WaitableStat, holders_are_named_whatever_they_are) {
    inspect::StateImage state;
    state.coroutines = {coroutine(0)};
    for (std::uint32_t index = 0; index < 4; ++index)
        state.waitables.push_back(waitable(index, WaitableKind::kMutex));
    state.waitables[1].owner = 100;
    state.waitables[2].owner = 4711;
    state.waitables[3].owner = wire::kOwnerThread | 4711U;
    state.index();
    const auto rows = waitable_stats(state);
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].name, "#10");
    EXPECT_EQ(rows[0].holder, "");
    EXPECT_EQ(rows[1].holder, "coroutine (100)");
    EXPECT_EQ(rows[1].owner, 100U);
    EXPECT_EQ(rows[2].holder, "4711, which has ended");
    EXPECT_EQ(rows[3].holder, "thread 4711");
    EXPECT_EQ(rows[3].owner, 0U);
}

TEST(WaitableStat, values_are_said_in_the_words_of_their_kind) {
    inspect::StateImage state;
    state.waitables = {waitable(0, WaitableKind::kSharedMutex, 2),
                       waitable(1, WaitableKind::kSemaphore, 3, 8),
                       waitable(2, WaitableKind::kSemaphore, 3, 0x7fffffff),
                       waitable(3, WaitableKind::kBarrier, 1, 4),
                       waitable(4, WaitableKind::kLatch, 2, 3),
                       waitable(5, WaitableKind::kLatch, 0, 3),
                       waitable(6, WaitableKind::kEvent, 1),
                       waitable(7, WaitableKind::kEvent),
                       waitable(8, WaitableKind::kOnce, wire::kOnceDone),
                       waitable(9, WaitableKind::kMutex),
                       waitable(10, WaitableKind::kCall),
                       waitable(11, WaitableKind::kCall, 1),
                       waitable(12, WaitableKind::kNursery, 3)};
    state.waitables[9].consistency = inspect::Consistency::kUnknown;
    state.index();
    std::vector<std::string> values;
    for (const WaitableStat& row : waitable_stats(state))
        values.push_back(row.value);
    EXPECT_EQ(values, (std::vector<std::string>{"2 readers", "3 of 8 permits", "3 permits", "1 of 4 arrived",
                                                "2 of 3 to go", "open", "set", "not set", "done", "unknown", "",
                                                "closed", "3 live in it"}));
}

TEST(WaitableStat, who_waits_is_listed_and_a_crowd_is_counted) {
    inspect::StateImage state;
    state.waitables = {waitable(0, WaitableKind::kMutex)};
    state.waitables[0].waiting = 100;
    for (std::uint32_t index = 0; index < 100; ++index) {
        state.coroutines.push_back(coroutine(index));
        state.coroutines.back().state = wire::CoroutineState::kParked;
        state.coroutines.back().reason = wire::WaitReason::kMutex;
        state.coroutines.back().wait_object = 0;
    }
    state.index();
    const auto rows = waitable_stats(state);
    EXPECT_EQ(rows[0].waiting, 100U);
    ASSERT_EQ(rows[0].waiters.size(), 16U);
    EXPECT_EQ(rows[0].waiters[0], 100U);
    const nlohmann::json json = to_json(rows);
    EXPECT_EQ(json[0]["kind"], "mutex");
    EXPECT_TRUE(json[0]["holder"].is_null());
    EXPECT_NE(to_text(rows).find("mutex"), std::string::npos);
    EXPECT_EQ(to_text(std::vector<WaitableStat>{}), "");
}

}  // namespace
}  // namespace coroscope::traces
