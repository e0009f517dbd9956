// Queries over trace files: counts against the file's own, times at which rules held against the moments that Replay rebuilds.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>
#include <set>

#include "synthetic_program.h"
#include "synthetic_trace.h"
#include "traces/rules/query.h"

namespace coroscope::rules {
namespace {

using traces::SyntheticProgram;
using Choices = std::vector<std::uint16_t>;

std::shared_ptr<const Rule> rule_of(const std::string& text) {
    auto rule = Rule::parse(text);
    EXPECT_TRUE(rule.ok()) << rule.error().message;
    return *rule;
}

std::unique_ptr<traces::Replay> opened(const std::string& path) {
    auto reader = traces::TraceReader::open(path);
    EXPECT_TRUE(reader.ok());
    auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
    EXPECT_TRUE(replay.ok());
    return std::move(*replay);
}

// Without locks and selects, on which a made-up program comes to a standstill sooner or later.
void run(SyntheticProgram& program, std::uint32_t steps) {
    for (std::uint32_t i = 0; i < steps; ++i)
        program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
}

// A trace of a fixed history.
class Query : public testing::Test {
protected:
    void SetUp() override {
        SyntheticProgram program(2);
        const inspect::StateImage first = program.truth();
        run(program, 3000);
        write_synthetic_trace(file_.path(), program, {first, program.truth()}, 40);
        replay_ = opened(file_.path());
    }
    EventAnswer events(const std::string& text, std::uint64_t limit = 10) {
        QueryOptions options;
        options.limit = limit;
        auto answer = query_events(*replay_, rule_of(text), options);
        EXPECT_TRUE(answer.ok());
        return *answer;
    }
    const traces::TemporaryPath file_{"query"};
    std::unique_ptr<traces::Replay> replay_;
};

TEST_F(Query, counts_are_those_of_the_file) {
    const auto counts = replay_->total_counts();
    std::uint64_t total = 0;
    for (std::uint32_t type = 0; type < wire::kEventTypesMax; ++type) {
        const std::string_view name = word_of(WordSet::kEvents, type);
        if (name.empty() || name == "loss") continue;
        EXPECT_EQ(events("event == " + std::string(name), 0).matched, counts[type].accepted) << name;
        total += counts[type].accepted;
    }
    EXPECT_GT(total, 1000U);
    EXPECT_EQ(events("spawn or not spawn", 0).matched, total);
    EXPECT_EQ(events("spawn").scanned, total);
}

TEST_F(Query, rows_are_the_first_by_time_also_when_they_match_late) {
    const EventAnswer all = events("suspend and blocked_ns > 0ns", 100000);
    ASSERT_GT(all.rows.size(), 20U);
    EXPECT_TRUE(std::is_sorted(all.rows.begin(), all.rows.end(),
                               [](const EventRow& a, const EventRow& b) { return a.t < b.t; }));
    const EventAnswer some = events("suspend and blocked_ns > 0ns", 7);
    EXPECT_EQ(some.matched, all.matched);
    ASSERT_EQ(some.rows.size(), 7U);
    for (std::size_t i = 0; i < some.rows.size(); ++i)
        EXPECT_EQ(some.rows[i].t, all.rows[i].t);
}

TEST_F(Query, a_part_of_the_time_has_a_part_of_the_events) {
    const auto rule = rule_of("suspend and blocked_ns > 100ns");
    const traces::TimeNs middle = (replay_->begin() + replay_->end()) / 2;
    QueryOptions before, after;
    before.to = middle;
    after.from = middle + 1;
    auto first = query_events(*replay_, rule, before);
    auto second = query_events(*replay_, rule, after);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_GT(first->matched, 0U);
    EXPECT_GT(second->matched, 0U);
    EXPECT_EQ(first->matched + second->matched, events("suspend and blocked_ns > 100ns").matched);
}

TEST_F(Query, an_answer_has_two_forms) {
    const EventAnswer answer = events("spawn", 2);
    const nlohmann::json json = to_json(answer);
    EXPECT_EQ(json["matched"], answer.matched);
    EXPECT_EQ(json["events"].size(), 2U);
    EXPECT_EQ(json["events"][0]["event"], "spawn");
    EXPECT_NE(to_text(answer).find("more: --limit"), std::string::npos);
    const auto moment = replay_->moment_at(replay_->end());
    ASSERT_TRUE(moment.ok());
    const StateAnswer parked = query_state(**moment, rule_of("coroutine.state == parked"), 100);
    EXPECT_EQ(parked.matched,
              static_cast<std::uint64_t>(
                  std::count_if((*moment)->state.coroutines.begin(), (*moment)->state.coroutines.end(),
                                [](const auto& row) { return row.state == wire::CoroutineState::kParked; })));
    EXPECT_EQ(to_json(parked)["objects"].size(), parked.matched);
    const StateAnswer nobody = query_state(**moment, rule_of("channel[\"nobody\"].len == 0"), 100);
    EXPECT_FALSE(nobody.known);
    EXPECT_FALSE(nobody.holds);
    EXPECT_TRUE(query_state(**moment, rule_of("pool[medium].used >= 0"), 1).holds);
}

TEST_F(Query, what_cannot_be_followed_is_said) {
    for (const char* text :
         {"spawn", "coroutine.state == parked and channel[1].len == 0", "coroutine.blocked_ns > ready_ns"}) {
        auto answer = query_spans(*replay_, rule_of(text), {});
        ASSERT_FALSE(answer.ok()) << text;
        EXPECT_EQ(answer.error().code, base::ErrorCode::kUsage);
    }
}

// Identities for which the rule holds at t, as the spans say.
std::set<std::uint64_t> covering(const SpanAnswer& spans, traces::TimeNs t) {
    std::set<std::uint64_t> ids;
    for (const SpanRow& row : spans.rows) {
        if (row.since <= t && (t < row.until || (row.open_end && t == row.until))) ids.insert(row.id);
    }
    return ids;
}

TEST(QuerySpans, cover_exactly_the_moments_at_which_the_rule_holds) {
    const char* const rules[] = {"channel.len > 0",
                                 "channel.len == cap and receivers == 0",
                                 "channel.senders > 0 or channel.receivers > 0",
                                 "coroutine.state == parked",
                                 "coroutine.wait =~ \"channel\" and not name == \"named\"",
                                 "coroutine.blocked_ns > 20ns",
                                 "coroutine.blocked_ns >= 20ns and coroutine.blocked_ns <= 60ns",
                                 "coroutine.run_ns > 5ns or coroutine.ready_ns > 15ns",
                                 "worker.state == running",
                                 "pool.used > 6",
                                 "lock.waiting > 0",
                                 "lock.owner != 0",
                                 "channel[1].len > 0",
                                 "coroutine[3].blocked_ns > 10ns",
                                 "worker[0].state == running and pool[medium].used > 3"};
    EXPECT_TRUE(rc::check("spans of state rules", [&] {
        SyntheticProgram program(*rc::gen::inRange<std::uint32_t>(1, 3), *rc::gen::arbitrary<bool>(),
                                 *rc::gen::arbitrary<bool>());
        const inspect::StateImage first = program.truth();
        for (const std::uint16_t choice :
             *rc::gen::resize(150, rc::gen::container<Choices>(rc::gen::arbitrary<std::uint16_t>())))
            program.step(choice);
        const traces::TemporaryPath file("spans");
        write_synthetic_trace(file.path(), program, {first}, 40);
        const auto replay = opened(file.path());
        const auto rule = rule_of(rules[*rc::gen::inRange<std::size_t>(0, std::size(rules))]);
        RC_LOG() << rule->text() << "\n";
        QueryOptions options;
        options.limit = 1'000'000;
        auto spans = query_spans(*replay, rule, options);
        RC_ASSERT(spans.ok());
        for (int i = 0; i < 20; ++i) {
            const traces::TimeNs t = *rc::gen::inRange<traces::TimeNs>(replay->begin(), replay->end() + 1);
            auto moment = replay->moment_at(t);
            RC_ASSERT(moment.ok());
            const StateAnswer answer = query_state(**moment, rule, 1'000'000);
            std::set<std::uint64_t> ids;
            for (const StateRow& row : answer.rows)
                ids.insert(row.id);
            if (!answer.subject && answer.holds) ids.insert(0);
            RC_LOG() << "at " << t << "\n";
            RC_ASSERT(covering(*spans, t) == ids);
        }
    }));
}

}  // namespace
}  // namespace coroscope::rules
