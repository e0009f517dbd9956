// Chaos and the deterministic mode: what a seed decides, what it never touches, and how they are asked for.
//
// `chaos_test --order SEED` prints the order that order_of(SEED) finds: a test compares it with what this process finds.
#include <cprime/cprime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/clock.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

// Somebody whose steps are written down; all in one thread.
class Diary {
public:
    explicit Diary(std::string& text) : text_(text) {}
    void note(char who, int what) { text_ += who + std::to_string(what % 10); }

private:
    std::string& text_;
};

// What a little of everything does: who comes to each step, and when.
void play(Diary& diary) {
    auto [out, in] = make_channel<int>("unbuffered");
    auto [parcels_out, parcels_in] = make_channel<int>("buffered", 2);
    Mutex mutex("mutex");
    Semaphore places(2, "places");
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 3; ++i) {
        spawn_detached("producer", [&diary, i, out = out, parcels = parcels_out] {
            for (int n = 0; n < 4; ++n) {
                if (n % 2 == i % 2) static_cast<void>(sleep_for(std::chrono::microseconds(30 * (i + 1))));
                static_cast<void>((n + i) % 3 == 0 ? parcels.send(n) : out.send(n));
                diary.note(static_cast<char>('a' + i), n);
            }
        });
        handles.push_back(spawn("locker", [&diary, &mutex, &places, i] {
            for (int n = 0; n < 3; ++n) {
                static_cast<void>(places.acquire());
                const MutexLock lock(mutex);
                static_cast<void>(yield());
                diary.note(static_cast<char>('l' + i), n);
                places.release();
            }
        }));
        handles.push_back(spawn("sleeper", [&diary, i] {
            for (int n = 0; n < 3; ++n) {
                static_cast<void>(sleep_for(std::chrono::milliseconds(1 + i % 2)));
                diary.note(static_cast<char>('s' + i), n);
            }
        }));
    }
    out.reset();
    parcels_out.reset();
    for (int i = 0; i < 2; ++i) {
        handles.push_back(spawn("chooser", [&diary, i, in = in, parcels = parcels_in] {
            for (int n = 0, open = 2; open == 2; ++n) {
                int item = 0;
                const Selected selected = select(on_receive(in, item), on_receive(parcels, item),
                                                 on_timeout(50us));
                if (selected.status == Status::closed) --open;
                diary.note(static_cast<char>('x' + i), selected.arm);
            }
        }));
    }
    in.reset();
    parcels_in.reset();
    for (auto& handle : handles)
        EXPECT_TRUE(handle.join());
}

std::string order_in(Runtime& runtime) {
    std::string text;
    Diary diary(text);
    runtime.run([&] { play(diary); });
    return text;
}
std::string order_of(std::uint64_t seed) {
    Runtime runtime({.deterministic = seed});
    return order_in(runtime);
}

std::string order_in_another_process(std::uint64_t seed) {
    const std::string command = "exec /proc/" + std::to_string(getpid()) + "/exe --order " +
                                std::to_string(seed);
    std::FILE* pipe = popen(command.c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::string text;
    std::array<char, 4096> block;
    while (const std::size_t bytes = std::fread(block.data(), 1, block.size(), pipe))
        text.append(block.data(), bytes);
    EXPECT_EQ(pclose(pipe), 0);
    return text;
}

TEST(Deterministic, a_seed_is_one_order_in_each_runtime_and_in_each_process) {
    for (const std::uint64_t seed : {0ULL, 7ULL, ~0ULL}) {
        const std::string once = order_of(seed);
        EXPECT_GT(once.size(), 50U);
        for (int again = 0; again < 5; ++again)
            EXPECT_EQ(order_of(seed), once);
        EXPECT_EQ(order_in_another_process(seed), once);
    }
}

TEST(Deterministic, another_seed_is_another_order) {
    std::set<std::string> orders;
    Runtime runtime({.deterministic = 0});
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        detail::g_chaos.change(seed, true);
        orders.insert(order_in(runtime));
    }
    EXPECT_GT(orders.size(), 18U);
}

TEST(Deterministic, a_runtime_that_lives_on_takes_a_new_seed_as_a_new_one_would) {
    const std::string first = order_of(3), second = order_of(4);
    Runtime runtime({.deterministic = 3});
    EXPECT_EQ(order_in(runtime), first);
    detail::g_chaos.change(4, true);
    EXPECT_EQ(order_in(runtime), second);
    detail::g_chaos.change(3, true);
    EXPECT_EQ(order_in(runtime), first);
}

TEST(Deterministic, there_is_one_worker_whatever_was_wished) {
    EXPECT_EQ(Runtime({.workers = 4, .deterministic = 1}).workers(), 1U);
}

TEST(Deterministic, hours_of_sleep_take_no_time_and_promises_hold_in_the_time_that_coroutines_have) {
    const auto begin = std::chrono::steady_clock::now();
    run({.deterministic = 1}, [] {
        const Deadline hour(1h);
        EXPECT_TRUE(sleep_for(59min));
        EXPECT_FALSE(hour.expired());
        EXPECT_LE(hour.remaining(), 1min);
        EXPECT_TRUE(sleep_for(1min));
        EXPECT_TRUE(hour.expired());
        EXPECT_TRUE(sleep_until(Deadline(24h)));
        Interval every(10min);
        for (int i = 0; i < 6; ++i)
            EXPECT_TRUE(every.tick());
        EXPECT_EQ(every.skipped(), 0U);
    });
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1h);
}

TEST(Deterministic, sleepers_wake_in_the_order_of_their_deadlines) {
    Runtime runtime({.deterministic = 0});
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        detail::g_chaos.change(seed, true);
        std::string order;
        runtime.run([&] {
            std::vector<JoinHandle<void>> sleepers;
            for (const int minutes : {5, 1, 4, 2, 3})
                sleepers.push_back(spawn("sleeper", [&order, minutes] {
                    EXPECT_TRUE(sleep_for(std::chrono::minutes(minutes)));
                    order += std::to_string(minutes);
                }));
            for (auto& sleeper : sleepers)
                EXPECT_TRUE(sleeper.join());
        });
        EXPECT_EQ(order, "12345");
    }
}

TEST(Deterministic, who_waits_for_a_flag_by_yielding_sees_time_go_by) {
    run({.deterministic = 1}, [] {
        bool rung = false;
        auto bell = spawn("bell", [&] {
            EXPECT_TRUE(sleep_for(5ms));
            rung = true;
        });
        while (!rung)
            EXPECT_TRUE(yield());
        EXPECT_TRUE(bell.join());
        const Deadline soon(1ms);
        while (!soon.expired()) {
        }
    });
}

TEST(Deterministic, time_stands_still_while_a_blocking_call_is_under_way) {
    run({.deterministic = 1}, [] {
        for (int i = 0; i < 50; ++i) {
            Channel<int> answer("answer");
            auto caller = spawn("caller",
                                [&] { EXPECT_TRUE(answer.send(*blocking([] { return sched_yield(); }))); });
            EXPECT_EQ(answer.receive_for(1s).status(), Status::ok);
            EXPECT_TRUE(caller.join());
        }
    });
}

TEST(Deterministic, threads_keep_the_time_of_the_machine) {
    Runtime runtime({.deterministic = 1});
    runtime.run([] { EXPECT_TRUE(sleep_for(1h)); });
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(sleep_until(std::chrono::steady_clock::now() + 2ms));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 2ms);
    const Deadline deadline(1h);
    EXPECT_LE(deadline.time(), std::chrono::steady_clock::now() + 1h);
}

// Ten that are ready at once, on one worker: the order in which they run.
std::string order_of_ten() {
    std::string order;
    Channel<int> start("start");
    std::vector<JoinHandle<void>> ten;
    for (char name = '0'; name <= '9'; ++name)
        ten.push_back(spawn("one of ten", [&order, &start, name] {
            EXPECT_EQ(start.receive().status(), Status::closed);
            order += name;
        }));
    while (start.statistics().receivers_waiting != 10)
        static_cast<void>(yield());
    start.close();
    for (auto& each : ten)
        EXPECT_TRUE(each.join());
    return order;
}

TEST(ChaosMode, ready_coroutines_run_in_any_order) {
    std::set<std::string> orders;
    Runtime runtime({.workers = 1, .chaos = 0});
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        detail::g_chaos.change(seed, false);
        orders.insert(runtime.run(&order_of_ten));
    }
    EXPECT_GT(orders.size(), 15U);
    detail::g_chaos.change(std::nullopt, false);
    EXPECT_EQ(runtime.run(&order_of_ten), runtime.run(&order_of_ten));
}

TEST(ChaosMode, calls_that_would_go_on_let_others_run) {
    for (const unsigned workers : {1U, 2U}) {
        const int switched = run({.workers = workers, .chaos = 1}, [] {
            std::atomic<bool> stop{false};
            std::atomic<int> turns{0};
            auto other = spawn("other", [&] {
                while (!stop) {
                    ++turns;
                    static_cast<void>(yield());
                }
            });
            for (int i = 0; i < 1000; ++i)
                static_cast<void>(cancel_requested());
            const int seen = turns;
            stop = true;
            EXPECT_TRUE(other.join());
            return seen;
        });
        if (workers == 1) {
            EXPECT_GT(switched, 20);
        }
    }
}

TEST(ChaosMode, higher_priority_comes_first_all_the_same) {
    Runtime runtime({.workers = 1, .chaos = 0});
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        detail::g_chaos.change(seed, false);
        runtime.run([] {
            std::atomic<bool> urgent_ran{false};
            std::vector<JoinHandle<void>> all;
            all.push_back(spawn({.name = "urgent", .priority = priority::high}, [&] { urgent_ran = true; }));
            for (int i = 0; i < 5; ++i)
                all.push_back(spawn("normal", [&] { EXPECT_TRUE(urgent_ran); }));
            for (auto& each : all)
                EXPECT_TRUE(each.join());
        });
    }
}

TEST(ChaosMode, items_keep_their_order_and_sleeps_their_length) {
    for (const unsigned workers : {1U, 2U, 4U, 8U}) {
        run({.workers = workers, .chaos = workers}, [] {
            auto [out, in] = make_channel<int>("numbers", 3);
            spawn_detached("sender", [out = std::move(out)] {
                for (int i = 0; i < 500; ++i)
                    EXPECT_TRUE(out.send(i));
            });
            for (int i = 0; i < 500; ++i)
                EXPECT_EQ(*in.receive(), i);
            EXPECT_EQ(in.receive().status(), Status::closed);
            for (int i = 0; i < 50; ++i) {
                const auto begin = std::chrono::steady_clock::now();
                EXPECT_TRUE(sleep_for(100us));
                EXPECT_GE(std::chrono::steady_clock::now() - begin, 100us);
            }
        });
    }
}

TEST(ChaosMode, nothing_of_it_is_left_when_it_ends) {
    const bool free_before = detail::sync::g_light_fence_is_free;
    for (const unsigned workers : {1U, 2U}) {
        run({.workers = workers, .chaos = 1}, [] {
            EXPECT_TRUE(detail::g_chaos.on());
            EXPECT_NE(detail::cprime_urgent & detail::kUrgentChaos, 0U);
        });
        run({.workers = workers, .deterministic = 1}, [] { EXPECT_FALSE(detail::g_chaos.delays()); });
        run({.workers = workers}, [free_before] {
            EXPECT_FALSE(detail::g_chaos.on());
            EXPECT_EQ(detail::cprime_urgent, 0U);
            EXPECT_EQ(detail::sync::g_light_fence_is_free, free_before);
            EXPECT_FALSE(detail::time_is_virtual());
        });
    }
}

class ChaosByEnvironment : public testing::Test {
protected:
    void SetUp() override {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
        unsetenv("CPRIME_QUIET");
    }
    void TearDown() override {
        unsetenv("CPRIME_CHAOS");
        unsetenv("CPRIME_DETERMINISTIC");
    }
};

TEST_F(ChaosByEnvironment, where_the_program_says_nothing_and_one_line_says_so) {
    setenv("CPRIME_CHAOS", "17", 1);
    testing::internal::CaptureStderr();
    run({.workers = 3}, [] { EXPECT_TRUE(detail::g_chaos.on()); });
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::HasSubstr("cprime: chaos, seed 17: order and timing are drawn by the seed\n"));
    testing::internal::CaptureStderr();
    run({.workers = 3, .deterministic = 5}, [] { EXPECT_FALSE(detail::g_chaos.delays()); });
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::HasSubstr(
                    "cprime: deterministic, seed 5: one worker, order drawn by the seed, virtual time\n"));
    setenv("CPRIME_QUIET", "1", 1);
    testing::internal::CaptureStderr();
    run([] { EXPECT_TRUE(detail::g_chaos.on()); });
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    unsetenv("CPRIME_CHAOS");
    setenv("CPRIME_DETERMINISTIC", "18446744073709551615", 1);
    EXPECT_EQ(Runtime().workers(), 1U);
}

TEST_F(ChaosByEnvironment, what_cannot_be_used_is_one_sentence_and_code_2) {
    setenv("CPRIME_CHAOS", "much", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: CPRIME_CHAOS=much is no seed; use a number from 0 to 18446744073709551615\n$");
    setenv("CPRIME_CHAOS", "7x", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2), "^cprime: CPRIME_CHAOS=7x is no seed; ");
    setenv("CPRIME_CHAOS", "7", 1);
    setenv("CPRIME_DETERMINISTIC", "7", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: chaos and the deterministic mode were both asked for");
    unsetenv("CPRIME_CHAOS");
    setenv("CPRIME_DETERMINISTIC", "-1", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2), "^cprime: CPRIME_DETERMINISTIC=-1 is no seed; ");
}

}  // namespace
}  // namespace cprime

int main(int count, char** arguments) {
    if (count == 3 && std::strcmp(arguments[1], "--order") == 0) {
        std::fputs(cprime::order_of(std::strtoull(arguments[2], nullptr, 10)).c_str(), stdout);
        return testing::Test::HasFailure() ? 1 : 0;
    }
    testing::InitGoogleMock(&count, arguments);
    return RUN_ALL_TESTS();
}
