// Lanes at every zoom against a plain scan: levels of made-up slices, and the index of a made-up program's trace against what the program says of
// itself after each step.
#include "traces/lane_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "synthetic_trace.h"
#include "traces/coroutine_track.h"

namespace coroscope::traces {
namespace {

using Doing = TrackSpan::Doing;

std::vector<LaneSlice> random_slices(std::mt19937_64& random, std::size_t count) {
    std::vector<LaneSlice> slices;
    std::uint64_t at = 1000;
    // Lengths over six orders of magnitude, as in programs: most are short.
    const auto length = [&] { return random() % (1ULL << (random() % 20)); };
    for (std::size_t i = 0; i < count; ++i) {
        at += random() % 4 == 0 ? 0 : length();
        LaneSlice slice;
        slice.begin = at;
        slice.end = at += length();
        slice.coroutine = static_cast<std::uint32_t>(random() % 100);
        slices.push_back(slice);
    }
    return slices;
}

TEST(LaneLevels, every_level_adds_up_to_the_slices_and_hides_nothing_longer_than_it_says) {
    std::mt19937_64 random(7);
    for (const std::size_t count : {1U, 2U, 63U, 500U, 5000U}) {
        const std::vector<LaneSlice> slices = random_slices(random, count);
        for (const std::size_t alone : {1U, 4U, 16U, 512U, 20000U}) {
            SCOPED_TRACE(std::to_string(count) + " slices, " + std::to_string(alone) + " alone");
            const LaneLevel level = make_lane_level(slices, alone);
            std::size_t at = 0, longer = 0;
            std::uint64_t before = 0;
            for (const LaneBlock& block : level.blocks) {
                ASSERT_GE(block.begin, before);
                before = block.end;
                ASSERT_EQ(block.begin, slices[at].begin);
                std::uint64_t running = 0, longest = 0;
                for (std::uint32_t i = 0; i < block.count; ++i, ++at) {
                    const LaneSlice& slice = slices[at];
                    running += slice.ticks();
                    longest = std::max(longest, slice.ticks());
                    if (block.count == 1) {
                        ASSERT_EQ(block.coroutine, slice.coroutine);
                        continue;
                    }
                    ASSERT_LE(slice.ticks(), level.hidden_ticks_max);
                    if (i != 0) {
                        ASSERT_LE(slice.begin - slices[at - 1].end, level.hidden_ticks_max);
                    }
                }
                ASSERT_EQ(block.end, slices[at - 1].end);
                ASSERT_EQ(block.running, running);
                ASSERT_EQ(block.longest, longest);
            }
            ASSERT_EQ(at, slices.size());
            for (std::size_t i = 0; i < slices.size(); ++i) {
                longer += slices[i].ticks() > level.hidden_ticks_max ? 1 : 0;
                longer += i != 0 && slices[i].begin - slices[i - 1].end > level.hidden_ticks_max ? 1 : 0;
            }
            EXPECT_LE(longer, alone);
            EXPECT_LE(level.blocks.size(), 4 * alone + 4);
        }
    }
}

// What the program says of itself, looked at after each step.
struct Oracle {
    struct Run {
        std::uint32_t index = 0, sequence = 0;
        std::uint64_t identity = 0, begin = 0, end = 0;
    };
    struct Step {
        Doing doing = Doing::kReady;
        wire::WaitReason reason = wire::WaitReason::kNothing;
        std::uint32_t sequence = 0;
        std::uint64_t begin = 0, end = 0;
    };

    void look(const inspect::StateImage& truth) {
        std::map<std::uint32_t, const inspect::CoroutineImage*> running;
        std::map<std::uint64_t, const inspect::CoroutineImage*> alive;
        for (const inspect::CoroutineImage& row : truth.coroutines) {
            alive[row.identity] = &row;
            if (row.state == wire::CoroutineState::kRunning) running[row.worker] = &row;
        }
        const std::uint64_t now = truth.read_end_ticks;
        for (auto& [worker, runs] : lanes) {
            const auto at = running.find(worker);
            if (!runs.empty() && runs.back().end == 0 && (at == running.end() || at->second->sequence != runs.back().sequence))
                runs.back().end = now;
        }
        for (const auto& [worker, row] : running) {
            std::vector<Run>& runs = lanes[worker];
            if (runs.empty() || runs.back().end != 0) runs.push_back({row->index, row->sequence, row->identity, now, 0});
        }
        for (auto& [identity, steps] : lives) {
            const auto at = alive.find(identity);
            if (steps.back().end == 0 && (at == alive.end() || at->second->sequence != steps.back().sequence)) steps.back().end = now;
        }
        for (const auto& [identity, row] : alive) {
            std::vector<Step>& steps = lives[identity];
            if (!steps.empty() && steps.back().sequence == row->sequence) continue;
            Step step;
            step.doing = row->state == wire::CoroutineState::kRunning  ? Doing::kRunning
                         : row->state == wire::CoroutineState::kParked ? Doing::kBlocked
                                                                       : Doing::kReady;
            step.reason = row->reason;
            step.sequence = row->sequence;
            step.begin = now;
            steps.push_back(step);
        }
        last = now;
    }
    std::map<std::uint32_t, std::vector<Run>> lanes;    // by worker
    std::map<std::uint64_t, std::vector<Step>> lives;   // by identity
    std::uint64_t last = 0;
};

struct Made {
    Oracle oracle;
    TemporaryPath file{"lanes"};
    std::uint64_t first = 0;  // ticks: of the first look
    std::shared_ptr<const Replay> replay;

    Made(unsigned seed, std::uint32_t workers, std::size_t steps, std::size_t piece_slots = 61) {
        std::mt19937 random(seed);
        SyntheticProgram program(workers, seed % 2 == 0);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        first = keyframes.front().read_end_ticks;
        oracle.look(keyframes.front());
        for (std::size_t i = 0; i < steps; ++i) {
            program.step(static_cast<std::uint16_t>(random()));
            oracle.look(program.truth());
        }
        keyframes.push_back(program.truth());
        write_synthetic_trace(file.path(), program, keyframes, piece_slots);
        auto reader = TraceReader::open(file.path());
        EXPECT_TRUE(reader.ok());
        auto made = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
        EXPECT_TRUE(made.ok());
        replay = std::move(*made);
    }
};

void learn_all(LaneIndex& index) {
    while (index.advance(0, ~0ULL, std::chrono::steady_clock::time_point::max())) {
    }
    ASSERT_EQ(index.chunks_known(), index.chunks_count());
}

TEST(LaneIndex, slices_are_the_runs_of_the_program_and_carry_its_names) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE(seed);
        const Made made(seed, 1 + seed % 3, 1500);
        LaneIndex index;
        index.follow(made.replay);
        learn_all(index);
        for (const auto& [worker, runs] : made.oracle.lanes) {
            std::vector<LaneSlice> slices = index.slices(worker, 0, ~0ULL, SIZE_MAX);
            ASSERT_EQ(slices.size(), runs.size());
            for (std::size_t i = 0; i < runs.size(); ++i) {
                EXPECT_EQ(slices[i].begin, runs[i].begin);
                EXPECT_EQ(slices[i].coroutine, runs[i].index);
                if (runs[i].end != 0) {
                    EXPECT_EQ(slices[i].end, runs[i].end);
                }
                const LifeBegin* life = index.life_at(slices[i].coroutine, slices[i].end);
                ASSERT_NE(life, nullptr);
                EXPECT_EQ(life->identity, runs[i].identity);
            }
        }
    }
}

TEST(LaneIndex, sums_and_blocks_of_every_zoom_are_those_of_a_plain_scan_with_and_without_a_cache) {
    std::uint64_t blocks_seen = 0;
    for (unsigned seed = 0; seed < 12; ++seed) {
        SCOPED_TRACE(seed);
        // Large chunks have every level.
        const Made made = seed < 2 ? Made(seed, 2, 12'000, 2000) : Made(seed, 2, 3000);
        LaneIndex index(seed % 2 == 0 ? LaneIndex::kCacheBytes : 1);
        index.follow(made.replay);
        learn_all(index);
        std::mt19937_64 random(seed);
        const std::uint64_t begin = made.replay->ticks_of(made.replay->begin()), end = made.oracle.last;
        for (const std::uint32_t worker : index.workers()) {
            const std::vector<LaneSlice> plain = index.slices(worker, 0, ~0ULL, SIZE_MAX);
            const auto running_in = [&](std::uint64_t from, std::uint64_t to) {
                std::uint64_t sum = 0;
                for (const LaneSlice& slice : plain)
                    sum += std::max(std::min(slice.end, to), from) - std::min(std::max(slice.begin, from), std::max(std::min(slice.end, to), from));
                return sum;
            };
            for (int round = 0; round < 40; ++round) {
                std::uint64_t from = begin + random() % (end - begin), to = begin + random() % (end - begin);
                if (from > to) std::swap(from, to);
                const LaneIndex::Total total = index.total(worker, from, to);
                EXPECT_TRUE(total.complete);
                EXPECT_EQ(total.running, running_in(from, to));
                const auto touched = std::count_if(plain.begin(), plain.end(), [&](const LaneSlice& slice) {
                    return slice.end > from && slice.begin < to;
                });
                EXPECT_EQ(total.slices, static_cast<std::uint64_t>(touched));
                const double pixel = static_cast<double>(1ULL << (random() % 14));
                std::uint64_t before = 0;
                const bool whole = index.visit(worker, from, to, pixel, true,
                                               {[&](const LaneBlock& block, bool exact) {
                                                    ++blocks_seen;
                                                    EXPECT_TRUE(exact);
                                                    EXPECT_GE(block.begin, before);
                                                    before = block.end;
                                                    EXPECT_EQ(block.running, running_in(block.begin, block.end));
                                                    if (block.count == 1) return;
                                                    for (const LaneSlice& slice : plain) {
                                                        if (slice.begin >= block.begin && slice.end <= block.end) {
                                                            EXPECT_LE(static_cast<double>(slice.ticks()), pixel);
                                                        }
                                                    }
                                                },
                                                [](std::uint64_t, std::uint64_t, std::uint64_t) { ADD_FAILURE() << "all is known"; }});
                EXPECT_TRUE(whole);
            }
        }
    }
    EXPECT_GT(blocks_seen, 5000U);
}

TEST(LaneIndex, what_was_not_read_yet_is_told_as_events_and_what_is_wanted_is_read_first) {
    const Made made(3, 2, 3000);
    LaneIndex index;
    index.follow(made.replay);
    const std::uint64_t middle = (made.replay->ticks_of(made.replay->begin()) + made.oracle.last) / 2;
    std::uint64_t unknown = 0, known = 0;
    const LaneIndex::Sink sink = {[&](const LaneBlock& block, bool) { known += block.count; },
                                  [&](std::uint64_t, std::uint64_t, std::uint64_t events) { unknown += events; }};
    EXPECT_FALSE(index.visit(0, 0, ~0ULL, 1, true, sink));
    EXPECT_GT(unknown, 0U);
    EXPECT_EQ(known, 0U);
    // One chunk at a time: all that reach over the middle come before all others.
    for (;;) {
        unknown = 0;
        for (const std::uint32_t worker : index.workers())
            index.visit(worker, middle, middle, 1, true, sink);
        if (unknown == 0) break;
        ASSERT_LT(index.chunks_known(), index.workers().size() + 2);
        index.advance(middle, middle, std::chrono::steady_clock::time_point::min());
    }
    EXPECT_LT(index.chunks_known(), index.chunks_count());
}

TEST(CoroutineTrack, spans_are_what_the_program_says_of_each_coroutine_and_quanta_keep_the_sums) {
    std::size_t mixed = 0;
    for (unsigned seed = 0; seed < 12; ++seed) {
        SCOPED_TRACE(seed);
        const Made made(seed, 1 + seed % 3, 1200);
        LaneIndex index;
        index.follow(made.replay);
        learn_all(index);
        for (const auto& [identity, steps] : made.oracle.lives) {
            SCOPED_TRACE(identity);
            const LifeBegin* life = index.life_of(identity);
            ASSERT_NE(life, nullptr);
            TrackQuestion question;
            question.identity = identity;
            question.index = life->index;
            question.from = std::max(life->ticks, made.first);
            question.to = std::min(made.oracle.last, index.life_end(*life) - 1);
            const auto chunks = index.chunks_about(life->index, question.from, question.to);
            const CoroutineTrack track = read_coroutine_track(made.replay->reader(), chunks, question, Search());
            ASSERT_TRUE(track.complete);
            std::map<Doing, std::uint64_t> ticks;
            std::size_t at = 0;
            for (const Oracle::Step& step : steps) {
                const std::uint64_t end = step.end != 0 ? step.end : question.to;
                if (end == step.begin) continue;
                ASSERT_LT(at, track.spans.size());
                const TrackSpan& span = track.spans[at++];
                EXPECT_EQ(span.doing, step.doing);
                EXPECT_EQ(span.begin, step.begin);
                EXPECT_EQ(span.end, end);
                if (step.doing == Doing::kBlocked) {
                    EXPECT_EQ(span.reason, step.reason);
                }
                ticks[step.doing] += end - step.begin;
            }
            EXPECT_EQ(at, track.spans.size());
            question.quantum = 400;
            const CoroutineTrack coarse = read_coroutine_track(made.replay->reader(), chunks, question, Search());
            std::map<Doing, std::uint64_t> sums;
            for (const TrackSpan& span : coarse.spans) {
                if (span.doing != Doing::kMixed) {
                    EXPECT_GE(span.end - span.begin, question.quantum);
                    sums[span.doing] += span.end - span.begin;
                    continue;
                }
                ++mixed;
                sums[Doing::kReady] += span.ready;
                sums[Doing::kRunning] += span.running;
                sums[Doing::kBlocked] += span.blocked;
            }
            std::erase_if(sums, [](const auto& sum) { return sum.second == 0; });
            EXPECT_EQ(sums, ticks);
        }
    }
    EXPECT_GT(mixed, 100U);
}

}  // namespace
}  // namespace coroscope::traces
