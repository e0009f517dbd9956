// The model against a plain oracle: generated histories of coroutines, channels and workers, keyframes copied while they go on, losses.
//
// Each case goes through the whole chain: ring slots, chunks, file, reader, interleaving, model. RapidCheck generates the histories and
// shrinks what fails; its seed is printed.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "compare_state.h"
#include "synthetic_program.h"
#include "synthetic_trace.h"
#include "traces/model.h"
#include "traces/replay.h"

namespace coroscope::traces {
namespace {

using Choices = std::vector<std::uint16_t>;

rc::Gen<Choices> choices(int count) {
    return rc::gen::resize(count, rc::gen::container<Choices>(rc::gen::arbitrary<std::uint16_t>()));
}

void run(SyntheticProgram& program, const Choices& steps) {
    for (const std::uint16_t choice : steps)
        program.step(choice);
}

// A keyframe whose copy lasts from before `during` until after it.
inspect::StateImage keyframe_over(SyntheticProgram& program, const Choices& during, std::uint64_t mix) {
    const inspect::StateImage before = program.truth();
    run(program, during);
    return program.copied_while_running(before, mix);
}

std::shared_ptr<const Moment> moment_at(const std::string& path, std::uint64_t ticks) {
    auto reader = TraceReader::open(path);
    RC_ASSERT(reader.ok());
    auto replay = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
    RC_ASSERT(replay.ok());
    auto moment = (*replay)->moment_at((*replay)->time_of(ticks));
    RC_ASSERT(moment.ok());
    return *moment;
}

void expect_same(const inspect::StateImage& rebuilt, const inspect::StateImage& truth) {
    const Comparison comparison = compare(rebuilt, truth, true);
    if (!comparison.differences.empty()) RC_LOG() << comparison.differences.front() << "\n";
    RC_ASSERT(comparison.differences.empty());
    RC_ASSERT(comparison.quiet);
    for (const inspect::CoroutineImage& row : rebuilt.coroutines)
        RC_ASSERT(row.consistency != inspect::Consistency::kUnknown);
}

TEST(Model, any_state_follows_from_a_keyframe_copied_while_running_and_the_events_around_it) {
    EXPECT_TRUE(rc::check("state at t = keyframe + events", [] {
        SyntheticProgram program(*rc::gen::inRange<std::uint32_t>(1, 4), true, true);
        run(program, *choices(300));
        const inspect::StateImage first = keyframe_over(program, *choices(60),
                                                        *rc::gen::arbitrary<std::uint64_t>());
        run(program, *choices(200));
        const inspect::StateImage truth = program.truth();
        run(program, *choices(100));
        const inspect::StateImage second = keyframe_over(program, *choices(60),
                                                         *rc::gen::arbitrary<std::uint64_t>());
        run(program, *choices(50));
        const TemporaryPath file("model");
        write_synthetic_trace(file.path(), program, {first, second}, *rc::gen::inRange<std::size_t>(1, 40));
        expect_same(moment_at(file.path(), truth.read_end_ticks)->state, truth);
        expect_same(moment_at(file.path(), program.now())->state, program.truth());
    }));
}

TEST(Model, what_is_known_after_a_loss_is_true_and_the_next_keyframe_ends_the_doubt) {
    EXPECT_TRUE(rc::check("no wrong state after losses", [] {
        SyntheticProgram program(*rc::gen::inRange<std::uint32_t>(1, 4), true, true);
        run(program, *choices(200));
        const inspect::StateImage first = keyframe_over(program, *choices(30),
                                                        *rc::gen::arbitrary<std::uint64_t>());
        const std::uint32_t ring = *rc::gen::inRange<std::uint32_t>(0, program.rings_count());
        run(program, *choices(60));
        program.drop_events(ring);
        run(program, *choices(40));
        program.keep_events(ring);
        run(program, *choices(60));
        const inspect::StateImage truth = program.truth();
        run(program, *choices(60));
        for (std::uint16_t step = 0; step < 4000 && step % 97 < 96; ++step)
            program.step(step);  // so that the loss is told
        const inspect::StateImage second = keyframe_over(program, *choices(30),
                                                         *rc::gen::arbitrary<std::uint64_t>());
        run(program, *choices(60));
        const TemporaryPath file("loss");
        write_synthetic_trace(file.path(), program, {first, second}, 37);

        const auto moment = moment_at(file.path(), truth.read_end_ticks);
        std::uint64_t known = 0;
        for (const inspect::CoroutineImage& row : moment->state.coroutines) {
            if (row.consistency == inspect::Consistency::kUnknown) continue;
            ++known;
            const inspect::CoroutineImage* real = truth.coroutine_at(row.index);
            RC_ASSERT(real != nullptr);
            RC_ASSERT(row.identity == real->identity);
            RC_ASSERT(row.sequence == real->sequence);
            RC_ASSERT(row.state == real->state);
            RC_ASSERT(row.wait_object == real->wait_object);
            RC_ASSERT(row.slot == real->slot);
            const auto arms = moment->state.arms_of(row), real_arms = truth.arms_of(*real);
            // Rather none than half of them.
            RC_ASSERT(arms.empty() ||
                      std::equal(arms.begin(), arms.end(), real_arms.begin(), real_arms.end()));
            if (row.woken_ticks != 0) RC_ASSERT(row.woken_ticks == real->woken_ticks);
            if (row.woken_by != 0) RC_ASSERT(row.woken_by == real->woken_by);
        }
        for (const inspect::ChannelImage& row : moment->state.channels) {
            if (row.consistency == inspect::Consistency::kUnknown) continue;
            const inspect::ChannelImage* real = truth.channel_at(row.index);
            RC_ASSERT(real != nullptr);
            RC_ASSERT(row.identity == real->identity);
            RC_ASSERT(row.sent == real->sent);
            RC_ASSERT(row.received == real->received);
        }
        for (const inspect::WaitableImage& row : moment->state.waitables) {
            if (row.consistency == inspect::Consistency::kUnknown) continue;
            const inspect::WaitableImage* real = truth.waitable_at(row.index);
            RC_ASSERT(real != nullptr);
            RC_ASSERT(row.identity == real->identity);
            RC_ASSERT(row.owner == real->owner);
            RC_ASSERT(row.value == real->value);
        }
        RC_TAG(known == 0                                 ? "nothing known"
               : known == moment->state.coroutines.size() ? "all known"
                                                          : "some known");
        expect_same(moment_at(file.path(), program.now())->state, program.truth());
    }));
}

wire::DecodedEvent event(wire::EventType type, std::uint64_t tsc, std::uint32_t object,
                         std::uint32_t argument) {
    wire::DecodedEvent made;
    made.type = type;
    made.tsc = tsc;
    made.object = object;
    made.argument = argument;
    return made;
}

TEST(Model, an_effect_stamped_just_before_its_cause_changes_nothing) {
    inspect::StateImage keyframe = SyntheticProgram(1).truth();
    const std::uint64_t after = keyframe.read_end_ticks + 100;
    wire::DecodedEvent spawned = event(wire::EventType::kSpawn, after, 7, 3);
    spawned.ext48[0] = 99;
    spawned.ext64[0] = 5;
    spawned.ext64[1] = wire::make_word1(wire::kNone, 42);
    const wire::DecodedEvent resumed = event(wire::EventType::kResume, after, 7, wire::pack24(43, 99));
    wire::DecodedEvent created = event(wire::EventType::kChannelCreate, after, 2, 16);
    created.ext48[0] = 8;
    created.ext64[0] = wire::make_word1(wire::kNone, 12);
    const wire::DecodedEvent sent = event(wire::EventType::kChannelSend, after, 2, wire::pack24(13, 0));
    for (const bool inverted : {false, true}) {
        Model model(keyframe);
        model.apply(inverted ? resumed : spawned, wire::RingOwner::kWorker, 0);
        model.apply(inverted ? spawned : resumed, wire::RingOwner::kWorker, 0);
        model.apply(inverted ? sent : created, wire::RingOwner::kWorker, 0);
        model.apply(inverted ? created : sent, wire::RingOwner::kWorker, 0);
        const inspect::StateImage state = model.finish(after, nullptr);
        const inspect::CoroutineImage* coroutine = state.coroutine_at(7);
        ASSERT_NE(coroutine, nullptr);
        EXPECT_EQ(coroutine->identity, 99U);
        EXPECT_EQ(coroutine->sequence, 43U);
        EXPECT_EQ(coroutine->slot, 5U);
        EXPECT_EQ(coroutine->state, wire::CoroutineState::kRunning);
        EXPECT_EQ(coroutine->consistency, inspect::Consistency::kRunning);
        const inspect::ChannelImage* channel = state.channel_at(2);
        ASSERT_NE(channel, nullptr);
        EXPECT_EQ(channel->identity, 8U);
        EXPECT_EQ(channel->sent, 1U);
        EXPECT_EQ(channel->length, 1U);
        EXPECT_EQ(channel->consistency, inspect::Consistency::kExact);
    }
}

// Its resume and its end came with another ring, before the keyframe.
TEST(Model, a_spawn_that_comes_behind_a_keyframe_which_has_forgotten_its_coroutine_brings_it_not_back) {
    const inspect::StateImage keyframe = SyntheticProgram(1).truth();
    ASSERT_EQ(keyframe.coroutine_at(7), nullptr);
    for (const bool history : {true, false}) {
        const std::uint64_t when = history ? keyframe.read_begin_ticks - 1 : keyframe.read_end_ticks + 1;
        wire::DecodedEvent spawned = event(wire::EventType::kSpawn, when, 7, 3);
        spawned.ext48[0] = 99;
        spawned.ext64[0] = 5;
        spawned.ext64[1] = wire::make_word1(wire::kNone, 42);
        Model model(keyframe);
        model.apply(spawned, wire::RingOwner::kWorker, 0);
        const inspect::StateImage state = model.finish(keyframe.read_end_ticks + 100, nullptr);
        EXPECT_EQ(state.coroutine_at(7) == nullptr, history);
    }
}

}  // namespace
}  // namespace coroscope::traces
