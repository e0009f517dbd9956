// Reading rings whose bytes the test lays out by hand: laps, gaps, foreign slots, and headers that lie.
#include "instrumentation/wire/ring_reader.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "instrumentation/wire/segment.h"

namespace coroscope::wire {
namespace {

constexpr std::uint32_t kSlots = 4 * kRingBlockBytes / kEventSlotBytes;

// A ring segment with one ring, and a writer that stores whatever the test says.
class HandMadeRing {
public:
    HandMadeRing() : bytes_(kRingDirectoryBytes + kPageBytes + kSlots * kEventSlotBytes) {
        data_.reset(static_cast<std::byte*>(std::aligned_alloc(kPageBytes, bytes_)));
        std::memset(data_.get(), 0, bytes_);
        header().magic = kRingMagic;
        header().version_major = kWireMajor;
        header().rings_max = kRingsMax;
        header().rings_count = 1;
        RingEntry& entry = header().rings[0];
        entry.owner = static_cast<std::uint32_t>(RingOwner::kWorker);
        entry.owner_index = 3;
        entry.thread_id = 1234;
        entry.header_offset = kRingDirectoryBytes;
        entry.slots = kSlots;
    }
    RingSegmentHeader& header() { return *reinterpret_cast<RingSegmentHeader*>(data_.get()); }
    RingHeader& ring() { return *reinterpret_cast<RingHeader*>(data_.get() + kRingDirectoryBytes); }
    EventSlot& slot(std::uint64_t position) {
        auto* slots = reinterpret_cast<EventSlot*>(data_.get() + kRingDirectoryBytes + kPageBytes);
        return slots[position % kSlots];
    }
    void write_until(std::uint64_t head) {
        for (std::uint64_t p = ring().head; p < head; ++p) {
            slot(p) = make_slot(p, EventType::kWake, ring_lap(p, kSlots), p);
        }
        ring().head = head;
    }
    const std::byte* data() const { return data_.get(); }
    std::uint64_t bytes() const { return bytes_; }
    RingSegmentView view() const { return RingSegmentView::open(data(), bytes()).value(); }

private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::uint64_t bytes_;
    std::unique_ptr<std::byte, Free> data_;
};

TEST(ring_reader, slots_come_out_once_in_order_and_in_pieces_of_any_size) {
    HandMadeRing made;
    made.write_until(1000);
    RingReader reader(0);
    std::vector<EventSlot> out(300);
    std::uint64_t next = 0;
    for (;;) {
        const RingBatch batch = reader.read(made.view().ring(0), out);
        if (batch.accepted == 0) break;
        EXPECT_EQ(batch.first_position, next);
        EXPECT_EQ(batch.skipped, 0U);
        for (std::uint64_t i = 0; i < batch.accepted; ++i)
            ASSERT_EQ(out[i].word1, next++);
    }
    EXPECT_EQ(next, 1000U);
    EXPECT_EQ(reader.position(), 1000U);
    made.write_until(1001);
    EXPECT_EQ(reader.read(made.view().ring(0), out).accepted, 1U);
}

TEST(ring_reader, a_lapped_reader_counts_what_it_missed_and_goes_on_at_a_block) {
    HandMadeRing made;
    made.write_until(10 * std::uint64_t{kSlots} + 17);
    RingReader reader(0);
    std::vector<EventSlot> out(64);
    const RingBatch batch = reader.read(made.view().ring(0), out);
    ASSERT_EQ(batch.accepted, 64U);
    EXPECT_GT(batch.skipped, 9 * std::uint64_t{kSlots});
    EXPECT_EQ(batch.first_position, batch.skipped);
    EXPECT_EQ(batch.first_position % (kRingBlockBytes / kEventSlotBytes), 0U);
    EXPECT_EQ(out[0].word1, batch.first_position);
    EXPECT_EQ(reader.accepted() + reader.overtaken() + reader.foreign(), reader.position());
    EXPECT_EQ(reader.foreign(), 0U);
}

TEST(ring_reader, a_full_ring_is_read_whole_and_one_slot_more_is_a_lap) {
    std::vector<EventSlot> out(kSlots);
    HandMadeRing full;
    full.write_until(ring_usable_slots(kSlots));
    RingReader reader(0);
    EXPECT_EQ(reader.read(full.view().ring(0), out).accepted, ring_usable_slots(kSlots));
    EXPECT_EQ(reader.overtaken(), 0U);

    HandMadeRing lapped;
    lapped.write_until(ring_usable_slots(kSlots) + 1);
    RingReader late(0);
    late.read(lapped.view().ring(0), out);
    EXPECT_GT(late.overtaken(), 0U);
}

TEST(ring_reader, a_slot_of_another_lap_is_never_accepted) {
    HandMadeRing made;
    made.write_until(100);
    made.slot(40).word0 ^= 1;  // lap 1 where lap 0 should be
    made.slot(41).word0 ^= 1;
    RingReader reader(0);
    std::vector<EventSlot> out(200);
    EXPECT_EQ(reader.read(made.view().ring(0), out).accepted, 40U);
    const RingBatch rest = reader.read(made.view().ring(0), out);
    EXPECT_EQ(rest.skipped, 2U);
    EXPECT_EQ(rest.first_position, 42U);
    EXPECT_EQ(rest.accepted, 58U);
    EXPECT_EQ(out[0].word1, 42U);
    EXPECT_EQ(reader.foreign(), 2U);
    EXPECT_EQ(reader.accepted() + reader.foreign(), reader.position());
}

TEST(ring_reader, a_head_that_goes_backwards_gives_nothing) {
    HandMadeRing made;
    made.write_until(100);
    RingReader reader(0);
    std::vector<EventSlot> out(200);
    reader.read(made.view().ring(0), out);
    made.ring().head = 3;
    EXPECT_EQ(reader.read(made.view().ring(0), out).accepted, 0U);
    EXPECT_EQ(reader.position(), 100U);
}

TEST(ring_reader, the_tail_it_publishes_is_its_position) {
    HandMadeRing made;
    made.write_until(100);
    auto page = std::make_unique<ReaderPage>();
    RingReader reader(0);
    std::vector<EventSlot> out(60);
    reader.read(made.view().ring(0), out);
    reader.publish_tail(*page);
    EXPECT_EQ(page->lines[0].tail.load(), 60U);
    EXPECT_EQ(reader.skip_to_head(made.view().ring(0)), 100U);
    RingReader(kRingsMax).publish_tail(*page);  // out of range: nothing happens
}

TEST(ring_segment_view, another_version_is_refused_with_the_side_to_upgrade) {
    HandMadeRing made;
    made.header().version_major = kWireMajor + 1;
    const auto newer = RingSegmentView::open(made.data(), made.bytes());
    ASSERT_FALSE(newer.ok());
    EXPECT_EQ(newer.error().code, base::ErrorCode::kVersion);
    EXPECT_NE(newer.error().message.find("upgrade coroscope"), std::string::npos);
    made.header().version_major = kWireMajor - 1;
    const auto older = RingSegmentView::open(made.data(), made.bytes());
    ASSERT_FALSE(older.ok());
    EXPECT_NE(older.error().message.find("upgrade the runtime"), std::string::npos);
    made.header().magic = 5;
    EXPECT_EQ(RingSegmentView::open(made.data(), made.bytes()).error().code, base::ErrorCode::kCorrupt);
    EXPECT_FALSE(RingSegmentView::open(made.data(), 100).ok());
}

TEST(ring_segment_view, a_ring_that_reaches_past_the_mapping_says_how_much_it_needs) {
    HandMadeRing made;
    const auto view = RingSegmentView::open(made.data(), kRingDirectoryBytes).value();
    std::uint64_t needs = 0;
    EXPECT_EQ(view.ring(0, &needs).slots_count, 0U);
    EXPECT_EQ(needs, made.bytes());
    EXPECT_EQ(made.view().ring(0, &needs).slots_count, kSlots);
    EXPECT_EQ(needs, 0U);
    EXPECT_EQ(made.view().ring(0).owner_index, 3U);
    EXPECT_EQ(made.view().ring(0).thread_id, 1234U);
    EXPECT_EQ(made.view().ring(1).slots_count, 0U);
}

TEST(ring_segment_view, entries_that_lie_are_not_followed) {
    HandMadeRing made;
    RingEntry& entry = made.header().rings[0];
    for (const std::uint32_t slots : {0U, 3U, 4U, kSlots + 1, 1U << 31, ~0U}) {
        entry.slots = slots;
        EXPECT_EQ(made.view().ring(0).slots_count, 0U) << slots;
    }
    entry.slots = kSlots;
    for (const std::uint64_t offset : {0ULL, 8ULL, 4096ULL, 12289ULL, ~0ULL, ~0ULL - 4095, 1ULL << 63}) {
        entry.header_offset = offset;
        EXPECT_EQ(made.view().ring(0).slots_count, 0U) << offset;
    }
    made.header().rings_count = 0xffffffff;
    EXPECT_EQ(made.view().rings_count(), kRingsMax);
}

// Bytes from nowhere: whatever they say, reading ends, stays inside (the sanitizers watch) and the account is right.
TEST(ring_reader, random_bytes_never_lead_outside) {
    std::mt19937_64 random(20);
    HandMadeRing made;
    std::vector<EventSlot> out(1000);
    for (int round = 0; round < 200; ++round) {
        auto* words = reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(made.data()));
        for (int i = 0; i < 200; ++i)
            words[random() % (made.bytes() / 8)] = random();
        made.ring().head = round % 3 == 0 ? random() : random() % (3 * kSlots);
        made.header().magic = kRingMagic;
        made.header().version_major = kWireMajor;
        const auto view = RingSegmentView::open(made.data(), made.bytes()).value();
        RingReader reader(0);
        for (std::uint32_t ring = 0; ring < view.rings_count(); ++ring) {
            for (int i = 0; i < 20; ++i)
                reader.read(view.ring(ring), out);
        }
        EXPECT_EQ(reader.accepted() + reader.overtaken() + reader.foreign(), reader.position());
    }
}

}  // namespace
}  // namespace coroscope::wire
