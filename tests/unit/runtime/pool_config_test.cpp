// PoolConfig: stacks ahead, limits and what happens at them, emergency slots, and configurations that cannot be.
#include <gtest/gtest.h>

#include <cprime/cprime.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

constexpr ClassPool with_max(std::uint64_t slots_max, WhenFull when_full) {
    return {.slots_max = slots_max, .when_full = when_full};
}

class PoolLimits : public WithWorkers {
protected:
    // As run(), with a configuration.
    template <typename F>
    void run_with(const PoolConfig& pools, F&& function) {
        Runtime runtime({.workers = GetParam(), .pools = pools});
        runtime.run(std::forward<F>(function));
        for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool)
            EXPECT_EQ(detail::g_runtime->pools.used(pool), 0U) << int{pool};
        EXPECT_EQ(detail::g_runtime->scheduler.alive(), 0U);
    }
};
INSTANTIATE_WITH_WORKERS(PoolLimits);

// Coroutines that wait for a channel until they are told to end.
struct Crowd {
    Channel<int> gate{"gate"};
    std::vector<JoinHandle<void>> all;
    void add(size_class wish) {
        all.push_back(spawn({.name = "crowd", .size_class = wish},
                            [gate = gate.receiver()] { static_cast<void>(gate.receive()); }));
    }
    void end() {
        gate.close();
        for (auto& one : all)
            static_cast<void>(one.join());
        all.clear();
    }
};

TEST_P(PoolLimits, full_classes_overflow_into_the_next_one_by_default) {
    run_with({.small = with_max(10, WhenFull::next_class), .medium = with_max(10, WhenFull::next_class)}, [] {
        Crowd crowd;
        for (int i = 0; i < 25; ++i)
            crowd.add(size_class::small);
        EXPECT_EQ(pool_statistics(size_class::small).used, 10U);
        EXPECT_EQ(pool_statistics(size_class::medium).used, 10U);
        EXPECT_EQ(pool_statistics(size_class::large).used, 5U + 1U) << "and main";
        crowd.end();
    });
}

TEST_P(PoolLimits, error_is_bad_alloc_at_the_limit_and_not_before) {
    run_with({.medium = with_max(7, WhenFull::error)}, [] {
        for (int round = 0; round < 3; ++round) {
            Crowd crowd;
            for (int i = 0; i < 7; ++i)
                crowd.add(size_class::medium);
            EXPECT_THROW(crowd.add(size_class::medium), std::bad_alloc);
            EXPECT_EQ(pool_statistics(size_class::medium).used, 7U);
            crowd.end();
            // A joiner is woken before the last slot is back.
            while (pool_statistics(size_class::medium).used != 0)
                static_cast<void>(yield());
        }
    });
}

TEST_P(PoolLimits, wait_keeps_the_limit_exactly_and_loses_nobody) {
    static std::atomic<int> now, most, ended;
    now = most = ended = 0;
    constexpr int kAll = 3000;
    run_with({.medium = with_max(5, WhenFull::wait)}, [] {
        std::vector<JoinHandle<void>> spawners;
        for (int s = 0; s < 10; ++s) {
            spawners.push_back(spawn({.name = "spawner", .size_class = size_class::large}, [] {
                for (int i = 0; i < kAll / 10; ++i) {
                    spawn_detached({.name = "limited", .size_class = size_class::medium}, [] {
                        const int mine = now.fetch_add(1) + 1;
                        for (int seen = most.load(); mine > seen && !most.compare_exchange_weak(seen, mine);) {
                        }
                        static_cast<void>(yield());
                        now.fetch_sub(1);
                        ended.fetch_add(1);
                    });
                }
            }));
        }
        for (auto& one : spawners)
            EXPECT_TRUE(one.join());
    });
    EXPECT_EQ(ended.load(), kAll);
    EXPECT_LE(most.load(), 5);
    EXPECT_GE(most.load(), 1);
}

TEST_P(PoolLimits, wait_serves_who_came_first) {
    run_with({.medium = with_max(1, WhenFull::wait)}, [] {
        Crowd holder;
        holder.add(size_class::medium);
        std::vector<int> order;
        std::vector<JoinHandle<void>> waiting;
        for (int i = 0; i < 20; ++i) {
            waiting.push_back(spawn({.name = "in line", .size_class = size_class::large}, [&order, i] {
                spawn({.name = "one at a time", .size_class = size_class::medium}, [&order, i] {
                    order.push_back(i);  // nobody else is in here: there is one slot
                }).join();
            }));
            while (pool_statistics(size_class::medium).spawns_waiting != static_cast<std::uint64_t>(i) + 1)
                static_cast<void>(yield());
        }
        holder.end();
        for (auto& one : waiting)
            EXPECT_TRUE(one.join());
        for (int i = 0; i < 20; ++i)
            EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    });
}

TEST_P(PoolLimits, who_waits_for_a_slot_is_shown_so_and_can_be_cancelled) {
    run_with({.medium = with_max(1, WhenFull::wait)}, [] {
        Crowd holder;
        holder.add(size_class::medium);
        std::atomic<int> unwound{0};
        std::vector<JoinHandle<void>> waiting;
        for (int i = 0; i < 8; ++i) {
            waiting.push_back(spawn({.name = "in vain", .size_class = size_class::large}, [&unwound] {
                struct Unwound {
                    std::atomic<int>& count;
                    ~Unwound() { count.fetch_add(1); }
                } guard{unwound};
                spawn({.name = "never made", .size_class = size_class::medium}, [] {}).detach();
            }));
        }
        while (pool_statistics(size_class::medium).spawns_waiting != 8)
            static_cast<void>(yield());
        std::uint32_t shown = 0;
        const auto& section = detail::g_runtime->segment->header()
                                  .sections[static_cast<std::size_t>(detail::wire::SectionKind::kCoroutines)];
        for (std::uint32_t i = 0; i < section.records_used.load(); ++i) {
            const auto& one = detail::record(i);
            shown += one.state.load() == detail::wire::CoroutineState::kParked &&
                     one.reason.load() == detail::wire::WaitReason::kSlot &&
                     one.wait_object.load() == static_cast<std::uint32_t>(detail::wire::SizeClass::kMedium);
        }
        EXPECT_EQ(shown, 8U);
        for (const std::size_t i : {3U, 0U, 7U, 5U, 1U, 2U, 6U, 4U}) {
            EXPECT_TRUE(waiting[i].cancel());
            EXPECT_TRUE(waiting[i].join());
        }
        EXPECT_EQ(unwound.load(), 8);
        EXPECT_EQ(pool_statistics(size_class::medium).spawns_waiting, 0U);
        holder.end();
        spawn({.name = "after", .size_class = size_class::medium}, [] {}).join();
    });
}

TEST_P(PoolLimits, cancelling_and_handing_over_at_the_same_time_leave_every_slot_accounted_for) {
    run_with({.medium = with_max(3, WhenFull::wait)}, [] {
        for (int round = 0; round < 30; ++round) {
            Crowd holder;
            for (int i = 0; i < 3; ++i)
                holder.add(size_class::medium);
            std::vector<JoinHandle<void>> waiting;
            for (int i = 0; i < 12; ++i) {
                waiting.push_back(spawn({.name = "maybe", .size_class = size_class::large}, [] {
                    spawn({.name = "short", .size_class = size_class::medium}, [] {}).join();
                }));
            }
            auto closer = spawn({.name = "closer", .size_class = size_class::large},
                                [&holder] { holder.end(); });
            for (std::size_t i = 0; i < 12; i += 2)
                waiting[i].cancel();
            static_cast<void>(closer.join());
            for (auto& one : waiting)
                EXPECT_TRUE(one.join());
        }
    });
}

TEST_P(PoolLimits, threads_that_are_no_workers_wait_in_the_same_line) {
    Runtime runtime({.workers = GetParam(), .pools = {.medium = with_max(2, WhenFull::wait)}});
    std::atomic<int> ended{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&ended] {
            for (int i = 0; i < 100; ++i) {
                spawn({.name = "from outside", .size_class = size_class::medium}, [&ended] {
                    static_cast<void>(yield());
                    ended.fetch_add(1);
                }).join();
            }
        });
    }
    runtime.run([&ended] {
        for (int i = 0; i < 100; ++i)
            spawn({.name = "from inside", .size_class = size_class::medium}, [&ended] {
                ended.fetch_add(1);
            }).join();
    });
    for (auto& thread : threads)
        thread.join();
    runtime.wait();
    EXPECT_EQ(ended.load(), 500);
    EXPECT_EQ(pool_statistics(size_class::medium).used, 0U);
}

TEST_P(PoolLimits, a_shutdown_finds_those_who_wait_for_a_slot) {
    run_with({.medium = with_max(1, WhenFull::wait)}, [] {
        Crowd holder;
        holder.add(size_class::medium);
        auto waiting = spawn({.name = "in line", .size_class = size_class::large}, [] {
            spawn({.name = "too late", .size_class = size_class::medium}, [] {}).detach();
            // On several workers the holder may have ended, and left its slot, before the one in line is asked to end.
            if (GetParam() == 1) ADD_FAILURE() << "the spawn was to be left by Cancelled";
        });
        while (pool_statistics(size_class::medium).spawns_waiting == 0)
            static_cast<void>(yield());
        shutdown();
    });
}

TEST_P(PoolLimits, slots_ahead_stand_before_the_first_coroutine_and_are_enough) {
    run_with({.micro = {.slots_ahead = 3000}, .medium = {.slots_ahead = 10, .slots_max = 10}}, [] {
        const PoolStatistics before = pool_statistics(size_class::micro);
        EXPECT_GE(before.slots, 3000U);
        EXPECT_LT(before.slots, 3000U + 512U * GetParam());
        EXPECT_EQ(before.slots % 512, 0U);
        const PoolStatistics medium = pool_statistics(size_class::medium);
        EXPECT_EQ(medium.slots, 512U * GetParam());
        EXPECT_EQ(medium.guarded, medium.slots);
    });
}

// Everybody is a signal handler that waits for the others: more at once than there are slots for signals.
TEST_P(PoolLimits, signals_fall_back_on_the_emergency_slots_which_nobody_else_gets) {
    std::atomic<int> handled{0};
    std::atomic<bool> end{false};
    Runtime runtime(
        {.workers = GetParam(),
         .pools = {.medium = with_max(4, WhenFull::error), .signal_slots_max = 2, .emergency_slots = 3}});
    signals().handle(SIGUSR2, [&](const SignalInfo&) {
        handled.fetch_add(1);
        while (!end.load())
            static_cast<void>(sleep_for(std::chrono::milliseconds(1)));
    });
    const auto used = [](std::uint8_t pool) { return detail::g_runtime->pools.used(pool); };
    for (int round = 0; round < 3; ++round) {
        handled = 0;
        end = false;
        runtime.run([&] {
            for (int i = 1; i <= 5; ++i) {
                kill(getpid(), SIGUSR2);
                while (handled.load() != i)
                    static_cast<void>(yield());
                EXPECT_EQ(used(detail::kPoolSignal), static_cast<std::uint64_t>(std::min(i, 2)));
                EXPECT_EQ(used(detail::kPoolEmergency), static_cast<std::uint64_t>(std::max(i - 2, 0)));
            }
            Crowd crowd;
            for (int i = 0; i < 4; ++i)
                crowd.add(size_class::medium);
            EXPECT_THROW(crowd.add(size_class::medium), std::bad_alloc);
            crowd.end();
            end.store(true);
        });
        EXPECT_EQ(used(detail::kPoolEmergency), 0U);
        EXPECT_EQ(used(detail::kPoolSignal), 0U);
    }
}

// ---- what cannot be

class BadPools : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    static void start(const PoolConfig& pools) { Runtime runtime({.workers = 2, .pools = pools}); }
};

TEST_F(BadPools, are_named_with_the_way_out_and_exit_code_2) {
    EXPECT_EXIT(start({.medium = {.slots_ahead = 11, .slots_max = 10}}), testing::ExitedWithCode(2),
                "^cprime: PoolConfig::medium.slots_ahead is 11 and slots_max 10: .*raise slots_max or lower "
                "slots_ahead\n$");
    EXPECT_EXIT(
        start({.large = {.slots_max = 1ULL << 60}}), testing::ExitedWithCode(2),
        "^cprime: PoolConfig::large.slots_max wants 1152921504606846976 slots, and the state segment has "
        "room for [0-9]+ of that class; use a smaller number\n$");
    EXPECT_EXIT(start({.large = {.slots_ahead = 16U << 20}}), testing::ExitedWithCode(2),
                "^cprime: PoolConfig::large.slots_ahead wants [0-9]+ MiB of address space, and .*; lower "
                "slots_ahead, or raise that limit\n$");
    EXPECT_EXIT(start({.small = {.when_full = static_cast<WhenFull>(9)}}), testing::ExitedWithCode(2),
                "^cprime: PoolConfig::small.when_full is no policy; use WhenFull::next_class, ");
    EXPECT_EXIT(start({.emergency_slots = 513}), testing::ExitedWithCode(2),
                "^cprime: PoolConfig::emergency_slots is 513; use 0 to 512\n$");
}

// ---- no memory

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

std::uint64_t address_space_now() {
    unsigned long pages = 0;
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    const bool read = std::fscanf(file, "%lu", &pages) == 1;
    std::fclose(file);
    return read ? std::uint64_t{pages} * 4096 : 0;
}

void allow_bytes(std::uint64_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(9);
}
void allow_bytes_more(std::uint64_t bytes) {
    allow_bytes(address_space_now() + bytes);
}

class NoMemory : public BadPools {};

TEST_F(NoMemory, ahead_is_a_sentence) {
    EXPECT_EXIT(
        {
            allow_bytes(40ULL << 30);
            start({.large = {.slots_ahead = 5 * 1024}});
        },
        testing::ExitedWithCode(2),
        "^cprime: PoolConfig::large.slots_ahead wants [0-9]+ MiB of address space, and RLIMIT_AS \\(ulimit "
        "-v\\) "
        "allows 40960 MiB; ");
    EXPECT_EXIT(
        {
            allow_bytes(41ULL << 30);
            start({.large = {.slots_ahead = 4 * 1024 + 512}});
        },
        testing::ExitedWithCode(1),
        "^cprime: there is no memory for the 4608 slots of "
        "PoolConfig::large.slots_ahead; lower it\n$");
}

// Takes Large stacks, four gigabytes of address space a slab, until there are no more; ends with them all, and a second time.
void exhaust(WhenFull when_full) {
    Runtime runtime({.workers = 2, .pools = {.large = {.when_full = when_full}}});
    allow_bytes_more(20ULL << 30);
    // On one worker: the free slots of another one's slabs are not taken where the system refuses memory.
    const auto exhaust_twice = [] {
        std::size_t first = 0;
        for (int round = 0; round < 2; ++round) {
            Crowd crowd;
            try {
                for (int i = 0; i < 20'000; ++i)
                    crowd.add(size_class::large);
                std::_Exit(3);
            } catch (const std::bad_alloc&) {
            }
            if (round == 0) first = crowd.all.size();
            if (crowd.all.size() < 1000 || crowd.all.size() + 1024 < first) std::_Exit(4);
            // Smaller ones still find room in what is there.
            spawn({.name = "small", .size_class = size_class::small}, [] {}).join();
            crowd.end();
        }
    };
    runtime.run([&] { spawn({.name = "exhausts", .worker = 0}, exhaust_twice).join(); });
}

TEST_F(NoMemory, later_is_bad_alloc_and_the_program_goes_on) {
    EXPECT_EXIT(
        {
            exhaust(WhenFull::error);
            std::_Exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(NoMemory, later_lets_the_spawn_wait_where_the_class_says_so) {
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 2, .pools = {.large = {.when_full = WhenFull::wait}}});
            allow_bytes_more(20ULL << 30);
            std::atomic<int> ended{0};
            runtime.run([&ended] {
                // Far more than fit; each ends when it has seen that somebody waits, or that all are made.
                static std::atomic<bool> all_made{false};
                for (int i = 0; i < 6'000; ++i) {
                    spawn_detached({.name = "large", .size_class = size_class::large}, [&ended] {
                        while (!all_made.load() && pool_statistics(size_class::large).spawns_waiting == 0)
                            static_cast<void>(yield());
                        ended.fetch_add(1);
                    });
                }
                all_made.store(true);
            });
            std::_Exit(ended.load() == 6'000 ? 0 : 5);
        },
        testing::ExitedWithCode(0), "");
}

TEST_F(NoMemory, a_signal_still_finds_an_emergency_slot) {
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 1, .pools = {.signal_slots_max = 0, .emergency_slots = 2}});
            std::atomic<bool> handled{false};
            std::uint64_t emergency = 0;
            signals().handle(SIGUSR2, [&](const SignalInfo&) {
                emergency = detail::g_runtime->pools.used(detail::kPoolEmergency);
                handled.store(true);
            });
            runtime.run([&handled] {
                allow_bytes_more(1U << 20);  // less than a slab of the signal pool
                kill(getpid(), SIGUSR2);
                while (!handled.load())
                    static_cast<void>(yield());
            });
            std::_Exit(emergency == 1 ? 0 : 6);
        },
        testing::ExitedWithCode(0), "");
}

#endif

}  // namespace
}  // namespace cprime
