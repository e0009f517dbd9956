// Spans of generated histories against what the program that made them says of itself, step by step.
#include "traces/analyses/trace_walk.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "synthetic_trace.h"
#include "traces/ring_log.h"

namespace coroscope::analyses {
namespace {

using traces::SyntheticProgram;
using traces::TemporaryPath;
using wire::CoroutineState;

struct Step {
    Activity activity = Activity::kReady;
    wire::WaitReason reason = wire::WaitReason::kNothing;
    std::uint32_t worker = 0, sequence = 0;
    std::uint64_t begin_ticks = 0, end_ticks = 0;
};
using History = std::map<std::uint64_t, std::vector<Step>>;  // by identity

// What the program says of itself, looked at after each step.
class Oracle {
public:
    void look(const inspect::StateImage& truth) {
        std::map<std::uint64_t, const inspect::CoroutineImage*> alive;
        for (const inspect::CoroutineImage& row : truth.coroutines)
            alive[row.identity] = &row;
        for (auto& [identity, steps] : history) {
            if (!alive.contains(identity) && steps.back().end_ticks == 0)
                steps.back().end_ticks = truth.read_end_ticks;
        }
        for (const auto& [identity, row] : alive) {
            std::vector<Step>& steps = history[identity];
            if (!steps.empty() && steps.back().sequence == row->sequence) continue;
            if (!steps.empty()) steps.back().end_ticks = truth.read_end_ticks;
            Step step;
            step.activity = row->state == CoroutineState::kRunning  ? Activity::kRunning
                            : row->state == CoroutineState::kParked ? Activity::kBlocked
                                                                    : Activity::kReady;
            step.reason = row->reason;
            step.worker = row->worker;
            step.sequence = row->sequence;
            step.begin_ticks = truth.read_end_ticks;
            steps.push_back(step);
        }
    }
    void finish(std::uint64_t ticks) {
        for (auto& [identity, steps] : history) {
            if (steps.back().end_ticks == 0) steps.back().end_ticks = ticks;
        }
    }
    History history;
};

class Collector : public SpanVisitor {
public:
    void began(const Life& life) override {
        EXPECT_FALSE(open.contains(life.index)) << "somebody lives there already";
        open[life.index] = life.begin_ticks;
    }
    void enter(const Life& life, const Span& span) override {
        EXPECT_EQ(span.begin_ticks, open[life.index])
            << "a gap before " << life.identity << " is " << activity_name(span.activity);
    }
    void leave(const Life& life, const Span& span) override {
        EXPECT_GE(span.end_ticks, span.begin_ticks);
        open[life.index] = span.end_ticks;
        spans[life.identity].push_back(span);
    }
    void woken(const Life&, const Waker& waker, std::uint64_t) override {
        wakes += waker.identity != 0 ? 1 : 0;
    }
    void ended(const Life& life, LifeEnd how, std::uint64_t ticks) override {
        EXPECT_EQ(open[life.index], ticks);
        open.erase(life.index);
        ends[life.identity] = how;
    }
    std::map<std::uint64_t, std::vector<Span>> spans;
    std::map<std::uint64_t, LifeEnd> ends;
    std::map<std::uint32_t, std::uint64_t> open;  // end of the last span, by index
    std::uint64_t wakes = 0;
};

struct Generated {
    Oracle oracle;
    TemporaryPath file{"walk"};
    explicit Generated(unsigned seed, std::uint32_t workers, std::size_t steps, bool lossy) {
        std::mt19937 random(seed);
        SyntheticProgram program(workers, seed % 2 == 0, seed % 3 == 0);
        std::vector<inspect::StateImage> keyframes;
        for (int i = 0; i < 40; ++i)
            program.step(static_cast<std::uint16_t>(random()));
        keyframes.push_back(program.truth());
        oracle.look(keyframes.front());
        for (std::size_t i = 0; i < steps; ++i) {
            const std::uint32_t ring = static_cast<std::uint32_t>(random() % workers);
            if (lossy && random() % 50 == 0) program.drop_events(ring);
            if (lossy && random() % 10 == 0) program.keep_events(ring);
            program.step(static_cast<std::uint16_t>(random()));
            oracle.look(program.truth());
        }
        for (std::uint32_t ring = 0; ring < workers; ++ring)
            program.keep_events(ring);
        keyframes.push_back(program.truth());
        oracle.finish(program.now());
        traces::write_synthetic_trace(file.path(), program, keyframes, 61);
    }
};

WalkCounts walk(const std::string& path, SpanVisitor& visitor) {
    auto trace = TraceWalk::open(path);
    EXPECT_TRUE(trace.ok()) << (trace.ok() ? "" : trace.error().message);
    return trace.ok() ? (*trace)->run(visitor) : WalkCounts{};
}

TEST(TraceWalk, spans_are_those_of_the_program) {
    std::uint64_t wakes = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        const Generated generated(seed, 1 + seed % 4, 1500, false);
        Collector seen;
        const WalkCounts counts = walk(generated.file.path(), seen);
        EXPECT_TRUE(counts.losses.empty());
        EXPECT_EQ(counts.forced, 0U);
        EXPECT_TRUE(seen.open.empty());
        wakes += seen.wakes;
        ASSERT_EQ(seen.spans.size(), generated.oracle.history.size());
        for (const auto& [identity, steps] : generated.oracle.history) {
            const std::vector<Span>& spans = seen.spans[identity];
            ASSERT_EQ(spans.size(), steps.size()) << identity;
            for (std::size_t i = 0; i < steps.size(); ++i) {
                EXPECT_EQ(spans[i].activity, steps[i].activity);
                EXPECT_EQ(spans[i].reason, steps[i].reason);
                EXPECT_EQ(spans[i].worker, steps[i].worker);
                EXPECT_EQ(spans[i].sequence, steps[i].sequence);
                EXPECT_EQ(spans[i].begin_ticks, steps[i].begin_ticks);
                EXPECT_EQ(spans[i].end_ticks, steps[i].end_ticks);
            }
        }
    }
    EXPECT_GT(wakes, 1000U);
}

TEST(TraceWalk, after_losses_what_is_told_is_true_and_the_rest_is_unknown) {
    std::uint64_t known = 0, unknown = 0;
    for (unsigned seed = 100; seed < 140; ++seed) {
        SCOPED_TRACE(seed);
        const Generated generated(seed, 1 + seed % 4, 1500, true);
        Collector seen;
        const WalkCounts counts = walk(generated.file.path(), seen);
        EXPECT_FALSE(counts.losses.empty());
        EXPECT_TRUE(seen.open.empty());
        for (const auto& [identity, spans] : seen.spans) {
            if (identity == 0) {  // whose spawn was lost
                unknown += spans.size();
                continue;
            }
            ASSERT_TRUE(generated.oracle.history.contains(identity)) << identity << " never lived";
            const std::vector<Step>& steps = generated.oracle.history.at(identity);
            for (const Span& span : spans) {
                if (span.activity == Activity::kUnknown) {
                    ++unknown;
                    continue;
                }
                const auto same = std::find_if(steps.begin(), steps.end(), [&](const Step& step) {
                    return (step.sequence & 0xffffff) == (span.sequence & 0xffffff) &&
                           step.activity == span.activity && step.reason == span.reason;
                });
                ASSERT_NE(same, steps.end()) << identity << " was never " << activity_name(span.activity);
                EXPECT_EQ(span.begin_ticks, same->begin_ticks);
                EXPECT_EQ(span.end_ticks, same->end_ticks);
                ++known;
            }
        }
    }
    EXPECT_GT(known, 3 * unknown);
    EXPECT_GT(unknown, 0U);
}

// A wake-up that is stamped before the suspend that it ends, as when its worker was taken off its processor in between.
TEST(TraceWalk, an_effect_that_is_stamped_before_its_cause_is_put_behind_it) {
    const TemporaryPath file("order");
    SyntheticProgram program(2);
    inspect::StateImage image = program.truth();
    image.coroutines.clear();
    for (std::uint32_t i = 0; i < 2; ++i) {
        inspect::CoroutineImage row;
        row.index = i;
        row.identity = 10 + i;
        row.sequence = 3;
        row.state = CoroutineState::kRunning;
        row.worker = static_cast<std::uint8_t>(i);
        image.coroutines.push_back(row);
    }
    const std::uint64_t begin = image.read_end_ticks;
    image.index();
    auto writer = traces::TraceWriter::create(file.path(), traces::synthetic_meta());
    ASSERT_TRUE(writer.ok());
    using wire::EventType;
    const auto slot = [](std::uint64_t at, EventType type, std::uint32_t object, std::uint32_t argument) {
        return wire::make_slot(at, type, 0, wire::make_word1(object, argument));
    };
    const auto write = [&](std::uint32_t ring, std::vector<wire::EventSlot> slots) {
        slots.insert(slots.begin(), slot(0, EventType::kExt, 0, 0));
        slots.front().word1 = begin;
        slots.insert(slots.begin(), slot(begin, EventType::kSync, ring, 0xffff));
        traces::RingLog log(ring, begin, writer->get(), nullptr);
        ASSERT_TRUE(log.set_owner(wire::RingOwner::kWorker, ring).ok());
        ASSERT_TRUE(log.take(slots, 0, 0, false).ok());
        ASSERT_TRUE(log.flush(false).ok());
    };
    write(0, {slot(begin + 500, EventType::kSuspend, 7, wire::pack24(4, 12)),
              slot(0x400000, EventType::kExt, 0, 0),
              slot(begin + 900, EventType::kResume, 0, wire::pack24(7, 10))});
    write(1, {slot(begin + 100, EventType::kWake, 0, wire::pack24(6, 0)),
              slot(begin + 200, EventType::kNotify, 7, 1), slot(0, EventType::kExt, 0, 0)});
    ASSERT_TRUE((*writer)->add_keyframe(image).ok());
    traces::Counts marks;
    marks.mark_ticks = begin + 2000;
    ASSERT_TRUE((*writer)->add_counts(marks).ok());
    ASSERT_TRUE((*writer)->finish({begin + 2000, "the program ended", ""}).ok());

    Collector seen;
    const WalkCounts counts = walk(file.path(), seen);
    EXPECT_EQ(counts.reordered, 2U);
    EXPECT_EQ(counts.forced, 0U);
    const std::vector<Span>& spans = seen.spans[10];
    ASSERT_EQ(spans.size(), 4U);
    EXPECT_EQ(spans[1].activity, Activity::kBlocked);
    EXPECT_EQ(spans[1].begin_ticks, begin + 500);
    EXPECT_EQ(spans[1].end_ticks, begin + 500);
    EXPECT_EQ(spans[2].activity, Activity::kReady);
    EXPECT_EQ(spans[2].waker.identity, 11U);
    EXPECT_EQ(spans[2].waker.worker, 1U);
    EXPECT_EQ(spans[2].end_ticks, begin + 900);
    EXPECT_TRUE(spans[3].reaches_end);
    EXPECT_EQ(spans[3].end_ticks, begin + 2000);
}

}  // namespace
}  // namespace coroscope::analyses
