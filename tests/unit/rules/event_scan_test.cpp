// Event rules over generated histories against a plain oracle: for each event everything before (and, for what comes of a SUSPEND, after) is
// looked through again.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <functional>

#include "synthetic_history.h"
#include "traces/rules/event_scan.h"

namespace coroscope::rules {
namespace {

using traces::SyntheticProgram;
using wire::EventType;
using Choices = std::vector<std::uint16_t>;

class Oracle {
public:
    Oracle(std::vector<Happened> all, inspect::StateImage start)
        : all_(std::move(all)), start_(std::move(start)) {}
    const std::vector<Happened>& all() const { return all_; }

    static std::uint32_t whose(const wire::DecodedEvent& event) {
        switch (event.type) {
            case EventType::kSpawn:
            case EventType::kResume:
            case EventType::kWake:
            case EventType::kExit:
                return event.object;
            default:
                return event.current_known ? event.current : wire::kNone;
        }
    }
    // The nearest earlier event of this coroutine that is one of these; -1: none, or one of `stop` comes first.
    std::ptrdiff_t before(std::size_t at, std::initializer_list<EventType> types) const {
        for (std::size_t i = at; i-- > 0;) {
            const wire::DecodedEvent& event = all_[i].event;
            if (whose(event) != whose(all_[at].event) || !changes(event.type)) continue;
            return std::find(types.begin(), types.end(), event.type) != types.end()
                       ? static_cast<std::ptrdiff_t>(i)
                       : -1;
        }
        return -1;
    }
    double since(std::size_t at, std::ptrdiff_t from) const {
        return from < 0
                   ? -1
                   : static_cast<double>(all_[at].event.tsc - all_[static_cast<std::size_t>(from)].event.tsc);
    }
    double run(std::size_t at) const { return since(at, before(at, {EventType::kResume})); }
    double wake_blocked(std::size_t at) const { return since(at, before(at, {EventType::kSuspend})); }
    double ready(std::size_t at) const {
        return since(at, before(at, {EventType::kWake, EventType::kSpawn, EventType::kSuspend}));
    }
    // How long the wait lasts that this SUSPEND begins: exactly, or, negative, so long by the end; 0 where it is none.
    double outcome(std::size_t at) const {
        for (std::size_t i = at + 1; i < all_.size(); ++i) {
            const wire::DecodedEvent& event = all_[i].event;
            if (whose(event) != whose(all_[at].event) || !changes(event.type)) continue;
            return event.type == EventType::kWake ? static_cast<double>(event.tsc - all_[at].event.tsc) : 0;
        }
        return -static_cast<double>(all_.back().event.tsc - all_[at].event.tsc);
    }
    std::uint64_t identity(std::size_t at) const {
        for (std::size_t i = at + 1; i-- > 0;) {
            const wire::DecodedEvent& event = all_[i].event;
            if (event.type == EventType::kSpawn && event.object == whose(all_[at].event))
                return wire::spawn_identity(event);
        }
        const inspect::CoroutineImage* row = start_.coroutine_at(whose(all_[at].event));
        return row == nullptr ? 0 : row->identity;
    }

private:
    static bool changes(EventType type) {
        return type == EventType::kSpawn || type == EventType::kResume || type == EventType::kSuspend ||
               type == EventType::kWake || type == EventType::kExit;
    }
    std::vector<Happened> all_;
    inspect::StateImage start_;
};

SyntheticProgram random_program(int steps) {
    SyntheticProgram program(*rc::gen::inRange<std::uint32_t>(1, 4), *rc::gen::arbitrary<bool>(),
                             *rc::gen::arbitrary<bool>());
    const Choices choices = *rc::gen::resize(
        steps, rc::gen::container<Choices>(rc::gen::arbitrary<std::uint16_t>()));
    for (const std::uint16_t choice : choices)
        program.step(choice);
    return program;
}

// Stamps of the events that match, ascending.
std::vector<std::uint64_t> found(const Oracle& oracle, const inspect::StateImage& begin,
                                 const std::string& text) {
    auto rule = Rule::parse(text);
    RC_ASSERT(rule.ok());
    const Names names(begin.strings, begin.sites, begin.pools);
    EventScan scan(*rule, begin, names, {});
    std::vector<std::uint64_t> stamps;
    const auto match = [&](const EventFacts& facts) { stamps.push_back(facts.event->tsc); };
    for (const Happened& one : oracle.all())
        scan.take(one.event, wire::RingOwner::kWorker, one.ring, match);
    if (!oracle.all().empty()) scan.reach(oracle.all().back().event.tsc, match);
    std::sort(stamps.begin(), stamps.end());
    return stamps;
}

std::vector<std::uint64_t> expected(const Oracle& oracle,
                                    const std::function<bool(std::size_t, const wire::DecodedEvent&)>& holds) {
    std::vector<std::uint64_t> stamps;
    for (std::size_t i = 0; i < oracle.all().size(); ++i) {
        if (holds(i, oracle.all()[i].event)) stamps.push_back(oracle.all()[i].event.tsc);
    }
    return stamps;
}

TEST(EventRules, find_what_a_look_through_the_whole_history_finds) {
    EXPECT_TRUE(rc::check("rules over events", [] {
        const SyntheticProgram program = random_program(400);
        const inspect::StateImage start = SyntheticProgram(program.rings_count()).truth();
        const Oracle oracle(history(program), start);
        const double limit = *rc::gen::inRange<int>(0, 400);
        const std::string more = " > " + std::to_string(static_cast<int>(limit)) + "ns";
        using E = const wire::DecodedEvent&;
        RC_ASSERT(found(oracle, start, "spawn") ==
                  expected(oracle, [](std::size_t, E e) { return e.type == EventType::kSpawn; }));
        RC_ASSERT(found(oracle, start, "not (spawn or wake)") == expected(oracle, [](std::size_t, E e) {
                      return e.type != EventType::kSpawn && e.type != EventType::kWake &&
                             !word_of(WordSet::kEvents, static_cast<std::uint32_t>(e.type)).empty();
                  }));
        RC_ASSERT(found(oracle, start, "wake and blocked_ns" + more) ==
                  expected(oracle, [&](std::size_t i, E e) {
                      return e.type == EventType::kWake && oracle.wake_blocked(i) > limit;
                  }));
        RC_ASSERT(found(oracle, start, "resume and ready_ns" + more) ==
                  expected(oracle, [&](std::size_t i, E e) {
                      return e.type == EventType::kResume && oracle.ready(i) > limit;
                  }));
        RC_ASSERT(found(oracle, start, "(suspend or exit) and run_ns" + more) ==
                  expected(oracle, [&](std::size_t i, E e) {
                      return (e.type == EventType::kSuspend || e.type == EventType::kExit) &&
                             oracle.run(i) > limit;
                  }));
        RC_ASSERT(found(oracle, start, "suspend and blocked_ns" + more) ==
                  expected(oracle, [&](std::size_t i, E e) {
                      return e.type == EventType::kSuspend && std::abs(oracle.outcome(i)) > limit;
                  }));
        RC_ASSERT(found(oracle, start, "suspend and wait == sleep and not blocked_ns" + more) ==
                  expected(oracle, [&](std::size_t i, E e) {
                      return e.type == EventType::kSuspend &&
                             wire::high8(e.argument) == static_cast<std::uint8_t>(wire::WaitReason::kSleep) &&
                             oracle.outcome(i) > 0 && oracle.outcome(i) <= limit;
                  }));
        const std::uint64_t id = *rc::gen::inRange<std::uint64_t>(1, 20);
        RC_ASSERT(found(oracle, start,
                        "(resume or suspend or wake or exit or spawn) and id == " + std::to_string(id)) ==
                  expected(oracle, [&](std::size_t i, E e) {
                      return (e.type == EventType::kSpawn || e.type == EventType::kResume ||
                              e.type == EventType::kSuspend || e.type == EventType::kWake ||
                              e.type == EventType::kExit) &&
                             oracle.identity(i) == id;
                  }));
    }));
}

TEST(EventRules, a_length_of_time_over_a_loss_is_not_known) {
    SyntheticProgram program(1);
    for (std::uint16_t i = 0; i < 200; ++i)
        program.step(static_cast<std::uint16_t>(i * 7919));
    const inspect::StateImage start = SyntheticProgram(1).truth();
    const Oracle oracle(history(program), start);
    auto rule = Rule::parse("wake and (blocked_ns >= 0ns or not blocked_ns >= 0ns)");
    ASSERT_TRUE(rule.ok());
    const Names names(start.strings, start.sites, start.pools);
    std::size_t whole = 0, with_loss = 0;
    EventScan all(*rule, start, names, {}), part(*rule, start, names, {});
    for (const Happened& one : oracle.all()) {
        all.take(one.event, wire::RingOwner::kWorker, 0, [&](const EventFacts&) { ++whole; });
        if (one.event.type == EventType::kSuspend) continue;
        part.take(one.event, wire::RingOwner::kWorker, 0, [&](const EventFacts&) { ++with_loss; });
    }
    EXPECT_GT(whole, 0U);
    EXPECT_EQ(with_loss, 0U);
}

TEST(EventRules, a_span_that_is_not_over_is_compared_as_far_as_it_is_known) {
    const Span at_least{Span::Known::kAtLeast, 100};
    EXPECT_EQ(compare(Compare::kGreater, at_least, 99), Truth::kTrue);
    EXPECT_EQ(compare(Compare::kGreater, at_least, 100), Truth::kUnknown);
    EXPECT_EQ(compare(Compare::kGreaterOrEqual, at_least, 100), Truth::kTrue);
    EXPECT_EQ(compare(Compare::kLess, at_least, 100), Truth::kFalse);
    EXPECT_EQ(compare(Compare::kLess, at_least, 101), Truth::kUnknown);
    EXPECT_EQ(compare(Compare::kLessOrEqual, at_least, 99), Truth::kFalse);
    EXPECT_EQ(compare(Compare::kEqual, at_least, 99), Truth::kFalse);
    EXPECT_EQ(compare(Compare::kEqual, at_least, 100), Truth::kUnknown);
    EXPECT_EQ(compare(Compare::kNotEqual, at_least, 99), Truth::kTrue);
    EXPECT_EQ(compare(Compare::kEqual, Span{}, 1), Truth::kUnknown);
}

}  // namespace
}  // namespace coroscope::rules
