// views/timeline_told: marks and zones of a small program with known times, whole and in parts; headers alone where there is too much.
#include "views/timeline_told.h"

#include <gtest/gtest.h>

#include <cstring>

#include "synthetic_trace.h"
#include "traces/ring_log.h"

namespace coroscope::views {
namespace {

using wire::EventType;

constexpr std::uint64_t kStart = 1'000'000'000, kStep = 1000;
constexpr std::uint64_t kIdentity = 42;
constexpr std::uint32_t kRecord = 3, kOuter = 0, kInner = 7;  // strings

// One worker that runs one coroutine, an event a step; a chunk every `events` events.
class Speaker {
public:
    explicit Speaker(const char* name) : file_(name) {
        emit(EventType::kSpawn, kRecord, wire::kNone, {{kIdentity, 0}, {0, std::uint64_t{wire::kNone} | std::uint64_t{2} << 32}});
        emit(EventType::kResume, kRecord, static_cast<std::uint32_t>(kIdentity & 0xff) << 24, {});
    }
    void say(const std::string& text, bool is_note) {
        char bytes[wire::kTextPieceBytes] = {};
        std::memcpy(bytes, text.data(), text.size());
        Ext exts[2] = {};
        std::memcpy(&exts[0].low48, bytes, 6);
        std::memcpy(&exts[0].word, bytes + 6, 8);
        std::memcpy(&exts[1].low48, bytes + 14, 6);
        std::memcpy(&exts[1].word, bytes + 20, 8);
        emit(is_note ? EventType::kNote : EventType::kMessage, 0, static_cast<std::uint32_t>(text.size()), {exts[0], exts[1]});
    }
    void zone(bool begins, std::uint32_t name) { emit(begins ? EventType::kZoneBegin : EventType::kZoneEnd, name, 0, {}); }
    std::uint64_t now() const { return ticks_; }

    std::shared_ptr<const traces::Replay> record(std::size_t slots_a_chunk) {
        auto writer = traces::TraceWriter::create(file_.path(), traces::synthetic_meta());
        EXPECT_TRUE(writer.ok());
        traces::RingLog log(0, kStart, writer->get(), nullptr);
        EXPECT_TRUE(log.set_owner(wire::RingOwner::kWorker, 0).ok());
        for (std::size_t at = 0; at < slots_.size(); at += slots_a_chunk) {
            EXPECT_TRUE(log.take({slots_.data() + at, std::min(slots_a_chunk, slots_.size() - at)}, at, 0, false).ok());
            EXPECT_TRUE(log.flush(false).ok());
        }
        traces::Counts counts;
        counts.mark_ticks = ticks_;
        traces::RingCount row;
        row.head = slots_.size();
        row.accepted = row.emitted = log.accepted();
        counts.rings.push_back(row);
        EXPECT_TRUE((*writer)->add_keyframe(state(kStart)).ok());
        EXPECT_TRUE((*writer)->add_counts(counts).ok());
        EXPECT_TRUE((*writer)->finish({ticks_, "the program ended", ""}).ok());
        auto reader = traces::TraceReader::open(file_.path());
        EXPECT_TRUE(reader.ok());
        auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
        EXPECT_TRUE(replay.ok());
        return std::move(*replay);
    }

private:
    struct Ext {
        std::uint64_t low48, word;
    };
    void emit(EventType type, std::uint32_t object, std::uint32_t argument, const std::vector<Ext>& exts) {
        ticks_ += kStep;
        slots_.push_back(wire::make_slot(ticks_, type, 0, wire::make_word1(object, argument)));
        for (const Ext& ext : exts)
            slots_.push_back(wire::make_slot(ext.low48, EventType::kExt, 0, ext.word));
    }
    static inspect::StateImage state(std::uint64_t ticks) {
        inspect::StateImage image;
        image.clock = traces::synthetic_meta().clock;
        image.start_ticks = kStart;
        image.read_begin_ticks = image.read_end_ticks = ticks;
        image.strings = std::string("\x05\x00outer\x05\x00inner", 14);
        image.index();
        return image;
    }
    traces::TemporaryPath file_;
    std::uint64_t ticks_ = kStart;
    std::vector<wire::EventSlot> slots_;
};

// Everything of the trace has been read, so that who said something is known.
traces::LaneIndex known(std::shared_ptr<const traces::Replay> replay) {
    traces::LaneIndex index;
    index.follow(std::move(replay));
    while (index.advance(0, ~0ULL, std::chrono::steady_clock::time_point::max())) {
    }
    return index;
}

TEST(TimelineTold, texts_are_marks_and_zones_are_spans_with_their_depth) {
    Speaker speaker("speaker");
    speaker.zone(true, kOuter);
    const std::uint64_t outer = speaker.now();
    speaker.say("hello", false);
    const std::uint64_t hello = speaker.now();
    speaker.zone(true, kInner);
    const std::uint64_t inner = speaker.now();
    speaker.say("a thought", true);
    speaker.zone(false, kInner);
    const std::uint64_t inner_end = speaker.now();
    speaker.zone(false, kOuter);
    const std::uint64_t outer_end = speaker.now();
    speaker.zone(true, kInner);
    speaker.say("bye", false);
    for (const std::size_t slots : {4U, 9U, 1000U}) {
        SCOPED_TRACE(slots);
        const auto replay = speaker.record(slots);
        const traces::LaneIndex index = known(replay);
        traces::Search search;
        const auto told = told_between(index, {{replay->begin(), replay->end()}, {kIdentity}, 1}, search);
        ASSERT_TRUE(told.has_value());
        EXPECT_TRUE(told->speaks && told->zones_read);
        ASSERT_EQ(told->marks.size(), 3U);
        EXPECT_EQ(told->marks[0].text, "hello");
        EXPECT_EQ(told->marks[0].at, replay->time_of(hello));
        EXPECT_EQ(told->marks[0].identity, kIdentity);
        EXPECT_FALSE(told->marks[0].is_note);
        EXPECT_EQ(told->marks[1].text, "a thought");
        EXPECT_TRUE(told->marks[1].is_note);
        EXPECT_EQ(told->marks[2].text, "bye");
        ASSERT_EQ(told->zones.size(), 3U);
        EXPECT_EQ(told->zones[0].name, "outer");
        EXPECT_EQ(told->zones[0].begin, replay->time_of(outer));
        EXPECT_EQ(told->zones[0].end, replay->time_of(outer_end));
        EXPECT_EQ(told->zones[0].depth, 0U);
        EXPECT_EQ(told->zones[1].name, "inner");
        EXPECT_EQ(told->zones[1].begin, replay->time_of(inner));
        EXPECT_EQ(told->zones[1].end, replay->time_of(inner_end));
        EXPECT_EQ(told->zones[1].depth, 1U);
        EXPECT_TRUE(told->zones[2].goes_on);
        // Of a part of it: what was begun before is looked up for whom it is asked, and what ends in it is there anyway.
        const TimeRange part = {replay->time_of(inner) + 1, replay->time_of(outer_end) + 1};
        for (const std::size_t asked : {1U, 0U}) {
            const auto some = told_between(index, {part, {kIdentity}, asked}, search);
            ASSERT_TRUE(some.has_value());
            EXPECT_EQ(some->marks.size(), 1U);
            ASSERT_EQ(some->zones.size(), 2U);
            for (const ZoneSpan& zone : some->zones) {
                EXPECT_EQ(zone.begun_before, asked == 0);
                EXPECT_EQ(zone.depth, zone.name == "outer" ? 0U : 1U);
                EXPECT_EQ(zone.end, replay->time_of(zone.name == "outer" ? outer_end : inner_end));
                if (asked == 1) {
                    EXPECT_EQ(zone.begin, replay->time_of(zone.name == "outer" ? outer : inner));
                }
            }
        }
    }
}

TEST(TimelineTold, of_more_chunks_than_are_read_the_headers_say_how_much_was_said) {
    Speaker speaker("talks");
    constexpr std::size_t kTexts = 3 * kToldChunksMost;
    for (std::size_t i = 0; i < kTexts; ++i)
        speaker.say("again", i % 2 == 0);
    const auto replay = speaker.record(3);
    const traces::LaneIndex index = known(replay);
    traces::Search search;
    const auto all = told_between(index, {{replay->begin(), replay->end()}, {}, 0}, search);
    ASSERT_TRUE(all.has_value());
    EXPECT_GT(all->marks.size(), kToldChunksMost);
    std::uint64_t pieces = 0;
    for (const SaidMark& mark : all->marks)
        pieces += mark.pieces;
    EXPECT_EQ(pieces, kTexts);
    EXPECT_TRUE(all->marks.front().text.empty());
    const auto few = told_between(index, {{replay->begin(), replay->begin() + (replay->end() - replay->begin()) / 8}, {}, 0}, search);
    ASSERT_TRUE(few.has_value());
    ASSERT_FALSE(few->marks.empty());
    EXPECT_EQ(few->marks.front().text, "again");
}

TEST(TimelineTold, a_program_that_says_nothing_has_nothing_told_and_a_search_can_end) {
    Speaker silent("silent");
    const auto replay = silent.record(100);
    const traces::LaneIndex index = known(replay);
    traces::Search search;
    const auto told = told_between(index, {{replay->begin(), replay->end()}, {kIdentity}, 1}, search);
    ASSERT_TRUE(told.has_value());
    EXPECT_FALSE(told->speaks);
    EXPECT_TRUE(told->marks.empty() && told->zones.empty());
    Speaker speaker("ends");
    speaker.say("hello", false);
    const auto spoken = speaker.record(100);
    const traces::LaneIndex other = known(spoken);
    search.cancelled = true;
    EXPECT_FALSE(told_between(other, {{spoken->begin(), spoken->end()}, {}, 0}, search).has_value());
}

}  // namespace
}  // namespace coroscope::views
