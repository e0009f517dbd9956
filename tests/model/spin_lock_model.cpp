// SpinLock under every interleaving: who holds it is alone, sees what the last holder wrote, and nobody waits for ever.
#include <gtest/gtest.h>

#include "model.h"
#include "model_atomics.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

// Of the execution that is explored now. Several workers: there is no bias.
static WorkerBias* no_bias;
WorkerBias& worker_bias() noexcept {
    return *no_bias;
}
bool on_worker() noexcept {
    return true;
}

namespace {

struct Guarded {
    WorkerBias own_bias;
    SpinLock lock;
    model::Plain<int> count{0};

    void add() {
        const int before = count;
        count = before + 1;
    }
};

TEST(SpinLockModel, two_threads_that_count_under_the_lock_lose_nothing) {
    const model::Result result = model::explore({}, [](model::Program& program) {
        auto& guarded = program.make<Guarded>();
        no_bias = &guarded.own_bias;
        for (int thread = 0; thread < 2; ++thread) {
            program.thread([&guarded] {
                guarded.lock.lock();
                guarded.add();
                guarded.lock.unlock();
            });
        }
        program.finally([&guarded] { model::check(guarded.count == 2, "a lost count"); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(SpinLockModel, three_threads_take_turns_and_all_of_them_get_there) {
    const model::Result result = model::explore({.preemptions = 3}, [](model::Program& program) {
        auto& guarded = program.make<Guarded>();
        no_bias = &guarded.own_bias;
        for (int thread = 0; thread < 3; ++thread) {
            program.thread([&guarded] {
                guarded.lock.lock();
                guarded.add();
                guarded.lock.unlock();
            });
        }
        program.finally([&guarded] { model::check(guarded.count == 3, "a lost count"); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

}  // namespace
}  // namespace cprime::detail
