// The worker's bias and other threads, under every interleaving: a lock has one holder at a time, whoever takes it in whichever way.
#include <gtest/gtest.h>

#include "model.h"
#include "model_atomics.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

// Of the execution that is explored now.
static WorkerBias* bias;
// The program's first thread is the worker.
constexpr int kWorker = 1;

WorkerBias& worker_bias() noexcept {
    return *bias;
}
bool on_worker() noexcept {
    return model::this_thread() == kWorker;
}

namespace {

struct Guarded {
    WorkerBias own_bias;
    SpinLock lock;
    SpinLock second;
    model::Plain<int> count{0};
    model::Plain<int> second_count{0};

    void add() {
        lock.lock();
        const int before = count;
        count = before + 1;
        lock.unlock();
    }
    void add_second() {
        second.lock();
        const int before = second_count;
        second_count = before + 1;
        second.unlock();
    }
};

Guarded& make(model::Program& program) {
    auto& guarded = program.make<Guarded>();
    bias = &guarded.own_bias;
    bias->start(true);
    return guarded;
}

TEST(WorkerBiasModel, the_worker_and_another_thread_that_count_under_a_lock_lose_nothing) {
    const model::Result result = model::explore({}, [](model::Program& program) {
        Guarded& guarded = make(program);
        for (int thread = 0; thread < 2; ++thread)
            program.thread([&guarded] { guarded.add(); });
        program.finally([&guarded] { model::check(guarded.count == 2, "a lost count"); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(WorkerBiasModel, the_bias_comes_back_while_the_worker_holds_a_lock_that_it_took_without) {
    const model::Result result = model::explore({.preemptions = 2}, [](model::Program& program) {
        Guarded& guarded = make(program);
        program.thread([&guarded] {
            guarded.add();
            guarded.add_second();
        });
        program.thread([&guarded] { guarded.add_second(); });
        program.thread([&guarded] { guarded.add(); });
        program.finally(
            [&guarded] { model::check(guarded.count == 2 && guarded.second_count == 2, "a lost count"); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

}  // namespace
}  // namespace cprime::detail
