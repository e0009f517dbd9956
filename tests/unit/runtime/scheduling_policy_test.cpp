// A program's own order: what a policy is told, that its order is kept, and what becomes of one that does not keep its contract.
#include <cprime/blocking.h>
#include <cprime/channel.h>
#include <cprime/policies.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using std::chrono::steady_clock;

struct LastComeFirstServed {
    void ready(const ReadyCoroutine& coroutine) noexcept { stack.push_back(coroutine.id); }
    std::optional<ReadyId> next(unsigned) noexcept {
        const ReadyId id = stack.back();
        stack.pop_back();
        return id;
    }
    bool empty() const noexcept { return stack.empty(); }
    std::vector<ReadyId> stack;
};
static_assert(SchedulingPolicy<LastComeFirstServed>);
static_assert(SchedulingPolicy<RoundRobin> && SchedulingPolicy<ByScore> &&
              SchedulingPolicy<EarliestDeadlineFirst>);

struct MayThrow : LastComeFirstServed {
    void ready(const ReadyCoroutine& coroutine) { stack.push_back(coroutine.id); }
};
static_assert(!SchedulingPolicy<MayThrow>);
struct NamesByNumber : LastComeFirstServed {
    std::optional<std::uint64_t> next(unsigned) noexcept { return 1; }
};
static_assert(!SchedulingPolicy<NamesByNumber>);

// Keeps all that it is told; to be read when the Runtime is gone.
struct Told {
    std::vector<ReadyCoroutine> ready;
    std::vector<std::string> names;  // the texts end with the Runtime
    std::vector<unsigned> workers;
};
struct Recorder : RoundRobin {
    explicit Recorder(Told* told) : told_(told) {}
    void ready(const ReadyCoroutine& coroutine) noexcept {
        told_->ready.push_back(coroutine);
        told_->names.emplace_back(coroutine.name);
        RoundRobin::ready(coroutine);
    }
    std::optional<ReadyId> next(unsigned worker) noexcept {
        told_->workers.push_back(worker);
        return RoundRobin::next(worker);
    }
    Told* told_;
};

const ReadyCoroutine& told_of(const Told& told, const std::string& name, int time = 0) {
    for (std::size_t i = 0; i < told.names.size(); ++i) {
        if (told.names[i] == name && time-- == 0) return told.ready[i];
    }
    ADD_FAILURE() << "the policy was not told of " << name;
    return told.ready.front();
}

TEST(SchedulingPolicy, decides_who_runs_next) {
    std::string order;
    cprime::run({.workers = 1, .policy = make_policy<LastComeFirstServed>()}, [&order] {
        std::vector<JoinHandle<void>> all;
        for (const char name : {'a', 'b', 'c', 'd'})
            all.push_back(spawn([&order, name] { order += name; }));
        for (auto& one : all)
            one.join();
    });
    EXPECT_EQ(order, "dcba");
}

TEST(SchedulingPolicy, is_told_what_is_known_of_a_coroutine) {
    Told told;
    const auto until = steady_clock::now() + std::chrono::hours(1);
    const auto before = steady_clock::now();
    std::uint64_t id = 0;
    const unsigned line = __LINE__ + 4;
    cprime::run({.workers = 1, .policy = make_policy<Recorder>(&told)}, [&] {
        const SpawnOptions options = {
            .name = "first", .size_class = size_class::small, .priority = priority::high, .deadline = until};
        auto first = spawn(options, [&] {
            id = this_id();
            yield();
        });
        auto second = spawn("second", [] {});
        first.join();
        second.join();
    });
    const ReadyCoroutine& first = told_of(told, "first");
    EXPECT_EQ(first.id.id, id);
    EXPECT_EQ(first.priority, 1U);
    EXPECT_EQ(first.deadline, until);
    EXPECT_GE(first.stack_size, 1024U);
    EXPECT_GT(first.stack_used, 0U);
    EXPECT_LT(first.stack_used, first.stack_size);
    EXPECT_EQ(first.line, line);
    EXPECT_EQ(first.times_run, 0U);
    EXPECT_GE(first.ready_since, before);
    const ReadyCoroutine& again = told_of(told, "first", 1);
    EXPECT_EQ(again.id, first.id);
    EXPECT_EQ(again.times_run, 1U);
    EXPECT_GT(again.stack_used, first.stack_used) << "it stood deeper than at its beginning";
    EXPECT_GE(again.ready_since, first.ready_since);
    const ReadyCoroutine& second = told_of(told, "second");
    EXPECT_EQ(second.priority, 2U);
    EXPECT_EQ(second.deadline, steady_clock::time_point::max());
}

TEST(SchedulingPolicy, hears_of_a_deadline_that_a_coroutine_sets_itself) {
    std::string order;
    cprime::run({.workers = 1, .policy = make_policy<EarliestDeadlineFirst>()}, [&order] {
        const auto now = steady_clock::now();
        const auto work = [&order, now](char name, int deadline_ms, int later_ms) {
            return spawn({.deadline = now + std::chrono::milliseconds(deadline_ms)},
                         [&order, now, name, later_ms] {
                             order += name;
                             set_deadline(now + std::chrono::milliseconds(later_ms));
                             yield();
                             order += name;
                         });
        };
        JoinHandle<void> all[] = {work('a', 300, 10), work('b', 100, 600), work('c', 200, 500)};
        for (auto& one : all)
            one.join();
    });
    EXPECT_EQ(order, "bcaacb");
    set_deadline(steady_clock::now());  // outside coroutines: nothing happens
}

TEST(SchedulingPolicy, stays_out_of_what_is_bound_to_a_worker) {
    Told told;
    cprime::run({.workers = 2, .policy = make_policy<Recorder>(&told)}, [] {
        spawn({.name = "bound", .worker = 1}, [] { yield(); }).join();
        spawn("free", [] { yield(); }).join();
    });
    EXPECT_EQ(std::ranges::count(told.names, "bound"), 0);
    EXPECT_GE(std::ranges::count(told.names, "free"), 1);
}

TEST(SchedulingPolicy, and_bound_coroutines_take_turns) {
    cprime::run({.workers = 1, .policy = make_policy<RoundRobin>()}, [] {
        std::atomic<bool> free_ran{false}, bound_ran{false}, over{false};
        auto bound = spawn({.name = "bound", .worker = 0}, [&] {
            while (!free_ran)
                yield();
            bound_ran = true;
            while (!over)
                yield();
        });
        auto free = spawn("free", [&] {
            free_ran = true;
            while (!bound_ran)
                yield();
        });
        free.join();
        over = true;
        bound.join();
    });
}

TEST(SchedulingPolicy, serves_one_runtime_after_another) {
    const AnyPolicy policy = make_policy<LastComeFirstServed>();
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(
            cprime::run({.workers = 2, .policy = policy}, [] { return *spawn([] { return 7; }).join(); }), 7);
}

// --- every ready-made policy, with every number of workers

struct Case {
    const char* name;
    AnyPolicy (*make)();
    unsigned workers;
};
class EveryPolicy : public testing::TestWithParam<Case> {
protected:
    template <typename F>
    void run(F&& function) {
        Runtime runtime({.workers = GetParam().workers, .policy = GetParam().make()});
        runtime.run(std::forward<F>(function));
        EXPECT_EQ(detail::g_runtime->scheduler.alive(), 0U);
        EXPECT_EQ(detail::g_runtime->scheduler.policy()->length(), 0U);
    }
};

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const unsigned workers : {1U, 2U, 4U, 8U}) {
        cases.push_back({"RoundRobin", [] { return make_policy<RoundRobin>(); }, workers});
        cases.push_back({"ByScore", [] { return make_policy<ByScore>(64U); }, workers});
        cases.push_back(
            {"EarliestDeadlineFirst", [] { return make_policy<EarliestDeadlineFirst>(); }, workers});
        cases.push_back({"LastComeFirstServed", [] { return make_policy<LastComeFirstServed>(); }, workers});
    }
    return cases;
}
INSTANTIATE_TEST_SUITE_P(Policies, EveryPolicy, testing::ValuesIn(all_cases()), [](const auto& test) {
    return std::string(test.param.name) + "_" + std::to_string(test.param.workers);
});

// Every way of becoming ready: spawn, yield, a message, a timer, an exit that somebody joins, cancellation, another thread.
TEST_P(EveryPolicy, runs_whatever_becomes_ready_to_its_end) {
    constexpr int kPairs = kManyCoroutines / 1000 + 10;
    constexpr int kMessages = 50;
    std::atomic<int> received{0}, slept{0}, cancelled{0}, from_outside{0};
    run([&] {
        std::vector<JoinHandle<void>> all;
        for (int i = 0; i < kPairs; ++i) {
            auto channel = make_channel<int>("pair", i % 3);
            const auto of = static_cast<priority>(1 + i % 3);
            all.push_back(spawn({.name = "sender", .priority = of}, [to = std::move(channel.sender)] {
                for (int n = 0; n < kMessages; ++n) {
                    if (!to.send(n)) return;
                    if (n % 7 == 0) yield();
                }
            }));
            all.push_back(
                spawn({.name = "receiver", .deadline = steady_clock::now() + std::chrono::milliseconds(i)},
                      [&received, from = std::move(channel.receiver)] {
                          while (from.receive())
                              ++received;
                      }));
            all.push_back(spawn({.name = "sleeper", .size_class = size_class::small}, [&slept] {
                if (sleep_for(std::chrono::microseconds(200))) ++slept;
            }));
            auto waits = spawn("cancelled", [&cancelled] {
                if (!suspend()) ++cancelled;
            });
            waits.cancel();
            all.push_back(std::move(waits));
        }
        std::thread outside([&from_outside] {
            for (int i = 0; i < 20; ++i)
                spawn("outside", [&from_outside] { ++from_outside; }).join();
        });
        for (auto& one : all)
            one.join();
        blocking([&outside] { outside.join(); });
    });
    EXPECT_EQ(received, kPairs * kMessages);
    EXPECT_EQ(slept, kPairs);
    EXPECT_EQ(cancelled, kPairs);
    EXPECT_EQ(from_outside, 20);
}

TEST_P(EveryPolicy, lets_shutdown_end_everybody) {
    std::atomic<int> ended{0};
    run([&] {
        for (int i = 0; i < 100; ++i) {
            spawn_detached({.name = i % 2 == 0 ? "yields" : "waits"}, [&ended, i] {
                while (i % 2 == 0 ? yield() : suspend()) {
                }
                ++ended;
            });
        }
        shutdown();
    });
    EXPECT_EQ(ended, 100);
}

TEST(ReadyMadePolicies, keep_nobody_waiting_among_those_who_are_always_ready) {
    for (const AnyPolicy& policy : {make_policy<RoundRobin>(), make_policy<ByScore>(100U),
                                    make_policy<EarliestDeadlineFirst>(std::chrono::milliseconds(1))}) {
        cprime::run({.workers = 1, .policy = policy}, [] {
            std::atomic<bool> over{false};
            std::vector<JoinHandle<void>> greedy;
            for (int i = 0; i < 3; ++i) {
                greedy.push_back(spawn({.name = "greedy", .priority = priority::high}, [&over] {
                    while (!over) {
                        set_deadline(steady_clock::now());
                        yield();
                    }
                }));
            }
            spawn({.name = "modest", .priority = priority::low}, [&over] { over = true; }).join();
            for (auto& one : greedy)
                one.join();
        });
    }
}

// --- policies that do not keep their contract

struct NamesTwice : RoundRobin {
    std::optional<ReadyId> next(unsigned worker) noexcept {
        if (!last) last = RoundRobin::next(worker);
        return last;
    }
    std::optional<ReadyId> last;
};
struct NamesStrangers : RoundRobin {
    std::optional<ReadyId> next(unsigned) noexcept { return ReadyId{4711, 4'000'000'000U}; }
};
struct NamesNobody : RoundRobin {
    std::optional<ReadyId> next(unsigned) noexcept { return std::nullopt; }
};
struct SaysItIsEmpty : RoundRobin {
    bool empty() const noexcept { return true; }
};
struct SaysItIsNot : RoundRobin {
    void ready(const ReadyCoroutine& coroutine) noexcept {
        was_ready = true;
        RoundRobin::ready(coroutine);
    }
    bool empty() const noexcept { return !was_ready; }
    bool was_ready = false;
};

void run_under(const AnyPolicy& policy) {
    cprime::run({.workers = 1, .policy = policy}, [] {
        auto a = spawn([] {});
        auto b = spawn([] {});
        a.join();
        b.join();
    });
}

class BadPolicy : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(BadPolicy, that_names_somebody_twice_is_named_itself) {
    EXPECT_DEATH(run_under(make_policy<NamesTwice>()),
                 "cprime: the scheduling policy '.*NamesTwice' named coroutine [0-9]+, which it was not "
                 "given or has named already");
}

TEST_F(BadPolicy, that_names_a_stranger_is_named_itself) {
    EXPECT_DEATH(run_under(make_policy<NamesStrangers>()),
                 "NamesStrangers' named coroutine 4711, which it was not given");
}

TEST_F(BadPolicy, that_names_nobody_is_named_itself) {
    EXPECT_DEATH(run_under(make_policy<NamesNobody>()),
                 "NamesNobody' named nobody, although it was given 1 that it has not");
}

TEST_F(BadPolicy, that_loses_somebody_is_named_itself) {
    EXPECT_DEATH(run_under(make_policy<SaysItIsEmpty>()), "SaysItIsEmpty' says that it is empty, although");
}

TEST_F(BadPolicy, that_has_nobody_and_denies_it_is_named_itself) {
    EXPECT_DEATH(run_under(make_policy<SaysItIsNot>()), "SaysItIsNot' says that it is not empty, although");
}

TEST_F(BadPolicy, that_is_not_empty_at_the_start_is_named_itself) {
    EXPECT_EXIT(
        {
            LastComeFirstServed used;
            used.ready(ReadyCoroutine());
            run_under(make_policy<LastComeFirstServed>(used));
        },
        testing::ExitedWithCode(1), "LastComeFirstServed' was given to a Runtime although it is not empty");
}

}  // namespace
}  // namespace cprime
