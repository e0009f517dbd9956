// SpinLock under every interleaving: who holds it is alone, sees what the last holder wrote, and nobody waits for ever.
#include <gtest/gtest.h>

#include "model.h"
#include "model_atomics.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {
namespace {

struct Guarded {
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

TEST(SpinLockModel, try_lock_fails_only_while_somebody_holds_it_and_gives_the_same_rights) {
    const model::Result result = model::explore({}, [](model::Program& program) {
        auto& guarded = program.make<Guarded>();
        static int taken;
        taken = 0;
        for (int thread = 0; thread < 2; ++thread) {
            program.thread([&guarded] {
                if (!guarded.lock.try_lock()) return;
                ++taken;
                guarded.add();
                guarded.lock.unlock();
            });
        }
        program.finally([&guarded] {
            model::check(taken >= 1, "nobody got a lock that nobody held");
            model::check(guarded.count == taken, "a lost count");
            model::check(guarded.lock.try_lock(), "the lock is still held");
        });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

}  // namespace
}  // namespace cprime::detail
