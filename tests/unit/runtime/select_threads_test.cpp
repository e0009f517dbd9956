// Threads that are no workers, selecting: they block where a coroutine parks, and are let go when nothing can fire any more.
#include "select_fixture.h"

#include <array>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cprime::test {
namespace {

using std::chrono::steady_clock;
using SelectingThreads = Selects;
INSTANTIATE_TEST_SUITE_P(workers, SelectingThreads, testing::Values(1U, 2U, 4U, 8U));

TEST_P(SelectingThreads, do_what_is_ready_and_answer_what_is_not) {
    Channel<int> there("there", 1), silent("silent"), closed("closed");
    closed.close();
    int item = -1;
    EXPECT_EQ(select(on_receive(silent, item), on_send(there, 5)).arm, 1);
    EXPECT_EQ(select(on_receive(silent, item), on_receive(there, item)).arm, 1);
    EXPECT_EQ(item, 5);
    EXPECT_EQ(select(on_receive(silent, item), otherwise()).status, Status::would_block);
    EXPECT_EQ(select(on_receive(silent, item), on_timeout(0ms)).status, Status::timed_out);
    const auto before = steady_clock::now();
    EXPECT_EQ(select(on_receive(silent, item), on_send(silent, 1), on_timeout(5ms)).arm, 2);
    EXPECT_GE(steady_clock::now() - before, 5ms);
    const Selected fired = select(on_receive(silent, item), on_receive(closed, item));
    EXPECT_EQ(fired.arm, 1);
    EXPECT_EQ(fired.status, Status::closed);
    expect_empty_wait_lists();
    expect_all_arms_given_back();
}

TEST_P(SelectingThreads, exchange_items_with_selecting_coroutines) {
    constexpr int kItems = 200;
    for (const std::uint32_t capacity : {0U, 1U}) {
        Channel<std::string> questions("questions", capacity), answers("answers", capacity);
        Channel<int> silent("silent");
        std::thread outside([=] {
            int nothing = 0;
            for (int i = 0; i < kItems; ++i) {
                std::string answer;
                EXPECT_EQ(select(on_send(questions, std::to_string(i)), on_receive(silent, nothing)).arm, 0);
                EXPECT_EQ(select(on_receive(silent, nothing), on_receive(answers, answer)).arm, 1);
                EXPECT_EQ(answer, std::to_string(i) + "!");
            }
        });
        run([=] {
            int nothing = 0;
            for (int i = 0; i < kItems; ++i) {
                std::string question;
                EXPECT_EQ(select(on_receive(silent, nothing), on_receive(questions, question)).arm, 1);
                EXPECT_EQ(select(on_send(answers, question + "!"), on_receive(silent, nothing)).arm, 0);
            }
        });
        outside.join();
        expect_all_arms_given_back();
    }
}

TEST_P(SelectingThreads, are_told_cancelled_where_nothing_could_ever_fire) {
    Receiver<int> nothing;
    Sender<int> nowhere;
    int item = 0;
    const Selected fired = select(on_receive(nothing, item), on_send(nowhere, 1));
    EXPECT_EQ(fired.arm, kNoArm);
    EXPECT_EQ(fired.status, Status::cancelled);
    const Selected timed = select(on_receive(nothing, item), on_timeout(1ms), on_send(nowhere, 1));
    EXPECT_EQ(timed.arm, 1);
    EXPECT_EQ(timed.status, Status::timed_out);
    EXPECT_EQ(select(on_timeout(1ms)).status, Status::timed_out);
    expect_all_arms_given_back();
}

// Reads what a viewer sees: that so many threads stand on arms of the channel.
std::uint32_t arms_on(std::uint32_t channel) {
    std::uint32_t count = 0;
    for (std::uint32_t arm = 0; arm < records_used(coroscope::wire::SectionKind::kSelectArms); ++arm)
        count += detail::g_arms.record(arm).channel.load() == channel;
    return count;
}

TEST(SelectingThreadsAtTheEnd, are_let_go_when_the_runtime_ends) {
    for (int round = 0; round < 50; ++round) {
        std::vector<std::thread> outside;
        std::array<Sender<int>, 2> keep_them_open;
        {
            Runtime runtime({.workers = 2});
            Channel<int> never("never"), neither("neither");
            keep_them_open = {never.sender(), neither.sender()};
            for (const bool selects : {true, false, true, false}) {
                outside.emplace_back([in = never.receiver(), also = neither.receiver(), selects]() mutable {
                    int item = 0;
                    if (selects) {
                        const Selected fired = select(on_receive(also, item), on_receive(in, item),
                                                      on_timeout(1h));
                        EXPECT_EQ(fired.status, Status::cancelled);
                        EXPECT_EQ(fired.arm, kNoArm) << "nothing has fired";
                    } else {
                        EXPECT_EQ(in.receive_for(1h).status(), Status::cancelled);
                    }
                });
            }
            while (arms_on(0) != 4)
                std::this_thread::yield();
        }
        for (auto& thread : outside)
            thread.join();
    }
}

// A time limit is no reason to need the runtime when it is over.
TEST(SelectingThreadsAtTheEnd, may_wait_for_a_timeout_alone_while_the_runtime_ends) {
    std::thread outside;
    {
        Runtime runtime({.workers = 1});
        std::atomic<bool> begun{false};
        outside = std::thread([&begun] {
            Receiver<int> nothing;
            int item = 0;
            begun = true;
            const Selected fired = select(on_receive(nothing, item), on_timeout(100ms));
            EXPECT_EQ(fired.arm, 1);
        });
        while (!begun)
            std::this_thread::yield();
        std::this_thread::sleep_for(20ms);
    }
    outside.join();
}

}  // namespace
}  // namespace cprime::test
