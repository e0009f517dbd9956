// WorkDeque under every interleaving of its owner and one or two thieves, at small capacities, growth included.
//
// Checked in each execution: no entry is lost, none is taken twice, thieves take them in the order in which they were pushed, and
// who takes an entry sees what was written before its push.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "model.h"
#include "model_atomics.h"
#include "runtime/scheduler/work_deque.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kEntries = 6;

// A deque, what its entries stand for, and who got what.
struct Case {
    explicit Case(std::uint32_t first_slots) : deque(first_slots, 8) {}

    void push(std::uint32_t entry) {
        written[entry] = static_cast<int>(entry) + 100;
        model::check(deque.push(entry), "a push found no room");
        ++pushed;
    }
    // Notes an entry that somebody took, unless it says that there was none. Returns it.
    std::uint32_t took(std::uint32_t entry) {
        if (entry == WorkDeque::kNothing || entry == WorkDeque::kLost) return entry;
        model::check(entry < kEntries, "an entry that nobody pushed");
        model::check(written[entry] == static_cast<int>(entry) + 100,
                     "an entry before what was written for it");
        ++takes[entry];
        model::check(takes[entry] == 1, "a duplicate: an entry was taken twice");
        return entry;
    }
    std::uint32_t pop() { return took(deque.pop_newest<false>()); }
    std::uint32_t take() { return took(deque.take_oldest<false>()); }
    std::uint32_t steal() { return took(deque.steal()); }
    // A thief that looks twice.
    void steal_twice() {
        const std::uint32_t first = steal(), second = steal();
        if (first < kEntries && second < kEntries)
            model::check(first < second, "out of order: a newer entry was stolen first");
    }
    // After everything: what nobody took is still there, in order, and nothing else.
    void finish() {
        std::uint32_t before = 0;
        while (true) {
            const std::uint32_t entry = take();
            if (entry == WorkDeque::kNothing) break;
            model::check(entry >= before, "out of order: what is left is not in the order of the pushes");
            before = entry;
        }
        for (std::uint32_t entry = 0; entry < pushed; ++entry)
            model::check(takes[entry] == 1, "a lost entry");
        model::check(deque.length() == 0, "an empty deque has a length");
    }

    WorkDeque deque;
    std::array<model::Plain<int>, kEntries> written;
    std::array<int, kEntries> takes{};  // the checker's own books: no part of the program
    std::uint32_t pushed = 0;
};

#define EXPECT_PASSES(options, ...)                                        \
    do {                                                                   \
        const model::Result result = model::explore(options, __VA_ARGS__); \
        EXPECT_TRUE(result.passed()) << result.report();                   \
    } while (false)

TEST(WorkDequeModel, an_owner_that_pops_the_last_entry_and_a_thief_do_not_both_get_it) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        program.thread([&] {
            all.push(0);
            all.pop();
        });
        program.thread([&] { all.steal(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, an_owner_that_pops_both_entries_and_a_thief_that_steals_twice_share_them) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        all.push(1);
        program.thread([&] {
            all.pop();
            all.pop();
        });
        program.thread([&] { all.steal_twice(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, an_owner_that_pops_and_two_thieves_share_two_entries) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        all.push(1);
        program.thread([&] { all.pop(); });
        program.thread([&] { all.steal(); });
        program.thread([&] { all.steal(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, an_entry_pushed_where_another_was_popped_is_not_taken_for_it) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        all.push(1);
        program.thread([&] {
            all.pop();
            all.push(2);
        });
        program.thread([&] { all.steal_twice(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, an_entry_below_a_popped_one_is_stolen_with_what_was_written_for_it) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        program.thread([&] {
            all.push(0);
            all.push(1);
            all.pop();
        });
        program.thread([&] { all.steal(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, an_entry_that_was_popped_is_not_found_by_a_thief_after_the_owner_took_the_one_before_it) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        all.push(1);
        program.thread([&] {
            all.pop();
            all.take();
        });
        program.thread([&] { all.steal(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, an_owner_that_takes_its_oldest_and_a_thief_never_get_the_same) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        program.thread([&] {
            all.push(1);
            all.take();
            all.take();
        });
        program.thread([&] { all.steal_twice(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, both_ends_used_by_the_owner_leave_a_thief_the_rest) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(4U);
        all.push(0);
        all.push(1);
        all.push(2);
        program.thread([&] {
            all.pop();
            all.push(3);
            all.take();
        });
        program.thread([&] { all.steal_twice(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, a_ring_that_grows_under_a_thief_keeps_every_entry) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        all.push(1);
        program.thread([&] {
            all.push(2);  // the ring of two is full: one of four
            all.pop();
        });
        program.thread([&] { all.steal_twice(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, slots_that_are_used_again_after_a_steal_hold_what_was_pushed_last) {
    EXPECT_PASSES({}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        all.push(0);
        all.take();
        all.push(1);
        program.thread([&] {
            all.push(2);
            all.push(3);
        });
        program.thread([&] { all.steal_twice(); });
        program.finally([&] { all.finish(); });
    });
}

TEST(WorkDequeModel, a_thief_of_half_and_one_of_a_single_entry_get_different_ones) {
    EXPECT_PASSES({.preemptions = 2}, [](model::Program& program) {
        auto& all = program.make<Case>(4U);
        all.push(0);
        all.push(1);
        all.push(2);
        program.thread([&] { all.pop(); });
        program.thread([&] {
            std::uint32_t out[2] = {};
            const std::uint32_t count = all.deque.steal_half(out, 2);
            for (std::uint32_t i = 0; i < count; ++i)
                all.took(out[i]);
        });
        program.thread([&] { all.steal(); });
        program.finally([&] { all.finish(); });
    });
}

}  // namespace
}  // namespace cprime::detail
