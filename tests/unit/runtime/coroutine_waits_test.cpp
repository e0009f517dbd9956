// Coroutines resumed by hand and everything around them: threads, Runtimes, waits inside scheduled coroutines, and misuse.
#include <cprime/coroutine.h>

#include <csignal>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <cprime/channel.h>

#include "runtime/by_hand/whereabouts.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

// Counts its end.
struct Counts {
    int& count;
    ~Counts() { ++count; }
};

TEST(ByHandAlone, is_resumed_by_one_thread_after_the_other) {
    Coroutine<int, std::thread::id> where([](auto& self, int) {
        for (;;)
            self.yield(std::this_thread::get_id());
        return std::thread::id();
    });
    for (int i = 0; i < 20; ++i) {
        std::thread([&] { EXPECT_EQ(*where.resume(1), std::this_thread::get_id()); }).join();
    }
}

TEST(ByHandAlone, made_before_a_runtime_works_in_it_and_after_it) {
    int destroyed = 0;
    {
        Coroutine<int, int> adder([&destroyed, sum = 0](auto& self, int value) mutable {
            const Counts local{destroyed};
            for (;;)
                value = self.yield(sum += value);
            return 0;
        });
        EXPECT_EQ(*adder.resume(1), 1);
        run({.workers = 2}, [&adder] {
            EXPECT_EQ(*adder.resume(1), 2);
            spawn("other", [&adder] { EXPECT_EQ(*adder.resume(1), 3); }).join();
        });
        EXPECT_EQ(*adder.resume(1), 4);
    }
    EXPECT_EQ(destroyed, 1);
}

class ByHand : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(ByHand);

// A body that waits: the scheduled coroutine that resumed it waits as a whole, wherever it goes on.
TEST_P(ByHand, a_body_may_wait_where_its_resumer_might) {
    run([] {
        constexpr int kCoroutines = 40;
        constexpr int kItems = 50;
        auto [out, in] = make_channel<int>("items", 3);
        std::vector<JoinHandle<long>> readers;
        for (int i = 0; i < kCoroutines; ++i) {
            readers.push_back(spawn("reader", [receiver = in]() mutable {
                const std::uint64_t id = this_id();
                Coroutine<void, int> items([&receiver, id](auto& self) {
                    Coroutine<void, int> innermost([&receiver, id](auto& inner) {
                        while (auto item = receiver.receive()) {
                            EXPECT_EQ(this_id(), id);
                            inner.yield(*item);
                            EXPECT_TRUE(yield());
                            EXPECT_TRUE(sleep_for(1us));
                        }
                        return 0;
                    });
                    while (auto item = innermost.resume())
                        self.yield(*item);
                    return 0;
                });
                long sum = 0;
                while (auto item = items.resume()) {
                    sum += *item;
                    EXPECT_TRUE(yield());
                }
                return sum;
            }));
        }
        { const auto dropped = std::move(in); }
        for (int i = 1; i <= kCoroutines * kItems; ++i)
            EXPECT_TRUE(out.send(i));
        { const auto dropped = std::move(out); }
        long sum = 0;
        for (auto& reader : readers)
            sum += *reader.join();
        EXPECT_EQ(sum, long{kCoroutines} * kItems * (kCoroutines * kItems + 1) / 2);
    });
}

TEST_P(ByHand, exceptions_cross_waits_inside_a_body) {
    run([] {
        std::vector<JoinHandle<int>> all;
        for (int i = 0; i < 50; ++i) {
            all.push_back(spawn("thrower", [i] {
                int caught = 0;
                for (int round = 0; round < 10; ++round) {
                    try {
                        Coroutine<void, void> body([i](auto& self) {
                            try {
                                throw i;
                            } catch (int) {
                                yield();
                                self.yield();
                                sleep_for(1us);
                                throw;
                            }
                        });
                        EXPECT_TRUE(body.resume());
                        yield();
                        EXPECT_TRUE(body.resume());
                    } catch (int mine) {
                        caught += mine == i ? 1 : 0;
                    }
                }
                return caught;
            }));
        }
        for (auto& one : all)
            EXPECT_EQ(*one.join(), 10);
    });
}

TEST_P(ByHand, a_suspended_body_moves_from_one_scheduled_coroutine_to_another) {
    run([] {
        Coroutine<int, int> adder([sum = 0](auto& self, int value) mutable {
            for (;;) {
                yield();
                value = self.yield(sum += value);
            }
            return 0;
        });
        for (int i = 1; i <= 30; ++i)
            spawn("next", [&adder, i] { EXPECT_EQ(*adder.resume(1), i); }).join();
    });
}

TEST_P(ByHand, a_cancelled_resumer_is_told_inside_the_body) {
    run([] {
        auto waiter = spawn("waiter", [] {
            Coroutine<void, Status> body([](auto&) { return sleep_for(1h).status(); });
            return *body.resume();
        });
        yield();
        waiter.cancel();
        EXPECT_EQ(*waiter.join(), Status::cancelled);
    });
}

// The viewers' side: while a scheduled coroutine waits on a by-hand stack its record says so by an rsp outside of its slot.
TEST_P(ByHand, its_slot_is_shown_as_used_and_the_waiting_coroutine_stands_on_it) {
    run([] {
        auto waiter = spawn({.name = "waiter", .size_class = size_class::large}, [] {
            Coroutine<void, void> body([](auto&) { suspend(); });
            EXPECT_TRUE(body.resume());
        });
        std::uint32_t index = 0;
        while (detail::detail(index).identity.load() != waiter.id())
            ++index;
        const auto& waiting = detail::record(index);
        while (waiting.state.load() != coroscope::wire::CoroutineState::kParked)
            yield();
        const std::uint64_t rsp = waiting.rsp.load();
        EXPECT_FALSE(detail::g_runtime->pools.holds(waiting.pool, waiting.slot, rsp));
        std::uint8_t pool = 0;
        std::uint32_t slot = 0;
        ASSERT_TRUE(detail::g_runtime->pools.find_address(rsp, &pool, &slot));
        EXPECT_EQ(pool, detail::kPoolMedium);
        EXPECT_EQ(detail::g_runtime->pools.used(detail::kPoolMedium), 1U);
        while (!waiter.resume())
            yield();
        waiter.join();
        EXPECT_EQ(detail::by_hand_of(index), nullptr);
    });
}

using Numbers = Coroutine<void, int>;

class ByHandMisused : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ByHandMisused, a_body_that_swallows_unwind_ends_the_program) {
    EXPECT_DEATH(
        {
            Numbers stubborn({.name = "stubborn"}, [](auto& self) -> int {
                for (;;) {
                    try {
                        self.yield(1);
                    } catch (...) {
                    }
                }
            });
            static_cast<void>(stubborn.resume());
        },
        "Coroutine \"stubborn\" swallowed cprime::Unwind");
    EXPECT_DEATH(
        {
            Numbers quiet({.name = "quiet"}, [](auto& self) -> int {
                try {
                    self.yield(1);
                } catch (...) {
                }
                return 1;
            });
            static_cast<void>(quiet.resume());
        },
        "Coroutine \"quiet\" swallowed cprime::Unwind");
}

TEST_F(ByHandMisused, another_exception_instead_of_unwind_ends_the_program) {
    EXPECT_DEATH(
        {
            Numbers other({.name = "other"}, [](auto& self) -> int {
                try {
                    self.yield(1);
                } catch (...) {
                    throw std::runtime_error("instead");
                }
                return 1;
            });
            static_cast<void>(other.resume());
        },
        "Coroutine \"other\" threw another exception");
}

TEST_F(ByHandMisused, resuming_one_that_runs_ends_the_program) {
    EXPECT_DEATH(
        {
            Numbers* me = nullptr;
            Numbers itself({.name = "itself"}, [&me](auto&) { return *me->resume(); });
            me = &itself;
            static_cast<void>(itself.resume());
        },
        "Coroutine \"itself\" was resumed while it runs");
}

TEST_F(ByHandMisused, destroying_one_that_runs_ends_the_program) {
    EXPECT_DEATH(
        {
            std::optional<Numbers> holder;
            holder.emplace(CoroutineOptions{.name = "suicide"}, [&holder](auto&) {
                holder.reset();
                return 1;
            });
            static_cast<void>(holder->resume());
        },
        "Coroutine \"suicide\" was destroyed while it runs");
}

TEST_F(ByHandMisused, outliving_the_runtime_whose_stack_it_has_ends_the_program) {
    EXPECT_DEATH(
        {
            Numbers late;
            run({.workers = 1}, [&late] { late = Numbers([](auto&) { return 1; }); });
        },
        "the Runtime ends while 1 cprime::Coroutine made under it still exist");
}

TEST_F(ByHandMisused, running_out_of_stack_inside_a_scheduled_coroutine_is_named) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers report faults themselves";
#endif
    EXPECT_EXIT(run({.workers = 1},
                    [] {
                        Numbers deep({.name = "deep"}, [](auto&) {
                            volatile char much[70 << 10];
                            for (std::size_t i = sizeof much; i > 0; i -= 512)
                                much[i - 1] = 1;
                            return static_cast<int>(much[511]);
                        });
                        static_cast<void>(deep.resume());
                    }),
                testing::KilledBySignal(SIGSEGV),
                "stack overflow in Coroutine \"deep\", resumed by hand: it ran into the guard page");
}

}  // namespace
}  // namespace cprime
