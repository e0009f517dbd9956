// One scheduler and one container for kinds that they have never heard of: CPrime's own, a C++20 coroutine, a state machine.
#include <cprime/any_coroutine.h>
#include <cprime/hand_scheduler.h>

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using Clock = std::chrono::steady_clock;
using Steps = Coroutine<void, void>;

// --- two kinds that know nothing of CPrime but the names of the members

// A state machine written by hand.
struct Countdown {
    std::uint64_t number;
    int left;
    std::string* log;
    cprime::priority of = cprime::priority::normal;
    Clock::time_point stepped = {};

    std::uint64_t id() const { return number; }
    cprime::priority priority() const { return of; }
    coroutine_state state() const {
        return left == 0 ? coroutine_state::complete : coroutine_state::resumable;
    }
    std::size_t stack_used() const { return 0; }
    std::uint64_t resume_point() const { return static_cast<std::uint64_t>(left); }
    Clock::time_point last_activity() const { return stepped; }
    void resume() {
        --left;
        *log += std::to_string(number);
        stepped = Clock::now();
    }
};

// A C++20 coroutine; it says of itself what its promise noted.
class Stackless {
public:
    struct promise_type {
        Clock::time_point active = {};
        std::uint64_t step = 0;
        Stackless get_return_object() {
            return Stackless(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };
    explicit Stackless(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    Stackless(Stackless&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~Stackless() {
        if (handle_) handle_.destroy();
    }

    std::uint64_t id() const { return reinterpret_cast<std::uint64_t>(handle_.address()); }
    cprime::priority priority() const { return cprime::priority::normal; }
    coroutine_state state() const {
        return handle_.done() ? coroutine_state::complete : coroutine_state::resumable;
    }
    std::size_t stack_used() const { return 0; }
    std::uint64_t resume_point() const { return handle_.promise().step; }
    Clock::time_point last_activity() const { return handle_.promise().active; }
    void note_activity(Clock::time_point when) { handle_.promise().active = when; }
    void resume() {
        ++handle_.promise().step;
        handle_.resume();
    }

private:
    std::coroutine_handle<promise_type> handle_;
};

Stackless stackless(std::string& log, char name, int steps) {
    for (int i = 0; i < steps; ++i) {
        log += name;
        co_await std::suspend_always();
    }
    log += '.';
}

Steps by_hand(std::string& log, char name, int steps, priority of = priority::normal) {
    return Steps({.name = "by hand", .priority = of}, [&log, name, steps](auto& self) {
        for (int i = 0; i < steps; ++i) {
            log += name;
            self.yield();
        }
        log += '.';
    });
}

static_assert(Schedulable<Countdown> && Resumable<Countdown>);
static_assert(Schedulable<Stackless> && Resumable<Stackless>);
static_assert(Schedulable<Steps> && Resumable<Steps>);
static_assert(Schedulable<Coroutine<void, int>> && Resumable<Coroutine<void, int>>);
static_assert(Schedulable<AnyCoroutine> && Resumable<AnyCoroutine>);
static_assert(Schedulable<Coroutine<int, int>> && !Resumable<Coroutine<int, int>>, "it wants a value");
static_assert(!Schedulable<int> && !Resumable<std::string>);

TEST(HandScheduler, runs_a_mixture_of_kinds_to_their_ends) {
    std::string log;
    HandScheduler<> tasks;
    tasks.add(by_hand(log, 'a', 2));
    tasks.add(Countdown{7, 3, &log});
    tasks.add(stackless(log, 's', 2));
    tasks.add(AnyCoroutine(by_hand(log, 'b', 1)));
    EXPECT_EQ(tasks.size(), 4U);
    EXPECT_EQ(tasks.run_all(), 0U);
    EXPECT_EQ(log, "a7sba7s..7.") << "in turns; a dot is an end";
    EXPECT_EQ(tasks.size(), 0U);
    EXPECT_FALSE(tasks.run_one());
}

TEST(HandScheduler, keeps_the_order_of_its_policy) {
    std::string log;
    HandScheduler<ByScore> tasks;
    tasks.add(by_hand(log, 'l', 1, priority::low));
    tasks.add(Countdown{1, 2, &log, priority::high});
    tasks.add(by_hand(log, 'n', 1));
    tasks.run_all();
    EXPECT_EQ(log, "11n.l.");
}

TEST(HandScheduler, tells_the_policy_what_the_kind_says_of_itself) {
    std::vector<ReadyCoroutine> told;
    struct Listens : RoundRobin {
        std::vector<ReadyCoroutine>* told;
        void ready(const ReadyCoroutine& one) noexcept {
            told->push_back(one);
            RoundRobin::ready(one);
        }
    };
    Listens policy;
    policy.told = &told;
    std::string log;
    Steps steps = by_hand(log, 'a', 1, priority::high);
    HandScheduler<Listens> tasks(policy);
    tasks.borrow(steps);
    EXPECT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].id.id, steps.id());
    EXPECT_EQ(told[0].name, "by hand");
    EXPECT_EQ(told[0].priority, 1U);
    EXPECT_GT(told[0].stack_size, 0U);
    EXPECT_TRUE(tasks.run_one());
    EXPECT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1].times_run, 1U);
    EXPECT_GT(told[1].stack_used, told[0].stack_used);
    EXPECT_EQ(steps.last_activity(), told[1].ready_since) << "the scheduler noted it";
    EXPECT_NE(steps.resume_point(), 0U);
    tasks.run_all();
    EXPECT_TRUE(steps.is_complete());
    EXPECT_EQ(steps.resume_point(), 0U);
}

TEST(HandScheduler, runs_a_container_of_a_users_own_kind_where_it_lies) {
    std::string log;
    std::vector<Countdown> all = {{1, 2, &log}, {2, 1, &log}, {3, 0, &log}};
    EXPECT_EQ(run_all(all), 0U);
    EXPECT_EQ(log, "121");
    EXPECT_EQ(all[0].left, 0);
}

TEST(HandScheduler, throws_what_escapes_a_task_and_goes_on_with_the_others) {
    std::string log;
    HandScheduler<> tasks;
    tasks.add(Steps([](auto& self) {
        self.yield();
        throw std::runtime_error("out");
    }));
    tasks.add(Countdown{1, 3, &log});
    EXPECT_THROW(tasks.run_all(), std::runtime_error);
    EXPECT_EQ(tasks.size(), 1U);
    EXPECT_EQ(tasks.run_all(), 0U);
    EXPECT_EQ(log, "111");
}

TEST(HandScheduler, takes_tasks_that_a_task_adds) {
    std::string log;
    HandScheduler<> tasks;
    tasks.add(Steps([&](auto& self) {
        for (int i = 0; i < 100; ++i)
            tasks.add(Countdown{1, 1, &log});
        self.yield();
    }));
    EXPECT_EQ(tasks.run_all(), 0U);
    EXPECT_EQ(log, std::string(100, '1'));
}

TEST(HandScheduler, leaves_who_wants_a_value_and_says_how_many) {
    HandScheduler<> tasks;
    tasks.add(AnyCoroutine(Coroutine<int, int>([](auto&, int in) { return in; })));
    EXPECT_EQ(tasks.run_all(), 1U);
}

TEST(HandScheduler, reaps_whoever_was_not_active_for_long_and_unwinds_it) {
    struct Sets {
        bool& it;
        ~Sets() { it = true; }
    };
    bool unwound = false;
    std::string log;
    HandScheduler<> tasks;
    tasks.add(Steps([&unwound](auto& self) {
        const Sets sets{unwound};
        self.yield();
    }));
    Countdown kept{1, 1, &log};
    kept.stepped = Clock::now() + std::chrono::hours(1);  // says that it is active
    tasks.borrow(kept);
    EXPECT_TRUE(tasks.run_one());
    EXPECT_EQ(tasks.reap_idle(std::chrono::hours(1)), 0U);
    EXPECT_FALSE(unwound);
    EXPECT_EQ(tasks.reap_idle(std::chrono::nanoseconds(0)), 1U);
    EXPECT_TRUE(unwound);
    EXPECT_EQ(tasks.run_all(), 0U) << "its place in the line is passed over";
    EXPECT_EQ(log, "1");
}

TEST(HandScheduler, holds_a_policy_to_its_contract) {
    struct NamesNobody : RoundRobin {
        std::optional<ReadyId> next(unsigned) noexcept { return std::nullopt; }
    };
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            std::string log;
            HandScheduler<NamesNobody> tasks;
            tasks.add(Countdown{1, 1, &log});
            tasks.run_one();
        },
        "cprime: the scheduling policy '.*NamesNobody' named nobody, although it was given 1");
}

class HandScheduled : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(HandScheduled);

TEST_P(HandScheduled, drives_scheduled_coroutines_beside_the_others) {
    run([] {
        std::atomic<int> steps{0};
        std::string log;
        HandScheduler<EarliestDeadlineFirst> tasks;
        for (int i = 0; i < 10; ++i) {
            const auto body = [&steps] {
                for (int n = 0; n < 3; ++n) {
                    suspend();
                    ++steps;
                }
            };
            auto handle = spawn("suspends itself", body);
            if (i % 2 == 0) {
                tasks.add(handle.view());
                handle.detach();
            } else {
                tasks.add(AnyCoroutine(std::move(handle)));
            }
        }
        tasks.add(Countdown{1, 5, &log});
        tasks.add(stackless(log, 's', 2));
        while (tasks.run_all() != 0)
            yield();
        EXPECT_EQ(steps, 30);
        EXPECT_EQ(log.size(), 8U);
    });
}

}  // namespace
}  // namespace cprime
