// Exports of generated histories, whole and with losses: rows that follow each other, and an order that Go's own reader finds possible.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "synthetic_trace.h"
#include "traces/exports/export.h"
#include "traces/exports/stack_profile.h"
#include "traces/exports/tables.h"
#include "traces/ring_log.h"

namespace coroscope::exports {
namespace {

using traces::SyntheticProgram;
using traces::TemporaryPath;

// The first history from `seed` on in which much happens: others soon have everybody wait for what nobody sends. Returns how many workers it has.
std::uint32_t write_history(const std::string& path, unsigned seed, bool lossy) {
    for (;; seed += 100) {
        std::mt19937 random(seed);
        const std::uint32_t workers = 1 + seed % 4;
        SyntheticProgram program(workers, seed % 2 == 0, seed % 3 == 0);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 0; i < 1500; ++i) {
            const auto ring = static_cast<std::uint32_t>(random() % workers);
            if (lossy && random() % 50 == 0) program.drop_events(ring);
            if (lossy && random() % 10 == 0) program.keep_events(ring);
            program.step(static_cast<std::uint16_t>(random()));
        }
        std::uint64_t exits = 0;
        for (std::uint32_t ring = 0; ring < workers; ++ring)
            exits += program.emitted(ring).count(wire::EventType::kExit) != 0
                         ? program.emitted(ring).at(wire::EventType::kExit)
                         : 0;
        if (exits < 30) continue;
        keyframes.push_back(program.truth());
        traces::write_synthetic_trace(path, program, keyframes, 61);
        return workers;
    }
}

class RowCheck final : public TableSink {
public:
    void row(TableName table, std::span<const Value> values) override {
        const auto& columns = tables()[static_cast<std::size_t>(table)].columns;
        ASSERT_EQ(values.size(), columns.size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            const bool right = std::holds_alternative<std::monostate>(values[i]) ||
                               std::holds_alternative<std::int64_t>(values[i]) ==
                                   (columns[i].type == ColumnType::kInteger);
            EXPECT_TRUE(right) << columns[i].name;
        }
        ++rows[table];
        if (table == TableName::kLosses) lost_ns += std::get<1>(values[1]) - std::get<1>(values[0]);
        if (table != TableName::kSpans) return;
        const bool unknown = std::get<std::string_view>(values[1]) == "unknown";
        unknown_ns += unknown ? std::get<1>(values[6]) - std::get<1>(values[5]) : 0;
        if (!std::holds_alternative<std::int64_t>(values[0])) return;
        const std::int64_t who = std::get<1>(values[0]);
        if (ends.contains(who)) {
            EXPECT_EQ(ends[who], std::get<1>(values[5])) << "a gap in the spans of " << who;
        }
        ends[who] = std::get<1>(values[6]);
    }
    std::map<TableName, std::size_t> rows;
    std::map<std::int64_t, std::int64_t> ends;
    std::int64_t unknown_ns = 0, lost_ns = 0;
};

TEST(Tables, rows_have_their_columns_types_and_spans_follow_each_other) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE(seed);
        const bool lossy = seed >= 10;
        const TemporaryPath file("tables");
        const std::uint32_t workers = write_history(file.path(), seed, lossy);
        auto walk = analyses::TraceWalk::open(file.path());
        ASSERT_TRUE(walk.ok());
        RowCheck check;
        tell_tables(**walk, check);
        EXPECT_EQ(check.rows[TableName::kTrace], 1U);
        EXPECT_EQ(check.rows[TableName::kSites], 5U);
        EXPECT_EQ(check.rows[TableName::kWorkers], workers);
        EXPECT_GE(check.rows[TableName::kCoroutines], check.ends.size());
        EXPECT_GT(check.rows[TableName::kSpans], 100U);
        EXPECT_GT(check.rows[TableName::kCounters], 0U);
        EXPECT_EQ(check.rows[TableName::kLosses] != 0, lossy);
        EXPECT_EQ(check.unknown_ns != 0, lossy);
    }
}

// What go tool trace says of a file; "" when it read it, and the number of its events in *events.
std::string go_says(const std::string& path, std::size_t* events) {
    std::FILE* pipe = popen(("go tool trace -d '" + path + "' 2>&1").c_str(), "r");
    if (pipe == nullptr) return "popen failed";
    std::string text;
    char buffer[4096];
    for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;)
        text.append(buffer, got);
    const int status = pclose(pipe);
    *events = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && text.find("failed") == std::string::npos
               ? ""
               : text.substr(0, 500);
}

TEST(GoTrace, go_finds_the_order_of_any_history_possible_also_where_events_are_missing) {
    if (std::system("go version >/dev/null 2>&1") != 0) GTEST_SKIP() << "not run: go is not installed";
    for (unsigned seed = 0; seed < 16; ++seed) {
        SCOPED_TRACE(seed);
        const TemporaryPath file("go"), out("go_out");
        write_history(file.path(), seed, seed >= 8);
        ExportRequest request;
        request.trace = file.path();
        request.output = out.path();
        request.format = Format::kGo;
        const base::Status status = export_trace(request);
        ASSERT_TRUE(status.ok()) << status.error().message;
        std::size_t events = 0;
        EXPECT_EQ(go_says(out.path(), &events), "");
        EXPECT_GT(events, 100U);
    }
}

// Coroutines 10 and 11 park; a snapshot has seen 10 in its park, and of 11's only the address.
struct Parks {
    inspect::StackTable table;
    static constexpr std::uint64_t kBegin = 2'000'000'000;

    void write(const std::string& path, bool with_stacks) {
        SyntheticProgram program(1);
        inspect::StateImage image = program.truth();
        image.coroutines.clear();
        for (std::uint32_t i = 0; i < 2; ++i) {
            inspect::CoroutineImage row;
            row.index = i;
            row.identity = 10 + i;
            row.sequence = 4;
            row.site = i;
            row.state = wire::CoroutineState::kParked;
            row.reason = wire::WaitReason::kSleep;
            row.rip = 0x401000 + i;
            image.coroutines.push_back(row);
        }
        image.read_begin_ticks = image.read_end_ticks = kBegin;
        image.index();
        auto writer = traces::TraceWriter::create(path, traces::synthetic_meta());
        ASSERT_TRUE(writer.ok());
        const auto slot = [](std::uint64_t at, wire::EventType type, std::uint32_t object,
                             std::uint32_t argument) {
            return wire::make_slot(at, type, 0, wire::make_word1(object, argument));
        };
        // 11 is woken after 300 ns, runs 40 ns, parks at 0x402001 until the end, 1000 ns later.
        const std::vector<wire::EventSlot> slots = {
            slot(kBegin + 300, wire::EventType::kWake, 1, wire::pack24(6, 1)),
            slot(kBegin + 360, wire::EventType::kResume, 1, wire::pack24(7, 11)),
            slot(kBegin + 400, wire::EventType::kSuspend, wire::kNone, wire::pack24(8, 2)),
            wire::make_slot(0x402001, wire::EventType::kExt, 0, 0),
        };
        traces::RingLog log(0, kBegin, writer->get(), nullptr);
        ASSERT_TRUE(log.set_owner(wire::RingOwner::kWorker, 0).ok());
        ASSERT_TRUE(log.take(slots, 0, 0, false).ok());
        ASSERT_TRUE(log.flush(false).ok());
        ASSERT_TRUE((*writer)->add_keyframe(image).ok());
        if (with_stacks) {
            // Two stacks are parked at 0x401000, so that the address alone would not say which.
            table.add({0x401000, 0x409000});
            table.add({0x401000, 0x40a000});
            table.add({0x402001, 0x40b000});
            inspect::StackSnapshot stacks;
            stacks.taken_ticks = kBegin;
            stacks.stacks.push_back({10, 4, inspect::Consistency::kExact, inspect::UnwindEnd::kEntry, 1, 64});
            stacks.stacks.push_back(
                {11, 4, inspect::Consistency::kExact, inspect::UnwindEnd::kNotUnwound, wire::kNone, 0});
            ASSERT_TRUE((*writer)->add_stacks(stacks, table).ok());
        }
        traces::Symbols symbols;
        for (const std::uint64_t pc : {0x401000, 0x401001, 0x402001, 0x409000, 0x40a000, 0x40b000})
            symbols[pc] = {{pc, "f" + std::to_string(pc & 0xffff), "x.cpp", 1, "/bin/x", false}};
        ASSERT_TRUE((*writer)->add_symbols(symbols).ok());
        traces::Counts counts;
        counts.mark_ticks = kBegin + 1400;
        ASSERT_TRUE((*writer)->add_counts(counts).ok());
        ASSERT_TRUE((*writer)->finish({kBegin + 1400, "the program ended", ""}).ok());
    }
};

std::map<std::string, std::int64_t> by_stack(const StackProfile& profile) {
    std::map<std::string, std::int64_t> rows;
    for (const StackRow& row : profile.rows) {
        std::string key;
        for (const ProfileFrame& frame : row.frames)
            key += (key.empty() ? "" : " < ") + frame.function.substr(0, frame.function.find(" ("));
        rows[key] += row.values[1];
    }
    return rows;
}

TEST(StackProfile, time_goes_to_the_stack_of_the_park_or_to_what_is_known_of_it) {
    const TemporaryPath file("parks");
    Parks().write(file.path(), true);
    auto walk = analyses::TraceWalk::open(file.path());
    ASSERT_TRUE(walk.ok());
    StackProfileWish request;
    request.kind = Kind::kBlocked;
    const auto blocked = make_stack_profile(**walk, request);
    ASSERT_TRUE(blocked.ok());
    const std::map<std::string, std::int64_t> expected = {
        {"f4096 < f40960 < coroutine", 1400},  // the snapshot's, though another stack parks there as well
        {"f4097 < [frames that were not captured] < coroutine", 300},  // no snapshot has it
        {"f8193 < f45056 < coroutine", 1000},                          // the only one that parks there
    };
    EXPECT_EQ(by_stack(*blocked), expected);
    request.kind = Kind::kCpu;
    const auto cpu = make_stack_profile(**walk, request);
    ASSERT_TRUE(cpu.ok());
    EXPECT_EQ(by_stack(*cpu), (std::map<std::string, std::int64_t>{{"f8193 < f45056 < coroutine", 40}}));
    request.kind = Kind::kStackMemory;
    request.at_ns = 1'000'000'000;
    const auto memory = make_stack_profile(**walk, request);
    ASSERT_TRUE(memory.ok());
    EXPECT_EQ(by_stack(*memory), (std::map<std::string, std::int64_t>{{"f4096 < f40960 < coroutine", 64}}));
}

TEST(StackProfile, parts_of_the_time_add_up_to_the_whole_and_whom_can_be_asked_for) {
    const TemporaryPath file("parts");
    Parks().write(file.path(), true);
    const auto profile_of = [&](std::int64_t from, std::int64_t to, const StackProfileWish& wish) {
        auto reader = traces::TraceReader::open(file.path());
        EXPECT_TRUE(reader.ok());
        auto walk = analyses::TraceWalk::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)), from, to);
        EXPECT_TRUE(walk.ok());
        auto profile = make_stack_profile(**walk, wish);
        EXPECT_TRUE(profile.ok());
        return by_stack(*profile);
    };
    constexpr std::int64_t kBegin = 1'000'000'000, kMiddle = kBegin + 350, kEnd = kBegin + 1400;
    StackProfileWish wish;
    wish.kind = Kind::kBlocked;
    auto sum = profile_of(kBegin, kMiddle, wish);
    EXPECT_EQ(sum, (std::map<std::string, std::int64_t>{{"f4096 < f40960 < coroutine", 350},
                                                        {"f4097 < [frames that were not captured] < coroutine", 300}}));
    for (const auto& [stack, ns] : profile_of(kMiddle, kEnd, wish)) sum[stack] += ns;
    EXPECT_EQ(sum, profile_of(kBegin, kEnd, wish));
    wish.coroutine = 10;
    EXPECT_EQ(profile_of(kBegin, kEnd, wish), (std::map<std::string, std::int64_t>{{"f4096 < f40960 < coroutine", 1400}}));
    wish.coroutine = 0;
    wish.site = "nowhere.cpp:1";
    EXPECT_TRUE(profile_of(kBegin, kEnd, wish).empty());
}

TEST(StackProfile, a_trace_without_stacks_is_said_to_have_none) {
    const TemporaryPath file("no_stacks"), out("no_stacks_out");
    Parks().write(file.path(), false);
    for (const Kind kind : {Kind::kCpu, Kind::kBlocked, Kind::kStackMemory}) {
        ExportRequest request;
        request.trace = file.path();
        request.output = out.path();
        request.format = Format::kPprof;
        request.kind = kind;
        const base::Status status = export_trace(request);
        ASSERT_FALSE(status.ok());
        EXPECT_NE(status.error().message.find("holds no stacks"), std::string::npos) << status.error().message;
        EXPECT_NE(access(out.path().c_str(), F_OK), 0);
    }
}

}  // namespace
}  // namespace coroscope::exports
