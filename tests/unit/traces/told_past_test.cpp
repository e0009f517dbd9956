// What was said around a moment, against the list of a made-up program that says things at random: coroutines in reused records, on several workers,
// texts in pieces, chunks that end anywhere.
#include "traces/told_past.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <map>

#include "synthetic_trace.h"
#include "traces/ring_log.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

constexpr std::uint64_t kStartTicks = 1'000'000'000;
constexpr std::uint32_t kWorkers = 3, kRecords = 5;
constexpr std::uint32_t kOuter = 0, kInner = 7, kLevel = 14;  // strings

struct Heard {
    std::uint64_t ticks = 0, identity = 0;
    bool is_note = false;
    std::string text;
    bool operator==(const Heard&) const = default;
};

class Talker {
public:
    struct Life {
        std::uint64_t identity = 0;  // 0: the record is free
        std::uint32_t worker = wire::kNone;
        std::vector<std::uint32_t> zones;
    };
    struct Then {                                                   // what is so after this stamp
        std::map<std::uint64_t, std::vector<std::uint32_t>> zones;  // by identity
        std::map<std::uint64_t, std::uint32_t> index;
        std::int64_t level = 0;
        std::size_t heard = 0;
    };

    void step(std::uint32_t choice) {
        ticks_ += 10;
        const std::uint32_t worker = choice % kWorkers;
        choice /= kWorkers;
        if (current_[worker] == wire::kNone) {
            take_up(worker, choice);
        } else {
            run(worker, choice);
        }
        Then& then = history_[ticks_];
        for (std::uint32_t i = 0; i < kRecords; ++i) {
            if (lives_[i].identity == 0) continue;
            then.zones[lives_[i].identity] = lives_[i].zones;
            then.index[lives_[i].identity] = i;
        }
        then.level = level_;
        then.heard = heard_.size();
    }
    inspect::StateImage state() const {
        inspect::StateImage image;
        image.clock = synthetic_meta().clock;
        image.start_ticks = kStartTicks;
        image.read_begin_ticks = image.read_end_ticks = ticks_;
        image.strings = std::string("\x05\x00outer\x05\x00inner\x05\x00level", 21);
        for (std::uint32_t i = 0; i < kRecords; ++i) {
            if (lives_[i].identity == 0) continue;
            inspect::CoroutineImage row;
            row.index = i;
            row.identity = lives_[i].identity;
            row.site = wire::kNone;
            row.name = wire::kNone;
            image.coroutines.push_back(row);
        }
        image.index();
        return image;
    }
    void write(const std::string& path, const std::vector<inspect::StateImage>& keyframes,
               std::size_t piece_slots) const {
        auto writer = TraceWriter::create(path, synthetic_meta());
        ASSERT_TRUE(writer.ok());
        Counts counts;
        counts.mark_ticks = ticks_;
        for (std::uint32_t ring = 0; ring < kWorkers; ++ring) {
            RingLog log(ring, kStartTicks, writer->get(), nullptr);
            ASSERT_TRUE(log.set_owner(wire::RingOwner::kWorker, ring).ok());
            for (std::size_t at = 0; at < slots_[ring].size(); at += piece_slots) {
                const std::size_t count = std::min(piece_slots, slots_[ring].size() - at);
                ASSERT_TRUE(log.take({slots_[ring].data() + at, count}, at, 0, false).ok());
                ASSERT_TRUE(log.flush(false).ok());
            }
            RingCount row;
            row.ring = ring;
            row.head = slots_[ring].size();
            row.accepted = row.emitted = log.accepted();
            counts.rings.push_back(row);
        }
        for (const inspect::StateImage& keyframe : keyframes)
            ASSERT_TRUE((*writer)->add_keyframe(keyframe).ok());
        ASSERT_TRUE((*writer)->add_counts(counts).ok());
        ASSERT_TRUE((*writer)->finish({ticks_, "the program ended", ""}).ok());
    }

    std::uint64_t now() const { return ticks_; }
    const std::vector<Heard>& heard() const { return heard_; }
    const Then& then(std::uint64_t ticks) const { return std::prev(history_.upper_bound(ticks))->second; }

private:
    struct Ext {
        std::uint64_t low48, word;
    };
    void emit(std::uint32_t worker, EventType type, std::uint32_t object, std::uint32_t argument,
              std::vector<Ext> exts = {}) {
        slots_[worker].push_back(wire::make_slot(ticks_, type, 0, wire::make_word1(object, argument)));
        for (const Ext& ext : exts)
            slots_[worker].push_back(wire::make_slot(ext.low48, EventType::kExt, 0, ext.word));
    }
    void take_up(std::uint32_t worker, std::uint32_t choice) {
        const std::uint32_t index = choice % kRecords;
        Life& life = lives_[index];
        if (life.worker != wire::kNone) return;
        if (life.identity == 0) {
            life = {++identities_, wire::kNone, {}};
            emit(worker, EventType::kSpawn, index, wire::kNone,
                 {{life.identity, 0}, {0, std::uint64_t{wire::kNone} | std::uint64_t{2} << 32}});
            ++ticks_;
        }
        life.worker = worker;
        current_[worker] = index;
        emit(worker, EventType::kResume, index, static_cast<std::uint32_t>(life.identity & 0xff) << 24);
    }
    void run(std::uint32_t worker, std::uint32_t choice) {
        const std::uint32_t index = current_[worker];
        Life& life = lives_[index];
        switch (choice % 8) {
            case 0:
                emit(worker, EventType::kSuspend, 0,
                     static_cast<std::uint32_t>(wire::WaitReason::kYield) << 24, {{0, 0}});
                life.worker = current_[worker] = wire::kNone;
                break;
            case 1:
                if (choice / 8 % 4 != 0) return;
                emit(worker, EventType::kExit, index, 0, {{life.identity, 0}});
                life = {};
                current_[worker] = wire::kNone;
                break;
            case 2:
            case 3:
                life.zones.push_back(choice / 8 % 2 == 0 ? kOuter : kInner);
                emit(worker, EventType::kZoneBegin, life.zones.back(), 0);
                break;
            case 4:
                if (life.zones.empty()) return;
                emit(worker, EventType::kZoneEnd, life.zones.back(), 0);
                life.zones.pop_back();
                break;
            case 5:
                level_ = static_cast<std::int64_t>(choice) - 3000;
                emit(worker, EventType::kCounter, kLevel, 0, {{0, static_cast<std::uint64_t>(level_)}});
                break;
            default:
                say(worker, life.identity, choice % 8 == 7,
                    std::string(1 + choice / 8 % 70, static_cast<char>('a' + choice % 26)));
        }
    }
    void say(std::uint32_t worker, std::uint64_t identity, bool is_note, const std::string& text) {
        for (std::size_t at = 0; at < text.size(); at += wire::kTextPieceBytes) {
            char bytes[wire::kTextPieceBytes] = {};
            const std::size_t length = std::min(text.size() - at, sizeof bytes);
            std::memcpy(bytes, text.data() + at, length);
            Ext exts[2] = {};
            std::memcpy(&exts[0].low48, bytes, 6);
            std::memcpy(&exts[0].word, bytes + 6, 8);
            std::memcpy(&exts[1].low48, bytes + 14, 6);
            std::memcpy(&exts[1].word, bytes + 20, 8);
            emit(worker, is_note ? EventType::kNote : EventType::kMessage,
                 at + length < text.size() ? wire::kTextGoesOn : 0, static_cast<std::uint32_t>(length),
                 {exts[0], exts[1]});
        }
        heard_.push_back({ticks_, identity, is_note, text});
    }

    std::uint64_t ticks_ = kStartTicks, identities_ = 0;
    std::int64_t level_ = 0;
    std::uint32_t current_[kWorkers] = {wire::kNone, wire::kNone, wire::kNone};
    Life lives_[kRecords];
    std::vector<wire::EventSlot> slots_[kWorkers];
    std::vector<Heard> heard_;
    std::map<std::uint64_t, Then> history_{{0, {}}};
};

struct Recorded {
    Recorded() : file("told") {
        talker.step(0);
        std::vector<inspect::StateImage> keyframes = {talker.state()};
        for (int part = 0; part < 3; ++part) {
            for (int i = 0; i < 250; ++i)
                talker.step(*rc::gen::inRange<std::uint32_t>(0, 40000));
            keyframes.push_back(talker.state());
        }
        talker.write(file.path(), keyframes, *rc::gen::inRange<std::size_t>(5, 90));
        auto reader = TraceReader::open(file.path());
        replay = std::move(*Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader))));
    }
    TimeNs some_time() const { return *rc::gen::inRange<TimeNs>(replay->begin(), replay->end() + 1); }

    Talker talker;
    const TemporaryPath file;
    std::unique_ptr<Replay> replay;
};

std::vector<Heard> as_heard(const Replay& replay, const std::vector<SaidRow>& rows) {
    std::vector<Heard> out;
    for (const SaidRow& row : rows)
        out.push_back({replay.ticks_of(row.t), row.coroutine, row.is_note, row.text});
    return out;
}

TEST(ToldPast, around_any_moment_is_what_was_said_there_and_by_whom) {
    EXPECT_TRUE(rc::check("said around", [] {
        Recorded recorded;
        const TimeNs t = recorded.some_time();
        TellLimits limits;
        limits.before = *rc::gen::inRange<std::size_t>(1, 60);
        limits.after = *rc::gen::inRange<std::size_t>(0, 20);
        Search search;
        const auto said = said_around(*recorded.replay, t, limits, search);
        RC_ASSERT(said.ok());
        const Talker::Then& then = recorded.talker.then(recorded.replay->ticks_of(t));
        const std::vector<Heard>& all = recorded.talker.heard();
        const std::size_t first = then.heard - std::min(then.heard, limits.before),
                          last = std::min(all.size(), then.heard + limits.after);
        const std::vector<Heard> heard = as_heard(*recorded.replay, said->rows);
        RC_ASSERT(said->until_now <= heard.size());
        // Up to the moment exactly as many as were asked for; after it those of the chunks that were read.
        const std::vector<Heard> before(heard.begin(),
                                        heard.begin() + static_cast<std::ptrdiff_t>(said->until_now));
        const auto heard_at = [&](std::size_t at) { return all.begin() + static_cast<std::ptrdiff_t>(at); };
        RC_ASSERT(before == std::vector<Heard>(heard_at(first), heard_at(then.heard)));
        if (first != 0) RC_ASSERT(said->more_before);
        const std::vector<Heard> after(heard.begin() + static_cast<std::ptrdiff_t>(said->until_now),
                                       heard.end());
        RC_ASSERT(after.size() == last - then.heard || said->more_after);
        RC_ASSERT(std::equal(after.begin(), after.end(), heard_at(then.heard)));
        for (const CounterPast& counter : said->counters) {
            RC_ASSERT(counter.name == "level");
            RC_ASSERT(static_cast<std::int64_t>(counter.value) == then.level);
            RC_ASSERT(counter.points.back().second == counter.value);
        }
        RC_ASSERT(said->counters.size() == (then.level == 0 ? 0U : 1U) || said->more_before);
    }));
}

TEST(ToldPast, of_a_coroutine_are_the_zones_that_it_is_in_and_what_it_said_in_this_life) {
    EXPECT_TRUE(rc::check("said by", [] {
        Recorded recorded;
        const TimeNs t = recorded.some_time();
        const Talker::Then& then = recorded.talker.then(recorded.replay->ticks_of(t));
        RC_PRE(!then.index.empty());
        const auto who = *std::next(then.index.begin(),
                                    *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(then.index)));
        TellLimits limits;
        limits.before = *rc::gen::inRange<std::size_t>(1, 9);
        Search search;
        const SaidBy said = said_by(*recorded.replay, who.first, who.second, t, limits, search);
        RC_ASSERT(said.complete);
        std::vector<std::string> zones, wanted_zones;
        for (const OpenZone& zone : said.zones)
            zones.push_back(zone.name);
        for (const std::uint32_t zone : then.zones.at(who.first))
            wanted_zones.push_back(zone == kOuter ? "outer" : "inner");
        RC_ASSERT(zones == wanted_zones);
        std::vector<Heard> notes, messages;
        for (std::size_t i = 0; i < then.heard; ++i) {
            const Heard& one = recorded.talker.heard()[i];
            if (one.identity == who.first) (one.is_note ? notes : messages).push_back(one);
        }
        for (std::vector<Heard>* texts : {&notes, &messages})
            texts->erase(texts->begin(),
                         texts->end() - static_cast<std::ptrdiff_t>(std::min(texts->size(), limits.before)));
        RC_ASSERT(as_heard(*recorded.replay, said.notes) == notes);
        RC_ASSERT(as_heard(*recorded.replay, said.messages) == messages);
    }));
}

TEST(ToldPast, further_than_allowed_is_not_read_and_said_so) {
    Talker talker;
    std::vector<inspect::StateImage> keyframes;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        talker.step(i * 40503U >> 3 & 0x7fffU);
        if (i == 10) keyframes.push_back(talker.state());
    }
    ASSERT_GT(talker.heard().size(), 50U);
    const TemporaryPath file("limits");
    talker.write(file.path(), keyframes, 20);
    auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    const auto replay = std::move(*Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader))));
    TellLimits limits;
    Search search;
    const auto all = said_around(*replay, replay->end(), limits, search);
    ASSERT_TRUE(all.ok());
    EXPECT_FALSE(all->more_before);
    const Talker::Then& then = talker.then(talker.now());
    ASSERT_FALSE(then.index.empty());
    const auto who = *then.index.begin();
    EXPECT_TRUE(said_by(*replay, who.first, who.second, replay->end(), limits, search).complete);
    limits.chunks = 2;
    const auto said = said_around(*replay, replay->end(), limits, search);
    ASSERT_TRUE(said.ok());
    EXPECT_TRUE(said->more_before);
    EXPECT_LT(said->rows.size(), all->rows.size());
    limits.chunks = 0;
    EXPECT_FALSE(said_by(*replay, who.first, who.second, replay->end(), limits, search).complete);
    search.cancelled = true;
    EXPECT_TRUE(said_around(*replay, replay->end(), TellLimits(), search)->rows.empty());
}

}  // namespace
}  // namespace coroscope::traces
