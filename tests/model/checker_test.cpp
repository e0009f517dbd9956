// The checker itself: known small programs, with what may and what may not happen in them.
//
// Each forbidden outcome is beside the form of the program in which it is allowed, and must be found there: a checker that never
// fails proves nothing.
#include <gtest/gtest.h>

#include <bitset>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "model.h"
#include "runtime/scheduler/futex.h"

namespace model {
namespace {

namespace sync = cprime::detail::sync;
using Order = std::memory_order;
using Word = sync::atomic<std::uint32_t>;

// Two threads that each store and then load the other's word: whether both can miss the other.
struct StoreThenLoad {
    Word x{0}, y{0};
    std::uint32_t saw_x = 9, saw_y = 9;
};
Result store_then_load(Order store, Order load, const std::function<void()>& first_fence,
                       const std::function<void()>& second_fence) {
    return explore({}, [&](Program& program) {
        auto& words = program.make<StoreThenLoad>();
        program.thread([&] {
            words.x.store(1, store);
            first_fence();
            words.saw_y = words.y.load(load);
        });
        program.thread([&] {
            words.y.store(1, store);
            second_fence();
            words.saw_x = words.x.load(load);
        });
        program.finally([&] { check(words.saw_x == 1 || words.saw_y == 1, "both missed the other"); });
    });
}
void no_fence() {}
void full_fence() {
    sync::fence(Order::seq_cst);
}
void half_fence() {
    sync::fence(Order::acq_rel);
}
void light() {
    sync::light_fence();
}
void heavy() {
    sync::heavy_fence();
}

std::string kind(const Result& result) {
    return result.failure ? result.failure->kind : result.complete ? "passed" : "incomplete";
}

TEST(Checker, a_store_may_be_late_behind_a_later_load_unless_both_sides_have_a_full_fence) {
    EXPECT_EQ(kind(store_then_load(Order::release, Order::acquire, no_fence, no_fence)), "check");
    EXPECT_EQ(kind(store_then_load(Order::relaxed, Order::relaxed, full_fence, no_fence)), "check");
    EXPECT_EQ(kind(store_then_load(Order::relaxed, Order::relaxed, half_fence, half_fence)), "check");
    EXPECT_EQ(kind(store_then_load(Order::relaxed, Order::relaxed, full_fence, full_fence)), "passed");
    EXPECT_EQ(kind(store_then_load(Order::seq_cst, Order::seq_cst, no_fence, no_fence)), "passed");
    EXPECT_EQ(kind(store_then_load(Order::seq_cst, Order::acquire, no_fence, no_fence)), "check");
}

TEST(Checker, a_heavy_fence_makes_up_for_a_light_one_and_two_light_ones_order_nothing) {
    EXPECT_EQ(kind(store_then_load(Order::relaxed, Order::relaxed, light, heavy)), "passed");
    EXPECT_EQ(kind(store_then_load(Order::relaxed, Order::relaxed, light, light)), "check");
    EXPECT_EQ(kind(store_then_load(Order::relaxed, Order::relaxed, light, full_fence)), "check");
}

// A message behind a flag.
Result message(Order store, Order load) {
    struct Post {
        Plain<int> text{0};
        Word flag{0};
    };
    return explore({}, [=](Program& program) {
        auto& post = program.make<Post>();
        program.thread([&post, store] {
            post.text = 7;
            post.flag.store(1, store);
        });
        program.thread([&post, load] {
            if (post.flag.load(load) == 1) check(post.text == 7, "the message is missing");
        });
    });
}

TEST(Checker, plain_data_is_handed_on_by_release_and_acquire_and_by_nothing_weaker) {
    EXPECT_EQ(kind(message(Order::release, Order::acquire)), "passed");
    EXPECT_EQ(kind(message(Order::relaxed, Order::acquire)), "data race");
    EXPECT_EQ(kind(message(Order::release, Order::relaxed)), "data race");
}

TEST(Checker, fences_hand_plain_data_on_around_relaxed_operations) {
    struct Post {
        Plain<int> text{0};
        Word flag{0};
    };
    for (const bool fenced : {true, false}) {
        const Result result = explore({}, [=](Program& program) {
            auto& post = program.make<Post>();
            program.thread([&post] {
                post.text = 7;
                sync::fence(Order::release);
                post.flag.store(1, Order::relaxed);
            });
            program.thread([&post, fenced] {
                const bool there = post.flag.load(Order::relaxed) == 1;
                if (fenced) sync::fence(Order::acquire);
                if (there) check(post.text == 7, "the message is missing");
            });
        });
        EXPECT_EQ(kind(result), fenced ? "passed" : "data race") << result.report();
    }
}

TEST(Checker,
     a_read_modify_write_carries_on_what_was_released_and_a_later_plain_store_of_the_same_thread_does_not) {
    struct Post {
        Plain<int> text{0};
        Word flag{0};
    };
    for (const bool modifies : {true, false}) {
        const Result result = explore({}, [=](Program& program) {
            auto& post = program.make<Post>();
            program.thread([&post, modifies] {
                post.text = 7;
                post.flag.store(1, Order::release);
                if (modifies) {
                    post.flag.fetch_add(1U, Order::relaxed);
                } else {
                    post.flag.store(2, Order::relaxed);
                }
            });
            program.thread([&post] {
                if (post.flag.load(Order::acquire) == 2) check(post.text == 7, "the message is missing");
            });
        });
        EXPECT_EQ(kind(result), modifies ? "passed" : "data race") << result.report();
    }
}

TEST(Checker, two_relaxed_stores_may_be_seen_in_another_order_but_those_to_one_word_never) {
    const auto run = [](bool same_word) {
        return explore({}, [=](Program& program) {
            auto& words = program.make<StoreThenLoad>();
            Word& second = same_word ? words.x : words.y;
            program.thread([&] {
                words.x.store(1, Order::relaxed);
                second.store(2, Order::relaxed);
            });
            program.thread([&] {
                const std::uint32_t later = second.load(Order::relaxed);
                const std::uint32_t earlier = words.x.load(Order::relaxed);
                if (later == 2) check(earlier != 0, "the first store is missing");
            });
        });
    };
    EXPECT_EQ(kind(run(false)), "check");
    EXPECT_EQ(kind(run(true)), "passed");
}

TEST(Checker, every_outcome_of_two_increments_is_found_with_and_without_atomicity) {
    const auto outcomes = [](bool atomic, Options options) {
        unsigned found = 0;  // a bit an outcome
        const Result result = explore(options, [&](Program& program) {
            auto& word = program.make<Word>(0U);
            for (int i = 0; i < 3; ++i) {
                program.thread([&word, atomic] {
                    if (atomic) {
                        word.fetch_add(1U, Order::relaxed);
                    } else {
                        word.store(word.load(Order::relaxed) + 1, Order::relaxed);
                    }
                });
            }
            program.finally([&] { found |= 1U << word.load(Order::relaxed); });
        });
        EXPECT_TRUE(result.passed());
        return found;
    };
    EXPECT_EQ(outcomes(true, {}), 1U << 3);
    EXPECT_EQ(outcomes(false, {}), (1U << 1 | 1U << 2 | 1U << 3));
    // Without preemption and stale reads each runs from its beginning to its end.
    EXPECT_EQ(outcomes(false, {.preemptions = 0, .stale_reads = 0}), 1U << 3);
    EXPECT_EQ(outcomes(false, {.preemptions = 1, .stale_reads = 0}), (1U << 1 | 1U << 2 | 1U << 3));
}

// Programs made at random: up to three threads of three operations on two words.
struct RandomOperation {
    std::uint64_t kind, word, order, value;
};
using RandomProgram = std::vector<std::vector<RandomOperation>>;

RandomProgram random_program(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    RandomProgram made(2 + random() % 2);
    for (std::vector<RandomOperation>& thread : made)
        for (int i = 0; i < 3; ++i)
            thread.push_back({random() % 8, random() % 2, random() % 3, 1 + random() % 2});
    return made;
}

// Carries out one; what was read goes into `seen`.
void execute(const RandomOperation& operation, Word* words, std::uint64_t& seen) {
    static constexpr Order kLoads[] = {Order::relaxed, Order::acquire, Order::seq_cst};
    static constexpr Order kStores[] = {Order::relaxed, Order::release, Order::seq_cst};
    Word& word = words[operation.word];
    const auto value = static_cast<std::uint32_t>(operation.value);
    std::uint32_t read = 0;
    switch (operation.kind) {
        case 0:
        case 1:
        case 2:
            read = word.load(kLoads[operation.order]);
            break;
        case 3:
        case 4:
            word.store(value, kStores[operation.order]);
            break;
        case 5:
            read = word.fetch_add(value, kStores[operation.order]);
            break;
        case 6:
            if (!word.compare_exchange_strong(read, value, kStores[operation.order], Order::relaxed))
                read += 5;
            break;
        default:
            sync::fence(operation.order == 0 ? Order::acq_rel : Order::seq_cst);
    }
    seen = (seen ^ read) * 0x9e37'79b9'7f4a'7c15ULL;
}

// Which outcomes there are, as a set of hashes.
using Outcomes = std::bitset<1 << 14>;
Outcomes outcomes(const RandomProgram& shape, Options options, Result& result) {
    Outcomes found;
    struct World {
        Word words[2] = {0, 0};
        std::uint64_t seen[3] = {};
    };
    result = explore(options, [&](Program& program) {
        auto& world = program.make<World>();
        for (std::size_t i = 0; i < shape.size(); ++i) {
            program.thread([&world, &shape, i] {
                for (const RandomOperation& operation : shape[i])
                    execute(operation, world.words, world.seen[i]);
            });
        }
        program.finally([&] {
            std::uint64_t all = 1;
            for (const Word& word : world.words)
                all = (all ^ word.load(Order::relaxed)) * 0x9e37'79b9'7f4a'7c15ULL;
            for (const std::uint64_t seen : world.seen)
                all = (all ^ (seen >> 7)) * 0x9e37'79b9'7f4a'7c15ULL;
            found.set(all >> 50);
        });
    });
    return found;
}

TEST(Checker, sleep_sets_leave_out_no_outcome) {
    std::uint64_t executions = 0, executions_without = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Result with, without;
        const RandomProgram shape = random_program(seed);
        const Outcomes found = outcomes(shape, {}, with);
        // A bound that nothing reaches: no sleep sets.
        ASSERT_TRUE(found == outcomes(shape, {.preemptions = 1'000}, without)) << "seed " << seed;
        ASSERT_TRUE(with.passed() && without.passed());
        executions += with.executions;
        executions_without += without.executions;
    }
    EXPECT_LT(executions * 2, executions_without);
}

TEST(Checker, a_sleeper_whose_wake_comes_before_its_sleep_is_a_deadlock_unless_the_word_tells) {
    const auto run = [](bool tells) {
        return explore({}, [=](Program& program) {
            auto& word = program.make<Word>(0U);
            program.thread([&word] { sync::futex_wait(word, 0); });
            program.thread([&word, tells] {
                if (tells) word.store(1, Order::relaxed);
                sync::futex_wake(word, 1);
            });
        });
    };
    EXPECT_EQ(kind(run(true)), "passed");
    EXPECT_EQ(kind(run(false)), "deadlock");
}

TEST(Checker, a_wait_for_a_store_ends_when_it_comes_and_is_a_deadlock_when_it_never_does) {
    const auto run = [](bool comes) {
        return explore({}, [=](Program& program) {
            auto& word = program.make<Word>(0U);
            program.thread([&word] {
                while (word.load(Order::relaxed) == 0)
                    sync::pause();
            });
            program.thread([&word, comes] { word.store(comes ? 1 : 0, Order::relaxed); });
        });
    };
    EXPECT_EQ(kind(run(true)), "passed");
    EXPECT_EQ(kind(run(false)), "deadlock");
}

TEST(Checker, two_that_undo_each_other_for_ever_are_a_livelock) {
    const Result result = explore({}, [](Program& program) {
        auto& word = program.make<Word>(0U);
        for (const std::uint32_t mine : {1U, 2U}) {
            program.thread([&word, mine] {
                do {
                    word.exchange(mine, Order::relaxed);
                    sync::pause();
                } while (word.load(Order::relaxed) == mine);
                while (word.exchange(mine, Order::relaxed) != 3)
                    sync::pause();
            });
        }
    });
    EXPECT_EQ(kind(result), "livelock") << result.report();
}

TEST(Checker, memory_that_is_freed_while_another_thread_uses_it_is_found) {
    const Result result = explore({}, [](Program& program) {
        auto& word = program.make<sync::atomic<Word*>>(nullptr);
        word.store(new Word(3), Order::release);
        program.thread([&word] { word.load(Order::acquire)->load(Order::relaxed); });
        program.thread([&word] { delete word.load(Order::acquire); });
    });
    EXPECT_EQ(kind(result), "use after free") << result.report();
}

TEST(Checker, an_atomic_that_is_reached_before_its_construction_is_published_is_a_race) {
    const auto run = [](Order publish) {
        return explore({}, [=](Program& program) {
            auto& word = program.make<sync::atomic<Word*>>(nullptr);
            program.thread([&word, publish] { word.store(new Word(3), publish); });
            program.thread([&word] {
                Word* const there = word.load(Order::acquire);
                if (there != nullptr) check(there->load(Order::relaxed) == 3, "not constructed");
            });
        });
    };
    EXPECT_EQ(kind(run(Order::release)), "passed");
    EXPECT_EQ(kind(run(Order::relaxed)), "data race");
}

TEST(Checker, a_program_that_throws_fails_and_one_that_differs_between_executions_is_refused) {
    EXPECT_EQ(kind(explore({}, [](Program& program) { program.thread([] { throw std::string("thrown"); }); })),
              "exception");
    int runs = 0;
    const Result result = explore({}, [&](Program& program) {
        auto& word = program.make<Word>(0U);
        const bool odd = ++runs % 2 != 0;
        program.thread([&word] { word.store(1, Order::relaxed); });
        program.thread([&word] { word.load(Order::relaxed); });
        if (odd) program.thread([&word] { word.load(Order::relaxed); });
    });
    EXPECT_EQ(kind(result), "broken model");
}

TEST(Checker, a_field_for_viewers_is_a_race_where_nothing_orders_its_uses) {
    const auto run = [](Order publish) {
        struct Record {
            Guarded<int> shown{0};
            Word word{0};
        };
        return explore({}, [=](Program& program) {
            auto& record = program.make<Record>();
            program.thread([&record, publish] {
                record.shown.store(1, Order::relaxed);
                record.word.store(1, publish);
            });
            program.thread([&record] {
                if (record.word.load(Order::acquire) == 1)
                    check(record.shown.load(Order::relaxed) == 1, "not seen");
            });
        });
    };
    EXPECT_EQ(kind(run(Order::release)), "passed");
    EXPECT_EQ(kind(run(Order::relaxed)), "data race");
}

TEST(Checker, steps_that_nobody_else_can_see_are_no_choices) {
    const auto executions = [](int own_steps) {
        const Result result = explore({.preemptions = 2}, [=](Program& program) {
            auto& shared = program.make<Word>(0U);
            for (int i = 0; i < 2; ++i) {
                program.thread([&shared, own_steps] {
                    Word own{0};
                    for (int step = 0; step < own_steps; ++step)
                        own.fetch_add(1, Order::relaxed);
                    shared.fetch_add(1, Order::relaxed);
                });
            }
        });
        EXPECT_TRUE(result.passed()) << result.report();
        return result.executions;
    };
    EXPECT_EQ(executions(9), executions(1));
}

TEST(Checker, an_atomic_that_is_older_than_the_execution_begins_each_with_its_first_value) {
    static constinit Word word{7};
    const Result result = explore({}, [](Program& program) {
        for (int i = 0; i < 2; ++i)
            program.thread([] { word.fetch_add(1, Order::relaxed); });
        program.finally([] { check(word.load(Order::relaxed) == 9, "what an earlier execution left"); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
    EXPECT_GE(result.executions, 2U);
}

TEST(Checker, a_failure_tells_the_steps_that_led_to_it) {
    const Result result = message(Order::relaxed, Order::acquire);
    ASSERT_TRUE(result.failure);
    EXPECT_NE(result.failure->trace.find("thread 1  store a0 := 1 relaxed"), std::string::npos)
        << result.report();
    EXPECT_NE(result.failure->trace.find("thread 2  load a0 = 1 acquire"), std::string::npos)
        << result.report();
    EXPECT_NE(result.failure->trace.find("checker_test.cpp"), std::string::npos) << result.report();
}

}  // namespace
}  // namespace model
