// What is learned in passing: since when, how long woken coroutines waited, where they parked.
#include "traces/tally.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

wire::DecodedEvent event(wire::EventType type, std::uint64_t tsc, std::uint32_t object,
                         std::uint32_t sequence) {
    wire::DecodedEvent e;
    e.type = type;
    e.tsc = tsc;
    e.object = object;
    e.argument = wire::pack24(sequence, 0);
    return e;
}
wire::DecodedEvent suspend(std::uint64_t tsc, std::uint32_t coroutine, std::uint32_t sequence,
                           std::uint64_t pc) {
    wire::DecodedEvent e = event(wire::EventType::kSuspend, tsc, wire::kNone, sequence);
    e.current = coroutine;
    e.current_known = true;
    e.ext48[0] = pc;
    return e;
}

TEST(Tally, a_wait_is_measured_whichever_ring_is_read_first) {
    for (const bool wake_first : {true, false}) {
        Tally tally;
        const auto wake = event(wire::EventType::kWake, 1000, 5, 10);
        const auto resume = event(wire::EventType::kResume, 1040, 5, 11);
        tally.take(wake_first ? wake : resume);
        tally.take(wake_first ? resume : wake);
        EXPECT_EQ(tally.wake_to_run().samples, 1U);
        EXPECT_EQ(tally.wake_to_run().buckets[40], 1U);
    }
}

TEST(Tally, a_resume_that_no_wake_caused_is_not_a_wait) {
    Tally tally;
    tally.take(event(wire::EventType::kWake, 1000, 5, 10));
    tally.take(event(wire::EventType::kResume, 2000, 5, 13));  // of a later wake, which was lost
    tally.take(event(wire::EventType::kResume, 2000, 6, 11));
    EXPECT_EQ(tally.wake_to_run().samples, 0U);
}

TEST(Tally, sequences_wrap_at_24_bits) {
    Tally tally;
    tally.take(event(wire::EventType::kWake, 1000, 5, 0xffffff));
    tally.take(event(wire::EventType::kResume, 1001, 5, 0x1000000));
    EXPECT_EQ(tally.wake_to_run().samples, 1U);
}

TEST(Tally, since_is_filled_for_the_state_that_the_image_shows) {
    Tally tally;
    tally.take(suspend(500, 3, 8, 0x401000));
    inspect::StateImage image;
    image.coroutines.resize(2);
    image.coroutines[0].index = 3;
    image.coroutines[0].sequence = 0x5000008;  // more bits than travel in events
    image.coroutines[1].index = 4;
    image.coroutines[1].sequence = 8;
    tally.complete(image);
    EXPECT_EQ(image.coroutines[0].since_ticks, 500U);
    EXPECT_EQ(image.coroutines[1].since_ticks, 0U) << "nothing was seen of it";
    image.coroutines[0].sequence += 2;
    image.coroutines[0].since_ticks = 0;
    tally.complete(image);
    EXPECT_EQ(image.coroutines[0].since_ticks, 0U) << "it has moved on since";
}

TEST(Tally, each_park_address_is_handed_out_once) {
    Tally tally;
    tally.take(suspend(1, 1, 2, 0x401000));
    tally.take(suspend(2, 2, 2, 0x402000));
    tally.take(suspend(3, 3, 2, 0x401000));
    EXPECT_EQ(tally.take_new_pcs(), (std::vector<std::uint64_t>{0x401000, 0x402000}));
    tally.take(suspend(4, 1, 4, 0x402000));
    EXPECT_TRUE(tally.take_new_pcs().empty());
}

wire::DecodedEvent spawned_as(std::uint64_t tsc, std::uint32_t coroutine, std::uint64_t identity) {
    wire::DecodedEvent e = event(wire::EventType::kSpawn, tsc, coroutine, 0);
    e.ext48[0] = identity;
    return e;
}
wire::DecodedEvent resumed(std::uint64_t tsc, std::uint32_t coroutine, std::uint64_t identity) {
    wire::DecodedEvent e = event(wire::EventType::kResume, tsc, coroutine, 1);
    e.argument = wire::pack24(1, static_cast<std::uint8_t>(identity));
    return e;
}
wire::DecodedEvent woken(std::uint64_t tsc, std::uint32_t coroutine, std::uint32_t sequence, std::uint32_t by) {
    wire::DecodedEvent e = event(wire::EventType::kWake, tsc, coroutine, sequence);
    e.current = by;
    e.current_known = true;
    return e;
}
// A coroutine with index 3, identity 30, at that sequence; beside it one with index 4.
inspect::StateImage two(std::uint32_t sequence, std::uint64_t identity_of_4) {
    inspect::StateImage image;
    image.coroutines.resize(2);
    image.coroutines[0].index = 3;
    image.coroutines[0].identity = 30;
    image.coroutines[0].sequence = sequence;
    image.coroutines[1].index = 4;
    image.coroutines[1].identity = identity_of_4;
    image.index();
    return image;
}

TEST(Tally, the_waker_is_named_whichever_ring_is_read_first) {
    for (const bool spawn_first : {true, false}) {
        Tally tally;
        if (spawn_first) tally.take(spawned_as(100, 4, 40));
        tally.take(resumed(200, 4, 40));
        tally.take(woken(300, 3, 8, 4));
        if (!spawn_first) tally.take(spawned_as(100, 4, 40));
        inspect::StateImage image = two(8, 40);
        tally.complete(image);
        EXPECT_EQ(image.coroutines[0].woken_by, 40U);
        EXPECT_EQ(image.coroutines[0].woken_ticks, 300U);
        EXPECT_EQ(image.coroutines[0].woken_cause, wire::WakeCause::kCoroutine);
    }
}

TEST(Tally, a_waker_that_was_there_before_anybody_listened_is_named_by_the_image) {
    Tally tally;
    tally.take(resumed(200, 4, 40));
    tally.take(woken(300, 3, 8, 4));
    inspect::StateImage image = two(8, 40);
    tally.complete(image);
    EXPECT_EQ(image.coroutines[0].woken_by, 40U);
    inspect::StateImage another = two(8, 41);
    tally.complete(another);
    EXPECT_EQ(another.coroutines[0].woken_by, 0U) << "that one is not who ran there";
}

TEST(Tally, who_follows_at_the_wakers_index_is_not_the_waker) {
    Tally tally;
    tally.take(spawned_as(100, 4, 40));
    tally.take(resumed(200, 4, 40));
    tally.take(woken(300, 3, 8, 4));
    tally.take(spawned_as(400, 4, 41));
    tally.take(resumed(500, 4, 41));
    tally.take(event(wire::EventType::kResume, 600, 3, 9));
    inspect::StateImage image = two(9, 41);
    tally.complete(image);
    EXPECT_EQ(image.coroutines[0].woken_by, 40U);
}

TEST(Tally, a_wake_up_that_the_image_has_not_seen_is_not_told) {
    Tally tally;
    tally.take(woken(300, 3, 8, 4));
    inspect::StateImage before = two(6, 40);
    tally.complete(before);
    EXPECT_EQ(before.coroutines[0].woken_ticks, 0U);
    inspect::StateImage somebody_else = two(8, 40);
    tally.take(spawned_as(400, 3, 31));
    tally.complete(somebody_else);
    EXPECT_EQ(somebody_else.coroutines[0].woken_ticks, 0U);
}

TEST(Tally, while_a_later_wake_up_may_not_have_been_read_nobody_is_named) {
    Tally tally;
    const auto ticks_at = [&tally](std::uint32_t sequence) {
        inspect::StateImage image = two(sequence, 40);
        tally.complete(image);
        return image.coroutines[0].woken_ticks;
    };
    tally.take(woken(300, 3, 8, 4));
    tally.take(event(wire::EventType::kResume, 310, 3, 9));
    tally.take(suspend(320, 3, 10, 0x401000));
    EXPECT_EQ(ticks_at(10), 300U);
    EXPECT_EQ(ticks_at(12), 0U) << "it was woken, or ran, since: the event is still in its ring";
    tally.take(event(wire::EventType::kResume, 410, 3, 13));
    EXPECT_EQ(ticks_at(13), 0U) << "the wake-up stands in another worker's ring";
    tally.take(woken(400, 3, 12, 4));
    EXPECT_EQ(ticks_at(13), 400U);
    tally.take(suspend(420, 3, 14, 0x401000));
    tally.take(suspend(440, 3, 16, 0x401000));  // the resume between the two is lost
    EXPECT_EQ(ticks_at(16), 0U);
    tally.take(woken(500, 3, 18, 4));
    EXPECT_EQ(ticks_at(18), 500U);
}

wire::DecodedEvent spawn(std::uint64_t tsc, std::uint32_t coroutine, std::uint32_t site) {
    wire::DecodedEvent e = event(wire::EventType::kSpawn, tsc, coroutine, 0);
    e.argument = site;
    return e;
}
wire::DecodedEvent migrate(std::uint64_t tsc, std::uint32_t coroutine, wire::MigrationForm form,
                           wire::SizeClass from, wire::SizeClass to, std::uint32_t bytes) {
    wire::DecodedEvent e = event(wire::EventType::kMigrate, tsc, coroutine, 0);
    e.argument = static_cast<std::uint32_t>(from) | static_cast<std::uint32_t>(to) << 8 |
                 static_cast<std::uint32_t>(form) << 16;
    e.ext48[0] = 0x401000 + bytes;
    e.ext64[0] = bytes | std::uint64_t{77} << 32;
    return e;
}
constexpr auto kMicro = wire::SizeClass::kMicro, kSmall = wire::SizeClass::kSmall,
               kMedium = wire::SizeClass::kMedium;

TEST(Tally, stacks_that_grew_are_counted_by_site_and_form_and_the_last_is_kept) {
    Tally tally;
    tally.take(spawn(100, 1, 40));
    tally.take(spawn(101, 2, 41));
    tally.take(migrate(200, 1, wire::MigrationForm::kSegment, kMicro, kSmall, 512));
    tally.take(migrate(260, 1, wire::MigrationForm::kSegment, kSmall, kMedium, 4000));
    tally.take(migrate(250, 1, wire::MigrationForm::kWish, kMicro, kSmall,
                       9));  // of another ring: older, read later
    tally.take(migrate(300, 2, wire::MigrationForm::kInPlace, kMedium, kMedium, 8));
    inspect::StateImage image;
    tally.complete(image);
    ASSERT_EQ(image.migrations.size(), 2U);
    const inspect::SiteMigrationsImage& row = *image.migrations_of(40);
    EXPECT_EQ(row.segments, 2U);
    EXPECT_EQ(row.wishes, 1U);
    EXPECT_EQ(row.in_place, 0U);
    EXPECT_EQ(row.last_ticks, 260U);
    EXPECT_EQ(row.last_from, kSmall);
    EXPECT_EQ(row.last_to, kMedium);
    EXPECT_EQ(row.last_bytes, 4000U);
    EXPECT_EQ(row.last_cost_ticks, 77U);
    EXPECT_EQ(image.migrations_of(41)->in_place, 1U);
    EXPECT_EQ(image.migrations_of(42), nullptr);
    EXPECT_THAT(tally.take_new_pcs(), testing::Contains(0x401000U + 4000)) << "its name is wanted";
}

TEST(Tally, a_migration_finds_its_site_whatever_was_seen_of_the_spawn) {
    const auto grow = [](Tally& tally, std::uint64_t tsc, std::uint32_t coroutine) {
        tally.take(migrate(tsc, coroutine, wire::MigrationForm::kSegment, kMicro, kSmall, 1));
    };
    inspect::StateImage image;
    Tally late;  // the spawn's ring is read after
    grow(late, 200, 1);
    late.take(spawn(100, 1, 40));
    late.complete(image);
    ASSERT_NE(image.migrations_of(40), nullptr);
    Tally none;  // it was there before anybody listened
    grow(none, 200, 1);
    none.complete(image);
    ASSERT_NE(image.migrations_of(wire::kNone), nullptr) << "no site in particular, so far";
    image.coroutines.resize(1);
    image.coroutines[0].index = 1;
    image.coroutines[0].site = 43;
    image.index();
    none.complete(image);
    EXPECT_EQ(image.migrations_of(43)->segments, 1U);
    EXPECT_EQ(image.migrations_of(wire::kNone), nullptr);
    Tally gone;  // and ended before an image showed it
    grow(gone, 200, 1);
    gone.take(spawn(300, 1, 44));
    image.coroutines.clear();
    image.index();
    gone.complete(image);
    EXPECT_EQ(image.migrations_of(wire::kNone)->segments, 1U);
    EXPECT_EQ(image.migrations_of(44), nullptr);
}

}  // namespace
}  // namespace coroscope::traces
