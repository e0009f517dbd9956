// Looks that are stored as what changed: read back they are the looks that were taken, and a damaged one costs only what is based on it.
#include "traces/look_delta.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "synthetic_trace.h"
#include "traces/compact.h"
#include "traces/image_codec.h"
#include "traces/trace_memory.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

constexpr std::uint32_t kCoroutines = 3000;

// Many coroutines of which some move, end and begin between two looks.
class Crowd {
public:
    Crowd() {
        image_ = SyntheticProgram(1).truth();
        image_.coroutines.clear();
        for (std::uint32_t i = 0; i < kCoroutines; ++i)
            image_.coroutines.push_back(coroutine(2 * i));
        step(0);
    }
    // `share`: of the coroutines, that change.
    void step(double share) {
        ticks_ += 1'000'000;
        image_.read_begin_ticks = ticks_;
        image_.read_end_ticks = ticks_ + 1000;
        std::bernoulli_distribution changes(share);
        std::vector<inspect::CoroutineImage> rows;
        for (const inspect::CoroutineImage& row : image_.coroutines) {
            const std::uint32_t kind = changes(random_) ? static_cast<std::uint32_t>(random_() % 4) : 3;
            if (kind == 0) continue;  // it has ended
            rows.push_back(row);
            if (kind == 1) rows.back().sequence += 2;
            if (kind == 2 && row.index % 2 == 0) rows.push_back(coroutine(row.index + 1));  // and another begins
        }
        const auto same = [](const auto& a, const auto& b) { return a.index == b.index; };
        rows.erase(std::unique(rows.begin(), rows.end(), same), rows.end());
        image_.coroutines = std::move(rows);
        image_.index();
        stacks_.taken_ticks = ticks_ + 500;
        stacks_.stacks.clear();
        for (const inspect::CoroutineImage& row : image_.coroutines)
            stacks_.stacks.push_back({row.identity, row.sequence, inspect::Consistency::kExact, inspect::UnwindEnd::kEntry,
                                      row.sequence / 2 % 2, 64});
        std::sort(stacks_.stacks.begin(), stacks_.stacks.end(),
                  [](const auto& a, const auto& b) { return a.identity < b.identity; });
    }
    const inspect::StateImage& image() const { return image_; }
    const inspect::StackSnapshot& stacks() const { return stacks_; }

private:
    inspect::CoroutineImage coroutine(std::uint32_t index) {
        inspect::CoroutineImage row;
        row.index = index;
        row.identity = ++identities_;
        row.sequence = 4;
        row.state = wire::CoroutineState::kParked;
        row.reason = wire::WaitReason::kSleep;
        row.slot = index;
        row.rip = 0x401000 + random_() % 100;
        row.woken_ticks = random_() % 3 == 0 ? 1'000'000'000 + random_() % 1000 : 0;
        return row;
    }

    std::mt19937_64 random_{7};
    std::uint64_t identities_ = 100;
    std::uint64_t ticks_ = 2'000'000'000;
    inspect::StateImage image_;
    inspect::StackSnapshot stacks_;
};

inspect::StackTable two_kinds() {
    inspect::StackTable table;
    table.add({0x401000, 0x402000});
    table.add({0x401100, 0x402000});
    return table;
}

std::size_t count_of(const TraceReader& reader, ChunkType type) {
    return static_cast<std::size_t>(std::count_if(reader.chunks().begin(), reader.chunks().end(),
                                                  [&](const ChunkRef& chunk) { return chunk.header.type == type; }));
}

struct Looks {
    std::vector<Bytes> keyframes;
    std::vector<std::vector<inspect::StackRef>> stacks;
};

Looks write_looks(TraceWriter& writer, int looks, double share) {
    Crowd crowd;
    Looks taken;
    const inspect::StackTable table = two_kinds();
    for (int i = 0; i < looks; ++i) {
        crowd.step(share);
        EXPECT_TRUE(writer.add_keyframe(crowd.image()).ok());
        EXPECT_TRUE(writer.add_stacks(crowd.stacks(), table).ok());
        taken.keyframes.push_back(encode_image(crowd.image()));
        taken.stacks.push_back(crowd.stacks().stacks);
    }
    return taken;
}

void expect_read_back(const TraceReader& reader, const Looks& taken) {
    ASSERT_EQ(reader.keyframes().size(), taken.keyframes.size());
    ASSERT_EQ(reader.stacks().size(), taken.stacks.size());
    for (std::size_t i = 0; i < taken.keyframes.size(); ++i) {
        const auto image = reader.read_keyframe(reader.chunks()[reader.keyframes()[i]]);
        ASSERT_TRUE(image.ok()) << image.error().message;
        EXPECT_EQ(encode_image(*image), taken.keyframes[i]) << i;
        const auto stacks = reader.read_stacks(reader.chunks()[reader.stacks()[i]]);
        ASSERT_TRUE(stacks.ok()) << stacks.error().message;
        EXPECT_EQ(stacks->stacks, taken.stacks[i]) << i;
    }
}

TEST(LookDelta, looks_at_a_crowd_that_mostly_waits_are_small_and_read_back_as_they_were_taken) {
    const TemporaryPath path("crowd"), compacted("crowd_compacted");
    auto writer = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    const Looks taken = write_looks(**writer, 50, 0.002);
    EXPECT_EQ((*writer)->keyframes_count(), 50U);
    ASSERT_TRUE((*writer)->finish({3'000'000'000, "the program ended", ""}).ok());
    writer->reset();
    const auto reader = TraceReader::open(path.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_LE(count_of(**reader, ChunkType::kKeyframe), 50 / kDeltasMax + 1);
    EXPECT_LE(count_of(**reader, ChunkType::kStacks), 50 / kDeltasMax + 1);
    expect_read_back(**reader, taken);
    std::uint64_t whole = 0, delta = 0;
    for (const ChunkRef& chunk : (*reader)->chunks()) {
        if (chunk.header.type == ChunkType::kKeyframe) whole = std::max(whole, chunk.header.payload_bytes);
        if (chunk.header.type == ChunkType::kKeyframeDelta) delta = std::max(delta, chunk.header.payload_bytes);
    }
    EXPECT_LT(delta * 4, whole);
    ASSERT_TRUE(compact(path.path(), compacted.path()).ok());
    const auto small = TraceReader::open(compacted.path());
    ASSERT_TRUE(small.ok());
    expect_read_back(**small, taken);
}

TEST(LookDelta, a_crowd_that_moves_is_stored_whole) {
    const TemporaryPath path("moving");
    auto writer = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    const Looks taken = write_looks(**writer, 8, 0.9);
    writer->reset();
    const auto reader = TraceReader::open(path.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ(count_of(**reader, ChunkType::kKeyframe), 8U);
    expect_read_back(**reader, taken);
}

TEST(LookDelta, where_old_looks_give_way_each_is_whole) {
    const auto memory = TraceMemory::make({});
    auto writer = TraceWriter::create(memory, synthetic_meta());
    ASSERT_TRUE(writer.ok());
    const Looks taken = write_looks(**writer, 8, 0.002);
    const auto reader = TraceReader::open(memory->snapshot(), "memory");
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ(count_of(**reader, ChunkType::kKeyframe), 8U);
    expect_read_back(**reader, taken);
}

TEST(LookDelta, a_damaged_whole_look_costs_those_that_are_based_on_it_and_no_others) {
    const TemporaryPath path("damaged_base");
    auto writer = TraceWriter::create(path.path(), synthetic_meta());
    ASSERT_TRUE(writer.ok());
    const Looks taken = write_looks(**writer, 50, 0.002);
    writer->reset();
    std::uint64_t at = 0;
    std::size_t whole_looks = 0;
    {
        const auto reader = TraceReader::open(path.path());
        ASSERT_TRUE(reader.ok());
        for (const ChunkRef& chunk : (*reader)->chunks()) {
            if (chunk.header.type == ChunkType::kKeyframe && ++whole_looks == 2) at = chunk.offset;
        }
        ASSERT_GE(whole_looks, 3U);
    }
    const int fd = open(path.path().c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(pwrite(fd, "damage", 6, static_cast<off_t>(at)), 6);
    close(fd);
    const auto reader = TraceReader::open(path.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ((*reader)->keyframes().size(), 50 - 1 - kDeltasMax);
    EXPECT_FALSE((*reader)->losses().empty());
    for (const std::uint32_t position : (*reader)->keyframes())
        EXPECT_TRUE((*reader)->read_keyframe((*reader)->chunks()[position]).ok());
}

TEST(LookDelta, of_which_the_bytes_make_no_sense_is_refused) {
    Crowd crowd;
    LookBase base;
    ASSERT_FALSE(base.keyframe(crowd.image()).has_value());
    const inspect::StateImage whole = crowd.image();
    crowd.step(0.01);
    const std::optional<Bytes> delta = base.keyframe(crowd.image());
    ASSERT_TRUE(delta.has_value());
    const auto again = apply_keyframe_delta(*delta, whole, whole.strings);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(encode_image(*again), encode_image(crowd.image()));
    for (std::size_t length = 0; length < std::min<std::size_t>(delta->size(), 400); ++length)
        EXPECT_FALSE(apply_keyframe_delta(BytesView(*delta).first(length), whole, whole.strings).ok()) << length;
    std::mt19937_64 random(3);
    for (int i = 0; i < 3000; ++i) {
        Bytes flipped = *delta;
        flipped[random() % flipped.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
        const auto read = apply_keyframe_delta(flipped, whole, whole.strings);  // an answer or a sentence
        if (!read.ok()) continue;
        EXPECT_TRUE(std::is_sorted(read->coroutines.begin(), read->coroutines.end(),
                                   [](const auto& a, const auto& b) { return a.index < b.index; }));
    }
}

}  // namespace
}  // namespace coroscope::traces
