// Finding records in a segment that the test lays out by hand, and in ones that lie.
#include "instrumentation/wire/segment_view.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "instrumentation/wire/site.h"
#include "instrumentation/wire/strings.h"

namespace coroscope::wire {
namespace {

constexpr std::uint64_t kBytes = 32 * kPageBytes;
constexpr std::uint64_t kStringsOffset = 8 * kPageBytes;

// Sites: two chunks of 64, at pages 2 and 4; strings: one chunk at page 8.
class HandMadeSegment {
public:
    HandMadeSegment() : data_(static_cast<std::byte*>(std::aligned_alloc(kPageBytes, kBytes))) {
        std::memset(data_.get(), 0, kBytes);
        header().magic = kSegmentMagic;
        header().version_major = kWireMajor;
        set(SectionKind::kSites, sizeof(SiteRecord), 64, kPageBytes, 8);
        entry(SectionKind::kSites).chunks_published = 2;
        entry(SectionKind::kSites).records_used = 100;
        words(SectionKind::kSites)[0] = make_chunk_word(2 * kPageBytes, ChunkState::kLive);
        words(SectionKind::kSites)[1] = make_chunk_word(4 * kPageBytes, ChunkState::kLive);
        for (std::uint32_t i = 0; i < 128; ++i)
            site(i).line = i;
        set(SectionKind::kStrings, 1, kStringChunkBytes, kPageBytes + 512, 1);
        entry(SectionKind::kStrings).chunks_published = 1;
        words(SectionKind::kStrings)[0] = make_chunk_word(kStringsOffset, ChunkState::kLive);
    }
    SegmentHeader& header() { return *reinterpret_cast<SegmentHeader*>(data_.get()); }
    SectionEntry& entry(SectionKind kind) { return header().sections[static_cast<std::uint32_t>(kind)]; }
    ChunkWord* words(SectionKind kind) {
        return reinterpret_cast<ChunkWord*>(data_.get() + entry(kind).directory_offset);
    }
    SiteRecord& site(std::uint32_t index) {
        auto* chunk = data_.get() + (index < 64 ? 2 : 4) * kPageBytes;
        return reinterpret_cast<SiteRecord*>(chunk)[index % 64];
    }
    void put_string(std::uint32_t at, std::uint16_t length, const char* text) {
        auto* place = reinterpret_cast<unsigned char*>(data_.get() + kStringsOffset + at);
        place[0] = static_cast<unsigned char>(length & 0xff);
        place[1] = static_cast<unsigned char>(length >> 8);
        std::memcpy(place + 2, text, std::strlen(text));
    }
    base::Result<SegmentView> open(std::uint64_t bytes = kBytes) {
        return SegmentView::open(data_.get(), bytes);
    }
    std::byte* data() { return data_.get(); }

private:
    void set(SectionKind kind, std::uint32_t record, std::uint32_t per_chunk, std::uint64_t directory,
             std::uint32_t max) {
        entry(kind).kind = kind;
        entry(kind).record_bytes = record;
        entry(kind).records_per_chunk = per_chunk;
        entry(kind).directory_offset = directory;
        entry(kind).chunks_max = max;
    }
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, Free> data_;
};

TEST(segment_view, records_are_found_through_their_chunks) {
    HandMadeSegment made;
    const SegmentView view = made.open().value();
    EXPECT_EQ(view.records_count(SectionKind::kSites), 100U);
    for (std::uint32_t i = 0; i < 100; ++i) {
        const auto* site = view.record<SiteRecord>(SectionKind::kSites, i);
        ASSERT_NE(site, nullptr);
        EXPECT_EQ(site->line, i);
    }
    EXPECT_EQ(view.record<SiteRecord>(SectionKind::kSites, 100), nullptr);  // not used yet
    EXPECT_EQ(view.record<SiteRecord>(SectionKind::kSites, kNone), nullptr);
    EXPECT_EQ(view.record(SectionKind::kPools, 0, 1), nullptr);  // no such section
    EXPECT_EQ(view.records_count(SectionKind::kPools), 0U);
    EXPECT_EQ(view.run_length(SectionKind::kSites, 10), 54U);
    EXPECT_EQ(view.run_length(SectionKind::kSites, 64), 36U);
    EXPECT_EQ(view.run_length(SectionKind::kSites, 100), 0U);
}

TEST(segment_view, trimmed_and_unpublished_chunks_are_not_handed_out) {
    HandMadeSegment made;
    const SegmentView view = made.open().value();
    made.words(SectionKind::kSites)[0] = make_chunk_word(2 * kPageBytes, ChunkState::kTrimmed);
    EXPECT_EQ(view.record<SiteRecord>(SectionKind::kSites, 3), nullptr);
    EXPECT_EQ(view.run_length(SectionKind::kSites, 3), 0U);
    EXPECT_NE(view.record<SiteRecord>(SectionKind::kSites, 70), nullptr);
    made.entry(SectionKind::kSites).chunks_published = 1;
    EXPECT_EQ(view.record<SiteRecord>(SectionKind::kSites, 70), nullptr);
}

TEST(segment_view, chunks_outside_the_mapping_are_not_handed_out_but_asked_for) {
    HandMadeSegment made;
    made.words(SectionKind::kStrings)[0] = make_chunk_word(2 * kPageBytes, ChunkState::kLive);
    const SegmentView small = made.open(5 * kPageBytes - 1).value();
    EXPECT_NE(small.record<SiteRecord>(SectionKind::kSites, 0), nullptr);
    EXPECT_EQ(small.record<SiteRecord>(SectionKind::kSites, 64), nullptr);
    EXPECT_EQ(small.needs_bytes(), 2 * kPageBytes + kStringChunkBytes);
    made.words(SectionKind::kSites)[1] = ~0ULL << 8 | 1;
    EXPECT_EQ(made.open().value().record<SiteRecord>(SectionKind::kSites, 64), nullptr);
}

TEST(segment_view, strings_stay_within_their_bounds) {
    HandMadeSegment made;
    made.put_string(0, 5, "hello");
    made.put_string(7, 2000, "too long for a string");
    made.put_string(50, 60, "reaches past what is used");
    made.entry(SectionKind::kStrings).records_used = 100;
    const SegmentView view = made.open().value();
    EXPECT_EQ(view.string(0), "hello");
    EXPECT_EQ(view.string(7), "");
    EXPECT_EQ(view.string(50), "");
    EXPECT_EQ(view.string(99), "");
    EXPECT_EQ(view.string(kNone), "");
}

TEST(segment_view, another_version_or_a_broken_directory_is_refused_with_a_sentence) {
    HandMadeSegment made;
    made.header().version_major = kWireMajor + 1;
    EXPECT_EQ(made.open().error().code, base::ErrorCode::kVersion);
    EXPECT_NE(made.open().error().message.find("upgrade coroscope"), std::string::npos);
    made.header().version_major = 0;
    EXPECT_NE(made.open().error().message.find("upgrade the runtime"), std::string::npos);
    made.header().version_major = kWireMajor;
    EXPECT_FALSE(made.open(100).ok());
    const auto refuses = [&](auto&& spoil) {
        HandMadeSegment spoiled;
        spoil(spoiled.entry(SectionKind::kSites));
        const auto opened = spoiled.open();
        return !opened.ok() && opened.error().code == base::ErrorCode::kCorrupt;
    };
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.kind = SectionKind::kPools; }));
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.record_bytes = 0; }));
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.records_per_chunk = 63; }));
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.chunks_max = 1U << 30; }));
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.directory_offset = ~0ULL - 7; }));
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.directory_offset = kBytes; }));
    EXPECT_TRUE(refuses([](SectionEntry& e) { e.directory_offset += 3; }));
}

TEST(segment_view, random_directories_never_lead_outside) {
    std::mt19937_64 random(5);
    for (int round = 0; round < 300; ++round) {
        HandMadeSegment made;
        ChunkWord* words_of_sites = made.words(SectionKind::kSites);
        for (int i = 0; i < 8; ++i) {
            words_of_sites[random() % 64] = random() >> (random() % 64);
            auto* words = reinterpret_cast<std::uint32_t*>(&made.entry(SectionKind::kSites));
            if (random() % 2 == 0)
                words[1 + random() % 7] = static_cast<std::uint32_t>(random() >> (random() % 64));
        }
        const auto opened = made.open();
        if (!opened) continue;
        std::uint64_t sum = 0;
        for (int i = 0; i < 500; ++i) {
            const auto* site = opened->record<SiteRecord>(SectionKind::kSites,
                                                          static_cast<std::uint32_t>(random()) % 1000);
            if (site != nullptr) sum += site->line;  // the sanitizers watch
        }
        static_cast<void>(sum + opened->string(static_cast<std::uint32_t>(random()) % 200).size());
    }
}

}  // namespace
}  // namespace coroscope::wire
