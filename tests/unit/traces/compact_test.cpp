// Compacting a trace: the same state, the same figures, fewer bytes; what is broken is said and left out.
#include "traces/compact.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "synthetic_trace.h"
#include "traces/analysis.h"
#include "traces/session.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

SyntheticProgram busy_program(std::uint32_t steps, inspect::StateImage* middle) {
    SyntheticProgram program(2);
    for (std::uint32_t i = 0; i < steps; ++i) {
        if (i == steps / 2) *middle = program.truth();
        program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
    }
    return program;
}

void write_trace(const std::string& path, bool finish) {
    inspect::StateImage middle;
    const SyntheticProgram program = busy_program(4000, &middle);
    write_synthetic_trace(path, program, {middle, program.truth()}, 900, finish);
}

// Everything that people are shown of a trace: figures at its end, stacks and state at moments within.
std::string shown(const std::string& path) {
    auto opened = open_trace(path);
    EXPECT_TRUE(opened.ok());
    Session& session = **opened;
    std::string text;
    const SessionInfo info = session.info();
    for (int eighth = 0; eighth <= 8; ++eighth) {
        session.set_time(info.begin + (info.end - info.begin) * eighth / 8);
        const auto moment = session.wait_moment();
        EXPECT_TRUE(moment.ok());
        text += to_json(compute_stat(session, **moment)).dump(1) + stacks_json(session, **moment).dump(1) +
                to_json(compute_waits(**moment)).dump(1);
    }
    return text;
}

TEST(Compact, a_compacted_trace_shows_the_same_in_fewer_bytes) {
    const TemporaryPath before("before");
    const TemporaryPath after("after");
    write_trace(before.path(), true);
    const auto result = compact(before.path(), after.path());
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(result->left_out.empty());
    EXPECT_EQ(result->bytes_before, std::filesystem::file_size(before.path()));
    EXPECT_EQ(result->bytes_after, std::filesystem::file_size(after.path()));
    EXPECT_LT(result->bytes_after, result->bytes_before);
    EXPECT_GT(result->events, 1000U);
    EXPECT_EQ(shown(after.path()), shown(before.path()));
    const auto reader = TraceReader::open(after.path());
    ASSERT_TRUE(reader.ok());
    for (const std::uint32_t position : (*reader)->events())
        EXPECT_EQ((*reader)->chunks()[position].header.layout, EventsLayout::kColumns);
}

TEST(Compact, a_file_of_version_1_becomes_one_of_today) {
    const char* source = std::getenv("COROSCOPE_SOURCE");
    const std::string golden = std::string(source != nullptr ? source : ".") + "/tests/golden/small.coro";
    const TemporaryPath after("today");
    const auto result = compact(golden, after.path());
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(result->left_out.empty());
    EXPECT_EQ(shown(after.path()), shown(golden));
    const auto reader = TraceReader::open(after.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ((*reader)->file_header().version_major, kTraceMajor);
}

TEST(Compact, a_trace_without_footer_gets_one) {
    const TemporaryPath before("cut");
    const TemporaryPath after("closed");
    write_trace(before.path(), false);
    const auto result = compact(before.path(), after.path());
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->left_out.size(), 1U) << "that the recorder did not come to close it";
    const auto reader = TraceReader::open(after.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE((*reader)->complete());
    EXPECT_EQ((*reader)->end().because, "the trace was cut short");
}

TEST(Compact, a_broken_chunk_is_said_and_left_out) {
    const TemporaryPath before("broken");
    const TemporaryPath after("without");
    write_trace(before.path(), true);
    std::size_t chunks = 0;
    std::uint64_t at = 0;
    {
        const auto reader = TraceReader::open(before.path());
        ASSERT_TRUE(reader.ok());
        chunks = (*reader)->events().size();
        at = (*reader)->chunks()[(*reader)->events()[1]].payload_offset();
    }
    {
        std::fstream file(before.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(at + 10));
        file.write("damage", 6);
    }
    const auto result = compact(before.path(), after.path());
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_EQ(result->left_out.size(), 1U);
    EXPECT_NE(result->left_out[0].find("events chunk"), std::string::npos) << result->left_out[0];
    const auto reader = TraceReader::open(after.path());
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ((*reader)->events().size(), chunks - 1);
    for (const ChunkRef& chunk : (*reader)->chunks())
        EXPECT_TRUE(chunk_is_whole((*reader)->file(), chunk));
}

TEST(Compact, a_trace_is_not_written_over_itself) {
    const TemporaryPath file("itself");
    write_trace(file.path(), true);
    const auto size = std::filesystem::file_size(file.path());
    const auto result = compact(file.path(), file.path());
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, base::ErrorCode::kUsage);
    EXPECT_EQ(std::filesystem::file_size(file.path()), size);
}

}  // namespace
}  // namespace coroscope::traces
