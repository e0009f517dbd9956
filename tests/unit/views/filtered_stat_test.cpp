// views/filtered_stat, views/coroutine_filter: whom the one filter lets through, now and in the past, and what that leaves of locks.
#include "views/filtered_stat.h"

#include <gtest/gtest.h>

#include "fake_session.h"
#include "views/coroutine_filter.h"
#include "views/worker_model.h"

namespace coroscope::views {
namespace {

// Two mutexes: the first held by the parser, waited for by the consumer; the second held by nobody.
std::shared_ptr<traces::Moment> with_locks() {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    inspect::StateImage& state = moment->state;
    for (const std::uint32_t index : {0U, 1U}) {
        inspect::WaitableImage lock;
        lock.index = index;
        lock.kind = wire::WaitableKind::kMutex;
        lock.identity = 100 + index;
        lock.owner = index == 0 ? kFakeParser : 0;
        lock.waiting = index == 0 ? 1 : 0;
        state.waitables.push_back(lock);
    }
    for (inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.identity != kFakeConsumer) continue;
        coroutine.reason = wire::WaitReason::kMutex;
        coroutine.wait_object = 0;
    }
    return moment;
}

TEST(FilteredStat, a_lock_stays_that_somebody_who_passes_holds_or_waits_for) {
    const auto moment = with_locks();
    EXPECT_EQ(filtered_waitables(*moment, "").size(), 2U);
    EXPECT_EQ(filtered_waitables(*moment, "slow").size(), 1U) << "the slow consumer waits for the first";
    EXPECT_EQ(filtered_waitables(*moment, "parser").size(), 1U) << "the parser holds it";
    EXPECT_TRUE(filtered_waitables(*moment, "producer").empty()) << "the producer has nothing to do with either";
    EXPECT_EQ(filtered_waitables(*moment, "suspend and run_ns > 1ms").size(), 2U) << "a rule about events filters nothing";
}

TEST(FilteredStat, a_select_stays_in_which_somebody_who_passes_waits) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    for (const std::uint64_t address : {0x7000ULL, 0x8000ULL}) {
        inspect::SelectImage select;
        select.address = address;
        select.arms = 2;
        moment->state.selects.push_back(select);
    }
    for (inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        if (coroutine.identity != kFakeConsumer) continue;
        coroutine.reason = wire::WaitReason::kSelect;
        coroutine.rip = 0x8000;
    }
    FakeSession session{FakeOptions{}};
    EXPECT_EQ(filtered_selects(session, *moment, "").size(), 2U);
    const auto rows = filtered_selects(session, *moment, "slow");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.front().address, 0x8000U);
    EXPECT_TRUE(waits_in(*moment->state.coroutine_of(kFakeConsumer), rows.front()));
    EXPECT_TRUE(filtered_selects(session, *moment, "producer").empty());
}

TEST(PastFilter, who_lives_is_judged_by_the_moment_and_others_by_their_words) {
    const auto moment = make_fake_moment({});
    const PastFilter slow(*moment, "slow");
    EXPECT_TRUE(slow.passes(kFakeConsumer, "", ""));
    EXPECT_FALSE(slow.passes(kFakeProducer, "slow", "slow.cpp:1")) << "it lives, and does not pass";
    EXPECT_TRUE(slow.passes(999'999, "a SLOW one", "x.cpp:1")) << "it has ended: its name passes";
    EXPECT_TRUE(slow.passes(999'999, "x", "slow.cpp:1"));
    EXPECT_FALSE(slow.passes(999'999, "fast", "x.cpp:1"));
    EXPECT_FALSE(slow.passes(0, "slow", "")) << "nobody passes no filter";
    const PastFilter parked(*moment, "blocked_ns > 0");
    EXPECT_FALSE(parked.passes(999'999, "blocked", "")) << "a rule says nothing of who does not live";
    EXPECT_EQ(past_filter(*moment, ""), nullptr);
    EXPECT_EQ(past_filter(*moment, "   "), nullptr);
    EXPECT_EQ(past_filter(*moment, "suspend and run_ns > 1ms"), nullptr);
}

TEST(FilterMatch, knows_identities_and_sites_of_who_passes) {
    const auto moment = make_fake_moment({});
    const FilterMatch match = match_filter(*moment, "swarm");
    EXPECT_EQ(match.identities.size(), match.count);
    EXPECT_TRUE(match.has(kFakeSwarmFirst));
    EXPECT_FALSE(match.has(kFakeParser));
    ASSERT_EQ(match.sites.size(), 1U);
    EXPECT_NE(match.sites.begin()->find("swarm.cpp"), std::string::npos);
}

TEST(Wakings, are_of_those_who_pass_the_filter) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    for (inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        coroutine.woken_ticks = 1;
        coroutine.woken_cause = wire::WakeCause::kTimer;
    }
    const auto slow = last_wakings(*moment, "slow");
    ASSERT_EQ(slow.size(), 1U);
    EXPECT_EQ(slow.front().count, 1U);
    EXPECT_EQ(slow.front().example, kFakeConsumer);
    EXPECT_GT(last_wakings(*moment, "").size(), 3U);
    // Of a whole trace only sites are known.
    const auto all = last_wakings(*moment, "");
    const auto of_site = wakings_of(all, *moment, "slow");
    ASSERT_EQ(of_site.size(), 1U);
    EXPECT_NE(of_site.front().to.find("pipeline.cpp:58"), std::string::npos);
    EXPECT_EQ(wakings_of(all, *moment, "").size(), all.size());
}

}  // namespace
}  // namespace coroscope::views
