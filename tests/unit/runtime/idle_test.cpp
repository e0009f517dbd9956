// Idle coroutines: found by sweeps, listed and reaped; and who is not idle however long it waits.
#include <cprime/blocking.h>
#include <cprime/channel.h>
#include <cprime/deadline.h>
#include <cprime/idle.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

class Idle : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Idle);

std::vector<std::string> names_of(const std::vector<IdleCoroutine>& all) {
    std::vector<std::string> names;
    for (const IdleCoroutine& one : all)
        names.emplace_back(one.name);
    std::ranges::sort(names);
    return names;
}

// Sweeps until so many have been idle for `limit`. A sweep sees them parked at some time, and limits count from there.
std::vector<IdleCoroutine> list_until(std::size_t count, std::chrono::nanoseconds limit) {
    while (true) {
        std::vector<IdleCoroutine> idle = idle_coroutines(limit);
        if (idle.size() == count) return idle;
        yield();
    }
}

TEST_P(Idle, those_who_wait_for_what_may_never_come_are_listed_and_reaped) {
    run([] {
        auto channel = make_channel<int>("nobody sends");
        std::atomic<int> ended{0};
        auto receiver = spawn("receiver", [&] {
            EXPECT_EQ(channel.receiver.receive().status(), Status::cancelled);
            ++ended;
        });
        const unsigned line = __LINE__ + 1;
        auto suspended = spawn("suspended", [&] {
            EXPECT_EQ(suspend().status(), Status::cancelled);
            ++ended;
        });
        EXPECT_TRUE(idle_coroutines(1h).empty());
        const auto idle = list_until(2, 2ms);
        EXPECT_EQ(names_of(idle), (std::vector<std::string>{"receiver", "suspended"}));
        for (const IdleCoroutine& one : idle) {
            EXPECT_GE(one.idle_for, 2ms);
            EXPECT_TRUE(one.file.ends_with("idle_test.cpp"));
            if (one.name != "suspended") continue;
            EXPECT_EQ(one.id, suspended.id());
            EXPECT_EQ(one.line, line);
            EXPECT_EQ(one.waits_for, "suspended");
        }
        EXPECT_EQ(reap_idle(1h), 0U);
        EXPECT_EQ(reap_idle(2ms), 2U);
        receiver.join();
        suspended.join();
        EXPECT_EQ(ended, 2);
        EXPECT_EQ(reap_idle(0ms), 0U);
    });
}

TEST_P(Idle, one_that_ran_between_two_sweeps_is_not) {
    run([] {
        std::atomic<int> woken{0};
        auto handle = spawn("woken", [&woken] {
            while (suspend())
                ++woken;
        });
        list_until(1, 5ms);
        // Woken and parked again: as if it had just come.
        while (!handle.resume())
            yield();
        while (woken != 1)
            yield();
        const auto from = std::chrono::steady_clock::now();
        for (const IdleCoroutine& one : idle_coroutines(1h))
            ADD_FAILURE() << one.name;
        const auto idle = list_until(1, 5ms);
        EXPECT_GE(std::chrono::steady_clock::now() - from, 5ms);
        EXPECT_TRUE(idle.front().cancel());
        handle.join();
        EXPECT_FALSE(idle.front().cancel());
    });
}

TEST_P(Idle, those_who_go_on_by_themselves_or_wait_for_somebody_alive_are_not) {
    run([] {
        auto channel = make_channel<int>("timed");
        std::atomic<bool> over{false};
        auto sleeper = spawn("sleeps", [] { sleep_for(1h); });
        auto timed = spawn("timed", [&channel] { channel.receiver.receive_for(1h); });
        auto forgotten = spawn("forgotten", [] { suspend(); });
        auto joiner = spawn("joins", [&forgotten] { forgotten.join(); });
        auto blocked = spawn("blocks", [&over] {
            blocking([&over] {
                while (!over)
                    std::this_thread::yield();
            });
        });
        auto exempt = spawn("stays", [] {
            const StayIdle outer;
            { const StayIdle inner; }
            EXPECT_EQ(suspend().status(), Status::cancelled);
        });
        auto no_more = spawn("stayed", [] {
            { const StayIdle before; }
            suspend();
        });
        EXPECT_EQ(names_of(list_until(2, 2ms)), (std::vector<std::string>{"forgotten", "stayed"}));
        // All of them were seen parked for longer than that by now.
        sleep_for(5ms);
        EXPECT_EQ(reap_idle(2ms), 2U);
        joiner.join();
        no_more.join();
        over = true;
        blocked.join();
        for (auto* one : {&sleeper, &timed, &exempt}) {
            EXPECT_TRUE(one->cancel());
            one->join();
        }
    });
}

TEST_P(Idle, many_are_reaped_at_once) {
    run([] {
        constexpr std::size_t kMany = kManyCoroutines / 50;
        std::vector<JoinHandle<void>> all;
        for (std::size_t i = 0; i < kMany; ++i)
            all.push_back(spawn({.name = "one of many", .size_class = size_class::small}, [] { suspend(); }));
        list_until(kMany, 1ms);
        EXPECT_EQ(reap_idle(1ms), kMany);
        for (auto& one : all)
            one.join();
    });
}

TEST_P(Idle, the_runtime_reaps_by_itself_when_told_to) {
    std::atomic<bool> reaped{false};
    Runtime runtime({.workers = GetParam(), .reap_idle_after = 20ms});
    runtime.run([&reaped] {
        const StayIdle main_may_wait;
        auto forgotten = spawn("forgotten", [&reaped] { reaped = suspend().status() == Status::cancelled; });
        forgotten.join();
    });
    EXPECT_TRUE(reaped);
}

TEST(IdleOutside, a_thread_that_is_no_worker_may_look_and_reap) {
    Runtime runtime({.workers = 2});
    auto forgotten = spawn("forgotten", [] { suspend(); });
    while (idle_coroutines(1ms).empty())
        std::this_thread::yield();
    EXPECT_EQ(reap_idle(1ms), 1U);
    forgotten.join();
    const StayIdle nothing_happens;
}

TEST(IdleOutside, a_micro_coroutine_reaps) {
    cprime::run({.workers = 1}, [] {
        auto forgotten = spawn("forgotten", [] { suspend(); });
        spawn({.size_class = size_class::micro}, [] {
            while (reap_idle(1ms) == 0)
                yield();
        }).join();
        forgotten.join();
    });
}

}  // namespace
}  // namespace cprime
