// The state that rules see between keyframes against the program's own: after any generated history they are the same.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "synthetic_history.h"
#include "traces/rules/state_cursor.h"
#include "traces/rules/state_view.h"

namespace coroscope::rules {
namespace {

using traces::SyntheticProgram;
using Choices = std::vector<std::uint16_t>;

Choices choices(int count) {
    return *rc::gen::resize(count, rc::gen::container<Choices>(rc::gen::arbitrary<std::uint16_t>()));
}

void expect_as_in(StateCursor& cursor, const inspect::StateImage& truth) {
    for (const inspect::CoroutineImage& row : truth.coroutines) {
        const inspect::CoroutineImage* seen = cursor.object(Kind::kCoroutine, row.index).coroutine;
        RC_ASSERT(seen != nullptr);
        RC_ASSERT(seen->identity == row.identity);
        RC_ASSERT(seen->state == row.state);
        RC_ASSERT(seen->reason == row.reason);
        RC_ASSERT(seen->since_ticks == row.since_ticks);
    }
    for (const inspect::ChannelImage& row : truth.channels) {
        const inspect::ChannelImage* seen = cursor.object(Kind::kChannel, row.index).channel;
        RC_ASSERT(seen != nullptr);
        RC_ASSERT(seen->identity == row.identity);
        RC_ASSERT(seen->length == row.length);
        RC_ASSERT(seen->sent == row.sent);
        RC_ASSERT(seen->closed == row.closed);
        RC_ASSERT(seen->senders_waiting == row.senders_waiting);
        RC_ASSERT(seen->receivers_waiting == row.receivers_waiting);
    }
    for (const inspect::WaitableImage& row : truth.waitables) {
        const inspect::WaitableImage* seen = cursor.object(Kind::kLock, row.index).lock;
        RC_ASSERT(seen != nullptr);
        RC_ASSERT(seen->owner == row.owner);
        RC_ASSERT(seen->value == row.value);
        RC_ASSERT(seen->waiting == row.waiting);
    }
    for (const inspect::WorkerImage& row : truth.workers) {
        const inspect::WorkerImage* seen = cursor.object(Kind::kWorker, row.index).worker;
        RC_ASSERT(seen != nullptr);
        RC_ASSERT(seen->state == row.state);
    }
    const PoolFacts* pool = cursor.object(Kind::kPool, 0).pool;
    RC_ASSERT(pool != nullptr);
    RC_ASSERT(pool->used == truth.pools[0].used());
}

TEST(StateCursor, says_after_any_history_what_the_program_says) {
    EXPECT_TRUE(rc::check("state between keyframes", [] {
        const auto workers = *rc::gen::inRange<std::uint32_t>(1, 4);
        const bool locks = *rc::gen::arbitrary<bool>();  // and slots are told of
        SyntheticProgram program(workers, locks, *rc::gen::arbitrary<bool>());
        for (const std::uint16_t choice : choices(300))
            program.step(choice);
        const inspect::StateImage keyframe = program.truth();
        const std::uint32_t mask = locks ? wire::kEverything : wire::kEverything & ~wire::kCategoryPool;
        auto rule = Rule::parse("channel.len == cap");
        RC_ASSERT(rule.ok());
        const Names names(keyframe.strings, keyframe.sites, keyframe.pools);
        StateCursor cursor(keyframe, **rule, names, mask);
        expect_as_in(cursor, keyframe);
        std::uint64_t applied_ticks = keyframe.read_end_ticks;
        for (int piece = 0; piece < 4; ++piece) {
            for (const std::uint16_t choice : choices(60))
                program.step(choice);
            for (const Happened& one : history(program)) {
                if (one.event.tsc > applied_ticks)
                    cursor.apply(one.event, wire::RingOwner::kWorker, one.ring);
            }
            applied_ticks = program.now();
            expect_as_in(cursor, program.truth());
        }
    }));
}

TEST(StateCursor, a_name_means_the_newest_object_that_has_it_and_none_when_it_is_gone) {
    EXPECT_TRUE(rc::check("references", [] {
        SyntheticProgram program(2, true, true);
        const inspect::StateImage keyframe = program.truth();
        const Names names(keyframe.strings, keyframe.sites, keyframe.pools);
        auto rule = Rule::parse(
            "channel[\"named\"].len == 0 and coroutine[3].state == parked and channel[2].cap == 1");
        RC_ASSERT(rule.ok());
        for (const std::uint16_t choice : choices(400))
            program.step(choice);
        StateCursor cursor(keyframe, **rule, names);
        for (const Happened& one : history(program))
            cursor.apply(one.event, wire::RingOwner::kWorker, one.ring);
        const Objects* seen = cursor.references();
        const inspect::StateImage truth = program.truth();
        const std::vector<PoolFacts> pools = pool_facts(truth);
        const std::vector<Objects> wanted = find_references(**rule, truth, pools);
        // Of several with one name the newest that was made; when that is gone nobody else takes its place.
        if (seen[0].channel != nullptr)
            RC_ASSERT(wanted[0].channel != nullptr && seen[0].channel->identity == wanted[0].channel->identity);
        RC_ASSERT((seen[1].coroutine != nullptr) == (wanted[1].coroutine != nullptr));
        RC_ASSERT((seen[2].channel != nullptr) == (wanted[2].channel != nullptr));
    }));
}

}  // namespace
}  // namespace coroscope::rules
