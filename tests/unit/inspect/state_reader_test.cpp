// Reading segments: what is in them comes out, and nothing that is wrong with them does any harm.
#include "instrumentation/inspect/state_reader.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/inspect/segment_builder.h"

namespace coroscope::inspect {
namespace {

using testing::make_memfd;
using testing::sample_segment;
using testing::SegmentBuilder;

base::Result<StateImage> read(const std::vector<std::uint8_t>& bytes) {
    auto reader = StateReader::open(make_memfd(bytes), "process 4711");
    if (!reader) return reader.error();
    return reader->read();
}

// One sentence: text, no line break, and it says whom it is about.
void expect_sentence(const base::Error& error) {
    EXPECT_FALSE(error.message.empty());
    EXPECT_EQ(error.message.find('\n'), std::string::npos);
    EXPECT_NE(error.message.find("process 4711"), std::string::npos) << error.message;
}

// Touches everything that can be looked up, as the views do.
std::uint64_t use(const StateImage& image) {
    std::uint64_t sum = 0;
    for (const CoroutineImage& coroutine : image.coroutines) {
        sum += image.coroutine_name(coroutine).size() + image.site_text(coroutine.site).size();
        sum += image.stack_of(coroutine).high + state_name(coroutine.state)[0] +
               reason_name(coroutine.reason)[0];
        if (const ChannelImage* channel = image.channel_at(coroutine.wait_object))
            sum += image.channel_text(*channel).size();
        sum += image.coroutine_of(coroutine.identity) != nullptr ? 1 : 0;
        sum += image.owner_of(coroutine.pool, coroutine.slot) != nullptr ? 1 : 0;
    }
    for (const PoolImage& pool : image.pools) {
        sum += pool.used() + pool.slots() + pool.bounds(0).low + pool.bounds(0xffffffff).low +
               image.text(pool.name).size();
        sum += static_cast<std::uint64_t>(size_class_name(pool.size_class)[0]);
    }
    for (const HistogramImage& histogram : image.histograms)
        sum += static_cast<std::uint64_t>(histogram.quantile(0.5) + 1);
    for (const WorkerImage& worker : image.workers)
        sum += image.coroutine_at(worker.current) != nullptr ? 1 : 0;
    for (const SelectArmImage& arm : image.select_arms)
        sum += image.channel_at(arm.channel) != nullptr ? 1 : 0;
    sum += static_cast<std::uint64_t>(image.since_start_ns(image.start_ticks + 100));
    return sum;
}

// Coroutine 2 (12, exact) waits in a select of two arms.
SegmentBuilder segment_with_a_select() {
    SegmentBuilder built = sample_segment();
    using Kind = wire::SectionKind;
    auto& record = built.record<wire::CoroutineRecord>(Kind::kCoroutines, 2);
    record.reason.store(wire::WaitReason::kSelect);
    record.wait_object.store(1);
    built.add_chunk(Kind::kSelectArms, sizeof(wire::SelectArmRecord), 128);
    const auto arm = [&](std::uint32_t index, std::uint32_t channel, std::uint8_t position,
                         std::uint32_t next) {
        auto& made = built.record<wire::SelectArmRecord>(Kind::kSelectArms, index);
        made.channel.store(channel);
        made.coroutine.store(2);
        made.position.store(position);
        made.receives.store(position == 0 ? 1 : 0);
        made.next_arm.store(next);
    };
    arm(1, 1, 3, 0);
    arm(0, 0, 0, wire::kNone);
    built.add_chunk(Kind::kSelects, sizeof(wire::SelectRecord), 64);
    auto& select = built.record<wire::SelectRecord>(Kind::kSelects, 0);
    select.address.store(0x400123);
    select.arms.store(4);
    select.receives = 1;
    select.other_arm = 2;
    select.parked.store(7);
    select.fired[0].store(5);
    select.passed_over[3].store(6);
    built.add_chunk(Kind::kWorkerQueues, sizeof(wire::WorkerQueuesRecord), 8);
    auto& queues = built.record<wire::WorkerQueuesRecord>(Kind::kWorkerQueues, 0);
    queues.bound_length.store(2);
    queues.taken_from[0].store(9);
    auto& worker = built.record<wire::WorkerRecord>(Kind::kWorkers, 0);
    worker.ready_length.store(11);
    worker.injected.store(12);
    worker.steals.store(9);
    return built;
}

TEST(StateReader, arms_of_a_parked_select_selects_and_queues_come_out_of_it) {
    SegmentBuilder built = segment_with_a_select();
    const auto image = read(built.bytes());
    ASSERT_TRUE(image.ok()) << image.error().message;
    const std::vector<SelectArmImage> arms = {{2, 0, 0, true}, {2, 1, 3, false}};
    EXPECT_EQ(image->select_arms, arms) << "by position, whatever the chain's order";
    EXPECT_EQ(image->arms_of(*image->coroutine_at(2)).size(), 2U);
    ASSERT_EQ(image->selects.size(), 1U) << "records without an address are free";
    EXPECT_EQ(image->selects[0].address, 0x400123U);
    EXPECT_EQ(image->selects[0].other_arm, 2U);
    EXPECT_EQ(image->selects[0].fired[0], 5U);
    EXPECT_EQ(image->selects[0].passed_over[3], 6U);
    EXPECT_EQ(image->workers[0].ready_length, 11U);
    EXPECT_EQ(image->workers[0].bound_length, 2U);
    EXPECT_EQ(image->workers[0].injected, 12U);
    ASSERT_EQ(image->workers[0].taken_from.size(), image->workers.size());
    EXPECT_EQ(image->workers[0].taken_from[0], 9U);
}

TEST(StateReader, a_chain_of_arms_that_is_not_one_waits_own_is_no_arms) {
    using Kind = wire::SectionKind;
    const auto arms_after = [](auto&& spoil) {
        SegmentBuilder built = segment_with_a_select();
        spoil(built);
        const auto image = read(built.bytes());
        EXPECT_TRUE(image.ok());
        return image.ok() ? image->select_arms.size() : 99;
    };
    EXPECT_EQ(arms_after([](SegmentBuilder& built) {
                  built.record<wire::SelectArmRecord>(Kind::kSelectArms, 0).coroutine.store(4);
              }),
              0U)
        << "somebody else's by now";
    EXPECT_EQ(arms_after([](SegmentBuilder& built) {
                  built.record<wire::SelectArmRecord>(Kind::kSelectArms, 0).channel.store(wire::kNone);
              }),
              0U)
        << "given back";
    EXPECT_EQ(arms_after([](SegmentBuilder& built) {
                  built.record<wire::SelectArmRecord>(Kind::kSelectArms, 0).next_arm.store(1);
              }),
              0U)
        << "a ring";
    EXPECT_EQ(arms_after([](SegmentBuilder& built) {
                  built.record<wire::SelectArmRecord>(Kind::kSelectArms, 0).next_arm.store(4'000'000'000U);
              }),
              0U)
        << "out of the section";
}

TEST(StateReader, everything_in_a_segment_comes_out_of_it) {
    SegmentBuilder built = sample_segment();
    const auto result = read(built.bytes());
    ASSERT_TRUE(result.ok()) << result.error().message;
    const StateImage& image = *result;
    EXPECT_EQ(image.pid, 4711U);
    EXPECT_EQ(image.program, "/bin/built-by-hand");
    EXPECT_EQ(image.since_start_ns(1'000'200), 100);
    ASSERT_EQ(image.coroutines.size(), 4U);  // record 1 is free
    EXPECT_EQ(image.coroutine_at(1), nullptr);
    const CoroutineImage* second = image.coroutine_of(102);
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(second->index, 2U);
    EXPECT_EQ(second->consistency, Consistency::kExact);
    EXPECT_EQ(second->sequence, 14U);
    EXPECT_EQ(image.coroutine_name(*second), "own name");
    EXPECT_EQ(image.coroutine_name(*image.coroutine_at(0)), "parser");
    EXPECT_EQ(image.site_text(0), "demo.cpp:42");
    EXPECT_EQ(image.coroutine_at(3)->consistency, Consistency::kRunning);
    EXPECT_EQ(image.owner_of(0, 4)->identity, 104U);
    ASSERT_EQ(image.pools.size(), 1U);
    EXPECT_EQ(image.pools[0].used(), 4U);  // owned & ~remote
    EXPECT_EQ(image.pools[0].slots(), 512U);
    const wire::StackBounds bounds = image.stack_of(*second);
    EXPECT_EQ(bounds.low, 0x7000'0000'0000ULL + 2 * 0x5000 + 0x1000);
    EXPECT_EQ(bounds.high, 0x7000'0000'0000ULL + 3 * 0x5000 - 2 * 64);
    ASSERT_EQ(image.channels.size(), 2U);
    EXPECT_TRUE(image.channels[0].closed);
    EXPECT_EQ(image.channel_text(image.channels[0]), "channel:numbers");
    EXPECT_EQ(image.channels[0].consistency, Consistency::kExact);
    EXPECT_EQ(image.channel_text(image.channels[1]), "channel:#10");
    EXPECT_EQ(image.channels[1].consistency, Consistency::kTorn);
    EXPECT_EQ(image.torn_channels, 1U);
    ASSERT_EQ(image.handles.size(), 1U);
    EXPECT_EQ(image.handles[0].holder, 102U);
    EXPECT_EQ(image.channel_totals.at(0).sent, 1000U);
    ASSERT_EQ(image.workers.size(), 1U);
    EXPECT_EQ(image.workers[0].current, 3U);
    EXPECT_EQ(image.histograms.at(0).samples, 4U);
    EXPECT_DOUBLE_EQ(image.histograms[0].quantile(0.5), 10.0);
    EXPECT_DOUBLE_EQ(image.histograms[0].quantile(1.0), 50.0);
    EXPECT_LE(image.read_begin_ticks, image.read_end_ticks);
}

TEST(StateReader, a_micro_pool_has_the_slots_that_its_memory_has_room_for) {
    using Kind = wire::SectionKind;
    SegmentBuilder built = sample_segment();
    auto& pool = built.record<wire::PoolRecord>(Kind::kPools, 1);
    pool.size_class = wire::SizeClass::kMicro;
    pool.purpose = wire::PoolPurpose::kLocal;
    pool.slot_bytes = 256;
    pool.stride_bytes = 256;
    const auto kind = static_cast<Kind>(static_cast<std::uint32_t>(Kind::kSlabsFirst) + 1);
    built.add_chunk(kind, sizeof(wire::SlabRecord), 16);
    auto& living = built.record<wire::SlabRecord>(kind, 0);
    living.stack_base = 0x7fff0000;
    living.stack_bytes = 5 * 256;
    living.owned[0].store(0b100110);                                   // the last of them cannot be
    built.record<wire::SlabRecord>(kind, 1).owner.store(wire::kNone);  // has ended: no address
    auto& absurd = built.record<wire::SlabRecord>(kind, 2);
    absurd.stack_base = 0x7ffe0000;
    absurd.stack_bytes = ~0ULL;
    const auto image = read(built.bytes());
    ASSERT_TRUE(image.ok()) << image.error().message;
    const PoolImage& local = image->pools.at(1);
    EXPECT_EQ(local.slabs[0].slots, 5U);
    EXPECT_EQ(local.slabs[1].slots, 0U);
    EXPECT_EQ(local.slabs[2].slots, 512U);
    EXPECT_EQ(local.slots(), 517U);
    EXPECT_EQ(local.used(), 2U);
    EXPECT_EQ(local.bounds(4).high, 0x7fff0000U + 5 * 256);
    EXPECT_EQ(local.bounds(5).high, 0U);
    EXPECT_FALSE(local.has(512));
    EXPECT_EQ(image->pools[0].slots(), 512U) << "an ordinary slab has all of them";
}

TEST(StateReader, guards_trims_and_high_water_come_out_of_it) {
    using Kind = wire::SectionKind;
    SegmentBuilder built = sample_segment();
    built.record<wire::PoolRecord>(Kind::kPools, 0).trimmed_bytes.store(40960);
    auto& slab = built.record<wire::SlabRecord>(Kind::kSlabsFirst, 0);
    slab.guards.store(wire::SlabGuards::kMarked);
    slab.guarded_slots.store(300);
    built.record<wire::SiteRecord>(Kind::kSites, 0).high_water_bytes.store(777);
    const auto image = read(built.bytes());
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_EQ(image->pools[0].trimmed_bytes, 40960U);
    EXPECT_EQ(image->pools[0].guarded_slots(), 300U);
    EXPECT_TRUE(image->pools[0].guards_known);
    EXPECT_EQ(image->sites[0].high_water_bytes, 777U);
    slab.guarded_slots.store(100'000);
    EXPECT_EQ(read(built.bytes())->pools[0].guarded_slots(), 512U) << "no more than there are slots";
}

TEST(StateReader, a_chunk_that_is_not_live_is_not_read) {
    SegmentBuilder built = sample_segment();
    const std::uint64_t offset = built.add_chunk(wire::SectionKind::kCoroutines,
                                                 sizeof(wire::CoroutineRecord), 64);
    built.add_chunk(wire::SectionKind::kCoroutineDetails, sizeof(wire::CoroutineDetail), 64);
    built.record<wire::CoroutineRecord>(wire::SectionKind::kCoroutines, 64)
        .state.store(wire::CoroutineState::kParked);
    built.record<wire::CoroutineDetail>(wire::SectionKind::kCoroutineDetails, 64).identity.store(500);
    ASSERT_EQ(read(built.bytes())->coroutines.size(), 5U);
    built.set_word(wire::SectionKind::kCoroutines, 1,
                   wire::make_chunk_word(offset, wire::ChunkState::kTrimmed));
    EXPECT_EQ(read(built.bytes())->coroutines.size(), 4U);
}

TEST(StateReader, records_published_after_the_file_grew_are_seen_by_the_next_read) {
    SegmentBuilder built = sample_segment();
    base::FileDescriptor fd = make_memfd(built.bytes());
    const int writer = fd.get();
    auto reader = StateReader::open(std::move(fd), "process 4711");
    ASSERT_TRUE(reader.ok());
    ASSERT_EQ(reader->read()->coroutines.size(), 4U);
    built.add_chunk(wire::SectionKind::kCoroutines, sizeof(wire::CoroutineRecord), 64);
    built.add_chunk(wire::SectionKind::kCoroutineDetails, sizeof(wire::CoroutineDetail), 64);
    built.record<wire::CoroutineRecord>(wire::SectionKind::kCoroutines, 70)
        .state.store(wire::CoroutineState::kReady);
    built.record<wire::CoroutineDetail>(wire::SectionKind::kCoroutineDetails, 70).identity.store(570);
    ASSERT_EQ(pwrite(writer, built.bytes().data(), built.bytes().size(), 0),
              static_cast<ssize_t>(built.bytes().size()));
    const auto image = reader->read();
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_NE(image->coroutine_of(570), nullptr);
}

TEST(StateReader, another_version_says_which_side_to_upgrade) {
    SegmentBuilder built = sample_segment();
    built.header().version_major = wire::kWireMajor + 1;
    const auto newer = read(built.bytes());
    ASSERT_FALSE(newer.ok());
    EXPECT_EQ(newer.error().code, base::ErrorCode::kVersion);
    EXPECT_NE(newer.error().message.find("upgrade coroscope"), std::string::npos) << newer.error().message;
    built.header().version_major = 0;
    const auto older = read(built.bytes());
    ASSERT_FALSE(older.ok());
    EXPECT_EQ(older.error().code, base::ErrorCode::kVersion);
    EXPECT_NE(older.error().message.find("runtime"), std::string::npos) << older.error().message;
    built.header().version_major = wire::kWireMajor;
    built.header().saved_frame_layout = wire::kSavedFrameLayout + 1;
    EXPECT_EQ(read(built.bytes()).error().code, base::ErrorCode::kVersion);
}

TEST(StateReader, a_file_that_could_shrink_under_us_is_refused) {
    const auto reader = StateReader::open(make_memfd(sample_segment().bytes(), false), "process 4711");
    ASSERT_FALSE(reader.ok());
    expect_sentence(reader.error());
    EXPECT_NE(reader.error().message.find("sealed"), std::string::npos);
}

TEST(StateReader, a_truncated_segment_gives_one_sentence_or_what_is_left) {
    const std::vector<std::uint8_t> whole = sample_segment().bytes();
    std::size_t refused = 0;
    for (std::size_t size = 0; size < whole.size(); size += 509) {
        const auto result = read({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
        if (result) {
            use(*result);
        } else {
            expect_sentence(result.error());
            ++refused;
        }
    }
    EXPECT_GT(refused, whole.size() / 509 / 2);
}

// Most of what can go wrong sits in few bytes: the header, the directories, and the first records of each
// section. Words there are replaced by values that hurt (0, all ones, near misses of what stood there) and by
// noise.
TEST(StateReader, a_damaged_segment_gives_one_sentence_or_an_image_that_is_safe_to_use) {
    const std::vector<std::uint8_t> whole = sample_segment().bytes();
    const unsigned seed = 20240611;
    std::mt19937_64 random(seed);
    std::size_t refused = 0;
    std::size_t read_anyway = 0;
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::uint8_t> damaged = whole;
        const int changes = 1 + static_cast<int>(random() % 4);
        for (int i = 0; i < changes; ++i) {
            const std::size_t where = random() % 4;
            const std::size_t range = where == 0   ? sizeof(wire::SegmentHeader)
                                      : where == 1 ? 2 * wire::kPageBytes
                                                   : damaged.size();
            const std::size_t at = random() % (range / 4) * 4;
            std::uint32_t word = 0;
            std::memcpy(&word, &damaged[at], sizeof word);
            switch (random() % 5) {
                case 0:
                    word = 0;
                    break;
                case 1:
                    word = 0xffffffff;
                    break;
                case 2:
                    word += static_cast<std::uint32_t>(random() % 5) - 2;
                    break;
                case 3:
                    word ^= 1U << (random() % 32);
                    break;
                default:
                    word = static_cast<std::uint32_t>(random());
            }
            std::memcpy(&damaged[at], &word, sizeof word);
        }
        SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
        const auto result = read(damaged);
        if (result) {
            use(*result);
            ++read_anyway;
        } else {
            expect_sentence(result.error());
            ++refused;
        }
    }
    EXPECT_GT(refused, 100U);  // the damage is not lost on the reader
    EXPECT_GT(read_anyway, 100U);
}

TEST(StateReader, sections_that_claim_more_than_the_file_holds_are_refused) {
    SegmentBuilder built = sample_segment();
    auto& entry = built.header().sections[static_cast<std::uint32_t>(wire::SectionKind::kChannels)];
    // Eight directory words that all name one chunk, and a count to match: an image of any size from a small
    // file.
    entry.records_used.store(0xffffffff);
    entry.chunks_max = 64;
    entry.chunks_published.store(64);
    const auto result = read(built.bytes());
    if (result) {
        EXPECT_LE(result->channels.size(), 64U * 32);
        use(*result);
    } else {
        expect_sentence(result.error());
    }
}

}  // namespace
}  // namespace coroscope::inspect
