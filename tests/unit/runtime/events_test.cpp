// Events of the core: what a listener gets agrees, change by change, with what the records say.
#include <gtest/gtest.h>

#include <cprime/runtime.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"
#include "runtime/entry/runtime_state.h"

namespace cprime::detail {
namespace {

using coroscope::wire::DecodedEvent;
using coroscope::wire::EventType;

// Everything that all rings hold, by ring.
std::vector<std::vector<DecodedEvent>> read_all() {
    std::vector<std::vector<DecodedEvent>> rings;
    const auto view = coroscope::wire::RingSegmentView::open(g_runtime->rings->data(),
                                                             g_runtime->rings->file_bytes());
    EXPECT_TRUE(view);
    for (std::uint32_t ring = 0; ring < view->rings_count(); ++ring) {
        const auto location = view->ring(ring);
        auto& events = rings.emplace_back();
        if (location.slots_count == 0) continue;
        coroscope::wire::RingReader reader(ring);
        coroscope::wire::EventDecoder decoder;
        std::vector<coroscope::wire::EventSlot> slots(4096);
        while (true) {
            const auto batch = reader.read(location, slots);
            EXPECT_EQ(batch.skipped, 0U);
            if (batch.accepted == 0) break;
            decoder.feed({slots.data(), batch.accepted},
                         [&](const DecodedEvent& event) { events.push_back(event); });
        }
        EXPECT_EQ(decoder.undecodable(), 0U);
    }
    return rings;
}

class Events : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Workers, Events, testing::Values(1U, 2U, 4U), testing::PrintToStringParamName());

void listen(std::uint32_t mask) {
    g_runtime->rings->listen(mask, coroscope::wire::RingMode::kOverwrite, 2);
}

struct Change {
    EventType type;
    std::uint64_t tsc;
    std::uint32_t sequence;
    std::uint8_t high;
};

TEST_P(Events, every_change_of_sequence_has_its_event) {
    Runtime runtime({.workers = GetParam()});
    listen(coroscope::wire::kEventCategories);
    runtime.run([] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 50; ++i) {
            handles.push_back(spawn("child", [i] {
                for (int step = 0; step < i % 5; ++step)
                    yield();
                sleep_for(std::chrono::microseconds(10));
            }));
        }
        auto sleeper = spawn("sleeper", [] { sleep_for(std::chrono::hours(1)); });
        sleeper.cancel();
        sleeper.join();
        for (auto& handle : handles)
            handle.join();
    });
    // Listening stops before the events are read, so that idle workers write nothing meanwhile.
    listen(0);
    std::map<std::uint32_t, std::vector<Change>>
        changes;  // by coroutine index: sequences go on when an index is used again
    std::map<EventType, int> counts;
    for (const auto& ring : read_all()) {
        for (const DecodedEvent& event : ring) {
            ++counts[event.type];
            const std::uint32_t seq24 = coroscope::wire::low24(event.argument);
            const std::uint8_t high = coroscope::wire::high8(event.argument);
            switch (event.type) {
                case EventType::kSpawn:
                    changes[event.object].push_back(
                        {event.type, event.tsc, coroscope::wire::spawn_sequence(event), 0});
                    break;
                case EventType::kResume:
                case EventType::kWake:
                case EventType::kExit:
                    changes[event.object].push_back({event.type, event.tsc, seq24, high});
                    break;
                case EventType::kSuspend:
                    ASSERT_TRUE(event.current_known);
                    changes[event.current].push_back({event.type, event.tsc, seq24, high});
                    break;
                default:
                    break;
            }
        }
    }
    EXPECT_EQ(counts[EventType::kSpawn], 52);
    EXPECT_EQ(counts[EventType::kExit], 52);
    EXPECT_EQ(counts[EventType::kPoolAllocate], 52);
    EXPECT_EQ(counts[EventType::kPoolFree], 52);
    EXPECT_EQ(counts[EventType::kCancel], 1);
    EXPECT_EQ(counts[EventType::kResume], counts[EventType::kSuspend] + counts[EventType::kExit]);
    EXPECT_GE(counts[EventType::kTimerSet], 49);
    EXPECT_GE(counts[EventType::kTimerFire], counts[EventType::kTimerSet] - 1);
    for (auto& [index, list] : changes) {
        std::sort(list.begin(), list.end(),
                  [](const Change& a, const Change& b) { return a.sequence < b.sequence; });
        std::uint32_t before = 0;
        std::uint64_t tsc = 0;
        for (const Change& change : list) {
            const std::uint32_t step = change.type == EventType::kSpawn || change.type == EventType::kWake ? 2
                                                                                                           : 1;
            EXPECT_EQ(change.sequence, before + step) << "coroutine " << index;
            EXPECT_EQ(change.sequence % 2, change.type == EventType::kResume ? 1U : 0U);
            // A wake may carry the stamp of the switch it belongs to; a resume never precedes its cause.
            if (change.type == EventType::kResume) {
                EXPECT_GE(change.tsc, tsc);
            }
            before = change.sequence;
            tsc = change.tsc;
        }
        EXPECT_EQ(before, record(index).sequence.load());
    }
}

TEST_P(Events, dormant_workers_write_nothing) {
    Runtime runtime({.workers = GetParam()});
    runtime.run([] {
        for (int i = 0; i < 100; ++i)
            spawn("x", [] { yield(); }).join();
    });
    for (const auto& ring : read_all())
        EXPECT_TRUE(ring.empty());
}

TEST(Yields, tell_who_yielded_and_who_went_on_by_one_stamp) {
    constexpr std::uint32_t kRounds = 10'000;
    Runtime runtime({.workers = 1});
    listen(coroscope::wire::kEverything);
    runtime.run([] {
        const auto yields = [] {
            for (std::uint32_t round = 0; round < kRounds; ++round)
                yield();
        };
        auto one = spawn("yielder", yields), other = spawn("yielder", yields);
        one.join();
        other.join();
    });
    listen(0);
    std::uint32_t yields = 0;
    for (const auto& ring : read_all()) {
        for (std::size_t i = 0; i + 1 < ring.size(); ++i) {
            const DecodedEvent& event = ring[i];
            const auto reason = static_cast<coroscope::wire::WaitReason>(coroscope::wire::high8(event.argument));
            if (event.type != EventType::kSuspend || reason != coroscope::wire::WaitReason::kYield) continue;
            ++yields;
            EXPECT_NE(event.ext48[0], 0U) << "where it goes on";
            // Now and then a block ends between the two, and SYNC opens the next.
            const DecodedEvent& next = ring[i + 1].type == EventType::kSync ? ring[i + 2] : ring[i + 1];
            ASSERT_EQ(next.type, EventType::kResume);
            EXPECT_NE(next.object, event.current);
            EXPECT_GE(next.tsc, event.tsc);
        }
    }
    EXPECT_GE(yields, 2 * kRounds - 2) << "the last yield of each finds nobody else";
}

TEST_P(Events, a_suspend_names_reason_object_and_the_callers_address) {
    Runtime runtime({.workers = GetParam()});
    listen(coroscope::wire::kCategoryCoroutine);
    runtime.run([] {
        std::uint32_t joiner = 0;
        while (detail::detail(joiner).identity.load() != this_id())
            ++joiner;
        auto target = spawn("target", [joiner] {
            sleep_for(std::chrono::milliseconds(2));
            // Not before somebody waits for it, however slow the machine is.
            while (record(joiner).reason.load() != coroscope::wire::WaitReason::kJoin)
                yield();
        });
        target.join();
    });
    listen(0);
    int joins = 0;
    int sleeps = 0;
    for (const auto& ring : read_all()) {
        for (const DecodedEvent& event : ring) {
            if (event.type != EventType::kSuspend) continue;
            const auto reason = static_cast<coroscope::wire::WaitReason>(
                coroscope::wire::high8(event.argument));
            if (reason == coroscope::wire::WaitReason::kJoin) {
                ++joins;
                EXPECT_NE(event.object, coroscope::wire::kNone);
            }
            if (reason == coroscope::wire::WaitReason::kSleep) {
                ++sleeps;
                EXPECT_GT(event.ext64[0], event.tsc) << "the deadline";
            }
            EXPECT_NE(event.ext48[0], 0U);
        }
    }
    EXPECT_EQ(joins, 1);
    EXPECT_EQ(sleeps, 1);
}

}  // namespace
}  // namespace cprime::detail
