// Golden texts of everything derived from a trace, and a trace file of each version of the format that every later one must go on reading.
//
// tests/golden/small.coro (version 1) and small_2.coro (version 2) were written once, of the same history; small.*.txt say what is in both. After a
// deliberate change: COROSCOPE_UPDATE_GOLDEN=1 writes the texts anew (and the file of today's version, if it is gone), and the difference belongs
// into the commit.
#include <fmt/format.h>
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

std::string golden_path(const std::string& name) {
    const char* source = std::getenv("COROSCOPE_SOURCE");
    return std::string(source != nullptr ? source : ".") + "/tests/golden/" + name;
}
bool updating() {
    return std::getenv("COROSCOPE_UPDATE_GOLDEN") != nullptr;
}

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void expect_golden(const std::string& name, const std::string& text) {
    if (updating()) std::ofstream(golden_path(name), std::ios::binary) << text;
    EXPECT_EQ(content(golden_path(name)), text)
        << "COROSCOPE_UPDATE_GOLDEN=1 accepts the new text of " << name;
}

// A short history with a keyframe in its middle and one at its end, stacks, names and a mark.
void write_small_trace(const std::string& path) {
    SyntheticProgram program(2);
    for (std::uint32_t i = 0; i < 400; ++i)
        program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
    const inspect::StateImage first = program.truth();
    for (std::uint32_t i = 400; i < 900; ++i)
        program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
    write_synthetic_trace(path, program, {first, program.truth()}, 150);
}

std::string list_chunks(const TraceReader& reader) {
    std::string text;
    for (const ChunkRef& chunk : reader.chunks()) {
        const ChunkHeader& h = chunk.header;
        text += fmt::format("{:3} {:<12} unpacked {:6}", h.number, chunk_type_name(h.type), h.unpacked_bytes);
        if (h.type == ChunkType::kEvents) {
            text += fmt::format("  ring {} position {} slots {} events {} ticks {}..{}", h.ring,
                                h.first_position, h.slots_count, h.events_count, h.ticks_min, h.ticks_max);
        }
        text += "\n";
    }
    return text;
}

constexpr const char* kToday = "small_2";

// By name of the file.
class Golden : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (updating() && GetParam() == std::string(kToday) && !std::filesystem::exists(path()))
            write_small_trace(path());
        auto opened = open_trace(path());
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        session_ = std::move(*opened);
    }
    std::string path() const { return golden_path(std::string(GetParam()) + ".coro"); }
    std::shared_ptr<const Moment> moment(std::optional<TimeNs> t) {
        session_->set_time(t);
        auto found = session_->wait_moment();
        EXPECT_TRUE(found.ok());
        return *found;
    }
    std::unique_ptr<Session> session_;
};
INSTANTIATE_TEST_SUITE_P(EveryVersion, Golden, testing::Values("small", kToday));

TEST_P(Golden, the_committed_file_has_the_chunks_it_always_had) {
    const auto reader = TraceReader::open(path());
    ASSERT_TRUE(reader.ok());
    expect_golden(std::string(GetParam()) + ".chunks.txt", list_chunks(**reader));
}

TEST(GoldenToday, what_is_written_today_is_the_committed_file) {
    const TemporaryPath file("golden");
    write_small_trace(file.path());
    const auto today = TraceReader::open(file.path());
    ASSERT_TRUE(today.ok());
    const auto committed = TraceReader::open(golden_path(std::string(kToday) + ".coro"));
    ASSERT_TRUE(committed.ok());
    // Not the compressed bytes, which depend on the compressor's version.
    EXPECT_EQ(list_chunks(**today), list_chunks(**committed))
        << "the format changed: raise kTraceMinor or kTraceMajor";
}

TEST_P(Golden, stat) {
    const auto at_end = moment(std::nullopt);
    expect_golden(std::string(GetParam()) + ".stat.txt", to_text(compute_stat(*session_, *at_end)));
    expect_golden(std::string(GetParam()) + ".stat.json",
                  to_json(compute_stat(*session_, *at_end)).dump(2) + "\n");
}

TEST_P(Golden, state_between_two_keyframes) {
    const TimeNs middle = (session_->info().begin + session_->info().end) / 2;
    const auto then = moment(middle);
    std::string text = fmt::format("t {}\n", then->t);
    for (const auto& c : then->state.coroutines) {
        text += fmt::format("coroutine {:2} id {:3} seq {:3} {} {} on {:#x} since {} woken {} by {} ({})\n",
                            c.index, c.identity, c.sequence, inspect::state_name(c.state),
                            inspect::reason_name(c.reason), c.wait_object, c.since_ticks, c.woken_ticks,
                            c.woken_by, inspect::wake_cause_name(c.woken_cause));
    }
    for (const auto& c : then->state.channels) {
        text += fmt::format("channel {} id {} operations {} length {} sent {} received {} waiting {} {}{}\n",
                            c.index, c.identity, c.operations, c.length, c.sent, c.received,
                            c.senders_waiting, c.receivers_waiting, c.closed ? " closed" : "");
    }
    expect_golden(std::string(GetParam()) + ".state.txt", text);
}

TEST_P(Golden, stacks_and_waits) {
    const auto at_end = moment(std::nullopt);
    expect_golden(std::string(GetParam()) + ".stacks.json", stacks_json(*session_, *at_end).dump(1) + "\n");
    expect_golden(std::string(GetParam()) + ".waits.json", to_json(compute_waits(*at_end)).dump(1) + "\n");
}

}  // namespace
}  // namespace coroscope::traces
