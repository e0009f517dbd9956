// Going to sleep and being woken, under every interleaving: work that was made ready while others go to sleep is found.
//
// A worker here has a deque and a Sleeper, and no coroutines. One that has work pushes it, tells (notify) and then does something long:
// it never looks at its deque again, so that what nobody steals stays there while somebody sleeps, which is a deadlock.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <mutex>

#include "model.h"
#include "model_atomics.h"
#include "runtime/scheduler/idle_workers.h"
#include "runtime/scheduler/work_deque.h"

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

constexpr std::uint32_t kEntries = 2;
constexpr std::uint32_t kWorkers = 3;

struct Case {
    explicit Case(std::uint32_t workers) : workers_count(workers) { no_bias = &own_bias; }

    void put(std::uint32_t worker, std::uint32_t entry) {
        written[entry] = 1;
        model::check(deques[worker].push(entry), "a push found no room");
    }
    void push(std::uint32_t worker, std::uint32_t entry) {
        put(worker, entry);
        idle.notify(lock);
    }

    bool steal(std::uint32_t self) {
        for (std::uint32_t victim = 0; victim < workers_count; ++victim) {
            if (victim == self) continue;
            std::uint32_t entry = deques[victim].steal();
            while (entry == WorkDeque::kLost)
                entry = deques[victim].steal();
            if (entry == WorkDeque::kNothing) continue;
            model::check(written[entry] == 1, "an entry before what was written for it");
            model::check(++takes[entry] == 1, "a duplicate: an entry was taken twice");
            return true;
        }
        return false;
    }

    // Searches and sleeps until it has got one entry.
    void find_one(std::uint32_t worker) {
        Sleeper& self = sleepers[worker];
        while (true) {
            if (!self.is_searching()) idle.start_search(self);
            const bool found = steal(worker);
            if (found) {
                idle.end_search(self, true, lock);
                return;
            }
            idle.end_search(self, false, lock);
            enter(worker);
            sleep(worker);
        }
    }
    void enter(std::uint32_t worker) {
        const std::lock_guard<SpinLock> hold(lock);
        idle.enter(sleepers[worker]);
    }
    void sleep(std::uint32_t worker) {
        Sleeper& self = sleepers[worker];
        const bool work = idle.last_look([this] {
            for (std::uint32_t i = 0; i < workers_count; ++i)
                if (deques[i].length() != 0) return true;
            return false;
        });
        while (!work && !IdleWorkers::is_woken(self))
            IdleWorkers::wait(self, 0);
        const std::lock_guard<SpinLock> hold(lock);
        idle.remove(self);
    }

    void finish(std::uint32_t entries) {
        for (std::uint32_t entry = 0; entry < entries; ++entry)
            model::check(takes[entry] == 1, "a lost entry");
        model::check(idle.sleeping() == 0, "somebody is counted as asleep who is not");
    }

    WorkerBias own_bias;
    SpinLock lock;
    IdleWorkers idle;
    std::uint32_t workers_count;
    std::array<WorkDeque, kWorkers> deques{WorkDeque(2, 2), WorkDeque(2, 2), WorkDeque(2, 2)};
    std::array<Sleeper, kWorkers> sleepers;
    std::array<model::Plain<int>, kEntries> written;
    std::array<int, kEntries> takes{};
};

TEST(IdleWorkersModel, work_pushed_while_the_only_other_worker_goes_to_sleep_is_found) {
    const model::Result result = model::explore({.preemptions = 4}, [](model::Program& program) {
        auto& all = program.make<Case>(2U);
        program.thread([&] { all.push(0, 0); });
        program.thread([&] { all.find_one(1); });
        program.finally([&] {
            all.finish(1);
            model::check(all.idle.searching() == 0, "somebody is counted as searching who is not");
        });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(IdleWorkersModel, two_pieces_of_work_wake_two_sleepers_one_after_the_other) {
    const model::Result result = model::explore({.preemptions = 2, .stale_reads = 1},
                                                [](model::Program& program) {
                                                    auto& all = program.make<Case>(3U);
                                                    program.thread([&] {
                                                        all.push(0, 0);
                                                        all.push(0, 1);
                                                    });
                                                    program.thread([&] { all.find_one(1); });
                                                    program.thread([&] { all.find_one(2); });
                                                    program.finally([&] { all.finish(2); });
                                                });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(IdleWorkersModel, a_waker_that_comes_too_late_for_one_sleeper_does_not_keep_others_from_waking_it) {
    const model::Result result = model::explore(
        {.preemptions = 3, .stale_reads = 0}, [](model::Program& program) {
            auto& all = program.make<Case>(3U);
            all.enter(2);  // as if that worker were about to look once more
            all.put(0, 0);
            program.thread([&] { all.idle.notify(all.lock); });
            program.thread([&] { all.push(1, 1); });
            program.thread([&] {
                all.sleep(2);
                all.find_one(2);
                all.find_one(2);
            });
            program.finally([&] { all.finish(2); });
        });
    EXPECT_TRUE(result.passed()) << result.report();
}

}  // namespace
}  // namespace cprime::detail
