// Moments of a trace: which time, which stacks, which counts; and sessions over a file.
#include "traces/replay.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "synthetic_trace.h"
#include "traces/analysis.h"
#include "traces/ring_log.h"
#include "traces/session.h"

namespace coroscope::traces {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// One coroutine parked since before the first keyframe, another that parks anew between the two.
struct TwoKeyframes {
    inspect::StateImage first, second;
    inspect::StackTable table;

    TwoKeyframes() {
        SyntheticProgram program(1);
        first = program.truth();
        first.coroutines.clear();
        for (std::uint32_t i = 0; i < 2; ++i) {
            inspect::CoroutineImage row;
            row.index = i;
            row.identity = 10 + i;
            row.sequence = 4;
            row.state = wire::CoroutineState::kParked;
            row.reason = wire::WaitReason::kSleep;
            row.rip = 0x401000 + i;
            row.slot = i;
            first.coroutines.push_back(row);
        }
        first.read_begin_ticks = first.read_end_ticks = 2 * kSecond;
        first.index();
        second = first;
        second.coroutines[1].sequence = 8;
        second.read_begin_ticks = second.read_end_ticks = 4 * kSecond;
        second.index();
        table.add({0x401000, 0x409000});
        table.add({0x401001, 0x409000});
        table.add({0x402001, 0x409000});
    }

    void write(const std::string& path) const {
        auto writer = TraceWriter::create(path, synthetic_meta());
        ASSERT_TRUE(writer.ok());
        // wake, resume, suspend of coroutine 1 at 2.5 s
        RingLog log(0, 2 * kSecond, writer->get(), nullptr);
        ASSERT_TRUE(log.set_owner(wire::RingOwner::kWorker, 0).ok());
        const std::uint64_t at = 2'500'000'000;
        const std::vector<wire::EventSlot> slots = {
            wire::make_slot(at, wire::EventType::kWake, 0, wire::make_word1(1, wire::pack24(6, 1))),
            wire::make_slot(at + 10, wire::EventType::kResume, 0, wire::make_word1(1, wire::pack24(7, 11))),
            wire::make_slot(at + 20, wire::EventType::kSuspend, 0,
                            wire::make_word1(wire::kNone, wire::pack24(8, 2))),
            wire::make_slot(0x402001, wire::EventType::kExt, 0, 9 * kSecond),
        };
        ASSERT_TRUE(log.take(slots, 0, 0, false).ok());
        ASSERT_TRUE(log.flush(false).ok());
        for (const inspect::StateImage* image : {&first, &second}) {
            ASSERT_TRUE((*writer)->add_keyframe(*image).ok());
            inspect::StackSnapshot stacks;
            stacks.taken_ticks = image->read_end_ticks;
            stacks.stacks.push_back({10, 4, inspect::Consistency::kExact, inspect::UnwindEnd::kEntry, 0, 64});
            const bool later = image == &second;
            stacks.stacks.push_back({11, later ? 8U : 4U, inspect::Consistency::kExact,
                                     inspect::UnwindEnd::kEntry, later ? 2U : 1U, 64});
            ASSERT_TRUE((*writer)->add_stacks(stacks, table).ok());
        }
        Symbols symbols;
        for (const std::uint64_t pc : {0x401000, 0x401001, 0x402001, 0x409000}) {
            symbols[pc] = {{pc, "f" + std::to_string(pc & 0xffff), "x.cpp", 1, "/bin/x", false}};
        }
        ASSERT_TRUE((*writer)->add_symbols(symbols).ok());
        Counts counts;
        counts.mark_ticks = 5 * kSecond;
        counts.rings.resize(1);
        counts.rings[0].owner = wire::RingOwner::kWorker;
        counts.rings[0].accepted = log.accepted();
        counts.rings[0].emitted = log.accepted();
        counts.rings[0].emitted[static_cast<std::size_t>(wire::EventType::kWake)] += 3;
        ASSERT_TRUE((*writer)->add_counts(counts).ok());
        ASSERT_TRUE((*writer)->finish({5 * kSecond, "the program ended", ""}).ok());
    }
};

std::unique_ptr<Replay> open(const std::string& path) {
    auto reader = TraceReader::open(path);
    EXPECT_TRUE(reader.ok());
    auto replay = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
    EXPECT_TRUE(replay.ok());
    return std::move(*replay);
}

TEST(Replay, a_stack_is_shown_at_any_time_at_which_its_park_lasted) {
    const TemporaryPath file("stacks");
    TwoKeyframes().write(file.path());
    const auto replay = open(file.path());
    EXPECT_EQ(replay->begin(), 1'000'000'000);
    EXPECT_EQ(replay->end(), 4'000'000'000);
    const auto stack_at = [&](TimeNs t, std::uint64_t identity) -> std::uint32_t {
        const auto moment = replay->moment_at(t);
        EXPECT_TRUE(moment.ok());
        const inspect::StackRef* ref = (*moment)->stack_of(*(*moment)->state.coroutine_of(identity));
        return ref == nullptr ? wire::kNone : ref->stack;
    };
    EXPECT_EQ(stack_at(1'200'000'000, 11), 1U) << "from the snapshot before";
    EXPECT_EQ(stack_at(1'600'000'000, 11), 2U) << "from the snapshot after: it has parked anew";
    EXPECT_EQ(stack_at(1'600'000'000, 10), 0U);
    EXPECT_EQ(stack_at(1'500'000'005, 11), wire::kNone) << "ready between two parks: no snapshot saw it";
}

TEST(Replay, counts_grow_with_time_and_losses_are_told_at_the_end) {
    const TemporaryPath file("counts");
    TwoKeyframes().write(file.path());
    const auto replay = open(file.path());
    const auto wakes_at = [&](TimeNs t) {
        return (*replay->moment_at(t))->events[static_cast<std::size_t>(wire::EventType::kWake)];
    };
    EXPECT_EQ(wakes_at(1'200'000'000).accepted, 0U);
    EXPECT_EQ(wakes_at(1'700'000'000).accepted, 1U);
    EXPECT_EQ(wakes_at(1'700'000'000).lost, 0U);
    const EventCount at_end = wakes_at(9'000'000'000);
    EXPECT_EQ(at_end.accepted, 1U);
    EXPECT_EQ(at_end.lost, 3U);
    EXPECT_EQ(at_end.emitted, 4U);
}

TEST(RecordedSession, shows_the_time_asked_for_and_names_from_the_file) {
    const TemporaryPath file("session");
    TwoKeyframes().write(file.path());
    auto session = open_trace(file.path());
    ASSERT_TRUE(session.ok()) << session.error().message;
    auto moment = (*session)->wait_moment();
    ASSERT_TRUE(moment.ok());
    EXPECT_EQ((*moment)->t, 4'000'000'000);
    (*session)->set_time(1'500'000'015);
    moment = (*session)->wait_moment();
    ASSERT_TRUE(moment.ok());
    EXPECT_EQ((*moment)->t, 1'500'000'015);
    EXPECT_EQ((*moment)->state.coroutine_of(11)->state, wire::CoroutineState::kRunning);
    const auto frames = (*session)->wait_frames({0x401000, 0x409000});
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].function, "f4096");
    EXPECT_EQ((*session)->info().title.rfind("session_", 0), 0U);
    EXPECT_NE((*session)->info().status_text.find("the program ended"), std::string::npos);
    const nlohmann::json stat = to_json(compute_stat(**session, **moment));
    EXPECT_EQ(stat["states"]["running"], 1);
    EXPECT_EQ(stat["states"]["parked"], 1);
}

TEST(RecordedSession, a_file_cut_short_says_so) {
    const TemporaryPath file("short");
    SyntheticProgram program(1);
    for (std::uint16_t i = 0; i < 300; ++i)
        program.step(i);
    write_synthetic_trace(file.path(), program, {program.truth()}, 50, false);
    auto session = open_trace(file.path());
    ASSERT_TRUE(session.ok());
    EXPECT_NE((*session)->info().status_text.find("trace cut short"), std::string::npos);
    const auto moment = (*session)->wait_moment();
    ASSERT_TRUE(moment.ok());
    EXPECT_GT((*moment)->events_total, 100U);
}

}  // namespace
}  // namespace coroscope::traces
