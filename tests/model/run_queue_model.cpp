// RunQueue under every interleaving of its owner and a thief: the one that follows, and those behind it, are taken once each,
// by somebody who sees what was written before they were made ready.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "model.h"
#include "model_atomics.h"
#include "runtime/scheduler/run_queue.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kEntries = 4;

struct Case {
    void push(std::uint32_t entry) {
        written[entry] = 1;
        model::check(queue.push(entry), "a push found no room");
    }
    void push_next(std::uint32_t entry) {
        written[entry] = 1;
        model::check(queue.push_next(entry), "a push found no room");
    }
    bool took(std::uint32_t entry) {
        if (entry == wire::kNone) return false;
        model::check(entry < kEntries, "an entry that nobody pushed");
        model::check(written[entry] == 1, "an entry before what was written for it");
        model::check(++takes[entry] == 1, "a duplicate: an entry was taken twice");
        return true;
    }
    bool pop() { return took(queue.pop<false>()); }
    void steal(bool next_too) {
        std::uint32_t out[2] = {};
        const std::uint32_t count = queue.steal(out, 2, next_too);
        for (std::uint32_t i = 0; i < count; ++i)
            took(out[i]);
    }
    void finish(std::uint32_t entries) {
        while (pop()) {
        }
        for (std::uint32_t entry = 0; entry < entries; ++entry)
            model::check(takes[entry] == 1, "a lost entry");
        model::check(queue.empty(), "an empty queue has a length");
    }

    RunQueue queue;
    std::array<model::Plain<int>, kEntries> written;
    std::array<int, kEntries> takes{};
};

TEST(RunQueueModel, who_follows_is_taken_by_the_owner_or_by_a_thief) {
    const model::Result result = model::explore({}, [](model::Program& program) {
        auto& all = program.make<Case>();
        program.thread([&] {
            all.push_next(0);
            all.pop();
        });
        program.thread([&] { all.steal(true); });
        program.finally([&] { all.finish(1); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(RunQueueModel, a_place_that_a_thief_has_emptied_is_filled_again) {
    const model::Result result = model::explore({.preemptions = 4}, [](model::Program& program) {
        auto& all = program.make<Case>();
        all.push_next(0);
        program.thread([&] {
            all.push_next(1);  // follows, or stands in line behind the other
            all.push_next(2);
            all.pop();
        });
        program.thread([&] {
            all.steal(true);
            all.steal(true);
        });
        program.finally([&] { all.finish(3); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(RunQueueModel, one_that_has_followed_too_often_goes_to_the_end_and_is_not_lost_beside_a_thief) {
    const model::Result result = model::explore({.preemptions = 3}, [](model::Program& program) {
        auto& all = program.make<Case>();
        all.push(0);
        for (std::uint32_t i = 0; i < RunQueue::kNextsInARow; ++i) {
            all.queue.push_next(1);
            model::check(all.queue.pop<false>() == 1, "who was woken does not follow");
        }
        program.thread([&] {
            all.push_next(1);
            all.pop();
        });
        program.thread([&] { all.steal(true); });
        program.finally([&] { all.finish(2); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

}  // namespace
}  // namespace cprime::detail
