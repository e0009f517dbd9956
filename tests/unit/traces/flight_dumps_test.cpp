// Dumps of a flight recorder: each a whole trace; one that fails leaves the memory and the numbering as they were.
#include "traces/flight_dumps.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "synthetic_trace.h"
#include "traces/ring_log.h"

namespace coroscope::traces {
namespace {

// A program whose recorder keeps a window.
class FlightDumpsTest : public testing::Test {
protected:
    FlightDumpsTest()
        : memory_(TraceMemory::make({.bytes = 100'000})),
          writer_(std::move(*TraceWriter::create(memory_, synthetic_meta()))),
          log_(0, 1'000'000'000, writer_.get(), nullptr) {}
    ~FlightDumpsTest() override {
        for (const char* end : {"", "-2", "-3"})
            unlink((path_.path() + end).c_str());
    }
    // A quarter of a second of it: events, a mark, a look.
    void go_on() {
        for (std::uint16_t i = 0; i < 500; ++i)
            program_.step(static_cast<std::uint16_t>(i * 31 + seed_++));
        const std::vector<wire::EventSlot>& slots = program_.ring(0);
        ASSERT_TRUE(log_.take(std::span(slots).subspan(taken_), taken_, 0, true).ok());
        taken_ = slots.size();
        ASSERT_TRUE(log_.flush(true).ok());
        Counts counts;
        counts.mark_ticks = program_.now();
        RingCount row;
        row.accepted = row.emitted = log_.accepted();
        counts.rings.push_back(row);
        ASSERT_TRUE(writer_->add_counts(counts).ok());
        ASSERT_TRUE(writer_->add_keyframe(program_.truth()).ok());
    }

    const TemporaryPath path_{"flight"};
    SyntheticProgram program_{1};
    std::uint16_t seed_ = 0;
    std::size_t taken_ = 0;
    const std::shared_ptr<TraceMemory> memory_;
    const std::unique_ptr<TraceWriter> writer_;
    RingLog log_;
};

std::uint64_t events_of(const TraceReader& reader) {
    std::uint64_t events = 0;
    for (const std::uint32_t position : reader.events())
        for (const TypeCount& row : reader.chunks()[position].counts)
            events += is_bookkeeping(static_cast<wire::EventType>(row.type)) ? 0 : row.count;
    return events;
}

TEST_F(FlightDumpsTest, each_dump_is_a_trace_of_its_own_that_says_why_it_was_written) {
    FlightDumps dumps(memory_, path_.path());
    for (const char* end : {"", "-2", "-3"}) {
        for (int i = 0; i < 12; ++i)
            ASSERT_NO_FATAL_FAILURE(go_on());
        const auto dump = dumps.write("because " + std::string(end), RecordingCost{.seconds = 3});
        ASSERT_TRUE(dump.ok()) << dump.error().message;
        EXPECT_EQ(dump->path, path_.path() + end);
        const auto reader = TraceReader::open(dump->path);
        ASSERT_TRUE(reader.ok()) << reader.error().message;
        EXPECT_TRUE((*reader)->complete());
        EXPECT_TRUE((*reader)->losses().empty());
        EXPECT_EQ((*reader)->end().because, "because " + std::string(end));
        EXPECT_EQ((*reader)->end().cost->seconds, 3);
        EXPECT_EQ(events_of(**reader), dump->held.events);
        EXPECT_GT(dump->held.events, 100U);
        EXPECT_LT(dump->held.events, log_.events_total()) << "what is older has given way";
    }
    EXPECT_EQ(dumps.count(), 3U);
}

TEST_F(FlightDumpsTest, one_that_fails_is_tried_again_under_its_name_and_costs_nothing_that_is_held) {
    ASSERT_EQ(mkdir(path_.path().c_str(), 0700), 0);  // where a folder is, no file can be made
    ASSERT_NO_FATAL_FAILURE(go_on());
    const std::uint64_t held = memory_->bytes();
    FlightDumps dumps(memory_, path_.path());
    const auto failed = dumps.write("too early", std::nullopt);
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code, base::ErrorCode::kIo);
    EXPECT_NE(failed.error().message.find(path_.path()), std::string::npos) << failed.error().message;
    EXPECT_EQ(memory_->bytes(), held);
    ASSERT_EQ(rmdir(path_.path().c_str()), 0);
    const auto dump = dumps.write("again", std::nullopt);
    ASSERT_TRUE(dump.ok()) << dump.error().message;
    EXPECT_EQ(dump->path, path_.path());
    EXPECT_EQ(dump->held.events, log_.events_total());
}

}  // namespace
}  // namespace coroscope::traces
