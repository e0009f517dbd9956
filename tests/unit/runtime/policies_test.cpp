// The ready-made policies alone: whom they name first, and that nobody waits for ever.
#include <cprime/policies.h>

#include <gtest/gtest.h>

#include <string>

namespace cprime {
namespace {

using Time = ReadyCoroutine::Time;
using std::chrono::milliseconds;

ReadyCoroutine somebody(std::uint64_t id, unsigned priority = 2, std::size_t stack_used = 0) {
    ReadyCoroutine coroutine;
    coroutine.id = {id, static_cast<std::uint32_t>(id)};
    coroutine.priority = priority;
    coroutine.stack_used = stack_used;
    coroutine.stack_size = 1000;
    return coroutine;
}

template <typename Policy>
std::string names(Policy& policy) {
    std::string all;
    while (!policy.empty())
        all += std::to_string(policy.next(0)->id) + " ";
    EXPECT_EQ(policy.next(0), std::nullopt);
    return all;
}

TEST(RoundRobin, names_them_in_the_order_in_which_they_came) {
    RoundRobin policy;
    EXPECT_TRUE(policy.empty());
    for (const unsigned priority : {3U, 1U, 2U})
        policy.ready(somebody(priority, priority));
    EXPECT_EQ(names(policy), "3 1 2 ");
}

TEST(ByScore, prefers_priority_and_stacks_that_are_nearly_empty) {
    EXPECT_DOUBLE_EQ(ByScore::score(somebody(1, 1, 0)), 1);
    EXPECT_DOUBLE_EQ(ByScore::score(somebody(1, 2, 500)), 1.0 / 3);
    EXPECT_DOUBLE_EQ(ByScore::score(somebody(1, 3, 5000)), 0) << "more than its slot: as if full";
    ByScore policy;
    policy.ready(somebody(1, 3, 0));
    policy.ready(somebody(2, 2, 900));
    policy.ready(somebody(3, 2, 100));
    policy.ready(somebody(4, 1, 500));
    policy.ready(somebody(5, 2, 100));
    EXPECT_EQ(names(policy), "3 5 4 1 2 ");
}

TEST(ByScore, puts_nobody_off_by_more_arrivals_than_its_patience) {
    constexpr unsigned kPatience = 50;
    ByScore policy(kPatience);
    policy.ready(somebody(1, 3, 1000));
    unsigned passed_over = 0;
    for (;; ++passed_over) {
        policy.ready(somebody(2, 1, 0));
        if (policy.next(0)->id == 1) break;
        ASSERT_LE(passed_over, kPatience);
    }
    EXPECT_GE(passed_over, kPatience - 1) << "until then the higher score comes first";
}

TEST(EarliestDeadlineFirst, names_whose_deadline_is_next) {
    EarliestDeadlineFirst policy;
    for (const int ms : {30, 10, 20, 10}) {
        ReadyCoroutine coroutine = somebody(static_cast<std::uint64_t>(ms));
        coroutine.deadline = Time(milliseconds(ms));
        policy.ready(coroutine);
    }
    EXPECT_EQ(names(policy), "10 10 20 30 ");
}

TEST(EarliestDeadlineFirst, takes_who_has_no_deadline_to_be_due_when_its_patience_ends) {
    EarliestDeadlineFirst policy(milliseconds(100));
    const auto add = [&policy](std::uint64_t id, Time deadline, int ready_ms) {
        ReadyCoroutine coroutine = somebody(id);
        coroutine.deadline = deadline;
        coroutine.ready_since = Time(milliseconds(ready_ms));
        policy.ready(coroutine);
    };
    add(1, Time::max(), 0);
    add(2, Time(milliseconds(99)), 50);
    add(3, Time(milliseconds(101)), 50);
    EXPECT_EQ(names(policy), "2 1 3 ");
}

}  // namespace
}  // namespace cprime
