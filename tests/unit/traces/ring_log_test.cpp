// From drained slots to chunks: chunks decode by themselves, end between groups, do not span gaps, and count what is in them.
#include "traces/ring_log.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "synthetic_trace.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

struct Seen {
    std::uint64_t tsc;
    wire::EventType type;
    std::uint32_t object, argument, current;
    std::uint64_t word;
    bool operator==(const Seen&) const = default;
};

void decode(std::span<const wire::EventSlot> slots, wire::EventDecoder& decoder, std::vector<Seen>& seen) {
    decoder.feed(slots, [&](const wire::DecodedEvent& e) {
        seen.push_back({e.tsc, e.type, e.object, e.argument, e.current, e.ext64[0]});
    });
}

std::vector<Seen> decode_whole(const std::vector<wire::EventSlot>& slots) {
    wire::EventDecoder decoder;
    decoder.seed(1'000'000'000, wire::kNone, false);
    std::vector<Seen> seen;
    decode(slots, decoder, seen);
    return seen;
}

// Each chunk from its own context alone.
std::vector<Seen> decode_chunks(const TraceReader& reader) {
    std::vector<Seen> seen;
    for (const std::uint32_t position : reader.events()) {
        const ChunkRef& chunk = reader.chunks()[position];
        const auto slots = reader.read_events(chunk);
        EXPECT_TRUE(slots.ok());
        EXPECT_EQ(slots->size(), chunk.header.slots_count);
        wire::EventDecoder decoder;
        decoder.seed(chunk.header.context_ticks, chunk.header.context_current,
                     chunk.header.context_known != 0);
        const std::size_t before = seen.size();
        decode(*slots, decoder, seen);
        EXPECT_EQ(decoder.undecodable(), 0U) << "a chunk cut a group";
        EXPECT_EQ(seen.size() - before, chunk.header.events_count);
        std::uint64_t counted = 0;
        for (const TypeCount& row : chunk.counts)
            counted += row.count;
        EXPECT_EQ(counted, chunk.header.events_count);
        EXPECT_GE(seen[before].tsc, chunk.header.ticks_min);
        EXPECT_LE(seen.back().tsc, chunk.header.ticks_max);
    }
    return seen;
}

TEST(RingLog, chunks_decode_by_themselves_however_the_slots_arrived) {
    SyntheticProgram program(1);
    // More than two full chunks of one ring.
    for (std::uint32_t i = 0; program.ring(0).size() < 150'000; ++i)
        program.step(static_cast<std::uint16_t>(i * 40503U >> 3));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{997}, std::size_t{200'000}}) {
        const TemporaryPath file("pieces");
        auto writer = TraceWriter::create(file.path(), synthetic_meta());
        ASSERT_TRUE(writer.ok());
        RingLog log(0, 1'000'000'000, writer->get(), nullptr);
        const auto& slots = program.ring(0);
        for (std::size_t at = 0; at < slots.size(); at += piece) {
            ASSERT_TRUE(
                log.take(std::span(slots).subspan(at, std::min(piece, slots.size() - at)), at, 0, false).ok());
        }
        ASSERT_TRUE(log.flush(false).ok());
        ASSERT_TRUE((*writer)->add_keyframe(program.truth()).ok());
        const auto reader = TraceReader::open(file.path());
        ASSERT_TRUE(reader.ok());
        EXPECT_EQ((*reader)->events().size(), 3U);
        EXPECT_EQ(decode_chunks(**reader), decode_whole(slots));
    }
}

TEST(RingLog, a_gap_ends_a_chunk_and_is_counted) {
    SyntheticProgram program(1);
    for (std::uint16_t i = 0; i < 3000; ++i)
        program.step(static_cast<std::uint16_t>(i * 31));
    const auto& slots = program.ring(0);
    ASSERT_GT(slots.size(), 1000U);
    const TemporaryPath file("gap");
    auto writer = TraceWriter::create(file.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    RingLog log(0, 1'000'000'000, writer->get(), nullptr);
    ASSERT_TRUE(log.take(std::span(slots).first(400), 0, 0, false).ok());
    ASSERT_TRUE(log.take(std::span(slots).subspan(500), 500, 100, false).ok());
    ASSERT_TRUE(log.flush(false).ok());
    ASSERT_TRUE((*writer)->add_keyframe(program.truth()).ok());
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    ASSERT_EQ((*reader)->events().size(), 2U);
    const ChunkHeader& second = (*reader)->chunks()[(*reader)->events()[1]].header;
    EXPECT_EQ(second.first_position, 500U);
    EXPECT_EQ(second.lost_count, 100U);
    EXPECT_EQ(second.context_known, 0U);
    EXPECT_NE(second.lost_since_ticks, 0U);
    EXPECT_EQ(log.overtaken(), 100U);
}

TEST(RingLog, a_ring_that_changes_hands_begins_a_new_chunk) {
    SyntheticProgram program(1);
    for (std::uint16_t i = 0; i < 500; ++i)
        program.step(static_cast<std::uint16_t>(i * 31));
    const std::span<const wire::EventSlot> slots(program.ring(0));
    const TemporaryPath file("owner");
    auto writer = TraceWriter::create(file.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    RingLog log(0, 1'000'000'000, writer->get(), nullptr);
    ASSERT_TRUE(log.set_owner(wire::RingOwner::kWorker, 3).ok());
    ASSERT_TRUE(log.take(slots.first(100), 0, 0, false).ok());
    ASSERT_TRUE(
        log.set_owner(wire::RingOwner::kFree, 0).ok());  // its thread ended; what it left is still its own
    ASSERT_TRUE(log.take(slots.subspan(100, 100), 100, 0, false).ok());
    ASSERT_TRUE(log.set_owner(wire::RingOwner::kThread, 9).ok());
    ASSERT_TRUE(log.take(slots.subspan(200), 200, 0, false).ok());
    ASSERT_TRUE(log.flush(false).ok());
    ASSERT_TRUE((*writer)->add_keyframe(program.truth()).ok());
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    ASSERT_EQ((*reader)->events().size(), 2U);
    const ChunkHeader& first = (*reader)->chunks()[(*reader)->events()[0]].header;
    const ChunkHeader& second = (*reader)->chunks()[(*reader)->events()[1]].header;
    EXPECT_EQ(first.owner, static_cast<std::uint32_t>(wire::RingOwner::kWorker));
    EXPECT_EQ(first.owner_index, 3U);
    EXPECT_EQ(second.owner, static_cast<std::uint32_t>(wire::RingOwner::kThread));
    EXPECT_EQ(second.owner_index, 9U);
}

TEST(RingLog, accepted_and_dropped_are_what_was_emitted) {
    EXPECT_TRUE(rc::check("accepted + dropped = emitted, by type", [] {
        SyntheticProgram program(1);
        const auto steps = *rc::gen::resize(
            400, rc::gen::container<std::vector<std::uint16_t>>(rc::gen::arbitrary<std::uint16_t>()));
        for (std::size_t i = 0; i < steps.size(); ++i) {
            if (i == steps.size() / 3) program.drop_events(0);
            if (i == steps.size() / 2) program.keep_events(0);
            program.step(steps[i]);
        }
        RingLog log(0, 1'000'000'000, nullptr, nullptr);
        RC_ASSERT(log.take(program.ring(0), 0, 0, false).ok());
        for (const auto& [type, emitted] : program.emitted(0)) {
            const auto dropped = program.dropped(0).find(type);
            const std::uint64_t lost = dropped == program.dropped(0).end() ? 0 : dropped->second;
            RC_ASSERT(log.accepted()[static_cast<std::size_t>(type)] + lost == emitted);
        }
    }));
}

}  // namespace
}  // namespace coroscope::traces
