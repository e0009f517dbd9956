// A disk that fills while recording: one sentence, and what was written stays a readable trace.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "synthetic_trace.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

// The process's limit on the size of a file, put back at the end.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
};

EventsChunk some_events(std::uint64_t position) {
    EventsChunk chunk;
    chunk.ring = 0;
    chunk.first_position = position;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        chunk.slots.push_back(wire::make_slot(1'000'000'000 + position + i, wire::EventType::kResume, 0,
                                              wire::make_word1(i * 2654435761U, i)));
    }
    chunk.events_count = 1000;
    chunk.context_ticks = chunk.ticks_min = 1'000'000'000 + position;
    chunk.ticks_max = chunk.ticks_min + 999;
    return chunk;
}

TEST(DiskFull, what_was_written_stays_readable_and_the_error_says_so) {
    const TemporaryPath file("full");
    SyntheticProgram program(1);
    for (std::uint16_t i = 0; i < 200; ++i)
        program.step(i);
    std::uint64_t added = 0;
    base::Error error;
    {
        auto writer = TraceWriter::create(file.path(), synthetic_meta());
        ASSERT_TRUE(writer.ok());
        ASSERT_TRUE((*writer)->add_keyframe(program.truth()).ok());
        const FileSizeLimit limit(100'000);
        for (;;) {
            const base::Status written = (*writer)->add_events(some_events(added * 1000), false);
            if (!written.ok()) {
                error = written.error();
                break;
            }
            ASSERT_LT(++added, 1000U) << "the limit never came";
        }
        EXPECT_FALSE((*writer)->add_keyframe(program.truth()).ok()) << "a failed writer stays failed";
        EXPECT_FALSE((*writer)->finish({}).ok());
        EXPECT_EQ((*writer)->status().error().message, error.message);
    }
    EXPECT_EQ(error.code, base::ErrorCode::kIo);
    EXPECT_NE(error.message.find(file.path()), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("readable"), std::string::npos) << error.message;
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_GT(added, 2U);
    ASSERT_EQ((*reader)->events().size(), added);
    EXPECT_EQ((*reader)->read_events((*reader)->chunks()[(*reader)->events().back()])->size(), 1000U);
}

TEST(DiskFull, a_full_device_is_refused_at_once) {
    const auto writer = TraceWriter::create("/dev/full", synthetic_meta());
    ASSERT_FALSE(writer.ok());
    EXPECT_EQ(writer.error().code, base::ErrorCode::kIo);
    EXPECT_NE(writer.error().message.find("/dev/full"), std::string::npos);
}

TEST(DiskFull, a_place_that_cannot_be_written_is_named) {
    const auto writer = TraceWriter::create("/nonexistent/t.coro", synthetic_meta());
    ASSERT_FALSE(writer.ok());
    EXPECT_EQ(writer.error().code, base::ErrorCode::kIo);
    EXPECT_NE(writer.error().message.find("/nonexistent/t.coro"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::traces
