// After a loss: what queries find behind the next keyframe is what they find when they begin there.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "synthetic_program.h"
#include "synthetic_trace.h"
#include "traces/rules/query.h"

namespace coroscope::rules {
namespace {

using traces::SyntheticProgram;
using traces::TimeNs;
using Choices = std::vector<std::uint16_t>;

// A history in which a ring loses events, and a keyframe that was taken later.
struct Lossy {
    Lossy() : program(2, false, true), file("ground") {
        const inspect::StateImage first = program.truth();
        go_on(300);
        lost_from_ticks = program.now();
        program.drop_events(0);
        go_on(150);
        program.keep_events(0);
        go_on(60);
        const inspect::StateImage second = program.truth();
        ground_ticks = second.read_end_ticks;
        go_on(500);
        write_synthetic_trace(file.path(), program, {first, second}, 40);
        auto reader = traces::TraceReader::open(file.path());
        auto made = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
        replay = std::move(*made);
    }
    void go_on(int steps) {
        for (int i = 0; i < steps; ++i)
            program.step(*rc::gen::arbitrary<std::uint16_t>());
    }
    TimeNs ground() const { return replay->time_of(ground_ticks); }

    SyntheticProgram program;
    const traces::TemporaryPath file;
    std::unique_ptr<traces::Replay> replay;
    std::uint64_t lost_from_ticks = 0, ground_ticks = 0;
};

std::shared_ptr<const Rule> rule_of(const std::string& text) {
    auto rule = Rule::parse(text);
    RC_ASSERT(rule.ok());
    return *rule;
}

std::set<std::uint64_t> covering(const SpanAnswer& spans, TimeNs t) {
    std::set<std::uint64_t> ids;
    for (const SpanRow& row : spans.rows) {
        if (row.since <= t && (t < row.until || (row.open_end && t == row.until))) ids.insert(row.id);
    }
    return ids;
}

std::set<std::uint64_t> holding(const traces::Replay& replay, const std::shared_ptr<const Rule>& rule,
                                TimeNs t) {
    auto moment = replay.moment_at(t);
    RC_ASSERT(moment.ok());
    std::set<std::uint64_t> ids;
    for (const StateRow& row : query_state(**moment, rule, 1'000'000).rows)
        ids.insert(row.id);
    return ids;
}

TEST(NewGround, spans_behind_the_next_keyframe_cover_what_holds_there) {
    const char* const rules[] = {"channel.len > 0",
                                 "coroutine.state == parked",
                                 "coroutine.blocked_ns > 20ns",
                                 "worker.state == running",
                                 "pool.used > 3",
                                 "channel.receivers > 0"};
    EXPECT_TRUE(rc::check("spans after a loss", [&] {
        Lossy lossy;
        const auto rule = rule_of(rules[*rc::gen::inRange<std::size_t>(0, std::size(rules))]);
        QueryOptions all;
        all.limit = 1'000'000;
        auto spans = query_spans(*lossy.replay, rule, all);
        RC_ASSERT(spans.ok());
        RC_ASSERT(spans->gaps > 0U);
        for (int i = 0; i < 10; ++i) {
            const TimeNs t = *rc::gen::inRange<TimeNs>(lossy.ground() + 1, lossy.replay->end() + 1);
            RC_LOG() << rule->text() << " at " << t << "\n";
            RC_ASSERT(covering(*spans, t) == holding(*lossy.replay, rule, t));
        }
    }));
}

TEST(NewGround, events_behind_the_next_keyframe_match_as_if_the_query_began_there) {
    const char* const rules[] = {
        "spawn and channel[1].len >= 0",         "channel-send and channel.len == cap",
        "suspend and coroutine.state == parked", "resume and id > 0",
        "resume and worker.state == running",    "wake and pool[medium].used > 1"};
    EXPECT_TRUE(rc::check("events after a loss", [&] {
        Lossy lossy;
        const auto rule = rule_of(rules[*rc::gen::inRange<std::size_t>(0, std::size(rules))]);
        QueryOptions from_the_start, from_there;
        from_there.from = lossy.ground() + 1;
        from_there.limit = from_the_start.limit = 1'000'000;
        auto whole = query_events(*lossy.replay, rule, from_the_start);
        auto part = query_events(*lossy.replay, rule, from_there);
        RC_ASSERT(whole.ok() && part.ok());
        std::erase_if(whole->rows, [&](const EventRow& row) { return row.t <= lossy.ground(); });
        RC_LOG() << rule->text() << "\n";
        RC_ASSERT(whole->rows.size() == part->rows.size());
        for (std::size_t i = 0; i < part->rows.size(); ++i) {
            RC_ASSERT(whole->rows[i].t == part->rows[i].t);
            RC_ASSERT(whole->rows[i].id == part->rows[i].id);
            RC_ASSERT(whole->rows[i].object == part->rows[i].object);
        }
    }));
}

}  // namespace
}  // namespace coroscope::rules
