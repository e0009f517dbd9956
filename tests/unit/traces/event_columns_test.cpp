// Columns of events: whatever slots go in come out, two columns say the same as all of them, and what repeats takes hardly any bytes.
#include "traces/event_columns.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <set>

#include "instrumentation/wire/event_decoder.h"
#include "synthetic_trace.h"
#include "traces/column_scan.h"
#include "traces/event_buckets.h"
#include "traces/packing.h"
#include "traces/ring_log.h"
#include "traces/slot_codec.h"
#include "traces/trace_reader.h"
#include "traces/value_stream.h"

namespace coroscope::traces {
namespace {

using wire::EventSlot;
using wire::EventType;

constexpr std::uint64_t kBegin = 1'000'000'000;

ChunkHeader header_of(const EncodedColumns& encoded, std::uint64_t context_ticks) {
    ChunkHeader header{};
    header.payload_bytes = encoded.payload.size();
    header.payload_hash = checksum(encoded.payload.data(), kColumnsHeadBytes);
    header.context_ticks = context_ticks;
    return header;
}

void expect_same(const std::vector<EventSlot>& slots, const std::vector<EventSlot>& decoded) {
    ASSERT_EQ(decoded.size(), slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        ASSERT_EQ(decoded[i].word0, slots[i].word0 & ~0xffULL) << "slot " << i;
        ASSERT_EQ(decoded[i].word1, slots[i].word1) << "slot " << i;
    }
}

std::vector<EventSlot> busy_ring(int steps) {
    SyntheticProgram program(2);
    for (int i = 0; i < steps; ++i)
        program.step(static_cast<std::uint16_t>(i * 7919 + i / 3));
    return program.ring(0);
}

TEST(EventColumns, what_a_program_emitted_comes_back_however_it_is_packed) {
    const std::vector<EventSlot> slots = busy_ring(4000);
    for (const Compression wish : {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
        const auto encoded = encode_event_columns(slots, kBegin, wish);
        ASSERT_TRUE(encoded.has_value());
        const auto decoded = decode_event_columns(header_of(*encoded, kBegin), encoded->payload);
        ASSERT_TRUE(decoded.ok()) << decoded.error().message;
        expect_same(slots, *decoded);
        EXPECT_TRUE(event_columns_whole(header_of(*encoded, kBegin), encoded->payload));
    }
}

// Of arbitrary bits: mostly heads of a few types with EXT slots behind some of them, as columns want it, now and then not.
std::vector<EventSlot> arbitrary_slots() {
    std::vector<EventSlot> slots;
    const auto words = *rc::gen::arbitrary<std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint8_t>>>();
    for (const auto& [first, second, choice] : words) {
        const auto type = choice % 3 == 0 && !slots.empty() ? EventType::kExt : static_cast<EventType>(choice);
        slots.push_back(wire::make_slot(choice % 2 == 0 ? first : first & 0xffff, type, 0, second));
    }
    return slots;
}

RC_GTEST_PROP(EventColumns, arbitrary_slots_come_back_or_are_refused, ()) {
    const std::vector<EventSlot> slots = arbitrary_slots();
    const auto encoded = encode_event_columns(slots, kBegin, Compression::kLz4);
    if (!encoded) return;
    const auto decoded = decode_event_columns(header_of(*encoded, kBegin), encoded->payload);
    RC_ASSERT(decoded.ok());
    RC_ASSERT(decoded->size() == slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        RC_ASSERT((*decoded)[i].word0 == slots[i].word0);
        RC_ASSERT((*decoded)[i].word1 == slots[i].word1);
    }
}

// Whatever they are, a file gives them back: as columns, or as slots where they make none.
RC_GTEST_PROP(EventColumns, arbitrary_slots_come_back_from_a_file, (bool hurry)) {
    const TemporaryPath file("arbitrary");
    EventsChunk chunk;
    chunk.ring = 0;
    chunk.slots = arbitrary_slots();
    {
        auto writer = TraceWriter::create(file.path(), synthetic_meta());
        RC_ASSERT(writer.ok());
        RC_ASSERT((*writer)->add_events(chunk, hurry).ok());
        RC_ASSERT((*writer)->add_keyframe(SyntheticProgram(1).truth()).ok());
    }
    const auto reader = TraceReader::open(file.path());
    RC_ASSERT(reader.ok());
    const auto decoded = (*reader)->read_events((*reader)->chunks()[(*reader)->events()[0]]);
    RC_ASSERT(decoded.ok());
    RC_ASSERT(decoded->size() == chunk.slots.size());
    for (std::size_t i = 0; i < decoded->size(); ++i) {
        RC_ASSERT((*decoded)[i].word0 == chunk.slots[i].word0);
        RC_ASSERT((*decoded)[i].word1 == chunk.slots[i].word1);
    }
}

TEST(EventColumns, slots_that_make_no_events_are_refused) {
    const EventSlot event = wire::make_slot(kBegin, EventType::kWake, 0, 0);
    const EventSlot ext = wire::make_slot(1, EventType::kExt, 0, 2);
    const auto refused = [](const std::vector<EventSlot>& slots) {
        return !encode_event_columns(slots, kBegin, Compression::kLz4).has_value();
    };
    EXPECT_FALSE(refused({event}));
    EXPECT_TRUE(refused({ext, event})) << "an EXT slot without its event";
    EXPECT_TRUE(refused({event, ext, ext, ext, ext})) << "more EXT slots than any event has";
    // A SYNC 2^47 ticks later says another full stamp than the differences of 48 bits do.
    const EventSlot sync = wire::make_slot(kBegin + 5, EventType::kSync, 0, 0);
    EXPECT_FALSE(refused({event, sync, wire::make_slot(0, EventType::kExt, 0, kBegin + 5)}));
    EXPECT_TRUE(refused({event, sync, wire::make_slot(0, EventType::kExt, 0, kBegin + 5 + (1ULL << 48))}));
    std::vector<EventSlot> kinds;
    for (unsigned type = 2; type < 258; ++type)
        kinds.push_back(wire::make_slot(kBegin, static_cast<EventType>(type == 257 ? 0 : type), 0, 0));
    EXPECT_FALSE(refused(kinds)) << "255 kinds are few enough";
    kinds.insert(kinds.end(), {event, ext});
    EXPECT_TRUE(refused(kinds)) << "more kinds than a byte names";
}

// Two coroutines that hand over to each other: nothing but the stamps is news.
TEST(EventColumns, what_repeats_takes_hardly_any_bytes) {
    std::vector<EventSlot> slots;
    std::uint32_t sequence[2] = {8, 8};
    std::uint64_t now = kBegin;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        const std::uint32_t who = i % 2;
        now += 100 + i * 7919 % 50;
        sequence[who] += 2;
        slots.push_back(wire::make_slot(now, EventType::kResume, 0,
                                        wire::make_word1(40 + who, wire::pack24(sequence[who], 7))));
        sequence[who] += 2;
        slots.push_back(wire::make_slot(now + 60, EventType::kSuspend, 0,
                                        wire::make_word1(3, wire::pack24(sequence[who], 2))));
        slots.push_back(wire::make_slot(0x55aa00401000 + who * 0x40, EventType::kExt, 0, 0));
    }
    const auto encoded = encode_event_columns(slots, kBegin, Compression::kLz4);
    ASSERT_TRUE(encoded.has_value());
    ColumnEntry entries[kColumnsCount];
    std::memcpy(entries, encoded->payload.data() + sizeof(ColumnsHead), sizeof entries);
    for (const Column column :
         {Column::kKind, Column::kObject, Column::kArgument, Column::kExt48, Column::kExt64})
        EXPECT_LT(entries[static_cast<std::size_t>(column)].stored_bytes, 40'000U / 50)
            << static_cast<int>(column);
    const auto decoded = decode_event_columns(header_of(*encoded, kBegin), encoded->payload);
    ASSERT_TRUE(decoded.ok());
    expect_same(slots, *decoded);
}

TEST(EventColumns, damage_in_one_column_costs_that_column) {
    const std::vector<EventSlot> slots = busy_ring(3000);
    const auto encoded = encode_event_columns(slots, kBegin, Compression::kLz4);
    ASSERT_TRUE(encoded.has_value());
    Bytes damaged = encoded->payload;
    damaged.back() ^= 1;
    const ChunkHeader header = header_of(*encoded, kBegin);
    EXPECT_FALSE(decode_event_columns(header, damaged).ok());
    EXPECT_FALSE(event_columns_whole(header, damaged));
    ColumnScanner scanner;
    EXPECT_TRUE(scanner.scan(header, BytesView(damaged).first(encoded->scan_bytes)).ok());
    damaged[encoded->scan_bytes - 1] ^= 1;
    EXPECT_FALSE(scanner.scan(header, BytesView(damaged).first(encoded->scan_bytes)).ok());
}

TEST(ColumnScan, it_sees_the_events_that_decoding_sees) {
    SyntheticProgram program(2);
    for (std::uint32_t i = 0; i < 12000; ++i)
        program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
    const TemporaryPath file("scan");
    write_synthetic_trace(file.path(), program, {program.truth()}, 300);  // some chunks columns, some slots
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    std::vector<std::pair<std::uint64_t, EventType>> decoded;
    std::set<EventsLayout> layouts;
    for (const std::uint32_t position : (*reader)->events()) {
        const ChunkRef& chunk = (*reader)->chunks()[position];
        layouts.insert(chunk.header.layout);
        const auto slots = (*reader)->read_events(chunk);
        ASSERT_TRUE(slots.ok());
        wire::EventDecoder decoder;
        decoder.seed(chunk.header.context_ticks, chunk.header.context_current,
                     chunk.header.context_known != 0);
        decoder.feed(*slots,
                     [&](const wire::DecodedEvent& event) { decoded.emplace_back(event.tsc, event.type); });
    }
    EXPECT_EQ(layouts, (std::set{EventsLayout::kColumns, EventsLayout::kSlots}));
    std::vector<std::pair<std::uint64_t, EventType>> scanned;
    ColumnScan scan(**reader);
    scan.for_each([&](std::uint64_t ticks, EventType type) { scanned.emplace_back(ticks, type); });
    EXPECT_EQ(scanned, decoded);
    EXPECT_TRUE(scan.losses().empty());
    // A part of the time: those of the whole that lie in it.
    const std::uint64_t from = decoded[decoded.size() / 3].first;
    const std::uint64_t to = decoded[decoded.size() / 2].first;
    std::size_t inside = 0;
    for (const auto& [ticks, type] : decoded)
        inside += ticks >= from && ticks <= to ? 1 : 0;
    std::size_t seen = 0;
    ColumnScan(**reader, from, to).for_each([&](std::uint64_t, EventType) { ++seen; });
    EXPECT_EQ(seen, inside);
    EXPECT_GT(inside, 100U);
}

TEST(EventBuckets, they_count_the_programs_events_by_time) {
    SyntheticProgram program(1);
    for (std::uint32_t i = 0; i < 12000; ++i)
        program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
    const TemporaryPath file("buckets");
    write_synthetic_trace(file.path(), program, {program.truth()}, 300);
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    std::size_t compared = 0;
    for (const std::uint32_t position : (*reader)->events()) {
        const ChunkRef& chunk = (*reader)->chunks()[position];
        if (chunk.buckets.empty()) continue;
        ASSERT_EQ(chunk.buckets.size(), kTimeBuckets);
        std::vector<std::uint16_t> counted(kTimeBuckets);
        const unsigned shift = bucket_shift(chunk.header.ticks_min, chunk.header.ticks_max);
        ColumnScan(**reader, chunk.header.ticks_min, chunk.header.ticks_max)
            .for_each_chunk([&](const ChunkRef& seen, auto ticks, auto types) {
                for (std::size_t i = 0; seen.offset == chunk.offset && i < ticks.size(); ++i) {
                    if (!is_bookkeeping(types[i])) ++counted.at((ticks[i] - chunk.header.ticks_min) >> shift);
                }
            });
        EXPECT_EQ(std::vector<std::uint16_t>(chunk.buckets.begin(), chunk.buckets.end()), counted);
        ++compared;
    }
    EXPECT_GT(compared, 1U);
}

RC_GTEST_PROP(ValueStream, values_of_every_length_come_back,
              (const std::vector<std::pair<std::uint64_t, std::uint8_t>>& some)) {
    ValueWriter<0x8410> writer;
    writer.begin(some.size());
    std::vector<std::uint64_t> values;
    for (const auto& [bits, length] : some)
        values.push_back(bits & value_mask(length % 9));
    for (const std::uint64_t value : values)
        writer.put(value);
    Bytes bytes;
    writer.append_to(bytes);
    const std::size_t length = bytes.size();
    bytes.resize(length + kValueSlackBytes);
    ValueReader<0x8410> reader;
    RC_ASSERT(reader.begin(BytesView(bytes).first(length), values.size()));
    std::vector<std::uint64_t> together(values.size() + 4);
    reader.all(values.size(), together.data());
    together.resize(values.size());
    RC_ASSERT(together == values);
    for (const std::uint64_t value : values) {
        unsigned value_class = 0;
        RC_ASSERT(reader.next(value_class) == value);
    }
    if (length > 0)
        RC_ASSERT(!ValueReader<0x8410>().begin(BytesView(bytes).first(length - 1), values.size()));
    RC_ASSERT(!ValueReader<0x8410>().begin(BytesView(bytes).first(length + 1), values.size()));
}

TEST(SlotCodec, slots_as_they_lay_in_the_ring_lose_their_lap) {
    const EventSlot slot = wire::make_slot(kBegin, EventType::kWake, 77, 5);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&slot);
    std::vector<EventSlot> slots;
    ASSERT_TRUE(copy_slots({bytes, sizeof slot}, slots).ok());
    expect_same({slot}, slots);
    EXPECT_FALSE(copy_slots({bytes, sizeof slot - 1}, slots).ok());
    EXPECT_FALSE(copy_slots(Bytes((kChunkSlotsMax + 1) * sizeof slot), slots).ok());
}

}  // namespace
}  // namespace coroscope::traces
