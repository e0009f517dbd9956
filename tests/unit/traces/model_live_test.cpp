// The model against a running program: from each keyframe of a recorded demo and the events after it, the next keyframe must follow.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <set>
#include <string>

#include "compare_state.h"
#include "instrumentation/inspect/target.h"
#include "traces/event_feed.h"
#include "traces/model.h"
#include "traces/recorder.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

constexpr std::uint64_t
    kNearTicks = 10'000'000;  // some ms: stamp and write of one change are not further apart unless preempted

std::string program_path(const std::string& name) {
    const char* folder = std::getenv("COROSCOPE_BIN");
    return std::string(folder != nullptr ? folder : "build/bin") + "/" + name;
}

// Runs the program under the recorder; the trace's path.
std::string record_program(const std::string& name, const std::vector<std::string>& arguments) {
    const std::string path = testing::TempDir() + "model_live_" + std::to_string(getpid()) + ".coro";
    const pid_t child = fork();
    if (child == 0) {
        std::string program = program_path(name);
        std::vector<char*> argv = {program.data()};
        std::vector<std::string> copies = arguments;
        for (std::string& argument : copies)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        setenv("LD_BIND_NOW", "1", 1);
        if (freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
        execv(program.c_str(), argv.data());
        _exit(127);
    }
    const auto found = inspect::wait_for_target(static_cast<std::uint32_t>(child), 20000);
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().message);
    RecordOptions options;
    options.path = path;
    options.pid = static_cast<std::uint32_t>(child);
    options.keyframe_interval_ms = 200;
    std::atomic<bool> stop{false};
    const auto recorded = record(options, &stop);
    EXPECT_TRUE(recorded.ok()) << (recorded.ok() ? "" : recorded.error().message);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return path;
}

bool workers_quiet_near(const TraceReader& trace, const inspect::StateImage& keyframe) {
    bool quiet = true;
    // A worker may be preempted between its record and its event for as long as the machine is busy: be far from both.
    constexpr std::uint64_t kQuietTicks = 10 * kNearTicks;
    EventFeed feed(trace, keyframe.read_begin_ticks - kQuietTicks, keyframe.read_end_ticks + kQuietTicks);
    feed.for_each([&](const wire::DecodedEvent&, const RingCount& ring) {
        quiet = quiet && ring.owner != wire::RingOwner::kWorker;
    });
    return quiet;
}

TEST(ModelFields, every_replayed_field_of_the_table_is_compared) {
    std::set<std::string> replayed;
    for (const wire::FieldRow& row : wire::kFields) {
        if (row.source == wire::FieldSource::kReplayed)
            replayed.insert(std::string(row.record) + "." + row.field);
    }
    const std::vector<std::string> compared = compared_fields();
    EXPECT_EQ(replayed, std::set<std::string>(compared.begin(), compared.end()));
}

// What all keyframes of a trace together had.
struct Seen {
    std::uint64_t coroutines_same = 0, channels_same = 0, waitables_same = 0, wakers_same = 0, quiet = 0;
};

// From each keyframe and the events after it the next one must follow.
void expect_each_keyframe_to_follow(const TraceReader& trace, Seen& seen) {
    for (std::size_t k = 0; k + 1 < trace.keyframes().size(); ++k) {
        auto first = trace.read_keyframe(trace.chunks()[trace.keyframes()[k]]);
        auto second = trace.read_keyframe(trace.chunks()[trace.keyframes()[k + 1]]);
        ASSERT_TRUE(first.ok() && second.ok());
        const std::uint64_t from = first->read_begin_ticks - 10 * kNearTicks;
        // Somewhat beyond the second keyframe: what it saw changed may be stamped after it.
        const std::uint64_t until = second->read_end_ticks + kNearTicks;
        Model model(std::move(*first));
        EventFeed feed(trace, from, until);
        feed.for_each([&](const wire::DecodedEvent& event, const RingCount& ring) {
            model.apply(event, ring.owner, ring.owner_index);
        });
        EXPECT_TRUE(feed.losses().empty());
        const inspect::StateImage rebuilt = model.finish(until, nullptr);
        const Comparison comparison = compare(rebuilt, *second, workers_quiet_near(trace, *second));
        for (const std::string& difference : comparison.differences)
            ADD_FAILURE() << "keyframe " << k + 1 << ": " << difference;
        for (const inspect::CoroutineImage& row : rebuilt.coroutines) {
            EXPECT_NE(row.consistency, inspect::Consistency::kUnknown)
                << "coroutine " << row.index << " though nothing was lost";
        }
        for (const inspect::WaitableImage& row : rebuilt.waitables) {
            EXPECT_NE(row.consistency, inspect::Consistency::kUnknown)
                << "waitable " << row.index << " though nothing was lost";
        }
        seen.coroutines_same += comparison.coroutines_same;
        seen.wakers_same += comparison.wakers_same;
        seen.channels_same += comparison.channels_same;
        seen.waitables_same += comparison.waitables_same;
        seen.quiet += comparison.quiet ? 1 : 0;
    }
}

TEST(ModelLive, each_keyframe_of_the_demo_follows_from_the_one_before_and_the_events) {
    if (access(program_path("demo").c_str(), X_OK) != 0) GTEST_SKIP() << "the demo is not built";
    const std::string path = record_program("demo", {"--seconds", "2", "--swarm", "5000"});
    const auto opened = TraceReader::open(path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    ASSERT_GE((*opened)->keyframes().size(), 4U);
    Seen seen;
    expect_each_keyframe_to_follow(**opened, seen);
    EXPECT_GT(seen.coroutines_same, 5000U);
    EXPECT_GT(seen.channels_same, 10U);
    EXPECT_GT(seen.wakers_same, 1000U) << "all but the swarm were woken before the hold";
    EXPECT_GE(seen.quiet, 1U) << "the demo holds still for a while: one keyframe must have seen it so";
    unlink(path.c_str());
}

TEST(ModelLive, each_keyframe_of_the_dining_philosophers_follows_from_the_one_before_and_the_events) {
    const std::string path = record_program("philosophers", {"mended", "2"});
    const auto opened = TraceReader::open(path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    ASSERT_GE((*opened)->keyframes().size(), 4U);
    Seen seen;
    expect_each_keyframe_to_follow(**opened, seen);
    EXPECT_GT(seen.waitables_same, 10U);
    unlink(path.c_str());
}

TEST(ModelLive, each_keyframe_of_a_crossroads_of_selects_follows_from_the_one_before_and_the_events) {
    const std::string path = record_program("crossroads", {"busy", "2"});
    const auto opened = TraceReader::open(path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    ASSERT_GE((*opened)->keyframes().size(), 4U);
    Seen seen;
    expect_each_keyframe_to_follow(**opened, seen);
    EXPECT_GT(seen.coroutines_same, 1000U);
    const auto middle = (*opened)->read_keyframe((*opened)->chunks()[(*opened)->keyframes()[2]]);
    ASSERT_TRUE(middle.ok());
    EXPECT_GE(middle->select_arms.size(), 3U) << "two that wait for good have three arms between them";
    EXPECT_EQ(middle->selects.size(), 3U);
    unlink(path.c_str());
}

}  // namespace
}  // namespace coroscope::traces
