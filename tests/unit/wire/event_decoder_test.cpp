// Slots in, events out.
#include "instrumentation/wire/event_decoder.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace coroscope::wire {
namespace {

class Slots {
public:
    Slots& sync(std::uint64_t tsc, std::uint32_t current, std::uint32_t mask = 1) {
        return group(tsc, EventType::kSync, make_word1(current, mask), {{0, tsc}});
    }
    Slots& group(std::uint64_t tsc, EventType type, std::uint64_t word1,
                 std::vector<std::pair<std::uint64_t, std::uint64_t>> exts = {}) {
        slots_.push_back(make_slot(tsc, type, 0, word1));
        for (const auto& [ext48, ext64] : exts)
            slots_.push_back(make_slot(ext48, EventType::kExt, 0, ext64));
        return *this;
    }
    std::span<const EventSlot> all() const { return slots_; }

private:
    std::vector<EventSlot> slots_;
};

std::vector<DecodedEvent> decode(EventDecoder& decoder, std::span<const EventSlot> slots) {
    std::vector<DecodedEvent> events;
    decoder.feed(slots, [&](const DecodedEvent& event) { events.push_back(event); });
    return events;
}

TEST(event_decoder, a_spawn_gives_back_every_field) {
    Slots slots;
    slots.sync(1000, kNone)
        .group(1010, EventType::kSpawn, make_word1(5, 6),
               {{77, 9ULL | 2ULL << 32 | 4ULL << 40 | 1ULL << 48}, {88, make_word1(12, 14)}});
    EventDecoder decoder;
    const auto events = decode(decoder, slots.all());
    ASSERT_EQ(events.size(), 2U);
    const DecodedEvent& spawn = events[1];
    EXPECT_EQ(spawn.type, EventType::kSpawn);
    EXPECT_EQ(spawn.tsc, 1010U);
    EXPECT_EQ(spawn.object, 5U);
    EXPECT_EQ(spawn.argument, 6U);
    EXPECT_EQ(spawn_identity(spawn), 77U);
    EXPECT_EQ(spawn_slot(spawn), 9U);
    EXPECT_EQ(spawn_pool(spawn), 2);
    EXPECT_EQ(spawn_flags(spawn), 4);
    EXPECT_EQ(spawn_priority(spawn), 1);
    EXPECT_EQ(spawn_spawner(spawn), 88U);
    EXPECT_EQ(spawn_name(spawn), 12U);
    EXPECT_EQ(spawn_sequence(spawn), 14U);
}

TEST(event_decoder, the_running_coroutine_follows_resume_suspend_and_exit) {
    Slots slots;
    slots.sync(1, 4)
        .group(2, EventType::kWake, make_word1(9, 0))
        .group(3, EventType::kSuspend, make_word1(kNone, 0), {{0xabc, 0}})
        .group(4, EventType::kWake, make_word1(9, 0))
        .group(5, EventType::kResume, make_word1(7, 0))
        .group(6, EventType::kExit, make_word1(7, 0), {{1, 2}})
        .group(7, EventType::kWorkerPark, make_word1(0, 0));
    EventDecoder decoder;
    const auto events = decode(decoder, slots.all());
    ASSERT_EQ(events.size(), 7U);
    const std::uint32_t expected[] = {4, 4, 4, kNone, 7, 7, kNone};
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].current, expected[i]) << i;
        EXPECT_TRUE(events[i].current_known) << i;
    }
    EXPECT_EQ(events[2].ext48[0], 0xabcU);
}

TEST(event_decoder, stamps_keep_their_upper_bits_around_the_end_of_48_bits_and_slightly_backwards) {
    const std::uint64_t start = (5ULL << 48) - 10;
    Slots slots;
    slots.sync(start, kNone)
        .group(start + 20, EventType::kWorkerPark, 0)
        .group(start + 15, EventType::kWorkerUnpark, 0)
        .group(start + (1ULL << 46), EventType::kWorkerPark, 0);
    EventDecoder decoder;
    const auto events = decode(decoder, slots.all());
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[1].tsc, start + 20);
    EXPECT_EQ(events[2].tsc, start + 15);
    EXPECT_EQ(events[3].tsc, start + (1ULL << 46));
}

TEST(event_decoder, groups_are_put_together_over_pieces_of_one_slot) {
    Slots slots;
    slots.sync(1, 4).group(2, EventType::kSpawn, 0, {{1, 2}, {3, 4}}).group(3, EventType::kPad, 0);
    EventDecoder decoder;
    std::vector<DecodedEvent> events;
    for (const EventSlot& slot : slots.all()) {
        decoder.feed({&slot, 1}, [&](const DecodedEvent& event) { events.push_back(event); });
    }
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1].ext64[1], 4U);
    EXPECT_EQ(decoder.pads(), 1U);
    EXPECT_EQ(decoder.undecodable(), 0U);
}

TEST(event_decoder, what_precedes_the_first_sync_is_counted_and_not_placed_in_time) {
    Slots slots;
    slots.group(1, EventType::kResume, 0).group(2, EventType::kExit, 0, {{1, 2}}).sync(3, 4);
    EventDecoder decoder;
    const auto events = decode(decoder, slots.all());
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(decoder.before_sync(), 3U);

    EventDecoder seeded;
    seeded.seed(1, kNone, false);
    EXPECT_EQ(decode(seeded, slots.all()).size(), 3U);
}

TEST(event_decoder, after_a_gap_the_running_coroutine_is_unknown_until_something_says_it) {
    Slots before;
    before.sync(1, 4).group(2, EventType::kSpawn, 0, {{1, 2}});  // its second EXT is lost in the gap
    Slots after;
    after.group(5, EventType::kExt, 0)
        .group(6, EventType::kWake, 0)
        .group(7, EventType::kResume, make_word1(8, 0));
    EventDecoder decoder;
    EXPECT_EQ(decode(decoder, before.all()).size(), 1U);
    decoder.gap();
    const auto events = decode(decoder, after.all());
    ASSERT_EQ(events.size(), 2U);
    EXPECT_FALSE(events[0].current_known);
    EXPECT_EQ(events[0].tsc, 6U);
    EXPECT_TRUE(events[1].current_known);
    EXPECT_EQ(events[1].current, 8U);
    EXPECT_EQ(decoder.undecodable(), 3U);
}

TEST(event_decoder, unknown_types_and_broken_groups_are_counted_and_passed_over) {
    Slots slots;
    slots.sync(1, 4)
        .group(2, static_cast<EventType>(200), 0, {{1, 2}})  // of a later version
        .group(3, EventType::kLockAcquire, 0)                // reserved
        .group(4, EventType::kSpawn, 0, {{1, 2}})            // one EXT short
        .group(5, EventType::kWake, make_word1(3, 0));
    EventDecoder decoder;
    const auto events = decode(decoder, slots.all());
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1].type, EventType::kWake);
    EXPECT_EQ(decoder.undecodable(), 5U);
}

TEST(event_decoder, every_slot_of_random_bytes_is_accounted_for) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 50; ++round) {
        EventDecoder decoder;
        if (round % 2 == 0) decoder.seed(1, kNone, false);
        std::vector<EventSlot> slots(2000);
        for (EventSlot& slot : slots) {
            slot = {random(), random()};
            if (random() % 2 == 0)
                slot.word0 = make_slot(random(), static_cast<EventType>(random() % 60), 0, 0).word0;
        }
        std::uint64_t used = 0;
        decoder.feed(slots, [&](const DecodedEvent& event) { used += 1U + event.exts_count; });
        decoder.gap();
        EXPECT_EQ(used + decoder.pads() + decoder.before_sync() + decoder.undecodable(), slots.size());
    }
}

}  // namespace
}  // namespace coroscope::wire
