// Steps from event to event against a plain list of all events of the trace, and of what queries say of them.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "synthetic_program.h"
#include "synthetic_trace.h"
#include "traces/event_feed.h"
#include "traces/ring_log.h"
#include "traces/rules/event_context.h"
#include "traces/rules/event_steps.h"

namespace coroscope::rules {
namespace {

using traces::Search;
using traces::SyntheticProgram;
using traces::TimeNs;
using wire::EventType;

std::unique_ptr<traces::Replay> opened(const std::string& path) {
    auto reader = traces::TraceReader::open(path);
    EXPECT_TRUE(reader.ok());
    auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
    EXPECT_TRUE(replay.ok());
    return std::move(*replay);
}

struct Listed {
    EventPlace at;
    wire::DecodedEvent event;
    std::uint64_t identity = 0;
    std::uint32_t worker = 0;
};

class Steps : public testing::Test {
protected:
    void SetUp() override {
        SyntheticProgram program(3);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (std::uint32_t i = 0; i < 2400; ++i) {
            program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
            if (i == 900 || i == 1700) keyframes.push_back(program.truth());
        }
        keyframes.push_back(program.truth());
        write_synthetic_trace(file_.path(), program, keyframes, 40);
        replay_ = opened(file_.path());
        EventContext context(keyframes.front(), true);
        traces::EventFeed feed(replay_->reader(), 0, ~std::uint64_t{0});
        feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
            const EventFacts& facts = context.take(event, ring.owner, ring.owner_index);
            if (traces::is_bookkeeping(event.type) || event.tsc < replay_->ticks_of(replay_->begin())) return;
            all_.push_back({{event.tsc, ring.ring, feed.position()}, event, facts.identity, facts.worker});
        });
        std::sort(all_.begin(), all_.end(), [](const Listed& a, const Listed& b) { return a.at < b.at; });
        ASSERT_GT(all_.size(), 1500U);
    }

    // Walks from one end to the other and expects exactly these.
    template <typename StepOnce>
    void expect_walk(const std::vector<EventPlace>& wanted, Direction direction, StepOnce&& once) {
        const bool next = direction == Direction::kNext;
        std::vector<EventPlace> walked;
        EventPlace at = next ? EventPlace{0, 0, 0} : place_at(*replay_, replay_->end());
        for (;;) {
            const base::Result<std::optional<Step>> step = once(at);
            ASSERT_TRUE(step.ok()) << step.error().message;
            if (!*step) break;
            at = (*step)->at;
            walked.push_back(at);
            ASSERT_LE(walked.size(), wanted.size());
            EXPECT_GE(replay_->ticks_of((*step)->t), at.ticks);
        }
        if (!next) std::reverse(walked.begin(), walked.end());
        EXPECT_EQ(walked.size(), wanted.size());
        EXPECT_TRUE(walked == wanted);
    }
    template <typename Wanted>
    std::vector<EventPlace> places(Wanted&& wanted) const {
        std::vector<EventPlace> out;
        for (const Listed& one : all_) {
            if (wanted(one)) out.push_back(one.at);
        }
        return out;
    }

    const traces::TemporaryPath file_{"steps"};
    std::unique_ptr<traces::Replay> replay_;
    std::vector<Listed> all_;  // by place
    Search search_;
};

TEST_F(Steps, walk_through_all_events_both_ways_and_say_which) {
    const auto wanted = places([](const Listed&) { return true; });
    for (const Direction direction : {Direction::kNext, Direction::kPrevious}) {
        std::size_t said = 0;
        expect_walk(wanted, direction, [&](const EventPlace& from) {
            auto step = step_event(*replay_, {}, from, direction, search_);
            if (step.ok() && *step) {
                const auto listed = std::lower_bound(
                    all_.begin(), all_.end(), (*step)->at,
                    [](const Listed& a, const EventPlace& b) { return a.at < b; });
                EXPECT_EQ((*step)->event->type, listed->event.type);
                EXPECT_EQ((*step)->id, listed->identity);
                said += (*step)->sentence.starts_with(wire::event_name(listed->event.type)) ? 1 : 0;
            }
            return step;
        });
        EXPECT_EQ(said, wanted.size());
    }
}

TEST_F(Steps, of_a_coroutine_are_those_of_its_life_and_of_nobody_else_in_its_record) {
    std::map<std::uint64_t, std::uint32_t> index_of;
    std::map<std::uint64_t, EventPlace> spawned;
    for (const Listed& one : all_) {
        if (one.event.type != EventType::kSpawn) continue;
        index_of[one.identity] = one.event.object;
        spawned[one.identity] = one.at;
    }
    std::size_t reused = 0, tried = 0;
    for (const auto& [identity, index] : index_of) {
        if (identity % 7 != 0) continue;
        ++tried;
        reused += std::count_if(index_of.begin(), index_of.end(),
                                [&, at = index](const auto& other) { return other.second == at; }) > 1;
        const auto wanted = places([&, who = identity](const Listed& one) { return one.identity == who; });
        StepFilter filter{StepFilter::Of::kCoroutine, identity, index};
        std::optional<Step> first;
        // From before its life one finds its spawn without knowing its record, from there on its record is known.
        std::vector<EventPlace> walked;
        EventPlace at{0, 0, 0};
        for (StepFilter now{StepFilter::Of::kCoroutine, identity, wire::kNone};; now = filter) {
            auto step = step_event(*replay_, now, at, Direction::kNext, search_);
            ASSERT_TRUE(step.ok());
            if (!*step) break;
            at = (*step)->at;
            walked.push_back(at);
            EXPECT_EQ((*step)->coroutine, index);
        }
        EXPECT_TRUE(walked == wanted) << identity << ": " << walked.size() << " of " << wanted.size();
        walked.clear();
        at = wanted.back();
        for (;;) {
            auto step = step_event(*replay_, filter, at, Direction::kPrevious, search_);
            ASSERT_TRUE(step.ok());
            if (!*step) break;
            at = (*step)->at;
            walked.push_back(at);
        }
        EXPECT_EQ(walked.size() + 1, wanted.size()) << identity;
    }
    EXPECT_GT(tried, 3U);
    EXPECT_GT(reused, 0U);
}

TEST_F(Steps, of_a_coroutine_that_is_gone_lead_back_to_its_end) {
    const auto exit = std::find_if(all_.begin(), all_.end(),
                                   [](const Listed& one) { return one.event.type == EventType::kExit; });
    ASSERT_NE(exit, all_.end());
    auto step = step_event(*replay_, {StepFilter::Of::kCoroutine, exit->identity},
                           place_at(*replay_, replay_->end()), Direction::kPrevious, search_);
    ASSERT_TRUE(step.ok() && *step);
    EXPECT_TRUE((*step)->at == exit->at);
    EXPECT_EQ((*step)->event->type, EventType::kExit);
}

TEST_F(Steps, of_a_worker_and_of_a_channel_are_theirs) {
    const auto of_worker = places([](const Listed& one) { return one.worker == 1; });
    ASSERT_GT(of_worker.size(), 50U);
    const auto created = std::find_if(all_.begin(), all_.end(), [](const Listed& one) {
        return one.event.type == EventType::kChannelCreate;
    });
    ASSERT_NE(created, all_.end());
    const auto destroyed = std::find_if(created, all_.end(), [&](const Listed& one) {
        return one.event.type == EventType::kChannelDestroy && one.event.object == created->event.object;
    });
    const auto of_channel = places([&](const Listed& one) {
        const bool in_life = one.at >= created->at && (destroyed == all_.end() || one.at <= destroyed->at);
        const auto reason = static_cast<wire::WaitReason>(wire::high8(one.event.argument));
        const bool waits = one.event.type == EventType::kSuspend &&
                           (reason == wire::WaitReason::kChannelSend ||
                            reason == wire::WaitReason::kChannelReceive);
        return in_life && one.event.object == created->event.object &&
               (waits ||
                (one.event.type >= EventType::kChannelCreate && one.event.type <= EventType::kSelectArm));
    });
    ASSERT_GT(of_channel.size(), 2U);
    const StepFilter worker{StepFilter::Of::kWorker, 0, 1};
    for (const Direction direction : {Direction::kNext, Direction::kPrevious})
        expect_walk(of_worker, direction, [&](const EventPlace& from) {
            return step_event(*replay_, worker, from, direction, search_);
        });
    EventPlace at = of_channel.front();
    const StepFilter channel{StepFilter::Of::kChannel, created->event.ext48[0], created->event.object};
    std::size_t found = 1;
    for (;; ++found) {
        auto step = step_event(*replay_, channel, at, Direction::kNext, search_);
        ASSERT_TRUE(step.ok());
        if (!*step) break;
        at = (*step)->at;
    }
    EXPECT_EQ(found, of_channel.size());
    EXPECT_TRUE(at == of_channel.back());
}

TEST_F(Steps, by_a_rule_about_events_stop_where_the_query_matches) {
    for (const char* text :
         {"spawn", "suspend and blocked_ns > 100ns", "suspend and blocked_ns < 60ns",
          "channel-send and channel.len == cap", "resume and ready_ns > 30ns", "wake or exit"}) {
        const auto rule = *Rule::parse(text);
        QueryOptions options;
        options.limit = 1'000'000;
        options.from = replay_->begin();
        auto answer = query_events(*replay_, rule, options);
        ASSERT_TRUE(answer.ok());
        ASSERT_GT(answer->rows.size(), 1U) << text;
        for (const Direction direction : {Direction::kNext, Direction::kPrevious}) {
            std::vector<TimeNs> walked;
            EventPlace at = direction == Direction::kNext ? EventPlace{0, 0, 0}
                                                          : place_at(*replay_, replay_->end());
            for (;;) {
                auto step = step_rule(*replay_, rule, at, direction, search_);
                ASSERT_TRUE(step.ok()) << step.error().message;
                if (!*step) break;
                at = (*step)->at;
                walked.push_back(static_cast<TimeNs>(replay_->time_of(at.ticks)));
            }
            if (direction == Direction::kPrevious) std::reverse(walked.begin(), walked.end());
            ASSERT_EQ(walked.size(), answer->rows.size()) << text;
            for (std::size_t i = 0; i < walked.size(); ++i)
                EXPECT_EQ(walked[i], answer->rows[i].t) << text;
        }
    }
}

TEST_F(Steps, by_a_rule_about_state_stop_where_its_spans_begin) {
    for (const char* text : {"channel.len == cap", "coroutine.blocked_ns > 150ns",
                             "worker[0].state == parked", "coroutine.state == running"}) {
        const auto rule = *Rule::parse(text);
        QueryOptions options;
        options.limit = 1'000'000;
        auto answer = query_spans(*replay_, rule, options);
        ASSERT_TRUE(answer.ok());
        std::vector<TimeNs> wanted;
        for (const SpanRow& row : answer->rows) {
            if (!row.open_begin) wanted.push_back(row.since);
        }
        wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
        ASSERT_GT(wanted.size(), 3U) << text;
        for (const Direction direction : {Direction::kNext, Direction::kPrevious}) {
            std::vector<TimeNs> walked;
            EventPlace at = direction == Direction::kNext ? EventPlace{0, 0, 0}
                                                          : place_at(*replay_, replay_->end());
            for (;;) {
                auto step = step_rule(*replay_, rule, at, direction, search_);
                ASSERT_TRUE(step.ok()) << step.error().message;
                if (!*step) break;
                at = (*step)->at;
                walked.push_back(replay_->time_of(at.ticks));
            }
            if (direction == Direction::kPrevious) std::reverse(walked.begin(), walked.end());
            EXPECT_EQ(walked, wanted) << text;
        }
    }
}

TEST_F(Steps, that_nobody_waits_for_end_with_nothing) {
    Search search;
    search.cancelled = true;
    const EventPlace end = place_at(*replay_, replay_->end());
    auto any = step_event(*replay_, {}, end, Direction::kPrevious, search);
    EXPECT_TRUE(any.ok() && !*any);
    for (const char* text : {"spawn", "coroutine.state == running"}) {
        auto step = step_rule(*replay_, *Rule::parse(text), end, Direction::kPrevious, search);
        EXPECT_TRUE(step.ok() && !*step);
    }
}

}  // namespace
}  // namespace coroscope::rules
