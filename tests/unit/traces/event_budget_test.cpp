// What is listened to follows what it costs: by switches before anybody listens, by events while somebody does.
#include "traces/event_budget.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

constexpr std::uint64_t kLookNs = 100'000'000;

// A program on one processor: `switches` and `events` for each second of its own time, of which it takes `busy` of each second.
struct Program {
    double switches = 0, events = 0, busy = 1;
    EventBudget::Counts counts{};

    EventBudget::Counts next(bool listening) {
        const double cpu_ns = busy * static_cast<double>(kLookNs);
        counts.now_ns += kLookNs;
        counts.cpu_ns += static_cast<std::uint64_t>(cpu_ns);
        counts.switches += static_cast<std::uint64_t>(switches * cpu_ns / 1e9);
        if (listening) counts.events += static_cast<std::uint64_t>(events * cpu_ns / 1e9);
        return counts;
    }
};

// Of so many looks, how many were listened through.
int run(EventBudget& budget, Program& program, int looks, bool listening) {
    int listened = 0;
    for (int i = 0; i < looks; ++i) {
        listened += listening ? 1 : 0;
        listening = budget.update(program.next(listening));
    }
    return listened;
}

TEST(EventBudget, a_program_that_switches_without_end_is_never_listened_to) {
    EventBudget budget(false);
    Program program{8e7, 1.6e8};
    EXPECT_EQ(run(budget, program, 1000, false), 0);
    EXPECT_GT(budget.share(), 1);
}

TEST(EventBudget, one_that_seldom_switches_is_listened_to_from_the_second_look_on) {
    EventBudget budget(false);
    Program program{1e5, 3e5};
    EXPECT_EQ(run(budget, program, 100, false), 98);
    EXPECT_NEAR(budget.share(), 3e5 * EventBudget::kEventNs / 1e9, 1e-4);
}

TEST(EventBudget, one_that_was_listened_to_from_its_start_is_let_go_at_the_second_look) {
    EventBudget budget(true);
    Program program{8e7, 1.6e8};
    EXPECT_EQ(run(budget, program, 1000, true), 2);
}

TEST(EventBudget, events_without_switches_are_given_up_and_tried_more_and_more_seldom) {
    EventBudget budget(false);
    Program program{1e3, 5e7};  // messages through a buffer
    int listening = run(budget, program, 10 * 300, false);  // five minutes
    EXPECT_GE(listening, 5);
    EXPECT_LE(listening, 12);  // after 1, 2, 4 … 64 s
}

TEST(EventBudget, one_that_hardly_runs_is_listened_to_whatever_it_does_then) {
    EventBudget budget(false);
    Program program{8e7, 1.6e8, 1e-5};
    EXPECT_GT(run(budget, program, 100, false), 80);
}

TEST(EventBudget, it_begins_again_when_the_program_calms_down) {
    EventBudget budget(false);
    Program program{8e7, 1.6e8};
    ASSERT_EQ(run(budget, program, 20, false), 0);
    program.switches = program.events = 1e4;
    EXPECT_EQ(run(budget, program, 20, false), 19);
}

TEST(EventBudget, counts_that_go_back_are_no_program_of_centuries) {
    EventBudget budget(false);
    EXPECT_FALSE(budget.update({1000, 1000, 10'000'000, 1}));
    EXPECT_TRUE(budget.update({0, 0, 20'000'000, kLookNs}));
    EXPECT_EQ(budget.share(), 0);
}

}  // namespace
}  // namespace coroscope::traces
