// Rules in force among writers: what they are asked, what stays out of the rings, and that none is used after it has gone.
#include <algorithm>
#include <thread>

#include "instrumentation/emit/armed_rule.h"
#include "ring_fixture.h"
#include "rule_programs.h"

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::RingOwner;

class armed_rule : public RingTest {
protected:
    armed_rule() {
        state_->ensure_records(wire::SectionKind::kCoroutines, 8);
        state_->ensure_records(wire::SectionKind::kCoroutineDetails, 8);
    }
    ~armed_rule() override { rings_->arm(nullptr); }

    std::shared_ptr<RuleProgress> arm(const wire::RuleProgram& program,
                                      std::shared_ptr<RuleProgress> progress = nullptr) {
        if (progress == nullptr) progress = std::make_shared<RuleProgress>();
        if (program.needs_stamps() && progress->stamps == nullptr)
            progress->stamps = RuleStamps::create(8).value();
        rings_->arm(std::make_unique<ArmedRule>(
            program, ++number_, progress,
            ArmedRule::Surroundings{state_.get(), rings_->rule_hits().value(),
                                    [](void* self) { static_cast<armed_rule*>(self)->held_.fetch_add(1); },
                                    this}));
        return progress;
    }
    std::vector<wire::RuleHit> hits() {
        std::vector<wire::RuleHit> taken;
        rings_->rule_hits().value()->take(taken);
        return taken;
    }
    void wake(RingWriter* writer, std::uint32_t coroutine, std::uint32_t sequence, std::uint64_t stamp = 0) {
        probe::wake(writer, stamp, coroutine, sequence, wire::WakeCause::kTimer);
    }

    std::unique_ptr<StateSegment> state_ = StateSegment::create({.shared = false}).value();
    std::uint32_t number_ = 0;
    std::atomic<int> held_{0};
};

TEST_F(armed_rule, works_while_nobody_listens_and_writes_nothing) {
    RingWriter* writer = rings_->register_thread(RingOwner::kWorker, 3, nullptr);
    wake(writer, 1, 2);
    arm(every(EventType::kWake));
    EXPECT_EQ(g_listen.mask.load(), wire::kCategoryCoroutine);
    EXPECT_EQ(rings_->header().mask.load(), 0U);
    wake(writer, 1, 4);
    probe::cancel(writer, 0, 1, 1);
    const auto told = hits();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].type, EventType::kWake);
    EXPECT_EQ(told[0].object, 1U);
    EXPECT_EQ(told[0].worker, 3U);
    EXPECT_EQ(told[0].number, 1U);
    EXPECT_EQ(location(writer->index()).slots_count, 0U);
    rings_->arm(nullptr);
    EXPECT_EQ(g_listen.mask.load(), 0U);
    wake(writer, 1, 6);
    EXPECT_TRUE(hits().empty());
}

TEST_F(armed_rule, leaves_what_is_listened_to_as_it_was) {
    RingWriter* writer = rings_->register_thread(RingOwner::kWorker, 0, nullptr);
    listen_overwrite(wire::kCategoryChannel);
    arm(every(EventType::kWake));
    for (std::uint32_t i = 0; i < 5000; ++i) {
        wake(writer, 1, i);
        probe::channel_send(writer, 0, 1, i);
    }
    EXPECT_FALSE(hits().empty());
    rings_->arm(nullptr);
    for (std::uint32_t i = 0; i < 10; ++i)
        probe::channel_send(writer, 0, 1, i);
    std::size_t sends = 0;
    for (const wire::DecodedEvent& event : drain(writer->index())) {
        EXPECT_NE(event.type, EventType::kWake);
        sends += event.type == EventType::kChannelSend;
        if (event.type == EventType::kSync) {
            EXPECT_EQ(event.argument, wire::kCategoryChannel);
        }
    }
    EXPECT_EQ(sends, 5010U);
}

TEST_F(armed_rule, pauses_once_until_it_goes_on_and_counts_on) {
    RingWriter* writer = rings_->register_thread(RingOwner::kWorker, 0, nullptr);
    wire::RuleProgram program = every(EventType::kWake, wire::RuleAction::kPause);
    program.head.count = 3;
    const auto progress = arm(program);
    for (std::uint32_t i = 0; i < 10; ++i)
        wake(writer, 1, i);
    auto told = hits();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].number, 3U);
    EXPECT_EQ(told[0].flags, wire::kHitPauses);
    EXPECT_EQ(held_.load(), 1);
    progress->fired = false;
    program.head.count = 5;
    arm(program, progress);
    for (std::uint32_t i = 0; i < 10; ++i)
        wake(writer, 1, i);
    told = hits();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].number, 5U);
    EXPECT_EQ(held_.load(), 2);
}

TEST_F(armed_rule, pauses_nothing_that_it_cannot_tell) {
    RingWriter* writer = rings_->register_thread(RingOwner::kWorker, 0, nullptr);
    arm(every(EventType::kWake));
    for (std::uint32_t i = 0; i < RuleHits::kRoom; ++i)
        wake(writer, 1, i);
    const auto progress = arm(every(EventType::kWake, wire::RuleAction::kPause));
    wake(writer, 1, 0);
    EXPECT_FALSE(progress->fired.load());
    hits();
    wake(writer, 1, 0);
    EXPECT_TRUE(progress->fired.load());
    ASSERT_EQ(hits().size(), 1U);
}

TEST_F(armed_rule, knows_lengths_of_time_from_events_that_follow_each_other) {
    state_->header().clock = {0, 0, 1ULL << 40, 40, 0};  // a tick is a nanosecond
    std::atomic<std::uint32_t> current{1};
    RingWriter* writer = rings_->register_thread(RingOwner::kWorker, 0, &current);
    arm(wakes_after(100));
    probe::suspend(writer, 1000, 10, wire::WaitReason::kSleep, wire::kNone, 0, 0);
    wake(writer, 1, 12, 1101);
    probe::suspend(writer, 2000, 20, wire::WaitReason::kSleep, wire::kNone, 0, 0);
    wake(writer, 1, 22, 2100);  // not longer
    probe::suspend(writer, 3000, 30, wire::WaitReason::kSleep, wire::kNone, 0, 0);
    wake(writer, 1, 36, 9000);  // something is missing in between
    const auto told = hits();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].ticks, 1101U);
    EXPECT_EQ(told[0].blocked_ticks, 101U);
}

TEST_F(armed_rule, goes_when_no_writer_uses_it_and_not_before) {
    // Writers judge, look elsewhere and come and go while rules are exchanged under them; sanitizers say whether one is used too late.
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            RingWriter* writer = rings_->register_thread(RingOwner::kThread, t, nullptr);
            for (std::uint32_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
                wake(writer, i % 8, i);
                if (i % 1024 != 0) continue;
                rings_->unregister_thread(writer);
                writer = rings_->register_thread(RingOwner::kThread, t, nullptr);
            }
            rings_->unregister_thread(writer);
        });
    }
    std::uint64_t told = 0;
    for (int i = 0; i < 400; ++i) {
        if (i % 5 == 4) {
            rings_->arm(nullptr);
        } else {
            arm(i % 2 == 0 ? every(EventType::kWake) : wakes_after(1e9));
        }
        if (i % 7 == 0) listen_overwrite(i % 14 == 0 ? std::uint32_t{wire::kCategoryCoroutine} : 0U);
        told += hits().size();
    }
    while (told == 0) {
        arm(every(EventType::kWake));
        told += hits().size();
    }
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_GT(told, 0U);
}

}  // namespace
}  // namespace coroscope::emit
