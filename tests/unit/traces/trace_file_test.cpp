// Trace files: what was written comes back; what is cut off, damaged, of another version or no trace at all is told apart.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "synthetic_trace.h"
#include "traces/replay.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

SyntheticProgram busy_program(int steps) {
    SyntheticProgram program(2);
    for (int i = 0; i < steps; ++i)
        program.step(static_cast<std::uint16_t>(i * 7919 + i / 3));
    return program;
}

inspect::StackTable two_stacks() {
    inspect::StackTable table;
    table.add({0x401000, 0x402000, 0x403000});
    table.add({0x401100, 0x403000});
    return table;
}

// A file with every kind of chunk in it.
void write_everything(const std::string& path, bool finish) {
    const SyntheticProgram program = busy_program(1500);
    auto created = TraceWriter::create(path, synthetic_meta());
    ASSERT_TRUE(created.ok());
    TraceWriter& writer = **created;
    ASSERT_TRUE(writer.add_modules({{"/bin/demo", 0x400000, 0x500000, "abcdef"}}).ok());
    for (std::size_t at = 0; at + 100 <= program.ring(0).size(); at += 100) {
        EventsChunk chunk;
        chunk.ring = 0;
        chunk.first_position = at;
        chunk.slots.assign(program.ring(0).begin() + static_cast<std::ptrdiff_t>(at),
                           program.ring(0).begin() + static_cast<std::ptrdiff_t>(at + 100));
        chunk.context_ticks = 1'000'000'000;
        chunk.ticks_min = 1'000'000'000 + at;
        chunk.ticks_max = 1'000'000'099 + at;
        chunk.counts[9] = 50;
        chunk.events_count = 50;
        ASSERT_TRUE(writer.add_events(chunk, at % 200 == 0).ok());
    }
    inspect::StateImage image = program.truth();
    inspect::HistogramImage histogram;
    histogram.kind = wire::HistogramKind::kSwitchTicks;
    histogram.samples = 3;
    histogram.buckets.resize(wire::kHistogramBuckets);
    histogram.buckets[100] = 3;
    image.histograms.push_back(histogram);
    image.handles.push_back({0, wire::kHandleSend, 3});
    image.signals.push_back({.index = 2, .name = 5, .arrived = 9, .delivered = 7, .lost = 1});
    ASSERT_TRUE(writer.add_keyframe(image).ok());
    inspect::StackSnapshot stacks;
    stacks.taken_ticks = image.read_end_ticks;
    stacks.stacks.push_back({1, 4, inspect::Consistency::kExact, inspect::UnwindEnd::kEntry, 1, 96});
    ASSERT_TRUE(writer.add_stacks(stacks, two_stacks()).ok());
    Symbols symbols;
    symbols[0x401000] = {{0x401000, "inner", "a.cpp", 3, "/bin/demo", true},
                         {0x401000, "outer", "a.cpp", 9, "/bin/demo", false}};
    ASSERT_TRUE(writer.add_symbols(symbols).ok());
    Counts counts;
    counts.mark_ticks = image.read_end_ticks;
    counts.rings.resize(1);
    counts.rings[0].owner = wire::RingOwner::kWorker;
    counts.rings[0].emitted[9] = 77;
    ASSERT_TRUE(writer.add_counts(counts).ok());
    if (!finish) return;
    ASSERT_TRUE(writer.finish({image.read_end_ticks, "the program ended", ""}).ok());
}

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
void put_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

// Reads all there is; nothing may be out of bounds (the sanitizers look on).
void read_all(const TraceReader& reader) {
    for (const ChunkRef& chunk : reader.chunks()) {
        if (chunk.header.type == ChunkType::kEvents) (void)reader.read_events(chunk).ok();
    }
    for (const std::uint32_t position : reader.stacks())
        (void)reader.read_stacks(reader.chunks()[position]).ok();
}

void expect_everything(const TraceReader& reader) {
    EXPECT_EQ(reader.meta().program, "/synthetic");
    EXPECT_EQ(reader.meta().pid, 4711U);
    ASSERT_EQ(reader.keyframes().size(), 1U);
    const auto image = reader.read_keyframe(reader.chunks()[reader.keyframes()[0]]);
    ASSERT_TRUE(image.ok()) << image.error().message;
    const SyntheticProgram program = busy_program(1500);
    const inspect::StateImage truth = program.truth();
    ASSERT_EQ(image->coroutines.size(), truth.coroutines.size());
    for (std::size_t i = 0; i < truth.coroutines.size(); ++i) {
        EXPECT_EQ(image->coroutines[i].identity, truth.coroutines[i].identity);
        EXPECT_EQ(image->coroutines[i].rip, truth.coroutines[i].rip);
        EXPECT_EQ(image->coroutines[i].since_ticks, truth.coroutines[i].since_ticks);
    }
    EXPECT_EQ(image->channels.size(), truth.channels.size());
    EXPECT_EQ(image->strings, truth.strings);
    EXPECT_EQ(image->pools[0].used(), truth.pools[0].used());
    EXPECT_EQ(image->histograms[0].buckets[100], 3U);
    EXPECT_EQ(image->handles[0].holder, 3U);
    ASSERT_EQ(image->signals.size(), 1U);
    EXPECT_EQ(image->signals[0].index, 2U);
    EXPECT_EQ(image->signals[0].waiting(), 1U);
    const auto stacks = reader.read_stacks(reader.chunks()[reader.stacks()[0]]);
    ASSERT_TRUE(stacks.ok());
    EXPECT_EQ(stacks->stacks[0].used_bytes, 96U);
    EXPECT_EQ(reader.stack_table()->pcs(stacks->stacks[0].stack),
              (std::vector<std::uint64_t>{0x401100, 0x403000}));
    EXPECT_EQ(reader.modules()[0].build_id, "abcdef");
    EXPECT_EQ(reader.symbols().at(0x401000)[0].function, "inner");
    EXPECT_TRUE(reader.symbols().at(0x401000)[0].inlined);
    EXPECT_EQ(reader.counts().back()->rings[0].emitted[9], 77U);
    std::vector<wire::EventSlot> slots;
    for (const std::uint32_t position : reader.events()) {
        const auto chunk = reader.read_events(reader.chunks()[position]);
        ASSERT_TRUE(chunk.ok());
        slots.insert(slots.end(), chunk->begin(), chunk->end());
    }
    ASSERT_GT(slots.size(), 500U);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        ASSERT_EQ(slots[i].word0, program.ring(0)[i].word0);
        ASSERT_EQ(slots[i].word1, program.ring(0)[i].word1);
    }
}

TEST(TraceFile, everything_written_comes_back) {
    const TemporaryPath file("everything");
    write_everything(file.path(), true);
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_TRUE((*reader)->complete());
    EXPECT_EQ((*reader)->end().because, "the program ended");
    EXPECT_EQ((*reader)->broken_chunks(), 0U);
    expect_everything(**reader);
}

TEST(TraceFile, a_file_without_footer_opens_by_walking) {
    const TemporaryPath file("walk");
    write_everything(file.path(), false);
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_FALSE((*reader)->complete());
    expect_everything(**reader);
}

TEST(TraceFile, wherever_it_is_cut_it_opens_up_to_the_last_whole_chunk) {
    const TemporaryPath file("cut");
    write_everything(file.path(), true);
    const std::string whole = bytes_of(file.path());
    std::size_t chunks_before = 0;
    std::size_t opened = 0;
    for (std::size_t length = 0; length < whole.size(); length += 97) {
        put_bytes(file.path(), whole.substr(0, length));
        const auto reader = TraceReader::open(file.path());
        if (!reader.ok()) {
            EXPECT_EQ(opened, 0U) << "a longer piece must not be worse than a shorter one";
            EXPECT_NE(reader.error().message.find(file.path()), std::string::npos);
            continue;
        }
        ++opened;
        EXPECT_FALSE((*reader)->complete());
        EXPECT_GE((*reader)->chunks().size(), chunks_before);
        chunks_before = (*reader)->chunks().size();
        read_all(**reader);
    }
    EXPECT_GT(opened, 10U);
}

TEST(TraceFile, a_damaged_byte_is_noticed_and_does_no_harm) {
    const TemporaryPath file("damaged");
    write_everything(file.path(), true);
    const std::string whole = bytes_of(file.path());
    for (std::size_t at = 0; at < whole.size(); at += 61) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
        put_bytes(file.path(), damaged);
        auto reader = TraceReader::open(file.path());
        if (!reader.ok()) continue;
        read_all(**reader);
        const auto replay = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
        if (replay.ok()) (void)(*replay)->moment_at((*replay)->end()).ok();
    }
}

TEST(TraceFile, a_damaged_payload_is_refused_by_name) {
    const TemporaryPath file("payload");
    write_everything(file.path(), true);
    auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    const ChunkRef chunk = (*reader)->chunks()[(*reader)->events()[3]];
    std::string bytes = bytes_of(file.path());
    bytes[chunk.payload_offset() + 20] ^= 1;
    put_bytes(file.path(), bytes);
    const auto slots = (*reader)->read_events(chunk);
    ASSERT_FALSE(slots.ok());
    EXPECT_EQ(slots.error().code, base::ErrorCode::kCorrupt);
    EXPECT_NE(slots.error().message.find("events chunk"), std::string::npos) << slots.error().message;
}

TEST(TraceFile, another_version_says_which_side_to_upgrade) {
    const TemporaryPath file("version");
    write_everything(file.path(), true);
    const std::string whole = bytes_of(file.path());
    for (const std::uint16_t major : {std::uint16_t{0}, std::uint16_t{kTraceMajor + 1}}) {
        std::string other = whole;
        std::memcpy(other.data() + 8, &major, sizeof major);
        put_bytes(file.path(), other);
        const auto reader = TraceReader::open(file.path());
        ASSERT_FALSE(reader.ok());
        EXPECT_EQ(reader.error().code, base::ErrorCode::kVersion);
        const char* side = major > kTraceMajor ? "upgrade coroscope" : "recording again";
        EXPECT_NE(reader.error().message.find(side), std::string::npos) << reader.error().message;
    }
}

TEST(TraceFile, what_is_no_trace_is_refused_in_one_sentence) {
    const TemporaryPath file("none");
    for (const std::string& bytes : {std::string(), std::string("x"), std::string(5000, 'x'),
                                     "\x89PNG\r\n\x1a\n" + std::string(32, '\0')}) {
        put_bytes(file.path(), bytes);
        const auto reader = TraceReader::open(file.path());
        ASSERT_FALSE(reader.ok());
        EXPECT_EQ(reader.error().code, base::ErrorCode::kCorrupt);
        EXPECT_NE(reader.error().message.find(file.path()), std::string::npos);
        EXPECT_EQ(reader.error().message.find('\n'), std::string::npos);
    }
    EXPECT_EQ(TraceReader::open("/nonexistent/t.coro").error().code, base::ErrorCode::kUnreadable);
    EXPECT_EQ(TraceReader::open("/tmp").error().code, base::ErrorCode::kUnreadable);
}

}  // namespace
}  // namespace coroscope::traces
