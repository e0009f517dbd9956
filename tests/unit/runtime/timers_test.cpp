// Deadlines of coroutines: in order, never early, taken out when cancelled, a million at once, and nothing left.
#include "runtime/scheduler/timers.h"

#include <cprime/deadline.h>
#include <cprime/pools.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kSleepers = kManyCoroutines;
#else
constexpr int kSleepers = 1'000'000;  // with one and with four workers; else as many as others make do with
#endif

int sleepers(unsigned workers) {
    return workers == 1 || workers == 4 ? kSleepers : kManyCoroutines;
}

std::uint64_t armed() {
    return detail::g_runtime->timers.armed();
}

class Timers : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Timers);

// Spawns `count` Micro coroutines that run body() and returns when all of them are parked in it with a deadline armed.
template <typename Body>
void spawn_sleepers(int count, Body body) {
    for (int i = 0; i < count; ++i)
        spawn_detached({.name = "sleeper", .size_class = size_class::micro}, body);
    while (armed() < static_cast<std::uint64_t>(count))
        yield();
}

TEST_P(Timers, a_deadline_is_armed_while_its_coroutine_sleeps_and_gone_when_it_is_cancelled) {
    run([] {
        std::vector<JoinHandle<void>> sleepers;
        for (int i = 0; i < 100; ++i)
            sleepers.push_back(spawn("sleeper", [] { sleep_for(1h); }));
        while (armed() < 100)
            yield();
        EXPECT_LT(detail::timers_next(), detail::deadline_after_ns(3'600'000'000'000));
        for (int i = 0; i < 100; ++i) {
            EXPECT_EQ(armed(), 100U - static_cast<unsigned>(i));
            sleepers[static_cast<std::size_t>(i)].cancel();
        }
        EXPECT_EQ(armed(), 0U);
        EXPECT_EQ(detail::timers_next(), detail::kNoDeadline);
        for (auto& sleeper : sleepers)
            sleeper.join();
    });
}

TEST_P(Timers, threads_that_are_no_workers_cancel_too) {
    Runtime runtime({.workers = GetParam()});
    std::vector<JoinHandle<void>> sleepers;
    for (int i = 0; i < 100; ++i)
        sleepers.push_back(spawn("sleeper", [] { sleep_for(1h); }));
    while (armed() < 100)
        std::this_thread::yield();
    for (auto& sleeper : sleepers)
        sleeper.cancel();
    EXPECT_EQ(armed(), 0U);
}

TEST_P(Timers, a_million_cancelled_leave_nothing_and_their_memory_goes_back) {
    // Nobody trims but we.
    Runtime runtime({.workers = GetParam(), .pools = {.trim_after_ms = 0}});
    runtime.run([count = sleepers(GetParam())] {
        spawn_sleepers(count, [] { sleep_for(1h); });
        EXPECT_EQ(armed(), static_cast<std::uint64_t>(count));
        shutdown();
        EXPECT_EQ(armed(), 0U);
        EXPECT_EQ(detail::timers_next(), detail::kNoDeadline);
        const std::uint64_t chunks = (static_cast<std::uint64_t>(count) + detail::TimerNodes::kChunkNodes - 1) /
                                     detail::TimerNodes::kChunkNodes;
        EXPECT_GE(detail::g_runtime->timers.trim(), chunks * detail::TimerNodes::kChunkBytes);
        EXPECT_EQ(detail::g_runtime->timers.trim(), 0U);
    });
}

TEST_P(Timers, a_million_due_at_once_all_fire_and_let_others_run_in_between) {
    const int count = sleepers(GetParam());
    std::atomic<int> fired{0};
    std::atomic<int> early{0};
    int most_between_turns = 0;
    bool all_slept = false;
    run([&] {
        const auto due = steady_clock::now() + 3s;
        for (int i = 0; i < count; ++i) {
            spawn_detached({.name = "sleeper", .size_class = size_class::micro}, [&fired, &early, due] {
                sleep_until(due);
                if (Deadline(due).remaining() != 0ns) ++early;
                ++fired;
            });
        }
        while (armed() < static_cast<std::uint64_t>(count) && steady_clock::now() < due)
            yield();
        all_slept = steady_clock::now() < due;
        while (fired.load() < count) {
            const int before = fired.load();
            yield();
            most_between_turns = std::max(most_between_turns, fired.load() - before);
        }
        EXPECT_EQ(armed(), 0U);
    });
    EXPECT_EQ(fired.load(), count);
    EXPECT_EQ(early.load(), 0);
    // On a machine so slow that some came too late to sleep these were one crowd. With several workers others fire while we wait.
    if (all_slept && GetParam() == 1) {
        EXPECT_LE(most_between_turns, static_cast<int>(4 * detail::Timers::kBatch))
            << "a crowd ran before us";
    }
}

TEST_P(Timers, arming_and_cancelling_race_and_leave_nothing) {
    run([] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 32; ++i) {
            handles.push_back(spawn("restless", [i] {
                for (int round = 0; round < 100; ++round) {
                    // Some fire while they are being cancelled.
                    auto sleeper = spawn(
                        "sleeper", [round, i] { sleep_for(std::chrono::microseconds((round * i) % 300)); });
                    if ((round + i) % 3 != 0) yield();
                    sleeper.cancel();
                    sleeper.join();
                }
            }));
        }
        for (auto& handle : handles)
            handle.join();
        EXPECT_EQ(armed(), 0U);
    });
}

TEST_P(Timers, viewers_see_how_many_are_armed_and_the_next) {
    run([] {
        auto sleeper = spawn("sleeper", [] { sleep_for(1h); });
        while (armed() < 1)
            yield();
        std::uint64_t seen = 0;
        std::uint64_t next = 0;
        for (std::uint32_t i = 0; i < detail::g_runtime->workers_count; ++i) {
            seen += detail::g_runtime->workers[i].record->timers_armed.load();
            next += detail::g_runtime->workers[i].record->timers_next_ticks.load();
        }
        EXPECT_EQ(seen, 1U);
        EXPECT_EQ(next, detail::timers_next());
        sleeper.cancel();
        sleeper.join();
    });
}

}  // namespace
}  // namespace cprime
