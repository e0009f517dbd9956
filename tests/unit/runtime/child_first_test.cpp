// child_first: the child runs before its spawner goes on, and the spawner may go on elsewhere meanwhile.
#include <cprime/channel.h>

#include <atomic>
#include <string>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

class ChildFirst : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(ChildFirst);

constexpr SpawnOptions kFirst = {.child_first = true};

TEST(ChildFirstOrder, the_child_runs_before_its_spawner_goes_on) {
    std::string order;
    cprime::run({.workers = 1}, [&order] {
        auto child = spawn(kFirst, [&order] { order += 'c'; });
        order += 'p';
        child.join();
        auto later = spawn([&order] { order += 'l'; });
        order += 'p';
        later.join();
    });
    EXPECT_EQ(order, "cppl");
}

TEST(ChildFirstOrder, the_spawner_goes_on_when_the_child_waits_although_others_were_ready_before) {
    std::string order;
    cprime::run({.workers = 1}, [&order] {
        auto before = spawn([&order] { order += 'b'; });
        auto child = spawn(kFirst, [&order] {
            order += 'c';
            suspend();
            order += 'd';
        });
        order += 'p';
        before.join();
        while (!child.resume())
            yield();
        child.join();
    });
    EXPECT_EQ(order, "cpbd");
}

// Each node is visited before what was spawned after it: the order of the same program without coroutines.
void visit(int node, std::string& order) {
    order += static_cast<char>('0' + node);
    if (node >= 4) return;
    auto left = spawn([node, &order] { visit(2 * node, order); });
    auto right = spawn([node, &order] { visit(2 * node + 1, order); });
    left.join();
    right.join();
}

TEST(ChildFirstOrder, the_option_of_the_runtime_walks_a_tree_depth_first) {
    std::string order;
    cprime::run({.workers = 1, .child_first = true}, [&order] { visit(1, order); });
    EXPECT_EQ(order, "1245367");
    order.clear();
    cprime::run({.workers = 1}, [&order] { visit(1, order); });
    EXPECT_EQ(order, "1234567");
}

TEST(ChildFirstOrder, a_spawner_of_another_priority_or_with_a_policy_goes_on_itself) {
    std::string order;
    cprime::run({.workers = 1}, [&order] {
        spawn({.priority = priority::high}, [&order] {
            auto child = spawn(kFirst, [&order] { order += 'c'; });
            order += 'p';
            child.join();
        }).join();
        spawn({.worker = 0}, [&order] {
            auto child = spawn(kFirst, [&order] { order += 'c'; });
            order += 'q';
            child.join();
        }).join();
    });
    EXPECT_EQ(order, "pcqc");
}

TEST(ChildFirstOrder, somebody_steals_the_spawner_while_the_child_computes) {
    cprime::run({.workers = 2}, [] {
        std::atomic<bool> spawner_went_on{false};
        auto child = spawn(kFirst, [&spawner_went_on] {
            while (!spawner_went_on) {  // without a call: it never gives way to its spawner
            }
        });
        spawner_went_on = true;
        child.join();
    });
}

long sum_of(long from, long count) {
    if (count == 1) return from;
    auto left = spawn([from, count] { return sum_of(from, count / 2); });
    const long right = sum_of(from + count / 2, count - count / 2);
    return *left.join() + right;
}

TEST_P(ChildFirst, forks_and_joins_come_to_the_same_result) {
    const long count = kManyCoroutines / 20;
    Runtime runtime({.workers = GetParam(), .child_first = true});
    EXPECT_EQ(runtime.run([count] { return sum_of(1, count); }), count * (count + 1) / 2);
    EXPECT_EQ(detail::g_runtime->scheduler.alive(), 0U);
}

TEST_P(ChildFirst, a_chain_of_children_that_wait_lets_every_spawner_go_on) {
    run([] {
        auto channel = make_channel<int>("numbers");
        constexpr int kChildren = 500;
        std::vector<JoinHandle<void>> children;
        for (int i = 0; i < kChildren; ++i)
            children.push_back(spawn(kFirst, [to = channel.sender, i] { to.send(i); }));
        channel.sender.reset();
        long sum = 0;
        while (auto number = channel.receiver.receive())
            sum += *number;
        EXPECT_EQ(sum, kChildren * (kChildren - 1) / 2);
        for (auto& child : children)
            child.join();
    });
}

TEST_P(ChildFirst, a_cancelled_spawner_still_spawns_and_its_children_are_joined) {
    run([] {
        std::atomic<int> ran{0};
        auto spawner = spawn([&ran] {
            while (!cancel_requested())
                yield();
            for (int i = 0; i < 10; ++i)
                spawn(kFirst, [&ran] { ++ran; }).detach();
        });
        spawner.cancel();
        spawner.join();
        while (ran != 10)
            yield();
    });
}

}  // namespace
}  // namespace cprime
